//! From what ended a connection to the closed list of reasons.

use siptls_model::{Phase, ProbeError, Reason};
use siptls_tls12::{Client, Failure, NotCompletable, SentCertificate, Violation, public_key};
use siptls_wire::{Alert, AlertDescription, Error as WireError, ProtocolVersion};
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;

/// Linux' and the BSDs' numbers of "too many open files", of the process and of the system, which
/// the standard library has no kind for.
const TOO_MANY_FILES: [i32; 2] = [24, 23];

/// The reason of a TCP connection that did not open.
pub(crate) fn of_connect(fault: &io::Error, address: SocketAddr) -> ProbeError {
    let reason = match fault.kind() {
        // Of IPv6 it says that this machine has no such address to dial from, as in most containers.
        io::ErrorKind::AddrNotAvailable if address.is_ipv6() => Reason::Unreachable,
        io::ErrorKind::ConnectionRefused => Reason::ConnectionRefused,
        io::ErrorKind::TimedOut => Reason::ConnectTimeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Reason::ConnectionReset,
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory | io::ErrorKind::AddrInUse => {
            Reason::LocalResource
        }
        _ if fault
            .raw_os_error()
            .is_some_and(|code| TOO_MANY_FILES.contains(&code)) =>
        {
            Reason::LocalResource
        }
        // Host or network unreachable, no route, or forbidden by a local rule.
        _ => Reason::Unreachable,
    };
    ProbeError {
        phase: Phase::Connect,
        reason,
        message: format!("the TCP connection did not open: {fault}"),
    }
}

/// The phase in which a handshake stands that is not finished.
pub(crate) fn tls_phase(client: &Client) -> Phase {
    let transcript = client.transcript();
    if transcript.done {
        Phase::Handshake
    } else if transcript.server_hello.is_some() {
        Phase::ServerFlight
    } else {
        Phase::ServerHello
    }
}

/// The reason of a handshake that failed.
pub(crate) fn of_handshake(client: &Client, failure: &Failure) -> ProbeError {
    let reason = handshake_reason(client, failure);
    let message = match (reason, failure) {
        (Reason::ClientCertificateRequired, _) => {
            format!("{failure} after it had asked for a client certificate and got an empty one")
        }
        (Reason::ClientCertificateRefused, _) => format!("{failure} after it got the client certificate"),
        (Reason::HandshakeRefused, Failure::Alert(_)) => format!("{failure} in answer to the ClientHello"),
        (Reason::PlainSip | Reason::PlainHttp | Reason::NotTls, _) => {
            format!("the peer does not speak TLS: {failure}")
        }
        (_, Failure::Alert(alert)) if alert.description == AlertDescription::UNRECOGNIZED_NAME => {
            format!("{failure}: it does not serve the server name that was sent, or wants one")
        }
        (_, Failure::Ended { .. }) => format!("{failure}{}", warnings(client)),
        _ => failure.to_string(),
    };
    ProbeError {
        phase: tls_phase(client),
        reason,
        message,
    }
}

/// The warnings that a peer gave before it ended or fell silent, as the end of a sentence.
fn warnings(client: &Client) -> String {
    let mut text = String::new();
    for alert in &client.transcript().alerts {
        if !alert.is_fatal() && alert.description != AlertDescription::CLOSE_NOTIFY {
            // Writing to a String cannot fail.
            let _ = write!(text, ", after the warning alert {}", alert.description);
        }
    }
    text
}

fn handshake_reason(client: &Client, failure: &Failure) -> Reason {
    match failure {
        Failure::Wire(WireError::NotTls { first }) => match first.as_slice() {
            [b'S', b'I', b'P', b'/', ..] => Reason::PlainSip,
            [b'H', b'T', b'T', b'P', ..] => Reason::PlainHttp,
            _ => Reason::NotTls,
        },
        Failure::Wire(WireError::Malformed(_)) => Reason::MalformedTls,
        Failure::Wire(WireError::Limit(_)) => Reason::TlsLimitExceeded,
        // An older server answers with its own version (RFC 5246 §E.1): refusing ours, not breaking the protocol.
        Failure::Violation(Violation::Version(chosen)) if *chosen < ProtocolVersion::TLS_1_2 => {
            Reason::HandshakeRefused
        }
        Failure::Wire(WireError::Unexpected { .. }) | Failure::Violation(_) => Reason::ProtocolViolation,
        Failure::BadSignature(_) => Reason::BadKeyExchangeSignature,
        Failure::BadRecord(_) | Failure::BadFinished => Reason::BadRecord,
        // No client can read it, not only this one.
        Failure::NotCompletable(NotCompletable::KeyUnreadable) if !has_leaf(client) => Reason::MalformedTls,
        Failure::NotCompletable(_) => Reason::NotCompletable,
        Failure::Alert(alert) => of_alert(client, *alert),
        Failure::Ended { reset } => match client.sent_certificate() {
            Some(SentCertificate::Empty) => Reason::ClientCertificateRequired,
            Some(SentCertificate::Chain) => Reason::ClientCertificateRefused,
            None if *reset => Reason::ConnectionReset,
            None => Reason::ConnectionClosed,
        },
    }
}

