//! The certificates as one address sends them, as a picture with its text, and what they lead to.

use super::super::chain_picture::write_chain_picture;
use super::super::html::{isolated, safe};
use super::Address;
use std::fmt::Write as _;

/// Writes the certificates; those that an earlier address sends as well are not written again.
pub(super) fn write(out: &mut String, address: &Address, earlier: &[Address]) {
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
