//! YAML configuration to a checked [`Plan`], with every fault at once.
//!
//! ```text
//!  siptls-probe.yaml ──► located tree ──► walk by the table of keys ──► Plan
//!    │ profile_files ──► catalog's reader ─────────┤                     │
//!    │ target_files  ──► located tree ──► walk ────┤                     └─► effective_yaml
//!    │ trust_anchors ──► root sets ────────────────┤
//!    └ client_identities ──► certificates, keys ───┤
//!                                                  └──► Faults: file, line, column, key path, expected, found, hint
//! ```
//!
//! A deserializer stops at the first thing that is wrong and has forgotten its place when names are looked up. So the text
//! is read into a tree in which every key and value knows its line and column, by the event parser on which serde-saphyr
//! stands, and walked by hand: unknown keys, wrong values, missing files and names used twice in different files come out
//! in one run. `docs/decisions/0003-configuration-by-located-tree.md` compares the ways.
//!
//! Values stay the text that was written: `1.10`, `007`, `no` and `on` are themselves. Anchors, aliases and merge keys
//! (`<<: *defaults`) work; a fault in an anchored value is reported where it is defined.
//!
//! **Prometheus file_sd lists** in `target_files`, YAML or JSON: each endpoint becomes a target whose name is the endpoint as
//! written. Labels become the target's labels, except those that begin with `__`: `__param_module` is the profile, as it
//! is in a scrape of `/probe`; `__siptls_KEY` sets a key of the target, such as `__siptls_timeout`, and wins over it; the
//! others are dropped, as Prometheus does.
//!
//! It opens no socket, looks up no name in the DNS, and does not watch files: [`Sources`] says what to watch and whether it
//! has changed.
//! Private keys are in memory as an identity alone: what was read of their files is wiped, and nothing shows it.
//! A message repeats no more of a file than the one value that is wrong, escaped and cut.
//!
//! ```
//! use std::path::Path;
//!
//! let text = "
//! probe: {interval: 30s}
//! targets:
//!   - {name: acme-sbc-1, endpoint: 'sips:sbc1.acme.example', labels: {site: fra}}
//!   - {name: acme-sbc-2, endpoint: 'sbc2.acme.example:5071', timeout: 3s}
//! ";
//! let plan = siptls_config::load_str(text, Path::new("siptls-probe.yaml"), Path::new("")).unwrap();
//! assert_eq!(plan.targets.len(), 2);
//! assert_eq!(plan.target("acme-sbc-2").unwrap().target.endpoint.to_string(), "sips:sbc2.acme.example:5071");
//!
//! let text = text.replace("timeout: 3s", "timeout: 3").replace("interval", "intervall");
//! let faults = siptls_config::load_str(&text, Path::new("siptls-probe.yaml"), Path::new("")).unwrap_err();
//! assert_eq!(
//!     faults.to_string(),
//!     "siptls-probe.yaml:2:9: probe.intervall: expected a known key, found `intervall`\n  \
//!        hint: did you mean `interval`?\n\
//!      siptls-probe.yaml:5:69: targets[acme-sbc-2].timeout: expected a duration with its unit, found `3`\n  \
//!        hint: write the unit: `3s`"
//! );
//! ```

mod anchors;
mod duration;
mod fault;
mod identities;
mod journal;
mod keys;
mod listed;
mod load;
mod node;
mod options;
mod pem;
mod plan;
mod size;
mod source;
mod sources;
mod target;
mod web;

pub use fault::{Fault, Faults, MAX_FAULTS_SHOWN};
pub use identities::MAX_IDENTITIES;
pub use journal::JournalSettings;
pub use keys::{KEYS, Key, RESERVED_LABELS};
pub use load::{MAX_TARGETS, load, load_str, load_web};
pub use options::{TargetOptions, target_from_options};
pub use plan::{Plan, PlannedTarget, ProbeSettings, SurveyInterval};
pub use source::{MAX_FILE_BYTES, MAX_FILES};
pub use sources::Sources;
pub use web::{
    MAX_COST, MAX_USERS, PasswordHash, WebClientAuth, WebConfig, WebHeader, WebKey, WebRateLimit, WebTls,
    WebTlsVersion,
};
