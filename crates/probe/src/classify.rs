//! From what ended a connection to the closed list of reasons.

use siptls_model::{Phase, ProbeError, Reason};
use siptls_tls12::{Client, Failure, SentCertificate, Violation};
use siptls_wire::{Alert, AlertDescription, Error as WireError, ProtocolVersion};
use std::io;

/// Linux' and the BSDs' numbers of "too many open files", of the process and of the system, which
/// the standard library has no kind for.
const TOO_MANY_FILES: [i32; 2] = [24, 23];

/// The reason of a TCP connection that did not open.
pub(crate) fn of_connect(fault: &io::Error) -> ProbeError {
    let reason = match fault.kind() {
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
        _ => failure.to_string(),
    };
    ProbeError {
        phase: tls_phase(client),
        reason,
        message,
    }
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
pub(crate) fn of_established(failure: &Failure) -> Reason {
    match failure {
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
    let message = format!("the peer had not {what} after {:.1} s", waited.as_secs_f64());
    ProbeError {
        phase,
        reason: Reason::TlsTimeout,
        message,
    }
}
