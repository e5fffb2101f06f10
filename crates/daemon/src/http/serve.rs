//! Listening, accepting, and the limits of each connection.

use super::stall::Stall;
use super::{App, Connection, router};
use crate::options::DaemonError;
use crate::supervisor::Question;
use crate::work::stopped;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Longest request line and headers together, in bytes; longer ones are answered 431.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// How long the head of a request may take, and how long a connection may wait for its next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a peer may take nothing of an answer.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long answers under way may take after a stop.
const STOP_GRACE: Duration = Duration::from_secs(4);
/// How long an answer under way may take after its connection has reached its age.
const AGE_GRACE: Duration = Duration::from_secs(60);
/// Pause after the system refused to accept: usually no file descriptor was left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of all connections together and of each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most at once.
    pub(crate) connections: usize,
    /// How long each may live.
    pub(crate) age: Duration,
}

/// The sockets listened on.
pub(crate) struct Listeners(Vec<(TcpListener, SocketAddr)>);

impl Listeners {
    /// Listens on every address of every text.
    pub(crate) async fn bind(texts: &[String]) -> Result<Self, DaemonError> {
        let mut listeners = Vec::new();
        for text in texts {
            let bad = |source| DaemonError::ListenAddress {
                found: siptls_model::escape_text_bounded(text, 200),
                source,
            };
            // `:10061` means all addresses, as with the Prometheus exporters.
            let full = if text.starts_with(':') {
                format!("[::]{text}")
            } else {
                text.clone()
            };
            if full
                .rsplit_once(':')
                .is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
            {
                return Err(bad(None));
            }
            let found: Vec<SocketAddr> = lookup_host(&full)
                .await
                .map_err(|error| bad(Some(error)))?
                .collect();
            if found.is_empty() {
                return Err(bad(None));
            }
            for address in found {
                let refused = |source| DaemonError::Listen { address, source };
                let listener = TcpListener::bind(address).await.map_err(refused)?;
                let address = listener.local_addr().map_err(refused)?;
                listeners.push((listener, address));
            }
        }
        if listeners.is_empty() {
            return Err(DaemonError::ListenAddress {
                found: String::new(),
                source: None,
            });
        }
        Ok(Self(listeners))
    }

    /// The addresses, with the ports that were taken for port 0.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().map(|(_, address)| *address).collect()
    }

    /// Serves until `stop` turns true, then finishes the answers under way.
    pub(crate) async fn serve(
        self,
        app: Arc<App>,
        prefix: String,
        limits: Limits,
        questions: Vec<mpsc::Receiver<Question>>,
        stop: watch::Receiver<bool>,
    ) {
        let router = router(app);
        let prefix: Arc<str> = prefix.into();
        let permits = Arc::new(Semaphore::new(
            limits.connections.clamp(1, Semaphore::MAX_PERMITS),
        ));
        let mut all = JoinSet::new();
        for ((listener, _), questions) in self.0.into_iter().zip(questions) {
            all.spawn(accept(
                listener,
                questions,
                router.clone(),
                Arc::clone(&prefix),
                (Arc::clone(&permits), limits.age),
                stop.clone(),
            ));
        }
        while all.join_next().await.is_some() {}
    }
}

async fn accept(
    listener: TcpListener,
    mut questions: mpsc::Receiver<Question>,
    router: Router,
    prefix: Arc<str>,
    (permits, age): (Arc<Semaphore>, Duration),
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            () = stopped(&mut stop) => break,
            // Also while all connections are taken: a full house is no dead one.
            Some(question) = questions.recv() => drop(question.send(())),
            // A panic of a handler ends its connection only.
            Some(_) = connections.join_next() => {}
            (permit, accepted) = next => match accepted {
                Ok((stream, peer)) => {
                    let serving = connection((stream, peer), router.clone(), Arc::clone(&prefix), age, stop.clone());
                    connections.spawn(async move {
                        let _permit = permit;
                        serving.await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    (stream, peer): (TcpStream, SocketAddr),
    router: Router,
    prefix: Arc<str>,
    age: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let Ok(local) = stream.local_addr() else { return };
    // Answers are written in large pieces; without it only the last one may be late.
    let _ = stream.set_nodelay(true);
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let routes = routes.clone();
        let prefix = Arc::clone(&prefix);
        async move {
            match without_prefix(request.uri(), &prefix) {
                Prefix::Absent => {}
                Prefix::Removed(uri) => *request.uri_mut() = uri,
                Prefix::Bare => return Ok::<_, Infallible>(redirect(&prefix)),
            }
            request.extensions_mut().insert(Connection { local, peer });
            routes.call(request).await
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(Stall::new(stream, STALL_TIMEOUT)), service);
    let mut serving = std::pin::pin!(serving);
    let outcome = tokio::select! {
        outcome = serving.as_mut() => Ok(outcome),
        () = stopped(&mut stop) => Err(STOP_GRACE),
        () = sleep(age) => Err(AGE_GRACE),
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(grace) => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                outcome = timeout(grace, serving) => outcome.unwrap_or(Ok(())),
                () = async { stopped(&mut stop).await; sleep(STOP_GRACE).await } => Ok(()),
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

enum Prefix {
    Absent,
    Removed(Uri),
    Bare,
}

/// The path without the one of the external URL: a proxy may or may not have taken it off.
fn without_prefix(uri: &Uri, prefix: &str) -> Prefix {
    let Some(rest) = (!prefix.is_empty())
        .then(|| uri.path().strip_prefix(prefix))
        .flatten()
    else {
        return Prefix::Absent;
    };
    if rest.is_empty() {
        return Prefix::Bare;
    }
    if !rest.starts_with('/') {
        return Prefix::Absent;
    }
    let rest = match uri.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    rest.parse().map_or(Prefix::Absent, Prefix::Removed)
}

/// To the same path with a slash, so that relative links lead on from there.
fn redirect(prefix: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(location) = format!("{prefix}/").parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
