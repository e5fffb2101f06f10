//! An independent reader of the exposition format.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, which each file uses in part"
)]

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// One sample as read back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Reads exposition text as the format's description says, and panics where it is broken: a family that comes
/// twice or without HELP and TYPE, a sample outside its family, a repeated series, a bad escape.
pub(crate) fn read(text: &str) -> Vec<Sample> {
    assert!(text.is_empty() || text.ends_with('\n'));
    let mut families = BTreeSet::new();
    let mut current: Option<(String, String)> = None;
    let mut help = None;
    let mut seen = HashSet::new();
    let mut samples = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = Some(rest.split_once(' ').expect(line).0.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect(line);
            assert_eq!(help.take().as_deref(), Some(name), "HELP before TYPE: {line}");
            assert!(families.insert(name.to_owned()), "the family comes twice: {line}");
            current = Some((name.to_owned(), kind.to_owned()));
        } else {
            let (series, value) = line.rsplit_once(' ').expect(line);
            assert!(seen.insert(series.to_owned()), "the series comes twice: {line}");
            let sample = Sample {
                value: value.parse().expect(line),
                ..read_series(series)
            };
            let (family, kind) = current.as_ref().expect("a sample before the first family");
            let base = match kind.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|suffix| sample.name.strip_suffix(suffix))
                    .expect(line),
                "gauge" | "counter" => &sample.name,
                other => panic!("type {other}"),
            };
            assert_eq!(base, family, "outside of its family: {line}");
            samples.push(sample);
        }
    }
    samples
}

fn read_series(text: &str) -> Sample {
    let Some((name, rest)) = text.split_once('{') else {
        return Sample {
            name: text.to_owned(),
            labels: BTreeMap::new(),
            value: 0.0,
        };
    };
    let mut labels = BTreeMap::new();
    let mut rest = rest;
    while rest != "}" {
        rest = rest.strip_prefix(',').unwrap_or(rest);
        let (label, after) = rest.split_once("=\"").expect(text);
        assert!(
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
            "{text}"
        );
        let mut value = String::new();
        let mut characters = after.char_indices();
        rest = loop {
            match characters.next().expect(text) {
                (at, '"') => break &after[at + 1..],
                (_, '\\') => value.push(match characters.next().expect(text).1 {
                    'n' => '\n',
                    c @ ('"' | '\\') => c,
                    other => panic!("escape {other}: {text}"),
                }),
                (_, c) => value.push(c),
            }
        };
        assert!(
            labels.insert(label.to_owned(), value).is_none(),
            "the label comes twice: {text}"
        );
    }
    Sample {
        name: name.to_owned(),
        labels,
        value: 0.0,
    }
}

/// The value of the one sample with that name and at least those labels.
pub(crate) fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut found = samples.iter().filter(|sample| {
        sample.name == name
            && labels
                .iter()
                .all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
    });
    let first = found.next().map(|sample| sample.value);
    assert!(found.next().is_none(), "more than one {name} {labels:?}");
    first
}
