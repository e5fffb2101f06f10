//! What a service manager is told: the test is the manager, with a socket of its own.

use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use siptls_e2e::{Binary, DEADLINE, Port, Running, http_get, http_post};

const WATCHDOG: Duration = Duration::from_secs(2);

/// A manager with its messages: lines `KEY=value`, and when they came.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn new(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).expect("set a timeout");
        Self { socket }
    }

    /// The next message; `None` when none comes in time.
    fn next(&self) -> Option<(Instant, String)> {
        let mut bytes = [0; 4_096];
        let read = self.socket.recv(&mut bytes).ok()?;
        Some((
            Instant::now(),
            String::from_utf8_lossy(&bytes[..read]).into_owned(),
        ))
    }

    /// Messages up to the first that begins with `start`, with it.
    fn until(&self, start: &str) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let (_, message) = self
                .next()
                .unwrap_or_else(|| panic!("expected {start}, found only {all:?}"));
            all.push(message);
            if all.last().is_some_and(|last| last.starts_with(start)) {
                return all;
            }
        }
    }

    /// The time between the next two beats.
    fn beat(&self) -> Duration {
        let beats: Vec<Instant> = std::iter::from_fn(|| self.next())
            .filter(|(_, message)| message == "WATCHDOG=1")
            .map(|(at, _)| at)
            .take(2)
            .collect();
        beats[1] - beats[0]
    }
}

fn start(folder: &Path, socket: &str, port: &Port) -> Running {
    let file = folder.join("siptls-probe.yaml");
    let (file, listen) = (
        file.to_str().expect("a path in UTF-8"),
        port.address().to_string(),
    );
    let own = tempfile::tempdir().expect("make a folder");
    let mut command =
        Binary::find().command(&["run", "--config.file", file, "--web.listen-address", &listen]);
    command
        .env("NOTIFY_SOCKET", socket)
        .env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
    Running::start("siptls-probe", own, command)
}

fn signal(daemon: &Running, signal: Signal) {
    let id = i32::try_from(daemon.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process id");
    kill_process(id, signal).expect("send a signal");
}

/// Two targets that nobody answers for: each is judged as soon as it is visited.
const TWO: &str = "targets: [{name: a, endpoint: '127.0.0.1:1'}, {name: b, endpoint: '127.0.0.1:1'}]\n";

#[test]
fn ready_alive_reloading_and_stopping() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("siptls-probe.yaml");
    fs::write(&file, TWO).expect("write the configuration");
    let path = folder.path().join("notify");
    let manager = Manager::new(UnixDatagram::bind(&path).expect("bind a socket"));
    let port = Port::lease();
    let mut daemon = start(folder.path(), path.to_str().expect("a path in UTF-8"), &port);

    let first = manager.until("READY=1");
    assert_eq!(first, ["READY=1\nSTATUS=2 targets: 2 not visited yet"]);
    // Ready means that it listens and has a configuration.
    assert_eq!(
        http_get(port.address(), "/-/ready").expect("an answer").status,
        200
    );
    manager.until("STATUS=2 targets: 2 inconclusive");
    for _ in 0..3 {
        let beat = manager.beat();
        // Half the watchdog's time, and within the whole of it on a busy machine.
        assert!(beat > WATCHDOG / 4 && beat < WATCHDOG, "{beat:?}");
    }

    daemon.hang_up();
    let begun = manager.until("RELOADING=1");
    let lines: Vec<&str> = begun[begun.len() - 1].lines().collect();
    let since_boot = lines[1]
        .strip_prefix("MONOTONIC_USEC=")
        .expect("a time")
        .parse::<u64>();
    assert!(
        since_boot.expect("microseconds") > 0 && lines[2] == "STATUS=loading the configuration",
        "{lines:?}"
    );
    assert_eq!(
        manager.until("READY=1").last().map(String::as_str),
        Some("READY=1\nSTATUS=2 targets: 2 inconclusive")
    );

    // A reload that fails is over as well, and says so.
    fs::write(&file, "targets: 7\n").expect("write the configuration");
    assert_eq!(
        http_post(port.address(), "/-/reload").expect("an answer").status,
        500
    );
    manager.until("RELOADING=1");
    assert_eq!(
        manager.until("READY=1").last().map(String::as_str),
        Some(
            "READY=1\nSTATUS=2 targets: 2 inconclusive; the last configuration has faults, an earlier one is in use"
        )
    );

    // A process that stands still beats no more; one that goes on does.
    signal(&daemon, Signal::STOP);
    manager
        .socket
        .set_read_timeout(Some(WATCHDOG))
        .expect("set a timeout");
    while manager.next().is_some() {}
    assert_eq!(manager.next(), None);
    signal(&daemon, Signal::CONT);
    manager
        .socket
        .set_read_timeout(Some(DEADLINE))
        .expect("set a timeout");
    manager.beat();

    signal(&daemon, Signal::TERM);
    manager.until("STOPPING=1");
    let ended = daemon.terminate(DEADLINE).expect("it ends");
    assert!(ended.success(), "{ended}");
    assert!(!daemon.log().contains("does not answer"), "{}", daemon.log());
}

#[test]
fn an_abstract_socket_and_none_at_all() {
    let folder = tempfile::tempdir().expect("make a folder");
    fs::write(folder.path().join("siptls-probe.yaml"), "targets: []\n").expect("write the configuration");
    let name = format!("siptls-probe-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let manager = Manager::new(UnixDatagram::bind_addr(&address).expect("bind a socket"));
    let port = Port::lease();
    let daemon = start(folder.path(), &format!("@{name}"), &port);
    assert_eq!(manager.until("READY=1"), ["READY=1\nSTATUS=0 targets"]);
    manager.beat();
    drop(daemon);
    // A manager that is gone is no reason not to run.
    let mut daemon = start(
        folder.path(),
        folder.path().join("gone").to_str().expect("UTF-8"),
        &port,
    );
    daemon.await_log("the service manager cannot be told");
    daemon.await_log("configuration loaded");
}
