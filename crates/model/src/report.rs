//! The public document, schema `siptls-probe/report/v1`.
//!
//! One report for each endpoint and address. Times are RFC 3339 UTC, durations are seconds as
//! numbers, absent knowledge is `null`.

use crate::finding::{
    CertificateRevocation, Finding, Judgement, Opinion, Revocation, RevocationStatus, Standing, Verdict,
};
use crate::maintenance::OpenWindow;
use crate::observation::{Authority, ClientCertificateMode, Observation, SrvRecord};
use crate::outcome::{Phase, ProbeError, Reason, Who};
use crate::reference::ReferenceResult;
use crate::rehearsal::{Attempt, AttemptResult, Rehearsal};
use crate::removal::RemovalReport;
use crate::survey::SurveyResult;
use jiff::Timestamp;
use serde::Serialize;
use siptls_cert::{Certificate, Entry};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The name of the schema, with its major version.
pub const SCHEMA: &str = "siptls-probe/report/v1";

/// The document that `--format json` and `/api/v1/reports` answer.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// When the document was made.
    pub generated_at: Timestamp,
    /// One report for each endpoint and address.
    pub reports: Vec<Report>,
}

impl Document {
    /// A document of these reports.
    #[must_use]
    pub const fn new(generated_at: Timestamp, reports: Vec<Report>) -> Self {
        Self {
            schema: SCHEMA,
            generated_at,
            reports,
        }
    }
}

/// One endpoint at one address: what was seen and how it is judged.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the contract's, documented in docs/report.md"
)]
pub struct Report {
    pub target: TargetReport,
    pub started_at: Timestamp,
    pub duration_seconds: f64,
    pub connections_opened: u32,
    pub phase_reached: Option<Phase>,
    pub error: Option<ErrorReport>,
    pub phase_seconds: PhaseReport,
    pub handshake: Option<HandshakeReport>,
    /// Filled by a survey only.
    pub accepted: Option<Arc<SurveyResult>>,
    /// Filled by a survey only.
    pub reference_client: Option<Arc<ReferenceResult>>,
    /// Filled when the target has client identities and the visit could present them.
    pub rehearsal: Option<RehearsalReport>,
    pub chain: Option<ChainReport>,
    pub sip: Option<SipReport>,
    /// Until when the caller can present clientAuth.
    pub eku_removal: Option<RemovalReport>,
    pub checks: Vec<Finding>,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, Serialize)]
