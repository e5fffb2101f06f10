//! The lab's servers against the probing client, against OpenSSL, and against themselves.
//!
//! Needs `/usr/bin/openssl`; the project's test script installs it.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod endpoints;
mod hostile;
mod matrix;
mod openssl;
mod refusals;
mod replay;
mod support;
