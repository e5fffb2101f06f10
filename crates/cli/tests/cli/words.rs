//! Commands that only print what is known: catalog, explain, config; and printing itself.

use crate::program::{command, path, run};
use std::process::Stdio;

#[test]
fn the_catalog_is_listed_and_shown() {
    let list = run(&["catalog", "list"]);
    assert_eq!((list.code, list.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!("catalog-list-text", list.stdout);

    let document = run(&["catalog", "list", "--format", "json"]).json();
    let mut shown = 0;
    for kind in ["profiles", "root_groups", "endpoint_lists", "timetables"] {
        for entry in document[kind].as_array().expect("a list") {
            let name = entry["name"].as_str().expect("a name");
            for format in ["text", "json"] {
                let finished = run(&["catalog", "show", name, "--format", format]);
                assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{name}");
                assert!(finished.stdout.contains(name) || format == "json", "{name}");
                shown += 1;
            }
        }
    }
    assert!(shown >= 16, "expected every profile, group and list, saw {shown}");
    let both = run(&["catalog", "show", "genesys-byoc-customer"]).stdout;
    assert!(
        both.contains("Profile genesys-byoc-customer:") && both.contains("Root group genesys-byoc-customer:")
    );
}

/// Of the roots that are marked and of those that are not, in both forms, by the clock of the machine.
#[test]
fn a_root_that_ends_soon_is_marked_with_the_days() {
    let group = "genesys-byoc-customer";
    let document = run(&["catalog", "show", group, "--format", "json"]).json();
    let text = run(&["catalog", "show", group]).stdout;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let roots = document["root_group"]["roots"].as_array().expect("roots");
    assert!(roots.len() > 60, "{}", roots.len());
    let mut marked = 0;
    for root in roots {
        let days = root["ends_in_days"].as_i64().expect("a number of days");
        let line = format!(
            "[{}], {}",
            root["subject_hash"].as_str().expect("a hash"),
            root["not_after"].as_str().expect("a time")
        );
        let mark = match days {
            ..0 => ": HAS ENDED, ",
            0..=90 => ": ENDS in ",
            _ => " ",
        };
        assert!(
            text.contains(&format!("{line}{mark}")) || text.ends_with(&line),
            "{root}: {text}"
        );
        marked += usize::from(days <= 90);
    }
    // AddTrust's ended in 2020.
    assert!(marked >= 1);
}

#[test]
fn the_lifetimes_are_shown_with_their_sources() {
    let text = run(&["catalog", "show", "certificate-lifetimes"]).stdout;
    assert!(
        text.contains("issued from 2029-03-15 on: 47 days") && text.contains("SC-081v3"),
        "{text}"
    );
    let document = run(&["catalog", "show", "certificate-lifetimes", "--format", "json"]).json();
    let days: Vec<_> = (document["lifetimes"].as_array().expect("limits").iter())
        .map(|limit| limit["max_days"].as_u64().expect("days"))
        .collect();
    assert_eq!(days, [398, 200, 100, 47]);
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let finished = run(&["catalog", "show", "genesys-byoc-clout"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        finished.stderr,
        "error: the catalog has nothing named `genesys-byoc-clout`\nhint: did you mean `genesys-byoc-cloud`?\n"
    );
    let finished = run(&["catalog", "verify", "--region", "euc9"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        finished.stderr,
        "error: the catalog has nothing named `euc9`\nhint: did you mean `euc1`?\n"
    );
    let finished = run(&["explain", "chain-complet"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        finished.stderr,
        "error: no check is named `chain-complet`\nhint: did you mean `chain-complete`?\n"
    );
    let finished = run(&["explain", "\u{1b}[31mxyz"]);
    assert!(
        finished
            .stderr
            .starts_with("error: no check is named `\\u{1b}[31mxyz`\nhint: known: tls12-negotiated, ")
    );
}

#[test]
fn every_check_is_explained() {
    let mut explained = 0;
    for id in siptls_model::CheckId::ALL {
        let finished = run(&["explain", id.code()]);
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{id}");
        assert!(finished.stdout.starts_with(id.code()), "{}", finished.stdout);
        for title in ["Why it matters", "What to change", "with OpenSSL", "Sources"] {
            assert!(finished.stdout.contains(title), "{id}: {title}");
        }
        explained += 1;
    }
    assert_eq!(explained, 22);
    insta::assert_snapshot!(
        "explain-ecdhe-secp384r1",
        run(&["explain", "ecdhe-secp384r1"]).stdout
    );
}

#[test]
fn a_configuration_is_checked_and_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("good.yaml");
    std::fs::write(
        &file,
        "targets:\n  - {name: acme-sbc-1, endpoint: sbc1.acme.example}\n",
    )
    .expect("write");
    let file = path(&file);
    let checked = run(&["config", "check", "--config.file", &file]);
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
    assert_eq!(checked.stdout, format!("{file}: no faults: 1 target, 1 file\n"));
    let shown = run(&["config", "show", "--config.file", &file]);
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""));
    for line in [
        "- name: acme-sbc-1",
        "profile: genesys-byoc-customer",
        "timeout: 10s",
        "depth: routine",
    ] {
        assert!(shown.stdout.contains(line), "{}", shown.stdout);
    }
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("bad.yaml"),
        "probe: {intervall: 60s, timeout: 10}\ntargets:\n  - {name: a, endpoint: 'ho st', profile: nothing}\n  - {name: a, endpoint: b}\n",
    )
    .expect("write");
    for arguments in [
        vec!["config", "check", "--config.file", "bad.yaml"],
        vec!["config", "show", "--config.file", "bad.yaml"],
        vec!["check", "a", "--config.file", "bad.yaml"],
    ] {
        let output = command(&arguments)
            .current_dir(folder.path())
            .output()
            .expect("start the program");
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(2), 0),
            "{arguments:?}"
        );
        insta::assert_snapshot!("configuration-faults", String::from_utf8_lossy(&output.stderr));
    }
    let missing = run(&[
        "config",
        "check",
        "--config.file",
        "/nonexistent/siptls-probe.yaml",
    ]);
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.stderr.contains("/nonexistent/siptls-probe.yaml"),
        "{}",
        missing.stderr
    );
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let mut child = command(&["catalog", "show", "genesys-byoc-customer"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start the program");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("wait");
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).as_ref()
        ),
        (Some(0), "")
    );
}
