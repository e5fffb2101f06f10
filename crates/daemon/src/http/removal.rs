//! The removal of clientAuth as the pages tell it: a countdown for each address, one sentence for the fleet.

use super::html::{counted, day, distance};
use crate::member::Sight;
use siptls_model::{CheckId, Timestamp};
use siptls_policy::{RemovalStanding, removal_standing};
use std::cmp::Reverse;
use std::fmt::Write as _;

/// How an address stands, and its place in the order of urgency; `None` when its profile does not ask.
pub(crate) fn standing(sight: &Sight, now: Timestamp) -> Option<RemovalStanding> {
    sight.judgement.finding(CheckId::EkuRemovalReady)?;
    Some(removal_standing(&sight.observation, now))
}

/// The lower, the sooner calls stop.
pub(crate) fn urgency(standing: RemovalStanding) -> (u8, i64) {
    match standing {
        RemovalStanding::Now { insists: true } => (0, 0),
        RemovalStanding::Now { insists: false } => (1, 0),
        RemovalStanding::Ahead {
            insists, deadline, ..
        } => (2, deadline.as_second() * 2 + i64::from(!insists)),
        RemovalStanding::Unknown { insists } => (3, i64::from(!insists)),
        RemovalStanding::Unseen => (4, 0),
        RemovalStanding::NotAffected => (5, 0),
    }
}

/// The class, the words and the small print of a standing.
pub(crate) fn words(standing: RemovalStanding, now: Timestamp) -> (&'static str, String, String) {
    match standing {
        RemovalStanding::Now { insists: true } => (
            "fail",
            "broken".to_owned(),
            "insists on a certificate that the caller no longer has".to_owned(),
        ),
        RemovalStanding::Now { insists: false } => (
            "warn",
            "at risk now".to_owned(),
            "asks; calls go on while the caller may answer with none".to_owned(),
        ),
        RemovalStanding::Ahead {
            insists, deadline, ..
        } => (
            if insists { "fail" } else { "warn" },
            format!(
                "{} {}",
                if insists { "breaks" } else { "at risk" },
                distance(now, deadline)
            ),
            format!("on {} at the latest", day(deadline)),
        ),
        RemovalStanding::Unknown { insists } => (
            "inconclusive",
            "date not known".to_owned(),
            match insists {
                true => "insists on a certificate; no peer_region seen",
                false => "asks for a certificate; no peer_region seen",
            }
            .to_owned(),
        ),
        RemovalStanding::NotAffected => ("pass", "not affected".to_owned(), String::new()),
        RemovalStanding::Unseen => ("none", "not seen".to_owned(), String::new()),
    }
}

