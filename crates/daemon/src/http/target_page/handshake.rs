//! The facts of one handshake, and which client certificates were accepted.

use super::super::html::{isolated, safe};
use siptls_model::Report;
use std::fmt::Write as _;

/// Writes the facts as a table of two columns.
pub(super) fn write(out: &mut String, report: &Report) {
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
    rows.push((
        "probed at",
        report.started_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    ));
    out.push_str(
        "<h3>Facts</h3>\n<table class=\"facts\">\n<caption class=\"hidden\">Facts of the visit</caption>\n",
    );
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{name}</th><td class=\"long\">{}</td></tr>",
            isolated(value)
        );
    }
    out.push_str("</table>\n");
}

/// Writes what was rehearsed of the day on which clientAuth goes.
pub(super) fn write_rehearsal(out: &mut String, report: &Report) {
    let Some(rehearsal) = &report.rehearsal else {
        return;
    };
    out.push_str("<h3>Removal day</h3>\n");
    if let Some(sentence) = &rehearsal.removal_day {
        let _ = writeln!(out, "<p>{}</p>", safe(sentence));
    }
    out.push_str(
        "<table class=\"stack\" role=\"table\">\n<caption class=\"hidden\">Client certificates presented</caption>\n\
         <thead role=\"rowgroup\"><tr role=\"row\"><th scope=\"col\" role=\"columnheader\">Identity</th>\
         <th scope=\"col\" role=\"columnheader\">Result</th><th scope=\"col\" role=\"columnheader\">Purposes</th>\
         <th scope=\"col\" role=\"columnheader\">Found</th></tr></thead>\n<tbody role=\"rowgroup\">\n",
    );
    for attempt in &rehearsal.attempts {
        let leaf = attempt.presented.as_ref().and_then(|chain| chain.first());
        let purposes = leaf.map(|leaf| match &leaf.extended_key_usage {
            Some(purposes) => purposes.join(", "),
            None => "not limited".to_owned(),
        });
        let _ = writeln!(
            out,
            "<tr role=\"row\"><td role=\"cell\" data-label=\"Identity\">{}</td><td role=\"cell\" data-label=\"Result\">{}</td>\
             <td role=\"cell\" data-label=\"Purposes\">{}</td><td role=\"cell\" data-label=\"Found\" class=\"long\">{}</td></tr>",
            isolated(attempt.identity.as_deref().unwrap_or("none")),
            attempt.result.code(),
            isolated(purposes.unwrap_or_default()),
            safe(&attempt.evidence)
        );
    }
    out.push_str("</tbody>\n</table>\n");
}
