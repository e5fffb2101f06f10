//! The outcome of judging an observation: findings and the verdict.

use jiff::Timestamp;
use serde::Serialize;
use siptls_cert::{NameMatch, Path};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

macro_rules! checks {
    ($($(#[$meta:meta])* $variant:ident = $code:literal;)+) => {
        /// Identifier of a check: a closed list, a contract (the value of the metric label
        /// `check` and of `checks[].id` in a report).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CheckId { $($(#[$meta])* #[doc = concat!("\n\n`", $code, "`")] $variant,)+ }

        impl CheckId {
            /// Every check, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The identifier.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The check of that identifier.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

checks! {
    /// The connection negotiated TLS 1.2.
    Tls12Negotiated = "tls12-negotiated";
    /// At least one suite of the peer's list is shared.
    CipherSuiteShared = "cipher-suite-shared";
    /// A shared suite has no announced end.
    CipherSuiteNotDeprecated = "cipher-suite-not-deprecated";
    /// ECDHE runs on secp384r1.
    EcdheSecp384r1 = "ecdhe-secp384r1";
    /// The endpoint asks for no client certificate.
    ClientCertificateNotRequested = "client-certificate-not-requested";
    /// The endpoint asks for a client certificate, as its profile expects.
    ClientCertificateRequested = "client-certificate-requested";
    /// What was sent leads from the leaf to a root without a gap.
    ChainComplete = "chain-complete";
    /// What was sent leads to a root that the peer trusts.
    ChainTrustedByPeer = "chain-trusted-by-peer";
    /// The certificate is for the name dialled, by the profile's rule.
    ServerNameMatches = "server-name-matches";
    /// The certificate is for the SIP domain by RFC 5922.
    SipIdentityRfc5922 = "sip-identity-rfc5922";
    /// Every certificate of the path is within its validity.
    CertificateDates = "certificate-dates";
    /// No certificate of the path is revoked.
    CertificateNotRevoked = "certificate-not-revoked";
    /// The leaf may be used by a TLS server.
    EkuServerAuth = "eku-server-auth";
    /// The leaf may not be used by a TLS client.
    EkuClientAuthAbsent = "eku-client-auth-absent";
    /// The leaf may be used by a TLS client.
    EkuClientAuthPresent = "eku-client-auth-present";
    /// Calls go on after clientAuth has left the peer's certificates.
    EkuRemovalReady = "eku-removal-ready";
    /// SIP OPTIONS is answered.
    SipOptionsAnswered = "sip-options-answered";
    /// TLS 1.0 and 1.1 are refused.
    LegacyVersionsRefused = "legacy-versions-refused";
    /// All addresses of one name look alike.
    AddressesAgree = "addresses-agree";
    /// The handshake is finished; the endpoint does not break it.
    HandshakeCompletes = "handshake-completes";
    /// A mainstream client comes to the same result as this program.
    ReferenceClientAgrees = "reference-client-agrees";
    /// The leaf of a public authority lasts no longer than was allowed when it was issued.
    CertificateLifetime = "certificate-lifetime";
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for CheckId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Seen and good.
    Pass,
    /// Seen; good today, with a reason to act.
    Warn,
    /// Seen and bad.
    Fail,
    /// Not seen, or not asked by the profile.
    Skip,
}

impl Status {
    /// The code used in reports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// How much a check's failure matters; the profile decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Calls fail, now or on a known date: a failure makes the verdict `fail`.
    Critical,
    /// Somebody should act: a failure makes the verdict `warn`.
    Warning,
    /// Worth knowing: never changes the verdict.
    Info,
}

impl Severity {
    /// The code used in reports, metrics and profiles.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One check's result on one observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    pub id: CheckId,
    /// Its result.
    pub status: Status,
    /// How much a failure matters, by the profile.
    pub severity: Severity,
    /// What was found, as one sentence.
    pub summary: String,
    /// What it was found in: the facts and bytes behind the sentence. Peers' text is escaped.
    pub evidence: String,
    /// What to change; empty when there is nothing to.
    pub remedy: Cow<'static, str>,
    /// Where the rule comes from: the profile's text, shared by all findings of the rule.
    pub source: Arc<str>,
}

/// The sum of the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The peer's next call connects, and nothing announced will change that.
    Pass,
    /// The peer's next call connects; something should be changed in time.
    Warn,
    /// The peer's next call will not connect.
    Fail,
    /// Not enough was seen to say.
    Inconclusive,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Pass, Self::Warn, Self::Fail, Self::Inconclusive];

    /// The code used in reports and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// The verdict of some findings.
    ///
    /// A critical failure is `fail`, whatever else was not seen. Otherwise a visit that stopped
    /// short (`complete` false) is `inconclusive`: what was not seen is neither good nor bad.
    /// Otherwise any failure of severity warning, or any warning that is not `info`, is `warn`.
    #[must_use]
    pub fn of(findings: &[Finding], complete: bool) -> Self {
        let any = |status, severity| {
            findings
                .iter()
                .any(|f| f.status == status && f.severity == severity)
        };
        if any(Status::Fail, Severity::Critical) {
            Self::Fail
        } else if !complete {
            Self::Inconclusive
        } else if any(Status::Fail, Severity::Warning)
            || any(Status::Warn, Severity::Critical)
            || any(Status::Warn, Severity::Warning)
        {
            Self::Warn
        } else {
            Self::Pass
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The outcome of judging one observation under one profile at one time.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The time it was judged for.
    pub as_of: Timestamp,
    /// Each check's result, in the order of [`CheckId::ALL`].
    pub findings: Vec<Finding>,
    /// Their sum.
    pub verdict: Verdict,
    /// The chain against the profile's roots; `None` when no certificate was read.
    pub chain: Option<ChainJudgement>,
    /// What becomes of calls when the caller's certificate loses clientAuth, as one sentence; `None` without a rehearsal.
    pub removal_day: Option<String>,
}

impl Judgement {
    /// A judgement of nothing: no check was asked.
    #[must_use]
    pub const fn blank(as_of: Timestamp, verdict: Verdict) -> Self {
        Self {
            as_of,
            findings: Vec::new(),
            verdict,
            chain: None,
            removal_day: None,
        }
    }

    /// The finding of a check, when the profile asks for it.
    #[must_use]
    pub fn finding(&self, id: CheckId) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.id == id)
    }
}

/// A chain judged against the profile's roots and the name dialled.
#[derive(Clone, Debug)]
pub struct ChainJudgement {
    /// The path found, or why there is none.
    pub path: Path,
    /// The three name rules, side by side; `None` when the leaf cannot be read.
    pub name_match: Option<NameMatch>,
    /// What is known about revocation.
    pub revocation: Revocation,
    /// How it stands with other peers' lists of roots; empty unless asked.
    pub opinions: Vec<Opinion>,
}

/// How a chain stands with one peer's list of roots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Opinion {
    /// Name of the root group.
    pub group: String,
    /// Whose list it is.
    pub title: String,
    /// What was sent leads to one of its roots; `None`: cannot be known.
    pub trusted: Option<bool>,
    /// The root reached.
    pub trust_anchor: Option<String>,
    /// Why none is, as one sentence.
    pub problem: Option<String>,
}

/// What is known about revocation of the certificates of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocation {
    /// The leaf and every intermediate, leaf first; empty when nothing was asked.
    pub certificates: Vec<CertificateRevocation>,
}

/// What is known about revocation of one certificate. Peers' text is escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRevocation {
    /// Which one, counted in the order sent from 0.
    pub index: usize,
    /// The result.
    pub standing: Standing,
    /// Why it is revoked or why that is unknown, as a sentence without its end; empty when it is good.
    pub reason: String,
    /// URL of the list that told, or that the reason speaks of.
    pub url: Option<String>,
    /// nextUpdate of the list that told.
    pub next_update: Option<Timestamp>,
}

