//! What changed at each target and address, when, and what it looked like before: compared in memory, kept in SQLite.
//!
//! ```text
//!  Observation + Judgement ──► History (in memory) ──► Record ──► queue ──► writer thread ──► SQLite file
//!                               │ what is known,          bounded               │ batches, retention, repair
//!                               │ last changes                                  ▼
//!                               ▲                                            Reader (read-only, any process)
//!                               └──────────── Known, at the start ──────────────┘
//! ```
//!
//! - [`History`] is pure: it compares what a visit saw with what was known and says what to keep. A visit that saw nothing
//!   new costs microseconds and no write, but for one record in an hour.
//! - [`Journal`] owns the one thread that writes. Whoever hands it records never waits for a disk: when the queue is full
//!   or the disk is, history is lost and counted ([`Numbers`]), and the thread recovers by itself.
//! - [`Reader`] reads the file on a connection of its own, also while a daemon writes it.
//!
//! It visits nothing, judges nothing and reads the clock only to name a file that it moves aside. `docs/journal.md`
//! documents tables and columns, which are public.
//!
//! ```
//! use siptls_journal::{History, Known};
//! use siptls_model::{Aspect, Judgement, Observation, Target, Verdict};
//! use std::sync::Arc;
//!
//! let target = Arc::new(Target::new("acme", "192.0.2.7".parse().unwrap(), "genesys-byoc-customer"));
//! let visit = |verdict| {
//!     let seen = Observation::blank(&target, Some("192.0.2.7:5061".parse().unwrap()), "2027-03-15T06:00:00Z".parse().unwrap());
//!     let judged = Judgement::blank(seen.started_at, verdict);
//!     [(seen, judged)]
//! };
//! let mut history = History::new("acme", Known::default());
//! history.take(&visit(Verdict::Pass), "2027-03-15T06:00:00Z".parse().unwrap());
//! assert!(history.changes().next().is_none(), "the first sight is no change");
//! history.take(&visit(Verdict::Fail), "2027-03-15T06:01:00Z".parse().unwrap());
//! let change = history.changes().next().unwrap();
//! assert_eq!(change.aspect, Aspect::Verdict);
//! assert_eq!(change.differences()[0].to_string(), "verdict: pass -> fail");
//! ```

mod change;
mod compare;
mod error;
mod history;
mod journal;
mod reader;
mod schema;
mod seen;
mod store;

pub use change::{Change, Cursor, Difference, Page, Query, SCHEMA};
pub use error::JournalError;
pub use history::{FLAPPING, History, Known, KnownState, MAX_KEPT_CHANGES, Record, Sighting};
pub use journal::{Journal, Numbers, Settings};
pub use reader::Reader;
