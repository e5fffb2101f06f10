//! What the pages are made with: style, script, icon. All of it is part of the program, nothing comes from elsewhere.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The style of all pages: readable on a phone, light and dark, and printed.
const STYLE: &str = concat!(include_str!("style.css"), include_str!("ladder.css"));
/// Brings newer results into a page that is open. Every page works without it.
const SCRIPT: &str = include_str!("script.js");
/// The icon of a browser's tab.
const ICON: &str = include_str!("icon.svg");

/// The style sheet.
pub(crate) async fn style() -> Response {
    of("text/css; charset=utf-8", STYLE)
}

/// The script.
pub(crate) async fn script() -> Response {
    of("text/javascript; charset=utf-8", SCRIPT)
}

/// The icon.
pub(crate) async fn icon() -> Response {
    of("image/svg+xml", ICON)
}

fn of(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
