//! HAProxy, ending TLS in front of a small SIP responder.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::peer::{ClientAuth, Peer};
use crate::pki::{Identity, Pki};
use crate::port::Port;
use crate::process::{Running, folder};

/// A running HAProxy that ends TLS 1.2; behind it nothing listens unless `backend` is given, so a finished handshake is then
/// followed by a close.
#[derive(Debug)]
pub struct Haproxy {
    running: Running,
    port: Port,
}

impl Haproxy {
    /// Starts one; plain bytes go to `backend`.
    ///
    /// # Panics
    ///
    /// When it does not listen in time; the message carries its log.
    pub fn start(identity: &Identity, client_auth: ClientAuth, backend: Option<SocketAddr>) -> Self {
        let port = Port::lease();
        let folder = folder("haproxy");
        let verify = match client_auth {
            ClientAuth::None => "verify none".to_owned(),
            ClientAuth::Optional => format!("verify optional ca-file {}", Pki::shared().root().display()),
            ClientAuth::Required => format!("verify required ca-file {}", Pki::shared().root().display()),
        };
        let backend = backend.map_or_else(String::new, |address| format!("    server sip {address}\n"));
        let configuration = folder.path().join("haproxy.cfg");
        fs::write(
            &configuration,
            format!(
                "global\n    log stdout format raw local0\n    nbthread 1\n    maxconn 200\ndefaults\n    mode tcp\n    log global\n    \
                 option tcplog\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n\
                 frontend sips\n    bind {} ssl crt {} ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2 {verify}\n    default_backend sip\n\
                 backend sip\n{backend}",
                port.address(),
                identity.bundle.display(),
            ),
        )
        .expect("write haproxy.cfg");
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f"]).arg(&configuration);
        let running = Running::start("haproxy", folder, command).listening(port.number());
        Self { running, port }
    }
}

impl Peer for Haproxy {
    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn running(&self) -> &Running {
        &self.running
    }
}
