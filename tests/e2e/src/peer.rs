//! What all peers have in common.

use std::net::SocketAddr;

use crate::process::Running;
use crate::wait::{DEADLINE, until};

/// How a server treats client certificates. Whoever asks sends the name of [`crate::Pki::root`], if it sends names at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Sends no CertificateRequest.
    None,
    /// Asks, and goes on without one; one that is sent is verified where the server can be told to.
    Optional,
    /// Asks, and refuses to go on without a good one.
    Required,
}

impl ClientAuth {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Optional, Self::Required];
}

/// A real server that runs and listens.
pub trait Peer {
    /// Where it listens, on loopback.
    fn address(&self) -> SocketAddr;

    /// Its process.
    fn running(&self) -> &Running;

    /// What it printed so far.
    fn log(&self) -> String {
        self.running().log()
    }

    /// Waits until it printed `text`.
    ///
    /// # Panics
    ///
    /// When the deadline passes.
    fn await_printed(&self, text: &str) {
        until(&format!("the peer to print {text:?}"), DEADLINE, || {
            self.log().contains(text).then_some(())
        });
    }
}

/// A valid SIP OPTIONS request over TLS (RFC 3261 §11).
pub fn sip_options(host: &str) -> String {
    format!(
        "OPTIONS sip:{host} SIP/2.0\r\nVia: SIP/2.0/TLS probe.example.test;branch=z9hG4bK776asdhds\r\n\
         Max-Forwards: 70\r\nTo: <sip:{host}>\r\nFrom: <sip:probe.example.test>;tag=1928301774\r\n\
         Call-ID: a84b4c76e66710@probe.example.test\r\nCSeq: 1 OPTIONS\r\nContact: <sip:probe.example.test;transport=tls>\r\n\
         Accept: application/sdp\r\nContent-Length: 0\r\n\r\n"
    )
}
