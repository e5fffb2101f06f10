//! Labels: whose series they are, escaped and bounded.

use crate::family::families;
use siptls_model::{Target, escape_text_bounded};
use std::sync::Arc;

/// Longest label value in characters before escaping; the rest is cut and `…` stands for it.
///
/// A distinguished name of a public CA has some 150 characters; scrapers refuse values of many kilobytes.
pub const MAX_LABEL_CHARS: usize = 256;

/// Labels of every series of an address.
const SUBJECT_LABELS: [&str; 3] = ["target", "address", "profile"];

/// Labels that other parts of the exposition format use.
const OTHER_LABELS: [&str; 2] = ["le", "quantile"];

/// Every label name that is ours, on some family or in the exposition format; some come more than once.
pub fn reserved_labels() -> impl Iterator<Item = &'static str> {
    SUBJECT_LABELS
        .into_iter()
        .chain(OTHER_LABELS)
        .chain(families().iter().flat_map(|family| family.labels.iter().copied()))
}

/// Whether a label name cannot be a target's own: it is one of ours, begins with `__`, or is no label name
/// (`[a-zA-Z_][a-zA-Z0-9_]*`). Such labels of a target are left out of the exposition.
#[must_use]
pub fn is_reserved_label(name: &str) -> bool {
    let mut characters = name.chars();
    let well_formed = characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    !well_formed || name.starts_with("__") || reserved_labels().any(|reserved| reserved == name)
}

/// Whose series they are: the rendered labels of one target at one address. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    labels: Arc<str>,
}

impl Subject {
    /// The labels of a target at one of its places ([`Observation::place`](siptls_model::Observation::place)), shown as
    /// `address`.
    #[must_use]
    pub fn new(target: &Target, place: &str) -> Self {
        let mut labels = String::new();
        for (name, value) in SUBJECT_LABELS
            .into_iter()
            .zip([target.name.as_str(), place, &target.profile])
        {
            push_label(&mut labels, name, value);
        }
        for (name, value) in &target.labels {
            if !is_reserved_label(name) {
                push_label(&mut labels, name, value);
            }
        }
        Self {
            labels: labels.into(),
        }
    }

    /// `target="…",address="…",profile="…",…`: escaped, without braces.
    #[must_use]
    pub fn labels(&self) -> &str {
        &self.labels
    }
}

/// Adds `name="value"`, after a comma unless it is the first.
pub(crate) fn push_label(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(name);
    out.push_str("=\"");
    for c in escape_text_bounded(value, MAX_LABEL_CHARS).chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(value: &str) -> String {
        let mut out = String::new();
        push_label(&mut out, "l", value);
        out
    }

    #[test]
    fn values_are_escaped_and_bounded() {
        assert_eq!(label("a\"b\\c"), r#"l="a\"b\\c""#);
        assert_eq!(label("a\nb\u{202e}"), r#"l="a\\u{a}b\\u{202e}""#);
        let long = label(&"ä".repeat(1000));
        assert_eq!(long.chars().count(), "l=\"\"".len() + MAX_LABEL_CHARS + 1);
        assert!(long.ends_with("…\""));
    }

    #[test]
    fn our_labels_are_reserved() {
        for name in [
            "target", "address", "profile", "le", "reason", "check", "__x", "", "0a", "a-b", "ü", "purpose",
        ] {
            assert!(is_reserved_label(name), "{name}");
        }
        for name in ["site", "_x", "team", "SITE2"] {
            assert!(!is_reserved_label(name), "{name}");
        }
    }
}
