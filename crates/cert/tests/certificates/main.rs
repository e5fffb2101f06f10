//! Certificates made by rcgen and the openssl command, judged by `openssl`, webpki and hand-written expectations.
//!
//! Needs `/usr/bin/openssl` and the Debian package ca-certificates; the project's test script installs both.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod crl;
mod facts;
mod hostile;
mod identity;
mod legacy;
mod openssl;
mod path;
mod pki;
