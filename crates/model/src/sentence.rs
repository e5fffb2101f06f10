//! The few sentences about a report that every reader of it is told in the same words.

use crate::finding::{Finding, Severity, Status, Verdict};
use crate::outcome::Who;
use crate::report::Report;

/// Failed checks, then warnings, each with the most severe first, else in the order given.
pub fn troubles(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    let ranks = [
        (Status::Fail, Severity::Critical),
        (Status::Fail, Severity::Warning),
        (Status::Warn, Severity::Critical),
        (Status::Warn, Severity::Warning),
        (Status::Fail, Severity::Info),
        (Status::Warn, Severity::Info),
    ];
    ranks.into_iter().flat_map(|(status, severity)| {
        findings
            .iter()
            .filter(move |finding| finding.status == status && finding.severity == severity)
    })
}

impl Report {
    /// The most important thing to say when the verdict is not pass: why not enough was seen, else the first of the
    /// [`troubles`]. A sentence without its end.
    #[must_use]
    pub fn because(&self) -> Option<String> {
        let trouble = troubles(&self.checks)
            .next()
            .map(|finding| finding.summary.clone());
        match self.verdict {
            Verdict::Pass => None,
            Verdict::Inconclusive => {
                let error = self.error.as_ref();
                let error = error.map(|error| format!("{}: {}", error.reason, error.message));
                error.or(trouble)
            }
            Verdict::Warn | Verdict::Fail => trouble,
        }
    }
}

impl Who {
    /// Who that is, for people.
    #[must_use]
    pub const fn person(self) -> &'static str {
        match self {
            Self::Peer => "whoever runs the endpoint",
            Self::Path => "whoever runs the network or DNS between here and there",
            Self::Operator => "whoever configured the target",
            Self::Us => "whoever runs this program",
        }
    }
}

/// A summary as the end of a sentence: its first word loses its capital when it is one of those that begin sentences.
#[must_use]
pub fn in_sentence(summary: &str) -> String {
    const OPENINGS: [&str; 16] = [
        "Already",
        "Affected",
        "A",
        "An",
        "The",
        "What",
        "Every",
        "Only",
        "No",
        "Not",
        "None",
        "Certificate",
        "Whether",
        "Cannot",
        "Static",
        "Several",
    ];
    let first = summary.split(' ').next().unwrap_or_default();
    if OPENINGS.contains(&first) {
        format!("{}{}", first.to_lowercase(), &summary[first.len()..])
    } else {
        summary.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_begin_sentences_lose_their_capital() {
        assert_eq!(in_sentence("The endpoint refuses"), "the endpoint refuses");
        assert_eq!(in_sentence("OPTIONS was answered"), "OPTIONS was answered");
        assert_eq!(in_sentence("TLS works"), "TLS works");
        assert_eq!(in_sentence("ECDHE runs"), "ECDHE runs");
        assert_eq!(in_sentence(""), "");
    }
}