/// Whether the first certificate is one as far as its public key goes.
fn has_leaf(client: &Client) -> bool {
    let leaf = client.transcript().certificates.as_deref().and_then(<[_]>::first);
    leaf.is_some_and(|leaf| public_key(leaf).is_some())
}

fn of_alert(client: &Client, alert: Alert) -> Reason {
    if !alert.is_fatal() {
        return match client.sent_certificate() {
            Some(SentCertificate::Empty) => Reason::ClientCertificateRequired,
            Some(SentCertificate::Chain) => Reason::ClientCertificateRefused,
            None => Reason::ConnectionClosed,
        };
    }
    match client.sent_certificate() {
        Some(_) if blames_cryptography(alert.description) => Reason::FatalAlert,
        Some(SentCertificate::Empty) => Reason::ClientCertificateRequired,
        Some(SentCertificate::Chain) => Reason::ClientCertificateRefused,
        None if client.transcript().server_hello.is_none() && refuses_offer(alert.description) => {
            Reason::HandshakeRefused
        }
        None => Reason::FatalAlert,
    }
}

/// Alerts that say that bytes did not decrypt, or that the server broke: they say nothing about a
/// certificate. decode_error is not among them: it is how GnuTLS refuses an empty Certificate.
pub(crate) const fn blames_cryptography(description: AlertDescription) -> bool {
    matches!(
        description,
        AlertDescription::BAD_RECORD_MAC
            | AlertDescription::DECRYPTION_FAILED
            | AlertDescription::RECORD_OVERFLOW
            | AlertDescription::DECRYPT_ERROR
            | AlertDescription::INTERNAL_ERROR
    )
}

/// Alerts that speak of the client's certificate, at whatever moment they come (RFC 5246 §7.2.2,
/// RFC 8446 §6.2).
const fn blames_certificate(description: AlertDescription) -> bool {
    matches!(
        description,
        AlertDescription::NO_CERTIFICATE
            | AlertDescription::BAD_CERTIFICATE
            | AlertDescription::UNSUPPORTED_CERTIFICATE
            | AlertDescription::CERTIFICATE_UNKNOWN
            | AlertDescription::UNKNOWN_CA
            | AlertDescription::CERTIFICATE_REQUIRED
    )
}

/// Alerts that answer an offer none of which is acceptable (RFC 5246 §7.2.2).
const fn refuses_offer(description: AlertDescription) -> bool {
    matches!(
        description,
        AlertDescription::HANDSHAKE_FAILURE
            | AlertDescription::INSUFFICIENT_SECURITY
            | AlertDescription::PROTOCOL_VERSION
    )
}

/// The reason of an established connection that failed.
pub(crate) fn of_established(client: &Client, failure: &Failure) -> Reason {
    match failure {
        Failure::Alert(alert) if blames_certificate(alert.description) => match client.sent_certificate() {
            Some(SentCertificate::Empty) => Reason::ClientCertificateRequired,
            Some(SentCertificate::Chain) => Reason::ClientCertificateRefused,
            None => Reason::SipClosed,
        },
        Failure::Wire(WireError::Malformed(_)) => Reason::MalformedTls,
        Failure::Wire(WireError::Limit(_)) => Reason::TlsLimitExceeded,
        Failure::Wire(_) | Failure::Violation(_) => Reason::ProtocolViolation,
        Failure::BadRecord(_) => Reason::BadRecord,
        _ => Reason::SipClosed,
    }
}

