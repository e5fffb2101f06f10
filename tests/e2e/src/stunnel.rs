//! stunnel, ending TLS in front of a plain server.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::peer::{ClientAuth, Peer};
use crate::pki::{Identity, Pki};
use crate::port::Port;
use crate::process::{Running, folder};

/// A running stunnel that ends TLS 1.2 and connects to `backend` only after the handshake.
#[derive(Debug)]
pub struct Stunnel {
    running: Running,
    port: Port,
}

impl Stunnel {
    /// Starts one; plain bytes go to `backend`.
    ///
    /// # Panics
    ///
    /// When it does not listen in time; the message carries its log.
    pub fn start(identity: &Identity, client_auth: ClientAuth, backend: SocketAddr) -> Self {
        let port = Port::lease();
        let folder = folder("stunnel");
        let root = Pki::shared().root();
        let verify = match client_auth {
            ClientAuth::None => String::new(),
            ClientAuth::Optional => format!("CAfile = {}\nverify = 1\n", root.display()),
            ClientAuth::Required => format!("CAfile = {}\nverify = 2\n", root.display()),
        };
        let configuration = folder.path().join("stunnel.conf");
        fs::write(
            &configuration,
            format!(
                "foreground = yes\npid =\ndebug = info\nsyslog = no\n[sips]\naccept = {}\nconnect = {backend}\ncert = {}\nkey = {}\n\
                 sslVersionMin = TLSv1.2\nsslVersionMax = TLSv1.2\n{verify}",
                port.address(),
                identity.chain.display(),
                identity.key.display(),
            ),
        )
        .expect("write stunnel.conf");
        let mut command = Command::new("stunnel4");
        command.arg(&configuration);
        let running = Running::start("stunnel", folder, command).listening(port.number());
        Self { running, port }
    }
}

impl Peer for Stunnel {
    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn running(&self) -> &Running {
        &self.running
    }
}