/// How a certificate stands. "Revoked" and "could not be found out" are different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A fresh and verified list does not name it.
    Good,
    /// A verified list names it.
    Revoked {
        /// revocationDate of its entry.
        since: Timestamp,
    },
    /// Not known: there is nothing to ask, nobody may ask, or nobody has asked yet.
    Unasked,
    /// Not known: the list could not be had.
    Unreachable {
        /// Since when.
        since: Timestamp,
    },
    /// Not known: the list was had, and a caller cannot use it either.
    Unusable,
}

impl Standing {
    /// The status that reports and metrics show.
    #[must_use]
    pub const fn status(self) -> RevocationStatus {
        match self {
            Self::Good => RevocationStatus::Good,
            Self::Revoked { .. } => RevocationStatus::Revoked,
            Self::Unasked | Self::Unreachable { .. } | Self::Unusable => RevocationStatus::Unknown,
        }
    }
}

impl Revocation {
    /// The sum: one revoked certificate outweighs everything, one unknown outweighs all that are good.
    #[must_use]
    pub fn status(&self) -> RevocationStatus {
        let any = |status| self.with_status(status).next().is_some();
        [
            RevocationStatus::Revoked,
            RevocationStatus::Unknown,
            RevocationStatus::Good,
        ]
        .into_iter()
        .find(|status| any(*status))
        .unwrap_or(RevocationStatus::NotChecked)
    }

