//! `openssl s_client` as the independent oracle: one question for each run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::pki::{Identity, Pki};
use crate::process::{Running, finish, folder};
use crate::wait::DEADLINE;

/// A question to a server, asked by `openssl s_client` over TLS 1.2 at security level 0.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    server_name: String,
    ciphers: String,
    groups: Option<String>,
    identity: Option<Identity>,
    trust: PathBuf,
    version: &'static str,
    arguments: Vec<String>,
}

/// What one run of `s_client` found. A handshake that failed still carries all that was read before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The handshake was finished.
    pub connected: bool,
    /// OpenSSL's name of the suite: `ECDHE-RSA-AES256-GCM-SHA384`.
    pub cipher: Option<String>,
    /// The version in OpenSSL's spelling: `TLSv1.2`.
    pub protocol: Option<String>,
    /// The key-exchange group in the names of the IANA: `secp256r1`, `secp384r1`, `secp521r1`, `x25519`; none with static RSA.
    pub group: Option<String>,
    /// A CertificateRequest was received.
    pub certificate_requested: bool,
    /// "Acceptable client certificate CA names", in the order sent.
    pub certificate_authorities: Vec<String>,
    /// "Client Certificate Types", in the order sent: `RSA sign`.
    pub certificate_types: Vec<String>,
    /// "Requested Signature Algorithms", in the order sent: `RSA-PSS+SHA256`.
    pub signature_algorithms: Vec<String>,
    /// Number of the fatal alert received, if any.
    pub alert: Option<u8>,
    /// "Verify return code" against the trusted root and the server name: 0 is good.
    pub verify_code: Option<u32>,
    /// "Extended master secret: yes".
    pub extended_master_secret: Option<bool>,
    /// "Secure Renegotiation IS supported".
    pub secure_renegotiation: Option<bool>,
    /// Certificates received.
    pub certificates: usize,
    /// Everything that was printed.
    pub text: String,
}

impl Client {
    /// Asks this address with SNI `sbc.example.test`, all ciphers, all groups, no identity, trusting [`Pki::root`].
    pub fn to(address: SocketAddr) -> Self {
        Self {
            address,
            server_name: "sbc.example.test".to_owned(),
            ciphers: "ALL".to_owned(),
            groups: None,
            identity: None,
            trust: Pki::shared().root(),
            version: "-tls1_2",
            arguments: Vec::new(),
        }
    }

    /// Another name for SNI and verification.
    #[must_use]
    pub fn server_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.server_name);
        self
    }

    /// OpenSSL's cipher list.
    #[must_use]
    pub fn ciphers(mut self, list: &str) -> Self {
        list.clone_into(&mut self.ciphers);
        self
    }

    /// OpenSSL's group list.
    #[must_use]
    pub fn groups(mut self, list: &str) -> Self {
        self.groups = Some(list.to_owned());
        self
    }

    /// A client certificate with its intermediate.
    #[must_use]
    pub fn identity(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// Another version's flag: `-tls1_3`.
    #[must_use]
    pub fn version(mut self, flag: &'static str) -> Self {
        self.version = flag;
        self
    }

    /// One more argument of `s_client`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Makes one connection, finishes the handshake if the server lets it, and closes.
    ///
    /// # Panics
    ///
    /// When `openssl` is missing or the server leaves it waiting.
    pub fn ask(&self) -> Answer {
        let mut command = self.command();
        command.args(["-showcerts", "-msg"]);
        let finished = finish(&mut command, b"", DEADLINE);
        Answer::read(&format!("{}\n{}", finished.stdout, finished.stderr))
    }

    /// Finishes a handshake, sends `text` and waits until the answer contains `expected`; gives the whole answer.
    ///
    /// # Panics
    ///
    /// When the answer does not come in time or the connection ends before; the message carries what was printed.
    pub fn converse(&self, text: &str, expected: &str) -> String {
        let mut command = self.command();
        command.args(["-quiet", "-no_ign_eof"]);
        let mut running = Running::start("openssl s_client", folder("client"), command);
        running.type_in(text);
        running.await_log(expected);
        let answer = running.log();
        running.terminate(Duration::from_secs(5));
        answer
    }

    fn command(&self) -> Command {
        let mut command = Command::new("openssl");
        command.env_remove("OPENSSL_CONF");
        command.args([
            "s_client",
            "-connect",
            &self.address.to_string(),
            "-servername",
            &self.server_name,
            self.version,
        ]);
        command.args([
            "-cipher",
            &format!("{}:@SECLEVEL=0", self.ciphers),
            "-verify_hostname",
            &self.server_name,
        ]);
        command.arg("-CAfile").arg(&self.trust);
        if let Some(groups) = &self.groups {
            command.args(["-curves", groups]);
        }
        if let Some(identity) = &self.identity {
            command
                .arg("-cert")
                .arg(&identity.certificate)
                .arg("-key")
                .arg(&identity.key);
            if let Some(issuers) = &identity.issuers {
                command.arg("-cert_chain").arg(issuers);
            }
        }
        command.args(&self.arguments);
        command
    }
}

