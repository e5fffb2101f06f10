//! Outbound visits to SIP TLS endpoints: the only crate with outbound sockets.
//!
//! ```text
//!  Target ─► resolve ─► each address: connect ─► TLS (siptls-tls12) ─► OPTIONS (sip) ─► close
//!                                        └──────────── Observation ◄───────────────┘
//! ```
//!
//! [`Prober::visit`] goes to every address of a target, one after the other, with **one** TCP
//! connection each (a second one where the peer ended the first without an alert after an empty certificate), and says what it saw as [`Observation`](siptls_model::Observation)s: also, and
//! above all, when something went wrong. It never fails, never panics on what a peer sends, and is
//! bounded in time by one absolute deadline for each address and in memory by named limits.
//!
//! An [`Errand`] may carry client identities. At depth routine and survey the visit is then followed by a rehearsal, one
//! further connection for each identity, when the endpoint asks for a certificate.
//!
//! A confined errand goes where [`Destinations`](siptls_model::Destinations) allow alone: each resolved address is held against
//! them, and again when it is connected to.
//!
//! Visits to one address take turns: there is never more than one connection to it at a time, whatever targets share it.
//! Waiting for a turn is charged to no target's deadline. Every attempt to connect is counted, and a visit is postponed whose
//! target has used up its budget of connections to the address, or whose address has refused a few visits in a row.
//!
//! A survey ends with one connection by rustls, the reference client: a second opinion.
//!
//! [`CrlStore`] fetches, keeps and asks the revocation lists of the chains that were seen, on a clock of its own.
//!
//! What it does not do: judge, reuse a connection, or retry: where one end may be a glitch or a refusal it asks again, once. [`sip`] is its sans-I/O SIP part.

mod account;
mod chains;
mod classify;
mod confines;
mod connection;
mod crl;
mod errand;
mod facts;
mod reference;
mod rehearsing;
mod repeating;
mod resolve;
mod resolver;
pub mod sip;
pub mod survey;
mod surveying;
mod turns;
mod visit;

pub use account::Standing;
pub use crl::{CrlStore, FETCH_LIMIT, Fetch, FetchFault, Fetched, HttpFetch, MAX_BODY, Validators};
pub use errand::Errand;
pub use reference::CLIENT as REFERENCE_CLIENT;
pub use resolve::{MAX_ADDRESSES, MAX_SRV_RECORDS};
pub use siptls_tls12::{Identity, NamedIdentity};
pub use surveying::SURVEY_TIMEOUTS;
pub use visit::{CLOSE_GRACE, IDLE_LIMIT, Prober, ProberOptions, SPACING};
