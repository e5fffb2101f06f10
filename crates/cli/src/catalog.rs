//! The commands `catalog list` and `catalog show`: what is shipped, with its sources and dates.

use crate::Outcome;
use crate::arguments::ListFormat;
use crate::failure::{Failure, nearest, shown};
use crate::json;
use crate::output::Output;
use crate::page::Page;
use serde_json::{Value, json as value};
use siptls_catalog::{
    CheckRule, ClientAuthChange, ClientAuthStep, LifetimeLimit, ListedEndpoint, Profile, RootGroup, RootRule,
    SuiteRule, bundles, certificate_lifetimes, client_auth_timetable, endpoints, profiles, root_groups,
};
use siptls_model::{Timestamp, clock};

/// Name of the one endpoint list.
const ENDPOINT_LIST: &str = "genesys-byoc-endpoints";

/// Name of the timetable of clientAuth.
const TIMETABLE: &str = "client-auth-timetable";

const TIMETABLE_TITLE: &str = "When public authorities stop issuing certificates for clientAuth";

/// Name of the table of lifetimes.
const LIFETIMES: &str = "certificate-lifetimes";

const LIFETIMES_TITLE: &str =
    "How long certificates under roots that browsers trust may last, by the day of issue";

/// Days before its end from which a root is marked. Replacing one takes both sides.
const ROOT_NOTICE_DAYS: i64 = 90;

const DAY_SECONDS: i64 = 86_400;

/// Column of texts behind labels.
const TEXT: usize = 18;

/// Prints the name and title of everything.
pub(crate) fn list(format: ListFormat) -> Result<Outcome, Failure> {
    let mut output = Output::standard();
    match format {
        ListFormat::Json => {
            let profiles: Vec<Value> = profiles()
                .iter()
                .map(|profile| head(&profile.name, &profile.title))
                .collect();
            let groups: Vec<Value> = all_groups().map(|group| head(group.name, group.title)).collect();
            let lists = [head(ENDPOINT_LIST, ENDPOINT_LIST_TITLE)];
            let document = value!({
                "profiles": profiles,
                "root_groups": groups,
                "endpoint_lists": lists,
                "timetables": [head(TIMETABLE, TIMETABLE_TITLE), head(LIFETIMES, LIFETIMES_TITLE)],
            });
            output.write(&json::document(&document)?)?;
        }
        ListFormat::Text => {
            let mut page = Page::new(output.width());
            page.line("Profiles (`--profile`)");
            for profile in profiles() {
                entry(&mut page, &profile.name, &profile.title);
            }
            page.blank();
            page.line("Root groups");
            for group in all_groups() {
                let known = group.names_without_certificate.len();
                let more = if known == 0 {
                    String::new()
                } else {
                    format!(" and {known} by name alone")
                };
                entry(
                    &mut page,
                    group.name,
                    &format!("{}: {} roots{more}", group.title, group.roots.len()),
                );
            }
            page.blank();
            page.line("Endpoint lists");
            entry(
                &mut page,
                ENDPOINT_LIST,
                &format!("{ENDPOINT_LIST_TITLE}: {} hosts", endpoints().len()),
            );
            page.blank();
            page.line("Timetables");
            entry(&mut page, TIMETABLE, TIMETABLE_TITLE);
            entry(&mut page, LIFETIMES, LIFETIMES_TITLE);
            output.write(&page.into_text())?;
        }
    }
    Ok(Outcome::Good)
}

/// Every root group, the wide lists last.
fn all_groups() -> impl Iterator<Item = &'static RootGroup> {
    root_groups().iter().chain(bundles())
}

const ENDPOINT_LIST_TITLE: &str = "Load balancers of Genesys BYOC Cloud by region";

fn entry(page: &mut Page, name: &str, title: &str) {
    page.line(&format!("  {name}"));
    page.paragraph(6, title);
}

fn head(name: &str, title: &str) -> Value {
    value!({"name": name, "title": title})
}

