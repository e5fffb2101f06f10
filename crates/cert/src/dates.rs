//! Validity dates, judged apart from the path.

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::chain::Chain;
use crate::path::Path;

/// Which certificate a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// One that was sent, counted from 0.
    Sent(usize),
    /// The trusted root, from the root set.
    Root,
}

/// How a moment lies to a validity period. Both ends belong to the period (RFC 5280 §4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DateStatus {
    /// Inside.
    Valid,
    /// Before its start.
    NotYetValid,
    /// After its end. A period that ends before it starts is always this or not yet valid.
    Expired,
}

impl DateStatus {
    /// Judges one period.
    #[must_use]
    pub fn at(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> Self {
        if now > not_after {
            Self::Expired
        } else if now < not_before {
            Self::NotYetValid
        } else {
            Self::Valid
        }
    }
}

/// The dates of one certificate of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFinding {
    /// Which one.
    pub position: Position,
    /// Its subject; of the root the name by which the set calls it.
    pub subject: String,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// How `now` lies to them.
    pub status: DateStatus,
}

/// The dates of every certificate of the path, leaf first, then of its root. Strays are left out. Without a path:
/// those of the best attempt.
#[must_use]
pub fn dates(chain: &Chain, path: &Path, now: Timestamp) -> Vec<DateFinding> {
    let finding = |position, subject: &str, not_before, not_after| DateFinding {
        position,
        subject: subject.to_owned(),
        not_before,
        not_after,
        status: DateStatus::at(not_before, not_after, now),
    };
    let sent = |index: &usize| -> Option<DateFinding> {
        let one: &Certificate = chain.certificate(*index)?;
        Some(finding(
            Position::Sent(*index),
            one.subject.text(),
            one.not_before,
            one.not_after,
        ))
    };
    let mut findings: Vec<DateFinding> = path.certificates.iter().filter_map(sent).collect();
    if let Some(anchor) = &path.anchor {
        let leaf_is_anchor = chain
            .leaf()
            .is_some_and(|leaf| leaf.spki_sha256 == anchor.spki_sha256);
        if !leaf_is_anchor {
            findings.push(finding(
                Position::Root,
                &anchor.name,
                anchor.not_before,
                anchor.not_after,
            ));
        }
    }
    findings
}

/// The finding whose certificate ends first: until then the path can hold.
#[must_use]
pub fn earliest_end(findings: &[DateFinding]) -> Option<&DateFinding> {
    findings.iter().min_by_key(|finding| finding.not_after)
}
