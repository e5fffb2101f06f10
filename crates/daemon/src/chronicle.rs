//! The journal in use, and what is asked of it or, without it, of memory.

use siptls_config::JournalSettings;
use siptls_journal::{Change, Journal, Known, Page, Query, Settings};
use siptls_model::clock;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How long the journal may take to write what waits, at the stop and when another takes its place.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// The journal in use; none when the configuration names none.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    in_use: RwLock<Option<Arc<Journal>>>,
}

impl Chronicle {
    /// Takes the journal of a configuration into use; whether it is another one. The same file goes on with other limits.
    /// Until another one is open, its file checked, the one before is kept; it ends then.
    pub(crate) fn use_journal(&self, wanted: Option<&JournalSettings>) -> bool {
        let wanted = wanted.map(|wanted| Settings {
            path: wanted.path.clone(),
            retention: wanted.retention,
            max_size: wanted.max_size,
        });
        let before = self.journal();
        let next = match (wanted, &before) {
            (None, None) => return false,
            (Some(settings), Some(journal)) if settings.path == journal.path() => {
                journal.limit(settings.retention, settings.max_size);
                return false;
            }
            (Some(settings), Some(journal)) => Some(journal.followed_by(settings)),
            (Some(settings), None) => Some(Journal::start(settings)),
            (None, Some(_)) => None,
        };
        let next = next.and_then(|started| match started {
            Ok(journal) => Some(Arc::new(journal)),
            Err(error) => {
                tracing::error!(%error, "no journal is kept");
                None
            }
        });
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = next;
        if let Some(journal) = before {
            journal.close(CLOSE_LIMIT);
        }
        true
    }

    /// Writes what waits and ends the journal.
    pub(crate) fn end(&self) {
        if let Some(journal) = self.journal() {
            journal.close(CLOSE_LIMIT);
        }
    }

    /// The journal in use.
    pub(crate) fn journal(&self) -> Option<Arc<Journal>> {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        in_use.clone()
    }

    /// What the journal knows of targets by their names. A journal that cannot be read knows nothing: its thread has said so.
    pub(crate) fn known<'a>(&self, names: impl Iterator<Item = &'a str>) -> HashMap<String, Known> {
        let Some(Ok(reader)) = self.journal().map(|journal| journal.reader()) else {
            return HashMap::new();
        };
        let now = clock::now();
        names
            .map_while(|name| match reader.known(name, now) {
                Ok(known) => Some((name.to_owned(), known)),
                Err(error) => {
                    tracing::error!(%error, "the journal's states cannot be read, targets begin anew");
                    None
                }
            })
            .collect()
    }

    /// The changes asked for: from the journal, else from what `held` has in memory. Off the runtime's threads.
    pub(crate) async fn changes(
        &self,
        query: Query,
        held: impl FnOnce() -> Vec<Arc<Change>> + Send + 'static,
    ) -> (Source, Page) {
        let journal = self.journal();
        let asked = tokio::task::spawn_blocking(move || {
            let read = journal.map(|journal| journal.reader().and_then(|reader| reader.changes(&query)));
            match read {
                Some(Ok(page)) => (Source::Journal, page),
                Some(Err(error)) => {
                    tracing::debug!(%error, "changes answered from memory");
                    (Source::Memory, query.answer(&held()))
                }
                None => (Source::Memory, query.answer(&held())),
            }
        });
        asked.await.unwrap_or((Source::Memory, Page::default()))
    }
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The file: as far back as it is kept.
    Journal,
    /// Memory: the last changes of each target since the start.
    Memory,
}

impl Source {
    /// The word of the answer.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Memory => "memory",
        }
    }
}
