//! What is generated from the arguments: completions that real shells run, pages that mandoc reads, and `healthy`.

use crate::program::{command, run, run_with_input};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::thread;

/// What bash offers after these words.
fn bash(words: &[&str]) -> Vec<String> {
    let script = run(&["completions", "bash"]);
    assert_eq!(script.code, Some(0), "{script:?}");
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let last = words.len() - 1;
    let asking = format!(
        "{}\nCOMP_WORDS=({})\nCOMP_CWORD={last}\n\
         _siptls__probe siptls-probe '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        script.stdout,
        quoted.join(" "),
        words[last],
        words[last - 1],
    );
    let offered = run_with_input(Command::new("bash").args(["--norc", "-u", "-s"]), &asking);
    assert_eq!(
        (offered.code, offered.stderr.as_str()),
        (Some(0), ""),
        "{offered:?}"
    );
    offered.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let depths = bash(&["siptls-probe", "check", "--depth", ""]);
    assert_eq!(depths, ["hello", "routine", "survey"]);
    assert_eq!(bash(&["siptls-probe", "check", "--depth", "ro"]), ["routine"]);
    assert_eq!(
        bash(&["siptls-probe", "check", "--profile", "genesys-byoc-c"]),
        ["genesys-byoc-customer", "genesys-byoc-cloud"]
    );
    assert_eq!(bash(&["siptls-probe", "run", "--sh"]), ["--shard"]);
    assert_eq!(bash(&["siptls-probe", "config", "sh"]), ["show"]);
    assert_eq!(bash(&["siptls-probe", "history", "--aspect", "su"]), ["suites"]);
    assert!(bash(&["siptls-probe", "explain", "chain-c"]).contains(&"chain-complete".to_owned()));
}

#[test]
fn fish_completes_and_zsh_reads_the_script() {
    let script = run(&["completions", "fish"]);
    let asking = script.stdout + "\ncomplete -C 'siptls-probe check --depth '\n";
    let offered = run_with_input(Command::new("fish").args(["--no-config"]), &asking);
    let offered: Vec<&str> = offered
        .stdout
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(offered, ["hello", "routine", "survey"]);
    let script = run(&["completions", "zsh"]);
    assert!(script.stdout.starts_with("#compdef siptls-probe"), "{script:?}");
    let read = run_with_input(Command::new("zsh").args(["-f", "-n"]), &script.stdout);
    assert_eq!((read.code, read.stderr.as_str()), (Some(0), ""));
    let unknown = run(&["completions", "tcsh"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn every_command_has_a_page_that_mandoc_has_nothing_against() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().to_str().expect("a path in UTF-8");
    let written = run(&["man", "--output", path]);
    assert_eq!(
        (written.code, written.stdout.as_str()),
        (Some(0), ""),
        "{written:?}"
    );
    let nowhere = run(&["man", "--output", "/nonexistent/man1"]);
    assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
    assert!(
        nowhere
            .stderr
            .starts_with("error: cannot write the manual pages to /nonexistent/man1\n  because: "),
        "{nowhere:?}"
    );
    let mut pages: Vec<_> = fs::read_dir(folder.path())
        .expect("read the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    pages.sort();
    assert!(pages.len() >= 16, "{pages:?}");
    for page in &pages {
        let linted = run_with_input(
            Command::new("mandoc")
                .args(["-T", "lint", "-W", "warning"])
                .arg(page),
            "",
        );
        // A page without a date is the same on the day after.
        let found = linted
            .stdout
            .lines()
            .filter(|line| !line.contains("missing date"));
        assert_eq!(found.collect::<Vec<_>>(), [""; 0], "{linted:?}");
        assert_eq!(
            linted.stdout.lines().count(),
            1,
            "mandoc reads the page: {linted:?}"
        );
    }
    let page = run(&["man", "config", "check"]);
    let kept = fs::read_to_string(folder.path().join("siptls-probe-config-check.1")).expect("a page");
    assert_eq!(page.stdout, kept);
    let rendered = run_with_input(
        Command::new("mandoc").args(["-T", "utf8"]),
        &run(&["man", "run"]).stdout,
    );
    // Bold and underlined letters are overstruck.
    let text: Vec<char> = rendered.stdout.chars().collect();
    let plain: String = (0..text.len())
        .filter(|at| text[*at] != '\u{8}' && text.get(at + 1) != Some(&'\u{8}'))
        .map(|at| text[at])
        .collect();
    for part in [
        "siptls-probe-run(1)",
        "SYNOPSIS",
        "--shard <I/N>",
        "siptls-probe 0.",
    ] {
        assert!(plain.contains(part), "{part}\n{plain}");
    }
    let unknown = run(&["man", "chek"]);
    assert_eq!(
        (unknown.code, unknown.stderr.as_str()),
        (
            Some(2),
            "error: no command is named `chek`\nhint: did you mean `check`?\n"
        )
    );
}

/// A server that gives one answer, and what it was asked.
fn answering(answer: &'static str) -> (u16, thread::JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a port");
    let port = listener.local_addr().expect("an address").port();
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut asked = [0; 1_024];
        let read = stream.read(&mut asked).expect("a question");
        stream.write_all(answer.as_bytes()).expect("answer");
        String::from_utf8_lossy(&asked[..read]).into_owned()
    });
    (port, served)
}

#[test]
fn healthy_says_yes_to_200_alone() {
    for (answer, code, part) in [
        ("HTTP/1.1 200 OK\r\n\r\nready\n", 0, ""),
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            1,
            "found `HTTP/1.1 503 Service Unavailable`",
        ),
        ("200 OK\r\n", 1, "expected the answer 200"),
        ("", 1, "found ``"),
    ] {
        let (port, served) = answering(answer);
        let asked = run(&["healthy", &format!("http://127.0.0.1:{port}/-/ready")]);
        assert_eq!(asked.code, Some(code), "{answer:?}: {asked:?}");
        assert!(
            asked.stderr.contains(part) && asked.stdout.is_empty(),
            "{asked:?}"
        );
        assert!(
            served
                .join()
                .expect("served")
                .starts_with("GET /-/ready HTTP/1.0\r\n")
        );
    }
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a port");
    let port = nobody.local_addr().expect("an address").port();
    drop(nobody);
    let asked = run(&["healthy", &format!("http://127.0.0.1:{port}")]);
    assert_eq!(asked.code, Some(1), "{asked:?}");
    for url in [
        "ftp://127.0.0.1:1/",
        "127.0.0.1:10061",
        "http://",
        "http:///x",
        "http://a b/",
    ] {
        let refused = command(&["healthy", url]).output().expect("start the program");
        assert_eq!(refused.status.code(), Some(2), "{url}");
    }
}
