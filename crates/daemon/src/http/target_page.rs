//! The page of one target: the verdict and what to do about it, then everything it rests on; also to be printed and handed to
//! whoever runs the endpoint.

mod accepted;
mod addresses;
mod certificates;
mod checks;
mod handshake;
mod history;
mod reproduce;
mod verdict;

use super::App;
use super::fresh::Tag;
use super::html::{
    MAX_LABEL, badge, badness, bounded, isolated, maintenance, page, safe, segment, time, who_acts,
};
use super::ladder::write_ladder;
use crate::member::{Member, Sight};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use siptls_journal::{Change, Query};
use siptls_model::{Aspect, Report, Timestamp, clock};
use std::cmp::Reverse;
use std::fmt::Write as _;
use std::sync::Arc;

/// Changes shown, the newest first.
const CHANGES: usize = 40;
/// Changes of the verdict that the timeline goes back.
const VERDICTS: usize = 60;

/// One address: what was seen, and the report of it.
struct Address {
    sight: Arc<Sight>,
    report: Report,
    /// As people know it: the address, else the SRV target, else that there is none.
    place: String,
    /// Its anchor on the page.
    anchor: String,
}

/// What the parts of the page are made from.
struct View<'a> {
    member: &'a Member,
    /// The worst first.
    addresses: Vec<Address>,
    /// The newest first.
    changes: Vec<Change>,
    /// Changes of the verdict alone, the newest first.
    verdicts: Vec<Change>,
    now: Timestamp,
}

/// The page of one target.
pub(crate) async fn target(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(member) = app.fleet.member(&name) else {
        let main = format!(
            "<h1>Not found</h1>\n<p>{}</p>\n<p><a href=\"../\">all targets</a></p>\n",
            safe(app.fleet.absence(&name))
        );
        return (StatusCode::NOT_FOUND, Html(page("../", "not found", &main))).into_response();
    };
    let now = clock::now();
    let (_, loads) = app.fleet.generation();
    let tag = Tag::of(&app, now, &("target", &name, member.id, member.visits(), loads));
    if tag.is_known(&headers) {
        return tag.unchanged();
    }
    let all = Query {
        target: Some(name),
        newest_first: true,
        limit: CHANGES,
        ..Query::default()
    };
    let of_verdict = Query {
        aspect: Some(Aspect::Verdict),
        limit: VERDICTS,
        ..all.clone()
    };
    let (_, changes) = super::changes_of(&app, all).await;
    let (_, verdicts) = super::changes_of(&app, of_verdict).await;
    let view = View {
        member: &member,
        addresses: addresses(&member),
        changes: changes.changes,
        verdicts: verdicts.changes,
        now,
    };
    let title = format!("{} – siptls-probe", member.target.name);
    tag.page(page("../", &title, &main(&view, &app.version)))
}

fn addresses(member: &Member) -> Vec<Address> {
    let mut sights = member.sights();
    sights.sort_by_key(|sight| Reverse(badness(Some(sight.judgement.verdict))));
    let addresses = sights.into_iter().map(|sight| {
        let place = sight.observation.place();
        let place = match place.is_empty() {
            true => "no address".to_owned(),
            false => place,
        };
        Address {
            report: sight.report(),
            anchor: anchor(&place),
            place,
            sight,
        }
    });
    addresses.collect()
}

/// The anchor of a place: the same from visit to visit, so that a browser knows the part again, and different for each.
fn anchor(place: &str) -> String {
    place.bytes().fold(String::from("at-"), |mut anchor, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'.' {
            anchor.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(anchor, "_{byte:02x}");
        }
        anchor
    })
}

fn main(view: &View<'_>, version: &str) -> String {
    let target = &view.member.target;
    let name = segment(&target.name);
    // Writing to a String cannot fail, here and below.
    let mut out = format!(
        "<p class=\"crumb\"><a href=\"../\">All targets</a></p>\n<h1>{}</h1>\n\
         <p class=\"soft\">{} · profile {} ({})",
        isolated(&target.name),
        isolated(&target.endpoint),
        isolated(&target.profile),
        isolated(&view.member.profile().title)
    );
    for (label, value) in &target.labels {
        let label = format!("{label}={value}");
        let _ = write!(
            out,
            " · <a class=\"label\" href=\"../?label={}\">{}</a>",
            segment(&label),
            format_args!("<bdi>{}</bdi>", bounded(&label, MAX_LABEL))
        );
    }
    let _ = writeln!(
        out,
        "</p>\n<p class=\"soft\">As of {} UTC · siptls-probe {}</p>",
        time(view.now),
        safe(version)
    );
    if let Some(text) = maintenance(target, view.now) {
        let _ = writeln!(out, "<p class=\"notice\">{text}</p>");
    }
    verdict::write(&mut out, view);
    write_contents(&mut out, view);
    addresses::write(&mut out, view);
    for (index, address) in view.addresses.iter().enumerate() {
        write_address(&mut out, view, index, address);
    }
    accepted::write(&mut out, view);
    if view.addresses.is_empty() {
        reproduce::write(&mut out, view, None);
    }
    history::write(&mut out, view);
    let _ = writeln!(
        out,
        "<footer><nav aria-label=\"For programs\"><a href=\"../api/v1/reports/{name}\">Report as JSON</a>\
         <a href=\"../api/v1/changes?target={name}\">Changes as JSON</a><a href=\"../metrics\">Metrics</a></nav></footer>"
    );
    out
}

/// Links to the parts of the page.
fn write_contents(out: &mut String, view: &View<'_>) {
    out.push_str("<nav class=\"contents\" aria-label=\"On this page\">");
    let mut link = |anchor: &str, words: &str| {
        let _ = write!(out, "<a href=\"#{anchor}\">{words}</a>");
    };
    if view.addresses.len() > 1 {
        link("addresses", "Addresses compared");
    }
    for address in &view.addresses {
        link(&address.anchor, &safe(&address.place));
    }
    if !view.addresses.is_empty() {
        link("accepted", "Accepted");
    }
    link("history", "History");
    out.push_str("</nav>\n");
}

fn write_address(out: &mut String, view: &View<'_>, index: usize, address: &Address) {
    let report = &address.report;
    let earlier = view.addresses.get(..index).unwrap_or_default();
    let _ = writeln!(
        out,
        "<section class=\"address\" id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1} {2}</h2>",
        address.anchor,
        isolated(&address.place),
        badge(Some(report.verdict))
    );
    if let Some(srv) = &report.target.srv {
        let record = format!(
            "{} SRV {} {} {} {}",
            srv.owner, srv.priority, srv.weight, srv.port, srv.target
        );
        let _ = writeln!(out, "<p class=\"soft\">{}</p>", isolated(record));
    }
    if let Some(error) = &address.sight.observation.error {
        let _ = writeln!(
            out,
            "<div class=\"check stopped\">\n<p>The probe stopped short in phase {}: {} <span class=\"soft\">({})</span></p>\n\
             <p class=\"remedy\">{}: {}</p>\n</div>",
            error.phase,
            safe(&error.message),
            error.reason,
            capital(who_acts(error.reason.who())),
            safe(error.reason.advice())
        );
    }
    checks::write(out, address, earlier);
    handshake::write(out, report);
    write_ladder(out, &address.sight);
    handshake::write_rehearsal(out, report);
    certificates::write(out, address, earlier);
    reproduce::write(out, view, Some(address));
    out.push_str("</section>\n");
}

/// A word of ours with a capital, to begin a sentence.
fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
