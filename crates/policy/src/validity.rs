//! Dates of every certificate of the path, by the time of the judgement.

use crate::answer::Answer;
use crate::sight::Sight;
use crate::text;
use jiff::{SignedDuration, Timestamp};
use siptls_cert::{DateFinding, DateStatus, Position, dates as path_dates};

/// Part of the lifetime that must be left before it warns: a quarter. Automatic renewal happens at
/// a third (30 of 90 days, 16 of 47), so that a warning means that it did not.
const LIFETIME_SHARE: i32 = 4;
/// At most so much for the leaf, where a quarter would be too early: a certificate of 398 days.
const LEAF_NOTICE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// At most so much for intermediates and roots: replacing them takes both sides.
const AUTHORITY_NOTICE: SignedDuration = SignedDuration::from_hours(90 * 24);

pub(crate) fn dates(sight: &Sight<'_>) -> Answer {
    let Some((chain, path)) = sight.readable() else {
        return match sight.chain() {
            Some(_) => Answer::skip("The endpoint's certificate cannot be read"),
            None => Answer::skip(format!("No certificate was read: {}", sight.why_not())),
        };
    };
    let now = sight.now;
    let findings = path_dates(chain, path, now);
    let evidence = text::list(findings.iter().map(|finding| {
        format!(
            "{} {}: {} to {}",
            place(finding),
            text::shown(&finding.subject),
            text::day(finding.not_before),
            text::day(finding.not_after)
        )
    }));
    let mut bad = findings
        .iter()
        .filter(|finding| finding.status != DateStatus::Valid);
    if let Some(bad_one) = bad.next() {
        let what = what(bad_one);
        let summary = match bad_one.status {
            DateStatus::NotYetValid => {
                format!(
                    "{what} is not valid before {}, in {}",
                    bad_one.not_before,
                    text::span(now, bad_one.not_before)
                )
            }
            _ => format!(
                "{what} expired on {}, {} ago",
                bad_one.not_after,
                text::span(bad_one.not_after, now)
            ),
        };
        let others: Vec<String> = bad
            .map(|other| format!("{} {}", place(other), text::shown(&other.subject)))
            .collect();
        let others = match others.as_slice() {
            [] => String::new(),
            others => format!("; not valid either: {}", text::list(others)),
        };
        let own_root = if bad_one.position == Position::Root && sight.roots.are_own {
            "; or, where the root was renewed, put the authority's present certificate of the same key into the target's trust anchors (`trust_anchors`, `--trust-anchors`)"
        } else {
            ""
        };
        return Answer::fail(
            summary + &others,
            evidence,
            sight.on_endpoint(remedy(bad_one)) + own_root,
        );
    }
    let Some(first) = findings.iter().min_by_key(|finding| finding.not_after) else {
        return Answer::skip("The endpoint's certificate cannot be read");
    };
    let due = findings
        .iter()
        .filter(|finding| is_due(finding, now))
        .min_by_key(|finding| finding.not_after);
    match due {
        Some(due) => Answer::warn(
            format!(
                "{} ends in {}, on {}",
                what(due),
                text::span(now, due.not_after),
                text::day(due.not_after)
            ),
            evidence,
            sight.on_endpoint(remedy(due)),
        ),
        None => Answer::pass(
            format!(
                "Every certificate of the path is valid; the first to end does so in {}, on {}",
                text::span(now, first.not_after),
                text::day(first.not_after)
            ),
            evidence,
        ),
    }
}

/// Whether so little of the lifetime is left that somebody should act.
fn is_due(finding: &DateFinding, now: Timestamp) -> bool {
    let lifetime = finding.not_before.duration_until(finding.not_after);
    let most = if finding.position == Position::Sent(0) {
        LEAF_NOTICE
    } else {
        AUTHORITY_NOTICE
    };
    now.duration_until(finding.not_after) < (lifetime / LIFETIME_SHARE).min(most)
}

fn place(finding: &DateFinding) -> String {
    match finding.position {
        Position::Sent(index) => index.to_string(),
        Position::Root => "root".to_owned(),
    }
}

fn what(finding: &DateFinding) -> String {
    match finding.position {
        Position::Sent(0) => "The endpoint's certificate".to_owned(),
        Position::Sent(index) => format!("Certificate {index}, {},", text::shown(&finding.subject)),
        Position::Root => format!("The root {}", text::shown(&finding.subject)),
    }
}

const fn remedy(finding: &DateFinding) -> &'static str {
    match (finding.position, finding.status) {
        (_, DateStatus::NotYetValid) => "check its clock and the certificate installed",
        (Position::Sent(0), _) => {
            "renew the certificate, install it with its intermediates and make the listener read it"
        }
        (Position::Sent(_), _) => {
            "get the issuer's present intermediate certificate and install it in place of this one"
        }
        (Position::Root, _) => {
            "get a certificate that leads to another root on the caller's list, or send the cross-certificate that does"
        }
    }
}
