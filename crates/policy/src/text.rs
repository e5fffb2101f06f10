//! Facts as text. Texts of the peer are escaped and cut.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use siptls_cert::{Certificate, RootSet};
use siptls_model::{AlertDescription, CipherSuite, escape_text_bounded};
use std::fmt::Display;

/// Items of a list that a sentence shows.
const MAX_ITEMS: usize = 8;

/// Characters of one text of the peer that a sentence shows.
const MAX_CHARS: usize = 160;

/// A text of the peer.
pub(crate) fn shown(text: &str) -> String {
    escape_text_bounded(text, MAX_CHARS)
}

/// The first items of a list, and how many more there are.
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut items = items.into_iter();
    let first: Vec<String> = items
        .by_ref()
        .take(MAX_ITEMS)
        .map(|item| shown(&item.to_string()))
        .collect();
    match items.count() {
        0 if first.is_empty() => "none".to_owned(),
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// A suite with its code point.
pub(crate) fn suite(suite: CipherSuite) -> String {
    match suite.name() {
        Some(name) => format!("{name} ({:#06x})", suite.0),
        None => format!("{:#06x}", suite.0),
    }
}

/// An alert with its number.
pub(crate) fn alert(alert: AlertDescription) -> String {
    match alert.name() {
        Some(name) => format!("{name} ({})", alert.0),
        None => format!("{}", alert.0),
    }
}

/// The day of a moment, UTC.
pub(crate) fn day(moment: Timestamp) -> Date {
    Offset::UTC.to_datetime(moment).date()
}

/// A number of days between two moments, for people: `12 days`, `5 hours`.
pub(crate) fn span(from: Timestamp, to: Timestamp) -> String {
    let hours = from.duration_until(to).as_hours().abs();
    let (count, unit) = if hours >= 48 {
        (hours / 24, "day")
    } else {
        (hours, "hour")
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// What to call a certificate: its common name, else its whole subject.
pub(crate) fn certificate(certificate: &Certificate) -> String {
    match &certificate.common_name {
        Some(name) if !name.trim().is_empty() => shown(name),
        _ => shown(certificate.subject.text()),
    }
}

/// The names of some root sets.
pub(crate) fn groups<'a>(sets: impl IntoIterator<Item = &'a RootSet>) -> String {
    list(sets.into_iter().map(|set| match set.len() {
        1 => format!("{} (1 root)", set.name()),
        count => format!("{} ({count} roots)", set.name()),
    }))
}
