//! The file as its one writer sees it: opened, checked, written, pruned.

use crate::change::{Change, text_of};
use crate::compare;
use crate::error::JournalError;
use crate::history::{KnownState, Record, Sighting};
use crate::schema::{APPLICATION_ID, MIGRATIONS};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, params};
use siptls_model::{Aspect, Timestamp, clock};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

/// How long the writer waits for another program that holds the file.
const BUSY: Duration = Duration::from_secs(2);
/// Length to which the write-ahead log is cut once it is written back: a burst does not stay on the disk.
const WAL_LIMIT: u32 = 16 * 1024 * 1024;
/// Rows that one step of pruning takes: some milliseconds.
const PRUNE_ROWS: u32 = 500;
/// Pages that one step gives back to the file system: 4 MiB.
const PRUNE_PAGES: u32 = 1_024;
/// What is added to the name of a database for the lock of its one writer. SQLite's own file will not do: closing it a second
/// time would drop SQLite's locks (POSIX).
const LOCK: &str = "-lock";
/// What SQLite adds to the name of a database for its write-ahead log and the log's index.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];

/// The open file.
pub(crate) struct Store {
    connection: Connection,
    /// Held as long as the file is open. `None` where the file system has no locks.
    _lock: Option<fs::File>,
    path: PathBuf,
    identity: Option<(u64, u64)>,
    /// The flight written last, and its row: the changes of one visit share it.
    flight: Option<(Arc<[u8]>, i64)>,
}

/// The lock of the one who writes the journal; `None` where there can be none: whatever else is wrong with the folder, SQLite
/// says better.
fn lock(path: &Path) -> Result<Option<fs::File>, JournalError> {
    let mut name = path.as_os_str().to_owned();
    name.push(LOCK);
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(name);
    let Ok(file) = file else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Err(JournalError::InUse {
            path: path.to_owned(),
        }),
        Err(fs::TryLockError::Error(_)) => Ok(None),
    }
}

/// What an opened file was like.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// Sound, or new.
    Sound,
    /// Damaged; it was moved to that path and a new one begun.
    Anew(PathBuf, String),
}

impl Store {
    /// Opens the journal, makes it when there is none, and brings its schema up to date. With `check` it is read whole; a
    /// damaged one is moved aside. A file that is not a journal is left alone.
    ///
    /// Nobody else writes it meanwhile: two daemons in one file would each take the other's changes for its own.
    pub(crate) fn open(path: &Path, check: bool) -> Result<(Self, Opened), JournalError> {
        let lock = lock(path)?;
        let (store, opened) = Self::open_locked(path, check)?;
        Ok((Self { _lock: lock, ..store }, opened))
    }

    fn open_locked(path: &Path, check: bool) -> Result<(Self, Opened), JournalError> {
        match Self::try_open(path, check) {
            Ok(store) => Ok((store, Opened::Sound)),
            Err(error) if error.is_damage() => {
                let aside = move_aside(path)?;
                let found = match &error {
                    JournalError::Damaged { found, .. } => found.clone(),
                    _ => "SQLite cannot read it".to_owned(),
                };
                Ok((Self::try_open(path, false)?, Opened::Anew(aside, found)))
            }
            Err(error) => Err(error),
        }
    }

    fn try_open(path: &Path, check: bool) -> Result<Self, JournalError> {
        let refused = |action| refused(path, action);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(refused("open"))?;
        connection.busy_timeout(BUSY).map_err(refused("open"))?;
        let schema = schema_of(&connection, path)?;
        if check
            && schema.is_some()
            && let Some(found) = damage(&connection).map_err(refused("check"))?
        {
            return Err(JournalError::Damaged {
                path: path.to_owned(),
                found,
            });
        }
        prepare(&mut connection, schema).map_err(refused("prepare"))?;
        Ok(Self {
            connection,
            _lock: None,
            path: path.to_owned(),
            identity: identity(path),
            flight: None,
        })
    }

    /// Whether the file at the path is still the one that was opened.
    pub(crate) fn is_in_place(&self) -> bool {
        self.identity.is_some() && self.identity == identity(&self.path)
    }

