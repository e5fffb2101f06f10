//! The one thread that writes, and the queue before it.

use crate::error::JournalError;
use crate::history::Record;
use crate::reader::Reader;
use crate::store::{Opened, Store};
use siptls_model::{Timestamp, clock};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Most bytes that wait for the disk: what ten thousand targets hand over at their first visit, or a hundred of the longest
/// flights.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;
/// What a record, or a state in it, takes besides its texts.
const RECORD_BYTES: usize = 256;
/// Most records of one transaction.
const BATCH: usize = 2_000;
/// Wait before the next try after a failure: the first, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Time between two looks at age and size, and between two steps of pruning while there is more to do.
const PRUNE_EVERY: (Duration, Duration) = (Duration::from_secs(60), Duration::from_millis(200));

/// Where a journal is and how much it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file; its folder must be there.
    pub path: PathBuf,
    /// Changes that last happened longer ago are dropped.
    pub retention: Duration,
    /// Above that many bytes the oldest changes are dropped.
    pub max_size: u64,
}

/// The journal's own state, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Changes written, repeats included.
    pub writes: u64,
    /// Attempts to open, write or prune that failed.
    pub failures: u64,
    /// Changes lost: the queue was full, or they could not be written.
    pub dropped: u64,
    /// Bytes of the file and its write-ahead log.
    pub size_bytes: u64,
    /// Whether the last attempt succeeded.
    pub healthy: bool,
}

/// What is counted from one journal to the next.
#[derive(Debug, Default)]
struct Totals {
    writes: AtomicU64,
    failures: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Shared {
    totals: Arc<Totals>,
    size_bytes: AtomicU64,
    healthy: AtomicBool,
    /// Bytes that wait.
    waiting: AtomicUsize,
}

enum Message {
    Records(Vec<Record>, usize),
    /// Retention and size from now on.
    Limits(Duration, u64),
    /// To be told when everything before it was tried once.
    Tried(Sender<()>),
}

/// The journal of a daemon: hands records to the thread that writes them, and never waits for it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    shared: Arc<Shared>,
    /// `None` once it is closed.
    thread: Mutex<Option<(Sender<Message>, JoinHandle<()>)>>,
}

impl Journal {
    /// Opens the journal and starts its thread; waits for the check of the file, some seconds for each gigabyte. When the
    /// file cannot be opened, that is logged, and the thread tries again until it can.
    ///
    /// # Errors
    /// [`JournalError::Thread`] when the system has no thread left.
    pub fn start(settings: Settings) -> Result<Self, JournalError> {
        Self::with(settings, Arc::default())
    }

    /// Starts the journal that takes the place of this one and counts on from its numbers; this one is still to be closed.
    ///
    /// # Errors
    /// As [`Journal::start`].
    pub fn followed_by(&self, settings: Settings) -> Result<Self, JournalError> {
        Self::with(settings, Arc::clone(&self.shared.totals))
    }

    fn with(settings: Settings, totals: Arc<Totals>) -> Result<Self, JournalError> {
        let (sender, receiver) = channel();
        let shared = Arc::new(Shared {
            totals,
            ..Shared::default()
        });
        let path = settings.path.clone();
        let mut writer = Writer {
            settings,
            shared: Arc::clone(&shared),
            store: None,
            pending: Vec::new(),
            pending_bytes: 0,
            check: true,
            complained: false,
            retry: RETRY.0,
            try_at: Instant::now(),
            prune_at: Instant::now() + PRUNE_EVERY.0,
        };
        writer.open();
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|source| JournalError::Thread { source })?;
        Ok(Self {
            path,
            shared,
            thread: Mutex::new(Some((sender, thread))),
        })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps so much from now on.
    pub fn limit(&self, retention: Duration, max_size: u64) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, _)) = &*thread {
            // A thread that has ended keeps nothing.
            let _ = sender.send(Message::Limits(retention, max_size));
        }
    }

    /// A connection for reading.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn reader(&self) -> Result<Reader, JournalError> {
        Reader::open(&self.path)
    }

    /// Hands records over; `false` when the queue is full or the journal is closed, and the changes among them are lost.
    pub fn keep(&self, records: Vec<Record>) -> bool {
        if records.is_empty() {
            return true;
        }
        let bytes = records.iter().map(bytes_of).sum();
        let changes = changes_in(&records);
        let room = |waiting: usize| {
            waiting
                .checked_add(bytes)
                .filter(|waiting| *waiting <= QUEUE_BYTES)
        };
        let waiting = &self.shared.waiting;
        let fits = waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)
            .is_ok();
        if fits {
            let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((sender, _)) = &*thread
                && sender.send(Message::Records(records, bytes)).is_ok()
            {
                return true;
            }
            waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.shared.totals.dropped.fetch_add(changes, Ordering::Relaxed);
        false
    }

    /// Waits until everything handed over so far was written, or could not be; `false` when that takes longer.
    pub fn tried(&self, within: Duration) -> bool {
        let (done, told) = channel();
        {
            let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((sender, _)) = &*thread else {
                return true;
            };
            if sender.send(Message::Tried(done)).is_err() {
                return true;
            }
        }
        told.recv_timeout(within).is_ok()
    }

    /// Writes what waits and ends the thread; waits for that no longer than `within`.
    pub fn close(&self, within: Duration) {
        let written = self.tried(within);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, thread)) = thread.take() {
            drop(sender);
            // A thread that is stuck in a write would hold the daemon's end up.
            if written {
                let _ = thread.join();
            }
        }
    }

    /// The journal's own state.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        let shared = &self.shared;
        Numbers {
            writes: shared.totals.writes.load(Ordering::Relaxed),
            failures: shared.totals.failures.load(Ordering::Relaxed),
            dropped: shared.totals.dropped.load(Ordering::Relaxed),
            size_bytes: shared.size_bytes.load(Ordering::Relaxed),
            healthy: shared.healthy.load(Ordering::Relaxed),
        }
    }
}

