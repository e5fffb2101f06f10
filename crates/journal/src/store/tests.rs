use super::*;
use crate::change::Query;
use crate::history::FLAPPING;
use crate::reader::Reader;
use std::io::{Seek as _, SeekFrom, Write as _};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A change of the verdict of `target`, with evidence of so many bytes.
fn change(target: &str, second: i64, evidence: usize) -> Record {
    Record::Change {
        change: Arc::new(Change {
            time: at(second),
            target: target.into(),
            address: Some("192.0.2.1:5061".to_owned()),
            aspect: Aspect::Verdict,
            before: r#"{"verdict":"pass"}"#.into(),
            after: r#"{"verdict":"fail"}"#.into(),
            count: 1,
            last_time: at(second),
            evidence_bytes: u64::try_from(evidence).unwrap(),
        }),
        evidence: vec![7; evidence].into(),
    }
}

fn sighting(target: &str, address: &str, second: i64) -> Record {
    Record::Sighting(Sighting {
        target: target.into(),
        saved: at(second),
        states: vec![KnownState {
            address: address.parse().ok(),
            first_seen: Some(at(0)),
            last_seen: Some(at(second)),
            aspect: Aspect::Verdict,
            value: r#"{"verdict":"fail"}"#.into(),
            since: at(second),
            changed: None,
        }],
    })
}

fn open(path: &Path) -> Store {
    let (store, opened) = Store::open(path, true).unwrap();
    assert_eq!(opened, Opened::Sound);
    store
}

fn all() -> Query {
    Query {
        limit: 100_000,
        ..Query::default()
    }
}

fn count(path: &Path) -> usize {
    Reader::open(path).unwrap().changes(&all()).unwrap().changes.len()
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j%3f#?.sqlite");
    let mut store = open(&path);
    let flight: Arc<[u8]> = vec![1, 2, 3].into();
    let shared = |record: Record, aspect| match record {
        Record::Change { change, .. } => Record::Change {
            change: Arc::new(Change {
                aspect,
                evidence_bytes: 3,
                ..Change::clone(&change)
            }),
            evidence: Arc::clone(&flight),
        },
        other => other,
    };
    let records = [
        sighting("a", "192.0.2.1:5061", 5),
        shared(change("a", 5, 3), Aspect::Identity),
        shared(change("a", 5, 3), Aspect::Request),
        change("b", 4, 0),
    ];
    store.write(&records).unwrap();
    let rows: i64 = store
        .connection
        .query_row("SELECT count(*) FROM evidence", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1, "the changes of one visit share its flight");
    let reader = Reader::open(&path).unwrap();
    let page = reader.changes(&all()).unwrap();
    let written: Vec<Change> = [3, 1, 2]
        .map(|index| match &records[index] {
            Record::Change { change, .. } => Change::clone(change),
            Record::Sighting(_) => panic!("no change"),
        })
        .into();
    assert_eq!(page.changes, written);
    assert_eq!(reader.evidence(&written[1]).unwrap(), Some(vec![1, 2, 3]));
    assert_eq!(reader.evidence(&written[0]).unwrap(), None);
    assert_eq!(reader.targets().unwrap(), ["a", "b"]);
    // Page by page, and narrowed, as memory answers.
    let held: Vec<Arc<Change>> = written.iter().cloned().map(Arc::new).collect();
    for query in [
        Query { limit: 2, ..all() },
        Query {
            limit: 2,
            after: Some(written[0].cursor()),
            ..all()
        },
        Query {
            target: Some("a".to_owned()),
            newest_first: true,
            limit: 1,
            ..all()
        },
        Query {
            aspect: Some(Aspect::Request),
            since: Some(at(5)),
            ..all()
        },
        Query {
            since: Some(at(6)),
            ..all()
        },
    ] {
        assert_eq!(reader.changes(&query).unwrap(), query.answer(&held), "{query:?}");
    }
    let known = reader.known("a", at(6)).unwrap();
    let Record::Sighting(sighting) = &records[0] else {
        panic!("no sighting");
    };
    assert_eq!(known.states, sighting.states);
    assert_eq!(known.changes.len(), 2);
    let later = at(7).checked_add(FLAPPING).unwrap();
    assert!(
        reader.known("a", later).unwrap().changes.is_empty(),
        "too old to flap"
    );
    assert!(reader.known("c", at(6)).unwrap().states.is_empty());

    // Once more: counted on the row there is, and a row of its own where the first time was lost.
    let again = |record: &Record| match record {
        Record::Change { change, evidence } => Record::Change {
            change: Arc::new(Change {
                count: 2,
                last_time: at(60),
                ..Change::clone(change)
            }),
            evidence: Arc::clone(evidence),
        },
        Record::Sighting(_) => panic!("no change"),
    };
    store
        .write(&[again(&records[3]), again(&change("lost", 4, 0))])
        .unwrap();
    let since = Query {
        since: Some(at(60)),
        ..all()
    };
    let counts: Vec<_> = reader.changes(&since).unwrap().changes;
    let counts: Vec<_> = counts
        .iter()
        .map(|change| (&*change.target, change.count))
        .collect();
    assert_eq!(counts, [("b", 2), ("lost", 2)]);
}

