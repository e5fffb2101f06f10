//! The web side: what it serves, to whom, within which limits.

mod assets;
mod auth;
mod body;
mod chain_picture;
mod changes;
mod check_page;
mod fresh;
mod html;
mod ladder;
mod limit;
mod page;
mod probe;
mod removal;
mod reports;
mod rows;
#[cfg(test)]
pub(crate) mod samples;
mod serve;
mod site;
mod slots;
mod stall;
mod target_page;
mod tls;
mod wanted;

use crate::chronicle::Source;
use crate::fleet::Fleet;
use crate::reload::{Cause, Loader};
use crate::visitor::AnyVisitor;
use crate::web::{Gate, spelt};
use auth::Login;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use limit::{Buckets, Origin, Places};
use siptls_journal::{Page, Query};
use siptls_metrics::{CONTENT_TYPE, Exposition, JournalNumbers, Own, Refusal};
use siptls_model::clock;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tower_http::compression::{CompressionLayer, CompressionLevel};

pub(crate) use auth::Passwords;
pub(crate) use limit::{Bucket, Rate};
pub(crate) use serve::{Limits, Listeners};
pub(crate) use site::Authority;
use site::is_from_another_site;
pub use tls::TlsError;
pub(crate) use tls::acceptor;

/// Requests for a visit from one origin: a Prometheus with some thousand targets asks so often.
const PROBES: Rate = Rate {
    burst: 1_000,
    interval: Duration::from_millis(10),
};

/// Requests for a visit to a destination that is no target's, from one origin: a name server is asked for each.
const STRANGE_PROBES: Rate = Rate {
    burst: 60,
    interval: Duration::from_secs(1),
};

/// Requests to load the configuration again from one origin: each reads every file.
const RELOADS: Rate = Rate {
    burst: 10,
    interval: Duration::from_secs(2),
};

/// What the handlers share with the rest of the daemon.
pub(crate) struct Held {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) loader: Arc<Loader>,
    pub(crate) visitor: Arc<dyn AnyVisitor>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) passwords: Passwords,
    pub(crate) own: Own,
    pub(crate) external: Option<Authority>,
}

/// What the handlers share.
pub(crate) struct App {
    fleet: Arc<Fleet>,
    loader: Arc<Loader>,
    visitor: Arc<dyn AnyVisitor>,
    gate: Arc<Gate>,
    passwords: Passwords,
    own: Own,
    /// Under which name else this daemon is known to browsers.
    external: Option<Authority>,
    probes: Places,
    /// Of these, the ones to destinations that are no targets: half, so that strangers keep no target's probe out.
    strange_probes: Places,
    probe_limit: Buckets,
    strange_probe_limit: Buckets,
    reload_limit: Buckets,
    version: String,
}

impl App {
    pub(crate) fn new(held: Held, probes: usize, version: String) -> Self {
        let Held {
            fleet,
            loader,
            visitor,
            gate,
            passwords,
            own,
            external,
        } = held;
        Self {
            fleet,
            loader,
            visitor,
            gate,
            passwords,
            own,
            external,
            probes: Places::new(probes),
            strange_probes: Places::new(probes.div_ceil(2)),
            probe_limit: Buckets::new(PROBES),
            strange_probe_limit: Buckets::new(STRANGE_PROBES),
            reload_limit: Buckets::new(RELOADS),
            version,
        }
    }
}

/// The connection on which a request came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    local: SocketAddr,
    peer: SocketAddr,
    /// Whether the peer has shown a client certificate that was verified.
    is_certified: bool,
}

impl Connection {
    fn origin(self) -> Origin {
        Origin::of(self.peer.ip())
    }

    /// Neither end is beyond this machine.
    fn is_loopback(self) -> bool {
        self.local.ip().to_canonical().is_loopback() && self.peer.ip().to_canonical().is_loopback()
    }
}

/// What is known of whoever asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// The daemon can tell people apart.
    authenticates: bool,
    /// This one was told apart, by name and password or by a client certificate.
    is_known: bool,
}

impl Caller {
    /// Whether this one may do what only operators do: whoever is known where anybody can be, and everybody else where nobody
    /// can.
    const fn is_operator(self) -> bool {
        self.is_known || !self.authenticates
    }
}

/// What is served, for the answer to an unknown path.
const PATHS: &str = "\
not found; there are:
/                      status page
/targets/NAME          one target
/checks/ID             what a check means, and how to mend it
/metrics               metrics
/probe?target=NAME     one probe, now; also of a HOST:PORT that the configuration allows
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
        .route("/checks/{id}", get(check_page::check))
        .route("/style.css", get(assets::style))
        .route("/script.js", get(assets::script))
        .route("/icon.svg", get(assets::icon))
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
        .layer(middleware::from_fn(serve::redirect))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), with_headers))
        .with_state(app)
}