impl Answer {
    fn read(text: &str) -> Self {
        let after = |label: &str| {
            text.lines()
                .find_map(|line| line.trim().strip_prefix(label))
                .map(str::trim)
        };
        let cipher = text
            .lines()
            .find_map(|line| {
                line.starts_with("New, ")
                    .then(|| line.rsplit_once("Cipher is "))
                    .flatten()
            })
            .map(|(_, cipher)| cipher.trim())
            .filter(|cipher| *cipher != "(NONE)");
        let list = |label: &str, separator: char| -> Vec<String> {
            let entries = after(label).unwrap_or_default().split(separator).map(str::trim);
            entries
                .filter(|entry| !entry.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let received = |message: &str| {
            text.lines()
                .any(|line| line.starts_with("<<<") && line.trim_end().ends_with(&format!(", {message}")))
        };
        Self {
            connected: cipher.is_some() && received("Finished"),
            cipher: cipher.map(str::to_owned),
            protocol: after("Protocol  :").map(str::to_owned),
            group: after("Server Temp Key:").map(group),
            certificate_requested: received("CertificateRequest"),
            certificate_authorities: authorities(text),
            certificate_types: list("Client Certificate Types:", ','),
            signature_algorithms: list("Requested Signature Algorithms:", ':'),
            alert: text
                .lines()
                .find_map(|line| line.rsplit_once("SSL alert number "))
                .and_then(|(_, number)| number.trim().parse().ok()),
            verify_code: after("Verify return code:")
                .and_then(|line| line.split_whitespace().next())
                .and_then(|number| number.parse().ok()),
            extended_master_secret: after("Extended master secret:").map(|answer| answer == "yes"),
            secure_renegotiation: after("Secure Renegotiation")
                .map(|answer| answer.starts_with("IS supported")),
            certificates: text.matches("-----BEGIN CERTIFICATE-----").count(),
            text: text.to_owned(),
        }
    }
}

/// `ECDH, secp384r1, 384 bits`, `ECDH, prime256v1, 256 bits`, `X25519, 253 bits`.
fn group(line: &str) -> String {
    let mut words = line.split(',').map(str::trim);
    let name = match words.next() {
        Some("ECDH") => words.next().unwrap_or_default(),
        other => other.unwrap_or_default(),
    };
    match name {
        "prime256v1" => "secp256r1".to_owned(),
        "X25519" => "x25519".to_owned(),
        other => other.to_owned(),
    }
}

fn authorities(text: &str) -> Vec<String> {
    text.lines()
        .skip_while(|line| *line != "Acceptable client certificate CA names")
        .skip(1)
        .take_while(|line| line.contains('=') && !line.contains(": "))
        .map(str::to_owned)
        .collect()
}