    /// The certificates of that status, leaf first.
    pub fn with_status(&self, status: RevocationStatus) -> impl Iterator<Item = &CertificateRevocation> {
        self.certificates
            .iter()
            .filter(move |one| one.standing.status() == status)
    }

    /// The earliest nextUpdate of the lists that told: until then nothing has to be fetched.
    #[must_use]
    pub fn next_update(&self) -> Option<Timestamp> {
        self.certificates.iter().filter_map(|one| one.next_update).min()
    }
}

/// The result of a revocation check. "Revoked" and "could not be found out" are different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationStatus {
    /// A fresh list does not name it.
    Good,
    /// A fresh list names it.
    Revoked,
    /// Asked, and not found out.
    Unknown,
    /// Not asked.
    NotChecked,
}

impl RevocationStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Good, Self::Revoked, Self::Unknown, Self::NotChecked];

    /// The code used in reports and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
            Self::NotChecked => "not_checked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(status: Status, severity: Severity) -> Finding {
        Finding {
            id: CheckId::ChainComplete,
            status,
            severity,
            summary: String::new(),
            evidence: String::new(),
            remedy: "".into(),
            source: "".into(),
        }
    }

    #[test]
    fn a_critical_failure_outweighs_what_was_not_seen() {
        let fail = [finding(Status::Fail, Severity::Critical)];
        assert_eq!(Verdict::of(&fail, false), Verdict::Fail);
        assert_eq!(Verdict::of(&fail, true), Verdict::Fail);
    }

    #[test]
    fn a_visit_that_stopped_short_is_never_pass_or_warn() {
        assert_eq!(Verdict::of(&[], false), Verdict::Inconclusive);
        assert_eq!(
            Verdict::of(&[finding(Status::Pass, Severity::Critical)], false),
            Verdict::Inconclusive
        );
        assert_eq!(
            Verdict::of(&[finding(Status::Warn, Severity::Critical)], false),
            Verdict::Inconclusive
        );
        assert_eq!(
            Verdict::of(&[finding(Status::Fail, Severity::Warning)], false),
            Verdict::Inconclusive
        );
    }

    #[test]
    fn severity_decides_between_warn_and_pass() {
        assert_eq!(
            Verdict::of(&[finding(Status::Fail, Severity::Warning)], true),
            Verdict::Warn
        );
        assert_eq!(
            Verdict::of(&[finding(Status::Warn, Severity::Critical)], true),
            Verdict::Warn
        );
        assert_eq!(
            Verdict::of(&[finding(Status::Fail, Severity::Info)], true),
            Verdict::Pass
        );
        assert_eq!(
            Verdict::of(&[finding(Status::Skip, Severity::Critical)], true),
            Verdict::Pass
        );
    }

    #[test]
    fn identifiers_round_trip() {
        assert_eq!(CheckId::ALL.len(), 22);
        for id in CheckId::ALL {
            assert_eq!(CheckId::from_code(id.code()), Some(*id));
        }
    }
}
