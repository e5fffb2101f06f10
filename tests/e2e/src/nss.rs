//! NSS's `selfserv`.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::peer::{ClientAuth, Peer};
use crate::pki::{Identity, Pki};
use crate::port::Port;
use crate::process::{Running, complete, folder};

/// A running `selfserv`: a small web server on NSS; binds the wildcard address; sends the root of its chain too.
#[derive(Debug)]
pub struct NssServer {
    running: Running,
    port: Port,
}

impl NssServer {
    /// Starts one; `suites` are code points (`0xC030`), `groups` NSS's names (`P384,x25519`), each `None` for NSS's own choice.
    ///
    /// # Panics
    ///
    /// When its certificate store cannot be made or it does not listen in time; the message carries its log.
    pub fn start(
        identity: &Identity,
        suites: Option<&[u16]>,
        groups: Option<&str>,
        client_auth: ClientAuth,
    ) -> Self {
        let port = Port::lease();
        let folder = folder("nss");
        let store = format!("sql:{}", folder.path().display());
        let package = folder.path().join("identity.p12");
        complete(Command::new("certutil").args(["-N", "--empty-password", "-d", &store]));
        for (name, file) in [
            ("root", Pki::shared().root()),
            ("intermediate", Pki::shared().intermediate()),
        ] {
            let trust = if name == "root" { "CT,," } else { ",," };
            complete(
                Command::new("certutil")
                    .args(["-A", "-d", &store, "-n", name, "-t", trust, "-i"])
                    .arg(file),
            );
        }
        complete(
            Command::new("openssl")
                .args(["pkcs12", "-export", "-name", "server", "-passout", "pass:", "-in"])
                .arg(&identity.certificate)
                .arg("-inkey")
                .arg(&identity.key)
                .arg("-out")
                .arg(&package),
        );
        complete(
            Command::new("pk12util")
                .args(["-d", &store, "-W", "", "-K", "", "-i"])
                .arg(&package),
        );
        fs::remove_file(package).expect("remove the package");

        let mut command = Command::new("selfserv");
        command.args([
            "-d",
            &store,
            "-n",
            "server",
            "-p",
            &port.number().to_string(),
            "-V",
            "tls1.2:tls1.2",
            "-G",
            "-v",
        ]);
        if let Some(suites) = suites {
            command.args([
                "-c",
                &suites
                    .iter()
                    .map(|suite| format!(":{suite:04X}"))
                    .collect::<String>(),
            ]);
        }
        if let Some(groups) = groups {
            command.args(["-I", groups]);
        }
        match client_auth {
            ClientAuth::None => {}
            ClientAuth::Optional => {
                command.arg("-r");
            }
            ClientAuth::Required => {
                command.arg("-rr");
            }
        }
        let running = Running::start("selfserv", folder, command).listening(port.number());
        Self { running, port }
    }
}

impl Peer for NssServer {
    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn running(&self) -> &Running {
        &self.running
    }
}
