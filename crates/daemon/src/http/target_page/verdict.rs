//! The verdict of the whole target in one sentence, whose turn it is, and what to change first.

use super::super::html::{badge, badness, bounded, prose, safe};
use super::super::removal;
use super::{Address, View, capital};
use siptls_model::{Report, Verdict, Who, in_sentence, troubles};
use std::fmt::Write as _;

/// Characters of a reason within the sentence.
const MAX_REASON: usize = 600;

/// Writes the box at the top.
pub(super) fn write(out: &mut String, view: &View<'_>) {
    let worst = view.addresses.first();
    let verdict = worst.map(|worst| worst.report.verdict);
    let caller = &view.member.profile().caller;
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "<section class=\"verdict {}\" aria-labelledby=\"verdict\">\n<h2 class=\"hidden\" id=\"verdict\">Verdict</h2>\n\
         <p class=\"sentence\">{} {}</p>",
        super::super::html::code(verdict),
        badge(verdict),
        bounded(sentence(&view.addresses, caller), 2 * MAX_REASON)
    );
    if let Some(worst) = worst {
        out.push_str("<dl>\n");
        let mut line = |term: &str, text: String| {
            let _ = writeln!(out, "<div><dt>{term}</dt><dd>{text}</dd></div>");
        };
        if worst.report.verdict != Verdict::Pass {
            let who = who(&worst.report);
            let place = match who {
                Who::Peer => format!(" ({})", safe(&worst.report.target.host)),
                _ => String::new(),
            };
            line("Whose turn", format!("{}{place}", capital(who.person())));
            if let Some(change) = change(&worst.report) {
                line("Change first", prose(change));
            }
        }
        let standings = view
            .addresses
            .iter()
            .filter_map(|address| removal::standing(&address.sight, view.now));
        if let Some(standing) = standings.min_by_key(|standing| removal::urgency(*standing)) {
            let (class, words, small) = removal::words(standing, view.now);
            let small = match small.is_empty() {
                true => String::new(),
                false => format!(", {small}"),
            };
            line(
                "Removal of clientAuth",
                format!("<span class=\"mark {class}\">{words}</span>{small}"),
            );
        }
        out.push_str("</dl>\n");
    }
    out.push_str("</section>\n");
}

/// The verdict of all addresses as one sentence; what stands first decides.
fn sentence(addresses: &[Address], caller: &str) -> String {
    let Some(worst) = addresses.first() else {
        return "The first visit has not ended yet.".to_owned();
    };
    let verdicts: Vec<Verdict> = addresses.iter().map(|address| address.report.verdict).collect();
    let alike = verdicts
        .iter()
        .filter(|one| **one == worst.report.verdict)
        .count();
    let place = match (addresses.len(), alike) {
        (1, _) => String::new(),
        (all, alike) if all == alike => format!("At all {all} addresses: "),
        (all, alike) => format!("At {alike} of {all} addresses: "),
    };
    let reason = worst.report.because().map(|reason| {
        let reason = in_sentence(reason.trim_end_matches('.'));
        let mut cut: String = reason.chars().take(MAX_REASON).collect();
        if cut.len() < reason.len() {
            cut.push('…');
        }
        cut
    });
    let call = if place.is_empty() {
        "The next call from"
    } else {
        "the next call from"
    };
    let seen = if place.is_empty() {
        "Not enough was seen"
    } else {
        "not enough was seen"
    };
    let mut text = match (worst.report.verdict, reason) {
        (Verdict::Fail, Some(reason)) => format!("{place}{call} {caller} will not connect: {reason}."),
        (Verdict::Fail, None) => format!("{place}{call} {caller} will not connect."),
        (Verdict::Warn, Some(reason)) => format!("{place}{call} {caller} connects, but {reason}."),
        (Verdict::Warn, None) => {
            format!("{place}{call} {caller} connects; something should be changed in time.")
        }
        (Verdict::Pass, _) => {
            format!("{place}{call} {caller} connects, and nothing announced will change that.")
        }
        (Verdict::Inconclusive, Some(reason)) => format!("{place}{seen} to say: {reason}."),
        (Verdict::Inconclusive, None) => format!("{place}{seen} to say."),
    };
    let others: Vec<String> = [Verdict::Fail, Verdict::Inconclusive, Verdict::Warn, Verdict::Pass]
        .into_iter()
        .filter(|verdict| badness(Some(*verdict)) < badness(Some(worst.report.verdict)))
        .filter_map(|verdict| {
            let count = verdicts.iter().filter(|one| **one == verdict).count();
            (count > 0).then(|| format!("{count} {verdict}"))
        })
        .collect();
    if !others.is_empty() {
        let _ = write!(text, " The others: {}.", others.join(", "));
    }
    text
}

/// Who must act first. Checks speak of what the endpoint shows, so whoever runs it mends them.
fn who(report: &Report) -> Who {
    let error = report.error.as_ref().map(|error| error.who);
    match report.verdict {
        Verdict::Inconclusive => error.unwrap_or(Who::Peer),
        Verdict::Pass | Verdict::Warn | Verdict::Fail => Who::Peer,
    }
}

/// What to change first.
fn change(report: &Report) -> Option<String> {
    let advice = report
        .error
        .as_ref()
        .map(|error| error.reason.advice().to_owned());
    let remedy = troubles(&report.checks)
        .map(|finding| finding.remedy.to_string())
        .find(|remedy| !remedy.is_empty());
    match report.verdict {
        Verdict::Inconclusive => advice.or(remedy),
        Verdict::Pass | Verdict::Warn | Verdict::Fail => remedy.or(advice),
    }
}
