//! What the journal costs: a visit without change, and the record of each address once in an hour.

use crate::cpu::{memory_mib, of_process, of_this_thread};
use crate::peers::Peers;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use siptls_cert::Chain;
use siptls_journal::{History, Journal, Known, Record, Settings};
use siptls_model::{
    ClientCertificate, ClientCertificateMode, Handshake, Judgement, Observation, Phase, Target, Timestamp,
    Verdict,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

const TARGETS: usize = 10_000;
/// Visits to each target, a minute apart.
const ROUNDS: u32 = 30;

pub(crate) fn run() {
    let root = Peers::start().root.clone();
    let der = CertificateDer::from_pem_slice(root.as_bytes()).unwrap();
    let chain = Arc::new(Chain::parse([der.as_ref()]));
    let start: Timestamp = "2027-03-15T06:00:00Z".parse().unwrap();
    let visits: Vec<[(Observation, Judgement); 1]> = (0..TARGETS)
        .map(|number| [visit(number, &chain, start)])
        .collect();
    let me = std::process::id();
    let before = memory_mib(me, "VmRSS");
    let mut histories: Vec<History> = (0..TARGETS)
        .map(|number| History::new(&format!("target-{number:05}"), Known::default()))
        .collect();
    let mut round = |minute: i64| -> (Duration, Vec<Vec<Record>>) {
        let now = start + Duration::from_secs(60 * u64::try_from(minute).unwrap());
        let (cpu, mut all) = (of_this_thread(), Vec::new());
        for (history, visit) in histories.iter_mut().zip(&visits) {
            let records = history.take(visit, now);
            if !records.is_empty() {
                all.push(records);
            }
        }
        (of_this_thread() - cpu, all)
    };
    let (_, first) = round(0);
    assert_eq!(first.len(), TARGETS);
    drop(first);
    println!(
        "memory of {TARGETS} histories: {:.1} MiB",
        memory_mib(me, "VmRSS") - before
    );
    let mut cpu = Duration::ZERO;
    for minute in 1..=ROUNDS {
        let (spent, records) = round(i64::from(minute));
        assert!(records.is_empty(), "a visit without change hands nothing out");
        cpu += spent;
    }
    let visits_made = f64::from(ROUNDS) * 10_000.0;
    println!(
        "a visit without change: {:.2} µs CPU, no write",
        cpu.as_secs_f64() * 1e6 / visits_made
    );

    let folder = std::env::temp_dir().join(format!("siptls-bench-{me}"));
    std::fs::create_dir_all(&folder).unwrap();
    let settings = Settings {
        path: folder.join("journal.sqlite"),
        retention: Duration::from_secs(400 * 86_400),
        max_size: 1 << 30,
    };
    let journal = Journal::start(settings).unwrap();
    for (minute, what) in [(61, "the first records of an hour"), (122, "those of the next")] {
        let (_, hourly) = round(minute);
        assert_eq!(hourly.len(), TARGETS);
        write(&journal, hourly, what);
    }
    println!("the file: {} KiB", journal.numbers().size_bytes / 1024);
    let began = Instant::now();
    let reader = journal.reader().unwrap();
    for number in 0..TARGETS {
        let known = reader.known(&format!("target-{number:05}"), start).unwrap();
        assert_eq!(known.states.len(), 4);
    }
    println!(
        "reading back what is known of all: {:.0} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
    journal.close(Duration::from_secs(10));
    std::fs::remove_dir_all(&folder).unwrap();
}

fn write(journal: &Journal, all: Vec<Vec<Record>>, what: &str) {
    let (cpu, began) = (of_process(std::process::id()), Instant::now());
    let kept = all
        .into_iter()
        .filter(|records| journal.keep(records.clone()))
        .count();
    assert!(
        kept == TARGETS && journal.tried(Duration::from_secs(60)),
        "{kept}"
    );
    println!(
        "{what}, written: {:.0} ms CPU, {:.0} ms until on disk",
        (of_process(std::process::id()) - cpu).as_secs_f64() * 1e3,
        began.elapsed().as_secs_f64() * 1e3
    );
}

fn visit(number: usize, chain: &Arc<Chain>, now: Timestamp) -> (Observation, Judgement) {
    let name = format!("target-{number:05}");
    let target = Arc::new(Target::new(
        &name,
        "192.0.2.1".parse().unwrap(),
        "genesys-byoc-customer",
    ));
    let address = format!("192.0.2.1:{}", 10_000 + number % 50_000);
    let seen = Observation {
        phase_reached: Some(Phase::Sip),
        chain: Some(Arc::clone(chain)),
        handshake: Some(Handshake {
            version: None,
            cipher_suite: None,
            group: None,
            key_exchange_signature: None,
            completed: true,
            alert: None,
            extended_master_secret: None,
            secure_renegotiation: None,
            ocsp_stapled: false,
            client_certificate: ClientCertificate {
                mode: ClientCertificateMode::NotRequested,
                requested: Some(false),
                ..ClientCertificate::unknown()
            },
        }),
        ..Observation::blank(&target, Some(address.parse().unwrap()), now)
    };
    (seen, Judgement::blank(now, Verdict::Pass))
}