pub struct TargetReport {
    pub name: String,
    pub endpoint: String,
    pub host: String,
    pub port: u16,
    pub address: Option<String>,
    pub srv: Option<Arc<SrvRecord>>,
    pub server_name: String,
    pub profile: String,
    /// The window under way.
    pub maintenance: Option<OpenWindow>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ErrorReport {
    pub phase: Phase,
    pub reason: Reason,
    pub who: Who,
    pub message: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct PhaseReport {
    pub resolve: Option<f64>,
    pub connect: Option<f64>,
    pub tls: Option<f64>,
    pub sip: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct HandshakeReport {
    pub version: Option<String>,
    pub cipher_suite: Option<String>,
    pub group: Option<String>,
    pub key_exchange_signature: Option<String>,
    pub completed: bool,
    pub alert: Option<String>,
    pub extended_master_secret: Option<bool>,
    pub secure_renegotiation: Option<bool>,
    pub ocsp_stapled: bool,
    pub client_certificate: ClientCertificateReport,
}

#[derive(Clone, Debug, Serialize)]
pub struct ClientCertificateReport {
    pub mode: ClientCertificateMode,
    pub evidence: Option<String>,
    pub requested: Option<bool>,
    pub certificate_types: Vec<String>,
    pub signature_algorithms: Vec<String>,
    pub authorities: Vec<Authority>,
    pub presented: Option<Vec<CertificateReport>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct RehearsalReport {
    pub removal_day: Option<String>,
    pub attempts: Vec<AttemptReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct AttemptReport {
    pub identity: Option<String>,
    pub result: AttemptResult,
    pub presented: Option<Vec<CertificateReport>>,
    pub issuer_listed: Option<bool>,
    pub key_usable: Option<bool>,
    pub valid_now: Option<bool>,
    pub completed: bool,
    pub alert: Option<String>,
    pub error: Option<ErrorReport>,
    pub sip_status: Option<u16>,
    pub evidence: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ChainReport {
    pub certificates: Vec<CertificateReport>,
    pub complete: Option<bool>,
    pub ordered: Option<bool>,
    pub trust_anchor: Option<TrustAnchorReport>,
    pub problem: Option<String>,
    pub name_match: Option<NameMatchReport>,
    pub revocation: RevocationReport,
    /// Filled when it was asked for (`check --against`).
    pub against: Vec<Opinion>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TrustAnchorReport {
    pub name: String,
    pub subject_hash: String,
    pub group: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct NameMatchReport {
    pub common_name: bool,
    pub webpki: bool,
    pub rfc5922: bool,
    pub matched: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct RevocationReport {
    pub status: &'static str,
    pub source: Option<&'static str>,
    pub reason: Option<String>,
    pub next_update: Option<Timestamp>,
    pub certificates: Vec<CertificateRevocationReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CertificateRevocationReport {
    pub index: usize,
    pub status: &'static str,
    pub source: Option<&'static str>,
    pub url: Option<String>,
    pub reason: Option<String>,
    pub revoked_at: Option<Timestamp>,
    pub next_update: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SipReport {
    pub status: u16,
    pub reason_phrase: String,
    pub server: Option<String>,
    pub allow: Vec<String>,
    pub duration_seconds: f64,
}

/// A certificate as sent. One that cannot be read has its fingerprint alone and says why.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the contract's, documented in docs/report.md"
)]
pub struct CertificateReport {
    pub subject: Option<String>,
    pub issuer: Option<String>,
    pub serial: Option<String>,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
    pub common_name: Option<String>,
    pub san_dns: Vec<String>,
    pub san_ip: Vec<String>,
    pub san_uri: Vec<String>,
    pub san_other: Vec<String>,
    pub key: Option<String>,
    pub signature_algorithm: Option<String>,
    pub extended_key_usage: Option<Vec<String>>,
    pub subject_hash: Option<String>,
    pub issuer_hash: Option<String>,
    pub fingerprint_sha256: String,
    pub spki_sha256: Option<String>,
    pub crl_urls: Vec<String>,
    pub ocsp_urls: Vec<String>,
    pub is_ca: Option<bool>,
    /// Why the certificate cannot be read.
    pub unreadable: Option<String>,
}

impl Report {
    /// The report of an observation and its judgement.
    #[must_use]
    pub fn new(observation: &Observation, judgement: &Judgement) -> Self {
        let target = &observation.target;
        Self {
            target: TargetReport {
                name: target.name.clone(),
                endpoint: target.endpoint.to_string(),
                host: target.endpoint.host().to_string(),
                port: target.endpoint.port_or_default(),
                address: observation.address.map(|address| address.to_string()),
                srv: observation.srv.clone(),
                server_name: target.verified_name(),
                profile: target.profile.clone(),
                maintenance: target.maintenance.active(judgement.as_of),
                labels: target.labels.clone(),
            },
            started_at: observation.started_at,
            duration_seconds: seconds(observation.duration),
            connections_opened: observation.connections_opened,
            phase_reached: observation.phase_reached,
            error: observation.error.as_ref().map(ErrorReport::new),
            phase_seconds: PhaseReport {
                resolve: observation.phases.resolve.map(seconds),
                connect: observation.phases.connect.map(seconds),
                tls: observation.phases.tls.map(seconds),
                sip: observation.phases.sip.map(seconds),
            },
            handshake: observation.handshake.as_ref().map(HandshakeReport::new),
            accepted: observation.survey.clone(),
            reference_client: observation.reference.clone(),
            rehearsal: observation
                .rehearsal
                .as_deref()
                .map(|rehearsal| RehearsalReport::new(rehearsal, judgement)),
            chain: observation
                .chain
                .as_ref()
                .map(|chain| ChainReport::new(chain, judgement)),
            sip: observation.sip.answer().map(|answer| SipReport {
                status: answer.status,
                reason_phrase: answer.reason_phrase.clone(),
                server: answer.server.clone(),
                allow: answer.allow.clone(),
                duration_seconds: seconds(answer.duration),
            }),
            eku_removal: observation.peer_region.as_ref().map(RemovalReport::from),
            checks: judgement.findings.clone(),
            verdict: judgement.verdict,
        }
    }
}

impl ErrorReport {
    fn new(error: &ProbeError) -> Self {
        Self {
            phase: error.phase,
            reason: error.reason,
            who: error.reason.who(),
            message: error.message.clone(),
        }
    }
}

impl RehearsalReport {
    fn new(rehearsal: &Rehearsal, judgement: &Judgement) -> Self {
        let attempts = rehearsal.attempts.iter();
        Self {
            removal_day: judgement.removal_day.clone(),
            attempts: attempts
                .map(|attempt| AttemptReport::new(attempt, judgement.as_of))
                .collect(),
        }
    }
}

impl AttemptReport {
    fn new(attempt: &Attempt, as_of: Timestamp) -> Self {
        let presented = attempt.presented.as_deref();
        Self {
            identity: attempt.identity.as_deref().map(str::to_owned),
            result: attempt.result,
            presented: presented.map(|chain| chain.entries.iter().map(CertificateReport::of_entry).collect()),
            issuer_listed: attempt.issuer_listed,
            key_usable: attempt.key_usable,
            valid_now: attempt.valid_at(as_of),
            completed: attempt.completed,
            alert: attempt.alert.map(|value| value.to_string()),
            error: attempt.error.as_ref().map(ErrorReport::new),
            sip_status: attempt.sip_status,
            evidence: attempt.evidence.clone(),
        }
    }
}

impl HandshakeReport {
    fn new(handshake: &crate::observation::Handshake) -> Self {
        let request = &handshake.client_certificate;
        Self {
            version: handshake.version.map(|value| value.to_string()),
            cipher_suite: handshake.cipher_suite.map(|value| value.to_string()),
            group: handshake.group.map(|value| value.to_string()),
            key_exchange_signature: handshake.key_exchange_signature.map(|value| value.to_string()),
            completed: handshake.completed,
            alert: handshake.alert.map(|value| value.to_string()),
            extended_master_secret: handshake.extended_master_secret,
            secure_renegotiation: handshake.secure_renegotiation,
            ocsp_stapled: handshake.ocsp_stapled,
            client_certificate: ClientCertificateReport {
                mode: request.mode,
                evidence: (!request.evidence.is_empty()).then(|| request.evidence.clone()),
                requested: request.requested,
                certificate_types: request
                    .certificate_types
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                signature_algorithms: request
                    .signature_algorithms
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                authorities: request.authorities.clone(),
                presented: None,
            },
        }
    }
}

impl ChainReport {
    fn new(chain: &siptls_cert::Chain, judgement: &Judgement) -> Self {
        let judged = judgement.chain.as_ref();
        Self {
            certificates: chain.entries.iter().map(CertificateReport::of_entry).collect(),
            complete: judged.and_then(|judged| judged.path.complete),
            ordered: chain.ordered(),
            trust_anchor: judged
                .and_then(|judged| judged.path.anchor.as_ref())
                .map(|anchor| TrustAnchorReport {
                    name: anchor.name.clone(),
                    subject_hash: anchor.subject_hash.clone(),
                    group: anchor.group.clone(),
                }),
            problem: judged
                .and_then(|judged| judged.path.problem.as_ref())
                .map(ToString::to_string),
            name_match: judged
                .and_then(|judged| judged.name_match.as_ref())
                .map(|names| NameMatchReport {
                    common_name: names.common_name,
                    webpki: names.webpki,
                    rfc5922: names.rfc5922,
                    matched: names.matched.clone(),
                }),
            revocation: RevocationReport::new(judged.map(|judged| &judged.revocation)),
            against: judged.map(|judged| judged.opinions.clone()).unwrap_or_default(),
        }
    }
}

impl RevocationReport {
    fn new(revocation: Option<&Revocation>) -> Self {
        let status = revocation.map_or(RevocationStatus::NotChecked, Revocation::status);
        let deciding = revocation.and_then(|revocation| revocation.with_status(status).next());
        let certificates = revocation.map_or(&[][..], |revocation| &revocation.certificates);
        Self {
            status: status.code(),
            source: (status != RevocationStatus::NotChecked).then_some("crl"),
            reason: deciding
                .filter(|deciding| !deciding.reason.is_empty())
                .map(|deciding| format!("certificate {}: {}", deciding.index, deciding.reason)),
            next_update: revocation.and_then(Revocation::next_update),
            certificates: certificates
                .iter()
                .map(CertificateRevocationReport::new)
                .collect(),
        }
    }
}

impl CertificateRevocationReport {
    fn new(one: &CertificateRevocation) -> Self {
        Self {
            index: one.index,
            status: one.standing.status().code(),
            source: one.next_update.map(|_| "crl"),
            url: one.url.clone(),
            reason: (!one.reason.is_empty()).then(|| one.reason.clone()),
            revoked_at: match one.standing {
                Standing::Revoked { since } => Some(since),
                _ => None,
            },
            next_update: one.next_update,
        }
    }
}

impl CertificateReport {
    /// The report of one entry of a chain.
    #[must_use]
    pub fn of_entry(entry: &Entry) -> Self {
        match entry {
            Entry::Parsed(certificate) => Self::of(certificate),
            Entry::Unparsable { why, .. } => Self {
                fingerprint_sha256: hex(&entry.fingerprint_sha256()),
                unreadable: Some(why.clone()),
                ..Self::empty()
            },
        }
    }

    /// The report of a certificate.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        let names = certificate.san.as_ref();
        Self {
            subject: Some(certificate.subject.text().to_owned()),
            issuer: Some(certificate.issuer.text().to_owned()),
            serial: Some(certificate.serial.clone()),
            not_before: Some(certificate.not_before),
            not_after: Some(certificate.not_after),
            common_name: certificate.common_name.clone(),
            san_dns: names.map(|names| names.dns.clone()).unwrap_or_default(),
            san_ip: names
                .map(|names| names.ip.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            san_uri: names.map(|names| names.uri.clone()).unwrap_or_default(),
            san_other: names
                .map(|names| names.email.iter().chain(&names.other).cloned().collect())
                .unwrap_or_default(),
            key: Some(certificate.key.to_string()),
            signature_algorithm: Some(certificate.signature_algorithm.clone()),
            extended_key_usage: certificate
                .extended_key_usage
                .as_ref()
                .map(|purposes| purposes.iter().map(ToString::to_string).collect()),
            subject_hash: Some(certificate.subject.hash_hex()),
            issuer_hash: Some(certificate.issuer.hash_hex()),
            fingerprint_sha256: hex(&certificate.fingerprint_sha256),
            spki_sha256: Some(hex(&certificate.spki_sha256)),
            crl_urls: certificate.crl_urls.clone(),
            ocsp_urls: certificate.ocsp_urls.clone(),
            is_ca: Some(certificate.is_ca),
            unreadable: None,
        }
    }

    const fn empty() -> Self {
        Self {
            subject: None,
            issuer: None,
            serial: None,
            not_before: None,
            not_after: None,
            common_name: None,
            san_dns: Vec::new(),
            san_ip: Vec::new(),
            san_uri: Vec::new(),
            san_other: Vec::new(),
            key: None,
            signature_algorithm: None,
            extended_key_usage: None,
            subject_hash: None,
            issuer_hash: None,
            fingerprint_sha256: String::new(),
            spki_sha256: None,
            crl_urls: Vec::new(),
            ocsp_urls: Vec::new(),
            is_ca: None,
            unreadable: None,
        }
    }
}

/// A duration in seconds, rounded to whole microseconds.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `abc`, as FIPS 180-2 appendix B.1 gives it.
    #[test]
    fn an_unreadable_certificate_has_its_fingerprint_and_nothing_else() {
        let chain = siptls_cert::Chain::parse([b"abc".as_slice()]);
        let report = CertificateReport::of_entry(&chain.entries[0]);
        assert_eq!(
            report.fingerprint_sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(report.unreadable.is_some());
        let value = serde_json::to_value(&report).unwrap();
        let known = value.as_object().unwrap().iter();
        let known: Vec<_> = known
            .filter(|(_, value)| !value.is_null() && **value != serde_json::json!([]))
            .map(|(key, _)| key.as_str())
            .collect();
        assert_eq!(known, ["fingerprint_sha256", "unreadable"]);
    }
}
