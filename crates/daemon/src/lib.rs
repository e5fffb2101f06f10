//! The daemon: keeps visiting targets, keeps what was seen last of each, and shows it.
//!
//! ```text
//!            ┌────────── Load (start, SIGHUP, POST, a change) ──────────┐
//!            ▼                                                          │
//!  Schedule ──► visits (own slot each) ──► Visitor ──► Judge ──► Fleet ─┴─► /metrics, /api/v1/reports, status page
//! ```
//!
//! - The schedule gives each target a slot of its own; a slow or hostile target costs its own slot only, and no
//!   target is ever visited twice at once.
//! - The fleet holds the last observation and judgement of each target at each address, its counters and its last changes.
//!   What changed also goes to the journal, when there is one; no visit waits for its disk.
//! - Surveys take the place of visits: soon after the first one, once in each `survey_interval`, and when the identity
//!   changes. What a survey found stays with the target until the next; a difference is shown once two surveys agree.
//! - A visit that the visitor postpones, to leave an address in peace, changes nothing but a counter: what was seen last
//!   stays. What does not wait for a visit, such as maintenance windows, is looked at when it is asked for.
//! - One [`Shard`] of several watches its part of the targets, and the load balancers that their deadline needs.
//! - A reload that fails changes nothing but a metric; one that succeeds leaves unchanged targets their state.
//! - A [`Supervisor`] is told when it is ready, that it is alive while schedule and listeners answer, and when it stops.
//! - The web side answers from that state, to whom the web configuration lets in. Only `/probe` makes a visit: to a configured
//!   target, or confined to the networks and ports that the configuration allows.
//!
//! What it does itself is bounded: visits at once, connections, header size and time, time without progress. A panic in
//! a visit is logged and counted as reason `internal`. It starts no process and reads no file but through [`Load`].
//!
//! ```no_run
//! use siptls_daemon::{Load, Options, Visitor};
//! # async fn example(load: Load, visitor: impl Visitor) -> Result<(), siptls_daemon::DaemonError> {
//! let shutdown = async {
//!     let _ = tokio::signal::ctrl_c().await;
//! };
//! siptls_daemon::run(Options::default(), load, visitor, shutdown).await
//! # }
//! ```

mod chronicle;
mod evidence;
mod fleet;
mod http;
mod member;
mod options;
mod reload;
mod run;
mod schedule;
mod shard;
mod supervisor;
mod surveys;
mod visitor;
mod watch;
mod web;
mod work;

pub use http::TlsError;
pub use options::{DEFAULT_LISTEN, DaemonError, Load, LoadWeb, OnListening, Options};
pub use run::run;
pub use schedule::{Schedule, SlotId, Turn};
pub use shard::{Shard, ShardError};
pub use siptls_probe_engine::{Errand, Standing};
pub use supervisor::Supervisor;
pub use visitor::Visitor;
pub use web::{WebError, check_web};