/// The reason of a handshake in which the peer fell silent.
pub(crate) fn of_tls_timeout(client: &Client, waited: std::time::Duration) -> ProbeError {
    let phase = tls_phase(client);
    let what = match phase {
        Phase::ServerHello => "answered the ClientHello",
        Phase::ServerFlight => "sent the whole of its flight",
        _ => "answered our part of the handshake",
    };
    let message = format!(
        "the peer had not {what} after {:.1} s{}",
        waited.as_secs_f64(),
        warnings(client)
    );
    ProbeError {
        phase,
        reason: Reason::TlsTimeout,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use siptls_model::Who;
    use siptls_tls12::{Event, Plan};
    use siptls_wire::{
        AlertLevel, CipherSuite, HandshakeType, Offer, ServerHello, write_alert, write_certificates,
        write_handshake,
    };
    use std::sync::Arc;
    use std::time::Duration;

    const SUITE: CipherSuite = CipherSuite::TLS_RSA_WITH_AES_256_GCM_SHA384;

    fn client() -> Client {
        let offer = Offer {
            legacy_version: ProtocolVersion::TLS_1_2,
            cipher_suites: vec![SUITE],
            groups: vec![],
            signature_algorithms: vec![],
            versions: vec![],
            extensions: vec![],
        };
        let plan = Plan {
            offer: Arc::new(offer),
            server_name: None,
            identity: None,
            finish: true,
        };
        Client::new(plan, [7; 32])
    }

    fn server_hello(version: ProtocolVersion) -> Vec<u8> {
        let hello = ServerHello {
            legacy_version: version,
            random: [9; 32],
            session_id: vec![],
            cipher_suite: SUITE,
            compression_method: 0,
            extensions: vec![],
        };
        let mut bytes = Vec::new();
        write_handshake(&mut bytes, version, &hello.encode());
        bytes
    }

    /// A whole flight of static RSA.
    fn flight(version: ProtocolVersion, certificates: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = server_hello(version);
        write_handshake(&mut bytes, version, &write_certificates(certificates));
        write_handshake(
            &mut bytes,
            version,
            &[HandshakeType::SERVER_HELLO_DONE.0, 0, 0, 0],
        );
        bytes
    }

    fn alert(level: AlertLevel, description: AlertDescription) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_alert(&mut bytes, ProtocolVersion::TLS_1_2, level, description);
        bytes
    }

    /// What a client makes of these bytes and the end of the stream.
    fn of(bytes: &[u8]) -> ProbeError {
        let mut client = client();
        client.handle_input(bytes);
        client.handle_end(false);
        while let Some(event) = client.poll_event() {
            if let Event::Failed(failure) = event {
                return of_handshake(&client, &failure);
            }
        }
        panic!("expected a failure");
    }

    #[test]
    fn each_way_to_fail_has_its_reason_its_phase_and_its_party() {
        let fatal = |description| alert(AlertLevel::FATAL, description);
        let warning = alert(AlertLevel::WARNING, AlertDescription::UNRECOGNIZED_NAME);
        let tls12 = ProtocolVersion::TLS_1_2;
        let after_hello = [server_hello(tls12), fatal(AlertDescription::HANDSHAKE_FAILURE)];
        for (bytes, reason, phase, who, part) in [
            (
                vec![],
                Reason::ConnectionClosed,
                Phase::ServerHello,
                Who::Peer,
                "closed",
            ),
            (
                warning.clone(),
                Reason::ConnectionClosed,
                Phase::ServerHello,
                Who::Peer,
                "closed the connection, after the warning alert unrecognized_name",
            ),
            (
                alert(AlertLevel::WARNING, AlertDescription::CLOSE_NOTIFY),
                Reason::ConnectionClosed,
                Phase::ServerHello,
                Who::Peer,
                "close_notify",
            ),
            (
                [warning, server_hello(tls12)].concat(),
                Reason::ConnectionClosed,
                Phase::ServerFlight,
                Who::Peer,
                "unrecognized_name",
            ),
            (
                fatal(AlertDescription::HANDSHAKE_FAILURE),
                Reason::HandshakeRefused,
                Phase::ServerHello,
                Who::Peer,
                "in answer to the ClientHello",
            ),
            (
                alert(AlertLevel(7), AlertDescription::HANDSHAKE_FAILURE),
                Reason::HandshakeRefused,
                Phase::ServerHello,
                Who::Peer,
                "handshake_failure",
            ),
            (
                fatal(AlertDescription::UNRECOGNIZED_NAME),
                Reason::FatalAlert,
                Phase::ServerHello,
                Who::Peer,
                "does not serve the server name",
            ),
            (
                after_hello.concat(),
                Reason::FatalAlert,
                Phase::ServerFlight,
                Who::Peer,
                "handshake_failure",
            ),
            (
                flight(ProtocolVersion::TLS_1_1, &[vec![0x30, 0]]),
                Reason::HandshakeRefused,
                Phase::Handshake,
                Who::Peer,
                "TLSv1.1",
            ),
            (
                flight(tls12, &[]),
                Reason::ProtocolViolation,
                Phase::Handshake,
                Who::Peer,
                "certificate",
            ),
            (
                flight(tls12, &[b"\x30\x03abc".to_vec()]),
                Reason::MalformedTls,
                Phase::Handshake,
                Who::Peer,
                "cannot be read",
            ),
            (
                b"SIP/2.0 400 Bad Request\r\n".to_vec(),
                Reason::PlainSip,
                Phase::ServerHello,
                Who::Peer,
                "does not speak TLS",
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
                Reason::PlainHttp,
                Phase::ServerHello,
                Who::Peer,
                "does not speak TLS",
            ),
            (
                b"SSH-2.0-x\r\n".to_vec(),
                Reason::NotTls,
                Phase::ServerHello,
                Who::Peer,
                "SSH-2",
            ),
        ] {
            let error = of(&bytes);
            assert_eq!(
                (error.reason, error.phase, error.reason.who()),
                (reason, phase, who),
                "{error}"
            );
            assert!(error.message.contains(part), "{error}");
        }
    }

    #[test]
    fn what_this_engine_cannot_do_is_ours() {
        let mut client = client();
        client.handle_input(&server_hello(ProtocolVersion::TLS_1_2));
        for failure in [
            NotCompletable::LargeRsaKey { bits: 9216 },
            NotCompletable::SmallRsaKey { bits: 1024 },
            NotCompletable::Parameters,
        ] {
            let error = of_handshake(&client, &failure.into());
            assert_eq!(
                (error.reason, error.reason.who()),
                (Reason::NotCompletable, Who::Us),
                "{error}"
            );
        }
    }

    #[test]
    fn silence_is_told_by_how_far_the_peer_came() {
        let tls12 = ProtocolVersion::TLS_1_2;
        let warning = alert(AlertLevel::WARNING, AlertDescription::UNRECOGNIZED_NAME);
        for (bytes, phase, message) in [
            (
                vec![],
                Phase::ServerHello,
                "the peer had not answered the ClientHello after 5.0 s",
            ),
            (
                warning,
                Phase::ServerHello,
                "the peer had not answered the ClientHello after 5.0 s, after the warning alert unrecognized_name",
            ),
            (
                server_hello(tls12),
                Phase::ServerFlight,
                "the peer had not sent the whole of its flight after 5.0 s",
            ),
        ] {
            let mut client = client();
            client.handle_input(&bytes);
            let error = of_tls_timeout(&client, Duration::from_secs(5));
            assert_eq!(
                (error.reason, error.phase, error.message.as_str()),
                (Reason::TlsTimeout, phase, message)
            );
        }
    }

    #[test]
    fn a_connection_that_does_not_open() {
        let v4: SocketAddr = "192.0.2.7:5061".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::7]:5061".parse().unwrap();
        let os = io::Error::from_raw_os_error;
        for (fault, address, reason) in [
            (os(111), v4, Reason::ConnectionRefused),
            (os(110), v4, Reason::ConnectTimeout),
            (os(104), v4, Reason::ConnectionReset),
            (os(101), v6, Reason::Unreachable),
            (os(113), v4, Reason::Unreachable),
            (os(24), v4, Reason::LocalResource),
            // EADDRNOTAVAIL: no port is left, or no IPv6 address to dial from.
            (os(99), v4, Reason::LocalResource),
            (os(99), v6, Reason::Unreachable),
        ] {
            let error = of_connect(&fault, address);
            assert_eq!(
                (error.reason, error.phase),
                (reason, Phase::Connect),
                "{fault} {address}"
            );
        }
    }
}