#[test]
fn pruning_takes_the_oldest_in_steps_and_never_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let mut store = open(&path);
    let mut records: Vec<Record> = (0..1_200).map(|second| change("a", second, 2_000)).collect();
    records.push(sighting("a", "192.0.2.1:5061", 10));
    records.push(sighting("a", "192.0.2.2:5061", 1_000));
    records.push(sighting("gone", "192.0.2.9:5061", 0));
    records.push(sighting("gone", "", 1_000));
    store.write(&records).unwrap();
    let plenty = 1 << 30;
    assert!(store.prune(at(700), plenty).unwrap());
    assert_eq!(count(&path), 700, "one step takes five hundred");
    while store.prune(at(700), plenty).unwrap() {}
    assert_eq!(count(&path), 500);
    let first = Reader::open(&path).unwrap().changes(&all()).unwrap().changes;
    assert_eq!(first[0].time, at(700));
    // The address that is gone, beside one that is there; never the last of a target.
    let states = |target: &str| Reader::open(&path).unwrap().known(target, at(0)).unwrap().states;
    let addresses: Vec<_> = states("a")
        .iter()
        .map(|state| state.address.unwrap().to_string())
        .collect();
    assert_eq!(addresses, ["192.0.2.2:5061"]);
    assert_eq!(states("gone").len(), 2);

    let records: Vec<Record> = (2_000..8_000).map(|second| change("b", second, 2_000)).collect();
    store.write(&records).unwrap();
    let full = used(&store.connection).unwrap();
    let limit = full / 2;
    while store.prune(at(0), limit).unwrap() {}
    let left = used(&store.connection).unwrap();
    assert!(left <= limit && left > limit / 2, "{full} {limit} {left}");
    let kept = Reader::open(&path).unwrap().changes(&all()).unwrap().changes;
    assert_eq!(kept.last().unwrap().time, at(7_999));
    let orphans: i64 = store
        .connection
        .query_row(
            "SELECT count(*) FROM evidence WHERE id NOT IN (SELECT evidence FROM changes WHERE evidence IS NOT NULL)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(orphans, 0);
    while store.prune(at(9_000), 0).unwrap() {}
    assert_eq!((count(&path), states("a").len(), states("gone").len()), (0, 1, 2));
    drop(store);
    assert!(fs::metadata(&path).unwrap().len() < limit, "the file shrinks");
}

#[test]
fn a_damaged_file_is_moved_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let mut store = open(&path);
    let records: Vec<Record> = (0..500).map(|second| change("a", second, 100)).collect();
    store.write(&records).unwrap();
    drop(store);
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(3 * 4_096)).unwrap();
    file.write_all(&[0xff; 8 * 4_096]).unwrap();
    drop(file);
    let (mut store, opened) = Store::open(&path, true).unwrap();
    let Opened::Anew(aside, found) = opened else {
        panic!("the damage was not found");
    };
    assert!(!found.is_empty() && aside.exists());
    assert!(
        aside
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("journal.sqlite.damaged-2")
    );
    store.write(&[change("a", 1, 1)]).unwrap();
    assert_eq!(count(&path), 1);
    assert!(store.is_in_place());
    fs::remove_file(&path).unwrap();
    assert!(!store.is_in_place());
}