/// Prints everything of that name in full.
pub(crate) fn show(name: &str, format: ListFormat) -> Result<Outcome, Failure> {
    let profile = profiles().iter().find(|profile| profile.name == name);
    let group = all_groups().find(|group| group.name == name);
    let list = (name == ENDPOINT_LIST).then(endpoints);
    let timetable = (name == TIMETABLE).then(client_auth_timetable);
    let lifetimes = (name == LIFETIMES).then(certificate_lifetimes);
    let is_table = list.is_some() || timetable.is_some() || lifetimes.is_some();
    if profile.is_none() && group.is_none() && !is_table {
        let known = profiles().iter().map(|profile| profile.name.as_str());
        let known =
            known
                .chain(all_groups().map(|group| group.name))
                .chain([ENDPOINT_LIST, TIMETABLE, LIFETIMES]);
        return Err(Failure::UnknownName {
            found: shown(name),
            nearest: nearest(name, known).map(str::to_owned),
        });
    }
    let now = clock::now();
    let mut output = Output::standard();
    match format {
        ListFormat::Json => {
            let document = value!({
                "profile": profile.map(|profile| profile_value(profile)),
                "root_group": group.map(|group| group_value(group, now)),
                "timetable": timetable.map(|steps| steps.iter().map(step_value).collect::<Vec<_>>()),
                "lifetimes": lifetimes.map(|limits| limits.iter().map(limit_value).collect::<Vec<_>>()),
                "endpoint_list": list.map(|list| list.iter().map(endpoint_value).collect::<Vec<_>>()),
            });
            output.write(&json::document(&document)?)?;
        }
        ListFormat::Text => {
            let mut page = Page::new(output.width());
            if let Some(profile) = profile {
                show_profile(&mut page, profile);
            }
            if let Some(group) = group {
                if profile.is_some() {
                    page.blank();
                }
                show_group(&mut page, group, now);
            }
            if let Some(list) = list {
                show_endpoints(&mut page, list);
            }
            if let Some(steps) = timetable {
                show_timetable(&mut page, steps);
            }
            if let Some(limits) = lifetimes {
                show_lifetimes(&mut page, limits);
            }
            output.write(&page.into_text())?;
        }
    }
    Ok(Outcome::Good)
}

fn show_profile(page: &mut Page, profile: &Profile) {
    page.paragraph(0, &format!("Profile {}: {}", profile.name, profile.title));
    page.paragraph(2, &profile.description);
    page.blank();
    page.labelled(2, "caller", TEXT, &profile.caller);
    page.labelled(2, "direction", TEXT, profile.direction.code());
    page.labelled(2, "since", TEXT, &profile.since.to_string());
    page.labelled(2, "source", TEXT, &profile.source);
    page.labelled(2, "client cert", TEXT, profile.client_certificate.code());
    page.labelled(2, "roots", TEXT, &roots(&profile.roots));
    page.labelled(2, "names", TEXT, profile.name_rule.code());
    page.labelled(2, "SIP OPTIONS", TEXT, profile.sip.code());
    let groups: Vec<String> = profile.groups.iter().map(ToString::to_string).collect();
    page.labelled(2, "groups", TEXT, &groups.join(", "));
    page.blank();
    page.line("Suites");
    for suite in &profile.suites {
        let end = suite
            .until
            .map(|until| format!(", until {until} ({})", suite.certainty.code()))
            .unwrap_or_default();
        page.paragraph(2, &format!("{}, since {}{end}", suite.suite, suite.since));
    }
    page.blank();
    page.line("Offered, in this order");
    let offered: Vec<String> = profile
        .offer
        .cipher_suites
        .iter()
        .map(ToString::to_string)
        .collect();
    page.paragraph(2, &offered.join(", "));
    page.blank();
    page.line("Checks (`siptls-probe explain CHECK`)");
    for rule in &profile.checks {
        let from = rule
            .from
            .map(|from| format!(", applies from {from}"))
            .unwrap_or_default();
        let until = rule
            .until
            .map(|until| format!(", until {until}"))
            .unwrap_or_default();
        page.paragraph(
            2,
            &format!(
                "{} ({}), since {}{from}{until}",
                rule.id,
                rule.severity.code(),
                rule.since
            ),
        );
        page.labelled(6, "source", TEXT, &rule.source);
    }
    page.blank();
    page.line("Sources of the other rules");
    for provenance in &profile.provenance {
        page.paragraph(
            2,
            &format!(
                "{}: {}, since {}",
                provenance.rule, provenance.source, provenance.since
            ),
        );
        if let Some(note) = &provenance.note {
            page.labelled(6, "note", TEXT, note);
        }
    }
}

