//! The shared vocabulary of the program, and nothing that acts.
//!
//! ```text
//!  Target ──► (a visit) ──► Observation ──► (a judgement) ──► Finding, Verdict ──► Report
//! ```
//!
//! - [`Target`]: an endpoint with a name, a profile and labels.
//! - [`Observation`]: what one visit to one address saw; facts without opinion.
//! - [`Finding`]: one check's result on an observation; [`Verdict`] sums the findings up.
//! - [`Report`]: the public document of schema `siptls-probe/report/v1`.
//!
//! This crate opens no sockets, reads no files and holds no rules. It reads the clock in one
//! place, [`clock`], so that every other crate takes the time as an argument.
//!
//! ```
//! use siptls_model::{Endpoint, Reason, Who};
//!
//! let endpoint: Endpoint = "sips:sbc.example.test".parse().unwrap();
//! assert_eq!(endpoint.port_or_default(), 5061);
//! assert_eq!(Reason::ConnectionRefused.who(), Who::Peer);
//! ```

mod aspect;
pub mod clock;
mod command;
mod escape;
mod fetch;
mod finding;
mod maintenance;
mod observation;
mod outcome;
mod reference;
mod rehearsal;
mod removal;
mod report;
mod sentence;
mod survey;
mod target;

pub use aspect::Aspect;
pub use command::{check_command, openssl_command, shell_word};
pub use escape::{escape_text, escape_text_bounded};
pub use fetch::{Destinations, FetchResult, RevocationSettings, parse_network};
pub use finding::{
    CertificateRevocation, ChainJudgement, CheckId, Finding, Judgement, Opinion, Revocation,
    RevocationStatus, Severity, Standing, Status, Verdict,
};
pub use ipnet::IpNet;
pub use jiff::Timestamp;
pub use maintenance::{Maintenance, OpenWindow, When, Window};
pub use observation::{
    Authority, ClientCertificate, ClientCertificateMode, Handshake, Observation, PhaseDurations, SipAnswer,
    SipOutcome, SrvRecord,
};
pub use outcome::{Phase, ProbeError, Reason, Who};
pub use reference::ReferenceResult;
pub use rehearsal::{Attempt, AttemptResult, Rehearsal};
pub use removal::{PeerCertificate, PeerRegion, RemovalReport};
pub use report::{CertificateReport, Document, Report, SCHEMA};
pub use sentence::{in_sentence, troubles};
pub use siptls_wire::{
    AlertDescription, CipherSuite, ClientCertificateType, ExtensionType, NamedGroup, Offer, ProtocolVersion,
    SignatureScheme,
};
pub use survey::{Acceptance, RefusalCause, SuitePreference, SurveyResult};
pub use target::{
    ClientIdentity, DEFAULT_CONNECTIONS_PER_HOUR, DEFAULT_PORT, Depth, Dial, Endpoint, EndpointError, Host,
    Target,
};
