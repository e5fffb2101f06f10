//! Unknown keys put into every mapping of the shipped configurations, and texts damaged at random.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use proptest::prelude::*;
use siptls_config::{Faults, Plan, load_str};
use std::fs;
use std::path::{Path, PathBuf};

const INTRUDER: &str = "unknown_key_7";

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

/// A file, and whether it is a target file.
fn corpus() -> Vec<(PathBuf, bool)> {
    let mut files = vec![(shipped().join("reference.yaml"), false)];
    for (folder, target_file) in [("examples", false), ("examples/targets", true)] {
        for entry in fs::read_dir(shipped().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                files.push((path, target_file));
            }
        }
    }
    assert_eq!(files.len(), 7);
    files
}

fn load(path: &Path, target_file: bool, text: &str) -> Result<Plan, Faults> {
    if !target_file {
        return load_str(text, path, path.parent().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("targets.yaml"), text).unwrap();
    load_str(
        "target_files: [targets.yaml]",
        Path::new("main.yaml"),
        folder.path(),
    )
}

/// Each text that has the intruder in one more mapping, and whether that mapping holds labels.
fn injections(text: &str) -> Vec<(String, bool)> {
    let mut out = Vec::new();
    let mut offset = 0;
    let mut parents: Vec<(usize, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let content = line.split('#').next().unwrap();
        for (brace, _) in content.match_indices('{') {
            let at = start + brace + 1;
            let before = content[..brace].trim_end();
            let labels = before.ends_with("labels:") || before.ends_with("\"labels\":");
            out.push((
                format!("{}\"{INTRUDER}\": \"x\", {}", &text[..at], &text[at..]),
                labels,
            ));
        }
        // A key of a block mapping, first in its line or after `- `.
        let keys_at = content.len() - content.trim_start_matches([' ', '-']).len();
        let key = content[keys_at..].split(':').next().unwrap_or_default();
        let is_key = content[keys_at..].contains(": ") || content[keys_at..].trim_end().ends_with(':');
        if !is_key || key.contains(['{', '"', '&', '[']) {
            continue;
        }
        parents.retain(|(indent, _)| *indent < keys_at);
        let labels = parents.last().is_some_and(|(_, parent)| parent == "labels");
        let at = start + keys_at;
        out.push((
            format!(
                "{}{INTRUDER}: x\n{}{}",
                &text[..at],
                " ".repeat(keys_at),
                &text[at..]
            ),
            labels,
        ));
        parents.push((keys_at, key.to_owned()));
    }
    out
}

#[test]
fn an_unknown_key_is_refused_at_every_level() {
    let (mut refused, mut labels) = (0, 0);
    for (path, target_file) in corpus() {
        let text = fs::read_to_string(&path).unwrap();
        load(&path, target_file, &text).unwrap_or_else(|faults| panic!("{faults}"));
        for (changed, in_labels) in injections(&text) {
            let result = load(&path, target_file, &changed);
            if in_labels {
                let plan = result.unwrap_or_else(|faults| panic!("{changed}\n{faults}"));
                let carried = plan
                    .targets
                    .iter()
                    .any(|planned| planned.target.labels.contains_key(INTRUDER));
                assert!(carried, "{changed}");
                labels += 1;
                continue;
            }
            let faults = result.map(|_| ()).expect_err(&changed);
            let fault = faults
                .as_slice()
                .iter()
                .find(|fault| fault.key.rsplit('.').next() == Some(INTRUDER));
            let fault = fault.unwrap_or_else(|| panic!("{changed}\n{faults}"));
            let line = usize::try_from(fault.line.unwrap()).unwrap();
            let column = usize::try_from(fault.column.unwrap()).unwrap();
            let found = changed.lines().nth(line - 1).unwrap().get(column - 1..).unwrap();
            assert!(
                found.trim_start_matches('"').starts_with(INTRUDER),
                "{line}:{column} points at {found}"
            );
            assert_eq!(fault.message, format!("expected a known key, found `{INTRUDER}`"));
            assert!(
                fault
                    .hint
                    .as_deref()
                    .is_some_and(|hint| hint.starts_with("known: ")),
                "{fault}"
            );
            refused += 1;
        }
    }
    println!("{refused} refused, {labels} taken as labels");
    assert!(
        refused >= 60 && labels >= 8,
        "{refused} refused, {labels} taken as labels"
    );
}

/// Pieces that change the meaning of YAML.
const PIECES: [&str; 36] = [
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "#",
    " #",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!x ",
    "|",
    ">-",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "~",
    "null",
    "? ",
    "\u{feff}",
    "\r",
    "\0",
    "\u{202e}",
    "é",
    "9",
    "s",
    "name: acme-sbc-2",
];

fn damaged() -> impl Strategy<Value = String> {
    let texts: Vec<String> = corpus()
        .iter()
        .map(|(path, _)| fs::read_to_string(path).unwrap())
        .collect();
    let change = (any::<prop::sample::Index>(), 0_usize..12, 0..PIECES.len() + 1);
    (prop::sample::select(texts), prop::collection::vec(change, 1..8)).prop_map(|(text, changes)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (place, removed, piece) in changes {
            let at = place.index(chars.len() + 1);
            let end = (at + removed).min(chars.len());
            let cut: Vec<char> = chars.drain(at..end).collect();
            match PIECES.get(piece) {
                Some(piece) => drop(chars.splice(at..at, piece.chars())),
                // Twice what was there.
                None => drop(chars.splice(at..at, cut.iter().chain(&cut).copied().collect::<Vec<_>>())),
            }
        }
        chars.into_iter().collect()
    })
}

fn names(plan: &Plan) -> Vec<siptls_model::Target> {
    plan.targets
        .iter()
        .map(|planned| (*planned.target).clone())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Whatever the text: a plan that survives a round trip, or faults that are safe to show; never a panic.
    #[test]
    fn damaged_texts_load_or_are_refused(text in damaged()) {
        match load_str(&text, Path::new("damaged.yaml"), &shipped()) {
            Ok(plan) => {
                let effective = plan.effective_yaml();
                let again = load_str(&effective, Path::new("effective.yaml"), Path::new(""));
                let again = again.unwrap_or_else(|faults| panic!("{effective}\n{faults}"));
                prop_assert_eq!(names(&again), names(&plan));
            }
            Err(faults) => {
                prop_assert!(faults.count() > 0);
                let shown = faults.to_string();
                prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{}", shown);
                prop_assert!(!shown.contains('\u{202e}'), "{}", shown);
                // YAML breaks lines at CR alone too (YAML 1.2 §5.4).
                let lines = u64::try_from(text.matches(['\n', '\r']).count()).unwrap() + 1;
                for fault in faults.as_slice().iter().filter(|fault| fault.file == Path::new("damaged.yaml")) {
                    prop_assert!(fault.line.is_none_or(|line| line <= lines), "{}", fault);
                    prop_assert!(!fault.message.is_empty() && !fault.message.ends_with('.'), "{}", fault);
                }
            }
        }
    }

    /// Any text at all.
    #[test]
    fn noise_never_panics(text in "[ -~\n\t:{}\\[\\]\"'&*!|>%@`#,?-]{0,200}") {
        drop(load_str(&text, Path::new("noise.yaml"), Path::new("/nowhere")));
    }
}
