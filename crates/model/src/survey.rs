//! What a survey found: versions, suites and groups that an endpoint accepts.

use serde::{Serialize, Serializer};
use siptls_wire::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion};
use std::fmt;

/// Whether an endpoint accepts a version, a suite or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// A handshake with it was finished.
    Accepted,
    /// The endpoint chose it; the handshake was not finished.
    Selected,
    /// The endpoint refused an offer of it.
    Refused,
    /// Not found out.
    Unknown,
}

impl Acceptance {
    /// The code used in reports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Selected => "selected",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    /// `true` accepted or selected, `false` refused, `None` unknown.
    #[must_use]
    pub const fn is_accepted(self) -> Option<bool> {
        match self {
            Self::Accepted | Self::Selected => Some(true),
            Self::Refused => Some(false),
            Self::Unknown => None,
        }
    }
}

/// Whose order of suites counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SuitePreference {
    /// The server's own.
    Server,
    /// The client's.
    Client,
    /// Not found out: fewer than two suites are shared, or the survey did not come so far.
    Unknown,
}

/// Why an endpoint refuses the whole of the profile's offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCause {
    /// It shares no suite.
    CipherSuite,
    /// It shares suites, but no group for them.
    Group,
    /// Its certificate has a key that no suite of the offer can use.
    KeyType,
    /// It does not speak the version.
    Version,
}

impl fmt::Display for RefusalCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CipherSuite => "no shared cipher suite",
            Self::Group => "no shared group",
            Self::KeyType => "the kind of key of its certificate",
            Self::Version => "the protocol version",
        })
    }
}

/// What a survey found. Every value asked about is there; what was not found out is `unknown`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SurveyResult {
    /// TLS 1.0 to 1.3. What this program does not finish is `selected` at most.
    #[serde(serialize_with = "by_name")]
    pub versions: Vec<(ProtocolVersion, Acceptance)>,
    /// Every suite of the profile, in its order.
    #[serde(serialize_with = "by_name")]
    pub cipher_suites: Vec<(CipherSuite, Acceptance)>,
    /// The groups asked about.
    #[serde(serialize_with = "by_name")]
    pub groups: Vec<(NamedGroup, Acceptance)>,
    /// Whose order of suites counts.
    pub suite_preference: SuitePreference,
    /// Why the whole offer was refused; `None` when it was not, or the cause was not found out.
    pub refusal_cause: Option<RefusalCause>,
    /// The alert that answered ECDHE on other groups than the profile's.
    #[serde(serialize_with = "alert_name")]
    pub without_profile_groups: Option<AlertDescription>,
    /// Why the survey ended before its questions were asked.
    pub stopped: Option<String>,
}

fn by_name<T: fmt::Display, S: Serializer>(
    values: &[(T, Acceptance)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        values
            .iter()
            .map(|(value, acceptance)| (value.to_string(), acceptance)),
    )
}

fn alert_name<S: Serializer>(alert: &Option<AlertDescription>, serializer: S) -> Result<S::Ok, S::Error> {
    match alert {
        Some(alert) => serializer.collect_str(alert),
        None => serializer.serialize_none(),
    }
}
