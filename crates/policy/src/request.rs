//! The client certificate: whether the endpoint asks for one and how much it insists.

use crate::answer::Answer;
use crate::sight::Sight;
use crate::text;
use siptls_model::{ClientCertificate, ClientCertificateMode, Reason, SipOutcome};

pub(crate) const SWITCH_OFF: &str = "switch client certificate verification (mutual TLS) off for the listener that this caller dials; tell callers apart by address instead";

pub(crate) fn not_requested(sight: &Sight<'_>) -> Answer {
    let caller = &sight.profile.caller;
    let Some(request) = request(sight) else {
        return unseen(sight);
    };
    match (request.mode, request.requested) {
        (ClientCertificateMode::Required, _) => Answer::fail(
            format!(
                "The endpoint insists on a client certificate: calls from {caller} fail, which presents none or one without clientAuth"
            ),
            evidence(sight, request),
            sight.on_endpoint(SWITCH_OFF),
        ),
        (ClientCertificateMode::Optional, _) => Answer::warn(
            format!(
                "The endpoint asks for a client certificate and goes on without one: calls go on as long as {caller} answers with none"
            ),
            evidence(sight, request),
            sight.on_endpoint(SWITCH_OFF),
        ),
        (ClientCertificateMode::Unknown, Some(true)) if ended_at_once(sight) => Answer::fail(
            format!(
                "The endpoint asked for a client certificate, got an empty one, finished the handshake and ended the connection at once: it insists on one after all, or what stands behind it is down; calls from {caller} fail either way"
            ),
            evidence(sight, request),
            format!(
                "{}; if it is off, see whether the SIP service behind the TLS listener is up",
                sight.on_endpoint(SWITCH_OFF)
            ),
        ),
        (ClientCertificateMode::Unknown, Some(true)) => {
            let next = if sight.is_hello_only() {
                "; depth routine tells whether it insists"
            } else {
                ""
            };
            Answer::warn(
                "The endpoint asks for a client certificate; whether it insists on one was not seen",
                evidence(sight, request),
                format!("{}{next}", sight.on_endpoint(SWITCH_OFF)),
            )
        }
        (ClientCertificateMode::NotRequested, _) | (ClientCertificateMode::Unknown, Some(false)) => {
            Answer::pass(
                "The endpoint asks for no client certificate",
                evidence(sight, request),
            )
        }
        (ClientCertificateMode::Unknown, None) => unseen(sight),
    }
}

pub(crate) fn requested(sight: &Sight<'_>) -> Answer {
    let Some(request) = request(sight) else {
        return unseen(sight);
    };
    match (request.mode, request.requested) {
        (ClientCertificateMode::Required, _) => Answer::pass(
            "The endpoint insists on a client certificate",
            evidence(sight, request),
        ),
        (ClientCertificateMode::Optional, _) => Answer::pass(
            "The endpoint asks for a client certificate and goes on without one",
            evidence(sight, request),
        ),
        (ClientCertificateMode::Unknown, Some(true)) => Answer::pass(
            "The endpoint asks for a client certificate; whether it insists on one was not seen",
            evidence(sight, request),
        ),
        (ClientCertificateMode::NotRequested, _) | (ClientCertificateMode::Unknown, Some(false)) => {
            Answer::fail(
                "The endpoint asks for no client certificate, so that callers cannot show theirs",
                evidence(sight, request),
                sight.on_endpoint("switch client certificate verification (mutual TLS) on for this listener"),
            )
        }
        (ClientCertificateMode::Unknown, None) => unseen(sight),
    }
}

/// Whether the peer finished the handshake and ended the connection before OPTIONS was sent.
fn ended_at_once(sight: &Sight<'_>) -> bool {
    let seen = sight.observation;
    let reason = seen.error.as_ref().map(|error| error.reason);
    sight.handshake().is_some_and(|handshake| handshake.completed)
        && seen.sip == SipOutcome::NotSent
        && reason == Some(Reason::SipClosed)
}

fn request<'a>(sight: &Sight<'a>) -> Option<&'a ClientCertificate> {
    sight.handshake().map(|handshake| &handshake.client_certificate)
}

fn unseen(sight: &Sight<'_>) -> Answer {
    Answer::skip(format!(
        "Whether a client certificate is asked for was not seen: {}",
        sight.why_not()
    ))
}

fn evidence(sight: &Sight<'_>, request: &ClientCertificate) -> String {
    let mut parts = Vec::new();
    if !request.evidence.is_empty() {
        parts.push(request.evidence.clone());
    }
    if request.requested == Some(true) {
        parts.push(format!(
            "certificate types: {}",
            text::list(&request.certificate_types)
        ));
        parts.push(format!(
            "signature algorithms: {}",
            text::list(&request.signature_algorithms)
        ));
        let authorities = request
            .authorities
            .iter()
            .map(|authority| match &authority.subject_hash {
                Some(hash) => format!("{} [{hash}]", text::shown(&authority.name)),
                None => text::shown(&authority.name),
            });
        parts.push(match request.authorities.len() {
            0 => "CA names: none, which means any".to_owned(),
            count => format!("CA names ({count}): {}", text::list(authorities)),
        });
        if let Some(alert) = sight.handshake().and_then(|handshake| handshake.alert) {
            parts.push(format!("alert {}", text::alert(alert)));
        }
    } else {
        parts.push("no CertificateRequest before ServerHelloDone".to_owned());
    }
    parts.join("; ")
}
