//! What changed, as JSON.

use super::App;
use axum::extract::{Query as Parameters, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use siptls_journal::{Change, Cursor, Query, SCHEMA};
use siptls_model::{Aspect, Timestamp, clock, escape_text_bounded};
use std::sync::Arc;

/// Changes of one answer unless the question says otherwise, and at most.
const LIMITS: (usize, usize) = (100, 1_000);
/// Characters of a parameter that a message repeats.
const MAX_SHOWN: usize = 200;

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// The document `siptls-probe/changes/v1`.
#[derive(Serialize)]
struct Answer<'a> {
    schema: &'static str,
    generated_at: Timestamp,
    source: &'static str,
    changes: &'a [Change],
    next: Option<String>,
}

/// The changes that the parameters ask for, the oldest first.
pub(crate) async fn changes(
    State(app): State<Arc<App>>,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
) -> Response {
    let query = match parse(parameters) {
        Ok(query) => query,
        Err(message) => return refused(StatusCode::BAD_REQUEST, &message),
    };
    let target = query.target.clone();
    let configured = target
        .as_deref()
        .is_none_or(|name| app.fleet.member(name).is_some());
    let asked = query.since.is_none() && query.after.is_none() && query.aspect.is_none();
    let (source, page) = super::changes_of(&app, query).await;
    // A target that was removed still has its history; one that nobody knows is a mistyped name.
    if let (Some(name), false, true) = (&target, configured, page.changes.is_empty() && asked) {
        return refused(StatusCode::NOT_FOUND, &app.fleet.absence(name));
    }
    let answer = Answer {
        schema: SCHEMA,
        generated_at: clock::now(),
        source: source.code(),
        changes: &page.changes,
        next: page.next.map(|next| next.to_string()),
    };
    match serde_json::to_string(&answer) {
        Ok(text) => (JSON, text + "\n").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn refused(status: StatusCode, message: &str) -> Response {
    let text = serde_json::json!({ "error": message }).to_string();
    (status, JSON, text + "\n").into_response()
}

/// Reads the parameters: each once at most, none unknown.
fn parse(parameters: Vec<(String, String)>) -> Result<Query, String> {
    let mut query = Query {
        limit: LIMITS.0,
        ..Query::default()
    };
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in parameters {
        if seen.contains(&name) {
            return Err(format!("expected the parameter {name} once, found it twice"));
        }
        let shown = escape_text_bounded(&value, MAX_SHOWN);
        match name.as_str() {
            "target" => query.target = Some(value),
            "aspect" => {
                let known = || Aspect::ALL.map(Aspect::code).join(", ");
                let aspect = Aspect::from_code(&value);
                query.aspect =
                    Some(aspect.ok_or_else(|| format!("expected an aspect ({}), found `{shown}`", known()))?);
            }
            "since" => {
                // The plus of an offset that was not written as %2B.
                let time = value.replace(' ', "+").parse();
                query.since = Some(time.map_err(|_| {
                    format!(
                        "expected since to be an RFC 3339 time such as 2027-03-15T06:00:00Z, found `{shown}`"
                    )
                })?);
            }
            "after" => {
                let cursor = Cursor::parse(&value);
                query.after =
                    Some(cursor.ok_or_else(|| {
                        format!("expected after to be the next of an answer, found `{shown}`")
                    })?);
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMITS.1).contains(limit));
                query.limit = limit
                    .ok_or_else(|| format!("expected limit to be from 1 to {}, found `{shown}`", LIMITS.1))?;
            }
            _ => {
                let shown = escape_text_bounded(&name, MAX_SHOWN);
                return Err(format!(
                    "expected the parameters target, aspect, since, after and limit, found `{shown}`"
                ));
            }
        }
        seen.push(name);
    }
    Ok(query)
}