    /// Writes records in one transaction: all of them or none.
    pub(crate) fn write(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let (path, mut flight) = (&self.path, self.flight.take());
        let refused = refused(path, "write");
        let mut write = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for record in records {
                match record {
                    Record::Sighting(sighting) => write_sighting(&transaction, sighting)?,
                    Record::Change { .. } => write_change(&transaction, record, &mut flight)?,
                }
            }
            transaction.commit()
        };
        write(&mut self.connection).map_err(refused)?;
        self.flight = flight;
        Ok(())
    }

    /// One step of pruning: changes that last happened before `oldest`, else the oldest while the file holds more than
    /// `max_size` bytes; whether there is more to do. What is known now is never pruned, but for addresses that are gone
    /// since `oldest` while others of their target are known.
    pub(crate) fn prune(&mut self, oldest: Timestamp, max_size: u64) -> Result<bool, JournalError> {
        self.flight = None;
        let refused = refused(&self.path, "prune");
        let oldest = text_of(oldest);
        let step = |connection: &mut Connection| -> rusqlite::Result<bool> {
            // A text that sorts after every time.
            let before = if used(connection)? > max_size {
                "~"
            } else {
                &oldest
            };
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let gone = transaction
                .prepare_cached(
                    "DELETE FROM changes WHERE id IN (SELECT id FROM changes WHERE last_time < ?1 ORDER BY last_time LIMIT ?2)
                     RETURNING evidence",
                )?
                .query_map(params![before, PRUNE_ROWS], |row| row.get::<_, Option<i64>>(0))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let mut unused = transaction.prepare_cached(
                "DELETE FROM evidence WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM changes WHERE changes.evidence = ?1)",
            )?;
            for evidence in gone.iter().flatten() {
                unused.execute([evidence])?;
            }
            drop(unused);
            transaction.execute(
                "DELETE FROM states WHERE address <> '' AND saved < ?1 AND EXISTS (SELECT 1 FROM states AS other
                 WHERE other.target = states.target AND other.address NOT IN ('', states.address) AND other.saved > states.saved)",
                [&oldest],
            )?;
            transaction.commit()?;
            // Each step of the statement gives back one page.
            let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PRUNE_PAGES})"))?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
            Ok(!gone.is_empty())
        };
        step(&mut self.connection).map_err(refused)
    }

    /// Bytes of the file and its write-ahead log.
    pub(crate) fn size(&self) -> u64 {
        let length =
            |companion: &&str| fs::metadata(with(&self.path, companion)).map_or(0, |file| file.len());
        COMPANIONS.iter().map(length).sum()
    }
}

/// The schema of a journal; `None`: the file is new. Anything else is left alone.
pub(crate) fn schema_of(connection: &Connection, path: &Path) -> Result<Option<usize>, JournalError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let application = pragma("application_id").map_err(|source| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => JournalError::NoDatabase {
            path: path.to_owned(),
        },
        _ => refused(path, "open")(source),
    })?;
    let found = pragma("user_version").map_err(refused(path, "open"))?;
    if application != APPLICATION_ID {
        let pages = pragma("page_count").map_err(refused(path, "open"))?;
        return if pages == 0 {
            Ok(None)
        } else {
            Err(JournalError::NoJournal {
                path: path.to_owned(),
            })
        };
    }
    let schema = usize::try_from(found).unwrap_or(usize::MAX);
    if schema > MIGRATIONS.len() {
        return Err(JournalError::NewerSchema {
            path: path.to_owned(),
            known: u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX),
            found,
        });
    }
    Ok(Some(schema))
}

/// A refusal of SQLite, as this crate tells it.
pub(crate) fn refused(path: &Path, action: &'static str) -> impl Fn(rusqlite::Error) -> JournalError + use<> {
    let path = path.to_owned();
    move |source| JournalError::Refused {
        path: path.clone(),
        action,
        source,
    }
}

/// What is wrong with the file, as SQLite's full check says it.
fn damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then(|| siptls_model::escape_text_bounded(&found, 200)))
}

fn prepare(connection: &mut Connection, schema: Option<usize>) -> rusqlite::Result<()> {
    if schema.is_none() {
        // Counts only before the first table.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    for (version, migration) in (1_u32..).zip(MIGRATIONS).skip(schema.unwrap_or(0)) {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    // Changes are rare and one thread writes them in batches: an fsync for each batch costs nobody a wait, and then even a
    // power cut loses no more than the batch being written.
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = {WAL_LIMIT}"
    ))
}

fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    Ok(u64::from(pages) * u64::from(pragma("page_size")?))
}

fn write_sighting(transaction: &Transaction<'_>, sighting: &Sighting) -> rusqlite::Result<()> {
    let whole = |aspect| {
        let mut states = sighting.states.iter();
        states.any(|state| (state.address, state.aspect) == (None, aspect))
    };
    if whole(Aspect::Addresses) && !whole(Aspect::Verdict) {
        // A verdict of the time before any address was known.
        transaction
            .prepare_cached("DELETE FROM states WHERE target = ?1 AND address = '' AND aspect = ?2")?
            .execute([&*sighting.target, Aspect::Verdict.code()])?;
    }
    let mut statement = transaction.prepare_cached(
        "INSERT INTO states (target, address, aspect, value, since, changed, first_seen, last_seen, saved)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (target, address, aspect) DO UPDATE SET value = excluded.value, since = excluded.since,
         changed = coalesce(excluded.changed, changed), last_seen = coalesce(excluded.last_seen, last_seen),
         first_seen = min(coalesce(first_seen, excluded.first_seen), coalesce(excluded.first_seen, first_seen)),
         saved = excluded.saved",
    )?;
    let saved = text_of(sighting.saved);
    for state in &sighting.states {
        let address = state
            .address
            .map(|address| address.to_string())
            .unwrap_or_default();
        let mut since = text_of(state.since);
        let mut changed = state.changed.map(text_of);
        if changed.is_none() {
            match known_before(transaction, &sighting.target, &address, state)? {
                Before::Unknown => {}
                Before::Same(known_since) => since = known_since,
                Before::Other(change) => {
                    let evidence = Arc::default();
                    let change = Arc::new(change);
                    write_change(transaction, &Record::Change { change, evidence }, &mut None)?;
                    changed = Some(since.clone());
                }
            }
        }
        statement.execute(params![
            &*sighting.target,
            address,
            state.aspect.code(),
            &*state.value,
            since,
            changed,
            state.first_seen.map(text_of),
            state.last_seen.map(text_of),
            saved,
        ])?;
    }
    Ok(())
}

