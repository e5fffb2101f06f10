//! The house rules that Cargo knows nothing of: which crate may use which, which foreign library belongs where, that every crate
//! inherits the workspace's lints, and that no test is ignored.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use siptls_e2e::complete;

/// Our crates by package name, lowest first, and what each may use. Tests may also use what lies further below.
const ARROWS: &[(&str, &[&str])] = &[
    ("siptls-wire", &[]),
    ("siptls-cert", &[]),
    ("siptls-tls12", &["siptls-wire"]),
    ("siptls-model", &["siptls-wire", "siptls-cert"]),
    ("siptls-catalog", &["siptls-model", "siptls-cert"]),
    (
        "siptls-policy",
        &["siptls-model", "siptls-catalog", "siptls-cert"],
    ),
    (
        "siptls-config",
        &["siptls-model", "siptls-catalog", "siptls-tls12"],
    ),
    (
        "siptls-probe-engine",
        &[
            "siptls-model",
            "siptls-tls12",
            "siptls-wire",
            "siptls-cert",
            "siptls-catalog",
        ],
    ),
    ("siptls-capture", &["siptls-model", "siptls-wire", "siptls-cert"]),
    ("siptls-journal", &["siptls-model"]),
    ("siptls-metrics", &["siptls-model"]),
    ("siptls-daemon", BELOW_DAEMON),
    ("siptls-lab", BELOW_DAEMON),
    ("siptls-probe", BELOW_CLI),
];

/// Every room below `daemon` and `lab`.
const BELOW_DAEMON: &[&str] = &[
    "siptls-wire",
    "siptls-cert",
    "siptls-tls12",
    "siptls-model",
    "siptls-catalog",
    "siptls-policy",
    "siptls-config",
    "siptls-probe-engine",
    "siptls-capture",
    "siptls-journal",
    "siptls-metrics",
];

/// Every room below the binary.
const BELOW_CLI: &[&str] = &[
    "siptls-wire",
    "siptls-cert",
    "siptls-tls12",
    "siptls-model",
    "siptls-catalog",
    "siptls-policy",
    "siptls-config",
    "siptls-probe-engine",
    "siptls-capture",
    "siptls-journal",
    "siptls-metrics",
    "siptls-daemon",
    "siptls-lab",
];

/// Crates that only test; they may use whatever they test with, but nothing that ships may use them.
const TESTING: &[&str] = &["siptls-e2e", "siptls-bench"];

/// Endpoints that tests of any crate may dial.
const PLAYS_PEERS: &str = "siptls-lab";

/// Foreign libraries with a home, and who lives there. A name stands for itself and everything that begins with it and a hyphen.
const HOMES: &[(&str, &[&str])] = &[
    (
        "tokio",
        &[
            "siptls-probe-engine",
            "siptls-daemon",
            "siptls-probe",
            "siptls-lab",
        ],
    ),
    (
        "rustls",
        &[
            "siptls-probe-engine",
            "siptls-daemon",
            "siptls-probe",
            "siptls-lab",
        ],
    ),
    ("serde-saphyr", &["siptls-config", "siptls-catalog"]),
    ("granit-parser", &["siptls-config"]),
    ("prometheus", &["siptls-metrics"]),
    ("rusqlite", &["siptls-journal"]),
    ("openssl", &[]),
    ("tls-parser", &[]),
];

/// Libraries whose names only look like one of [`HOMES`]: plain data types and certificate paths, no I/O.
const HOMELESS: &[&str] = &["rustls-pki-types", "rustls-webpki"];

#[test]
fn arrows_point_where_the_design_says() {
    let metadata = metadata();
    let (seen, faults) = faults(&metadata);
    assert!(faults.is_empty(), "{}\namong {seen:?}", faults.join("\n"));
    assert!(
        seen.iter().any(|name| name.starts_with("siptls-")),
        "expected crates of ours, saw {seen:?}"
    );
}