/// What may be asked without a password: it says no more than that the daemon runs, and those who ask (Kubernetes, load
/// balancers) cannot keep a secret.
const WITHOUT_PASSWORD: [&str; 2] = ["/-/healthy", "/-/ready"];

/// Lets in whom the web configuration lets in.
async fn guard(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Connection>,
    mut request: Request,
    next: Next,
) -> Response {
    let door = app.gate.door();
    let mut is_known = connection.is_certified;
    if !WITHOUT_PASSWORD.contains(&request.uri().path()) {
        if let Err(wait) = door.take() {
            return too_often(&app, wait);
        }
        if !door.users.is_empty() {
            let header = request.headers().get(header::AUTHORIZATION).cloned();
            let login = app
                .passwords
                .login(&door.users, header.as_ref(), connection.origin());
            match login.await {
                Login::Known => is_known = true,
                Login::Missing => return unauthenticated(&app),
                Login::Wrong => {
                    // Neither name nor password: people type one in the place of the other. As many lines as tries.
                    tracing::warn!(peer = %connection.peer, "name or password refused");
                    return unauthenticated(&app);
                }
                Login::Limited(wait) => {
                    tracing::debug!(peer = %connection.peer, "too many wrong passwords");
                    return too_often(&app, wait);
                }
                Login::Busy => {
                    app.own.refused(Refusal::Overloaded);
                    return again_in(
                        1,
                        StatusCode::SERVICE_UNAVAILABLE,
                        "too many logins at once, try again\n",
                    );
                }
            }
        }
    }
    request.extensions_mut().insert(Caller {
        authenticates: door.authenticates,
        is_known,
    });
    next.run(request).await
}

fn unauthenticated(app: &App) -> Response {
    app.own.refused(Refusal::Unauthenticated);
    let challenge = [(
        header::WWW_AUTHENTICATE,
        "Basic realm=\"siptls-probe\", charset=\"UTF-8\"",
    )];
    (
        challenge,
        text(StatusCode::UNAUTHORIZED, "name and password are needed\n"),
    )
        .into_response()
}

fn forbidden(app: &App, why: impl Into<String>) -> Response {
    app.own.refused(Refusal::Forbidden);
    text(StatusCode::FORBIDDEN, why)
}

fn too_often(app: &App, wait: Duration) -> Response {
    app.own.refused(Refusal::RateLimited);
    // In whole seconds (RFC 9110 §10.2.3), and never too early.
    let seconds = wait.as_secs().saturating_add(1);
    again_in(
        seconds,
        StatusCode::TOO_MANY_REQUESTS,
        "too many requests, try again later\n",
    )
}

fn again_in(seconds: u64, status: StatusCode, why: &str) -> Response {
    ([(header::RETRY_AFTER, seconds.to_string())], text(status, why)).into_response()
}

/// Headers of every answer: nothing from elsewhere, no guessing of types, no frames, no stale copies; and those of the web
/// configuration in their place.
async fn with_headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let door = app.gate.door();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            header::HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            header::HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in &door.headers {
        headers.insert(name, value.clone());
    }
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

async fn reload(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Connection>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    if is_from_another_site(&headers, app.external.as_ref()) {
        let why = "a reload is not taken from another site's page\n\
                   hint: behind a proxy give `--web.external-url` the URL that browsers see\n";
        return forbidden(&app, why);
    }
    if !caller.is_operator() {
        return forbidden(&app, "a reload is taken from clients that show a certificate\n");
    }
    if let Err(wait) = app.reload_limit.take(connection.origin(), Instant::now()) {
        return too_often(&app, wait);
    }
    let (web, loaded) = app.loader.reload(Cause::Request).await;
    let failed = |why: String| text(StatusCode::INTERNAL_SERVER_ERROR, why);
    match (web, loaded) {
        (Ok(()), Ok(targets)) => text(
            StatusCode::OK,
            format!("configuration loaded, {}\n", html::counted(targets, "target")),
        ),
        (web, loaded) => {
            let mut out = String::new();
            if let Err(error) = web {
                out += &format!("web configuration not loaded:\n{}\n", spelt(&error));
            }
            if let Err(error) = loaded {
                out += &format!("configuration not loaded:\n{error}\n");
            }
            failed(out)
        }
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
