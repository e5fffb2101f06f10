//! A change, how it is asked for, and its public document.

use crate::compare;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use siptls_model::{Aspect, Timestamp};
use std::fmt;
use std::sync::Arc;

/// The name of the document of `/api/v1/changes`, with its major version.
pub const SCHEMA: &str = "siptls-probe/changes/v1";

/// That one aspect of a target, at one of its addresses, is no longer what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When a visit first saw it, to the millisecond.
    #[serde(serialize_with = "time")]
    pub time: Timestamp,
    /// Name of the target.
    pub target: Arc<str>,
    /// The address; `None` for an aspect of the target as a whole.
    pub address: Option<String>,
    /// What changed.
    pub aspect: Aspect,
    /// What was known before, as JSON.
    #[serde(serialize_with = "json")]
    pub before: Arc<str>,
    /// What was seen, as JSON.
    #[serde(serialize_with = "json")]
    pub after: Arc<str>,
    /// How many times `after` was come to, each less than an hour after the one before; 1: once.
    pub count: u64,
    /// When that last happened.
    #[serde(serialize_with = "time")]
    pub last_time: Timestamp,
    /// Length of the evidence kept of it: the server's flight as read when `after` was first seen.
    pub evidence_bytes: u64,
}

impl Change {
    /// The place of the change in the order of all: time, target, address, aspect.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor {
            time: text_of(self.time),
            target: self.target.to_string(),
            address: self.address.clone().unwrap_or_default(),
            aspect: self.aspect.code().to_owned(),
        }
    }

    /// What differs between `before` and `after`, in words.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference> {
        compare::differences(&compare::parse(&self.before), &compare::parse(&self.after))
    }
}

/// One thing that differs, in words. Texts of peers are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is, such as `issuer` or `cipher suites TLS_RSA_WITH_AES_128_GCM_SHA256`.
    pub what: String,
    /// How, such as `refused -> accepted` or `+ CN=Root`.
    pub how: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.how)
    }
}

/// A place in the order of all changes. As text: `TIME/TARGET/ADDRESS/ASPECT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub(crate) time: String,
    pub(crate) target: String,
    pub(crate) address: String,
    pub(crate) aspect: String,
}

impl Cursor {
    /// Reads a cursor that an earlier answer gave.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (time, rest) = text.split_once('/')?;
        let (rest, aspect) = rest.rsplit_once('/')?;
        let (target, address) = rest.rsplit_once('/')?;
        let time = text_of(time.parse().ok()?);
        Aspect::from_code(aspect)?;
        Some(Self {
            time,
            target: target.to_owned(),
            address: address.to_owned(),
            aspect: aspect.to_owned(),
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            time,
            target,
            address,
            aspect,
        } = self;
        write!(f, "{time}/{target}/{address}/{aspect}")
    }
}

/// Which changes are wanted.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Of this target alone.
    pub target: Option<String>,
    /// Of this aspect alone.
    pub aspect: Option<Aspect>,
    /// That happened, or happened again, at or after this time.
    pub since: Option<Timestamp>,
    /// That come after this place.
    pub after: Option<Cursor>,
    /// The newest first, in place of the oldest.
    pub newest_first: bool,
    /// So many at most.
    pub limit: usize,
}

impl Query {
    /// Whether a change is wanted, the limit aside.
    fn wants(&self, change: &Change) -> bool {
        self.target
            .as_deref()
            .is_none_or(|target| target == &*change.target)
            && self.aspect.is_none_or(|aspect| aspect == change.aspect)
            && self.since.is_none_or(|since| change.last_time >= since)
            && self.after.as_ref().is_none_or(|after| change.cursor() > *after)
    }

    /// The changes wanted, of those that are held in memory.
    #[must_use]
    pub fn answer<'a>(&self, held: impl IntoIterator<Item = &'a Arc<Change>>) -> Page {
        let mut found: Vec<Change> = held
            .into_iter()
            .filter(|change| self.wants(change))
            .map(|change| Change::clone(change))
            .collect();
        found.sort_by_cached_key(Change::cursor);
        if self.newest_first {
            found.reverse();
        }
        Page::cut(found, self.limit)
    }
}

