//! Every metric name, type, help, label and bucket of the program, and the text that carries them.
//!
//! ```text
//!  Observation + Judgement ──► Series (one per target and address) ─┬─► Exposition ──► text 0.0.4, in chunks
//!  what holds at the scrape ──► Moment ─────────────────────────────┘
//!  the daemon's own counters ──► Own (the `prometheus` crate) ────────► text 0.0.4
//! ```
//!
//! - [`families`] is the one table of names; [`reference_markdown`] prints it for the handbook.
//! - [`Series`] holds what one address has to show, small and ready to print: label texts are escaped once per visit,
//!   not once per scrape. No object exists per sample.
//! - [`Moment`] holds what does not wait for the next visit: budget, pause, maintenance.
//! - [`Exposition`] writes the series of any number of addresses, grouped by family, one chunk at a time.
//! - [`Own`] holds the metrics of the daemon itself, [`JournalNumbers`] those of its journal.
//!
//! What is not known is absent, never made up, and a series vanishes with its subject. Text from peers is escaped
//! and cut to [`MAX_LABEL_CHARS`]. This crate opens nothing, reads no clock and never fails on a peer's data.
//!
//! ```
//! use siptls_metrics::{Kind, families};
//!
//! let verdict = families().iter().find(|family| family.name == "siptls_verdict").unwrap();
//! assert_eq!(verdict.kind, Kind::Gauge);
//! assert_eq!(verdict.labels, ["verdict"]);
//! ```

mod exposition;
mod facts;
mod family;
mod journal;
mod label;
mod moment;
mod own;
mod probe;
mod reference;
mod series;
mod tally;
mod text;

pub use exposition::{Exposition, render};
pub use family::{Family, Kind, Scope, families};
pub use journal::JournalNumbers;
pub use label::{MAX_LABEL_CHARS, Subject, is_reserved_label, reserved_labels};
pub use moment::Moment;
pub use own::{InFlight, Own, OwnError, Refusal};
pub use probe::{ProbeResult, probe_answer};
pub use reference::reference_markdown;
pub use series::{MAX_SERIES_PER_TARGET, Series, Shown, fit};
pub use tally::{PHASE_BUCKETS_MILLIS, Tally};

/// The media type of the exposition, for the `Content-Type` header.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