fn roots(rule: &RootRule) -> String {
    match rule {
        RootRule::None => "none of its own; give --trust-anchors".to_owned(),
        RootRule::Group(name) => format!("group {name}"),
        RootRule::ByRegion { default } => {
            format!("by the endpoint's region; when unknown: {}", default.join(", "))
        }
    }
}

fn show_group(page: &mut Page, group: &RootGroup, now: Timestamp) {
    page.paragraph(0, &format!("Root group {}: {}", group.name, group.title));
    page.labelled(2, "source", TEXT, group.source);
    page.labelled(2, "read on", TEXT, &group.since.to_string());
    page.blank();
    page.line(&format!(
        "{} roots, by subject and key; [subject hash], end of validity",
        group.roots.len()
    ));
    for root in group.roots.roots() {
        let certificate = &root.certificate;
        page.paragraph(
            2,
            &format!(
                "{} [{}], {}{}",
                root.name,
                certificate.subject.hash_hex(),
                certificate.not_after,
                end_mark(ends_in_days(certificate.not_after, now))
            ),
        );
    }
    if !group.names_without_certificate.is_empty() {
        page.blank();
        page.line("Listed by the source, certificate not at hand: recognised by name, not verified");
        for listed in &group.names_without_certificate {
            page.paragraph(2, &format!("{} [{}]", listed.common_name, listed.subject_hash));
        }
    }
}

/// Whole days until an end; below zero when it is over, -1 within the first day after it.
fn ends_in_days(end: Timestamp, now: Timestamp) -> i64 {
    (end.as_second() - now.as_second()).div_euclid(DAY_SECONDS)
}

/// The mark of a root that has ended or soon will.
fn end_mark(days: i64) -> String {
    let count = |days: i64| format!("{days} day{}", if days == 1 { "" } else { "s" });
    match days {
        ..0 => format!(": HAS ENDED, {} ago", count(-days - 1)),
        0..=ROOT_NOTICE_DAYS => format!(": ENDS in {}", count(days)),
        _ => String::new(),
    }
}

fn show_endpoints(page: &mut Page, list: &[ListedEndpoint]) {
    page.paragraph(
        0,
        &format!("Endpoint list {ENDPOINT_LIST}: {ENDPOINT_LIST_TITLE}"),
    );
    page.blank();
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|one| {
            let confirmed = if one.confirmed { "yes" } else { "no" }.to_owned();
            vec![
                one.hostname.clone(),
                one.region_code.clone(),
                one.root_group.clone(),
                confirmed,
                one.basis.clone(),
            ]
        })
        .collect();
    page.table(
        &["HOST", "REGION", "ROOT GROUP", "CONFIRMED", "BASIS"],
        &rows,
        &[],
    );
}

fn show_timetable(page: &mut Page, steps: &[ClientAuthStep]) {
    page.paragraph(0, &format!("Timetable {TIMETABLE}: {TIMETABLE_TITLE}"));
    for step in steps {
        page.blank();
        let what = match step.change {
            ClientAuthChange::LeftOut => "left out unless asked for, from",
            ClientAuthChange::Ended => "issued no more, from",
        };
        let certainty = step.certainty.code();
        page.paragraph(
            0,
            &format!("{}: {what} {} ({certainty})", step.authority, step.date),
        );
        let issuers = match step.issuer_organizations.as_slice() {
            [] => "all that browsers trust".to_owned(),
            names => names.join("; "),
        };
        page.labelled(2, "issuers", TEXT, &issuers);
        page.labelled(2, "source", TEXT, &step.source);
    }
}

fn show_lifetimes(page: &mut Page, limits: &[LifetimeLimit]) {
    page.paragraph(0, &format!("Timetable {LIFETIMES}: {LIFETIMES_TITLE}"));
    for limit in limits {
        page.blank();
        page.paragraph(
            0,
            &format!("issued from {} on: {} days", limit.from, limit.max_days),
        );
        page.labelled(2, "source", TEXT, &limit.source);
    }
}

