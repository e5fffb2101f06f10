//! The same question put with `openssl s_client`, for whoever trusts that more.

use crate::page::Page;
use siptls_config::PlannedTarget;
use siptls_model::{Report, openssl_command};

/// Column of the command.
const INDENT: usize = 4;

/// Writes the command over as many lines as it needs, fit to be pasted into a shell.
pub(crate) fn write(page: &mut Page, report: &Report, planned: &PlannedTarget) {
    let words = words(report, planned);
    let mut line = " ".repeat(INDENT);
    for (index, word) in words.iter().enumerate() {
        let is_last = index + 1 == words.len();
        if line.len() > INDENT && line.len() + word.len() + 3 > page.width() {
            page.line(&format!("{line}\\"));
            line = " ".repeat(INDENT + 2);
        }
        line.push_str(word);
        line.push_str(if is_last { "" } else { " " });
    }
    page.line(&line);
}

/// The words of the command; an option and its value are one.
fn words(report: &Report, planned: &PlannedTarget) -> Vec<String> {
    let place = match (&report.target.address, &report.target.srv) {
        (Some(address), _) => Some(address.clone()),
        (None, Some(srv)) => Some(format!("{}:{}", srv.target, srv.port)),
        (None, None) => None,
    };
    openssl_command(&planned.target, place.as_deref(), &planned.profile.offer)
}
