//! The help of every command, and what is said of wrong usage.

use crate::program::run;

#[test]
fn every_command_has_its_help() {
    for (name, arguments) in [
        ("siptls-probe", vec![]),
        ("check", vec!["check"]),
        ("run", vec!["run"]),
        ("history", vec!["history"]),
        ("lab", vec!["lab"]),
        ("config", vec!["config"]),
        ("config-check", vec!["config", "check"]),
        ("config-show", vec!["config", "show"]),
        ("catalog", vec!["catalog"]),
        ("catalog-list", vec!["catalog", "list"]),
        ("catalog-show", vec!["catalog", "show"]),
        ("catalog-verify", vec!["catalog", "verify"]),
        ("explain", vec!["explain"]),
    ] {
        let finished = run(&[arguments.as_slice(), &["--help"]].concat());
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{name}");
        insta::assert_snapshot!(format!("help-{name}"), finished.stdout);
    }
}

#[test]
fn wrong_usage_ends_with_2_and_nothing_on_standard_output() {
    for arguments in [
        vec![],
        vec!["chek"],
        vec!["check"],
        vec!["check", "sbc.example.test", "--format", "xml"],
        vec!["check", "sbc.example.test", "--survey"],
        vec!["run", "--log.level", "loud"],
        vec!["catalog"],
        vec!["catalog", "show"],
        vec!["explain"],
    ] {
        let finished = run(&arguments);
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(!finished.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_fault_of_endpoints_and_options_is_told_at_once_before_anything_is_opened() {
    let finished = run(&[
        "check",
        "sbc.example.test:70000",
        "ok.example.test",
        "https://sbc.example.test",
        "--profile",
        "genesys-byoc-costumer",
        "--depth",
        "deep",
        "--timeout",
        "10",
        "--trust-anchors",
        "/nonexistent/root.pem",
    ]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(finished.stderr);
}

#[test]
fn a_time_that_is_none_is_refused() {
    let finished = run(&["check", "sbc.example.test", "--as-of", "next week"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        finished.stderr,
        "error: --as-of: expected an RFC 3339 time or a date, found `next week`\n\
         hint: write `2027-03-15` or `2027-03-15T06:00:00Z`\n"
    );
}
