//! `check` against endpoints on this machine: exit codes, formats, options.

use crate::program::{Endpoints, NOW, Started, closed_port, command, path, run};
use rustix::process::Signal;
use serde_json::Value;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

#[test]
fn the_exit_code_tells_the_verdict() {
    let endpoints = Endpoints::start();
    let mut seen = [0; 4];
    let finished: Vec<_> = std::thread::scope(|scope| {
        let visits: Vec<_> = endpoints
            .all()
            .iter()
            .map(|endpoint| {
                let endpoints = &endpoints;
                scope.spawn(move || endpoints.check(endpoint.name, &["--format", "json", "--timeout", "2s"]))
            })
            .collect();
        visits
            .into_iter()
            .map(|visit| visit.join().expect("a check ends"))
            .collect()
    });
    for (endpoint, finished) in endpoints.all().iter().zip(finished) {
        let report = &finished.json()["reports"][0];
        assert_eq!(
            report["verdict"],
            endpoint.expected.code(),
            "{}: {report:#}",
            endpoint.name
        );
        let expected = match endpoint.expected.code() {
            "pass" | "warn" => 0,
            "fail" => 1,
            _ => 3,
        };
        seen[expected] += 1;
        assert_eq!(finished.code, i32::try_from(expected).ok(), "{}", endpoint.name);
        assert_eq!(finished.stderr, "", "{}", endpoint.name);
    }
    assert!(seen[0] >= 2 && seen[1] >= 5 && seen[3] >= 2, "{seen:?}");
}

#[test]
fn several_endpoints_are_reported_in_order_with_a_table() {
    let endpoints = Endpoints::start();
    let (good, expired, closed) = (
        endpoints.address("good"),
        endpoints.address("expired"),
        closed_port().to_string(),
    );
    let root = endpoints.root();
    let common = [
        "--server-name",
        "sbc.example.test",
        "--trust-anchors",
        &root,
        "--as-of",
        NOW,
    ];

    let text = run(&[&["check", &closed, &good, &expired], common.as_slice()].concat());
    assert_eq!((text.code, text.stderr.as_str()), (Some(1), ""));
    let places: Vec<_> = [
        "INCONCLUSIVE  ",
        "PASS  ",
        "FAIL  ",
        "VERDICT  ",
        "3 reports: 1 pass, 1 fail, 1 inconclusive",
    ]
    .into_iter()
    .map(|mark| {
        text.stdout
            .find(mark)
            .unwrap_or_else(|| panic!("expected {mark}: {}", text.stdout))
    })
    .collect();
    assert!(places.is_sorted(), "{places:?}: {}", text.stdout);

    let lines = run(&[&["check", &good, &closed, "--format", "jsonl"], common.as_slice()].concat());
    assert_eq!((lines.code, lines.stderr.as_str()), (Some(3), ""));
    let reports: Vec<Value> = lines
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("one report a line"))
        .collect();
    let verdicts: Vec<_> = reports
        .iter()
        .map(|report| (&report["target"]["name"], &report["verdict"]))
        .collect();
    assert_eq!(
        verdicts,
        [
            (&Value::from(good), &Value::from("pass")),
            (&Value::from(closed), &Value::from("inconclusive"))
        ]
    );
}

