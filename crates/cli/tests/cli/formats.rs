//! The forms of other programs, read back by other programs; and where each output goes.

use crate::program::{Endpoints, NOW, command, python, run_with_input};
use serde_json::Value;
use std::process::Command;

/// Every row that Python's reader finds, and nothing else.
const CSV_READER: &str = "
import csv, io, json, sys
text = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8', newline='').read()
json.dump(list(csv.reader(io.StringIO(text, newline=''), strict=True)), sys.stdout)
";

#[test]
fn csv_is_read_back_as_it_was_meant() {
    let endpoints = Endpoints::start();
    let name = "one, \"two\"\u{2003}and =three";
    let file = endpoints.file("csv.yaml");
    let text = format!(
        "targets: [{{name: '{name}', endpoint: sbc.example.test, connect: \"{}\", trust_anchors: root.pem}}]\n",
        endpoints.address("expired")
    );
    std::fs::write(&file, text).expect("write a configuration");
    let configuration = crate::program::path(&file);
    let check = |format: &str| {
        let arguments = [
            "check",
            name,
            "--config.file",
            &configuration,
            "--as-of",
            NOW,
            "--format",
            format,
        ];
        crate::program::run(&arguments)
    };
    let (csv, report) = (check("csv"), check("json").json());
    let report = &report["reports"][0];
    let rows: Vec<Vec<String>> =
        serde_json::from_str(&python(CSV_READER, &csv.stdout)).expect("rows as JSON");
    let checks = report["checks"].as_array().expect("checks");
    assert_eq!(rows.len(), checks.len() + 1);
    assert_eq!(rows[0][0], "name");
    assert_eq!(rows[0].len(), 12);
    for (row, check) in rows[1..].iter().zip(checks) {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        assert_eq!(row[0], name);
        assert_eq!(row[1], text(&report["target"]["endpoint"]));
        assert_eq!(row[4], text(&report["verdict"]));
        assert_eq!(row[5], text(&check["id"]));
        assert_eq!(row[6], text(&check["status"]));
        // Numbers of days and milliseconds differ between two runs.
        if check["id"] == "server-name-matches" {
            assert_eq!(row[8], text(&check["summary"]));
            assert_eq!(row[9], text(&check["evidence"]));
        }
        assert_eq!(row[11], text(&check["source"]));
    }
}

/// What xmllint makes of an XPath.
fn xpath(xml: &str, path: &str) -> String {
    let finished = run_with_input(
        Command::new("xmllint").args(["--nonet", "--xpath", path, "-"]),
        xml,
    );
    assert_eq!(finished.code, Some(0), "{path}: {}", finished.stderr);
    finished.stdout.trim().to_owned()
}

#[test]
fn junit_is_well_formed_and_its_numbers_are_those_of_its_cases() {
    let endpoints = Endpoints::start();
    for (name, has_failures, errors) in [("good", false, 0), ("expired", true, 0), ("plain-sip", false, 1)] {
        let xml = endpoints.check(name, &["--format", "junit"]).stdout;
        assert_eq!(xpath(&xml, "name(/*)"), "testsuites", "{name}");
        assert_eq!(xpath(&xml, "count(/testsuites/testsuite)"), "1");
        let cases = "/testsuites/testsuite/testcase";
        assert_eq!(
            xpath(&xml, &format!("count({cases}) = count(//testcase)")),
            "true"
        );
        for (attribute, counted) in [
            ("tests", cases.to_owned()),
            ("failures", format!("{cases}/failure")),
            ("errors", format!("{cases}/error")),
            ("skipped", format!("{cases}/skipped")),
        ] {
            let equal = format!("/testsuites/testsuite/@{attribute} = count({counted})");
            assert_eq!(xpath(&xml, &equal), "true", "{name}: {attribute}");
        }
        assert_eq!(
            xpath(&xml, "count(//failure) > 0"),
            has_failures.to_string(),
            "{name}"
        );
        assert_eq!(xpath(&xml, "count(//error)"), errors.to_string(), "{name}");
        // One result at most for a case, and every case with a name and a class.
        let odd = format!(
            "count({cases}[not(@name) or not(@classname) or count(failure|error|skipped|system-out) != 1])"
        );
        assert_eq!(xpath(&xml, &odd), "0", "{name}");
        assert_eq!(xpath(&xml, "number(//testsuite/@time) > 0"), "true", "{name}");
    }
}

/// Two endpoints, one of which takes its time.
fn two(endpoints: &Endpoints) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "check",
        "--server-name",
        "sbc.example.test",
        "--timeout",
        "1s",
        "--as-of",
        NOW,
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.extend(["--trust-anchors".to_owned(), endpoints.root()]);
    arguments.extend(["good", "silent"].map(|name| endpoints.address(name)));
    arguments
}

/// Runs the program at a terminal; what it showed there.
fn at_a_terminal(arguments: &[String]) -> String {
    let program = env!("CARGO_BIN_EXE_siptls-probe");
    let line: Vec<String> = std::iter::once(program.to_owned())
        .chain(arguments.iter().cloned())
        .map(|word| format!("'{word}'"))
        .collect();
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR");
    run_with_input(&mut script, "").stdout
}

const BAR: &str = "of 2 visited";

#[test]
fn progress_is_shown_at_a_terminal_and_never_in_a_pipe() {
    let endpoints = Endpoints::start();
    let arguments = two(&endpoints);
    let shown = at_a_terminal(&arguments);
    assert!(shown.contains(BAR), "{shown:?}");
    assert!(shown.contains("surveying"), "{shown:?}");
    assert!(shown.contains("2 reports:"), "{shown:?}");

    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let piped = command(&words).output().expect("start the program");
    for stream in [&piped.stdout, &piped.stderr] {
        let text = String::from_utf8_lossy(stream);
        assert!(!text.contains(BAR) && !text.contains('\u{1b}'), "{text:?}");
    }
    let text = String::from_utf8_lossy(&piped.stdout);
    assert!(text.contains("2 reports:"), "{text}");
}

#[test]
fn a_report_in_a_file_leaves_standard_output_empty() {
    let endpoints = Endpoints::start();
    for format in ["text", "json"] {
        let file = endpoints.file(&format!("report.{format}"));
        let mut arguments = two(&endpoints);
        arguments.extend(["--format", format, "--output"].map(str::to_owned));
        arguments.push(crate::program::path(&file));
        let read = || std::fs::read_to_string(&file).expect("the report");
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let piped = command(&words).output().expect("start the program");
        assert!(piped.stdout.is_empty(), "{piped:?}");
        let mark = if format == "text" {
            "2 reports:"
        } else {
            "\"siptls-probe/report/v1\""
        };
        assert!(read().contains(mark), "{}", read());

        std::fs::remove_file(&file).expect("remove the report");
        let shown = at_a_terminal(&arguments);
        assert!(read().contains(mark) && !read().contains('\u{1b}'), "{}", read());
        assert!(shown.contains(BAR) && !shown.contains(mark), "{shown:?}");
    }
}
