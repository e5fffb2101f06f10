//! The fuzz corpora, replayed.

use crate::support::folder;
use siptls_wire::fuzzing;

fn replay(target: &str, least: usize, property: fn(&[u8])) {
    let mut seen = 0;
    let mut size = 0;
    for entry in std::fs::read_dir(folder("fuzz/corpus").join(target)).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        property(&bytes);
        size += bytes.len();
        seen += 1;
    }
    assert!((least..70).contains(&seen), "{target}: {seen} files");
    assert!(size < 100_000, "{target}: {size} bytes");
}

#[test]
fn the_corpus_of_flights_holds() {
    replay("flight", 60, fuzzing::flight);
}

#[test]
fn the_corpus_of_client_hellos_holds() {
    replay("client_hello", 60, fuzzing::client_hello);
}

#[test]
fn the_corpus_of_messages_holds() {
    replay("messages", 60, fuzzing::messages);
}

#[test]
fn every_fuzz_target_has_a_corpus_that_is_replayed() {
    let mut targets: Vec<String> = std::fs::read_dir(folder("fuzz/fuzz_targets"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    targets.sort();
    assert_eq!(targets, ["client_hello", "flight", "messages"]);
}
