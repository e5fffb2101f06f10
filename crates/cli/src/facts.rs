//! The facts of a report as text: what was seen, without opinion.

use crate::page::Page;
use siptls_model::{Acceptance, Report, SuitePreference, Timestamp};
use std::fmt::Display;

/// Column of a fact's text, behind its label.
const FACT: usize = 17;

/// Column of what belongs to a certificate.
const CERTIFICATE: usize = FACT + 2;

/// CA names shown; the report has them all.
const MAX_AUTHORITIES: usize = 10;

/// Writes the facts. What was not seen has no line.
pub(crate) fn write(page: &mut Page, report: &Report, as_of: Timestamp) {
    visit(page, report);
    handshake(page, report);
    accepted(page, report);
    if let Some(reference) = &report.reference_client {
        page.labelled(2, "reference", FACT, &reference.to_string());
    }
    chain(page, report, as_of);
    if let Some(sip) = &report.sip {
        let server = sip
            .server
            .as_ref()
            .map(|server| format!(", server {server}"))
            .unwrap_or_default();
        let allow = if sip.allow.is_empty() {
            String::new()
        } else {
            format!(", allows {}", sip.allow.join(", "))
        };
        let answer = format!("{} {}{server}{allow}", sip.status, sip.reason_phrase);
        page.labelled(2, "SIP OPTIONS", FACT, &answer);
    }
    let phases = &report.phase_seconds;
    let times: Vec<String> = [
        ("resolve", phases.resolve),
        ("connect", phases.connect),
        ("tls", phases.tls),
        ("sip", phases.sip),
        ("whole visit", Some(report.duration_seconds)),
    ]
    .into_iter()
    .filter_map(|(name, seconds)| Some(format!("{name} {:.1} ms", seconds? * 1_000.0)))
    .collect();
    page.labelled(2, "times", FACT, &times.join(", "));
}

fn visit(page: &mut Page, report: &Report) {
    let target = &report.target;
    let address = target.address.as_deref().unwrap_or("no address");
    let visited = format!(
        "{} at {address}, server name {}",
        target.endpoint, target.server_name
    );
    page.labelled(2, "visited", FACT, &visited);
    if let Some(srv) = &target.srv {
        let record = format!(
            "{} SRV {} {} {} {}",
            srv.owner, srv.priority, srv.weight, srv.port, srv.target
        );
        page.labelled(2, "by SRV record", FACT, &record);
    }
    page.labelled(2, "profile", FACT, &target.profile);
    let reached = report.phase_reached.map_or("nothing", |phase| phase.code());
    let connections = match report.connections_opened {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    };
    let ended = match &report.error {
        Some(error) => format!(
            "; stopped at {}: {}: {}",
            error.phase, error.reason, error.message
        ),
        None => String::new(),
    };
    page.labelled(2, "reached", FACT, &format!("{reached}, {connections}{ended}"));
}

