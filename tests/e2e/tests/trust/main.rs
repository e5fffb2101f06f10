//! Trust as the peer sees it: a private PKI for each case, a real server that sends it, the real program's findings, and
//! `openssl verify` asked about the very same certificates. Where the two differ the case says why, docs/trust.md shows it
//! to operators, and a difference that is not written down, or is written down and not there, fails.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use jiff::SignedDuration;
use serde_json::Value;
use siptls_e2e::{Binary, OpensslServer, Peer};
use siptls_lab::Replay;
use siptls_wire::{CipherSuite, ProtocolVersion, ServerHello, write_certificates, write_handshake};

use cases::{Case, RUBBISH, cases};
use certificates::World;

mod cases;
mod certificates;

/// The findings that are compared.
const CHECKS: [&str; 6] = [
    "chain-complete",
    "chain-trusted-by-peer",
    "certificate-dates",
    "eku-server-auth",
    "server-name-matches",
    "certificate-not-revoked",
];

/// Where operators read of the differences.
const PAGE: &str = include_str!("../../../../docs/trust.md");

/// A SEQUENCE that is no certificate.
const RUBBISH_DER: [u8; 5] = [0x30, 3, 2, 1, 5];
const RUBBISH_PEM: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n";

/// ServerHelloDone (RFC 5246 §7.4.5).
const SERVER_HELLO_DONE: [u8; 4] = [14, 0, 0, 0];

/// Cases at once: more than the two processors that CI has, because most of a case is waiting for a server.
const WORKERS: usize = 4;

/// What was found of a case.
#[derive(Debug, Clone)]
struct Found {
    /// The compared checks that do not pass.
    here: Vec<(String, String)>,
    texts: String,
    anchor: Option<String>,
    openssl: String,
}

impl Found {
    /// Statuses of the compared checks that do not pass, as the documentation shows them.
    fn verdict(&self) -> String {
        let told: Vec<String> = self
            .here
            .iter()
            .filter(|(id, status)| status != "pass" && (id != "certificate-not-revoked" || status != "skip"))
            .map(|(id, status)| format!("{id}: {status}"))
            .collect();
        if told.is_empty() {
            "accepted".to_owned()
        } else {
            told.join(", ")
        }
    }

    /// Whether both accept, or both refuse and whatever OpenSSL objects to is objected to here.
    fn agree(&self) -> bool {
        let with = |status: &'static str| {
            self.here
                .iter()
                .filter(move |(_, found)| found == status)
                .map(|(id, _)| id.as_str())
        };
        let refused: BTreeSet<&str> = with("fail").collect();
        // What was not sent is no question of OpenSSL's, and a list that is not to be had refuses nothing here.
        let unknown = with("skip").any(|id| !matches!(id, "chain-complete" | "certificate-not-revoked"));
        let objections: BTreeSet<&str> = objections(&self.openssl);
        !unknown && refused.is_empty() == objections.is_empty() && objections.is_subset(&refused)
    }
}

/// Our checks that OpenSSL's errors (x509_vfy.h) belong to. Error 26 beside 79 says once more that an issuer is none.
fn objections(openssl: &str) -> BTreeSet<&'static str> {
    if openssl == "OK" {
        return BTreeSet::new();
    }
    let errors = openssl
        .split(", ")
        .map(|error| error.split(' ').next().unwrap_or_default());
    let is_no_issuer = openssl.contains("79 at");
    errors
        .map(|error| match error {
            "9" | "10" => "certificate-dates",
            "26" if !is_no_issuer => "eku-server-auth",
            "62" | "64" => "server-name-matches",
            "3" | "8" | "11" | "12" | "23" | "44" => "certificate-not-revoked",
            _ => "chain-trusted-by-peer",
        })
        .collect()
}

