//! The command `explain`: what a check means, why it matters, how to mend it.

use crate::Outcome;
use crate::failure::{Failure, nearest, shown};
use crate::output::Output;
use crate::page::Page;
use siptls_catalog::{explain as explanation, profiles};
use siptls_model::CheckId;

/// Column of the texts.
const TEXT: usize = 2;

/// Prints the explanation of a check.
pub(crate) fn explain(code: &str) -> Result<Outcome, Failure> {
    let Some(id) = CheckId::from_code(code) else {
        let known: Vec<&'static str> = CheckId::ALL.iter().map(|id| id.code()).collect();
        let nearest = nearest(code, known.iter().copied());
        return Err(Failure::UnknownCheck {
            found: shown(code),
            nearest,
            known,
        });
    };
    let mut output = Output::standard();
    let mut page = Page::new(output.width());
    write(&mut page, id);
    output.write(&page.into_text())?;
    Ok(Outcome::Good)
}

fn write(page: &mut Page, id: CheckId) {
    let explanation = explanation(id);
    page.paragraph(0, &format!("{id}: {}", explanation.title));
    for (title, text) in [
        ("What it looks at", &explanation.meaning),
        ("Why it matters", &explanation.why),
    ] {
        page.blank();
        page.line(title);
        page.paragraph(TEXT, text);
    }
    page.blank();
    page.line("What to change");
    for fix in &explanation.fix {
        let vendor = if fix.vendor == "any" {
            "Any product"
        } else {
            &fix.vendor
        };
        page.paragraph(TEXT, &format!("{vendor}: {}", fix.text));
        page.paragraph(2 * TEXT, &format!("(source: {})", fix.source));
    }
    page.blank();
    page.line("How to look at it with OpenSSL");
    for line in explanation.openssl.lines() {
        page.line(&format!("  {line}"));
    }
    page.blank();
    page.line("Who asks for it");
    let mut asked = false;
    for profile in profiles() {
        if let Some(rule) = profile.check(id) {
            asked = true;
            let text = format!(
                "{} (severity {}), since {}",
                profile.name,
                rule.severity.code(),
                rule.since
            );
            page.paragraph(TEXT, &text);
        }
    }
    if !asked {
        page.paragraph(TEXT, "no shipped profile");
    }
    page.blank();
    page.line("Sources");
    for source in &explanation.sources {
        page.paragraph(TEXT, source);
    }
}
