//! Several reports on one screen.

use crate::page::Page;
use crate::report::place;
use siptls_model::{Report, Verdict};

/// A table of the reports and their number by verdict.
pub(crate) fn write(page: &mut Page, reports: &[Report]) {
    let rows: Vec<Vec<String>> = reports
        .iter()
        .map(|report| {
            vec![
                report.verdict.code().to_owned(),
                place(report),
                report.because().unwrap_or_default(),
            ]
        })
        .collect();
    page.table(&["VERDICT", "ENDPOINT", "WHY"], &rows, &[0]);
    page.blank();
    let counts: Vec<String> = Verdict::ALL
        .into_iter()
        .map(|verdict| {
            (
                reports.iter().filter(|report| report.verdict == verdict).count(),
                verdict,
            )
        })
        .filter(|(count, _)| *count > 0)
        .map(|(count, verdict)| format!("{count} {verdict}"))
        .collect();
    page.paragraph(0, &format!("{} reports: {}", reports.len(), counts.join(", ")));
}
