//! The configuration: loaded at start and on demand; the last good one stays in use.

use crate::fleet::{Change, Fleet};
use crate::options::Load;
use crate::supervisor::{Supervisor, status};
use crate::web::{Gate, WebError};
use siptls_config::{Faults, Sources};
use siptls_metrics::Own;
use siptls_model::clock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Mutex, mpsc};

/// Loads the configuration and takes it into use, one load at a time.
pub(crate) struct Loader {
    load: Arc<Load>,
    fleet: Arc<Fleet>,
    own: Own,
    changes: mpsc::Sender<Change>,
    busy: Mutex<()>,
    loaded: AtomicBool,
    failed: AtomicBool,
    sources: RwLock<Sources>,
    gate: Arc<Gate>,
    supervisor: Option<Arc<Supervisor>>,
}

/// Why the configuration is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Start,
    Signal,
    Request,
    FilesChanged,
}

impl Cause {
    /// The word of the log.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Signal => "SIGHUP",
            Self::Request => "POST /-/reload",
            Self::FilesChanged => "files changed",
        }
    }
}

/// Why a configuration was not taken into use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{0}")]
    Faults(Faults),
    #[error("loading the configuration ended abnormally")]
    Panicked,
}

impl Loader {
    pub(crate) fn new(
        load: Load,
        fleet: Arc<Fleet>,
        own: Own,
        changes: mpsc::Sender<Change>,
        (gate, supervisor): (Arc<Gate>, Option<Arc<Supervisor>>),
    ) -> Self {
        Self {
            load: Arc::new(load),
            fleet,
            own,
            changes,
            busy: Mutex::new(()),
            loaded: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            sources: RwLock::default(),
            gate,
            supervisor,
        }
    }

    /// Whether a configuration is in use.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Relaxed)
    }

    /// Whether the last load failed, so that an earlier configuration is in use or none.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Whether the last load of the web configuration failed, so that an earlier one is in use.
    pub(crate) fn web_has_failed(&self) -> bool {
        self.gate.has_failed()
    }

    /// What the last load looked at, whether it succeeded or not.
    pub(crate) fn sources(&self) -> Sources {
        self.sources
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Loads the configuration and returns its number of targets. A failure changes nothing but a metric; it is logged
    /// while an earlier configuration stays in use, and the caller's to tell when there is none.
    ///
    /// A task of its own: a caller that goes away, such as an HTTP client, must not leave the fleet changed and the
    /// schedule as it was.
    pub(crate) async fn load(self: &Arc<Self>, cause: Cause) -> Result<usize, LoadError> {
        let this = Arc::clone(self);
        let loading = tokio::spawn(async move { this.load_to_the_end(cause, false).await.1 });
        loading.await.unwrap_or(Err(LoadError::Panicked))
    }

    /// Loads the web configuration and then the configuration, as one reload in the eyes of the service manager.
    pub(crate) async fn reload(
        self: &Arc<Self>,
        cause: Cause,
    ) -> (Result<(), WebError>, Result<usize, LoadError>) {
        let this = Arc::clone(self);
        let loading = tokio::spawn(async move { this.load_to_the_end(cause, true).await });
        let panicked = |_| (Err(WebError::Panicked), Err(LoadError::Panicked));
        loading.await.unwrap_or_else(panicked)
    }

    async fn load_to_the_end(
        &self,
        cause: Cause,
        with_web: bool,
    ) -> (Result<(), WebError>, Result<usize, LoadError>) {
        let _one_at_a_time = self.busy.lock().await;
        let supervisor = self.supervisor.as_ref();
        if let Some(supervisor) = supervisor.filter(|_| self.is_loaded()) {
            supervisor.reloading();
        }
        let web = if with_web {
            self.gate.load(cause.code()).await
        } else {
            Ok(())
        };
        let outcome = self.take_into_use(cause.code()).await;
        // A reload that failed is over as well; a first load that failed is the program's end.
        if let Some(supervisor) = supervisor.filter(|_| self.is_loaded()) {
            supervisor.ready(&status(&self.fleet, self));
        }
        (web, outcome)
    }

    async fn take_into_use(&self, cause: &'static str) -> Result<usize, LoadError> {
        let (load, fleet) = (Arc::clone(&self.load), Arc::clone(&self.fleet));
        let outcome =
            tokio::task::spawn_blocking(move || load().map(|plan| (fleet.apply(&plan), plan.sources))).await;
        let sources = match &outcome {
            Ok(Ok((_, sources))) => Some(sources),
            Ok(Err(faults)) => Some(faults.sources()),
            Err(_) => None,
        };
        if let Some(sources) = sources {
            self.sources
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(sources);
        }
        self.failed
            .store(!matches!(outcome, Ok(Ok(_))), Ordering::Relaxed);
        let change = match outcome {
            Ok(Ok((change, _))) => change,
            Ok(Err(faults)) => {
                self.own.load_failed();
                if self.is_loaded() {
                    // What the faults repeat is escaped; line breaks between them are the log's to write.
                    let text = faults.to_string();
                    tracing::error!(
                        cause,
                        count = faults.count(),
                        text,
                        "configuration has faults, the last good one stays in use"
                    );
                }
                return Err(LoadError::Faults(faults));
            }
            Err(_) => {
                self.own.load_failed();
                if self.is_loaded() {
                    tracing::error!(
                        cause,
                        "loading the configuration ended abnormally, the last good one stays in use"
                    );
                }
                return Err(LoadError::Panicked);
            }
        };
        let (targets, added, removed) = (change.targets, change.added.len(), change.removed.len());
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 fit an f64 for ten thousand years"
        )]
        self.own
            .loaded(targets, clock::now().as_millisecond() as f64 / 1_000.0);
        self.loaded.store(true, Ordering::Relaxed);
        // Fails only when the work has ended, and then there is no schedule to change.
        let _ = self.changes.send(change).await;
        tracing::info!(cause, targets, added, removed, "configuration loaded");
        Ok(targets)
    }
}
