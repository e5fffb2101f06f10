//! The web side: what it serves, to whom, within which limits.

mod body;
mod chain_picture;
mod changes;
mod html;
mod ladder;
mod page;
mod probe;
mod reports;
#[cfg(test)]
pub(crate) mod samples;
mod serve;
mod stall;
mod target_page;

use crate::chronicle::Source;
use crate::fleet::Fleet;
use crate::reload::{Cause, Loader};
use crate::visitor::AnyVisitor;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use siptls_journal::{Page, Query};
use siptls_metrics::{CONTENT_TYPE, Exposition, JournalNumbers, Own};
use siptls_model::clock;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::compression::{CompressionLayer, CompressionLevel};

pub(crate) use serve::{Limits, Listeners};

/// What the handlers share.
pub(crate) struct App {
    fleet: Arc<Fleet>,
    loader: Arc<Loader>,
    visitor: Arc<dyn AnyVisitor>,
    own: Own,
    probes: Semaphore,
    version: String,
}

impl App {
    pub(crate) fn new(
        fleet: Arc<Fleet>,
        loader: Arc<Loader>,
        visitor: Arc<dyn AnyVisitor>,
        own: Own,
        probes: usize,
        version: String,
    ) -> Self {
        let probes = Semaphore::new(probes.clamp(1, Semaphore::MAX_PERMITS));
        Self {
            fleet,
            loader,
            visitor,
            own,
            probes,
            version,
        }
    }
}

/// The connection on which a request came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    local: SocketAddr,
    peer: SocketAddr,
}

impl Connection {
    /// Neither end is beyond this machine.
    fn is_loopback(self) -> bool {
        self.local.ip().to_canonical().is_loopback() && self.peer.ip().to_canonical().is_loopback()
    }
}

/// What is served, for the answer to an unknown path.
const PATHS: &str = "\
not found; there are:
/                      status page
/targets/NAME          one target
/metrics               metrics
/probe?target=NAME     one probe, now
/api/v1/reports        reports of all targets
/api/v1/reports/NAME   reports of one target
/api/v1/changes        what changed, and when
/-/healthy  /-/ready   liveness, readiness
POST /-/reload         load the configuration again
";

/// The routes, with compression and the headers of every answer.
fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/targets/{name}", get(target_page::target))
        .route("/style.css", get(page::style))
        .route("/metrics", get(metrics))
        .route("/probe", get(probe::probe))
        .route("/api/v1/reports", get(reports::all))
        .route("/api/v1/reports/{name}", get(reports::one))
        .route("/api/v1/changes", get(changes::changes))
        .route("/-/healthy", get(|| async { text(StatusCode::OK, "healthy\n") }))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        .fallback(|| async { text(StatusCode::NOT_FOUND, PATHS) })
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(middleware::from_fn(with_headers))
        .with_state(app)
}

/// Headers of every answer: no script, nothing from elsewhere, no guessing of types, no frames, no stale copies.
async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// A plain text answer.
fn text(status: StatusCode, text: impl Into<String>) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        text.into(),
    )
        .into_response()
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.loader.is_loaded() {
        text(StatusCode::OK, "ready\n")
    } else {
        text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the configuration is being loaded\n",
        )
    }
}

async fn reload(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    // Browsers say where a request comes from; tools of operators do not send this header.
    let site = headers
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return text(
            StatusCode::FORBIDDEN,
            "a reload is not taken from another site's page\n",
        );
    }
    match app.loader.load(Cause::Request).await {
        Ok(targets) => text(
            StatusCode::OK,
            format!("configuration loaded, {}\n", html::counted(targets, "target")),
        ),
        Err(error) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("configuration not loaded:\n{error}\n"),
        ),
    }
}

/// The changes that a question asks for, wherever they are kept.
async fn changes_of(app: &Arc<App>, query: Query) -> (Source, Page) {
    let held = Arc::clone(app);
    let all = query.target.clone();
    let held = move || match &all {
        Some(name) => held
            .fleet
            .member(name)
            .map(|member| member.changes())
            .unwrap_or_default(),
        None => held
            .fleet
            .members()
            .iter()
            .flat_map(|member| member.changes())
            .collect(),
    };
    app.fleet.chronicle().changes(query, held).await
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let journal = app.fleet.chronicle().journal().map(|journal| {
        let numbers = journal.numbers();
        let shown = JournalNumbers {
            writes: numbers.writes,
            failures: numbers.failures,
            dropped: numbers.dropped,
            size_bytes: numbers.size_bytes,
            healthy: numbers.healthy,
        };
        shown.render()
    });
    let own = std::iter::once(app.own.render()).chain(journal);
    let shown = app.fleet.shown(&*app.visitor, clock::now());
    let chunks = own.chain(Exposition::new(shown));
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], body::of_chunks(chunks)).into_response()
}
