//! The configuration: loaded at start and on demand; the last good one stays in use.

use crate::fleet::{Change, Fleet};
use crate::options::Load;
use siptls_config::Faults;
use siptls_metrics::Own;
use siptls_model::clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, mpsc};

/// Loads the configuration and takes it into use, one load at a time.
pub(crate) struct Loader {
    load: Arc<Load>,
    fleet: Arc<Fleet>,
    own: Own,
    changes: mpsc::Sender<Change>,
    busy: Mutex<()>,
    loaded: AtomicBool,
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
    pub(crate) fn new(load: Load, fleet: Arc<Fleet>, own: Own, changes: mpsc::Sender<Change>) -> Self {
        Self {
            load: Arc::new(load),
            fleet,
            own,
            changes,
            busy: Mutex::new(()),
            loaded: AtomicBool::new(false),
        }
    }

    /// Whether a configuration is in use.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Relaxed)
    }

    /// Loads the configuration and returns its number of targets. A failure changes nothing but a metric; it is logged
    /// while an earlier configuration stays in use, and the caller's to tell when there is none.
    pub(crate) async fn load(&self) -> Result<usize, LoadError> {
        let _one_at_a_time = self.busy.lock().await;
        let (load, fleet) = (Arc::clone(&self.load), Arc::clone(&self.fleet));
        let outcome = tokio::task::spawn_blocking(move || load().map(|plan| fleet.apply(&plan))).await;
        let change = match outcome {
            Ok(Ok(change)) => change,
            Ok(Err(faults)) => {
                self.own.load_failed();
                if self.is_loaded() {
                    let text = siptls_model::escape_text(&faults.to_string());
                    tracing::error!(
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
        tracing::info!(targets, added, removed, "configuration loaded");
        Ok(targets)
    }
}
