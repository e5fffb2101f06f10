//! The real daemon with 10,000 targets on loopback.

use crate::cpu::{median, memory_mib, of_process};
use crate::peers::Peers;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A daemon, ended when this is dropped.
struct Daemon {
    child: Child,
    address: SocketAddr,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn run(seconds: u64) {
    let peers = Peers::start();
    let binary = std::env::current_exe().unwrap().with_file_name("siptls-probe");
    assert!(
        binary.exists(),
        "expected {} (hint: cargo build --release -p siptls-probe)",
        binary.display()
    );
    let folder = std::env::temp_dir().join(format!("siptls-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("root.pem"), &peers.root).unwrap();

    // 1,000 targets: what a scrape costs.
    let daemon = start(&binary, &folder, &peers, 1_000, "5s");
    settle(&daemon, 1_000);
    let (cpu, wall, bytes) = scrape(&daemon);
    println!(
        "/metrics of 1,000 targets: {:.1} ms CPU, {:.1} ms until the last byte, {} KiB",
        cpu,
        wall,
        bytes / 1024
    );
    println!(
        "RSS with 1,000 targets: {:.1} MiB",
        memory_mib(daemon.child.id(), "VmRSS")
    );
    drop(daemon);

    // 10,000 targets at 60 s.
    let daemon = start(&binary, &folder, &peers, 10_000, "60s");
    settle(&daemon, 10_000);
    let id = daemon.child.id();
    let (before, servers, start) = (of_process(id), of_process(peers.id()), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    let wall = start.elapsed().as_secs_f64();
    let share = (of_process(id) - before).as_secs_f64() / wall * 100.0;
    let theirs = (of_process(peers.id()) - servers).as_secs_f64() / wall * 100.0;
    println!(
        "10,000 targets at 60 s, depth hello, over {wall:.0} s: {share:.1} % of one core (the servers: {theirs:.1} %)"
    );
    let (cpu, wall, bytes) = scrape(&daemon);
    println!(
        "/metrics of 10,000 targets: {:.1} ms CPU, {:.1} ms until the last byte, {} KiB",
        cpu,
        wall,
        bytes / 1024
    );
    println!(
        "RSS with 10,000 targets after scrapes: {:.1} MiB, at its highest {:.1} MiB",
        memory_mib(id, "VmRSS"),
        memory_mib(id, "VmHWM")
    );
    drop(daemon);
    let _ = std::fs::remove_dir_all(&folder);
}

fn start(
    binary: &std::path::Path,
    folder: &std::path::Path,
    peers: &Peers,
    count: usize,
    interval: &str,
) -> Daemon {
    let mut text = format!(
        "probe: {{interval: {interval}, timeout: 5s, depth: hello, connections_per_hour: 100000}}\ntargets:\n"
    );
    for number in 0..count {
        let address = peers.replays[number % peers.replays.len()];
        writeln!(
            text,
            "  - {{name: target-{number:05}, endpoint: {}, connect: \"{address}\", trust_anchors: root.pem, labels: {{site: fra}}}}",
            siptls_lab::SERVER_NAME
        )
        .unwrap();
    }
    let path = folder.join(format!("{count}.yaml"));
    std::fs::write(&path, text).unwrap();
    let mut child = Command::new(binary)
        .args(["run", "--web.listen-address", "127.0.0.1:0", "--config.file"])
        .arg(&path)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let line = log
        .find(|line| line.contains("msg=listening"))
        .expect("the log names the address, or a fault above");
    let from = line.find("127.0.0.1:").unwrap();
    let address: String = line[from..]
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.' || *c == ':')
        .collect();
    // The rest of the log must not fill the pipe.
    std::thread::spawn(move || log.for_each(drop));
    Daemon {
        child,
        address: address.parse().unwrap(),
    }
}

/// Waits until every target was visited once.
fn settle(daemon: &Daemon, count: usize) {
    let start = Instant::now();
    loop {
        let text = get(daemon.address);
        let up = text
            .lines()
            .filter(|line| line.starts_with("siptls_up{") && line.ends_with(" 1"))
            .count();
        if up == count {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(180),
            "{up} of {count} targets are up after three minutes"
        );
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// CPU milliseconds of the daemon for one scrape, milliseconds until its last byte, its length.
fn scrape(daemon: &Daemon) -> (f64, f64, usize) {
    const SCRAPES: u32 = 50;
    let mut walls = Vec::new();
    let mut bytes = 0;
    let before = of_process(daemon.child.id());
    for _ in 0..SCRAPES {
        let start = Instant::now();
        bytes = get(daemon.address).len();
        walls.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let cpu = (of_process(daemon.child.id()) - before).as_secs_f64() * 1000.0 / f64::from(SCRAPES);
    (cpu, median(walls), bytes)
}

fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\nHost: bench\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = Vec::new();
    stream.take(1 << 30).bytes_into(&mut text);
    String::from_utf8(text).unwrap()
}

/// Reading to the end of a stream that `take` has bounded.
trait BytesInto {
    fn bytes_into(self, out: &mut Vec<u8>);
}

impl<R: Read> BytesInto for R {
    fn bytes_into(mut self, out: &mut Vec<u8>) {
        let mut buffer = [0; 64 * 1024];
        while let Ok(count @ 1..) = self.read(&mut buffer) {
            out.extend_from_slice(&buffer[..count]);
        }
    }
}
