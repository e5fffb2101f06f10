//! What a visit saw of each aspect, as the compact JSON that the journal keeps; `None`: it was not seen.

use serde::Serialize;
use siptls_model::{
    Acceptance, Authority, CipherSuite, ClientCertificateMode, Judgement, NamedGroup, Observation,
    ProtocolVersion, Reason, Severity, Status, SuitePreference, SurveyResult, Timestamp,
};
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::net::SocketAddr;

#[derive(Serialize)]
struct Identity<'a> {
    fingerprint_sha256: String,
    subject: Option<&'a str>,
    issuer: Option<&'a str>,
    serial: Option<&'a str>,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    /// `null` when the extension is absent.
    extended_key_usage: Option<Vec<String>>,
    trust_anchor: Option<Anchor<'a>>,
}

#[derive(Serialize)]
struct Anchor<'a> {
    name: &'a str,
    subject_hash: &'a str,
}

/// The leaf, and the root that the profile's peer reaches from it.
pub(crate) fn identity(seen: &Observation, judgement: &Judgement) -> Option<String> {
    let entry = seen.chain.as_ref()?.entries.first()?;
    let leaf = entry.certificate();
    let fingerprint = entry.fingerprint_sha256();
    let path = judgement.chain.as_ref().map(|chain| &chain.path);
    json(&Identity {
        fingerprint_sha256: hex(&fingerprint),
        subject: leaf.map(|leaf| leaf.subject.text()),
        issuer: leaf.map(|leaf| leaf.issuer.text()),
        serial: leaf.map(|leaf| leaf.serial.as_str()),
        not_before: leaf.map(|leaf| leaf.not_before),
        not_after: leaf.map(|leaf| leaf.not_after),
        extended_key_usage: leaf
            .and_then(|leaf| leaf.extended_key_usage.as_ref())
            .map(|purposes| {
                let mut purposes: Vec<String> = purposes.iter().map(ToString::to_string).collect();
                purposes.sort();
                purposes
            }),
        trust_anchor: path.and_then(|path| path.anchor.as_ref()).map(|anchor| Anchor {
            name: &anchor.name,
            subject_hash: &anchor.subject_hash,
        }),
    })
}

#[derive(Serialize)]
struct Request<'a> {
    mode: ClientCertificateMode,
    requested: bool,
    authorities: Vec<&'a Authority>,
}

/// Whether a client certificate is asked for. The order of the authorities is nobody's intention.
pub(crate) fn request(seen: &Observation) -> Option<String> {
    let request = &seen.handshake.as_ref()?.client_certificate;
    let requested = request.requested.or(match request.mode {
        ClientCertificateMode::NotRequested => Some(false),
        ClientCertificateMode::Optional | ClientCertificateMode::Required => Some(true),
        ClientCertificateMode::Unknown => None,
    })?;
    let mut authorities: Vec<&Authority> = request.authorities.iter().collect();
    authorities.sort_by(|a, b| (&a.name, &a.subject_hash).cmp(&(&b.name, &b.subject_hash)));
    json(&Request {
        mode: if requested {
            request.mode
        } else {
            ClientCertificateMode::NotRequested
        },
        requested,
        authorities,
    })
}

#[derive(Serialize)]
struct Suites {
    versions: BTreeMap<String, Acceptance>,
    cipher_suites: BTreeMap<String, Acceptance>,
    groups: BTreeMap<String, Acceptance>,
    suite_preference: SuitePreference,
}

/// What a survey found accepted.
pub(crate) fn suites(survey: &SurveyResult) -> Option<String> {
    fn by_name<T: Display>(values: &[(T, Acceptance)]) -> BTreeMap<String, Acceptance> {
        let named = values.iter().map(|(value, found)| (value.to_string(), *found));
        named.collect()
    }
    json(&Suites {
        versions: by_name(&survey.versions),
        cipher_suites: by_name(&survey.cipher_suites),
        groups: by_name(&survey.groups),
        suite_preference: survey.suite_preference,
    })
}

/// A survey again, as far as [`suites`] keeps it.
pub(crate) fn survey_of(suites: &str) -> Option<SurveyResult> {
    let value: serde_json::Value = serde_json::from_str(suites).ok()?;
    fn named<T>(value: &serde_json::Value, of: impl Fn(&str) -> Option<T>) -> Vec<(T, Acceptance)> {
        let fields = value.as_object().into_iter().flatten();
        fields
            .filter_map(|(name, found)| {
                let found = match found.as_str()? {
                    "accepted" => Acceptance::Accepted,
                    "selected" => Acceptance::Selected,
                    "refused" => Acceptance::Refused,
                    _ => Acceptance::Unknown,
                };
                Some((of(name)?, found))
            })
            .collect()
    }
    Some(SurveyResult {
        versions: named(value.get("versions")?, ProtocolVersion::from_name),
        cipher_suites: named(value.get("cipher_suites")?, CipherSuite::from_name),
        groups: named(value.get("groups")?, NamedGroup::from_name),
        suite_preference: match value.get("suite_preference")?.as_str()? {
            "server" => SuitePreference::Server,
            "client" => SuitePreference::Client,
            _ => SuitePreference::Unknown,
        },
        refusal_cause: None,
        without_profile_groups: None,
        stopped: None,
    })
}

#[derive(Serialize)]
struct Addresses<'a> {
    addresses: &'a [SocketAddr],
}

/// The addresses of a name, in order.
pub(crate) fn addresses(addresses: &[SocketAddr]) -> Option<String> {
    json(&Addresses { addresses })
}

/// The addresses again that [`addresses`] keeps.
pub(crate) fn addresses_of(value: &str) -> Vec<SocketAddr> {
    let value: serde_json::Value = serde_json::from_str(value).unwrap_or_default();
    let all = value.get("addresses").and_then(serde_json::Value::as_array);
    all.into_iter()
        .flatten()
        .filter_map(|address| address.as_str()?.parse().ok())
        .collect()
}

#[derive(Serialize)]
struct VerdictSeen {
    verdict: &'static str,
    /// Those that fail or warn and matter.
    checks: Vec<&'static str>,
    /// Why the visit stopped short.
    reason: Option<Reason>,
}

/// The verdict, and what explains it.
pub(crate) fn verdict(seen: &Observation, judgement: &Judgement) -> Option<String> {
    let matters = judgement.findings.iter().filter(|finding| {
        matches!(finding.status, Status::Fail | Status::Warn) && finding.severity != Severity::Info
    });
    json(&VerdictSeen {
        verdict: judgement.verdict.code(),
        checks: matters.map(|finding| finding.id.code()).collect(),
        reason: seen.error.as_ref().map(|error| error.reason),
    })
}

/// Numbers and texts only, which JSON can hold.
fn json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
