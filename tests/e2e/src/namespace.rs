//! A network of the test's own, with its own names: fixed ports, several addresses, a name server.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use rustix::process::geteuid;

use crate::process::{Running, complete, folder};

/// What the first process of a namespace does before it only waits.
const SCRIPT: &str = "ip link set lo up && mount --bind \"$1\" /etc/resolv.conf && mount --bind \"$2\" /etc/hosts \
                      && echo the namespace is ready && exec sleep infinity";

/// A network namespace with nothing but a loopback that is up, IPv4 and IPv6, and its own `/etc/resolv.conf` and
/// `/etc/hosts`. It ends with the value.
///
/// Root makes it as it is; anybody else inside a user namespace, where the kernel allows that.
#[derive(Debug)]
pub struct Namespace {
    holder: Running,
    resolv_conf: PathBuf,
    hosts: PathBuf,
    as_user: bool,
}

impl Namespace {
    /// Makes one whose only name server is at `name_server`, whether or not there is one.
    ///
    /// # Panics
    ///
    /// When the kernel refuses; the message carries what `unshare` said.
    pub fn new(name_server: Ipv4Addr) -> Self {
        let folder = folder("namespace");
        let resolv_conf = folder.path().join("resolv.conf");
        let hosts = folder.path().join("hosts");
        fs::write(&resolv_conf, nameserver(name_server)).expect("write resolv.conf");
        fs::write(&hosts, "127.0.0.1 localhost\n").expect("write hosts");
        let as_user = !geteuid().is_root();
        let mut command = Command::new("unshare");
        command.env("PATH", path()).args(["--net", "--mount"]);
        if as_user {
            command.arg("--map-root-user");
        }
        command
            .args(["sh", "-c", SCRIPT, "sh"])
            .arg(&resolv_conf)
            .arg(&hosts);
        let mut holder = Running::start("namespace", folder, command);
        holder.await_log("the namespace is ready");
        Self {
            holder,
            resolv_conf,
            hosts,
            as_user,
        }
    }

    /// Changes the only name server in `/etc/resolv.conf`, as an administrator would.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn use_name_server(&self, name_server: Ipv4Addr) {
        fs::write(&self.resolv_conf, nameserver(name_server)).expect("write resolv.conf");
    }

    /// Leaves no name server in `/etc/resolv.conf`.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn use_no_name_server(&self) {
        fs::write(&self.resolv_conf, "# none\n").expect("write resolv.conf");
    }

    /// Gives a name an address in `/etc/hosts`, and no other beside localhost.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn know(&self, name: &str, address: IpAddr) {
        fs::write(&self.hosts, format!("127.0.0.1 localhost\n{address} {name}\n")).expect("write hosts");
    }

    /// The same command, run inside. Its working directory is the root.
    pub fn enter(&self, command: &Command) -> Command {
        let mut entering = Command::new("nsenter");
        entering.arg(format!("--target={}", self.holder.id()));
        entering.args(["--net", "--mount"]);
        if self.as_user {
            entering.args(["--user", "--preserve-credentials"]);
        }
        entering
            .arg("--")
            .arg(command.get_program())
            .args(command.get_args());
        entering.env("PATH", path());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => entering.env(name, value),
                None => entering.env_remove(name),
            };
        }
        entering
    }

    /// Starts a name server (dnsmasq) at this address, port 53, that knows what `records` says in dnsmasq's notation:
    /// `host-record=NAME,ADDRESS`, `srv-host=_sips._tcp.NAME,TARGET,PORT,PRIORITY,WEIGHT`.
    ///
    /// In a domain of `local=/DOMAIN/` what is not there does not exist; of anything else it refuses to speak.
    ///
    /// # Panics
    ///
    /// When it does not listen in time; the message carries its log.
    pub fn name_server(&self, address: Ipv4Addr, records: &str) -> Running {
        let folder = folder("dnsmasq");
        let file = folder.path().join("dnsmasq.conf");
        let text = format!(
            "no-resolv\nno-hosts\nlisten-address={address}\nbind-interfaces\nlog-facility=-\n\
             log-queries\n{records}"
        );
        fs::write(&file, text).expect("write dnsmasq.conf");
        let mut command = Command::new("dnsmasq");
        // It stays who it is: inside a user namespace it cannot become anybody else.
        command
            .arg("--no-daemon")
            .arg(format!("--conf-file={}", file.display()));
        Running::start("dnsmasq", folder, self.enter(&command)).listening_at((address, 53).into())
    }

    /// What a web server inside answers to GET.
    ///
    /// # Panics
    ///
    /// When it does not answer with success.
    pub fn get(&self, address: SocketAddr, path: &str) -> String {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail", "--noproxy", "*"]);
        command.arg(format!("http://{address}{path}"));
        let output = complete(&mut self.enter(&command));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn nameserver(address: Ipv4Addr) -> String {
    format!("nameserver {address}\n")
}

/// The search path with the administrator's programs, which users do not always have on theirs.
fn path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_inside_sees_its_own_network_and_names() {
        let namespace = Namespace::new(Ipv4Addr::new(127, 0, 0, 53));
        let said = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            let output = complete(&mut namespace.enter(command.args(arguments)));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let links = said("ip", &["-brief", "link"]);
        assert!(links.lines().count() == 1 && links.starts_with("lo"), "{links}");
        assert_eq!(said("cat", &["/etc/resolv.conf"]), "nameserver 127.0.0.53\n");
        namespace.use_name_server(Ipv4Addr::new(127, 0, 0, 54));
        assert_eq!(said("cat", &["/etc/resolv.conf"]), "nameserver 127.0.0.54\n");
        // Ports that outside are somebody else's are free.
        let _server = namespace.name_server(Ipv4Addr::new(127, 0, 0, 54), "");
        let outside = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        assert!(!outside.contains("127.0.0.54"), "{outside}");
    }
}
