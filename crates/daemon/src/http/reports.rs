//! Reports as JSON: all of them, or those of one target.

use super::{App, body};
use crate::member::Sight;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use siptls_model::{Document, SCHEMA, clock};
use std::sync::Arc;

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// Everything that was seen last, one report at a time: ten thousand reports are not held in memory as text.
pub(crate) async fn all(State(app): State<Arc<App>>) -> Response {
    let head = format!(
        "{{\"schema\":\"{SCHEMA}\",\"generated_at\":\"{}\",\"reports\":[",
        clock::now()
    );
    let sights = app.fleet.sights();
    let chunks = std::iter::once(head.into_bytes())
        .chain(
            sights
                .into_iter()
                .enumerate()
                .map(|(index, sight)| report(index, &sight)),
        )
        .chain(std::iter::once(b"]}\n".to_vec()));
    (JSON, body::of_chunks(Box::new(chunks))).into_response()
}

fn report(index: usize, sight: &Sight) -> Vec<u8> {
    let mut text = if index == 0 { Vec::new() } else { b",\n".to_vec() };
    // A report has text and numbers only, all of which JSON can hold.
    let _ = serde_json::to_writer(&mut text, &sight.report());
    text
}

/// Those of one target, one report for each address; none before its first visit.
pub(crate) async fn one(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    let Some(member) = app.fleet.member(&name) else {
        let text = serde_json::json!({ "error": app.fleet.absence(&name) }).to_string();
        return (StatusCode::NOT_FOUND, JSON, text + "\n").into_response();
    };
    let reports = member.sights().iter().map(|sight| sight.report()).collect();
    match serde_json::to_string(&Document::new(clock::now(), reports)) {
        Ok(text) => (JSON, text + "\n").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
