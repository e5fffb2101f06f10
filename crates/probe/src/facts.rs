//! From the TLS client's state to the facts of an observation.

use crate::classify::blames_cryptography;
use siptls_cert::Name;
use siptls_model::{Authority, ClientCertificate, ClientCertificateMode, Handshake, escape_text_bounded};
use siptls_tls12::{Client, Failure, SentCertificate};
use siptls_wire::{CertificateRequest, ExtensionType};
use std::time::Duration;

/// Longest CA name shown, in characters; real ones have below 200.
const MAX_AUTHORITY_CHARS: usize = 512;

/// How a connection went on after the server's flight, as far as it bears on a client certificate.
#[derive(Clone, Debug)]
pub(crate) enum Aftermath {
    /// Our side of the handshake was never sent.
    NotSent,
    /// It failed before the server's Finished.
    Failed(Failure),
    /// The peer was silent instead of sending its Finished.
    Silent,
    /// Finished, and failed before we sent anything.
    FailedAtOnce(Failure),
    /// Finished, and closed before we sent anything.
    ClosedAtOnce {
        /// With close_notify.
        notified: bool,
    },
    /// Finished, and stayed open for this long before OPTIONS was sent.
    StayedOpen(Duration),
    /// Finished, and SIP was answered.
    Answered,
}

/// The handshake as far as it was read; `None` when not one byte of TLS was.
pub(crate) fn handshake(client: &Client, completed: bool, aftermath: &Aftermath) -> Option<Handshake> {
    let transcript = client.transcript();
    if transcript.server_hello.is_none() && transcript.alerts.is_empty() {
        return None;
    }
    let hello = transcript.server_hello.as_ref();
    Some(Handshake {
        version: hello.map(|hello| hello.version()),
        cipher_suite: hello.map(|hello| hello.cipher_suite),
        group: transcript.group(),
        key_exchange_signature: transcript.key_exchange_signature(),
        completed,
        alert: client
            .alert()
            .or_else(|| transcript.fatal_alert())
            .map(|alert| alert.description),
        extended_master_secret: hello
            .map(|hello| hello.extension(ExtensionType::EXTENDED_MASTER_SECRET).is_some()),
        // An empty renegotiated_connection: RFC 5746 §3.4.
        secure_renegotiation: hello
            .map(|hello| hello.extension(ExtensionType::RENEGOTIATION_INFO) == Some(&[0])),
        ocsp_stapled: transcript.certificate_status.is_some(),
        client_certificate: client_certificate(client, aftermath),
    })
}

fn client_certificate(client: &Client, aftermath: &Aftermath) -> ClientCertificate {
    let transcript = client.transcript();
    let Some(request) = &transcript.certificate_request else {
        if !transcript.done {
            return ClientCertificate::unknown();
        }
        return ClientCertificate {
            mode: ClientCertificateMode::NotRequested,
            evidence: "the server's flight ended without a CertificateRequest".to_owned(),
            requested: Some(false),
            ..ClientCertificate::unknown()
        };
    };
    let (mode, evidence) = mode(client, aftermath);
    ClientCertificate {
        mode,
        evidence,
        requested: Some(true),
        certificate_types: request.certificate_types.clone(),
        signature_algorithms: request.signature_algorithms.clone(),
        authorities: authorities(request),
    }
}

/// Optional or required, from what became of an empty certificate; see [`ClientCertificateMode`].
fn mode(client: &Client, aftermath: &Aftermath) -> (ClientCertificateMode, String) {
    use ClientCertificateMode::{Optional, Required, Unknown};
    if client.sent_certificate() != Some(SentCertificate::Empty) {
        return (
            Unknown,
            "requested; no empty certificate was sent to see whether it insists".to_owned(),
        );
    }
    match aftermath {
        Aftermath::NotSent | Aftermath::Silent => (
            Unknown,
            "requested; the server answered nothing to an empty certificate".to_owned(),
        ),
        Aftermath::Failed(Failure::Alert(alert)) if blames_cryptography(alert.description) => {
            let text = format!(
                "requested; after an empty certificate the server sent {}",
                alert.description
            );
            (Unknown, format!("{text}, which does not speak of certificates"))
        }
        Aftermath::Failed(failure @ (Failure::Alert(_) | Failure::Ended { .. })) => {
            (Required, format!("an empty certificate was refused: {failure}"))
        }
        Aftermath::Failed(failure) => (
            Unknown,
            format!("requested; the handshake ended for another reason: {failure}"),
        ),
        Aftermath::FailedAtOnce(Failure::Alert(alert)) if blames_cryptography(alert.description) => (
            Unknown,
            format!(
                "requested; the server finished the handshake and then sent {}",
                alert.description
            ),
        ),
        Aftermath::FailedAtOnce(failure) => (
            Required,
            format!("the handshake was finished, then the empty certificate was refused: {failure}"),
        ),
        Aftermath::ClosedAtOnce { notified: false } => {
            let text = "the handshake was finished with an empty certificate, then the connection ended at once, without close_notify";
            (Required, text.to_owned())
        }
        // An orderly goodbye refuses nothing: a proxy whose backend is down says it too.
        Aftermath::ClosedAtOnce { notified: true } => {
            let text = "requested; the handshake was finished with an empty certificate, then the server said close_notify at once";
            (Unknown, text.to_owned())
        }
        Aftermath::StayedOpen(time) => {
            let time = time.as_millis();
            let text =
                format!("the handshake was finished with an empty certificate and stayed open for {time} ms");
            (Optional, text)
        }
        Aftermath::Answered => (
            Optional,
            "the handshake was finished with an empty certificate and SIP was answered".to_owned(),
        ),
    }
}

fn authorities(request: &CertificateRequest) -> Vec<Authority> {
    request
        .authorities
        .iter()
        .map(|der| match Name::from_der(der) {
            Ok(name) => Authority {
                name: escape_text_bounded(name.text(), MAX_AUTHORITY_CHARS),
                subject_hash: Some(name.hash_hex()),
            },
            Err(_) => Authority {
                name: format!("(unreadable, {} bytes)", der.len()),
                subject_hash: None,
            },
        })
        .collect()
}
