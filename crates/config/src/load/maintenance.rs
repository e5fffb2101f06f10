//! Maintenance windows as written.

use super::{Here, Loader, find};
use crate::duration;
use crate::fault::{KeyPath, known_names, quoted};
use crate::keys::Section;
use crate::node::{Entry, Node};
use crate::target::found_text;
use jiff::civil::{Time, Weekday};
use jiff::tz::{TimeZone, db};
use siptls_model::{Maintenance, Timestamp, When, Window, escape_text};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Most windows of a target; each is looked at in every scrape.
const MAX_WINDOWS: usize = 64;

/// Longest comment in characters: it stands in a line of the status page.
const MAX_COMMENT_CHARS: usize = 200;

/// How long a weekly window may last: less is no work, more is the whole week.
const DURATION: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(7 * 86_400);

/// Names of the days.
pub(crate) const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Loader {
    /// `maintenance`; `None`, with a fault, when it is no list. Windows with faults are left out.
    pub(super) fn maintenance(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        path: &KeyPath<'_>,
    ) -> Option<Maintenance> {
        let items = self.list(here, node, path)?;
        if let Some(item) = items.get(MAX_WINDOWS) {
            let message = format!("expected at most {MAX_WINDOWS} windows, found {}", items.len());
            self.faults.at(here.file, item.at, path, message, None);
        }
        let windows = items.iter().take(MAX_WINDOWS).enumerate();
        let windows = windows.filter_map(|(index, item)| self.window(here, item, &path.index(index)));
        Some(Maintenance::new(windows.collect()))
    }

    fn window(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>) -> Option<Window> {
        let entries = self.map(here, node, path)?;
        self.check_keys(here, entries, Section::Window, path);
        let comment = self.optional(here, entries, "comment", path, comment);
        let any = |keys: &[&str]| keys.iter().any(|key| find(entries, key).is_some());
        let when = match (
            any(&["from", "until"]),
            any(&["days", "start", "duration", "timezone"]),
        ) {
            (true, false) => self.once(here, node, entries, path),
            (false, true) => self.weekly(here, node, entries, path),
            (once, _) => {
                let found = if once { "keys of both" } else { "neither" };
                let message = format!(
                    "expected either `from` and `until` or `days`, `start` and `duration`, found {found}"
                );
                self.faults.at(here.file, node.at, path, message, None);
                None
            }
        };
        Some(Window {
            when: when?,
            comment: comment?,
        })
    }

    fn once(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        entries: &[Entry<'_>],
        path: &KeyPath<'_>,
    ) -> Option<When> {
        let from = self.required(here, node, entries, "from", path, time);
        let until = self.required(here, node, entries, "until", path, time);
        let (from, until) = (from?, until?);
        if until <= from {
            let entry = find(entries, "until")?;
            let message = format!("expected a time after `from`, which is {from}, found {until}");
            self.faults
                .at(here.file, entry.value.at, &path.key("until"), message, None);
            return None;
        }
        Some(When::Once { from, until })
    }

    fn weekly(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        entries: &[Entry<'_>],
        path: &KeyPath<'_>,
    ) -> Option<When> {
        let days = self.days(here, node, entries, path);
        let start = self.required(here, node, entries, "start", path, time_of_day);
        let duration = self.required(here, node, entries, "duration", path, |text| {
            duration::parse(text, &DURATION)
        });
        let timezone = self.optional(here, entries, "timezone", path, timezone);
        Some(When::Weekly {
            days: days?,
            start: start?,
            duration: duration?,
            timezone: timezone?.unwrap_or(TimeZone::UTC),
        })
    }

    fn days(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        entries: &[Entry<'_>],
        path: &KeyPath<'_>,
    ) -> Option<Vec<Weekday>> {
        let key = path.key("days");
        let Some(entry) = find(entries, "days") else {
            self.missing(here, node, "days", path);
            return None;
        };
        let items = self.list(here, &entry.value, &key)?;
        if items.is_empty() {
            let message = "expected at least one day, found none";
            self.faults.at(here.file, entry.value.at, &key, message, None);
        }
        let mut days = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let key = key.index(index);
            let text = self.text(here, item, &key)?;
            match DAYS.iter().find(|(name, _)| *name == text) {
                Some((_, day)) if days.contains(day) => {
                    let message = format!("expected each day once, found {} again", quoted(text));
                    self.faults.at(here.file, item.at, &key, message, None);
                }
                Some((_, day)) => days.push(*day),
                None => {
                    let message = format!("expected a day, found {}", found_text(text));
                    let folded = text.to_ascii_lowercase();
                    let meant = DAYS.iter().find(|(name, _)| folded.starts_with(name));
                    let hint = match meant {
                        Some((name, _)) => Some(format!("did you mean `{name}`?")),
                        None => known_names(text, DAYS.iter().map(|(name, _)| *name)),
                    };
                    self.faults.at(here.file, item.at, &key, message, hint);
                }
            }
        }
        Some(days)
    }

    fn missing(&mut self, here: Here<'_>, node: &Node<'_>, key: &str, path: &KeyPath<'_>) {
        let message = format!("expected the key `{key}`, found none");
        self.faults.at(here.file, node.at, path, message, None);
    }

    /// The value of a key that must be there; `None` with a fault.
    fn required<T>(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        entries: &[Entry<'_>],
        key: &str,
        path: &KeyPath<'_>,
        read: impl Fn(&str) -> Read<T>,
    ) -> Option<T> {
        if find(entries, key).is_none() {
            self.missing(here, node, key, path);
            return None;
        }
        self.optional(here, entries, key, path, read)?
    }

    /// The value of a key that may be there; `None` with a fault.
    fn optional<T>(
        &mut self,
        here: Here<'_>,
        entries: &[Entry<'_>],
        key: &str,
        path: &KeyPath<'_>,
        read: impl Fn(&str) -> Read<T>,
    ) -> Option<Option<T>> {
        let Some(entry) = find(entries, key) else {
            return Some(None);
        };
        let path = path.key(key);
        let text = self.text(here, &entry.value, &path)?;
        match read(text) {
            Ok(value) => Some(Some(value)),
            Err((message, hint)) => {
                self.faults.at(here.file, entry.value.at, &path, message, hint);
                None
            }
        }
    }
}

/// A value, or message and hint.
type Read<T> = Result<T, (String, Option<String>)>;

fn time(text: &str) -> Read<Timestamp> {
    text.parse().map_err(|_| {
        let message = format!("expected a time as in RFC 3339, found {}", found_text(text));
        let hint = "write date, time and offset, such as `2026-12-24T18:00:00+01:00`";
        (message, Some(hint.to_owned()))
    })
}

fn time_of_day(text: &str) -> Read<Time> {
    let digits = |part: &str| {
        let fits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<i8>().ok().filter(|_| fits)
    };
    let parts = text.split_once(':');
    let time = parts.and_then(|(hour, minute)| Time::new(digits(hour)?, digits(minute)?, 0, 0).ok());
    time.ok_or_else(|| {
        let message = format!(
            "expected a time of day from `00:00` to `23:59`, found {}",
            found_text(text)
        );
        (message, None)
    })
}

fn timezone(text: &str) -> Read<TimeZone> {
    TimeZone::get(text).map_err(|_| {
        let message = format!("expected the name of a timezone, found {}", found_text(text));
        let names: Vec<String> = db().available().map(|name| name.to_string()).collect();
        // Abbreviations resemble each other too much to tell which is meant.
        let near = text
            .contains('/')
            .then(|| known_names(text, names.iter().map(String::as_str)));
        let hint = near
            .flatten()
            .unwrap_or_else(|| "write a name of the IANA list, such as `Europe/Berlin`".to_owned());
        (message, Some(hint))
    })
}

fn comment(text: &str) -> Read<String> {
    if text.chars().count() > MAX_COMMENT_CHARS {
        let found = text.chars().count();
        let message = format!("expected at most {MAX_COMMENT_CHARS} characters, found {found}");
        return Err((message, None));
    }
    if text.is_empty() || escape_text(text) != text {
        return Err((
            format!("expected printable text, found {}", found_text(text)),
            None,
        ));
    }
    Ok(text.to_owned())
}
