//! The status page: every target with its addresses, the worst first unless another order is wanted.

use super::fresh::Tag;
use super::html::{
    MAX_CELL, MAX_LABEL, badge, bounded, code, counted, day, distance, maintenance, page, safe, segment, time,
};
use super::rows::{Fleet, Group, Row};
use super::wanted::{Sort, VERDICTS, Wanted, WantedLabel};
use super::{App, removal};
use crate::member::{Member, Sight};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use siptls_model::{Severity, Status, Timestamp, Verdict, clock};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// Targets on one page, each with its addresses: what can be looked over, and what costs little to write.
const PAGE: usize = 100;
/// Labels that the filter proposes.
const MAX_PROPOSED: usize = 100;

/// The page of all targets; its parameters are [`Wanted`]'s.
pub(crate) async fn index(
    State(app): State<Arc<App>>,
    Query(parameters): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let wanted = Wanted::parse(&parameters);
    let now = clock::now();
    let (visits, loads) = app.fleet.generation();
    let state = (
        "index",
        visits,
        loads,
        app.loader.is_loaded(),
        app.loader.has_failed(),
        app.loader.web_has_failed(),
        wanted.query(),
    );
    let tag = Tag::of(&app, now, &state);
    match tag.is_known(&headers) {
        true => tag.unchanged(),
        false => tag.page(rendered(&app, wanted, now)),
    }
}

fn rendered(app: &App, mut wanted: Wanted, now: Timestamp) -> String {
    let members = app.fleet.members();
    let targets = members.len();
    let proposed = proposed(&members);
    let fleet = Fleet::of(members, &wanted, now);
    let pages = fleet.groups.len().div_ceil(PAGE).max(1);
    wanted.page = wanted.page.min(pages - 1);

    let mut out = String::from("<h1>Targets</h1>\n");
    // Writing to a String cannot fail, here and below.
    if let Some((class, text)) = removal::headline(&fleet.standings, now) {
        let _ = writeln!(out, "<p class=\"headline {class}\">{}</p>", safe(text));
    }
    if !app.loader.is_loaded() {
        out.push_str("<p>The configuration is being loaded.</p>\n");
    } else if app.loader.has_failed() {
        out.push_str(
            "<p class=\"notice fail\">The last attempt to load the configuration failed, see the log; an earlier one stays in use.</p>\n",
        );
    }
    if app.loader.web_has_failed() {
        out.push_str(
            "<p class=\"notice fail\">The last attempt to load the web configuration failed, see the log; an earlier one stays in use.</p>\n",
        );
    }
    write_filter(&mut out, &wanted, &proposed);
    write_counts(&mut out, &fleet.counts, &wanted);
    let shown = write_shown(&mut out, &fleet, &wanted, targets);
    if fleet.groups.is_empty() {
        out.push_str(match (wanted.is_narrow(), app.loader.is_loaded()) {
            (true, _) => "<p class=\"empty\">No target matches.</p>\n",
            (false, true) => "<p class=\"empty\">No target is configured.</p>\n",
            (false, false) => "",
        });
    } else {
        write_table(&mut out, &shown, &wanted, now);
    }
    write_pages(&mut out, pages, &wanted);
    let _ = writeln!(
        out,
        "<footer><p>siptls-probe {}, {}as of {} UTC</p></footer>",
        safe(&app.version),
        app.fleet
            .shard()
            .map_or_else(String::new, |shard| format!("shard {shard}, ")),
        time(now)
    );
    let title = match fleet.failing {
        0 => "siptls-probe".to_owned(),
        failing => format!("{failing} fail – siptls-probe"),
    };
    page("", &title, &out)
}

