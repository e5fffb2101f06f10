//! What each address accepts: versions, suites, groups, as the last survey found it.

use super::super::html::{MAX_CELL, bounded, safe};
use super::{Address, View};
use siptls_catalog::{Certainty, Profile};
use siptls_model::{Acceptance, CipherSuite, SuitePreference, SurveyResult, Timestamp};
use std::fmt::{Display, Write as _};

/// Writes one table for each kind of value, a column for each address.
pub(super) fn write(out: &mut String, view: &View<'_>) {
    if view.addresses.is_empty() {
        return;
    }
    out.push_str(
        "<section id=\"accepted\" aria-labelledby=\"accepted-title\">\n<h2 id=\"accepted-title\">Accepted</h2>\n",
    );
    let surveyed: Vec<(&Address, &SurveyResult)> = (view.addresses.iter())
        .filter_map(|address| Some((address, address.sight.observation.survey.as_deref()?)))
        .collect();
    if surveyed.is_empty() {
        out.push_str("<p>No survey has told yet what is accepted besides what the last visit negotiated.</p>\n</section>\n");
        return;
    }
    let profile = view.member.profile();
    out.push_str(
        "<p class=\"soft\"><strong>accepted</strong>: a handshake with it was finished · <strong>selected</strong>: the endpoint chose it \
         · <strong>refused</strong>: it was offered and refused · <strong>unknown</strong>: not found out</p>\n",
    );
    write_kind(out, "Versions", &surveyed, |survey| &survey.versions, |_| None);
    let now = view.now;
    write_kind(
        out,
        "Cipher suites of the profile",
        &surveyed,
        |survey| &survey.cipher_suites,
        |suite| Some(("tag", notice(profile, *suite, now)?)),
    );
    write_kind(
        out,
        "Groups",
        &surveyed,
        |survey| &survey.groups,
        |group| (!profile.groups.contains(group)).then(|| ("soft", "not of the profile".to_owned())),
    );
    for (address, survey) in surveyed {
        write_remarks(out, address, survey);
    }
    out.push_str("</section>\n");
}

/// The announced end of a suite, in words.
fn notice(profile: &Profile, suite: CipherSuite, now: Timestamp) -> Option<String> {
    let rule = profile.suite(suite)?;
    let until = rule.until?;
    let certainty = match rule.certainty {
        Certainty::Firm => "",
        Certainty::Provisional => ", provisionally",
    };
    let ended = until.to_string() <= now.strftime("%Y-%m-%d").to_string();
    Some(match ended {
        true => format!("removed since {until}{certainty}"),
        false => format!("under notice: removed from {until} on{certainty}"),
    })
}

fn write_kind<T: Display + PartialEq + Copy>(
    out: &mut String,
    title: &str,
    surveyed: &[(&Address, &SurveyResult)],
    values: fn(&SurveyResult) -> &Vec<(T, Acceptance)>,
    remark: impl Fn(&T) -> Option<(&'static str, String)>,
) {
    let mut known: Vec<T> = Vec::new();
    for (value, _) in surveyed.iter().flat_map(|(_, survey)| values(survey)) {
        if !known.contains(value) {
            known.push(*value);
        }
    }
    let mut all = surveyed.iter().flat_map(|(_, survey)| values(survey));
    if all.all(|(_, acceptance)| *acceptance == Acceptance::Unknown) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "<p>{title}: nothing was found out.</p>");
        return;
    }
    let _ = write!(
        out,
        "<div class=\"wide\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\">\n\
         <table class=\"stack matrix\" role=\"table\">\n<caption>{title}</caption>\n\
         <thead role=\"rowgroup\"><tr role=\"row\"><th scope=\"col\" role=\"columnheader\">Value</th>"
    );
    for (address, _) in surveyed {
        let _ = write!(
            out,
            "<th scope=\"col\" role=\"columnheader\" class=\"place\">{}</th>",
            bounded(&address.place, MAX_CELL)
        );
    }
    out.push_str("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for value in known {
        let remark = remark(&value)
            .map(|(class, words)| format!("<br><span class=\"{class}\">{}</span>", safe(words)));
        let _ = write!(
            out,
            "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\" class=\"long\"><code>{}</code>{}</th>",
            safe(value),
            remark.unwrap_or_default()
        );
        for (address, survey) in surveyed {
            let found = values(survey).iter().find(|(known, _)| *known == value);
            let acceptance = found.map_or(Acceptance::Unknown, |(_, acceptance)| *acceptance);
            let _ = write!(
                out,
                "<td role=\"cell\" data-label=\"{}\"><span class=\"took {1}\">{1}</span></td>",
                bounded(&address.place, MAX_CELL),
                acceptance.code()
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn write_remarks(out: &mut String, address: &Address, survey: &SurveyResult) {
    let mut remarks: Vec<String> = Vec::new();
    match survey.suite_preference {
        SuitePreference::Server => remarks.push("the server's order of suites counts".to_owned()),
        SuitePreference::Client => remarks.push("the caller's order of suites counts".to_owned()),
        SuitePreference::Unknown => {}
    }
    if let Some(cause) = survey.refusal_cause {
        remarks.push(format!("the whole offer was refused because of {cause}"));
    }
    if let Some(why) = &survey.stopped {
        remarks.push(format!("the survey ended early: {why}"));
    }
    if !remarks.is_empty() {
        let _ = writeln!(
            out,
            "<p class=\"soft\"><bdi>{}</bdi>: {}</p>",
            safe(&address.place),
            safe(remarks.join("; "))
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_under_notice_says_until_when() {
        let profile = siptls_catalog::profile("genesys-byoc-customer").unwrap();
        let rule = profile.suites.iter().find(|rule| rule.until.is_some()).unwrap();
        let until = rule.until.unwrap();
        let day = |day: jiff::civil::Date| day.at(12, 0, 0, 0).in_tz("UTC").unwrap().timestamp();
        let before = notice(&profile, rule.suite, day(until.yesterday().unwrap())).unwrap();
        let after = notice(&profile, rule.suite, day(until)).unwrap();
        assert!(
            before.starts_with(&format!("under notice: removed from {until} on")),
            "{before}"
        );
        assert!(after.starts_with(&format!("removed since {until}")), "{after}");
        let free = profile.suites.iter().find(|rule| rule.until.is_none()).unwrap();
        assert_eq!(notice(&profile, free.suite, day(until)), None);
    }
}
