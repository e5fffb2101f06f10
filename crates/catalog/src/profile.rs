//! Profiles: what a peer demands, as dated and sourced rules.

use crate::fault::ProfileError;
use jiff::civil::Date;
use siptls_model::{CheckId, CipherSuite, NamedGroup, Offer, Severity};
use std::sync::{Arc, LazyLock};

/// Name of the profile taken when a target names none.
pub const DEFAULT_PROFILE: &str = "genesys-byoc-customer";

/// What a peer demands of the endpoints it has to do with: one file under `config/profiles/`.
///
/// Every rule has a `source` (a public document, with its date) and a `since`: the day the source
/// gives for it, else the day the source is dated, else the day on which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name, as in `profile: NAME`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// What is judged, and what the offer stands for.
    pub description: String,
    /// Who makes the call that a visit stands in for, as it appears in sentences:
    /// `Genesys BYOC Cloud`.
    pub caller: String,
    /// The main source of the profile.
    pub source: String,
    /// The day from which the profile describes its peer.
    pub since: Date,
    /// Who dials whom.
    pub direction: Direction,
    /// What the caller's ClientHello offers.
    pub offer: Arc<Offer>,
    /// The suites that both sides may agree on, in the order of their source. The offer's order
    /// is the offer's own.
    pub suites: Vec<SuiteRule>,
    /// The groups that ECDHE may run on.
    pub groups: Vec<NamedGroup>,
    /// Whether the endpoint should ask for a client certificate.
    pub client_certificate: ClientCertificateExpectation,
    /// Which roots the caller trusts.
    pub roots: RootRule,
    /// How the caller compares names.
    pub name_rule: NameRule,
    /// Whether the caller verifies a certificate against an IP address.
    pub ip_identity_allowed: bool,
    /// Who may expect an answer to OPTIONS.
    pub sip: SipExpectation,
    /// The checks asked for, each once, in the order of [`CheckId::ALL`].
    pub checks: Vec<CheckRule>,
    /// Where the rules above that are not lists come from.
    pub provenance: Vec<Provenance>,
}

impl Profile {
    /// Reads a profile file.
    ///
    /// # Errors
    ///
    /// Every fault of the text at once: what is not YAML, unknown keys with the nearest known
    /// one, missing keys, unknown names, rules that contradict each other.
    pub fn from_yaml(text: &str) -> Result<Self, ProfileError> {
        crate::shape::profile(text)
    }

    /// The rule for a check; `None` when the profile does not ask for it.
    #[must_use]
    pub fn check(&self, id: CheckId) -> Option<&CheckRule> {
        self.checks.iter().find(|rule| rule.id == id)
    }

    /// The rule for a suite; `None` when the profile does not list it.
    #[must_use]
    pub fn suite(&self, suite: CipherSuite) -> Option<&SuiteRule> {
        self.suites.iter().find(|rule| rule.suite == suite)
    }
}

/// Who dials whom in the calls that a profile speaks of. The visit is always the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The endpoint is a server of the operator's, and the platform dials it.
    PeerDials,
    /// The endpoint belongs to the platform, and the operator's equipment dials it.
    PeerServes,
}

impl Direction {
    /// The code used in profile files.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PeerDials => "peer_dials",
            Self::PeerServes => "peer_serves",
        }
    }
}

/// A suite that both sides may agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteRule {
    /// The suite.
    pub suite: CipherSuite,
    /// Where the rule comes from.
    pub source: String,
    /// Since when the rule is known.
    pub since: Date,
    /// The announced end; `None` when none was announced.
    pub until: Option<Date>,
    /// How sure the announced end is. Without an end it says nothing.
    pub certainty: Certainty,
    /// A remark for people.
    pub note: Option<String>,
}

/// How sure an announced date is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// The date holds: from that day the peer does without.
    Firm,
    /// The date has moved before or differs from place to place: it is a reason to act, and no
    /// proof of anything.
    Provisional,
}

impl Certainty {
    /// The code used in profile files.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Firm => "firm",
            Self::Provisional => "provisional",
        }
    }
}