/// Labels to propose, in order.
fn proposed(members: &[Arc<Member>]) -> Vec<String> {
    let mut found: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (name, value) in members.iter().flat_map(|member| &member.target.labels) {
        found.insert((name.as_str(), value.as_str()));
        if found.len() == MAX_PROPOSED {
            break;
        }
    }
    found
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

fn write_filter(out: &mut String, wanted: &Wanted, proposed: &[String]) {
    let first = wanted.labels.first().map(WantedLabel::text).unwrap_or_default();
    let _ = writeln!(
        out,
        "<form class=\"filter\" role=\"search\" aria-label=\"Targets\" method=\"get\" action=\"./\" data-live>\n\
         <label for=\"q\">Search</label><input id=\"q\" type=\"search\" name=\"q\" value=\"{}\" maxlength=\"200\" \
         placeholder=\"name, endpoint, address, profile\" autocomplete=\"off\">\n\
         <label for=\"label\">Label</label><input id=\"label\" type=\"text\" name=\"label\" value=\"{}\" \
         maxlength=\"200\" list=\"labels\" placeholder=\"name=value\" autocomplete=\"off\">",
        safe(&wanted.text),
        safe(first)
    );
    out.push_str("<datalist id=\"labels\">");
    for label in proposed {
        let _ = write!(out, "<option value=\"{}\"></option>", bounded(label, MAX_CELL));
    }
    out.push_str("</datalist>\n");
    let mut hidden = |name: &str, value: &str| {
        let _ = writeln!(
            out,
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
            safe(value)
        );
    };
    for label in wanted.labels.iter().skip(1) {
        hidden("label", &label.text());
    }
    if let Some(verdict) = wanted.verdict {
        hidden("verdict", verdict);
    }
    if wanted.sort != Sort::default() {
        hidden("sort", wanted.sort.code());
    }
    if wanted.reversed {
        hidden("order", "reversed");
    }
    out.push_str("<button type=\"submit\">Filter</button>");
    if wanted.is_narrow() {
        let all = wanted.with(|other| {
            other.text.clear();
            other.labels.clear();
            other.verdict = None;
        });
        let _ = write!(out, " <a href=\"{all}\" data-live>Show all</a>");
    }
    out.push_str("\n</form>\n");
    for label in wanted.labels.iter().skip(1) {
        let without = wanted.with(|other| other.labels.retain(|one| one != label));
        let _ = writeln!(
            out,
            "<p class=\"soft\">and label <bdi>{0}</bdi> · <a href=\"{without}\" data-live>without it</a></p>",
            safe(label.text())
        );
    }
}

fn write_counts(out: &mut String, counts: &[usize; 5], wanted: &Wanted) {
    let chosen = |code: Option<&str>| match code == wanted.verdict {
        true => " aria-current=\"true\"",
        false => "",
    };
    let _ = write!(
        out,
        "<nav class=\"counts\" aria-label=\"Verdicts\"><a href=\"{}\" data-live{}>all <strong>{}</strong></a>",
        wanted.with(|other| other.verdict = None),
        chosen(None),
        counts.iter().sum::<usize>()
    );
    for (verdict, count) in VERDICTS.into_iter().zip(counts) {
        let code = code(verdict);
        if *count == 0 && verdict.is_none() && wanted.verdict != Some("none") {
            continue;
        }
        let _ = write!(
            out,
            "<a href=\"{}\" data-live{}>{} <strong>{count}</strong></a>",
            wanted.with(|other| other.verdict = Some(code)),
            chosen(Some(code)),
            badge(verdict)
        );
    }
    out.push_str("</nav>\n");
}

/// What the table holds, as a sentence; the groups of this page.
fn write_shown<'a>(out: &mut String, fleet: &'a Fleet, wanted: &Wanted, targets: usize) -> Vec<&'a Group> {
    let all = fleet.groups.len();
    let first = wanted.page * PAGE;
    let shown: Vec<&Group> = fleet.groups.iter().skip(first).take(PAGE).collect();
    let order = match (wanted.sort, wanted.reversed) {
        (Sort::Target, false) => "in the order of their names",
        (Sort::Target, true) => "in the reverse order of their names",
        (Sort::Verdict, false) => "the worst come first",
        (Sort::Verdict, true) => "the best come first",
        (Sort::Removal, false) => "those that break first come first",
        (Sort::Removal, true) => "those that break first come last",
        (Sort::Certificate, false) => "certificates that end first come first",
        (Sort::Certificate, true) => "certificates that end first come last",
        (Sort::Probe, false) => "those not probed for longest come first",
        (Sort::Probe, true) => "those probed last come first",
    };
    let what = match (all == shown.len(), all == targets) {
        (true, true) => counted(all, "target"),
        (true, false) => format!("{all} of {}", counted(targets, "target")),
        (false, _) => format!(
            "{} to {} of {}",
            first + 1,
            first + shown.len(),
            counted(all, "target")
        ),
    };
    let _ = writeln!(out, "<p class=\"soft\" id=\"shown\">{what}, {order}</p>");
    shown
}