/// What the removal means for the whole fleet, from the most urgent standing of each target; `None` where no profile asks.
/// The class of the sentence, then the sentence.
pub(crate) fn headline(standings: &[RemovalStanding], now: Timestamp) -> Option<(&'static str, String)> {
    let all = standings.len();
    if all == 0 {
        return None;
    }
    let count = |wanted: fn(&RemovalStanding) -> bool| standings.iter().filter(|one| wanted(one)).count();
    let broken = count(|one| matches!(one, RemovalStanding::Now { insists: true }));
    let at_risk = count(|one| {
        matches!(
            one,
            RemovalStanding::Now { insists: false } | RemovalStanding::Ahead { insists: false, .. }
        )
    });
    let unknown = count(|one| matches!(one, RemovalStanding::Unknown { .. }));
    let unseen = count(|one| matches!(one, RemovalStanding::Unseen));
    let mut ahead: Vec<Timestamp> = (standings.iter())
        .filter_map(|one| match one {
            RemovalStanding::Ahead {
                insists: true,
                deadline,
                ..
            } => Some(*deadline),
            _ => None,
        })
        .collect();
    ahead.sort_by_key(|deadline| Reverse(*deadline));
    let mut text = String::new();
    // Writing to a String cannot fail.
    if let Some(first) = ahead.last() {
        let _ = write!(
            text,
            "{} of {} will stop taking calls when clientAuth is removed, {} {} at the latest ({}). ",
            ahead.len(),
            counted(all, "target"),
            if ahead.len() == 1 { "on" } else { "the first on" },
            day(*first),
            distance(now, *first)
        );
    }
    if broken > 0 {
        let _ = match ahead.is_empty() {
            true => write!(
                text,
                "{broken} of {} {} stopped taking calls since clientAuth was removed. ",
                counted(all, "target"),
                if broken == 1 { "has" } else { "have" }
            ),
            false => write!(
                text,
                "{broken} already {}. ",
                if broken == 1 { "has" } else { "have" }
            ),
        };
    }
    let asks = |count: usize| if count == 1 { "asks" } else { "ask" };
    if at_risk > 0 {
        let _ = write!(
            text,
            "{at_risk} {} for a client certificate and may be affected. ",
            asks(at_risk)
        );
    }
    if unknown > 0 {
        let _ = write!(
            text,
            "{unknown} {} for a client certificate and until when that works is not known. ",
            asks(unknown)
        );
    }
    if text.is_empty() {
        text = match unseen == all {
            true => "Nothing was seen yet of the removal of clientAuth. ".to_owned(),
            false => format!(
                "None of {} is affected by the removal of clientAuth. ",
                counted(all - unseen, "target")
            ),
        };
    }
    if unseen > 0 && unseen < all {
        let _ = write!(text, "{unseen} could not be seen. ");
    }
    let class = match () {
        () if broken > 0 || !ahead.is_empty() => "fail",
        () if at_risk + unknown > 0 => "warn",
        () if unseen == all => "none",
        () => "pass",
    };
    Some((class, text.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T12:00:00Z".parse().unwrap()
    }

    fn ahead(insists: bool, day: &str) -> RemovalStanding {
        let deadline = format!("{day}T12:00:00Z").parse().unwrap();
        RemovalStanding::Ahead {
            insists,
            start: deadline,
            deadline,
        }
    }

    #[test]
    fn the_headline_says_how_many_break_and_when_the_first_does() {
        let said = |standings: &[RemovalStanding]| headline(standings, now());
        assert_eq!(said(&[]), None);
        let mut fleet = vec![
            RemovalStanding::NotAffected,
            ahead(true, "2027-02-01"),
            ahead(true, "2026-12-19"),
            RemovalStanding::Now { insists: true },
            ahead(false, "2026-12-01"),
            RemovalStanding::Unknown { insists: false },
            RemovalStanding::Unseen,
        ];
        assert_eq!(
            said(&fleet).unwrap(),
            (
                "fail",
                "2 of 7 targets will stop taking calls when clientAuth is removed, the first on 2026-12-19 at the \
                 latest (in 23 days). 1 already has. 1 asks for a client certificate and may be affected. 1 asks for a \
                 client certificate and until when that works is not known. 1 could not be seen."
                    .to_owned()
            )
        );
        fleet.retain(|one| !matches!(one, RemovalStanding::Ahead { insists: true, .. }));
        assert!(
            said(&fleet)
                .unwrap()
                .1
                .starts_with("1 of 5 targets has stopped taking calls since clientAuth was removed. 1 asks")
        );
        assert_eq!(
            said(&[RemovalStanding::NotAffected]).unwrap(),
            (
                "pass",
                "None of 1 target is affected by the removal of clientAuth.".to_owned()
            )
        );
        assert_eq!(said(&[RemovalStanding::Unseen]).unwrap().0, "none");
    }

    #[test]
    fn what_is_broken_is_more_urgent_than_what_breaks_soon() {
        let mut all = [
            RemovalStanding::NotAffected,
            RemovalStanding::Unseen,
            ahead(false, "2026-12-19"),
            ahead(true, "2026-12-19"),
            ahead(true, "2026-12-18"),
            RemovalStanding::Now { insists: true },
            RemovalStanding::Now { insists: false },
        ];
        all.sort_by_key(|one| urgency(*one));
        let said: Vec<_> = all.iter().map(|one| words(*one, now()).1).collect();
        assert_eq!(
            said,
            [
                "broken",
                "at risk now",
                "breaks in 22 days",
                "breaks in 23 days",
                "at risk in 23 days",
                "not seen",
                "not affected"
            ]
        );
    }
}
