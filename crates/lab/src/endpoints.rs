//! The endpoints of the demonstration.

use crate::serve::{ANY_PORT, Behaviour, Served};
use crate::{Chain, ClientCertificates, LabError, Pki, Refusal, SERVER_NAME, ServerConfig, Sip};
use jiff::Timestamp;
use siptls_model::Verdict;
use siptls_wire::{AlertDescription, CipherSuite, NamedGroup};
use std::net::SocketAddr;
use std::sync::Arc;

/// One endpoint of the demonstration, before it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demonstration {
    /// Its name: lower case, words joined by `-`.
    pub name: &'static str,
    /// What it does, as one sentence.
    pub description: &'static str,
    /// What it is to be judged by the profile `genesys-byoc-customer`, with the lab's root as the
    /// only one trusted, at depth `routine`.
    pub expected: Verdict,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Good,
    Asks,
    Requires,
    StaticRsaCbc,
    P256Only,
    Shown(Chain),
    Sip(Sip),
    PlainSip,
    Silent,
}

impl Demonstration {
    /// Every endpoint of the demonstration.
    pub const ALL: &'static [Self] = &[
        Self {
            name: "good",
            description: "Everything as Genesys BYOC Cloud wants it.",
            expected: Verdict::Pass,
            kind: Kind::Good,
        },
        Self {
            name: "asks-client-certificate",
            description: "Asks for a client certificate and goes on without one.",
            expected: Verdict::Warn,
            kind: Kind::Asks,
        },
        Self {
            name: "requires-client-certificate",
            description: "Asks for a client certificate and refuses a caller that has none.",
            expected: Verdict::Fail,
            kind: Kind::Requires,
        },
        Self {
            name: "static-rsa-cbc",
            description: "Has RSA key exchange with AES-CBC alone, and shares only a suite whose removal is announced.",
            expected: Verdict::Warn,
            kind: Kind::StaticRsaCbc,
        },
        Self {
            name: "p256-only",
            description: "Has ECDHE on secp256r1 alone, so that a caller with secp384r1 alone is refused.",
            expected: Verdict::Fail,
            kind: Kind::P256Only,
        },
        Self {
            name: "expired",
            description: "Its certificate ended 30 days ago.",
            expected: Verdict::Fail,
            kind: Kind::Shown(Chain::Expired),
        },
        Self {
            name: "expires-soon",
            description: "Its certificate ends in seven days.",
            expected: Verdict::Warn,
            kind: Kind::Shown(Chain::ExpiresSoon),
        },
        Self {
            name: "wrong-name",
            description: "Its certificate is for another name than the one dialled.",
            expected: Verdict::Fail,
            kind: Kind::Shown(Chain::WrongName),
        },
        Self {
            name: "incomplete-chain",
            description: "Sends its certificate without the intermediate that signed it.",
            expected: Verdict::Fail,
            kind: Kind::Shown(Chain::Incomplete),
        },
        Self {
            name: "unknown-root",
            description: "Its certificate leads to a root that the caller does not trust.",
            expected: Verdict::Fail,
            kind: Kind::Shown(Chain::UnknownRoot),
        },
        Self {
            name: "not-sip",
            description: "Speaks TLS well and then HTTP instead of SIP.",
            expected: Verdict::Warn,
            kind: Kind::Sip(Sip::Http),
        },
        Self {
            name: "plain-sip",
            description: "Speaks SIP without TLS on the port.",
            expected: Verdict::Inconclusive,
            kind: Kind::PlainSip,
        },
        Self {
            name: "silent",
            description: "Accepts the connection and never says a word.",
            expected: Verdict::Inconclusive,
            kind: Kind::Silent,
        },
    ];

    fn behaviour(&self, pki: &Pki) -> Behaviour {
        let good = ServerConfig::new(pki.credentials(Chain::Good));
        let asking = |client_certificates| ServerConfig {
            client_certificates,
            authorities: vec![pki.root_subject().to_vec()],
            ..good.clone()
        };
        let config = match self.kind {
            Kind::Good => good,
            Kind::Asks => asking(ClientCertificates::Optional),
            Kind::Requires => asking(ClientCertificates::Required(Refusal::Alert(
                AlertDescription::HANDSHAKE_FAILURE,
            ))),
            Kind::StaticRsaCbc => ServerConfig {
                suites: vec![
                    CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA256,
                    CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA,
                ],
                ..good
            },
            Kind::P256Only => ServerConfig {
                suites: vec![
                    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                ],
                groups: vec![NamedGroup::SECP256R1],
                ..good
            },
            Kind::Shown(chain) => ServerConfig::new(pki.credentials(chain)),
            Kind::Sip(sip) => ServerConfig { sip, ..good },
            Kind::PlainSip => return Behaviour::PlainSip,
            Kind::Silent => return Behaviour::Silent,
        };
        Behaviour::Tls(Arc::new(config))
    }
}

/// An endpoint of the demonstration that listens.
#[derive(Debug)]
pub struct Running {
    /// Its name.
    pub name: &'static str,
    /// What it does, as one sentence.
    pub description: &'static str,
    /// Where it listens: 127.0.0.1 and a free port.
    pub address: SocketAddr,
    /// The name to send as SNI and to verify.
    pub server_name: String,
    /// What it is to be judged, see [`Demonstration::expected`].
    pub expected: Verdict,
    served: Served,
}

impl Running {
    /// How many connections it has accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.served.accepted()
    }

    /// The most connections it had open at one time.
    #[must_use]
    pub fn most_open(&self) -> usize {
        self.served.most_open()
    }
}

/// The demonstration: every endpoint, listening, until it is dropped or shut down.
#[derive(Debug)]
pub struct Lab {
    /// The endpoints, in the order of [`Demonstration::ALL`].
    pub endpoints: Vec<Running>,
    /// The root that signed their certificates, as PEM: the trust anchor to probe them with.
    pub root_pem: String,
}

impl Lab {
    /// Makes the certificates, relative to `now`, and listens. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When a certificate cannot be made or an address cannot be listened on.
    pub async fn start(now: Timestamp) -> Result<Self, LabError> {
        let made = tokio::task::spawn_blocking(move || Pki::new(now)).await;
        let pki = made.unwrap_or_else(|_| Pki::new(now))?;
        let mut endpoints = Vec::with_capacity(Demonstration::ALL.len());
        for demonstration in Demonstration::ALL {
            let served = Served::start(ANY_PORT, demonstration.behaviour(&pki)).await?;
            endpoints.push(Running {
                name: demonstration.name,
                description: demonstration.description,
                address: served.address(),
                server_name: SERVER_NAME.to_owned(),
                expected: demonstration.expected,
                served,
            });
        }
        Ok(Self {
            endpoints,
            root_pem: pki.root_pem().to_owned(),
        })
    }

    /// Ends every endpoint and waits until their ports are free.
    pub async fn shutdown(self) {
        for running in self.endpoints {
            running.served.shutdown().await;
        }
    }
}
