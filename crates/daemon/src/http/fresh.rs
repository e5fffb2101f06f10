//! Pages that are only made when they would differ: a browser that watches one asks again every few seconds.

use super::App;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use siptls_model::Timestamp;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a page shows, as an entity tag (RFC 9110 §8.8.3).
pub(crate) struct Tag(String);

impl Tag {
    /// The tag of a state at a moment. It differs from minute to minute: countdowns and maintenance windows move with the
    /// clock, and to the minute is enough.
    pub(crate) fn of(app: &App, now: Timestamp, state: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        // A daemon that was started anew counts anew.
        (app.fleet.started(), &app.version, now.as_second() / 60).hash(&mut hasher);
        state.hash(&mut hasher);
        Self(format!("W/\"{:016x}\"", hasher.finish()))
    }

    /// Whether the asker has what is of this state.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let known = headers.get(header::IF_NONE_MATCH);
        let known = known.and_then(|known| known.to_str().ok()).unwrap_or_default();
        known.split(',').any(|known| known.trim() == self.0)
    }

    /// That nothing differs.
    pub(crate) fn unchanged(self) -> Response {
        self.on(StatusCode::NOT_MODIFIED.into_response())
    }

    /// A page of this state.
    pub(crate) fn page(self, page: String) -> Response {
        self.on(Html(page).into_response())
    }

    fn on(self, mut response: Response) -> Response {
        if let Ok(value) = HeaderValue::try_from(self.0) {
            response.headers_mut().insert(header::ETAG, value);
        }
        response
    }
}
