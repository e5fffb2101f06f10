//! `openssl s_server`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crate::namespace::Namespace;
use crate::peer::{ClientAuth, Peer};
use crate::pki::{Identity, Pki};
use crate::port::Port;
use crate::process::{Running, folder};

/// A running `openssl s_server`: TLS 1.2, one connection at a time, prints what clients send, answers nothing.
#[derive(Debug)]
pub struct OpensslServer {
    running: Running,
    port: Port,
    host: IpAddr,
}

/// What an [`OpensslServer`] will be.
#[derive(Debug, Clone)]
pub struct OpensslRig {
    identity: Identity,
    ciphers: String,
    groups: Option<String>,
    client_auth: ClientAuth,
    options: Vec<&'static str>,
    arguments: Vec<String>,
    version: &'static str,
    host: IpAddr,
}

impl OpensslServer {
    /// A server with this identity, every cipher OpenSSL has (security level 0), every group, no client certificate.
    #[expect(clippy::new_ret_no_self, reason = "the rig is what is built first")]
    pub fn new(identity: &Identity) -> OpensslRig {
        OpensslRig {
            identity: identity.clone(),
            ciphers: "ALL".to_owned(),
            groups: None,
            client_auth: ClientAuth::None,
            options: Vec::new(),
            arguments: Vec::new(),
            version: "-tls1_2",
            host: Ipv4Addr::LOCALHOST.into(),
        }
    }
}

impl OpensslRig {
    /// OpenSSL's cipher list: `AES256-SHA:ECDHE-RSA-AES256-GCM-SHA384`.
    #[must_use]
    pub fn ciphers(mut self, list: &str) -> Self {
        list.clone_into(&mut self.ciphers);
        self
    }

    /// OpenSSL's group list: `P-384:X25519`.
    #[must_use]
    pub fn groups(mut self, list: &str) -> Self {
        self.groups = Some(list.to_owned());
        self
    }

    /// Client certificates; one that is sent and is not good ends the handshake.
    #[must_use]
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// No extended master secret (RFC 7627).
    #[must_use]
    pub fn without_ems(mut self) -> Self {
        self.options.push("-ExtendedMasterSecret");
        self
    }

    /// No encrypt-then-MAC (RFC 7366).
    #[must_use]
    pub fn without_etm(mut self) -> Self {
        self.options.push("-EncryptThenMac");
        self
    }

    /// Another version's flag: `-tls1`, `-tls1_1`, `-tls1_3`, or `-no_ssl3` for all of them.
    #[must_use]
    pub fn version(mut self, flag: &'static str) -> Self {
        self.version = flag;
        self
    }

    /// Another address to listen on than 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, host: IpAddr) -> Self {
        self.host = host;
        self
    }

    /// Sends each line back reversed, which is no SIP.
    #[must_use]
    pub fn reversing(self) -> Self {
        self.argument("-rev")
    }

    /// One more argument of `s_server`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When it does not listen in time; the message carries its log.
    pub fn start(&self) -> OpensslServer {
        let port = Port::lease();
        let folder = folder("openssl");
        let command = self.command(folder.path(), SocketAddr::new(self.host, port.number()));
        let running = Running::start("openssl s_server", folder, command).listening(port.number());
        OpensslServer {
            running,
            port,
            host: self.host,
        }
    }

    /// Starts it at this address inside a namespace.
    ///
    /// # Panics
    ///
    /// As [`OpensslRig::start`].
    pub fn start_in(&self, namespace: &Namespace, address: SocketAddr) -> Running {
        let folder = folder("openssl");
        let command = namespace.enter(&self.command(folder.path(), address));
        Running::start("openssl s_server", folder, command).listening_at(address)
    }

    fn command(&self, folder: &Path, address: SocketAddr) -> Command {
        let options = if self.options.is_empty() {
            String::new()
        } else {
            format!("Options = {}\n", self.options.join(","))
        };
        let configuration = folder.join("openssl.cnf");
        fs::write(
            &configuration,
            format!("openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\n{options}MinProtocol = None\n"),
        )
        .expect("write openssl.cnf");
        let mut command = Command::new("openssl");
        command.env("OPENSSL_CONF", &configuration);
        command.args(["s_server", "-accept", &address.to_string(), self.version]);
        command.args(["-cipher", &format!("{}:@SECLEVEL=0", self.ciphers)]);
        command
            .arg("-cert")
            .arg(&self.identity.certificate)
            .arg("-key")
            .arg(&self.identity.key);
        if let Some(issuers) = &self.identity.issuers {
            command.arg("-cert_chain").arg(issuers);
        }
        if let Some(groups) = &self.groups {
            command.args(["-curves", groups]);
        }
        let mode = match self.client_auth {
            ClientAuth::None => None,
            ClientAuth::Optional => Some("-verify"),
            ClientAuth::Required => Some("-Verify"),
        };
        if let Some(mode) = mode {
            command
                .args([mode, "5", "-verify_return_error", "-CAfile"])
                .arg(Pki::shared().root());
        }
        command.args(&self.arguments);
        command
    }
}

impl Peer for OpensslServer {
    fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port.number())
    }

    fn running(&self) -> &Running {
        &self.running
    }
}
