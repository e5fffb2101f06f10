//! The promises of docs/security.md: each names tests that are there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether a source has a test of that name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.windows(2).any(|pair| {
        let is_test = pair[0] == "#[test]" || pair[0].starts_with("#[tokio::test");
        is_test
            && (pair[1].starts_with(&format!("fn {name}("))
                || pair[1].starts_with(&format!("async fn {name}(")))
    })
}

#[test]
fn every_promise_is_held_by_tests_that_are_there() {
    let page = fs::read_to_string(root().join("docs/security.md")).expect("read the page");
    let promises = page
        .split("## Promises")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next())
        .expect("a section of promises");
    let rows: Vec<&str> = promises
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("| held by |"))
        .collect();
    assert!(
        rows.len() >= 14,
        "expected a table of promises, found {} rows",
        rows.len()
    );
    let mut missing = Vec::new();
    for row in rows {
        let tests: Vec<(&str, &str)> = row
            .split('`')
            .filter_map(|part| part.split_once(".rs::"))
            .collect();
        if tests.is_empty() {
            missing.push(format!("no test: {row}"));
        }
        for (file, name) in tests {
            let source = fs::read_to_string(root().join(format!("{file}.rs"))).unwrap_or_default();
            if !has_test(&source, name) {
                missing.push(format!("{file}.rs has no test {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_test_that_is_not_there_is_missed() {
    assert!(has_test("#[test]\nfn here() {}", "here"));
    assert!(has_test(
        "    #[tokio::test(start_paused = true)]\n    async fn here() {",
        "here"
    ));
    assert!(!has_test("fn here() {}", "here"));
    assert!(!has_test("#[test]\nfn here_too() {}", "here"));
}