#[test]
fn a_closed_port_is_inconclusive_and_says_who_must_act() {
    let closed = closed_port();
    let finished = run(&["check", &closed.to_string(), "--format", "json"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(3), ""));
    let report = &finished.json()["reports"][0];
    assert_eq!(report["error"]["reason"], "connection_refused");
    assert_eq!(report["error"]["who"], "peer");
    assert_eq!(report["phase_reached"], "resolve");
    let failed = report["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .filter(|check| check["status"] == "fail")
        .count();
    assert_eq!(failed, 0, "{report:#}");
}

#[test]
fn another_day_gives_another_verdict() {
    let endpoints = Endpoints::start();
    let finished = endpoints.check("good", &["--as-of", "2029-01-01"]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stdout.contains("as of 2029-01-01T00:00:00Z"),
        "{}",
        finished.stdout
    );
    assert!(
        finished.stdout.contains("FAIL  certificate-dates (critical)"),
        "{}",
        finished.stdout
    );
}

#[test]
fn configured_targets_are_taken_by_name() {
    let endpoints = Endpoints::start();
    let (good, closed, root) = (endpoints.address("good"), closed_port(), endpoints.root());
    let file = endpoints.file("siptls-probe.yaml");
    std::fs::write(
        &file,
        format!(
            "probe: {{timeout: 3s}}\ntargets:\n  - {{name: acme-sbc-1, endpoint: sbc.example.test, connect: '{good}', \
             trust_anchors: '{root}', labels: {{site: fra}}}}\n  - {{name: acme-sbc-2, endpoint: '{closed}'}}\n"
        ),
    )
    .expect("write a configuration");
    let file = path(&file);
    let arguments = [
        "check",
        "acme-sbc-1",
        "acme-sbc-2",
        "--config.file",
        &file,
        "--format",
        "json",
        "--depth",
        "hello",
        "--as-of",
        NOW,
    ];
    let finished = run(&arguments);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(3), ""));
    let reports = &finished.json()["reports"];
    assert_eq!(reports[0]["target"]["name"], "acme-sbc-1");
    assert_eq!(reports[0]["target"]["labels"]["site"], "fra");
    assert_eq!(reports[0]["verdict"], "pass");
    assert_eq!(reports[0]["phase_reached"], "server_flight");
    assert_eq!(reports[1]["target"]["name"], "acme-sbc-2");

    let mistyped = run(&[
        "check",
        "acme-sbc-l",
        "--connect",
        &closed.to_string(),
        "--config.file",
        &file,
    ]);
    assert_eq!(mistyped.code, Some(3));
    assert!(
        mistyped
            .stderr
            .contains("note: `acme-sbc-l` is no configured target"),
        "{}",
        mistyped.stderr
    );
}

#[test]
fn the_report_goes_to_a_file_when_asked() {
    let endpoints = Endpoints::start();
    let file = endpoints.file("report.json");
    let finished = endpoints.check("good", &["--format", "json", "--output", &path(&file)]);
    assert_eq!(
        (finished.code, finished.stdout.as_str(), finished.stderr.as_str()),
        (Some(0), "", "")
    );
    let text = std::fs::read_to_string(&file).expect("the report");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["schema"], siptls_model::SCHEMA);

    let nowhere = endpoints.check("good", &["--output", "/nonexistent/report.json"]);
    assert_eq!((nowhere.code, nowhere.stdout.as_str()), (Some(2), ""));
    assert!(
        nowhere
            .stderr
            .starts_with("error: cannot write the report to /nonexistent/report.json\n  because: ")
    );
}

#[test]
fn colours_are_for_those_who_want_them() {
    let address = closed_port().to_string();
    let coloured = |variables: &[(&str, &str)]| {
        let mut command = command(&["check", &address]);
        command.envs(variables.iter().copied());
        let output = command.output().expect("start the program");
        output.stdout.contains(&0x1b)
    };
    assert!(!coloured(&[]), "no terminal, no colours");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]), "forced");
    assert!(
        !coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]),
        "forbidden"
    );
}

#[test]
fn a_signal_ends_it_with_what_is_known() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
    let (closed, silent_address) = (
        closed_port().to_string(),
        silent.local_addr().expect("an address").to_string(),
    );
    let mut command = command(&["check", &closed, &silent_address, "--timeout", "60s"]);
    command.stderr(Stdio::null());
    let mut started = Started::new(command);
    let mut output = started.read_to("-showcerts");
    let held = silent.accept().expect("a visit");
    started.signal(Signal::INT);
    let (code, rest) = started.end();
    output.push(rest);
    let output = output.join("\n");
    assert_eq!(code, Some(3), "{output}");
    assert!(
        output.contains("connection_refused") && output.contains("cancelled"),
        "{output}"
    );
    assert!(output.contains("2 reports: 2 inconclusive"), "{output}");
    drop(held);
}

#[test]
fn the_command_for_openssl_works_as_printed() {
    let endpoints = Endpoints::start();
    let text = endpoints.check("good", &[]).stdout;
    let (_, question) = text
        .split_once("The same question with OpenSSL:\n")
        .expect("a command");
    let output = Command::new("sh")
        .args(["-c", question])
        .output()
        .expect("start a shell");
    let answer = String::from_utf8_lossy(&output.stdout);
    // The lab's certificates are good as of a fixed moment, OpenSSL goes by the clock: the chain counts, not its dates.
    for line in [
        "Server certificate",
        "CN = siptls-probe lab issuing",
        "P-384",
        "TLSv1.2",
    ] {
        let compact = answer.replace("CN=", "CN = ").replace("secp384r1", "P-384");
        assert!(
            compact.contains(line),
            "expected {line}: {answer}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
