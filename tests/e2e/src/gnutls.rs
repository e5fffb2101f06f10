//! `gnutls-serv`.

use std::net::SocketAddr;
use std::process::Command;

use crate::peer::{ClientAuth, Peer};
use crate::pki::{Identity, Pki};
use crate::port::Port;
use crate::process::{Running, folder};

/// A running `gnutls-serv`: echoes what it gets; binds the wildcard address; sends the names of [`Pki::root`] when it asks.
///
/// In the optional mode a certificate that is sent is verified. GnuTLS accepts a client certificate without the clientAuth purpose.
#[derive(Debug)]
pub struct GnutlsServer {
    running: Running,
    port: Port,
}

impl GnutlsServer {
    /// GnuTLS's own choice, with static RSA, for TLS 1.2 alone. `:%NO_SESSION_HASH` takes the extended master secret away.
    pub const PRIORITY: &str = "NORMAL:-VERS-ALL:+VERS-TLS1.2:+RSA";

    /// Starts one with a GnuTLS priority string.
    ///
    /// # Panics
    ///
    /// When it does not listen in time; the message carries its log.
    pub fn start(identity: &Identity, priority: &str, client_auth: ClientAuth) -> Self {
        Self::with_flags(
            identity,
            priority,
            &[&["--echo"], asking(client_auth)].concat(),
            client_auth != ClientAuth::None,
        )
    }

    /// Starts one that is a web server: what is no HTTP it answers with an HTML page, and closes.
    ///
    /// # Panics
    ///
    /// As [`GnutlsServer::start`].
    pub fn web(identity: &Identity, priority: &str, client_auth: ClientAuth) -> Self {
        Self::with_flags(
            identity,
            priority,
            asking(client_auth),
            client_auth != ClientAuth::None,
        )
    }

    /// Starts one that asks for a client certificate with an empty list of authorities and takes any or none.
    ///
    /// # Panics
    ///
    /// As [`GnutlsServer::start`].
    pub fn asking_without_names(identity: &Identity, priority: &str) -> Self {
        Self::with_flags(identity, priority, &["--echo"], false)
    }

    fn with_flags(identity: &Identity, priority: &str, flags: &[&str], names: bool) -> Self {
        let port = Port::lease();
        let mut command = Command::new("gnutls-serv");
        command
            .args(["--port", &port.number().to_string(), "--priority", priority])
            .args(flags);
        command
            .arg("--x509certfile")
            .arg(&identity.chain)
            .arg("--x509keyfile")
            .arg(&identity.key);
        if names {
            command.arg("--x509cafile").arg(Pki::shared().root());
        }
        let running = Running::start("gnutls-serv", folder("gnutls"), command).listening(port.number());
        Self { running, port }
    }
}

fn asking(client_auth: ClientAuth) -> &'static [&'static str] {
    match client_auth {
        ClientAuth::None => &["--disable-client-cert"],
        ClientAuth::Optional => &["--verify-client-cert"],
        ClientAuth::Required => &["--require-client-cert", "--verify-client-cert"],
    }
}

impl Peer for GnutlsServer {
    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn running(&self) -> &Running {
        &self.running
    }
}
