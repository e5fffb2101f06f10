//! From the TLS client's state to the facts of an observation.

use crate::classify::blames_cryptography;
use siptls_cert::Name;
use siptls_model::{
    AttemptResult, Authority, ClientCertificate, ClientCertificateMode, Handshake, escape_text_bounded,
};
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
    /// Finished, and failed without a word of SIP.
    FailedAtOnce(Failure),
    /// Finished, and sent application data before we sent anything.
    SpokeFirst,
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

impl Aftermath {
    /// Whether the peer ended the connection and gave no alert that says why: once, that may be a glitch.
    pub(crate) const fn is_end_without_alert(&self) -> bool {
        matches!(
            self,
            Self::Failed(Failure::Ended { .. }) | Self::ClosedAtOnce { .. }
        )
    }
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
    let (mode, evidence) = mode(client.sent_certificate(), aftermath);
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
fn mode(sent: Option<SentCertificate>, aftermath: &Aftermath) -> (ClientCertificateMode, String) {
    if sent != Some(SentCertificate::Empty) {
        return (
            ClientCertificateMode::Unknown,
            "requested; no empty certificate was sent to see whether it insists".to_owned(),
        );
    }
    let (result, evidence) = answer(["an empty certificate", "the empty certificate"], aftermath);
    match result {
        AttemptResult::Accepted => (ClientCertificateMode::Optional, evidence),
        AttemptResult::Refused => (ClientCertificateMode::Required, evidence),
        AttemptResult::Unknown => (ClientCertificateMode::Unknown, format!("requested; {evidence}")),
    }
}

/// Whether the peer went on with an identity's certificate, and how that is known.
pub(crate) fn attempt(sent: Option<SentCertificate>, aftermath: &Aftermath) -> (AttemptResult, String) {
    match sent {
        Some(SentCertificate::Chain) => answer(["the certificate", "the certificate"], aftermath),
        Some(SentCertificate::Empty) => (
            AttemptResult::Unknown,
            "nothing was presented: this time the key could not sign as the server asked".to_owned(),
        ),
        None => (
            AttemptResult::Unknown,
            "nothing was presented: this time the connection did not come so far or the server did not ask"
                .to_owned(),
        ),
    }
}

/// What a peer made of a Certificate message, and how that is known; the message with its article at first and
/// second mention.
fn answer([one, the]: [&str; 2], aftermath: &Aftermath) -> (AttemptResult, String) {
    use AttemptResult::{Accepted, Refused, Unknown};
    match aftermath {
        Aftermath::NotSent | Aftermath::Silent => (Unknown, format!("the server answered nothing to {one}")),
        Aftermath::Failed(Failure::Alert(alert)) if blames_cryptography(alert.description) => {
            let text = format!("after {one} the server sent {}", alert.description);
            (Unknown, format!("{text}, which does not speak of certificates"))
        }
        Aftermath::Failed(failure @ (Failure::Alert(_) | Failure::Ended { .. })) => {
            (Refused, format!("{one} was refused: {failure}"))
        }
        Aftermath::Failed(failure) => (
            Unknown,
            format!("the handshake ended for another reason: {failure}"),
        ),
        Aftermath::FailedAtOnce(Failure::Alert(alert)) if blames_cryptography(alert.description) => (
            Unknown,
            format!(
                "the server finished the handshake and then sent {}",
                alert.description
            ),
        ),
        Aftermath::FailedAtOnce(failure @ Failure::Alert(_)) => (
            Refused,
            format!("the handshake was finished, then {the} was refused: {failure}"),
        ),
        Aftermath::FailedAtOnce(failure) => (
            Unknown,
            format!("the handshake was finished with {one}, then: {failure}"),
        ),
        // stunnel resets when nobody listens behind it: an end alone refuses nothing.
        Aftermath::ClosedAtOnce { notified: false } => (
            Unknown,
            format!(
                "the handshake was finished with {one}, then the connection ended at once, without an alert: a refusal, or a proxy whose backend is down"
            ),
        ),
        // An orderly goodbye refuses nothing: a proxy whose backend is down says it too.
        Aftermath::ClosedAtOnce { notified: true } => (
            Unknown,
            format!("the handshake was finished with {one}, then the server said close_notify at once"),
        ),
        Aftermath::SpokeFirst => (
            Accepted,
            format!("the handshake was finished with {one} and the server spoke first"),
        ),
        Aftermath::StayedOpen(time) => {
            let time = time.as_millis();
            (
                Accepted,
                format!("the handshake was finished with {one} and stayed open for {time} ms"),
            )
        }
        Aftermath::Answered => (
            Accepted,
            format!("the handshake was finished with {one} and SIP was answered"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use siptls_tls12::{BadRecord, Event, Plan, Violation};
    use siptls_wire::{
        Alert, AlertDescription, AlertLevel, CipherSuite, ClientCertificateType, Extension, HandshakeType,
        Offer, ProtocolVersion, ServerHello, SignatureScheme, write_alert, write_certificates,
        write_handshake,
    };
    use std::sync::Arc;

    const VERSION: ProtocolVersion = ProtocolVersion::TLS_1_2;

    fn alert(level: AlertLevel, description: AlertDescription) -> Failure {
        Failure::Alert(Alert { level, description })
    }

    #[test]
    fn only_a_refusal_is_required_and_only_acceptance_is_optional() {
        use ClientCertificateMode::{Optional, Required, Unknown};
        let fatal = |description| alert(AlertLevel::FATAL, description);
        let flood = Failure::Violation(Violation::Flood {
            what: "warning alerts",
            limit: 16,
        });
        let reset = Failure::Ended { reset: true };
        let certificate = AlertDescription::CERTIFICATE_REQUIRED;
        let broken = AlertDescription::INTERNAL_ERROR;
        for (aftermath, expected) in [
            (Aftermath::NotSent, Unknown),
            (Aftermath::Silent, Unknown),
            (Aftermath::Failed(fatal(certificate)), Required),
            (
                Aftermath::Failed(fatal(AlertDescription::HANDSHAKE_FAILURE)),
                Required,
            ),
            (Aftermath::Failed(fatal(AlertDescription::DECODE_ERROR)), Required),
            (
                Aftermath::Failed(alert(AlertLevel::WARNING, AlertDescription::CLOSE_NOTIFY)),
                Required,
            ),
            (Aftermath::Failed(fatal(broken)), Unknown),
            (Aftermath::Failed(reset), Required),
            (Aftermath::Failed(Failure::BadFinished), Unknown),
            (Aftermath::FailedAtOnce(fatal(certificate)), Required),
            (Aftermath::FailedAtOnce(fatal(broken)), Unknown),
            (Aftermath::FailedAtOnce(flood), Unknown),
            (Aftermath::FailedAtOnce(BadRecord.into()), Unknown),
            (Aftermath::ClosedAtOnce { notified: false }, Unknown),
            (Aftermath::ClosedAtOnce { notified: true }, Unknown),
            (Aftermath::SpokeFirst, Optional),
            (Aftermath::StayedOpen(Duration::from_millis(20)), Optional),
            (Aftermath::Answered, Optional),
        ] {
            let (found, evidence) = mode(Some(SentCertificate::Empty), &aftermath);
            assert_eq!(found, expected, "{aftermath:?}");
            assert!(!evidence.is_empty(), "{aftermath:?}");
            // An identity's certificate is judged by the same rules, and only when it was sent.
            let (result, evidence) = attempt(Some(SentCertificate::Chain), &aftermath);
            let same = match expected {
                Optional => AttemptResult::Accepted,
                Required => AttemptResult::Refused,
                _ => AttemptResult::Unknown,
            };
            assert_eq!(result, same, "{aftermath:?}");
            assert!(!evidence.contains("empty"), "{evidence}");
            for sent in [None, Some(SentCertificate::Empty)] {
                assert_eq!(
                    attempt(sent, &aftermath).0,
                    AttemptResult::Unknown,
                    "{aftermath:?}"
                );
            }
            // Without an empty certificate nothing is known about one.
            for sent in [None, Some(SentCertificate::Chain)] {
                assert_eq!(mode(sent, &aftermath).0, Unknown, "{aftermath:?}");
            }
        }
    }

    /// A client that read these messages of a server.
    fn reading(messages: &[Vec<u8>]) -> Client {
        let offer = Offer {
            legacy_version: VERSION,
            cipher_suites: vec![CipherSuite::TLS_RSA_WITH_AES_256_GCM_SHA384],
            groups: vec![],
            signature_algorithms: vec![],
            versions: vec![],
            extensions: vec![ExtensionType::RENEGOTIATION_INFO],
        };
        let plan = Plan {
            offer: Arc::new(offer),
            server_name: None,
            identity: None,
            finish: false,
        };
        let mut client = Client::new(plan, [7; 32]);
        let mut bytes = Vec::new();
        for message in messages {
            write_handshake(&mut bytes, VERSION, message);
        }
        client.handle_input(&bytes);
        client
    }

    fn hello() -> Vec<u8> {
        ServerHello {
            legacy_version: VERSION,
            random: [9; 32],
            session_id: vec![1; 32],
            cipher_suite: CipherSuite::TLS_RSA_WITH_AES_256_GCM_SHA384,
            compression_method: 0,
            extensions: vec![Extension {
                kind: ExtensionType::RENEGOTIATION_INFO,
                data: vec![0],
            }],
        }
        .encode()
    }

    fn request(authorities: Vec<Vec<u8>>) -> Vec<u8> {
        CertificateRequest {
            certificate_types: vec![ClientCertificateType::RSA_SIGN],
            signature_algorithms: vec![SignatureScheme::RSA_PKCS1_SHA256],
            authorities,
        }
        .encode()
    }

    #[test]
    fn what_was_not_read_is_not_known() {
        assert_eq!(handshake(&reading(&[]), false, &Aftermath::NotSent), None);

        let certificates = write_certificates(&[b"no certificate"]);
        let done = vec![HandshakeType::SERVER_HELLO_DONE.0, 0, 0, 0];
        let cases = [
            (vec![hello()], None),
            (vec![hello(), certificates.clone()], None),
            (vec![hello(), certificates.clone(), request(vec![])], Some(true)),
            (vec![hello(), certificates.clone(), done.clone()], Some(false)),
            (
                vec![hello(), certificates, request(vec![b"\x30".to_vec()]), done],
                Some(true),
            ),
        ];
        for (messages, requested) in cases {
            let found = handshake(&reading(&messages), false, &Aftermath::NotSent).unwrap();
            let count = messages.len();
            assert_eq!(found.version, Some(VERSION), "{count}");
            assert_eq!(
                (found.extended_master_secret, found.secure_renegotiation),
                (Some(false), Some(true)),
                "{count}"
            );
            assert_eq!((found.group, found.alert, found.completed), (None, None, false));
            assert_eq!(found.client_certificate.requested, requested, "{count}");
            let mode = found.client_certificate.mode;
            let expected = match requested {
                Some(false) => ClientCertificateMode::NotRequested,
                _ => ClientCertificateMode::Unknown,
            };
            assert_eq!(mode, expected, "{count}");
            for authority in &found.client_certificate.authorities {
                assert_eq!(
                    (authority.name.as_str(), &authority.subject_hash),
                    ("(unreadable, 1 bytes)", &None)
                );
            }
        }
    }

    #[test]
    fn an_alert_alone_is_a_handshake_that_was_seen() {
        for (level, expected) in [
            (AlertLevel::FATAL, Some(AlertDescription::HANDSHAKE_FAILURE)),
            (AlertLevel(0), Some(AlertDescription::HANDSHAKE_FAILURE)),
            (AlertLevel::WARNING, None),
        ] {
            let mut client = reading(&[]);
            let mut bytes = Vec::new();
            write_alert(&mut bytes, VERSION, level, AlertDescription::HANDSHAKE_FAILURE);
            client.handle_input(&bytes);
            let failed = matches!(client.poll_event(), Some(Event::Failed(_)));
            assert_eq!(failed, expected.is_some());
            let found = handshake(&client, false, &Aftermath::NotSent).unwrap();
            assert_eq!((found.alert, found.version), (expected, None), "{level}");
            assert_eq!(found.extended_master_secret, None);
        }
    }
}
