//! What is asked of the status page: which rows, in which order, which page of them.

use super::html::segment;
use siptls_model::{Target, Verdict};
use std::fmt::Write as _;

/// Bytes of a text or a label that is searched for. Longer ones find nothing that a shorter one would not.
const MAX_SEARCH: usize = 200;
/// Most labels asked for at once; more than a target has any use for.
const MAX_LABELS: usize = 8;

/// The column that the rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    Target,
    #[default]
    Verdict,
    Removal,
    Certificate,
    Probe,
}

impl Sort {
    /// Every column.
    pub(crate) const ALL: [Self; 5] = [
        Self::Target,
        Self::Verdict,
        Self::Removal,
        Self::Certificate,
        Self::Probe,
    ];

    /// The value of the parameter `sort`.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Verdict => "verdict",
            Self::Removal => "removal",
            Self::Certificate => "certificate",
            Self::Probe => "probe",
        }
    }

    /// The words of the column's heading.
    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Target => "Target",
            Self::Verdict => "Verdict",
            Self::Removal => "Removal day",
            Self::Certificate => "Certificate ends",
            Self::Probe => "Last probe (UTC)",
        }
    }
}

/// A label that a target must have: its name, and its value when that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WantedLabel {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

impl WantedLabel {
    fn parse(text: &str) -> Option<Self> {
        let text = cut(text.trim());
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().to_owned())),
            None => (text, None),
        };
        (!name.is_empty()).then(|| Self {
            name: name.to_owned(),
            value,
        })
    }

    /// The label as the parameter `label` has it.
    pub(crate) fn text(&self) -> String {
        match &self.value {
            Some(value) => format!("{}={value}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What is asked for. What cannot be understood is left out: a page is for people, who see what they got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Part of a name, an endpoint, a profile, an address or a label's value.
    pub(crate) text: String,
    pub(crate) labels: Vec<WantedLabel>,
    /// The code of a verdict, `none` before the first visit.
    pub(crate) verdict: Option<&'static str>,
    pub(crate) sort: Sort,
    /// The other way round than the column's own order.
    pub(crate) reversed: bool,
    /// From 0.
    pub(crate) page: usize,
}

/// The codes of verdicts in the order of urgency.
pub(crate) const VERDICTS: [Option<Verdict>; 5] = [
    Some(Verdict::Fail),
    Some(Verdict::Inconclusive),
    Some(Verdict::Warn),
    Some(Verdict::Pass),
    None,
];

impl Wanted {
    /// Reads the parameters; of one given twice the last counts, but each label does.
    pub(crate) fn parse(parameters: &[(String, String)]) -> Self {
        let mut wanted = Self::default();
        for (name, value) in parameters {
            match name.as_str() {
                "q" => cut(value.trim()).clone_into(&mut wanted.text),
                "label" if wanted.labels.len() < MAX_LABELS => {
                    wanted.labels.extend(WantedLabel::parse(value));
                }
                "verdict" => {
                    let codes = VERDICTS.map(super::html::code);
                    wanted.verdict = codes.into_iter().find(|code| code == value);
                }
                "sort" => {
                    let known = Sort::ALL.into_iter().find(|sort| sort.code() == value);
                    wanted.sort = known.unwrap_or_default();
                }
                "order" => wanted.reversed = value == "reversed",
                "page" => wanted.page = value.parse::<usize>().map_or(0, |page| page.saturating_sub(1)),
                _ => {}
            }
        }
        wanted
    }

    /// Whether anything narrows the rows.
    pub(crate) fn is_narrow(&self) -> bool {
        !self.text.is_empty() || !self.labels.is_empty() || self.verdict.is_some()
    }

    /// The parameters as a query, from `?` on; only what is not as it is without.
    pub(crate) fn query(&self) -> String {
        let mut out = String::from("?");
        let mut add = |name: &str, value: &str| {
            let joint = if out.len() > 1 { "&" } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(out, "{joint}{name}={}", segment(value));
        };
        if !self.text.is_empty() {
            add("q", &self.text);
        }
        for label in &self.labels {
            add("label", &label.text());
        }
        if let Some(verdict) = self.verdict {
            add("verdict", verdict);
        }
        if self.sort != Sort::default() {
            add("sort", self.sort.code());
        }
        if self.reversed {
            add("order", "reversed");
        }
        if self.page > 0 {
            add("page", &(self.page + 1).to_string());
        }
        out
    }

    /// The query of the same rows with one thing different, from the first page on.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut other = Self {
            page: 0,
            ..self.clone()
        };
        change(&mut other);
        other.query()
    }

    /// Whether a target may be shown as far as its labels go.
    pub(crate) fn admits_labels(&self, target: &Target) -> bool {
        self.labels
            .iter()
            .all(|label| match (target.labels.get(&label.name), &label.value) {
                (Some(found), Some(value)) => found == value,
                (found, None) => found.is_some(),
                (None, Some(_)) => false,
            })
    }

    /// Whether the text, already in lower case, is part of what names a target.
    pub(crate) fn finds_target(text: &str, target: &Target) -> bool {
        let has = |found: &str| found.to_lowercase().contains(text);
        has(&target.name)
            || has(&target.endpoint.to_string())
            || has(&target.profile)
            || target.labels.values().any(|value| has(value))
    }
}

/// The text without what is too much of it.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_SEARCH);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(parameters: &[(&str, &str)]) -> Wanted {
        let owned: Vec<_> = (parameters.iter())
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Wanted::parse(&owned)
    }

    #[test]
    fn what_is_asked_for_is_written_as_it_was_read() {
        let wanted = parsed(&[
            ("q", " a&b "),
            ("label", "site=fra"),
            ("label", "team"),
            ("verdict", "none"),
            ("sort", "removal"),
            ("order", "reversed"),
            ("page", "3"),
        ]);
        let query = wanted.query();
        assert_eq!(
            query,
            "?q=a%26b&label=site%3Dfra&label=team&verdict=none&sort=removal&order=reversed&page=3"
        );
        assert_eq!(
            wanted.with(|other| other.verdict = None),
            "?q=a%26b&label=site%3Dfra&label=team&sort=removal&order=reversed"
        );
        assert_eq!(Wanted::default().query(), "?");
    }

    #[test]
    fn nonsense_asks_for_nothing() {
        let everything = parsed(&[
            ("verdict", "<script>"),
            ("sort", "colour"),
            ("order", "down"),
            ("page", "-7"),
            ("label", "=x"),
            ("label", " "),
            ("else", "x"),
        ]);
        assert_eq!(everything, Wanted::default());
        assert_eq!(parsed(&[("page", "99999999999999999999999")]).page, 0);
        assert_eq!(parsed(&[("q", &"ä".repeat(5_000))]).text.len(), MAX_SEARCH);
        let many = vec![("label", "a=b"); 100];
        assert_eq!(parsed(&many).labels.len(), MAX_LABELS);
    }

    #[test]
    fn a_label_is_asked_for_with_or_without_its_value() {
        let mut target = Target::new("a", "Sbc.example.test".parse().unwrap(), "p");
        target.labels.insert("site".to_owned(), "fra=1".to_owned());
        for (label, admitted) in [
            ("site=fra=1", true),
            ("site", true),
            ("site=fra", false),
            ("team", false),
            ("site=", false),
        ] {
            assert_eq!(
                parsed(&[("label", label)]).admits_labels(&target),
                admitted,
                "{label}"
            );
        }
        for (text, found) in [("sbc.ex", true), ("fra", true), ("p", true), ("ham", false)] {
            assert_eq!(Wanted::finds_target(text, &target), found, "{text}");
        }
    }
}
