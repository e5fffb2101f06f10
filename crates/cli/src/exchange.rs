//! Reports in the forms of other programs: CSV for tables, JUnit for build servers, SARIF for code scanners.

use serde_json::{Value, json};
use siptls_catalog::explain;
use siptls_model::{Finding, Report, Severity, Status, Verdict, escape_text};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Columns of the CSV: one row for each check of each report.
const COLUMNS: &str =
    "name,endpoint,address,profile,verdict,check,status,severity,summary,evidence,remedy,source";

/// The first line of the CSV.
pub(crate) fn csv_header() -> String {
    format!("{COLUMNS}\r\n")
}

/// The rows of one report (RFC 4180).
pub(crate) fn csv(report: &Report) -> String {
    let target = &report.target;
    let mut out = String::new();
    for finding in &report.checks {
        let row = [
            &*target.name,
            &target.endpoint,
            target.address.as_deref().unwrap_or_default(),
            &target.profile,
            report.verdict.code(),
            finding.id.code(),
            finding.status.code(),
            finding.severity.code(),
            &finding.summary,
            &finding.evidence,
            &finding.remedy,
            &finding.source,
        ];
        out.push_str(&row.map(cell).join(","));
        out.push_str("\r\n");
    }
    out
}

/// A cell: quoted where it must be. What a spreadsheet would take for a formula is no longer one.
fn cell(text: &str) -> String {
    let text = escape_text(text);
    let guard = if text.starts_with(['=', '+', '-', '@']) {
        "'"
    } else {
        ""
    };
    if text.contains([',', '"']) || !guard.is_empty() {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// All reports as JUnit's XML: a suite for each report, a case for each check. A failed check that is only worth knowing
/// fails no case; a report that is inconclusive has one case in error.
pub(crate) fn junit(reports: &[Report]) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"siptls-probe\">\n");
    for report in reports {
        let name = xml(&place(report));
        let failed = report.checks.iter().filter(|finding| fails(finding)).count();
        let skipped = report
            .checks
            .iter()
            .filter(|finding| finding.status == Status::Skip)
            .count();
        let is_open = report.verdict == Verdict::Inconclusive;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"{}\" skipped=\"{skipped}\" time=\"{}\" timestamp=\"{}\">",
            report.checks.len() + usize::from(is_open),
            u8::from(is_open),
            report.duration_seconds,
            report.started_at,
        );
        if is_open {
            let why = report.error.as_ref().map_or_else(
                || "not enough was seen".to_owned(),
                |error| format!("{}: {}", error.reason, error.message),
            );
            let _ = writeln!(
                out,
                "    <testcase classname=\"{name}\" name=\"visit\"><error message=\"{}\"/></testcase>",
                xml(&why)
            );
        }
        for finding in &report.checks {
            let _ = write!(out, "    <testcase classname=\"{name}\" name=\"{}\">", finding.id);
            let summary = xml(&finding.summary);
            let _ = match finding.status {
                Status::Fail if fails(finding) => write!(
                    out,
                    "<failure type=\"{}\" message=\"{summary}\">{}</failure>",
                    finding.severity.code(),
                    xml(&details(finding))
                ),
                Status::Skip => write!(out, "<skipped message=\"{summary}\"/>"),
                status => write!(
                    out,
                    "<system-out>{}: {summary}; {}</system-out>",
                    status.code(),
                    xml(&details(finding))
                ),
            };
            out.push_str("</testcase>\n");
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn fails(finding: &Finding) -> bool {
    finding.status == Status::Fail && finding.severity != Severity::Info
}

fn details(finding: &Finding) -> String {
    [
        ("seen", &*finding.evidence),
        ("change", &finding.remedy),
        ("source", &finding.source),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(label, text)| format!("{label}: {text}"))
    .collect::<Vec<_>>()
    .join("; ")
}

/// Text for XML 1.0, which has no way to write control characters.
fn xml(text: &str) -> String {
    escape_text(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// All reports as one SARIF 2.1.0 log: a result for each check that failed or warns, and for each report that is
/// inconclusive a notification.
pub(crate) fn sarif(reports: &[Report]) -> Value {
    let told = |finding: &&Finding| matches!(finding.status, Status::Fail | Status::Warn);
    let ids: BTreeSet<_> = reports
        .iter()
        .flat_map(|report| report.checks.iter().filter(told))
        .map(|finding| finding.id)
        .collect();
    let rules: Vec<Value> = ids
        .into_iter()
        .map(|id| {
            let explanation = explain(id);
            json!({
                "id": id.code(),
                "shortDescription": {"text": explanation.title},
                "fullDescription": {"text": explanation.meaning},
            })
        })
        .collect();
    let results: Vec<Value> = reports
        .iter()
        .flat_map(|report| {
            report
                .checks
                .iter()
                .filter(told)
                .map(move |finding| result(report, finding))
        })
        .collect();
    let notifications: Vec<Value> = reports
        .iter()
        .filter(|report| report.verdict == Verdict::Inconclusive)
        .map(|report| {
            let why = report.error.as_ref().map_or_else(
                || "not enough was seen".to_owned(),
                |error| format!("{}: {}", error.reason, error.message),
            );
            json!({"level": "warning", "message": {"text": format!("{}: inconclusive: {why}", place(report))}})
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "siptls-probe",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notifications}],
            "results": results,
        }],
    })
}

fn result(report: &Report, finding: &Finding) -> Value {
    let level = match (finding.status, finding.severity) {
        (_, Severity::Info) => "note",
        (Status::Fail, Severity::Critical) => "error",
        _ => "warning",
    };
    json!({
        "ruleId": finding.id.code(),
        "level": level,
        "message": {"text": format!("{}: {}; {}", place(report), finding.summary, details(finding))},
        "locations": [{"logicalLocations": [{
            "fullyQualifiedName": place(report),
            "kind": "resource",
        }]}],
    })
}

/// The endpoint and the address visited.
fn place(report: &Report) -> String {
    crate::report::place(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula() {
        for (text, expected) in [
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("say \"a\"", "\"say \"\"a\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("-1", "\"'-1\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }

    #[test]
    fn xml_has_no_markup_of_the_peer() {
        assert_eq!(xml("<a b=\"c\">&"), "&lt;a b=&quot;c&quot;&gt;&amp;");
        assert!(!xml("a\u{0}\u{1b}b").contains(['\u{0}', '\u{1b}']));
    }
}
