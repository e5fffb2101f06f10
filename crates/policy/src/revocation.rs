//! Revocation of the certificates of the path, as far as lists tell.

use crate::answer::Answer;
use crate::sight::Sight;
use crate::text;
use jiff::SignedDuration;
use siptls_model::{CertificateRevocation, Observation, Revocation, RevocationStatus, Standing};

/// How long a list may be out of reach before it warns: an authority's server may be down for a night, and
/// callers live on the copies they have.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

pub(crate) fn not_revoked(sight: &Sight<'_>) -> Answer {
    if sight.chain().is_none() {
        return Answer::skip(format!("No certificate was read: {}", sight.why_not()));
    }
    let Some(revocation) = sight.observation.revocation.as_deref() else {
        return Answer::skip("No revocation list was asked");
    };
    let evidence = text::list(revocation.certificates.iter().map(line));
    match revocation.status() {
        RevocationStatus::Revoked => revoked(sight, revocation, evidence),
        RevocationStatus::Unknown => unknown(sight, revocation, evidence),
        RevocationStatus::Good => Answer::pass(
            match revocation.next_update() {
                Some(next) => {
                    format!("No certificate of the path is revoked, by lists that hold until {next}")
                }
                None => "No certificate of the path is revoked".to_owned(),
            },
            evidence,
        ),
        RevocationStatus::NotChecked => {
            Answer::skip("No revocation list was asked: no certificate leads to a trusted root")
        }
    }
}

fn revoked(sight: &Sight<'_>, revocation: &Revocation, evidence: String) -> Answer {
    let named: Vec<String> = revocation
        .with_status(RevocationStatus::Revoked)
        .map(|one| format!("{} {}", what(sight.observation, one), one.reason))
        .collect();
    let is_leaf = revocation
        .with_status(RevocationStatus::Revoked)
        .any(|one| one.index == 0);
    let advice = if is_leaf {
        "replace the certificate and its key, and ask the authority why it was revoked"
    } else {
        "get a certificate from an intermediate that is not revoked, and install it with that intermediate"
    };
    Answer::fail(
        format!("Revoked: {}", named.join("; ")),
        evidence,
        sight.on_endpoint(advice),
    )
}

/// Never a failure. A warning when a caller that checks has the same trouble: the list is unusable, or was out of
/// reach for long.
fn unknown(sight: &Sight<'_>, revocation: &Revocation, evidence: String) -> Answer {
    let is_trouble = |one: &&CertificateRevocation| match one.standing {
        Standing::Unusable => true,
        Standing::Unreachable { since } => since.duration_until(sight.observation.started_at) >= PATIENCE,
        Standing::Good | Standing::Revoked { .. } | Standing::Unasked => false,
    };
    let mut unknown = revocation.with_status(RevocationStatus::Unknown);
    let sentence = |one: &CertificateRevocation| {
        format!(
            "Whether {} is revoked is not known: {}",
            what(sight.observation, one),
            one.reason
        )
    };
    if let Some(trouble) = revocation.with_status(RevocationStatus::Unknown).find(is_trouble) {
        let advice = "have the authority mend its revocation list, or get a certificate from another";
        return Answer::warn(sentence(trouble), evidence, sight.on_endpoint(advice));
    }
    let summary = unknown.next().map(sentence).unwrap_or_default();
    Answer::skip(summary).showing(evidence)
}

fn line(one: &CertificateRevocation) -> String {
    let status = one.standing.status().code();
    let reason = match one.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    let from = one
        .url
        .as_ref()
        .map(|url| format!(" ({url})"))
        .unwrap_or_default();
    format!("{} {status}{reason}{from}", one.index)
}

fn what(observation: &Observation, one: &CertificateRevocation) -> String {
    let certificate = observation
        .chain
        .as_ref()
        .and_then(|chain| chain.certificate(one.index));
    match (one.index, certificate) {
        (0, _) | (_, None) => "the endpoint's certificate".to_owned(),
        (index, Some(certificate)) => format!("certificate {index}, {},", text::certificate(certificate)),
    }
}