/// Changes found, and where further ones begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In order of time, then target, address and aspect.
    pub changes: Vec<Change>,
    /// The place of the last one, when there are more: [`Query::after`] of the next question.
    pub next: Option<Cursor>,
}

impl Page {
    /// The first `limit` of what was found.
    pub(crate) fn cut(mut found: Vec<Change>, limit: usize) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = more.then(|| found.last().map(Change::cursor)).flatten();
        Self { changes: found, next }
    }
}

/// A time as the file and the document write it: RFC 3339, UTC, milliseconds always there, so that texts sort as times.
pub(crate) fn text_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The time to the millisecond, as the file keeps it.
pub(crate) fn to_millisecond(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

fn time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text_of(*time))
}

/// JSON as it is; a text that is none, from a file that somebody wrote into, as a string.
fn json<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(value) => value.serialize(serializer),
        Err(_) => serializer.serialize_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(time: &str, target: &str, aspect: Aspect) -> Arc<Change> {
        let time: Timestamp = time.parse().unwrap();
        Arc::new(Change {
            time,
            target: target.into(),
            address: Some("192.0.2.7:5061".to_owned()),
            aspect,
            before: r#"{"verdict":"pass"}"#.into(),
            after: r#"{"verdict":"fail"}"#.into(),
            count: 1,
            last_time: time,
            evidence_bytes: 0,
        })
    }

    #[test]
    fn the_document_holds_json_as_json_and_times_of_one_width() {
        let change = change("2027-03-15T06:00:00Z", "a/b", Aspect::Verdict);
        assert_eq!(
            serde_json::to_string(&*change).unwrap(),
            r#"{"time":"2027-03-15T06:00:00.000Z","target":"a/b","address":"192.0.2.7:5061","aspect":"verdict","before":{"verdict":"pass"},"after":{"verdict":"fail"},"count":1,"last_time":"2027-03-15T06:00:00.000Z","evidence_bytes":0}"#
        );
        let broken = Change {
            before: "{".into(),
            ..Change::clone(&change)
        };
        assert!(
            serde_json::to_string(&broken)
                .unwrap()
                .contains(r#""before":"{""#)
        );
        let cursor = change.cursor();
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for text in [
            "",
            "/",
            "2027-03-15T06:00:00Z/a/b",
            "soon/a/b/verdict",
            "2027-03-15T06:00:00Z/a/b/colour",
        ] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }

    #[test]
    fn memory_is_asked_like_the_file() {
        let held = [
            change("2027-03-15T06:02:00Z", "b", Aspect::Verdict),
            change("2027-03-15T06:01:00Z", "a", Aspect::Verdict),
            change("2027-03-15T06:01:00Z", "a", Aspect::Identity),
        ];
        let all = Query {
            limit: 2,
            ..Query::default()
        };
        let first = all.answer(&held);
        let shown = |page: &Page| -> Vec<(String, Aspect)> {
            let of = |change: &Change| (change.target.to_string(), change.aspect);
            page.changes.iter().map(of).collect()
        };
        assert_eq!(
            shown(&first),
            [
                ("a".to_owned(), Aspect::Identity),
                ("a".to_owned(), Aspect::Verdict)
            ]
        );
        let rest = Query {
            after: first.next,
            ..all.clone()
        };
        let rest = rest.answer(&held);
        assert_eq!(
            (shown(&rest), rest.next),
            (vec![("b".to_owned(), Aspect::Verdict)], None)
        );
        let narrow = Query {
            target: Some("a".to_owned()),
            aspect: Some(Aspect::Verdict),
            since: Some("2027-03-15T06:01:00Z".parse().unwrap()),
            ..all.clone()
        };
        assert_eq!(shown(&narrow.answer(&held)), [("a".to_owned(), Aspect::Verdict)]);
        let newest = Query {
            newest_first: true,
            limit: 1,
            ..all
        };
        assert_eq!(shown(&newest.answer(&held)), [("b".to_owned(), Aspect::Verdict)]);
    }
}
