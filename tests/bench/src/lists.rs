//! A revocation list of a million entries: reading it, verifying it, asking it, and the memory that it takes.

use siptls_cert::{Certificate, Crl, CrlStatus};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const ENTRIES: u32 = 1_000_000;
const LOOKUPS: u32 = 100_000;

/// Makes the list with `openssl ca -gencrl`, then measures.
pub(crate) fn run() {
    let folder = std::env::temp_dir().join(format!("siptls-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let der = make(&folder);
    let certificate = |name: &str| Certificate::from_der(&std::fs::read(folder.join(name)).unwrap()).unwrap();
    let (issuer, named, other) = (
        certificate("ca.der"),
        certificate("named.der"),
        certificate("other.der"),
    );
    std::fs::remove_dir_all(&folder).unwrap();
    println!("list of {ENTRIES} entries: {:.1} MiB", mebibytes(der.len()));

    let before = resident();
    let start = Instant::now();
    let list = Crl::parse(der).unwrap();
    println!("read and indexed: {:.0} ms", milliseconds(start));
    println!("memory besides its bytes: {:.1} MiB", resident() - before);
    assert_eq!(list.len(), ENTRIES as usize);
    let start = Instant::now();
    let list = list.verify(&issuer).unwrap();
    println!("verified: {:.0} ms", milliseconds(start));

    let now = list.list().this_update;
    for (name, certificate, is_named) in [("named", &named, true), ("not named", &other, false)] {
        let start = Instant::now();
        for _ in 0..LOOKUPS {
            let status = list.status(certificate, &issuer, now).unwrap();
            assert_eq!(status != CrlStatus::NotListed, is_named);
        }
        println!(
            "asked of one {name}: {:.2} us",
            milliseconds(start) * 1_000.0 / f64::from(LOOKUPS)
        );
    }
}

fn make(folder: &Path) -> Vec<u8> {
    let index: String = (0..ENTRIES)
        .map(|number| {
            // Sixteen bytes that look random, as authorities make them; the first is the certificate's own.
            let mixed = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 2;
            let serial = if number == 500_000 {
                0x4711
            } else {
                mixed | 1 << 120
            };
            format!("R\t400101000000Z\t260101000000Z,superseded\t{serial:032X}\tunknown\t/CN=x\n")
        })
        .collect();
    std::fs::write(folder.join("index.txt"), index).unwrap();
    let config = format!(
        "[req]\ndistinguished_name=dn\n[dn]\n[ca]\ndefault_ca=this\n[this]\ndatabase={}/index.txt\ndefault_md=sha256\n\
         default_crl_days=7\nunique_subject=no\n",
        folder.display()
    );
    std::fs::write(folder.join("ca.cnf"), config).unwrap();
    for arguments in [
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=Bench -config ca.cnf -days 30",
        "x509 -in ca.pem -outform DER -out ca.der",
        "req -new -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf -config ca.cnf",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 0x4711 -outform DER -out named.der",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 0x4712 -outform DER -out other.der",
        "ca -gencrl -config ca.cnf -cert ca.pem -keyfile ca.key -out list.pem",
        "crl -in list.pem -outform DER -out list.der",
    ] {
        let mut openssl = Command::new("openssl");
        let output = openssl
            .args(arguments.split(' '))
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "openssl {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    std::fs::read(folder.join("list.der")).unwrap()
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1_000.0
}

fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Resident memory of this process in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
}
