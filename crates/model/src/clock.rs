//! The one place where the wall clock is read.

/// The current time, UTC.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the wall clock is read"
)]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