fn write_table(out: &mut String, groups: &[&Group], wanted: &Wanted, now: Timestamp) {
    out.push_str(
        "<div class=\"wide\" role=\"region\" aria-labelledby=\"shown\" tabindex=\"0\">\n\
         <table class=\"stack fleet\" role=\"table\">\n\
         <caption class=\"hidden\">Targets and their addresses</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">",
    );
    write_heading(out, Sort::Target, wanted);
    out.push_str("<th scope=\"col\" role=\"columnheader\">Address</th>");
    write_heading(out, Sort::Verdict, wanted);
    out.push_str("<th scope=\"col\" role=\"columnheader\">Found</th>");
    for sort in [Sort::Removal, Sort::Certificate, Sort::Probe] {
        write_heading(out, sort, wanted);
    }
    out.push_str("</tr></thead>\n");
    for group in groups {
        write_group(out, group, wanted, now);
    }
    out.push_str("</table></div>\n");
}

/// A heading that sorts: by its column, and the other way round when it already does.
fn write_heading(out: &mut String, sort: Sort, wanted: &Wanted) {
    let is_chosen = sort == wanted.sort;
    let next = wanted.with(|other| {
        other.reversed = is_chosen && !wanted.reversed;
        other.sort = sort;
    });
    // The worst first is from the highest to the lowest.
    let descends = (sort == Sort::Verdict) != wanted.reversed;
    let order = match (is_chosen, descends) {
        (false, _) => "",
        (true, true) => " aria-sort=\"descending\"",
        (true, false) => " aria-sort=\"ascending\"",
    };
    let _ = write!(
        out,
        "<th scope=\"col\" role=\"columnheader\"{order}><a class=\"sort\" href=\"{next}\" data-live>{}</a></th>",
        sort.heading()
    );
}

