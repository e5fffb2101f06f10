//! The page of one target: verdict, checks, chain, handshake of each address.

use super::App;
use super::chain_picture::write_chain_picture;
use super::html::{badge, maintenance, page, safe, sentence, who_acts};
use super::ladder::write_ladder;
use crate::member::{Member, Sight};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use siptls_journal::{Change, Query};
use siptls_model::{Finding, Report, Status, clock};
use std::fmt::Write as _;
use std::sync::Arc;

/// Changes shown, the newest first.
const CHANGES: usize = 20;

/// The page of one target.
pub(crate) async fn target(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    let Some(member) = app.fleet.member(&name) else {
        let body = format!(
            "<h1>Not found</h1>\n<p>{}</p>\n<p><a href=\"../\">all targets</a></p>\n",
            safe(app.fleet.absence(&name))
        );
        return (StatusCode::NOT_FOUND, Html(page("../", "not found", &body))).into_response();
    };
    let query = Query {
        target: Some(name),
        newest_first: true,
        limit: CHANGES,
        ..Query::default()
    };
    let (_, changes) = super::changes_of(&app, query).await;
    Html(page(
        "../",
        &format!("{} – siptls-probe", member.target.name),
        &body(&member, &changes.changes),
    ))
    .into_response()
}

fn body(member: &Member, changes: &[Change]) -> String {
    let target = &member.target;
    let mut out = format!(
        "<nav><a href=\"../\">all targets</a></nav>\n<h1>{}</h1>\n<p class=\"soft\">{}, profile {}",
        safe(&target.name),
        safe(&target.endpoint),
        safe(&target.profile)
    );
    for (label, value) in &target.labels {
        // Writing to a String cannot fail.
        let _ = write!(out, ", {}={}", safe(label), safe(value));
    }
    out.push_str("</p>\n");
    if let Some(text) = maintenance(target, clock::now()) {
        let _ = writeln!(out, "<p>{text}</p>");
    }
    let sights = member.sights();
    if sights.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", badge(None));
    }
    for sight in sights {
        write_sight(&mut out, &sight, &member.profile().caller);
    }
    write_changes(&mut out, changes);
    out
}

