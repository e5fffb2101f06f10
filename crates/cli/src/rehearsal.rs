//! The rehearsal of removal day as text: a small table and one sentence.

use crate::page::Page;
use siptls_model::Report;

/// Writes what was accepted of whom, and what it comes to. Without a rehearsal there is nothing.
pub(crate) fn write(page: &mut Page, report: &Report) {
    let Some(rehearsal) = &report.rehearsal else {
        return;
    };
    page.blank();
    if let Some(sentence) = &rehearsal.removal_day {
        page.paragraph(2, sentence);
    }
    let rows: Vec<Vec<String>> = rehearsal
        .attempts
        .iter()
        .map(|attempt| {
            let purposes = attempt
                .presented
                .as_ref()
                .and_then(|chain| chain.first())
                .map(|leaf| match &leaf.extended_key_usage {
                    Some(purposes) => purposes.join(" "),
                    None => "not limited".to_owned(),
                });
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            vec![
                format!("  {}", attempt.identity.as_deref().unwrap_or("(none)")),
                attempt.result.code().to_owned(),
                or_dash(attempt.alert.clone()),
                or_dash(attempt.sip_status.map(|status| status.to_string())),
                or_dash(purposes),
            ]
        })
        .collect();
    page.blank();
    page.table(&["  IDENTITY", "RESULT", "ALERT", "SIP", "PURPOSES"], &rows, &[]);
}