fn write_group(out: &mut String, group: &Group, wanted: &Wanted, now: Timestamp) {
    let target = &group.member.target;
    out.push_str("<tbody role=\"rowgroup\">\n");
    for (index, row) in group.rows.iter().enumerate() {
        out.push_str("<tr role=\"row\">");
        if index == 0 {
            let span = match group.rows.len() {
                1 => String::new(),
                rows => format!(" rowspan=\"{rows}\""),
            };
            let _ = write!(
                out,
                "<th scope=\"rowgroup\" role=\"rowheader\" class=\"long\"{span}><a href=\"targets/{}\"><bdi>{}</bdi></a>",
                segment(&target.name),
                bounded(&target.name, MAX_CELL)
            );
            write_labels(out, &group.member, wanted);
            if let Some(text) = maintenance(target, now) {
                let _ = write!(out, "<p class=\"soft pause\">{text}</p>");
            }
            out.push_str("</th>");
        }
        write_row(out, &group.member, row, now);
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n");
}

/// The labels of a target, each leading to all that have it.
fn write_labels(out: &mut String, member: &Member, wanted: &Wanted) {
    let target = &member.target;
    let _ = write!(out, "<p class=\"soft\">{}", bounded(&target.profile, MAX_CELL));
    for (name, value) in &target.labels {
        let label = WantedLabel {
            name: name.clone(),
            value: Some(value.clone()),
        };
        let text = bounded(label.text(), MAX_LABEL);
        let only = wanted.with(|other| other.labels = vec![label]);
        let _ = write!(
            out,
            " <a class=\"label\" href=\"{only}\" data-live><bdi>{text}</bdi></a>"
        );
    }
    out.push_str("</p>");
}

fn write_row(out: &mut String, member: &Member, row: &Row, now: Timestamp) {
    let sight = row.sight.as_deref();
    let place = sight.map(|sight| sight.observation.place());
    let place = place.filter(|place| !place.is_empty());
    let place = place.unwrap_or_else(|| member.target.endpoint.to_string());
    let mut cell = |heading: &str, class: &str, html: &str| {
        let _ = write!(
            out,
            "<td role=\"cell\" class=\"{class}\" data-label=\"{heading}\">{html}</td>"
        );
    };
    cell("Address", "place", &bounded(place, MAX_CELL));
    cell("Verdict", "whole", &badge(row.verdict()));
    let found = sight.map(finding).unwrap_or_default();
    cell("Found", "long", &bounded(found, MAX_CELL));
    let standing = sight.and_then(|sight| removal::standing(sight, now));
    let removal = standing.map(|standing| {
        let (class, words, small) = removal::words(standing, now);
        let small = match small.is_empty() {
            true => String::new(),
            false => format!("<br><span class=\"soft\">{small}</span>"),
        };
        format!("<span class=\"mark {class}\">{words}</span>{small}")
    });
    cell(Sort::Removal.heading(), "removal", &removal.unwrap_or_default());
    let end = row.certificate_end().map(|end| {
        let class = if end <= now { " class=\"fail\"" } else { "" };
        format!(
            "<span{class}>{}</span><br><span class=\"soft\">{}</span>",
            day(end),
            distance(now, end)
        )
    });
    cell(Sort::Certificate.heading(), "whole", &end.unwrap_or_default());
    let probed = sight.map(|sight| {
        let at = sight.observation.started_at;
        format!(
            "<time datetime=\"{}\">{}<br><span class=\"soft\">{}</span></time>",
            at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            at.strftime("%H:%M:%S"),
            day(at)
        )
    });
    cell("Last probe", "whole", &probed.unwrap_or_default());
}

fn write_pages(out: &mut String, pages: usize, wanted: &Wanted) {
    if pages == 1 {
        return;
    }
    out.push_str("<nav class=\"pages\" aria-label=\"Pages\">");
    let mut link = |page: usize, words: &str, more: &str| {
        let _ = write!(
            out,
            "<a href=\"{}\" data-live{more}>{words}</a>",
            wanted.with(|other| other.page = page)
        );
    };
    if wanted.page > 0 {
        link(wanted.page - 1, "previous", " rel=\"prev\"");
    }
    let mut last = None;
    // The ends, and those around the one that is shown.
    for page in (0..pages).filter(|page| *page == 0 || page + 1 == pages || page.abs_diff(wanted.page) <= 2) {
        let gap = last.is_some_and(|last: usize| last + 1 != page);
        last = Some(page);
        let current = if page == wanted.page {
            " aria-current=\"page\""
        } else {
            ""
        };
        let gap = if gap { " class=\"gap\"" } else { "" };
        link(page, &(page + 1).to_string(), &format!("{current}{gap}"));
    }
    if wanted.page + 1 < pages {
        link(wanted.page + 1, "next", " rel=\"next\"");
    }
    out.push_str("</nav>\n");
}

/// The one thing to say of an address in a table: why it is inconclusive, else the worst finding, else why the visit
/// stopped short.
fn finding(sight: &Sight) -> String {
    let worst = sight
        .judgement
        .findings
        .iter()
        .filter(|finding| finding.severity != Severity::Info)
        .filter(|finding| matches!(finding.status, Status::Fail | Status::Warn))
        .min_by_key(|finding| (Reverse(finding.status), finding.severity));
    match (worst, &sight.observation.error) {
        (_, Some(error)) if sight.judgement.verdict == Verdict::Inconclusive => error.to_string(),
        (Some(finding), _) => finding.summary.clone(),
        (None, Some(error)) => error.to_string(),
        (None, None) => String::new(),
    }
}
