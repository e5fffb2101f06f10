//! Kamailio with its TLS module.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::namespace::Namespace;
use crate::peer::{ClientAuth, Peer};
use crate::pki::{Identity, Pki};
use crate::port::Port;
use crate::process::{Running, complete, folder};

/// A running Kamailio that answers OPTIONS with 200 and anything else with 405, over TLS 1.2 alone.
///
/// Debian's 5.6.3 dies under concurrent handshakes at a high rate: one connection at a time.
#[derive(Debug)]
pub struct Kamailio {
    running: Running,
    port: Port,
}

impl Kamailio {
    /// Starts one; `ciphers` is OpenSSL's list, `None` for Kamailio's own choice.
    ///
    /// # Panics
    ///
    /// When it does not listen in time; the message carries its log.
    pub fn start(identity: &Identity, ciphers: Option<&str>, client_auth: ClientAuth) -> Self {
        let port = Port::lease();
        let folder = folder("kamailio");
        let domain = domain(identity, ciphers, client_auth);
        let command = command(folder.path(), &domain, port.address());
        let mut running = Running::start("kamailio", folder, command).listening(port.number());
        running.await_log("SIP workers are up");
        Self { running, port }
    }

    /// Starts one whose part of `tls.cfg` beside certificate, key and CA list is `lines`, and that takes another by
    /// [`Kamailio::reload`].
    ///
    /// # Panics
    ///
    /// As [`Kamailio::start`].
    pub fn reloadable(identity: &Identity, lines: &str) -> Self {
        let port = Port::lease();
        let folder = folder("kamailio");
        let command = command(folder.path(), &reloaded(identity, lines), port.address());
        let main = folder.path().join("kamailio.cfg");
        let text = fs::read_to_string(&main).expect("read kamailio.cfg");
        let control = format!(
            "loadmodule \"ctl.so\"\nmodparam(\"ctl\", \"binrpc\", \"unix:{}\")\nloadmodule \"tls.so\"",
            folder.path().join("ctl").display()
        );
        fs::write(&main, text.replace("loadmodule \"tls.so\"", &control)).expect("write kamailio.cfg");
        let mut running = Running::start("kamailio", folder, command).listening(port.number());
        running.await_log("SIP workers are up");
        Self { running, port }
    }

    /// Other lines for `tls.cfg`, and `kamcmd tls.reload`.
    ///
    /// # Panics
    ///
    /// When Kamailio does not take them.
    pub fn reload(&self, identity: &Identity, lines: &str) {
        let folder = self.running.folder();
        fs::write(folder.join("tls.cfg"), reloaded(identity, lines)).expect("write tls.cfg");
        let mut command = Command::new("kamcmd");
        command
            .arg("-s")
            .arg(format!("unix:{}", folder.join("ctl").display()));
        let output = complete(command.arg("tls.reload"));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("reloaded"), "{said}");
    }

    /// Starts one at this address inside a namespace, with its own choice of ciphers; it asks for no client certificate.
    ///
    /// # Panics
    ///
    /// As [`Kamailio::start`].
    pub fn start_in(namespace: &Namespace, identity: &Identity, address: SocketAddr) -> Running {
        let folder = folder("kamailio");
        let domain = domain(identity, None, ClientAuth::None);
        let command = namespace.enter(&command(folder.path(), &domain, address));
        let mut running = Running::start("kamailio", folder, command).listening_at(address);
        running.await_log("SIP workers are up");
        running
    }
}

fn command(folder: &Path, domain: &str, address: SocketAddr) -> Command {
    let tls = folder.join("tls.cfg");
    let main = folder.join("kamailio.cfg");
    fs::write(&tls, domain).expect("write tls.cfg");
    fs::write(&main, configuration(address, &tls.display().to_string())).expect("write kamailio.cfg");
    let mut command = Command::new("kamailio");
    command
        .args(["-DD", "-E", "-m", "32", "-M", "8", "-f"])
        .arg(&main);
    command.arg("-Y").arg(folder).arg("-P").arg(folder.join("pid"));
    command
}

impl Peer for Kamailio {
    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn running(&self) -> &Running {
        &self.running
    }
}

fn reloaded(identity: &Identity, lines: &str) -> String {
    format!(
        "[server:default]\nmethod = TLSv1.2+\ncertificate = {}\nprivate_key = {}\nca_list = {}\n{lines}\n",
        identity.chain.display(),
        identity.key.display(),
        Pki::shared().root().display()
    )
}

fn domain(identity: &Identity, ciphers: Option<&str>, client_auth: ClientAuth) -> String {
    let (verify, require) = match client_auth {
        ClientAuth::None => ("no", "no"),
        ClientAuth::Optional => ("yes", "no"),
        ClientAuth::Required => ("yes", "yes"),
    };
    let mut text = format!(
        "[server:default]\nmethod = TLSv1.2\nverify_certificate = {verify}\nrequire_certificate = {require}\n\
         certificate = {}\nprivate_key = {}\n",
        identity.chain.display(),
        identity.key.display()
    );
    if client_auth != ClientAuth::None {
        text.push_str(&format!("ca_list = {}\n", Pki::shared().root().display()));
    }
    if let Some(ciphers) = ciphers {
        text.push_str(&format!("cipher_list = {ciphers}\n"));
    }
    text
}

fn configuration(address: SocketAddr, tls: &str) -> String {
    format!(
        r#"#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=2
enable_tls=yes
listen=tls:{address}
auto_aliases=no
dns=no
rev_dns=no
tcp_connection_lifetime=60
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "textops.so"
loadmodule "tls.so"
modparam("tls", "config", "{tls}")

event_route[core:worker-one-init] {{
    xlog("L_WARN", "SIP workers are up\n");
}}

request_route {{
    if (method == "OPTIONS") {{
        append_to_reply("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n");
        sl_send_reply("200", "OK");
    }} else {{
        sl_send_reply("405", "Method Not Allowed");
    }}
    exit;
}}
"#
    )
}
