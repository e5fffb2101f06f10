//! `trust_anchors` as a PEM file, a DER file and a folder of both.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use siptls_catalog::root_group;
use siptls_config::{Faults, Plan, load_str};
use std::fs;
use std::path::Path;

fn load(folder: &Path, anchors: &str) -> Result<Plan, Faults> {
    let text = format!("targets: [{{name: a, endpoint: a.example.test, trust_anchors: \"{anchors}\"}}]");
    load_str(&text, Path::new("siptls-probe.yaml"), folder)
}

fn names(plan: &Plan) -> Vec<String> {
    let roots = plan.targets[0].trust_anchors.as_ref().unwrap();
    let mut names: Vec<String> = roots.roots().iter().map(|root| root.name.clone()).collect();
    names.sort();
    names
}

fn pem(der: &[u8]) -> String {
    let openssl = std::process::Command::new("openssl")
        .args(["x509", "-inform", "DER"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut openssl = openssl.unwrap();
    std::io::Write::write_all(&mut openssl.stdin.take().unwrap(), der).unwrap();
    String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn files_and_folders_of_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let ders: Vec<Vec<u8>> = root_group("digicert_g2_g3")
        .unwrap()
        .roots
        .roots()
        .iter()
        .map(|root| root.certificate.der.to_vec())
        .collect();
    let [g2, g3] = &ders[..] else {
        panic!("expected two roots")
    };
    fs::write(folder.path().join("g2.der"), g2).unwrap();
    fs::write(folder.path().join("g3.pem"), pem(g3)).unwrap();
    fs::create_dir(folder.path().join("roots")).unwrap();
    for name in ["g2.cer", "again.CRT"] {
        fs::write(folder.path().join("roots").join(name), g2).unwrap();
    }
    fs::write(folder.path().join("roots/README"), "not a certificate").unwrap();

    assert_eq!(
        names(&load(folder.path(), "g2.der").unwrap()),
        ["DigiCert Global Root G2"]
    );
    assert_eq!(
        names(&load(folder.path(), "g3.pem").unwrap()),
        ["DigiCert Global Root G3"]
    );
    let plan = load(folder.path(), "roots").unwrap();
    assert_eq!(
        names(&plan),
        ["DigiCert Global Root G2"],
        "the same root twice is one"
    );
    assert_eq!(plan.sources, plan.sources.again());

    // A file that comes to the folder is a change, and counts after the next load.
    fs::write(folder.path().join("roots/g3.pem"), pem(g3)).unwrap();
    assert_ne!(plan.sources, plan.sources.again());
    assert_eq!(
        names(&load(folder.path(), "roots").unwrap()),
        ["DigiCert Global Root G2", "DigiCert Global Root G3"]
    );
}

#[test]
fn what_holds_no_root_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("short.der"), [0x30, 0x82, 0x01, 0x00]).unwrap();
    fs::write(folder.path().join("text.pem"), "hello").unwrap();
    fs::create_dir(folder.path().join("mixed")).unwrap();
    fs::write(folder.path().join("mixed/a.der"), [0x30, 0x03]).unwrap();
    for (anchors, part) in [
        (
            "empty",
            "expected a folder with certificates (*.pem, *.crt, *.cer, *.der), found none in `",
        ),
        ("short.der", "short.der`: the DER is no readable certificate"),
        ("text.pem", "text.pem`: no certificate found"),
        ("mixed", "mixed/a.der`: the DER is no readable certificate"),
        ("none", "found no file at `"),
    ] {
        let text = load(folder.path(), anchors).unwrap_err().to_string();
        assert!(text.contains(part), "{anchors}: {text}");
    }
}
