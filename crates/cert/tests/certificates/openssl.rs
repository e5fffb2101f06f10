//! The `openssl` command as an oracle.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use super::pki;

/// Runs `openssl` in a folder and gives its standard output; panics when it fails.
pub(crate) fn run(folder: &std::path::Path, arguments: &str) -> String {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs `openssl` on standard input.
pub(crate) fn pipe(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Whether `openssl verify` finds a path, whatever the dates.
pub(crate) fn verifies(sent: &[Vec<u8>], roots: &[Vec<u8>]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, ders: &[Vec<u8>]| {
        let text: String = ders.iter().map(|der| pki::pem(der)).collect();
        std::fs::write(folder.path().join(name), text).unwrap();
    };
    write("leaf.pem", &sent[..1]);
    write("sent.pem", sent);
    write("roots.pem", roots);
    let arguments =
        "verify -no_check_time -no-CApath -no-CAstore -CAfile roots.pem -untrusted sent.pem leaf.pem";
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder.path())
        .output()
        .unwrap();
    output.status.success()
}
