//! The door: who may ask the daemon, as the web configuration says; loaded again when its files change.

use crate::http::{TlsError, acceptor};
use crate::options::LoadWeb;
use axum::http::{HeaderName, HeaderValue};
use siptls_config::{Faults, PasswordHash, Sources, WebConfig, WebRateLimit};
use siptls_metrics::Own;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::http::{Bucket, Rate};

/// What holds for requests: one of it is in use, and each request sees one from its beginning to its end.
pub(crate) struct Door {
    /// TLS; `None`: plain HTTP.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Whether a client certificate that was accepted was also verified.
    pub(crate) verifies_certificates: bool,
    /// Whether anybody can be told apart.
    pub(crate) authenticates: bool,
    /// Whether nobody gets in without being told apart.
    pub(crate) keeps_out: bool,
    /// Headers of answers in place of ours.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Names and hashes; empty: nobody is asked.
    pub(crate) users: BTreeMap<String, PasswordHash>,
    limit: Option<(Rate, Mutex<Bucket>)>,
}

impl Door {
    /// No TLS, no users.
    fn open() -> Self {
        Self {
            tls: None,
            verifies_certificates: false,
            authenticates: false,
            keeps_out: false,
            headers: Vec::new(),
            users: BTreeMap::new(),
            limit: None,
        }
    }

    fn new(web: &WebConfig) -> Result<Self, TlsError> {
        let header = |(header, value): &(siptls_config::WebHeader, String)| {
            let name = HeaderName::from_bytes(header.name().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value).ok()?))
        };
        let limit = |WebRateLimit { interval, burst }| {
            let bucket = Mutex::new(Bucket::full(Instant::now()));
            (Rate { burst, interval }, bucket)
        };
        Ok(Self {
            tls: web.tls.as_ref().map(acceptor).transpose()?,
            verifies_certificates: web.tls.as_ref().is_some_and(|tls| tls.client_auth.verifies()),
            authenticates: web.authenticates(),
            keeps_out: web.keeps_out(),
            headers: web.headers.iter().filter_map(header).collect(),
            users: web.users.clone(),
            limit: web.rate_limit.map(limit),
        })
    }

    /// Takes a token of the limit of all requests together; how long to wait when there is none.
    pub(crate) fn take(&self) -> Result<(), std::time::Duration> {
        let Some((rate, bucket)) = &self.limit else {
            return Ok(());
        };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(*rate, Instant::now())
    }
}

/// Why a web configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// It has faults.
    #[error("{source}")]
    Faults {
        /// All of them.
        source: Faults,
    },
    /// TLS cannot be served as it says.
    #[error("TLS cannot be served")]
    Tls {
        /// Why.
        source: TlsError,
    },
    /// The function that loads it panicked.
    #[error("loading the web configuration ended abnormally")]
    Panicked,
}

/// Whether a web configuration can be used: what [`run`](crate::run()) would say of it.
///
/// # Errors
/// [`WebError::Tls`] when TLS cannot be served as it says.
pub fn check_web(web: &WebConfig) -> Result<(), WebError> {
    match Door::new(web) {
        Ok(_) => Ok(()),
        Err(source) => Err(WebError::Tls { source }),
    }
}

/// The door in use, and what it is loaded from.
pub(crate) struct Gate {
    load: Option<Arc<LoadWeb>>,
    door: RwLock<Arc<Door>>,
    sources: RwLock<Sources>,
    busy: tokio::sync::Mutex<()>,
    failed: AtomicBool,
    own: Own,
}

impl Gate {
    /// The door of a web configuration; without one it stands open.
    pub(crate) async fn new(load: Option<LoadWeb>, own: Own) -> Result<Self, WebError> {
        let gate = Self {
            load: load.map(Arc::new),
            door: RwLock::new(Arc::new(Door::open())),
            sources: RwLock::default(),
            busy: tokio::sync::Mutex::new(()),
            failed: AtomicBool::new(false),
            own,
        };
        gate.read_again().await?;
        gate.own.web_loaded();
        Ok(gate)
    }

    /// The door in use.
    pub(crate) fn door(&self) -> Arc<Door> {
        Arc::clone(&self.door.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the last load failed, so that an earlier door is in use.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// What the door was loaded from.
    pub(crate) fn sources(&self) -> Sources {
        self.sources
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Loads it again; the last good one stays in use when that fails. It says so in the log and in a metric.
    pub(crate) async fn load(&self, cause: &str) -> Result<(), WebError> {
        if self.load.is_none() {
            return Ok(());
        }
        let outcome = self.read_again().await;
        self.failed.store(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Ok(()) => {
                self.own.web_loaded();
                tracing::info!(cause, "web configuration loaded");
            }
            Err(error) => {
                self.own.web_load_failed();
                let text = spelt(error);
                tracing::error!(
                    cause,
                    text,
                    "the web configuration cannot be used, the last good one stays in use"
                );
            }
        }
        outcome
    }

    async fn read_again(&self) -> Result<(), WebError> {
        let Some(load) = self.load.clone() else {
            return Ok(());
        };
        let _one_at_a_time = self.busy.lock().await;
        // Files, and keys to be checked: not on the runtime's threads.
        let read = tokio::task::spawn_blocking(move || {
            load().map(|web| (Door::new(&web), web.wants_http2, web.sources))
        });
        let (door, sources) = match read.await {
            Ok(Ok((door, wants_http2, sources))) => {
                if wants_http2 {
                    tracing::info!("http2 is allowed by the web configuration; HTTP/1.1 is what is spoken");
                }
                (door.map_err(|source| WebError::Tls { source }), sources)
            }
            Ok(Err(source)) => {
                let sources = source.sources().clone();
                (Err(WebError::Faults { source }), sources)
            }
            Err(_) => return Err(WebError::Panicked),
        };
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = sources;
        *self.door.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(door?);
        Ok(())
    }
}

/// An error with its sources on one line; none of them repeats a secret.
pub(crate) fn spelt(error: &WebError) -> String {
    let mut text = error.to_string();
    if let WebError::Tls { .. } = error {
        let mut source = std::error::Error::source(error);
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
    }
    text
}