/// The thread's own.
struct Writer {
    settings: Settings,
    shared: Arc<Shared>,
    store: Option<Store>,
    /// What is to be written next; it stays when the disk refuses it.
    pending: Vec<Record>,
    pending_bytes: usize,
    /// The file is to be checked when it is opened.
    check: bool,
    /// The log knows that it does not work.
    complained: bool,
    retry: Duration,
    try_at: Instant,
    prune_at: Instant,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<Message>) {
        loop {
            let idle = self.store.is_some() && self.pending.is_empty();
            let until = if idle { self.prune_at } else { self.try_at };
            let mut told = Vec::new();
            let mut message = match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            while let Some(one) = message {
                match one {
                    Message::Records(records, bytes) => {
                        self.pending.extend(records);
                        self.pending_bytes += bytes;
                    }
                    Message::Limits(retention, max_size) => {
                        (self.settings.retention, self.settings.max_size) = (retention, max_size);
                        self.prune_at = Instant::now();
                    }
                    Message::Tried(done) => told.push(done),
                }
                message = if self.pending.len() < BATCH && told.is_empty() {
                    receiver.try_recv().ok()
                } else {
                    None
                };
            }
            if Instant::now() >= self.try_at || !told.is_empty() {
                self.try_all();
            }
            for done in told {
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
            if self.store.is_some() && self.pending.is_empty() && Instant::now() >= self.prune_at {
                self.prune();
            }
        }
        self.try_all();
        self.drop_pending();
    }

    /// Opens the file if need be and writes what waits.
    fn try_all(&mut self) {
        if self.store.as_ref().is_some_and(|store| !store.is_in_place()) {
            // Somebody took the file away: what is written to it now nobody would find.
            self.store = None;
            self.check = true;
        }
        if self.store.is_none() {
            self.open();
        }
        let Some(store) = &mut self.store else { return };
        if self.pending.is_empty() {
            return;
        }
        match store.write(&self.pending) {
            Ok(()) => {
                let changes = changes_in(&self.pending);
                self.shared.totals.writes.fetch_add(changes, Ordering::Relaxed);
                self.forget_pending();
                self.succeeded();
            }
            Err(error) => {
                if !error.may_pass() {
                    self.drop_pending();
                }
                self.failed(&error);
            }
        }
    }

    fn open(&mut self) {
        match Store::open(&self.settings.path, self.check) {
            Ok((store, opened)) => {
                if let Opened::Anew(aside, found) = opened {
                    tracing::error!(
                        path = %self.settings.path.display(),
                        aside = %aside.display(),
                        found,
                        "damaged journal moved aside, a new one begun"
                    );
                }
                self.store = Some(store);
                self.check = false;
                // A disk that is full lets the file be opened: it is well again once something is written.
                if self.pending.is_empty() {
                    self.succeeded();
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    fn prune(&mut self) {
        let Some(store) = &mut self.store else { return };
        let now = clock::now();
        let oldest = now
            .checked_sub(self.settings.retention)
            .unwrap_or(Timestamp::UNIX_EPOCH);
        match store.prune(oldest, self.settings.max_size) {
            Ok(more) => {
                self.prune_at = Instant::now() + if more { PRUNE_EVERY.1 } else { PRUNE_EVERY.0 };
                self.succeeded();
            }
            Err(error) => {
                self.prune_at = Instant::now() + PRUNE_EVERY.0;
                self.failed(&error);
            }
        }
    }

    fn succeeded(&mut self) {
        let size = self.store.as_ref().map_or(0, Store::size);
        self.shared.size_bytes.store(size, Ordering::Relaxed);
        self.shared.healthy.store(true, Ordering::Relaxed);
        self.retry = RETRY.0;
        self.try_at = Instant::now();
        if std::mem::take(&mut self.complained) {
            let dropped = self.shared.totals.dropped.load(Ordering::Relaxed);
            tracing::info!(path = %self.settings.path.display(), dropped, "the journal works again");
        }
    }

    fn failed(&mut self, error: &JournalError) {
        // Opened again at the next try: the file may be another one by then.
        self.store = None;
        self.check |= error.is_damage();
        self.shared.healthy.store(false, Ordering::Relaxed);
        self.shared.totals.failures.fetch_add(1, Ordering::Relaxed);
        self.try_at = Instant::now() + self.retry;
        self.retry = (self.retry * 2).min(RETRY.1);
        if !std::mem::replace(&mut self.complained, true) {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(
                path = %self.settings.path.display(),
                %error,
                because = source,
                hint = error.hint(),
                "the journal does not work, probing goes on without it"
            );
        }
    }

    fn drop_pending(&mut self) {
        let changes = changes_in(&self.pending);
        self.shared.totals.dropped.fetch_add(changes, Ordering::Relaxed);
        self.forget_pending();
    }

    fn forget_pending(&mut self) {
        self.pending.clear();
        let bytes = std::mem::take(&mut self.pending_bytes);
        self.shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn bytes_of(record: &Record) -> usize {
    RECORD_BYTES
        + match record {
            Record::Change { change, evidence } => change.before.len() + change.after.len() + evidence.len(),
            Record::Sighting(sighting) => {
                let states = sighting.states.iter();
                states.map(|state| state.value.len() + RECORD_BYTES).sum()
            }
        }
}

fn changes_in(records: &[Record]) -> u64 {
    let changes = records
        .iter()
        .filter(|record| matches!(record, Record::Change { .. }));
    u64::try_from(changes.count()).unwrap_or(u64::MAX)
}
