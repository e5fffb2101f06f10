//! The journal under a real process: killed at any moment, without disk, without rights; and with the real daemon and a real
//! server that changes, read by the program and by `sqlite3`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use siptls_e2e::{
    Binary, ClientAuth, DEADLINE, Finished, OpensslServer, Peer, Pki, Port, Proxy, Role, Running, complete,
    http_get, until,
};

const WRITER: &str = env!("CARGO_BIN_EXE_journal_writer");

/// How often the writer is killed.
const KILLS: u64 = 200;

/// What `sqlite3`, Debian's and so another SQLite than ours, answers.
fn sqlite3(path: &Path, sql: &str) -> String {
    let output = complete(Command::new("sqlite3").arg(path).arg(sql));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[test]
fn killed_two_hundred_times_it_keeps_every_change_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("journal.sqlite");
    let (mut next, mut acknowledged) = (0_i64, 0_i64);
    let mut before_any = 0;
    for round in 0..KILLS {
        let mut writer = Command::new(WRITER)
            .arg(&path)
            .arg(next.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the writer");
        let mut lines = BufReader::new(writer.stdout.take().expect("its output")).lines();
        // Every fourth is killed while it still opens the file, the others a moment after their first change.
        let first = next;
        let mut last = next - 1;
        if round % 4 == 3 {
            std::thread::sleep(Duration::from_micros(500 * (round % 16)));
        } else {
            last = lines
                .next()
                .expect("a number")
                .expect("a line")
                .parse()
                .expect("a number");
            std::thread::sleep(Duration::from_micros(997 * (round % 13)));
        }
        writer.kill().expect("kill");
        writer.wait().expect("the end");
        for line in lines {
            last = line.expect("a line").parse().expect("a number");
        }
        before_any += u64::from(last < first);
        acknowledged += last + 1 - first;
        let mut sql = "PRAGMA integrity_check;".to_owned();
        let mut expected = "ok".to_owned();
        if last >= first {
            sql += &format!(
                "SELECT count(*) FROM changes WHERE json_extract(after, '$.number') BETWEEN {first} AND {last}"
            );
            expected += &format!("\n{}", last + 1 - first);
        }
        if path.exists() {
            assert_eq!(sqlite3(&path, &sql), expected, "round {round}");
        }
        // The one that was being written may be there or not.
        next = last + 2;
    }
    assert!(
        before_any >= KILLS / 8,
        "{before_any} killed before their first change"
    );
    assert!(acknowledged >= 300, "{acknowledged} changes acknowledged");
    let evidence = "SELECT count(*) FROM changes LEFT JOIN evidence ON evidence.id = changes.evidence WHERE length(flight) IS NOT 300";
    assert_eq!(sqlite3(&path, evidence), "0");
    let files: Vec<_> = fs::read_dir(folder.path())
        .expect("read the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().contains("damaged"))
        .collect();
    assert!(files.is_empty(), "{files:?}");
}

/// A writer that does as it is told, ended when this is dropped.
struct Writer {
    child: Child,
    input: ChildStdin,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Writer {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the writer");
        let (input, output) = (child.stdin.take(), child.stdout.take());
        Self {
            input: input.expect("its input"),
            lines: BufReader::new(output.expect("its output")).lines(),
            child,
        }
    }

    fn tell(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").expect("the writer reads");
        self.lines.next().expect("an answer").expect("a line")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_full_disk_costs_nothing_but_time_and_recovers_by_itself() {
    let folder = tempfile::tempdir().expect("make a folder");
    let disk = folder.path().display().to_string();
    // A disk of 2 MiB that only the writer sees.
    let script = r#"mount -t tmpfs -o size=2m none "$1" && exec "$2" "$1/journal.sqlite""#;
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
        &disk,
        WRITER,
    ]);
    let mut writer = Writer::start(command);
    assert_eq!(
        writer.tell("change 1000"),
        "writes 1 failures 0 dropped 0 healthy true"
    );
    writer.tell(&format!("fill {disk}/filler"));
    let full = writer.tell("change 100000");
    assert!(
        full.starts_with("writes 1 failures ") && full.ends_with(" dropped 0 healthy false"),
        "{full}"
    );
    let still = writer.tell("change 100000");
    assert!(
        still.starts_with("writes 1 ") && still.ends_with(" healthy false"),
        "{still}"
    );
    let freed = writer.tell(&format!("free {disk}/filler"));
    assert!(
        freed.starts_with("writes 3 failures ") && freed.ends_with(" dropped 0 healthy true"),
        "{freed}"
    );
}

#[test]
fn a_read_only_disk_stops_no_visit_and_says_so() {
    let folder = tempfile::tempdir().expect("make a folder");
    let disk = folder.path().display().to_string();
    let script =
        r#"mount -t tmpfs -o size=2m none "$1" && mount -o remount,ro "$1" && exec "$2" "$1/journal.sqlite""#;
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
        &disk,
        WRITER,
    ]);
    let mut writer = Writer::start(command);
    let answer = writer.tell("change 10");
    assert!(
        answer.starts_with("writes 0 ") && answer.ends_with(" dropped 0 healthy false"),
        "{answer}"
    );
}