#[test]
fn files_that_are_no_journal_of_ours_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a database\n".repeat(400)).unwrap();
    let other = folder.path().join("other.sqlite");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE a (b)")
        .unwrap();
    let newer = folder.path().join("newer.sqlite");
    drop(open(&newer));
    Connection::open(&newer)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let absent = folder.path().join("absent/journal.sqlite");
    for (path, expected, hint) in [
        (
            &text,
            "found a file that is no SQLite database",
            Some("name another path, or move that file away"),
        ),
        (
            &other,
            "found a database of another program",
            Some("name another path, or move that file away"),
        ),
        (
            &newer,
            "expected a journal of schema 1 or older",
            Some("use the newer version, or name another path"),
        ),
        (
            &absent,
            "cannot open the journal at",
            Some("its folder must be there, and this program's user must be allowed to write both"),
        ),
    ] {
        let before = fs::read(path).ok();
        let Err(error) = Store::open(path, true) else {
            panic!("{} was opened", path.display());
        };
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert_eq!(error.hint(), hint);
        assert_eq!(fs::read(path).ok(), before);
        assert!(Reader::open(path).is_err());
    }
    let empty = folder.path().join("empty.sqlite");
    fs::write(&empty, "").unwrap();
    assert_eq!(
        Reader::open(&empty).unwrap_err().to_string(),
        format!("expected a journal at {}, found none", empty.display())
    );
    drop(open(&empty));
    assert!(Reader::open(&empty).is_ok());
}

/// The states of one address of `a`: the verdict, as it was first seen by a daemon that could not read the file.
fn first_sight(address: &str, second: i64, aspect: Aspect, value: &str) -> Record {
    let Record::Sighting(mut sighting) = sighting("a", address, second) else {
        panic!("a sighting");
    };
    for state in &mut sighting.states {
        (state.aspect, state.value) = (aspect, value.into());
        state.first_seen = state.address.map(|_| at(second));
    }
    Record::Sighting(sighting)
}

#[test]
fn a_first_sight_is_held_against_what_the_file_knows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let mut store = open(&path);
    let (pass, fail) = (r#"{"verdict":"pass"}"#, r#"{"verdict":"fail"}"#);
    let address = "192.0.2.1:5061";
    let state = |path: &Path| {
        let known = Reader::open(path).unwrap().known("a", at(100)).unwrap();
        let state = known.states.into_iter().next().unwrap();
        (state.first_seen, state.since, state.changed)
    };
    store
        .write(&[first_sight(address, 0, Aspect::Verdict, pass)])
        .unwrap();
    // The same again: it is so since it was first seen.
    store
        .write(&[first_sight(address, 10, Aspect::Verdict, pass)])
        .unwrap();
    assert_eq!(state(&path), (Some(at(0)), at(0), None));
    assert_eq!(count(&path), 0);
    // Another: a change, which nobody saw happen.
    store
        .write(&[first_sight(address, 20, Aspect::Verdict, fail)])
        .unwrap();
    assert_eq!(state(&path), (Some(at(0)), at(20), Some(at(20))));
    let written = Reader::open(&path).unwrap().changes(&all()).unwrap().changes;
    let [change] = &written[..] else {
        panic!("{written:?}");
    };
    assert_eq!(
        (
            &*change.before,
            &*change.after,
            change.time,
            change.evidence_bytes
        ),
        (pass, fail, at(20), 0)
    );
    // An hour later that daemon hands out the same: the change stays where it was.
    store
        .write(&[first_sight(address, 30, Aspect::Verdict, fail)])
        .unwrap();
    assert_eq!(state(&path), (Some(at(0)), at(20), Some(at(20))));
    assert_eq!(count(&path), 1);
}

#[test]
fn the_verdict_of_a_name_without_address_goes_when_one_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let mut store = open(&path);
    let whole = |path: &Path| {
        let known = Reader::open(path).unwrap().known("a", at(100)).unwrap();
        let states = known.states.into_iter().filter(|state| state.address.is_none());
        states.map(|state| state.aspect).collect::<Vec<_>>()
    };
    store
        .write(&[first_sight(
            "",
            0,
            Aspect::Verdict,
            r#"{"verdict":"inconclusive"}"#,
        )])
        .unwrap();
    assert_eq!(whole(&path), [Aspect::Verdict]);
    let found = r#"{"addresses":["192.0.2.1:5061"]}"#;
    store
        .write(&[first_sight("", 1, Aspect::Addresses, found)])
        .unwrap();
    assert_eq!(whole(&path), [Aspect::Addresses]);
}
