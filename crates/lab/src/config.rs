//! How a server of the lab behaves.

use crate::{Credentials, Sip};
use siptls_wire::{AlertDescription, CipherSuite, NamedGroup};
use std::sync::Arc;
use std::time::Duration;

/// How a server of the lab behaves.
///
/// ```
/// use siptls_lab::{Chain, ClientCertificates, Pki, Refusal, ServerConfig};
/// use siptls_model::clock;
///
/// let pki = Pki::new(clock::now()).unwrap();
/// let config = ServerConfig {
///     client_certificates: ClientCertificates::Required(Refusal::Reset),
///     ..ServerConfig::new(pki.credentials(Chain::Good))
/// };
/// assert!(config.extended_master_secret);
/// ```
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Suites, in the server's order. Those that its key does not fit are passed over.
    pub suites: Vec<CipherSuite>,
    /// Groups of ECDHE, in the server's order.
    pub groups: Vec<NamedGroup>,
    /// Whose order counts, for suites and groups.
    pub order: Order,
    /// Chain and key.
    pub credentials: Arc<Credentials>,
    /// Whether a client certificate is asked for.
    pub client_certificates: ClientCertificates,
    /// CA names of the CertificateRequest, each DER; none means any.
    pub authorities: Vec<Vec<u8>>,
    /// Extended master secret (RFC 7627) is answered when offered.
    pub extended_master_secret: bool,
    /// Secure renegotiation (RFC 5746) is answered when offered.
    pub secure_renegotiation: bool,
    /// What SIP requests are answered.
    pub sip: Sip,
    /// One thing done wrong.
    pub twist: Option<Twist>,
    /// How bytes are sent.
    pub delivery: Delivery,
}

impl ServerConfig {
    /// A server in good order: the suites of BYOC Cloud, strongest first, all groups beginning
    /// with secp384r1, no client certificate, OPTIONS answered with 200.
    #[must_use]
    pub fn new(credentials: Arc<Credentials>) -> Self {
        Self {
            suites: vec![
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
                CipherSuite::TLS_RSA_WITH_AES_256_GCM_SHA384,
                CipherSuite::TLS_RSA_WITH_AES_128_GCM_SHA256,
                CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA256,
                CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA,
            ],
            groups: vec![
                NamedGroup::SECP384R1,
                NamedGroup::SECP256R1,
                NamedGroup::SECP521R1,
                NamedGroup::X25519,
            ],
            order: Order::Server,
            credentials,
            client_certificates: ClientCertificates::NotRequested,
            authorities: Vec::new(),
            extended_master_secret: true,
            secure_renegotiation: true,
            sip: Sip::Answers,
            twist: None,
            delivery: Delivery::default(),
        }
    }
}

/// Whose order of preference counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The server's.
    Server,
    /// The client's.
    Client,
}

/// Whether a client certificate is asked for.
///
/// Any certificate whose key made the CertificateVerify is taken: the lab judges no clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No CertificateRequest.
    NotRequested,
    /// Asked for, and an empty list is accepted.
    Optional,
    /// Asked for, and an empty list is refused.
    Required(Refusal),
    /// Asked for, and whatever is presented is refused with this alert; so is an empty list.
    Rejected(AlertDescription),
}

impl ClientCertificates {
    pub(crate) const fn is_requested(self) -> bool {
        !matches!(self, Self::NotRequested)
    }
}

/// How an empty client certificate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// At once, with this fatal alert; OpenSSL sends handshake_failure.
    Alert(AlertDescription),
    /// At once, by closing without a word.
    Close,
    /// At once, by a reset.
    Reset,
    /// After its own Finished, with this fatal alert.
    Late(AlertDescription),
}

/// How the stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By a FIN.
    Close,
    /// By a reset.
    Reset,
}

/// How bytes are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// One byte at a time, with this pause between two.
    pub pace: Option<Duration>,
    /// The stream ends early.
    pub cut: Option<Cut>,
}

/// Where and how a stream ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Where.
    pub after: Extent,
    /// How.
    pub ending: Ending,
}

/// A place in what the server sends. The stream ends when the server would send the next byte
/// after it, so that with zero nothing at all is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// After so many bytes.
    Bytes(usize),
    /// After so many records; the lab's servers send each handshake message in its own.
    Records(usize),
}

/// One thing that a server does wrong in a handshake that is otherwise good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    /// Chooses a suite that was not offered.
    SuiteNotOffered,
    /// Uses a group that was not offered.
    GroupNotOffered,
    /// Sends a public point that is not on the curve.
    PointOffCurve,
    /// Signs the key exchange wrongly.
    BadSignature,
    /// Sends a Finished that does not match the handshake.
    WrongFinished,
    /// Damages the record that holds its Finished.
    BadMac,
    /// Asks for a client certificate after Finished.
    RequestAfterFinished,
    /// Begins another handshake after Finished, without waiting for the client's consent.
    Renegotiation,
    /// Sends one kind of record after Finished for as long as the client listens.
    Flood(Flood),
}

/// A kind of record that means nothing, alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    /// Application data of length zero.
    EmptyRecords,
    /// Warning alerts.
    Warnings,
    /// HelloRequests.
    HelloRequests,
}
