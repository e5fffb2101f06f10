//! The addresses of a name beside each other: every one of them takes calls, so they should look alike.

use super::super::html::{MAX_CELL, badge, bounded, counted, day};
use super::View;
use siptls_model::Report;
use std::fmt::Write as _;

/// A fact, and how it is read from a report; empty when it was not seen.
type Fact = (&'static str, fn(&Report) -> String);

const FACTS: [Fact; 10] = [
    ("verdict", |report| report.verdict.code().to_owned()),
    ("version", |report| {
        shown(report.handshake.as_ref().and_then(|one| one.version.as_ref()))
    }),
    ("cipher suite", |report| {
        shown(
            report
                .handshake
                .as_ref()
                .and_then(|one| one.cipher_suite.as_ref()),
        )
    }),
    ("group", |report| {
        shown(report.handshake.as_ref().and_then(|one| one.group.as_ref()))
    }),
    ("client certificate", |report| {
        let mode = report.handshake.as_ref().map(|one| one.client_certificate.mode);
        mode.map(|mode| mode.code().replace('_', " ")).unwrap_or_default()
    }),
    ("leaf SHA-256", |report| {
        leaf(report, |leaf| {
            leaf.fingerprint_sha256.get(..16).map(str::to_owned)
        })
    }),
    ("issuer", |report| leaf(report, |leaf| leaf.issuer.clone())),
    ("certificate ends", |report| {
        leaf(report, |leaf| leaf.not_after.map(day))
    }),
    ("SIP answer", |report| {
        let sip = report.sip.as_ref();
        sip.map(|sip| format!("{} {}", sip.status, sip.reason_phrase))
            .unwrap_or_default()
    }),
    ("stopped short", |report| {
        let error = report.error.as_ref();
        error
            .map(|error| error.reason.code().to_owned())
            .unwrap_or_default()
    }),
];

fn shown(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

fn leaf(report: &Report, read: fn(&siptls_model::CertificateReport) -> Option<String>) -> String {
    let leaf = report.chain.as_ref().and_then(|chain| chain.certificates.first());
    leaf.and_then(read).unwrap_or_default()
}

/// Writes the comparison, when there is more than one address.
pub(super) fn write(out: &mut String, view: &View<'_>) {
    if view.addresses.len() < 2 {
        return;
    }
    let rows: Vec<(&str, Vec<String>)> = (FACTS.iter())
        .map(|(fact, read)| {
            let values = view.addresses.iter().map(|address| read(&address.report));
            (*fact, values.collect())
        })
        .filter(|(_, values): &(_, Vec<String>)| values.iter().any(|value| !value.is_empty()))
        .collect();
    let differing = rows.iter().filter(|(_, values)| differs(values)).count();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "<section id=\"addresses\" aria-labelledby=\"addresses-title\">\n\
         <h2 id=\"addresses-title\">Addresses compared</h2>\n<p>{}</p>\n\
         <div class=\"wide\" role=\"region\" aria-label=\"Facts by address\" tabindex=\"0\">\n\
         <table class=\"stack compare\" role=\"table\">\n<caption class=\"hidden\">Facts by address</caption>\n\
         <thead role=\"rowgroup\"><tr role=\"row\"><th scope=\"col\" role=\"columnheader\">Fact</th>",
        match differing {
            0 => "All addresses look alike.".to_owned(),
            _ => format!("The addresses differ in {}.", counted(differing, "fact")),
        }
    );
    for address in &view.addresses {
        let _ = write!(
            out,
            "<th scope=\"col\" role=\"columnheader\" class=\"place\"><a href=\"#{}\">{}</a></th>",
            address.anchor,
            bounded(&address.place, MAX_CELL)
        );
    }
    out.push_str("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for (fact, values) in rows {
        write_row(out, view, fact, &values);
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn write_row(out: &mut String, view: &View<'_>, fact: &str, values: &[String]) {
    let usual = usual(values);
    let class = if differs(values) { " class=\"differs\"" } else { "" };
    let _ = write!(
        out,
        "<tr role=\"row\"{class}><th scope=\"row\" role=\"rowheader\">{fact}</th>"
    );
    for (address, value) in view.addresses.iter().zip(values) {
        let text = match (fact, value.is_empty()) {
            (_, true) => "<span class=\"soft\">not seen</span>".to_owned(),
            ("verdict", false) => badge(Some(address.report.verdict)),
            (_, false) => format!("<bdi>{}</bdi>", bounded(value, MAX_CELL)),
        };
        let (odd, tag) = match Some(value) == usual {
            true => ("", ""),
            false => (" odd", " <span class=\"tag\">differs</span>"),
        };
        let _ = write!(
            out,
            "<td role=\"cell\" class=\"long{odd}\" data-label=\"{}\">{text}{tag}</td>",
            bounded(&address.place, MAX_CELL)
        );
    }
    out.push_str("</tr>\n");
}

fn differs(values: &[String]) -> bool {
    values.iter().any(|value| Some(value) != values.first())
}

/// The value that most of them have; of two as frequent the first.
fn usual(values: &[String]) -> Option<&String> {
    let count = |wanted: &String| values.iter().filter(|value| *value == wanted).count();
    let most = values.iter().map(count).max()?;
    values.iter().find(|value| count(value) == most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_value_is_the_most_frequent_and_of_two_the_first() {
        let values = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        for (texts, expected) in [
            (&["a", "b", "b"][..], "b"),
            (&["a", "b"], "a"),
            (&["", "b", "b"], "b"),
            (&["a"], "a"),
        ] {
            assert_eq!(usual(&values(texts)).unwrap(), expected, "{texts:?}");
        }
        assert!(differs(&values(&["a", "a", "b"])));
        assert!(!differs(&values(&["a", "a"])));
    }
}
