//! Outbound visits to SIP TLS endpoints: the only crate with outbound sockets.
//!
//! ```text
//!  Target ─► resolve ─► each address: connect ─► TLS (siptls-tls12) ─► OPTIONS (sip) ─► close
//!                                        └──────────── Observation ◄───────────────┘
//! ```
//!
//! [`Prober::visit`] goes to every address of a target, one after the other, with **one** TCP
//! connection each, and says what it saw as [`Observation`](siptls_model::Observation)s: also, and
//! above all, when something went wrong. It never fails, never panics on what a peer sends, and is
//! bounded in time by one absolute deadline for each address and in memory by named limits.
//!
//! Visits to one address take turns: there is never more than one connection to it at a time, whatever targets share it.
//! Waiting for a turn is charged to no target's deadline.
//!
//! [`CrlStore`] fetches, keeps and asks the revocation lists of the chains that were seen, on a clock of its own.
//!
//! What it does not do: judge, retry, or reuse a connection. [`sip`] is its sans-I/O SIP part.

mod chains;
mod classify;
mod connection;
mod crl;
mod errand;
mod facts;
mod resolve;
pub mod sip;
pub mod survey;
mod surveying;
mod turns;
mod visit;

pub use crl::{CrlStore, FETCH_LIMIT, Fetch, FetchFault, Fetched, HttpFetch, MAX_BODY, Validators};
pub use errand::Errand;
pub use resolve::MAX_ADDRESSES;
pub use surveying::SURVEY_TIMEOUTS;
pub use visit::{CLOSE_GRACE, IDLE_LIMIT, Prober, ProberOptions, SPACING};