#[test]
fn every_chain_is_judged_as_openssl_does_or_for_a_reason_that_is_written_down() {
    let world = World::new();
    let cases = cases();
    assert!(cases.len() > 100, "expected every case, found {}", cases.len());
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    let next = AtomicUsize::new(0);
    let found = Mutex::new(vec![None; cases.len()]);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let (index, Some(case)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    (index, cases.get(index))
                } {
                    let one = ask(&world, case);
                    found.lock().expect("no worker panicked")[index] = Some(one);
                }
            });
        }
    });
    let found = found.into_inner().expect("no worker panicked");
    let mut table = String::new();
    let mut faults = Vec::new();
    for (case, found) in cases.iter().zip(found) {
        let found = found.expect("every case was asked");
        let difference = match (&case.differs, found.agree()) {
            (None, true) => "agree".to_owned(),
            (Some(differs), false) => differs.why.to_owned(),
            (None, false) => "DIFFER, and no reason is written down".to_owned(),
            (Some(_), true) => "AGREE, and a reason to differ is written down".to_owned(),
        };
        let _ = writeln!(
            table,
            "{:50} | {:70} | {:14} | {difference}",
            case.name,
            found.verdict(),
            found.openssl
        );
        faults.extend(faults_of(case, &found));
    }
    println!("{table}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What differs from what the case says.
fn faults_of(case: &Case, found: &Found) -> Vec<String> {
    let mut faults = Vec::new();
    let name = case.name;
    let expected: Vec<(String, String)> = case
        .here
        .iter()
        .map(|(id, status)| ((*id).to_owned(), (*status).to_owned()))
        .collect();
    let told: Vec<_> = found
        .here
        .iter()
        .filter(|(_, status)| status != "pass")
        .cloned()
        .collect();
    if told != expected {
        faults.push(format!(
            "{name}: expected {expected:?}, found {told:?}\n  {}",
            found.texts
        ));
    }
    for part in case.says {
        if !found.texts.contains(part) {
            faults.push(format!("{name}: expected {part:?} in {}", found.texts));
        }
    }
    if found.openssl != case.openssl {
        faults.push(format!(
            "{name}: expected {} of OpenSSL, found {}",
            case.openssl, found.openssl
        ));
    }
    if found.agree() == case.differs.is_some() {
        faults.push(format!(
            "{name}: {} here, {} by OpenSSL; reason to differ: {:?}",
            found.verdict(),
            found.openssl,
            case.differs
        ));
    }
    let is_trusted = found
        .here
        .iter()
        .any(|(id, status)| id == "chain-trusted-by-peer" && status == "pass");
    if is_trusted != found.anchor.is_some() {
        faults.push(format!(
            "{name}: trusted {is_trusted}, and the trust anchor is {:?}",
            found.anchor
        ));
    }
    faults
}

fn ask(world: &World, case: &Case) -> Found {
    let folder = tempfile::tempdir().expect("make a folder");
    let root = folder.path().join("roots.pem");
    fs::write(&root, world.mint.pem(case.roots)).expect("write roots");
    let report = if case.sent.contains(&RUBBISH) {
        let replay = Replay::start(1, flight(world, case)).expect("start a replay");
        check(world, case, &root, replay.addresses()[0])
    } else {
        let server = OpensslServer::new(&world.mint.identity(case.sent, folder.path()))
            .reversing()
            .start();
        check(world, case, &root, server.address())
    };
    let sent = report["chain"]["certificates"].as_array().map_or(0, Vec::len);
    assert_eq!(
        sent,
        case.sent.len(),
        "{}: certificates that arrived: {report:#}",
        case.name
    );
    let findings: Vec<&Value> = CHECKS
        .iter()
        .map(|id| {
            let checks = report["checks"].as_array().expect("checks");
            checks
                .iter()
                .find(|check| check["id"] == *id)
                .expect("every compared check is asked")
        })
        .collect();
    let here = findings
        .iter()
        .map(|finding| (text(&finding["id"]), text(&finding["status"])))
        // Without lists there is nothing to compare.
        .filter(|(id, _)| id != "certificate-not-revoked" || !case.lists.is_empty())
        .collect();
    let mut texts = text(&report["chain"]["problem"]);
    for finding in findings {
        let _ = write!(
            texts,
            "\n  {}: {} [{}] ({})",
            text(&finding["id"]),
            text(&finding["summary"]),
            text(&finding["evidence"]),
            text(&finding["remedy"])
        );
    }
    Found {
        here,
        texts,
        anchor: report["chain"]["trust_anchor"]["name"]
            .as_str()
            .map(str::to_owned),
        openssl: openssl(world, case, folder.path()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn check(world: &World, case: &Case, root: &Path, address: SocketAddr) -> Value {
    let (root, address) = (root.display().to_string(), address.to_string());
    let mut arguments = vec![
        "check",
        "--format",
        "json",
        "--depth",
        "routine",
        "--profile",
        case.profile,
    ];
    arguments.extend([
        "--trust-anchors",
        &root,
        "--connect",
        &address,
        "--crl-allow",
        "127.0.0.0/8",
    ]);
    let as_of = case
        .days
        .map(|days| (world.mint.now() + SignedDuration::from_hours(24 * days)).to_string());
    if let Some(as_of) = &as_of {
        arguments.extend(["--as-of", as_of]);
    }
    arguments.push(case.host);
    let finished = Binary::find().run(&arguments);
    let mut document: Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{}: expected JSON, found {error}: {finished:?}", case.name));
    document["reports"][0].take()
}

/// The flight of a server that sends what no library would.
fn flight(world: &World, case: &Case) -> Vec<u8> {
    let hello = ServerHello {
        legacy_version: ProtocolVersion::TLS_1_2,
        random: [7; 32],
        session_id: Vec::new(),
        cipher_suite: CipherSuite::TLS_RSA_WITH_AES_128_GCM_SHA256,
        compression_method: 0,
        extensions: Vec::new(),
    };
    let sent: Vec<Vec<u8>> = case
        .sent
        .iter()
        .map(|name| {
            if *name == RUBBISH {
                RUBBISH_DER.to_vec()
            } else {
                world.mint.der(name)
            }
        })
        .collect();
    let messages = [
        hello.encode(),
        write_certificates(&sent),
        SERVER_HELLO_DONE.to_vec(),
    ]
    .concat();
    let mut flight = Vec::new();
    write_handshake(&mut flight, ProtocolVersion::TLS_1_2, &messages);
    flight
}

/// What `openssl verify` says of the same: `OK`, its errors as `10 at 1, 62 at 0`, or `unreadable`.
fn openssl(world: &World, case: &Case, folder: &Path) -> String {
    let pem = |names: &[&str]| -> String {
        names
            .iter()
            .map(|name| {
                if *name == RUBBISH {
                    RUBBISH_PEM.to_owned()
                } else {
                    world.mint.pem(&[name])
                }
            })
            .collect()
    };
    let write = |name: &str, text: String| fs::write(folder.join(name), text).expect("write certificates");
    write("sent.pem", pem(case.sent));
    write("first.pem", pem(&case.sent[..1]));
    let mut command = Command::new("openssl");
    command.env_remove("OPENSSL_CONF").current_dir(folder);
    command.args(["verify", "-no-CApath", "-no-CAstore", "-purpose", "sslserver"]);
    command.args(["-CAfile", "roots.pem", "-untrusted", "sent.pem"]);
    if !case.lists.is_empty() {
        write(
            "lists.pem",
            case.lists.iter().map(|list| world.lists[list].as_str()).collect(),
        );
        command.args(["-crl_check_all", "-CRLfile", "lists.pem"]);
    }
    let is_address = case.host.parse::<std::net::IpAddr>().is_ok();
    command.args([
        if is_address {
            "-verify_ip"
        } else {
            "-verify_hostname"
        },
        case.host,
    ]);
    if let Some(days) = case.days {
        let moment = world.mint.now() + SignedDuration::from_hours(24 * days);
        command.args(["-attime", &moment.as_second().to_string()]);
    }
    let output = command.arg("first.pem").output().expect("run openssl verify");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let mut errors: Vec<String> = Vec::new();
    for rest in said.split("\nerror ").skip(1).chain(said.strip_prefix("error ")) {
        let Some((error, _)) = rest.split_once(" depth lookup") else {
            continue;
        };
        if !errors.iter().any(|known| known == error) {
            errors.push(error.to_owned());
        }
    }
    match (errors.is_empty(), said.contains(": OK")) {
        (false, _) => errors.join(", "),
        (true, true) => "OK".to_owned(),
        (true, false) => {
            assert!(
                said.to_ascii_lowercase().contains("unable to load") || said.contains("Could not"),
                "{}: {said}",
                case.name
            );
            "unreadable".to_owned()
        }
    }
}

#[test]
fn the_page_for_operators_has_every_difference_and_no_other() {
    let shown: BTreeSet<&str> = PAGE
        .split("## Where `openssl verify` says otherwise")
        .nth(1)
        .expect("the page has the table")
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| case |"))
        .collect();
    let cases = cases();
    let lines: Vec<String> = cases.iter().filter_map(line).collect();
    let expected: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
    assert!(
        expected.len() > 10,
        "expected differences, found {}",
        expected.len()
    );
    let lacking: Vec<_> = expected.difference(&shown).collect();
    let stale: Vec<_> = shown.difference(&expected).collect();
    assert!(
        lacking.is_empty() && stale.is_empty(),
        "docs/trust.md lacks {lacking:#?} and should not have {stale:#?}"
    );
}

/// The case's line of the table.
fn line(case: &Case) -> Option<String> {
    let differs = case.differs?;
    let here: Vec<String> = case
        .here
        .iter()
        .map(|(id, status)| format!("{status}: `{id}`"))
        .collect();
    let here = if here.is_empty() {
        "accepted".to_owned()
    } else {
        here.join(", ")
    };
    let openssl = match case.openssl {
        "OK" | "unreadable" => case.openssl.to_owned(),
        errors => format!("error {errors}"),
    };
    Some(format!(
        "| {} | {here} | {openssl} | {} | {} |",
        case.name, differs.why, differs.caller
    ))
}
