//! What one visit to one address saw.

use crate::finding::Revocation;
use crate::outcome::{Phase, ProbeError, Reason};
use crate::reference::ReferenceResult;
use crate::rehearsal::Rehearsal;
use crate::removal::PeerRegion;
use crate::survey::SurveyResult;
use crate::target::Target;
use jiff::Timestamp;
use serde::Serialize;
use siptls_cert::Chain;
use siptls_wire::{
    AlertDescription, CipherSuite, ClientCertificateType, NamedGroup, Offer, ProtocolVersion, SignatureScheme,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What one visit to one address saw: facts without opinion. What was not seen is `None`.
#[derive(Clone, Debug)]
pub struct Observation {
    /// What was visited.
    pub target: Arc<Target>,
    /// The address visited; `None` when no address was found.
    pub address: Option<SocketAddr>,
    /// The SRV record that led there, or to no address; `None` when none was used.
    pub srv: Option<Arc<SrvRecord>>,
    /// When the visit began, wall clock.
    pub started_at: Timestamp,
    /// How long it took, from resolving to the close.
    pub duration: Duration,
    /// TCP connections opened, counted at the socket.
    pub connections_opened: u32,
    /// The furthest phase that succeeded.
    pub phase_reached: Option<Phase>,
    /// Why the visit stopped short; `None` when it reached what its depth asks for.
    pub error: Option<ProbeError>,
    /// Time spent in each phase.
    pub phases: PhaseDurations,
    /// What the ClientHello offered; `None` when none was sent.
    pub offer: Option<Arc<Offer>>,
    /// The TLS handshake as far as it was read; `None` when not one byte of TLS was.
    pub handshake: Option<Handshake>,
    /// The certificates as sent; `None` when no Certificate message was read.
    pub chain: Option<Arc<Chain>>,
    /// What revocation lists say of them, as of the visit; `None` when nobody asked.
    pub revocation: Option<Arc<Revocation>>,
    /// What came of SIP OPTIONS.
    pub sip: SipOutcome,
    /// What a survey found besides; `None` when the visit was none.
    pub survey: Option<Arc<SurveyResult>>,
    /// What the reference client at the end of a survey came to; `None` when the visit was none.
    pub reference: Option<Arc<ReferenceResult>>,
    /// The load balancers that dial the endpoint, as others' visits saw them; `None`: its region is not known.
    pub peer_region: Option<Arc<PeerRegion>>,
    /// Which client certificates the endpoint accepts; `None` when the visit had none to present.
    pub rehearsal: Option<Arc<Rehearsal>>,
    /// The record of the ClientHello as sent; empty when none was.
    pub hello: Arc<[u8]>,
    /// Our side of the handshake behind the server's flight, up to Finished, was sent.
    pub answered: bool,
    /// Every byte of the server's clear-text records that was read: the evidence. Bounded by
    /// `siptls_wire`'s flight limit.
    pub flight: Arc<[u8]>,
}

impl Observation {
    /// A visit of which nothing was seen yet.
    #[must_use]
    pub fn blank(target: &Arc<Target>, address: Option<SocketAddr>, started_at: Timestamp) -> Self {
        Self {
            target: Arc::clone(target),
            address,
            srv: None,
            started_at,
            duration: Duration::ZERO,
            connections_opened: 0,
            phase_reached: None,
            error: None,
            phases: PhaseDurations::default(),
            offer: None,
            handshake: None,
            chain: None,
            revocation: None,
            sip: SipOutcome::NotSent,
            survey: None,
            reference: None,
            peer_region: None,
            rehearsal: None,
            hello: Arc::default(),
            answered: false,
            flight: Arc::default(),
        }
    }

    /// Whether there was no visit, because the address was to be left in peace.
    #[must_use]
    pub fn is_postponed(&self) -> bool {
        let reason = self.error.as_ref().map(|error| error.reason);
        reason == Some(Reason::Postponed)
    }

    /// Where the visit went, different for each observation of one visit: the address; without one, the SRV target and
    /// port that had none; else nothing. Escaped.
    #[must_use]
    pub fn place(&self) -> String {
        match (self.address, &self.srv) {
            (Some(address), _) => address.to_string(),
            (None, Some(srv)) => format!("{}:{}", srv.target, srv.port),
            (None, None) => String::new(),
        }
    }
}

/// An SRV record of a SIPS service (RFC 2782, RFC 3263 §4.2): `_sips._tcp.HOST SRV priority weight port target`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SrvRecord {
    /// The name that was asked about, `_sips._tcp.HOST`.
    pub owner: String,
    /// The lower, the sooner it is to be tried.
    pub priority: u16,
    /// Its share among the records of one priority.
    pub weight: u16,
    /// Name of the machine: lower case, without the trailing dot, escaped.
    pub target: String,
    /// Port of the service there.
    pub port: u16,
}