#[test]
fn every_crate_inherits_the_lints() {
    let metadata = metadata();
    let manifests: Vec<PathBuf> = packages(&metadata)
        .map(|package| {
            PathBuf::from(
                package["manifest_path"]
                    .as_str()
                    .expect("a package has a manifest"),
            )
        })
        .collect();
    assert!(!manifests.is_empty(), "expected manifests, saw none");
    let without: Vec<_> = manifests
        .iter()
        .filter(|manifest| !inherits_lints(&fs::read_to_string(manifest).expect("read a manifest")))
        .collect();
    assert!(
        without.is_empty(),
        "expected `[lints] workspace = true` in every manifest, missing in {without:?} of {manifests:?}"
    );
}

#[test]
fn no_test_is_ignored() {
    let root = PathBuf::from(
        metadata()["workspace_root"]
            .as_str()
            .expect("a workspace has a root"),
    );
    let mut files = Vec::new();
    for folder in ["crates", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(
        files.len() >= 10,
        "expected the sources of the workspace, saw {files:?}"
    );
    let ignoring: Vec<_> = files
        .iter()
        .filter(|file| ignores_a_test(&fs::read_to_string(file).expect("read a source")))
        .collect();
    assert!(
        ignoring.is_empty(),
        "expected no ignored test, found some in {ignoring:?} of {} files",
        files.len()
    );
}

fn metadata() -> Value {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = complete(
        Command::new(cargo)
            .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// The crates seen, and what is wrong with them.
fn faults(metadata: &Value) -> (Vec<String>, Vec<String>) {
    let names: BTreeSet<&str> = packages(metadata)
        .filter_map(|package| package["name"].as_str())
        .collect();
    let mut faults = Vec::new();
    for package in packages(metadata) {
        let name = package["name"].as_str().unwrap_or_default();
        if TESTING.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(room, _)| *room == name) else {
            faults.push(format!("expected a crate that ARROWS lists, found {name}"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            let testing = dependency["kind"] == "dev";
            if names.contains(used) || used.starts_with("siptls-") {
                let fine = allowed.contains(&used)
                    || (testing && (used == PLAYS_PEERS || lies_below(used, allowed)));
                if !fine {
                    faults.push(format!(
                        "expected {name} to use only {allowed:?}, found an arrow to {used}"
                    ));
                }
            } else if !testing
                && let Some((library, homes)) = home(used)
                && !homes.contains(&name)
            {
                faults.push(format!(
                    "expected {library} only in {homes:?}, found {used} in {name}"
                ));
            }
        }
    }
    (names.into_iter().map(str::to_owned).collect(), faults)
}

fn home(used: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    let belongs = |library: &str| {
        used == library
            || used
                .strip_prefix(library)
                .is_some_and(|rest| rest.starts_with('-'))
    };
    HOMES
        .iter()
        .find(|(library, _)| belongs(library) && !HOMELESS.contains(&used))
}

/// Whether one of the `rooms`, or a room that one of them may use in turn, is the one that is used.
fn lies_below(used: &str, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| {
        *room == used
            || ARROWS
                .iter()
                .any(|(name, allowed)| name == room && lies_below(used, allowed))
    })
}

fn inherits_lints(manifest: &str) -> bool {
    manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.split_whitespace().collect::<String>() == "workspace=true")
}

fn ignores_a_test(source: &str) -> bool {
    source
        .lines()
        .any(|line| line.trim_start().starts_with(concat!("#[", "ignore")))
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("list a folder of the workspace") {
        let path = entry.expect("read an entry of the workspace").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                sources(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Faults of a workspace of one package that uses one other.
fn faults_of(name: &str, used: &str, kind: Value) -> Vec<String> {
    let dependency = json!({"name": used, "kind": kind});
    faults(&json!({"packages": [{"name": name, "dependencies": [dependency]}]})).1
}

#[test]
fn a_wrong_arrow_is_refused() {
    for (name, used) in [
        ("siptls-wire", "siptls-cert"),
        ("siptls-policy", "siptls-config"),
        ("siptls-metrics", "siptls-policy"),
        ("siptls-daemon", "siptls-probe"),
        ("siptls-daemon", "siptls-lab"),
        ("siptls-lab", "siptls-probe"),
        ("siptls-cert", "siptls-e2e"),
        ("siptls-model", "siptls-catalog"),
    ] {
        let faults = faults_of(name, used, Value::Null);
        assert_eq!(faults.len(), 1, "{name} → {used}: {faults:?}");
        assert!(
            faults[0].contains(&format!("found an arrow to {used}")),
            "{faults:?}"
        );
    }
    assert_eq!(faults_of("siptls-wire", "siptls-cert", json!("build")).len(), 1);
    assert_eq!(faults_of("siptls-wire", "siptls-cert", json!("dev")).len(), 1);
    assert_eq!(faults_of("siptls-model", "siptls-policy", json!("dev")).len(), 1);
    assert_eq!(
        faults_of("siptls-metrics", "siptls-cert", json!("build")).len(),
        1
    );
}

#[test]
fn listed_arrows_are_accepted_and_in_tests_rooms_below_and_the_lab() {
    for (name, used, kind) in [
        ("siptls-policy", "siptls-cert", Value::Null),
        ("siptls-probe", "siptls-daemon", Value::Null),
        ("siptls-lab", "siptls-tls12", Value::Null),
        ("siptls-probe-engine", "siptls-lab", json!("dev")),
        ("siptls-metrics", "siptls-cert", json!("dev")),
        ("siptls-e2e", "siptls-probe", Value::Null),
    ] {
        assert_eq!(
            faults_of(name, used, kind),
            Vec::<String>::new(),
            "{name} → {used}"
        );
    }
}

#[test]
fn a_crate_nobody_knows_is_refused() {
    let faults = faults_of("siptls-extra", "thiserror", Value::Null);
    assert_eq!(faults, ["expected a crate that ARROWS lists, found siptls-extra"]);
}

#[test]
fn a_library_away_from_home_is_refused() {
    for (name, used) in [
        ("siptls-wire", "tokio"),
        ("siptls-policy", "tokio-rustls"),
        ("siptls-cert", "rustls"),
        ("siptls-model", "serde-saphyr"),
        ("siptls-daemon", "serde-saphyr"),
        ("siptls-daemon", "prometheus"),
        ("siptls-probe-engine", "openssl"),
        ("siptls-lab", "openssl-sys"),
    ] {
        let faults = faults_of(name, used, Value::Null);
        assert_eq!(faults.len(), 1, "{name} → {used}: {faults:?}");
        assert!(
            faults[0].contains(&format!("found {used} in {name}")),
            "{faults:?}"
        );
    }
}

#[test]
fn libraries_at_home_and_in_tests_are_accepted() {
    for (name, used, kind) in [
        ("siptls-probe-engine", "tokio", Value::Null),
        ("siptls-lab", "tokio-rustls", Value::Null),
        ("siptls-catalog", "serde-saphyr", json!("build")),
        ("siptls-metrics", "prometheus", Value::Null),
        ("siptls-cert", "rustls-pki-types", Value::Null),
        ("siptls-cert", "rustls-webpki", Value::Null),
        ("siptls-tls12", "openssl", json!("dev")),
        ("siptls-wire", "tokio", json!("dev")),
    ] {
        assert_eq!(
            faults_of(name, used, kind),
            Vec::<String>::new(),
            "{name} → {used}"
        );
    }
}

#[test]
fn a_manifest_without_the_lints_is_refused() {
    assert!(inherits_lints(
        "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"
    ));
    assert!(!inherits_lints("[package]\nname = \"a\"\nworkspace = true\n"));
    assert!(!inherits_lints("[lints]\n[dependencies]\nworkspace = true\n"));
    assert!(!inherits_lints("[lints]\nworkspace = false\n"));
}

#[test]
fn an_ignored_test_is_refused() {
    assert!(ignores_a_test(concat!(
        "    #[",
        "ignore = \"slow\"]\n    fn a() {}"
    )));
    assert!(!ignores_a_test("// nothing is ignored here\n#[test]\nfn a() {}"));
}