fn write_changes(out: &mut String, changes: &[Change]) {
    out.push_str("<section>\n<h2>Last changes</h2>\n");
    if changes.is_empty() {
        out.push_str("<p>None is known.</p>\n</section>\n");
        return;
    }
    out.push_str("<div class=\"wide\"><table class=\"stack\">\n<thead><tr><th>when</th><th>what</th><th>how</th></tr></thead>\n<tbody>\n");
    for change in changes {
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}<br><span class=\"soft\">{}</span></td><td class=\"long\">",
            safe(change.time.strftime("%Y-%m-%d %H:%M:%SZ")),
            change.aspect,
            safe(change.address.as_deref().unwrap_or("all addresses"))
        );
        for difference in change.differences() {
            let _ = write!(
                out,
                "{} <span class=\"soft\">{}</span><br>",
                safe(&difference.how),
                safe(&difference.what)
            );
        }
        if change.count > 1 {
            let _ = write!(
                out,
                "<span class=\"soft\">{} times, last {}</span>",
                change.count,
                safe(change.last_time.strftime("%Y-%m-%d %H:%M:%SZ"))
            );
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn write_sight(out: &mut String, sight: &Sight, caller: &str) {
    let report = sight.report();
    let address = report.target.address.as_deref().unwrap_or("no address");
    let _ = writeln!(
        out,
        "<section>\n<h2>{} {}</h2>\n<p>{}</p>",
        safe(address),
        badge(Some(report.verdict)),
        safe(sentence(report.verdict, caller))
    );
    if let Some(srv) = &report.target.srv {
        let _ = writeln!(
            out,
            "<p class=\"soft\">{} SRV {} {} {} {}</p>",
            safe(&srv.owner),
            srv.priority,
            srv.weight,
            srv.port,
            safe(&srv.target)
        );
    }
    if let Some(error) = &sight.observation.error {
        let _ = writeln!(
            out,
            "<p>The probe stopped short in phase {}: {} <span class=\"soft\">({}: {})</span></p>\n\
             <p class=\"remedy\">{}</p>",
            error.phase,
            safe(&error.message),
            error.reason,
            who_acts(error.reason.who()),
            safe(error.reason.advice())
        );
    }
    write_checks(out, &report.checks);
    write_rehearsal(out, &report);
    write_chain(out, &report);
    write_chain_picture(out, sight);
    write_handshake(out, &report);
    write_ladder(out, sight);
    out.push_str("</section>\n");
}

fn write_checks(out: &mut String, checks: &[Finding]) {
    if checks.is_empty() {
        return;
    }
    out.push_str("<h3>Checks</h3>\n<div class=\"wide\"><table class=\"stack\">\n<thead><tr><th>status</th><th>check</th><th>found</th></tr></thead>\n<tbody>\n");
    let mut sorted: Vec<&Finding> = checks.iter().collect();
    sorted.sort_by_key(|finding| match finding.status {
        Status::Fail => (0, finding.severity),
        Status::Warn => (1, finding.severity),
        Status::Pass => (2, finding.severity),
        Status::Skip => (3, finding.severity),
    });
    for finding in sorted {
        let _ = write!(
            out,
            "<tr><td><span class=\"badge {0}\">{0}</span></td><td>{1}<br><span class=\"soft\">{2}</span></td><td class=\"long\">{3}",
            finding.status.code(),
            finding.id,
            finding.severity.code(),
            safe(&finding.summary)
        );
        if !finding.evidence.is_empty() {
            let _ = write!(out, "<div class=\"evidence\">{}</div>", safe(&finding.evidence));
        }
        if !finding.remedy.is_empty() && matches!(finding.status, Status::Fail | Status::Warn) {
            let _ = write!(out, "<div class=\"remedy\">{}</div>", safe(&finding.remedy));
        }
        if !finding.source.is_empty() {
            let _ = write!(out, "<div class=\"soft\">{}</div>", safe(&finding.source));
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn write_rehearsal(out: &mut String, report: &Report) {
    let Some(rehearsal) = &report.rehearsal else {
        return;
    };
    out.push_str("<h3>Removal day</h3>\n");
    if let Some(sentence) = &rehearsal.removal_day {
        let _ = writeln!(out, "<p>{}</p>", safe(sentence));
    }
    out.push_str("<div class=\"wide\"><table class=\"stack\">\n<thead><tr><th>identity</th><th>result</th><th>purposes</th><th>found</th></tr></thead>\n<tbody>\n");
    for attempt in &rehearsal.attempts {
        let leaf = attempt.presented.as_ref().and_then(|chain| chain.first());
        let purposes = leaf.map(|leaf| match &leaf.extended_key_usage {
            Some(purposes) => purposes.join(", "),
            None => "not limited".to_owned(),
        });
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"long\">{}</td></tr>",
            safe(attempt.identity.as_deref().unwrap_or("none")),
            attempt.result.code(),
            safe(purposes.unwrap_or_default()),
            safe(&attempt.evidence)
        );
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn write_chain(out: &mut String, report: &Report) {
    let Some(chain) = &report.chain else { return };
    out.push_str("<h3>Certificates as sent</h3>\n<div class=\"wide\"><table class=\"stack\">\n<thead><tr><th>position</th><th>subject, issuer</th><th>valid</th><th>key</th></tr></thead>\n<tbody>\n");
    for (position, certificate) in chain.certificates.iter().enumerate() {
        let text = |value: &Option<String>| value.as_ref().map(safe).unwrap_or_default();
        if let Some(why) = &certificate.unreadable {
            let _ = writeln!(
                out,
                "<tr><td>{position}</td><td class=\"long\" colspan=\"3\">cannot be read: {}\
                 <div class=\"evidence\">SHA-256 {}</div></td></tr>",
                safe(why),
                certificate.fingerprint_sha256
            );
            continue;
        }
        let date = |time: Option<jiff::Timestamp>| {
            time.map(|time| time.strftime("%Y-%m-%d").to_string())
                .unwrap_or_default()
        };
        let _ = writeln!(
            out,
            "<tr><td>{position}</td><td class=\"long\">{}<br><span class=\"soft\">issued by {}<br>{}</span>\
             <div class=\"evidence\">SHA-256 {}</div></td><td class=\"whole\">{} to {}</td><td>{}<br>{}</td></tr>",
            text(&certificate.subject),
            text(&certificate.issuer),
            safe(
                certificate
                    .san_dns
                    .iter()
                    .chain(&certificate.san_ip)
                    .chain(&certificate.san_uri)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            certificate.fingerprint_sha256,
            date(certificate.not_before),
            date(certificate.not_after),
            text(&certificate.key),
            text(&certificate.signature_algorithm)
        );
    }
    out.push_str("</tbody>\n</table></div>\n");
    if let Some(anchor) = &chain.trust_anchor {
        let _ = writeln!(
            out,
            "<p>Trusted root: {} <span class=\"soft\">({})</span></p>",
            safe(&anchor.name),
            safe(&anchor.subject_hash)
        );
    } else if let Some(problem) = &chain.problem {
        let _ = writeln!(out, "<p>No trusted root: {}</p>", safe(problem));
    }
}

fn write_handshake(out: &mut String, report: &Report) {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(handshake) = &report.handshake {
        let request = &handshake.client_certificate;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        rows.push(("version", text(&handshake.version)));
        rows.push(("cipher suite", text(&handshake.cipher_suite)));
        rows.push(("group", text(&handshake.group)));
        rows.push((
            "finished",
            if handshake.completed { "yes" } else { "no" }.to_owned(),
        ));
        rows.push(("alert", text(&handshake.alert)));
        rows.push(("client certificate", request.mode.code().replace('_', " ")));
        rows.push(("how that is known", text(&request.evidence)));
        if request.requested == Some(true) {
            rows.push(("CA names in the request", request.authorities.len().to_string()));
        }
    }
    if let Some(reference) = &report.reference_client {
        rows.push(("reference client", reference.to_string()));
    }
    if let Some(sip) = &report.sip {
        rows.push(("OPTIONS", format!("{} {}", sip.status, sip.reason_phrase)));
        rows.push(("server", sip.server.clone().unwrap_or_default()));
    }
    let phases = &report.phase_seconds;
    for (name, seconds) in [
        ("resolve", phases.resolve),
        ("connect", phases.connect),
        ("TLS", phases.tls),
        ("SIP", phases.sip),
    ] {
        if let Some(seconds) = seconds {
            rows.push((name, format!("{:.1} ms", seconds * 1_000.0)));
        }
    }
    rows.push(("probed at", report.started_at.to_string()));
    out.push_str("<h3>Handshake</h3>\n<table>\n");
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(
            out,
            "<tr><th>{name}</th><td class=\"long\">{}</td></tr>",
            safe(value)
        );
    }
    out.push_str("</table>\n");
}