/// Time spent in each phase; `None` for a phase that was not entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseDurations {
    /// Looking the host up; `None` for an address literal.
    pub resolve: Option<Duration>,
    /// From SYN to an open connection.
    pub connect: Option<Duration>,
    /// From the ClientHello to the end of the handshake (or of the flight at depth `hello`).
    pub tls: Option<Duration>,
    /// From OPTIONS sent to its final answer read.
    pub sip: Option<Duration>,
}

/// A TLS handshake as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Version of the ServerHello.
    pub version: Option<ProtocolVersion>,
    /// Suite of the ServerHello.
    pub cipher_suite: Option<CipherSuite>,
    /// Group of the ServerKeyExchange; `None` for static RSA.
    pub group: Option<NamedGroup>,
    /// Signature scheme of the ServerKeyExchange.
    pub key_exchange_signature: Option<SignatureScheme>,
    /// Both Finished messages were verified.
    pub completed: bool,
    /// The fatal alert that the peer sent.
    pub alert: Option<AlertDescription>,
    /// Whether the ServerHello took up extended_master_secret (RFC 7627).
    pub extended_master_secret: Option<bool>,
    /// Whether the ServerHello took up renegotiation_info (RFC 5746).
    pub secure_renegotiation: Option<bool>,
    /// Whether an OCSP response was stapled (RFC 6066 §8).
    pub ocsp_stapled: bool,
    /// What was seen about a client certificate.
    pub client_certificate: ClientCertificate,
}

/// Whether the peer asks for a client certificate, and how much it insists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificateMode {
    /// The flight was read to its end and had no CertificateRequest.
    NotRequested,
    /// Requested; an empty answer was accepted.
    Optional,
    /// Requested; an empty answer was refused, by an alert or twice by an end without one.
    Required,
    /// Not seen, or requested and what happens to an empty answer was not seen.
    Unknown,
}

impl ClientCertificateMode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::NotRequested, Self::Optional, Self::Required, Self::Unknown];

    /// The code used in reports and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotRequested => "not_requested",
            Self::Optional => "optional",
            Self::Required => "required",
            Self::Unknown => "unknown",
        }
    }
}

/// What was seen about a client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The mode.
    pub mode: ClientCertificateMode,
    /// How the mode is known, as one sentence for people.
    pub evidence: String,
    /// Whether a CertificateRequest was read; `None` when the flight was not read to its end.
    pub requested: Option<bool>,
    /// `certificate_types` of the CertificateRequest (RFC 5246 §7.4.4).
    pub certificate_types: Vec<ClientCertificateType>,
    /// `supported_signature_algorithms` of the CertificateRequest.
    pub signature_algorithms: Vec<SignatureScheme>,
    /// `certificate_authorities` of the CertificateRequest; empty means any.
    pub authorities: Vec<Authority>,
}

impl ClientCertificate {
    /// Nothing is known.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            mode: ClientCertificateMode::Unknown,
            evidence: String::new(),
            requested: None,
            certificate_types: Vec::new(),
            signature_algorithms: Vec::new(),
            authorities: Vec::new(),
        }
    }
}

/// A CA name of a CertificateRequest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Authority {
    /// The distinguished name as text (RFC 4514), escaped.
    pub name: String,
    /// OpenSSL's subject hash, eight hexadecimal digits; `None` when the name is not DER.
    pub subject_hash: Option<String>,
}

/// What came of SIP OPTIONS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SipOutcome {
    /// The visit did not come so far, or its depth does not ask for it.
    NotSent,
    /// Sent; no well-formed final response came. The observation's error says why.
    NotAnswered,
    /// A well-formed final response came.
    Answered(SipAnswer),
}

impl SipOutcome {
    /// The answer, when there is one.
    #[must_use]
    pub const fn answer(&self) -> Option<&SipAnswer> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::NotSent | Self::NotAnswered => None,
        }
    }
}

/// A final response to OPTIONS (RFC 3261 §11.2). Texts are the peer's, escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipAnswer {
    /// Status code, 200 to 699.
    pub status: u16,
    /// Reason phrase, verbatim but escaped.
    pub reason_phrase: String,
    /// Server header, else User-Agent.
    pub server: Option<String>,
    /// Methods of the Allow header.
    pub allow: Vec<String>,
    /// From OPTIONS sent to this answer read.
    pub duration: Duration,
}
