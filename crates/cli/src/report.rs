//! A report as text: what an operator wants to read at three in the morning, most important first.

use crate::page::{Mark, Page};
use crate::{facts, openssl, rehearsal};
use siptls_config::PlannedTarget;
use siptls_model::{Finding, Report, Status, Timestamp, Verdict, in_sentence, troubles};

/// Column of a check's text, behind its mark.
const CHECK: usize = 8;

/// Column of what belongs to a check.
const DETAIL: usize = 17;

/// Writes a report: the verdict in one sentence; each check that is not passed with evidence, remedy and source; the
/// others; the facts; the same question put with OpenSSL.
pub(crate) fn write(
    page: &mut Page,
    report: &Report,
    planned: &PlannedTarget,
    as_of: Timestamp,
    told_when: bool,
) {
    let mark = Mark::of_verdict(report.verdict);
    page.marked(
        0,
        mark,
        6,
        &headline(report, &planned.profile.caller, told_when.then_some(as_of)),
    );
    let unexplained = report
        .error
        .as_ref()
        .filter(|_| report.verdict == Verdict::Inconclusive);
    if let Some(error) = unexplained {
        page.blank();
        let who = who(error.who.code());
        page.paragraph(
            2,
            &format!("The visit stopped at {}: {} ({who})", error.phase, error.reason),
        );
        page.labelled(CHECK, "seen", DETAIL, &error.message);
        page.labelled(CHECK, "change", DETAIL, error.reason.advice());
    }
    for finding in troubles(&report.checks) {
        page.blank();
        trouble(page, finding);
    }
    page.blank();
    let passed: Vec<&str> = with(report, Status::Pass)
        .map(|finding| finding.id.code())
        .collect();
    if !passed.is_empty() {
        page.marked(2, Mark::of_status(Status::Pass), CHECK, &passed.join(", "));
    }
    skipped(page, report);
    rehearsal::write(page, report);
    page.blank();
    facts::write(page, report, as_of);
    page.blank();
    page.paragraph(2, "The same question with OpenSSL:");
    openssl::write(page, report, planned);
}

/// Checks that were not judged, those with the same reason together.
fn skipped(page: &mut Page, report: &Report) {
    let mut groups: Vec<(Vec<&str>, &Finding)> = Vec::new();
    for finding in with(report, Status::Skip) {
        match groups
            .iter_mut()
            .find(|(_, first)| first.summary == finding.summary && first.remedy == finding.remedy)
        {
            Some((ids, _)) => ids.push(finding.id.code()),
            None => groups.push((vec![finding.id.code()], finding)),
        }
    }
    for (ids, finding) in groups {
        page.marked(
            2,
            Mark::of_status(Status::Skip),
            CHECK,
            &format!("{}: {}", ids.join(", "), finding.summary),
        );
        if !finding.remedy.is_empty() {
            page.labelled(CHECK, "change", DETAIL, &finding.remedy);
        }
    }
}

fn with(report: &Report, status: Status) -> impl Iterator<Item = &Finding> {
    report
        .checks
        .iter()
        .filter(move |finding| finding.status == status)
}

/// The endpoint as it was named, and the address visited, or the SRV target without one, where that says more.
pub(crate) fn place(report: &Report) -> String {
    let target = &report.target;
    match (&target.address, &target.srv) {
        (Some(address), _) if *address != target.name => format!("{} ({address})", target.name),
        (None, Some(srv)) => format!("{} ({}:{})", target.name, srv.target, srv.port),
        _ => target.name.clone(),
    }
}

/// The verdict as one sentence.
fn headline(report: &Report, caller: &str, as_of: Option<Timestamp>) -> String {
    let place = place(report);
    let then = as_of
        .map(|moment| format!("as of {moment}, "))
        .unwrap_or_default();
    let call = format!("{place}: {then}the next call from {caller}");
    let reason = report.because().map(|reason| in_sentence(&reason));
    let more = match troubles(&report.checks).count() {
        0 | 1 => String::new(),
        2 => " (and one more thing)".to_owned(),
        more => format!(" (and {} more things)", more - 1),
    };
    match (report.verdict, reason) {
        (Verdict::Fail, Some(reason)) => {
            format!("{call} will not connect: {reason}{more}")
        }
        (Verdict::Fail, None) => format!("{call} will not connect"),
        (Verdict::Warn, Some(reason)) => {
            format!("{call} connects, but {reason}{more}")
        }
        (Verdict::Warn | Verdict::Pass, _) => {
            let (passed, skipped) = (
                with(report, Status::Pass).count(),
                with(report, Status::Skip).count(),
            );
            let not_seen = if skipped == 0 {
                String::new()
            } else {
                format!(", {skipped} not judged")
            };
            format!("{call} connects: {passed} checks passed{not_seen}")
        }
        (Verdict::Inconclusive, Some(reason)) => format!("{place}: not enough was seen to say: {reason}"),
        (Verdict::Inconclusive, None) => format!("{place}: not enough was seen to say"),
    }
}

fn trouble(page: &mut Page, finding: &Finding) {
    let title = format!(
        "{} ({}): {}",
        finding.id,
        finding.severity.code(),
        finding.summary
    );
    page.marked(2, Mark::of_status(finding.status), CHECK, &title);
    for (label, text) in [
        ("seen", finding.evidence.as_str()),
        ("change", &finding.remedy),
        ("source", &finding.source),
    ] {
        if !text.is_empty() {
            page.labelled(CHECK, label, DETAIL, text);
        }
    }
}

/// Who must act, for people.
fn who(code: &str) -> &'static str {
    match code {
        "peer" => "whoever runs the endpoint must act",
        "path" => "whoever runs the network or DNS between here and there must act",
        "operator" => "whoever chose the target must act",
        _ => "it is this program's own matter",
    }
}
