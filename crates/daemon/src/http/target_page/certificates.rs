//! The certificates as one address sends them, and what they lead to.

use super::super::chain_picture::write_chain_picture;
use super::super::html::{day, distance, isolated, safe};
use super::Address;
use siptls_model::{CertificateReport, Timestamp};
use std::fmt::Write as _;

/// Alternative names shown of one certificate; the report has all.
const MAX_NAMES: usize = 20;

/// Writes the certificates; those that an earlier address sends as well are not written again.
pub(super) fn write(out: &mut String, address: &Address, earlier: &[Address], now: Timestamp) {
    let Some(chain) = &address.report.chain else {
        return;
    };
    out.push_str("<h3>Certificates</h3>\n");
    let sent = |address: &Address| -> Vec<String> {
        let chain = address.report.chain.as_ref();
        let certificates = chain.into_iter().flat_map(|chain| &chain.certificates);
        certificates.map(|one| one.fingerprint_sha256.clone()).collect()
    };
    let own = sent(address);
    // Writing to a String cannot fail, here and below.
    if let Some(alike) = earlier.iter().find(|other| sent(other) == own) {
        let _ = writeln!(
            out,
            "<p>The same as at <a href=\"#{}\">{}</a>.</p>",
            alike.anchor,
            isolated(&alike.place)
        );
        return;
    }
    write_chain_picture(out, &address.sight);
    out.push_str(
        "<table class=\"stack\" role=\"table\">\n<caption class=\"hidden\">Certificates in the order sent</caption>\n\
         <thead role=\"rowgroup\"><tr role=\"row\"><th scope=\"col\" role=\"columnheader\">Place</th>\
         <th scope=\"col\" role=\"columnheader\">Subject and issuer</th><th scope=\"col\" role=\"columnheader\">Valid</th>\
         <th scope=\"col\" role=\"columnheader\">Key</th><th scope=\"col\" role=\"columnheader\">Purposes</th></tr></thead>\n\
         <tbody role=\"rowgroup\">\n",
    );
    for (position, certificate) in chain.certificates.iter().enumerate() {
        write_certificate(out, position, certificate, now);
    }
    out.push_str("</tbody>\n</table>\n");
    if let Some(anchor) = &chain.trust_anchor {
        let _ = writeln!(
            out,
            "<p>Leads to the trusted root {} <span class=\"soft\">({} of {})</span>.</p>",
            isolated(&anchor.name),
            safe(&anchor.subject_hash),
            isolated(&anchor.group)
        );
    } else if let Some(problem) = &chain.problem {
        let _ = writeln!(out, "<p>Leads to no trusted root: {}.</p>", safe(problem));
    }
    let revocation = &chain.revocation;
    if let Some(reason) = &revocation.reason {
        let _ = writeln!(
            out,
            "<p>Revocation {}: {}.</p>",
            safe(revocation.status.replace('_', " ")),
            safe(reason)
        );
    }
}

fn write_certificate(out: &mut String, position: usize, certificate: &CertificateReport, now: Timestamp) {
    let place = match position {
        0 => "0, the leaf".to_owned(),
        position => position.to_string(),
    };
    let text = |value: &Option<String>| value.as_ref().map(isolated).unwrap_or_default();
    let _ = write!(
        out,
        "<tr role=\"row\"><td role=\"cell\" data-label=\"Place\">{place}</td>\
         <td role=\"cell\" data-label=\"Subject\" class=\"long\">"
    );
    if let Some(why) = &certificate.unreadable {
        let _ = writeln!(
            out,
            "cannot be read: {}<div class=\"evidence\">SHA-256 {}</div></td></tr>",
            safe(why),
            certificate.fingerprint_sha256
        );
        return;
    }
    let names: Vec<&String> = certificate
        .san_dns
        .iter()
        .chain(&certificate.san_ip)
        .chain(&certificate.san_uri)
        .collect();
    let _ = write!(
        out,
        "{}<br><span class=\"soft\">issued by {}",
        text(&certificate.subject),
        text(&certificate.issuer)
    );
    if !names.is_empty() {
        let shown: Vec<String> = names.iter().take(MAX_NAMES).map(isolated).collect();
        let more = match names.len().saturating_sub(MAX_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = write!(out, "<br>for {}{more}", shown.join(", "));
    }
    let _ = write!(
        out,
        "</span><div class=\"evidence\">SHA-256 {}</div></td><td role=\"cell\" data-label=\"Valid\" class=\"whole\">",
        certificate.fingerprint_sha256
    );
    if let (Some(from), Some(until)) = (certificate.not_before, certificate.not_after) {
        let class = if until <= now || now < from {
            " class=\"fail\""
        } else {
            ""
        };
        let _ = write!(
            out,
            "<span{class}>{}<br>to {}</span><br><span class=\"soft\">{}</span>",
            day(from),
            day(until),
            distance(now, until)
        );
    }
    let purposes = match &certificate.extended_key_usage {
        Some(purposes) => purposes.join(", "),
        None => "not limited".to_owned(),
    };
    let _ = writeln!(
        out,
        "</td><td role=\"cell\" data-label=\"Key\">{}<br><span class=\"soft\">{}</span></td>\
         <td role=\"cell\" data-label=\"Purposes\" class=\"long\">{}</td></tr>",
        text(&certificate.key),
        text(&certificate.signature_algorithm),
        isolated(purposes)
    );
}
