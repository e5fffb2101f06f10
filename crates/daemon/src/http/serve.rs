//! Listening, accepting, and the limits of each connection.

use super::limit::Origin;
use super::slots::{Slot, Slots};
use super::stall::Stall;
use super::{App, Connection, router};
use crate::options::DaemonError;
use crate::supervisor::Question;
use crate::work::stopped;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, Uri, header};
use axum::middleware::Next;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use siptls_metrics::Refusal;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// Longest request line and headers together, in bytes; longer ones are answered 431.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// How long the first request of a connection may take to come, head and all.
const FIRST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may wait for its next request, head and all.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// TLS handshakes at once, half of them from one address: each holds buffers and costs a signature. For a further one the
/// oldest is given up: one that goes on is over in a moment.
const HANDSHAKES: usize = 64;
/// How long a connection that makes room for another one may take to end.
const LEAVE_GRACE: Duration = Duration::from_millis(250);
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
        let serving = Arc::new(Serving {
            router: router(Arc::clone(&app)),
            app,
            prefix: prefix.into(),
            slots: Slots::new(limits.connections),
            handshakes: Slots::new(HANDSHAKES),
            age: limits.age,
            stop: stop.clone(),
        });
        let mut all = JoinSet::new();
        for ((listener, _), questions) in self.0.into_iter().zip(questions) {
            all.spawn(accept(listener, questions, Arc::clone(&serving), stop.clone()));
        }
        while all.join_next().await.is_some() {}
    }
}

/// What all connections share.
struct Serving {
    app: Arc<App>,
    router: Router,
    prefix: Arc<str>,
    slots: Arc<Slots>,
    handshakes: Arc<Slots>,
    age: Duration,
    stop: watch::Receiver<bool>,
}

async fn accept(
    listener: TcpListener,
    mut questions: mpsc::Receiver<Question>,
    serving: Arc<Serving>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(question) = questions.recv() => drop(question.send(())),
            // A panic of a handler ends its connection only.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match serving.slots.take(Origin::of(peer.ip()), Instant::now()) {
                    Some(slot) => {
                        connections.spawn(connection((stream, peer), slot, Arc::clone(&serving)));
                    }
                    None => {
                        serving.app.own.refused(Refusal::Overloaded);
                        tracing::debug!(%peer, "connection refused: every slot is busy");
                    }
                },
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

/// One connection from its beginning to its end.
async fn connection((stream, peer): (TcpStream, SocketAddr), slot: Slot, serving: Arc<Serving>) {
    let Ok(local) = stream.local_addr() else { return };
    // Answers are written in large pieces; without it only the last one may be late.
    let _ = stream.set_nodelay(true);
    let stream = Stall::new(stream, STALL_TIMEOUT);
    let door = serving.app.gate.door();
    let Some(acceptor) = &door.tls else {
        let connection = Connection {
            local,
            peer,
            is_certified: false,
        };
        return requests(stream, connection, slot, &serving).await;
    };
    let Some(turn) = serving.handshakes.take(Origin::of(peer.ip()), Instant::now()) else {
        return;
    };
    let mut stop = serving.stop.clone();
    let shaken = tokio::select! {
        shaken = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)) => shaken,
        _ = slot.asked_to_leave() => return,
        _ = turn.asked_to_leave() => return,
        () = stopped(&mut stop) => return,
    };
    drop(turn);
    let why = match shaken {
        Ok(Ok(stream)) => {
            let has_certificate = stream.get_ref().1.peer_certificates().is_some();
            let connection = Connection {
                local,
                peer,
                is_certified: has_certificate && door.verifies_certificates,
            };
            return requests(stream, connection, slot, &serving).await;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    serving.app.own.refused(Refusal::Tls);
    let error = siptls_model::escape_text_bounded(&why, 200);
    tracing::debug!(%peer, error, "no TLS handshake");
}

/// The requests of a connection, one after the other.
async fn requests<S>(stream: S, connection: Connection, slot: Slot, serving: &Serving)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stop = serving.stop.clone();
    let begun = Arc::new(AtomicBool::new(false));
    let slot = Arc::new(slot);
    let routes = TowerToHyperService::new(serving.router.clone());
    let service = {
        let (begun, slot, prefix) = (Arc::clone(&begun), Arc::clone(&slot), Arc::clone(&serving.prefix));
        service_fn(move |mut request: Request<Incoming>| {
            let busy = slot.busy();
            begun.store(true, Ordering::Relaxed);
            let routes = routes.clone();
            let prefix = Arc::clone(&prefix);
            async move {
                match without_prefix(request.uri(), &prefix) {
                    Prefix::Absent => {}
                    Prefix::Removed(uri) => *request.uri_mut() = uri,
                    // Redirected where every request is guarded.
                    Prefix::Bare => drop(request.extensions_mut().insert(BarePrefix(prefix))),
                }
                request.extensions_mut().insert(connection);
                let response = routes.call(request).await?;
                Ok::<_, Infallible>(response.map(|body| busy.until_sent(body)))
            }
        })
    };
    let exchange = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut exchange = std::pin::pin!(exchange);
    let never_asked = async {
        sleep(FIRST_HEAD_TIMEOUT).await;
        if begun.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let outcome = tokio::select! {
        outcome = exchange.as_mut() => Ok(outcome),
        () = stopped(&mut stop) => Err(STOP_GRACE),
        () = sleep(serving.age) => Err(AGE_GRACE),
        at_once = slot.asked_to_leave() => Err(if at_once { Duration::ZERO } else { LEAVE_GRACE }),
        () = never_asked => return,
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(grace) => {
            exchange.as_mut().graceful_shutdown();
            tokio::select! {
                outcome = timeout(grace, exchange) => outcome.unwrap_or(Ok(())),
                () = async { stopped(&mut stop).await; sleep(STOP_GRACE).await } => Ok(()),
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(peer = %connection.peer, %error, "connection ended early");
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

/// Of a request for the path of the external URL without its slash.
#[derive(Clone)]
struct BarePrefix(Arc<str>);

/// Leads from there to the same path with a slash, so that relative links lead on.
pub(super) async fn redirect(request: Request<Body>, next: Next) -> Response<Body> {
    let Some(BarePrefix(prefix)) = request.extensions().get() else {
        return next.run(request).await;
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(location) = format!("{prefix}/").parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