/// What the file knows of a state that is the first seen by a daemon.
enum Before {
    Unknown,
    /// Nothing that contradicts it, and since when.
    Same(String),
    /// Another: the daemon could not read the file when it began, so nobody has noticed the change.
    Other(Change),
}

fn known_before(
    transaction: &Transaction<'_>,
    target: &Arc<str>,
    address: &str,
    state: &KnownState,
) -> rusqlite::Result<Before> {
    let known = transaction
        .prepare_cached("SELECT value, since FROM states WHERE target = ?1 AND address = ?2 AND aspect = ?3")?
        .query_row(params![&**target, address, state.aspect.code()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    let Some((before, since)) = known else {
        return Ok(Before::Unknown);
    };
    let contradicts = |before: &str| {
        compare::contradicts(
            state.aspect,
            &compare::parse(before),
            &compare::parse(&state.value),
        )
    };
    if *before == *state.value || !contradicts(&before) {
        return Ok(Before::Same(since));
    }
    Ok(Before::Other(Change {
        time: state.since,
        target: Arc::clone(target),
        address: (!address.is_empty()).then(|| address.to_owned()),
        aspect: state.aspect,
        before: before.into(),
        after: Arc::clone(&state.value),
        count: 1,
        last_time: state.since,
        evidence_bytes: 0,
    }))
}

fn write_change(
    transaction: &Transaction<'_>,
    record: &Record,
    flight: &mut Option<(Arc<[u8]>, i64)>,
) -> rusqlite::Result<()> {
    let Record::Change { change, evidence } = record else {
        return Ok(());
    };
    let address = change.address.as_deref().unwrap_or_default();
    if change.count > 1 {
        let known = transaction
            .prepare_cached(
                "UPDATE changes SET count = ?5, last_time = ?6 WHERE target = ?1 AND time = ?2 AND address = ?3 AND aspect = ?4
                 RETURNING id",
            )?
            .query_row(
                params![
                    &*change.target,
                    text_of(change.time),
                    address,
                    change.aspect.code(),
                    i64::try_from(change.count).unwrap_or(i64::MAX),
                    text_of(change.last_time),
                ],
                |row| row.get::<_, i64>(0),
            )
            .optional()?;
        if known.is_some() {
            return Ok(());
        }
        // The disk had no room for it the first time.
    }
    let evidence = match flight {
        _ if evidence.is_empty() => None,
        Some((written, id)) if Arc::ptr_eq(written, evidence) => Some(*id),
        _ => {
            transaction
                .prepare_cached("INSERT INTO evidence (flight) VALUES (?1)")?
                .execute([&**evidence])?;
            let id = transaction.last_insert_rowid();
            *flight = Some((Arc::clone(evidence), id));
            Some(id)
        }
    };
    transaction
        .prepare_cached(
            "INSERT INTO changes (time, target, address, aspect, before, after, count, last_time, evidence)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            text_of(change.time),
            &*change.target,
            address,
            change.aspect.code(),
            &*change.before,
            &*change.after,
            i64::try_from(change.count).unwrap_or(i64::MAX),
            text_of(change.last_time),
            evidence,
        ])?;
    Ok(())
}

/// Moves a damaged journal and its companions to a name that tells when.
fn move_aside(path: &Path) -> Result<PathBuf, JournalError> {
    let suffix = format!(".damaged-{}", clock::now().strftime("%Y%m%dT%H%M%SZ"));
    let failed = |source: io::Error| JournalError::MoveAside {
        path: path.to_owned(),
        source,
    };
    for companion in COMPANIONS {
        let (from, to) = (with(path, companion), with(path, &format!("{suffix}{companion}")));
        match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved.map_err(failed)?,
        }
    }
    Ok(with(path, &suffix))
}

/// The path with something after its name.
pub(crate) fn with(path: &Path, after: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(after);
    name.into()
}

/// Device and inode.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = fs::metadata(path).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Some((file.dev(), file.ino()))
    }
    #[cfg(not(unix))]
    {
        Some((0, u64::from(file.is_file())))
    }
}

#[cfg(test)]
mod tests;
