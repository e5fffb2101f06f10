//! A client and a server in memory, and offers for them.

use siptls_lab::{Server, ServerConfig, ServerEvent};
use siptls_model::clock;
use siptls_tls12::{Client, Event, Identity, Plan};
use siptls_wire::{CipherSuite, ExtensionType, NamedGroup, Offer, ProtocolVersion, SignatureScheme};
use std::sync::Arc;

pub(crate) fn pki() -> siptls_lab::Pki {
    siptls_lab::Pki::new(clock::now()).unwrap()
}

/// An offer of these suites and groups, otherwise that of a mainstream client.
pub(crate) fn offer(suites: &[CipherSuite], groups: &[NamedGroup]) -> Offer {
    Offer {
        legacy_version: ProtocolVersion::TLS_1_2,
        cipher_suites: suites.to_vec(),
        groups: groups.to_vec(),
        signature_algorithms: vec![
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::ECDSA_SECP256R1_SHA256,
        ],
        versions: vec![],
        extensions: vec![
            ExtensionType::SERVER_NAME,
            ExtensionType::EC_POINT_FORMATS,
            ExtensionType::SUPPORTED_GROUPS,
            ExtensionType::EXTENDED_MASTER_SECRET,
            ExtensionType::SIGNATURE_ALGORITHMS,
            ExtensionType::RENEGOTIATION_INFO,
        ],
    }
}

/// The eight suites and the curve of Genesys BYOC Cloud.
pub(crate) fn byoc() -> Offer {
    use CipherSuite as C;
    let suites = [
        C::TLS_RSA_WITH_AES_256_CBC_SHA,
        C::TLS_RSA_WITH_AES_128_GCM_SHA256,
        C::TLS_RSA_WITH_AES_256_GCM_SHA384,
        C::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
        C::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        C::TLS_RSA_WITH_AES_256_CBC_SHA256,
        C::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
    ];
    offer(&suites, &[NamedGroup::SECP384R1])
}

pub(crate) fn client(offer: Offer, identity: Option<&Arc<Identity>>) -> Client {
    let plan = Plan {
        offer: Arc::new(offer),
        server_name: Some(siptls_lab::SERVER_NAME.to_owned()),
        identity: identity.cloned(),
        finish: true,
    };
    Client::new(plan, siptls_tls12::random())
}

/// Both ends of a connection in memory.
pub(crate) struct Pair {
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) client_events: Vec<Event>,
    pub(crate) server_events: Vec<ServerEvent>,
}

impl Pair {
    pub(crate) fn new(client: Client, config: ServerConfig) -> Self {
        let server = Server::new(Arc::new(config));
        Self {
            client,
            server,
            client_events: Vec::new(),
            server_events: Vec::new(),
        }
    }

    /// Carries bytes to and fro, `step` at a time, until neither end has any.
    pub(crate) fn run_in_steps(&mut self, step: usize) {
        loop {
            let (to_server, to_client) = (self.client.take_output(), self.server.take_output());
            if to_server.is_empty() && to_client.is_empty() {
                break;
            }
            to_server
                .chunks(step)
                .for_each(|bytes| self.server.handle_input(bytes));
            to_client
                .chunks(step)
                .for_each(|bytes| self.client.handle_input(bytes));
        }
        if let Some(ending) = self.server.ending() {
            self.client.handle_end(ending == siptls_lab::Ending::Reset);
        }
        while let Some(event) = self.client.poll_event() {
            self.client_events.push(event);
        }
        while let Some(event) = self.server.poll_event() {
            self.server_events.push(event);
        }
    }

    pub(crate) fn run(&mut self) {
        self.run_in_steps(usize::MAX);
    }

    /// Carries one batch of the client's bytes to the server, changed on the way.
    pub(crate) fn tamper(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.client.take_output();
        change(&mut bytes);
        self.server.handle_input(&bytes);
    }
}
