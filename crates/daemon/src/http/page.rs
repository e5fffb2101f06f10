//! The status page: every target at every address, the worst first.

use super::App;
use super::html::{STYLE, badge, counted, maintenance, page, safe, segment};
use crate::member::{Member, Sight};
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use siptls_model::{Severity, Status, Verdict, clock};
use std::cmp::Reverse;
use std::fmt::Write as _;
use std::sync::Arc;

/// Most rows of the page: what a browser shows without trouble. The interface for programs has all.
const MAX_ROWS: usize = 1_000;

struct Row {
    member: Arc<Member>,
    sight: Option<Arc<Sight>>,
}

impl Row {
    fn verdict(&self) -> Option<Verdict> {
        self.sight.as_ref().map(|sight| sight.judgement.verdict)
    }
}

/// The style sheet.
pub(crate) async fn style() -> Response {
    let sheet = [STYLE, include_str!("ladder.css")].concat();
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], sheet).into_response()
}

/// The page of all targets; `?verdict=fail` shows only those.
pub(crate) async fn index(
    State(app): State<Arc<App>>,
    Query(query): Query<Vec<(String, String)>>,
) -> Html<String> {
    let wanted = query
        .iter()
        .find(|(key, _)| key == "verdict")
        .map(|(_, value)| value.as_str());
    let members = app.fleet.members();
    let targets = members.len();
    let mut rows: Vec<Row> = Vec::with_capacity(targets);
    for member in members {
        let sights = member.sights();
        if sights.is_empty() {
            rows.push(Row {
                member: Arc::clone(&member),
                sight: None,
            });
        }
        rows.extend(sights.into_iter().map(|sight| Row {
            member: Arc::clone(&member),
            sight: Some(sight),
        }));
    }
    let counts = counts(&rows, wanted);
    let failed = rows
        .iter()
        .filter(|row| row.verdict() == Some(Verdict::Fail))
        .count();
    rows.retain(|row| wanted.is_none_or(|wanted| row.verdict().map_or("none", Verdict::code) == wanted));
    // A stable sort: equal ones stay in the order of their names.
    rows.sort_by_key(|row| Reverse(badness(row.verdict())));

    let mut body = String::from("<h1>siptls-probe</h1>\n");
    body.push_str(&counts);
    if app.loader.is_loaded() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            body,
            "<p class=\"soft\">{}. The worst come first.</p>",
            counted(targets, "target")
        );
    } else {
        body.push_str("<p>The configuration is being loaded.</p>\n");
    }
    if app.loader.is_loaded() && app.loader.has_failed() {
        body.push_str(
            "<p class=\"fail\">The last attempt to load the configuration failed, see the log; an earlier one stays in use.</p>\n",
        );
    }
    body.push_str("<div class=\"wide\"><table class=\"stack\">\n<thead><tr><th>verdict</th><th>target</th><th>address</th><th>finding</th><th class=\"optional\">profile</th><th class=\"optional\">last probe</th></tr></thead>\n<tbody>\n");
    for row in rows.iter().take(MAX_ROWS) {
        write_row(&mut body, row);
    }
    body.push_str("</tbody>\n</table></div>\n");
    if rows.is_empty() && wanted.is_some() {
        body.push_str("<p>None of them.</p>\n");
    }
    if let Some(more @ 1..) = rows.len().checked_sub(MAX_ROWS) {
        let _ = writeln!(
            body,
            "<p>{} not shown; <a href=\"api/v1/reports\">the reports</a> have all.</p>",
            counted(more, "more row")
        );
    }
    let _ = writeln!(
        body,
        "<footer><nav><a href=\"metrics\">metrics</a><a href=\"api/v1/reports\">reports</a></nav>\
         <p>siptls-probe {}, {}{}</p></footer>",
        safe(&app.version),
        app.fleet
            .shard()
            .map_or_else(String::new, |shard| format!("shard {shard}, ")),
        clock::now().strftime("%Y-%m-%d %H:%M:%S UTC")
    );
    let title = if failed > 0 {
        format!("{failed} fail – siptls-probe")
    } else {
        "siptls-probe".to_owned()
    };
    Html(page("", &title, &body))
}

fn counts(rows: &[Row], wanted: Option<&str>) -> String {
    let chosen = |code: Option<&str>| if code == wanted { " class=\"chosen\"" } else { "" };
    let mut out = format!("<p class=\"counts\"><a href=\"?\"{}>all</a>", chosen(None));
    for verdict in [
        Some(Verdict::Fail),
        Some(Verdict::Inconclusive),
        Some(Verdict::Warn),
        Some(Verdict::Pass),
        None,
    ] {
        let count = rows.iter().filter(|row| row.verdict() == verdict).count();
        if count > 0 || verdict.is_some() {
            let code = verdict.map_or("none", Verdict::code);
            let _ = write!(
                out,
                "<a href=\"?verdict={code}\"{}>{} {count}</a>",
                chosen(Some(code)),
                badge(verdict)
            );
        }
    }
    out.push_str("</p>\n");
    out
}

const fn badness(verdict: Option<Verdict>) -> u8 {
    match verdict {
        Some(Verdict::Fail) => 4,
        Some(Verdict::Inconclusive) => 3,
        Some(Verdict::Warn) => 2,
        None => 1,
        Some(Verdict::Pass) => 0,
    }
}

fn write_row(out: &mut String, row: &Row) {
    let target = &row.member.target;
    let place = row.sight.as_ref().map(|sight| sight.observation.place());
    let place = place.filter(|place| !place.is_empty());
    let _ = writeln!(
        out,
        "<tr><td>{}</td><td class=\"long\"><a href=\"targets/{}\">{}</a>{}</td><td class=\"whole\">{}</td><td class=\"long\">{}</td>\
         <td class=\"optional\">{}</td><td class=\"optional whole\">{}</td></tr>",
        badge(row.verdict()),
        segment(&target.name),
        safe(&target.name),
        maintenance(target, clock::now())
            .map(|text| format!("<br><span class=\"soft\">{text}</span>"))
            .unwrap_or_default(),
        place.map_or_else(|| safe(&target.endpoint), safe),
        row.sight
            .as_ref()
            .map(|sight| safe(finding(sight)))
            .unwrap_or_default(),
        safe(&target.profile),
        row.sight
            .as_ref()
            .map(|sight| sight
                .observation
                .started_at
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string())
            .unwrap_or_default()
    );
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