/// The daemon with a journal beside its configuration.
struct Daemon {
    running: Option<Running>,
    port: Port,
    folder: tempfile::TempDir,
}

impl Daemon {
    fn start(targets: &Value) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let configuration = json!({
            "probe": {"interval": "1s", "timeout": "1s"},
            "journal": {"path": "journal.sqlite"},
            "targets": targets,
        });
        fs::write(folder.path().join("siptls-probe.yaml"), configuration.to_string()).expect("write it");
        let mut daemon = Self {
            running: None,
            port: Port::lease(),
            folder,
        };
        daemon.restart();
        daemon
    }

    /// Ends it as a power cut would, if it runs, and starts it.
    fn restart(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
        }
        let (file, address) = (self.file(), self.port.address().to_string());
        let scratch = tempfile::tempdir().expect("make a folder");
        let arguments = ["run", "--config.file", &file, "--web.listen-address", &address];
        self.running = Some(
            Binary::find()
                .start(scratch, &arguments)
                .listening(self.port.number()),
        );
        until("the daemon to be ready", DEADLINE, || {
            (self.get("/-/ready").0 == 200).then_some(())
        });
    }

    fn file(&self) -> String {
        self.folder.path().join("siptls-probe.yaml").display().to_string()
    }

    fn get(&self, path: &str) -> (u16, String) {
        let answer = http_get(self.port.address(), path).expect("the daemon answers");
        (answer.status, answer.body)
    }

    fn changes(&self, query: &str) -> Vec<Value> {
        let (status, body) = self.get(&format!("/api/v1/changes?{query}"));
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(
            (&answer["schema"], &answer["source"]),
            (&json!("siptls-probe/changes/v1"), &json!("journal"))
        );
        answer["changes"].as_array().expect("a list").clone()
    }

    fn history(&self, arguments: &[&str]) -> Finished {
        let file = self.file();
        Binary::find().run(&[&["history", "sbc", "--config.file", &file], arguments].concat())
    }

    fn visits(&self) -> usize {
        let (_, metrics) = self.get("/metrics");
        let counts = metrics
            .lines()
            .filter(|line| line.starts_with("siptls_probes_total{"));
        counts
            .map(|line| {
                line.rsplit(' ')
                    .next()
                    .and_then(|count| count.parse::<usize>().ok())
                    .unwrap_or(0)
            })
            .sum()
    }

    fn last_change(&self, aspect: &str) -> Option<String> {
        let (_, metrics) = self.get("/metrics");
        let wanted = format!("aspect=\"{aspect}\"}} ");
        let mut lines = metrics.lines();
        let line = lines.find(|line| {
            line.starts_with("siptls_last_change_timestamp_seconds{") && line.contains(&wanted)
        })?;
        line.rsplit(' ').next().map(str::to_owned)
    }
}