/// Whether an endpoint should ask for a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientCertificateExpectation {
    /// It should not: the caller has none to show.
    NotRequested,
    /// It should: the caller is known by its certificate.
    Requested,
    /// The profile does not care.
    Any,
}

impl ClientCertificateExpectation {
    /// The code used in profile files.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotRequested => "not_requested",
            Self::Requested => "requested",
            Self::Any => "any",
        }
    }
}

/// Which roots the caller trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootRule {
    /// Not known; only a target's own trust anchors can decide.
    None,
    /// One group, by name: see [`root_group`](crate::root_group).
    Group(String),
    /// The group of the endpoint's region: see [`region_root_group`](crate::region_root_group).
    ByRegion {
        /// The groups for an endpoint whose region is not known; trusted by one is trusted.
        default: Vec<String>,
    },
}

/// How the caller compares the name it dialled with the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameRule {
    /// The common name equals it or a subject alternative name covers it.
    CnOrSan,
    /// A subject alternative name covers it; the common name counts for nothing (RFC 9525).
    Rfc9525,
    /// The SIP domain rules of RFC 5922 §7.
    Rfc5922,
    /// Not compared.
    None,
}

impl NameRule {
    /// The code used in profile files.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::CnOrSan => "cn_or_san",
            Self::Rfc9525 => "rfc9525",
            Self::Rfc5922 => "rfc5922",
            Self::None => "none",
        }
    }
}

/// Who may expect an answer to SIP OPTIONS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SipExpectation {
    /// Whoever asks.
    Answered,
    /// Addresses on the platform's allow-list; silence towards others says nothing about it.
    AnsweredToListedAddresses,
}

impl SipExpectation {
    /// The code used in profile files.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::AnsweredToListedAddresses => "answered_to_listed_addresses",
        }
    }
}

/// A check that a profile asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRule {
    /// The check.
    pub id: CheckId,
    /// How much its failure matters.
    pub severity: Severity,
    /// Where the rule comes from; shared with every finding of the rule.
    pub source: Arc<str>,
    /// Since when the rule is known.
    pub since: Date,
    /// The day from which the rule applies, by the clock of the judgement; `None`: always.
    pub from: Option<Date>,
    /// The first day on which the rule no longer applies; `None`: no end known.
    pub until: Option<Date>,
    /// What to change on a failure, in place of the general advice.
    pub remedy: Option<String>,
}

/// Where a rule of a profile comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The rule: `offer`, `groups`, `client_certificate`, `roots`, `names`, `sip`.
    pub rule: &'static str,
    /// Where it comes from.
    pub source: String,
    /// Since when it is known.
    pub since: Date,
    /// How sure it is, and why it was chosen so.
    pub note: Option<String>,
}

/// File name and text of the shipped profiles, the default first.
pub(crate) const SHIPPED: &[(&str, &str)] = &[
    (
        "genesys-byoc-customer.yaml",
        include_str!("../../../config/profiles/genesys-byoc-customer.yaml"),
    ),
    (
        "genesys-byoc-cloud.yaml",
        include_str!("../../../config/profiles/genesys-byoc-cloud.yaml"),
    ),
    (
        "sip-tls-generic.yaml",
        include_str!("../../../config/profiles/sip-tls-generic.yaml"),
    ),
];

/// The shipped profiles, the default first.
#[must_use]
pub fn profiles() -> &'static [Arc<Profile>] {
    static PROFILES: LazyLock<Vec<Arc<Profile>>> = LazyLock::new(|| {
        SHIPPED
            .iter()
            .map(|(file, text)| match Profile::from_yaml(text) {
                Ok(profile) => Arc::new(profile),
                // The text is part of the program and a test reads it: this cannot be met in the field.
                Err(error) => panic!("shipped profile {file}: {error}"),
            })
            .collect()
    });
    &PROFILES
}

/// The shipped profile of that name.
#[must_use]
pub fn profile(name: &str) -> Option<Arc<Profile>> {
    profiles().iter().find(|profile| profile.name == name).cloned()
}
