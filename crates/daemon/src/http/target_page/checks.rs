//! The checks of one address: what failed or warns stands open, the rest can be opened.

use super::super::html::{counted, isolated, prose, safe};
use super::Address;
use siptls_model::{Finding, Status, troubles};
use std::fmt::Write as _;

/// Writes the checks; what an earlier address said in the same words is not said again.
pub(super) fn write(out: &mut String, address: &Address, earlier: &[Address]) {
    let checks = &address.report.checks;
    if checks.is_empty() {
        return;
    }
    out.push_str("<h3>Checks</h3>\n");
    let said = |checks: &[Finding]| -> Vec<Finding> { troubles(checks).cloned().collect() };
    let own = said(checks);
    let alike = (!own.is_empty())
        .then(|| earlier.iter().find(|other| said(&other.report.checks) == own))
        .flatten();
    // Writing to a String cannot fail, here and below.
    if let Some(alike) = alike {
        let _ = writeln!(
            out,
            "<p>{} not passed, as at <a href=\"#{}\">{}</a>.</p>",
            counted(own.len(), "check"),
            alike.anchor,
            isolated(&alike.place)
        );
    } else {
        for finding in &own {
            write_trouble(out, finding);
        }
    }
    let with = |status| checks.iter().filter(move |finding| finding.status == status);
    let (passed, skipped) = (with(Status::Pass).count(), with(Status::Skip).count());
    if passed + skipped == 0 {
        return;
    }
    let words = match (passed, skipped) {
        (passed, 0) => format!("{} passed", counted(passed, "check")),
        (0, skipped) => format!("{} not judged", counted(skipped, "check")),
        (passed, skipped) => format!("{} passed, {skipped} not judged", counted(passed, "check")),
    };
    let _ = writeln!(
        out,
        "<details data-key=\"rest\">\n<summary>{words}</summary>\n\
         <table class=\"stack\" role=\"table\">\n<caption class=\"hidden\">Checks passed or not judged</caption>\n\
         <thead role=\"rowgroup\"><tr role=\"row\"><th scope=\"col\" role=\"columnheader\">Status</th>\
         <th scope=\"col\" role=\"columnheader\">Check</th><th scope=\"col\" role=\"columnheader\">Found</th></tr></thead>\n\
         <tbody role=\"rowgroup\">"
    );
    for finding in with(Status::Pass).chain(with(Status::Skip)) {
        write_rest(out, finding);
    }
    out.push_str("</tbody>\n</table>\n</details>\n");
}

fn write_trouble(out: &mut String, finding: &Finding) {
    let _ = writeln!(
        out,
        "<article class=\"check {0}\" data-key=\"{1}\">\n<h4><span class=\"badge {0}\">{0}</span> {2} \
         <span class=\"soft\">{3}</span></h4>\n<p>{4}</p>\n<dl>",
        finding.status.code(),
        finding.id,
        link(finding),
        finding.severity.code(),
        safe(&finding.summary)
    );
    for (term, class, text) in [
        ("Seen", "evidence", finding.evidence.as_str()),
        ("Change", "remedy", &finding.remedy),
        ("Source", "soft", &finding.source),
    ] {
        if !text.is_empty() {
            let text = if class == "remedy" {
                prose(text)
            } else {
                safe(text)
            };
            let _ = writeln!(out, "<div><dt>{term}</dt><dd class=\"{class}\">{text}</dd></div>");
        }
    }
    out.push_str("</dl>\n</article>\n");
}

fn write_rest(out: &mut String, finding: &Finding) {
    let _ = write!(
        out,
        "<tr role=\"row\"><td role=\"cell\"><span class=\"badge {0}\">{0}</span></td>\
         <td role=\"cell\">{1}</td><td role=\"cell\" class=\"long\">{2}",
        finding.status.code(),
        link(finding),
        safe(&finding.summary)
    );
    if !finding.evidence.is_empty() {
        let _ = write!(out, "<div class=\"evidence\">{}</div>", safe(&finding.evidence));
    }
    if finding.status == Status::Skip && !finding.remedy.is_empty() {
        let _ = write!(out, "<div class=\"remedy\">{}</div>", prose(&finding.remedy));
    }
    out.push_str("</td></tr>\n");
}

/// The identifier, which leads to what the check means.
fn link(finding: &Finding) -> String {
    format!("<a href=\"../checks/{0}\"><code>{0}</code></a>", finding.id)
}
