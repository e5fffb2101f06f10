//! Tests of the crate from outside: recorded flights of real servers, lying lengths, the order of
//! messages, limits, properties, and a second parser as an oracle.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "test code may panic"
)]

mod corpus;
mod dissect;
mod fixtures;
mod lies;
mod limits;
mod oracle;
mod order;
mod properties;
mod support;
