//! `lab`: everything is judged as expected, and what it tells people to type works.

use crate::program::{Started, command, run};
use rustix::process::Signal;
use siptls_lab::Demonstration;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

#[test]
fn one_round_judges_every_endpoint_as_expected() {
    let finished = run(&["lab", "--once", "--web.listen-address", "127.0.0.1:0"]);
    assert_eq!(
        (finished.code, finished.stderr.as_str()),
        (Some(0), ""),
        "{}",
        finished.stdout
    );
    let mut seen = 0;
    for demonstration in Demonstration::ALL {
        let row = finished
            .stdout
            .lines()
            .find(|line| line.split_whitespace().next() == Some(demonstration.name));
        let cells: Vec<_> = row.expect("a row").split_whitespace().collect();
        assert_eq!(
            cells[2..4],
            [demonstration.expected.code(); 2],
            "{}",
            finished.stdout
        );
        seen += 1;
    }
    assert!(
        seen >= 10,
        "expected the endpoints of the demonstration, saw {seen}"
    );
    assert!(
        finished.stdout.ends_with("endpoints, each judged as expected\n"),
        "{}",
        finished.stdout
    );
}

/// Stopped before the silent endpoint's deadline has passed: nothing was shown to be as expected. Its log has lost its
/// reader by then, which is no reason to panic.
#[test]
fn a_round_that_is_stopped_is_not_good() {
    let mut command = command(&[
        "lab",
        "--once",
        "--web.listen-address",
        "127.0.0.1:0",
        "--log.level",
        "info",
    ]);
    command.stderr(Stdio::piped());
    let mut lab = Started::new(command);
    let loaded = BufReader::new(lab.stderr())
        .lines()
        .any(|line| line.expect("read a line").contains("configuration loaded"));
    assert!(loaded);
    lab.signal(Signal::TERM);
    assert_eq!(lab.end(), (Some(3), String::new()));
}

#[test]
fn the_commands_it_prints_work_from_another_terminal() {
    let mut lab = Started::new(command(&["lab", "--web.listen-address", "127.0.0.1:0"]));
    let printed = lab.read_to("Watching on");
    let commands: Vec<&String> = printed
        .iter()
        .filter(|line| line.contains(" check sbc.example.test "))
        .collect();
    assert_eq!(commands.len(), Demonstration::ALL.len(), "{printed:#?}");
    let root = commands[0].split_whitespace().last().map(str::to_owned);
    // Each surveys an endpoint of its own, so they can go side by side.
    std::thread::scope(|scope| {
        for (demonstration, line) in Demonstration::ALL.iter().zip(commands) {
            scope.spawn(move || {
                let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
                let finished = run(&[arguments.as_slice(), &["--timeout", "2s"]].concat());
                let verdict = finished
                    .stdout
                    .split_whitespace()
                    .next()
                    .map(str::to_ascii_lowercase);
                assert_eq!(
                    verdict.as_deref(),
                    Some(demonstration.expected.code()),
                    "{line}\n{}",
                    finished.stdout
                );
            });
        }
    });
    lab.signal(Signal::TERM);
    let (code, rest) = lab.end();
    assert_eq!((code, rest.as_str()), (Some(0), ""));
    let root = root.expect("a root");
    assert!(!Path::new(&root).exists(), "expected {root} to be removed");
}

#[test]
fn a_free_port_is_taken_when_the_usual_one_is_in_use() {
    // Whoever holds it, this test or another program: it is in use.
    let _held = std::net::TcpListener::bind(siptls_daemon::DEFAULT_LISTEN);
    let finished = run(&["lab", "--once"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stdout);
    assert_eq!(
        finished.stderr,
        "note: 127.0.0.1:10061 is in use, a free port is taken\n"
    );
}
