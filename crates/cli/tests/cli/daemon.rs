//! `run`: log, faults, signals. What it answers over HTTP is tested with the daemon.

use crate::program::{Started, command, path, run};
use rustix::process::Signal;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Stdio;

#[test]
fn it_logs_answers_and_ends_on_sigterm() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("siptls-probe.yaml");
    std::fs::write(&file, "targets: [{name: a, endpoint: '127.0.0.1:1'}]\n").expect("write");
    for format in ["logfmt", "json"] {
        let mut command = command(&["run", "--config.file", &path(&file), "--log.format", format]);
        command
            .args(["--web.listen-address", "127.0.0.1:0"])
            .stderr(Stdio::piped());
        let mut daemon = Started::new(command);
        let mut log = BufReader::new(daemon.stderr())
            .lines()
            .map(|line| line.expect("a line of the log"));
        let mut find = |mark: &str| {
            log.find(|line| line.contains(mark))
                .unwrap_or_else(|| panic!("expected {mark}"))
        };
        let listening = find("listening");
        if format == "json" {
            let line: serde_json::Value = serde_json::from_str(&listening).expect("a line of JSON");
            assert_eq!(
                (&line["level"], &line["msg"]),
                (&"info".into(), &"listening".into()),
                "{listening}"
            );
        } else {
            assert!(
                listening.starts_with("ts=") && listening.contains(" level=info msg=listening "),
                "{listening}"
            );
        }
        let address = listening.split("127.0.0.1:").nth(1).expect("an address");
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        find("configuration loaded");
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse().expect("a port"))).expect("connect");
        stream.write_all(b"GET /-/ready HTTP/1.0\r\n\r\n").expect("ask");
        let answer = BufReader::new(stream)
            .lines()
            .next()
            .expect("a status line")
            .expect("an answer");
        assert!(answer.contains(" 200 "), "{answer}");
        daemon.signal(Signal::TERM);
        find("stopping");
        assert_eq!(daemon.end(), (Some(0), String::new()));
    }
}

#[test]
fn what_keeps_it_from_running_ends_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bad.yaml");
    std::fs::write(
        &file,
        "targets:\n  - {name: a, endpoint: 'ho st'}\n  - {name: b}\n",
    )
    .expect("write");
    let file = path(&file);
    let faults = run(&[
        "run",
        "--config.file",
        &file,
        "--web.listen-address",
        "127.0.0.1:0",
        "--log.level",
        "error",
    ]);
    assert_eq!((faults.code, faults.stdout.as_str()), (Some(2), ""));
    let place = |line: u32| format!("{file}:{line}:");
    assert!(
        faults
            .stderr
            .starts_with("error: the configuration cannot be used\n"),
        "{}",
        faults.stderr
    );
    assert!(
        faults.stderr.contains(&place(2)) && faults.stderr.contains(&place(3)),
        "{}",
        faults.stderr
    );
    assert!(faults.stderr.ends_with("2 faults\n"), "{}", faults.stderr);

    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
    let address = taken.local_addr().expect("an address").to_string();
    let refused = run(&["run", "--config.file", &file, "--web.listen-address", &address]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused
            .stderr
            .contains(&format!("because: cannot listen on {address}\n")),
        "{}",
        refused.stderr
    );
}

/// The line of a refused configuration is one line that people can read.
#[test]
fn faults_of_a_reload_are_logged_as_they_are_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("siptls-probe.yaml");
    std::fs::write(&file, "targets: []\n").expect("write");
    let mut command = command(&[
        "run",
        "--config.file",
        &path(&file),
        "--web.listen-address",
        "127.0.0.1:0",
    ]);
    command.stderr(Stdio::piped());
    let mut daemon = Started::new(command);
    let mut lines = BufReader::new(daemon.stderr()).lines();
    let mut find = |mark: &str| {
        let found = lines
            .by_ref()
            .map(|line| line.expect("read a line"))
            .find(|line| line.contains(mark));
        found.unwrap_or_else(|| panic!("expected {mark}"))
    };
    assert!(find("configuration loaded").contains("cause=start"));
    std::fs::write(&file, "targets: []\nintervall: 5s\nprobes: 1\n").expect("write");
    daemon.signal(Signal::HUP);
    let line = find("the last good one stays in use");
    assert!(
        line.contains("cause=SIGHUP count=2") && line.contains("found `intervall`\\n  hint: "),
        "{line}"
    );
    daemon.signal(Signal::TERM);
    find("stopping");
    assert_eq!(daemon.end(), (Some(0), String::new()));
}