#[test]
fn a_server_that_changes_is_told_with_before_and_after_and_a_restart_makes_no_change() {
    let pki = Pki::shared();
    let (good, other) = (pki.identity(Role::Good), pki.identity(Role::WrongName));
    let first = OpensslServer::new(good).reversing().start();
    let proxy = Proxy::to(first.address());
    let mut daemon = Daemon::start(&json!([{
        "name": "sbc",
        "endpoint": "sbc.example.test",
        "connect": proxy.address().to_string(),
        "trust_anchors": pki.root(),
        "survey_interval": "off",
    }]));
    until("the first visit", DEADLINE, || {
        (daemon.visits() > 0).then_some(())
    });
    assert_eq!(
        daemon.last_change("identity"),
        None,
        "the first sight is no change"
    );
    let report: Value = serde_json::from_str(&daemon.get("/api/v1/reports/sbc").1).expect("JSON");
    let fingerprint = report["reports"][0]["chain"]["certificates"][0]["fingerprint_sha256"].clone();

    // Another certificate, and a client certificate is asked for.
    let second = OpensslServer::new(other)
        .client_auth(ClientAuth::Required)
        .reversing()
        .start();
    proxy.redirect(second.address());
    let identity = until("the change of identity", DEADLINE, || {
        daemon.changes("target=sbc&aspect=identity").pop()
    });
    assert_eq!(identity["before"]["fingerprint_sha256"], fingerprint);
    assert_ne!(identity["after"]["fingerprint_sha256"], fingerprint);
    assert_eq!(identity["count"], 1);
    assert!(identity["evidence_bytes"].as_u64() > Some(500), "{identity}");
    let request = daemon.changes("target=sbc&aspect=request");
    assert_eq!(request.len(), 1);
    assert_eq!(
        (&request[0]["before"]["mode"], &request[0]["after"]["mode"]),
        (&json!("not_requested"), &json!("required")),
        "{request:?}"
    );
    let at = daemon.last_change("identity").expect("the metric");
    assert_eq!(daemon.last_change("request").as_ref(), Some(&at));
    let (_, page) = daemon.get("/targets/sbc");
    assert!(page.contains("not requested -&gt; required"), "{page}");

    // What people read, while the daemon runs.
    let text = daemon.history(&[]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for part in [
        "  identity  ",
        "    fingerprint sha256: ",
        "  request  ",
        "    mode: not requested -> required",
    ] {
        assert!(text.stdout.contains(part), "{part:?} in {}", text.stdout);
    }
    let lines = daemon.history(&["--aspect", "identity", "--format", "jsonl", "--evidence"]);
    let line: Value = serde_json::from_str(&lines.stdout).expect("one line of JSON");
    let evidence = line["evidence"].as_str().expect("evidence");
    assert_eq!(
        Some(evidence.len() as u64 / 2),
        identity["evidence_bytes"].as_u64()
    );
    assert!(
        evidence.starts_with("160303"),
        "a TLS 1.2 handshake record: {evidence}"
    );
    let none = daemon.history(&["--since", "2999-01-01"]);
    assert_eq!(
        (none.code, none.stdout.as_str()),
        (Some(0), "sbc: no change is known\n")
    );
    let journal = daemon.folder.path().join("journal.sqlite");
    let rows = sqlite3(
        &journal,
        "SELECT aspect, json_extract(before, '$.mode'), json_extract(after, '$.mode') FROM changes WHERE aspect = 'request'",
    );
    assert_eq!(rows, "request|not_requested|required");

    // Killed and started again: nothing has changed, and nothing is forgotten.
    let before = daemon.changes("target=sbc");
    daemon.restart();
    until("three visits after the restart", DEADLINE, || {
        (daemon.visits() >= 3).then_some(())
    });
    assert_eq!(daemon.changes("target=sbc"), before);
    assert_eq!(daemon.last_change("identity"), Some(at));
    let (_, metrics) = daemon.get("/metrics");
    for line in [
        "siptls_journal_healthy 1",
        "siptls_journal_dropped_total 0",
        "siptls_journal_failures_total 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}");
    }

    // A damaged file: moved aside at the next start, and the daemon goes on.
    let began = Instant::now();
    if let Some(mut running) = daemon.running.take() {
        running.kill();
    }
    let mut bytes = fs::read(&journal).expect("read it");
    bytes.truncate(6_000);
    fs::write(&journal, bytes).expect("damage it");
    for companion in ["-wal", "-shm"] {
        let _ = fs::remove_file(journal.with_extension(format!("sqlite{companion}")));
    }
    daemon.restart();
    until("a visit", DEADLINE, || (daemon.visits() > 0).then_some(()));
    let log = daemon.running.as_ref().map(Running::log).unwrap_or_default();
    assert!(log.contains("damaged journal moved aside"), "{log}");
    assert!(daemon.changes("target=sbc").is_empty());
    assert!(began.elapsed() < DEADLINE);
}