fn limit_value(limit: &LifetimeLimit) -> Value {
    value!({
        "from": limit.from.to_string(),
        "max_days": limit.max_days,
        "source": limit.source,
    })
}

fn step_value(step: &ClientAuthStep) -> Value {
    value!({
        "authority": step.authority,
        "issuer_organizations": step.issuer_organizations,
        "change": step.change.code(),
        "date": step.date.to_string(),
        "certainty": step.certainty.code(),
        "source": step.source,
    })
}

fn profile_value(profile: &Profile) -> Value {
    value!({
        "name": profile.name,
        "title": profile.title,
        "description": profile.description,
        "caller": profile.caller,
        "direction": profile.direction.code(),
        "source": profile.source,
        "since": profile.since.to_string(),
        "offered_cipher_suites": profile.offer.cipher_suites.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "groups": profile.groups.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "client_certificate": profile.client_certificate.code(),
        "roots": roots(&profile.roots),
        "name_rule": profile.name_rule.code(),
        "sip_options": profile.sip.code(),
        "cipher_suites": profile.suites.iter().map(suite_value).collect::<Vec<_>>(),
        "checks": profile.checks.iter().map(check_value).collect::<Vec<_>>(),
    })
}

fn suite_value(rule: &SuiteRule) -> Value {
    value!({
        "name": rule.suite.to_string(),
        "since": rule.since.to_string(),
        "until": rule.until.map(|until| until.to_string()),
        "certainty": rule.until.map(|_| rule.certainty.code()),
        "source": rule.source,
        "note": rule.note,
    })
}

fn check_value(rule: &CheckRule) -> Value {
    value!({
        "id": rule.id.code(),
        "severity": rule.severity.code(),
        "since": rule.since.to_string(),
        "from": rule.from.map(|from| from.to_string()),
        "until": rule.until.map(|until| until.to_string()),
        "source": rule.source,
    })
}

fn group_value(group: &RootGroup, now: Timestamp) -> Value {
    let roots = group.roots.roots().iter().map(|root| {
        value!({
            "name": root.name,
            "subject": root.certificate.subject.text(),
            "subject_hash": root.certificate.subject.hash_hex(),
            "not_after": root.certificate.not_after.to_string(),
            "ends_in_days": ends_in_days(root.certificate.not_after, now),
        })
    });
    value!({
        "name": group.name,
        "title": group.title,
        "source": group.source,
        "since": group.since.to_string(),
        "roots": roots.collect::<Vec<_>>(),
        "names_without_certificate": group.names_without_certificate.iter()
            .map(|listed| value!({"name": listed.common_name, "subject_hash": listed.subject_hash}))
            .collect::<Vec<_>>(),
    })
}

fn endpoint_value(endpoint: &ListedEndpoint) -> Value {
    value!({
        "hostname": endpoint.hostname,
        "region_name": endpoint.region_name,
        "aws_region": endpoint.aws_region,
        "region_code": endpoint.region_code,
        "root_group": endpoint.root_group,
        "confirmed": endpoint.confirmed,
        "basis": endpoint.basis,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_marked_from_ninety_days_before_its_end() {
        let end: Timestamp = "2026-11-27T20:53:42Z".parse().unwrap();
        for (now, days, mark) in [
            ("2026-08-28T20:53:42Z", 91, ""),
            ("2026-08-28T20:53:43Z", 90, ": ENDS in 90 days"),
            ("2026-11-26T20:53:42Z", 1, ": ENDS in 1 day"),
            ("2026-11-27T20:53:42Z", 0, ": ENDS in 0 days"),
            ("2026-11-27T20:53:43Z", -1, ": HAS ENDED, 0 days ago"),
            ("2026-11-28T20:53:43Z", -2, ": HAS ENDED, 1 day ago"),
            ("2027-11-27T20:53:43Z", -366, ": HAS ENDED, 365 days ago"),
        ] {
            let found = ends_in_days(end, now.parse().unwrap());
            assert_eq!((found, end_mark(found).as_str()), (days, mark), "{now}");
        }
    }
}