fn handshake(page: &mut Page, report: &Report) {
    let Some(handshake) = &report.handshake else {
        return;
    };
    let mut parts: Vec<String> = Vec::new();
    parts.extend(handshake.version.clone());
    parts.extend(handshake.cipher_suite.clone());
    parts.extend(handshake.group.clone());
    parts.push(
        if handshake.completed {
            "finished"
        } else {
            "not finished"
        }
        .to_owned(),
    );
    parts.extend(handshake.alert.as_ref().map(|alert| format!("alert {alert}")));
    page.labelled(2, "handshake", FACT, &parts.join(", "));
    let yes = |value: Option<bool>| value.map(|yes| if yes { "yes" } else { "no" });
    let extras: Vec<String> = [
        ("extended master secret", yes(handshake.extended_master_secret)),
        ("secure renegotiation", yes(handshake.secure_renegotiation)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name}: {}", value?)))
    .chain(
        handshake
            .key_exchange_signature
            .iter()
            .map(|scheme| format!("key exchange signed with {scheme}")),
    )
    .collect();
    if !extras.is_empty() {
        page.labelled(2, "", FACT, &extras.join(", "));
    }
    let request = &handshake.client_certificate;
    match request.requested {
        None => {}
        Some(false) => page.labelled(2, "client cert", FACT, "not requested"),
        Some(true) => {
            let why = request
                .evidence
                .as_ref()
                .map(|evidence| format!(": {evidence}"))
                .unwrap_or_default();
            page.labelled(
                2,
                "client cert",
                FACT,
                &format!("requested, {}{why}", request.mode.code()),
            );
            let types = request.certificate_types.join(", ");
            let schemes = request.signature_algorithms.join(", ");
            page.labelled(
                2,
                "",
                FACT,
                &format!("types: {types}; signature algorithms: {schemes}"),
            );
            if request.authorities.is_empty() {
                page.labelled(2, "", FACT, "CA names: none, which means any");
            }
            for authority in request.authorities.iter().take(MAX_AUTHORITIES) {
                let hash = authority
                    .subject_hash
                    .as_ref()
                    .map(|hash| format!(" [{hash}]"))
                    .unwrap_or_default();
                page.labelled(2, "", FACT, &format!("CA name: {}{hash}", authority.name));
            }
            if request.authorities.len() > MAX_AUTHORITIES {
                let more = request.authorities.len() - MAX_AUTHORITIES;
                page.labelled(
                    2,
                    "",
                    FACT,
                    &format!("and {more} CA names more, see --format json"),
                );
            }
        }
    }
}

/// What a survey found, one line each for versions, suites and groups.
fn accepted(page: &mut Page, report: &Report) {
    let Some(survey) = &report.accepted else { return };
    page.labelled(2, "versions", FACT, &matrix(&survey.versions));
    page.labelled(2, "cipher suites", FACT, &matrix(&survey.cipher_suites));
    match survey.suite_preference {
        SuitePreference::Server => page.labelled(2, "", FACT, "chosen by the endpoint's own order"),
        SuitePreference::Client => page.labelled(2, "", FACT, "chosen by the caller's order"),
        SuitePreference::Unknown => {}
    }
    if let Some(cause) = survey.refusal_cause {
        page.labelled(2, "", FACT, &format!("the whole offer was refused: {cause}"));
    }
    page.labelled(2, "groups", FACT, &matrix(&survey.groups));
    if let Some(alert) = survey.without_profile_groups {
        page.labelled(
            2,
            "",
            FACT,
            &format!("ECDHE without the groups of the profile: alert {alert}"),
        );
    }
    if let Some(why) = &survey.stopped {
        page.labelled(2, "survey", FACT, &format!("stopped early: {why}"));
    }
}

/// Values by what was found of them: `accepted a, b; refused c`.
fn matrix<T: Display>(values: &[(T, Acceptance)]) -> String {
    let kinds = [
        Acceptance::Accepted,
        Acceptance::Selected,
        Acceptance::Refused,
        Acceptance::Unknown,
    ];
    let of_kind = |kind: Acceptance| {
        let of_kind: Vec<String> = values
            .iter()
            .filter(|(_, found)| *found == kind)
            .map(|(value, _)| value.to_string())
            .collect();
        match of_kind.len() {
            0 => None,
            count if count == values.len() && count > 1 => Some(format!("all {count} {}", kind.code())),
            _ => Some(format!("{} {}", kind.code(), of_kind.join(", "))),
        }
    };
    kinds
        .into_iter()
        .filter_map(of_kind)
        .collect::<Vec<_>>()
        .join("; ")
}

fn chain(page: &mut Page, report: &Report, as_of: Timestamp) {
    let Some(chain) = &report.chain else { return };
    let mut label = "chain as sent";
    for (index, certificate) in chain.certificates.iter().enumerate() {
        let name = certificate.common_name.as_ref().or(certificate.subject.as_ref());
        let title = match (&certificate.unreadable, name) {
            (Some(why), _) => format!("{index} unreadable: {why}"),
            (None, name) => {
                let key = certificate
                    .key
                    .as_ref()
                    .map(|key| format!(", {key}"))
                    .unwrap_or_default();
                format!("{index} {}{key}", name.map_or("without a name", String::as_str))
            }
        };
        page.labelled(2, label, FACT, &title);
        label = "";
        if let (Some(from), Some(to)) = (certificate.not_before, certificate.not_after) {
            page.paragraph(
                CERTIFICATE,
                &format!("{} to {}, {}", day(from), day(to), remaining(as_of, to)),
            );
        }
        let names: Vec<String> = (certificate.san_dns.iter().map(|name| format!("DNS:{name}")))
            .chain(certificate.san_uri.iter().map(|name| format!("URI:{name}")))
            .chain(certificate.san_ip.iter().map(|name| format!("IP:{name}")))
            .chain(certificate.san_other.iter().cloned())
            .collect();
        if !names.is_empty() {
            page.paragraph(CERTIFICATE, &format!("names: {}", names.join(", ")));
        }
        if let Some(purposes) = certificate.extended_key_usage.as_ref().filter(|_| index == 0) {
            page.paragraph(
                CERTIFICATE,
                &format!("extended key usage: {}", purposes.join(", ")),
            );
        }
        if let Some(issuer) = &certificate.issuer {
            page.paragraph(CERTIFICATE, &format!("issuer: {issuer}"));
        }
    }
    match (&chain.trust_anchor, &chain.problem) {
        (Some(anchor), _) => {
            page.labelled(
                2,
                "trusted root",
                FACT,
                &format!("{} [{}] of {}", anchor.name, anchor.subject_hash, anchor.group),
            );
        }
        (None, Some(problem)) => page.labelled(2, "trusted root", FACT, &format!("none reached: {problem}")),
        (None, None) => {}
    }
    let revocation = &chain.revocation;
    if revocation.status != "not_checked" {
        let reason = revocation.reason.as_ref().map(|reason| format!(": {reason}"));
        let until = revocation
            .next_update
            .map(|until| format!(", by lists until {until}"));
        let found = format!(
            "{}{}{}",
            revocation.status,
            reason.unwrap_or_default(),
            until.unwrap_or_default()
        );
        page.labelled(2, "revocation", FACT, &found);
    }
    let mut label = "other lists";
    for opinion in &chain.against {
        let how = match (opinion.trusted, &opinion.trust_anchor, &opinion.problem) {
            (Some(true), Some(anchor), _) => format!("accepted, root {anchor}"),
            (Some(true), None, _) => "accepted".to_owned(),
            (Some(false), _, Some(problem)) => format!("refused: {problem}"),
            (Some(false), _, None) => "refused".to_owned(),
            (None, _, Some(problem)) => format!("cannot be told: {problem}"),
            (None, _, None) => "cannot be told".to_owned(),
        };
        page.labelled(2, label, FACT, &format!("{}: {how}", opinion.group));
        label = "";
    }
}

fn day(moment: Timestamp) -> String {
    jiff::tz::Offset::UTC.to_datetime(moment).date().to_string()
}

/// Time left until the end of a certificate, or since.
fn remaining(now: Timestamp, end: Timestamp) -> String {
    let hours = now.duration_until(end).as_hours();
    let (count, unit) = if hours.abs() >= 48 {
        (hours.abs() / 24, "day")
    } else {
        (hours.abs(), "hour")
    };
    let plural = if count == 1 { "" } else { "s" };
    if end >= now {
        format!("{count} {unit}{plural} left")
    } else {
        format!("ended {count} {unit}{plural} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_by_what_was_found() {
        use Acceptance::{Accepted, Refused, Unknown};
        for (values, expected) in [
            (vec![], ""),
            (vec![("a", Accepted)], "accepted a"),
            (vec![("a", Refused), ("b", Refused)], "all 2 refused"),
            (
                vec![("a", Refused), ("b", Accepted), ("c", Unknown), ("d", Refused)],
                "accepted b; refused a, d; unknown c",
            ),
        ] {
            assert_eq!(matrix(&values), expected);
        }
    }

    #[test]
    fn what_is_left_is_told_in_days_then_hours() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-22T12:00:00Z");
        for (end, expected) in [
            ("2026-12-22T12:00:00Z", "30 days left"),
            ("2026-11-23T18:00:00Z", "30 hours left"),
            ("2026-11-22T13:30:00Z", "1 hour left"),
            ("2026-11-22T12:00:00Z", "0 hours left"),
            ("2026-11-22T11:00:00Z", "ended 1 hour ago"),
            ("2026-10-22T12:00:00Z", "ended 31 days ago"),
        ] {
            assert_eq!(remaining(now, at(end)), expected);
        }
    }
}
