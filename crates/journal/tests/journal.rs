//! The journal on real files: what waits for the disk, what is lost, and how it recovers.

#![expect(clippy::unwrap_used, reason = "tests")]

use rusqlite::Connection;
use siptls_journal::{Change, Journal, Numbers, Query, Reader, Record, Settings};
use siptls_model::{Aspect, Timestamp};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_secs(20);

fn start(path: &Path) -> Journal {
    Journal::start(Settings {
        path: path.to_owned(),
        retention: Duration::from_secs(400 * 86_400),
        max_size: 1 << 30,
    })
    .unwrap()
}

fn change(second: i64, evidence: usize) -> Record {
    let time = Timestamp::from_second(1_800_000_000 + second).unwrap();
    Record::Change {
        change: Arc::new(Change {
            time,
            target: "a".into(),
            address: None,
            aspect: Aspect::Addresses,
            before: "{}".into(),
            after: "{}".into(),
            count: 1,
            last_time: time,
            evidence_bytes: u64::try_from(evidence).unwrap(),
        }),
        evidence: vec![0; evidence].into(),
    }
}

fn count(path: &Path) -> usize {
    let query = Query {
        limit: 100_000,
        ..Query::default()
    };
    Reader::open(path).unwrap().changes(&query).unwrap().changes.len()
}

/// Writes, losses, health.
fn state(numbers: Numbers) -> (u64, u64, bool) {
    (numbers.writes, numbers.dropped, numbers.healthy)
}

#[test]
fn what_was_handed_over_is_there_when_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let journal = start(&path);
    assert_eq!(state(journal.numbers()), (0, 0, true));
    for second in 0..3_000 {
        assert!(journal.keep(vec![change(second, 10)]));
    }
    journal.close(WAIT);
    assert_eq!(state(journal.numbers()), (3_000, 0, true));
    assert!(journal.numbers().size_bytes > 100_000);
    assert!(!folder.path().join("journal.sqlite-wal").exists(), "written back");
    assert_eq!(count(&path), 3_000);
    assert!(!journal.keep(vec![change(5_000, 0)]), "closed");
    assert_eq!(journal.numbers().dropped, 1);
    let again = start(&path);
    assert!(again.keep(vec![change(4_000, 0)]) && again.tried(WAIT));
    assert_eq!(count(&path), 3_001);
}

#[test]
fn a_locked_file_costs_nobody_a_wait_and_loses_only_what_the_queue_cannot_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let journal = start(&path);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(journal.keep(vec![change(0, 0)]) && journal.tried(WAIT));
    assert_eq!(state(journal.numbers()), (0, 0, false));
    assert_eq!(count(&path), 0, "readers go on");
    // Three hundred flights of the longest kind are more than the queue holds.
    let began = Instant::now();
    let held = (1..=300)
        .filter(|second| journal.keep(vec![change(*second, 128 * 1024)]))
        .count();
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "nobody waits for a disk"
    );
    assert!((200..300).contains(&held), "{held}");
    other.execute_batch("COMMIT").unwrap();
    assert!(journal.tried(WAIT));
    let kept = u64::try_from(held).unwrap() + 1;
    assert_eq!(state(journal.numbers()), (kept, 301 - kept, true));
    assert_eq!(count(&path), held + 1);
}

#[test]
fn a_folder_that_comes_late_and_a_file_that_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later/journal.sqlite");
    let journal = start(&path);
    assert!(journal.keep(vec![change(0, 0)]) && journal.tried(WAIT));
    assert_eq!(state(journal.numbers()), (0, 0, false));
    assert!(journal.numbers().failures > 0);
    assert!(journal.reader().is_err());
    fs::create_dir(folder.path().join("later")).unwrap();
    assert!(journal.tried(WAIT));
    assert_eq!(state(journal.numbers()), (1, 0, true));
    assert_eq!(count(&path), 1);
    fs::rename(&path, folder.path().join("away.sqlite")).unwrap();
    assert!(journal.keep(vec![change(1, 0)]) && journal.tried(WAIT));
    assert_eq!(state(journal.numbers()), (2, 0, true));
    assert_eq!(count(&path), 1, "a new file is begun");
}

#[test]
fn a_database_of_a_newer_schema_is_not_touched_and_what_waits_is_counted_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    start(&path).close(WAIT);
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    drop(newer);
    let before = fs::read(&path).unwrap();
    let journal = start(&path);
    assert!(journal.keep(vec![change(0, 0)]));
    journal.close(WAIT);
    assert_eq!(state(journal.numbers()), (0, 1, false));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_damaged_while_the_daemon_was_away_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let journal = start(&path);
    for second in 0..2_000 {
        journal.keep(vec![change(second, 500)]);
    }
    journal.close(WAIT);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4_096..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let journal = start(&path);
    assert!(journal.keep(vec![change(0, 0)]) && journal.tried(WAIT));
    assert_eq!(state(journal.numbers()), (1, 0, true));
    assert_eq!(count(&path), 1);
    let names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let aside = names
        .iter()
        .filter(|name| name.starts_with("journal.sqlite.damaged-"));
    assert_eq!(aside.count(), 1, "{names:?}");
}

#[test]
fn limits_change_in_place_and_the_next_journal_counts_on() {
    let folder = tempfile::tempdir().unwrap();
    let [path, next] = ["journal.sqlite", "next.sqlite"].map(|name| folder.path().join(name));
    let journal = start(&path);
    for second in 0..3 {
        assert!(journal.keep(vec![change(second, 10)]));
    }
    assert!(journal.tried(WAIT));
    journal.limit(Duration::from_secs(400 * 86_400), 1);
    let began = Instant::now();
    while count(&path) > 0 && began.elapsed() < WAIT {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(count(&path), 0);
    let next = journal
        .followed_by(Settings {
            path: next,
            retention: Duration::from_secs(400 * 86_400),
            max_size: 1 << 30,
        })
        .unwrap();
    assert!(journal.keep(vec![change(3, 10)]), "until it is closed");
    journal.close(WAIT);
    assert!(!journal.keep(vec![change(4, 10)]));
    assert_eq!(state(next.numbers()), (4, 1, true));
}

#[test]
fn one_program_writes_a_journal_and_the_second_waits_until_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let first = start(&path);
    assert!(first.keep(vec![change(0, 0)]) && first.tried(WAIT));
    let second = start(&path);
    assert!(!second.numbers().healthy && second.numbers().failures >= 1);
    assert!(second.keep(vec![change(1, 0)]) && second.tried(WAIT));
    assert_eq!(state(second.numbers()), (0, 0, false), "it waits for the file");
    assert_eq!((state(first.numbers()), count(&path)), ((1, 0, true), 1));
    first.close(WAIT);
    assert!(second.tried(WAIT));
    assert_eq!((state(second.numbers()), count(&path)), ((1, 0, true), 2));
    second.close(WAIT);
}
