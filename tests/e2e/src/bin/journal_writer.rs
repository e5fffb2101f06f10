//! Writes changes to a journal until it is killed, or as it is told: the process that the tests of the journal kill, lock out
//! and starve.
//!
//! ```text
//! journal_writer PATH FIRST    writes changes numbered from FIRST; prints each number once it is acknowledged
//! journal_writer PATH          does what each line of its input says, and prints the journal's numbers after it:
//!                              change BYTES · fill FILE · free FILE
//! ```
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program of tests")]

use siptls_journal::{Change, Journal, Record, Settings};
use siptls_model::{Aspect, Timestamp};
use std::fs::{self, File};
use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(20);

fn change(number: i64, evidence: usize) -> Record {
    let time = Timestamp::from_millisecond(1_800_000_000_000 + number).unwrap();
    Record::Change {
        change: Arc::new(Change {
            time,
            target: "t".into(),
            address: None,
            aspect: Aspect::Addresses,
            before: "{}".into(),
            after: format!(r#"{{"number":{number}}}"#).into(),
            count: 1,
            last_time: time,
            evidence_bytes: u64::try_from(evidence).unwrap(),
        }),
        evidence: vec![0x16; evidence].into(),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let journal = Journal::start(Settings {
        path: arguments[0].clone().into(),
        retention: Duration::from_secs(400 * 86_400),
        max_size: 1 << 30,
    })
    .unwrap();
    match arguments.get(1) {
        Some(first) => write_on(&journal, first.parse().unwrap()),
        None => obey(&journal),
    }
}

fn write_on(journal: &Journal, first: i64) {
    for (number, written) in (first..).zip(1..) {
        assert!(journal.keep(vec![change(number, 300)]) && journal.tried(WAIT));
        if journal.numbers().writes == written {
            println!("{number}");
        }
    }
}

fn obey(journal: &Journal) {
    for (line, number) in io::stdin().lock().lines().zip(0..) {
        let line = line.unwrap();
        match line.split_once(' ').unwrap() {
            ("change", bytes) => {
                journal.keep(vec![change(number, bytes.parse().unwrap())]);
            }
            ("fill", file) => {
                let mut file = File::create(file).unwrap();
                while file.write_all(&[0; 1_024]).is_ok() {}
            }
            ("free", file) => fs::remove_file(file).unwrap(),
            other => panic!("{other:?}"),
        }
        assert!(journal.tried(WAIT));
        let numbers = journal.numbers();
        println!(
            "writes {} failures {} dropped {} healthy {}",
            numbers.writes, numbers.failures, numbers.dropped, numbers.healthy
        );
    }
}
