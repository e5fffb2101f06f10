//! The file as its readers see it: read-only, from any process, also while the daemon writes.

use crate::change::{Change, Page, Query, text_of};
use crate::error::JournalError;
use crate::history::{FLAPPING, Known, KnownState, MAX_KEPT_CHANGES};
use crate::schema::MIGRATIONS;
use crate::store::{refused, schema_of, with};
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Row, params, params_from_iter};
use siptls_model::{Aspect, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a reader waits: only a program that repairs or copies the file keeps readers out.
const BUSY: Duration = Duration::from_secs(5);

/// A read-only connection to a journal. To be used on a thread that may wait for a disk.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    /// Opens the journal at that path, which must be there. A reader may lack the right to write the folder.
    ///
    /// # Errors
    /// [`JournalError`] when there is no file, when it is no journal of a schema known, or when the system refuses.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        if !path.exists() {
            return Err(JournalError::Absent {
                path: path.to_owned(),
            });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(refused(path, "open"))?;
        connection.busy_timeout(BUSY).map_err(refused(path, "open"))?;
        let schema = match schema_of(&connection, path) {
            // Without a daemon there is no log index, and without the right to make one SQLite opens the file only on the
            // word that nobody writes it.
            Err(JournalError::Refused { source, .. })
                if source.sqlite_error_code() == Some(ErrorCode::CannotOpen)
                    && !with(path, "-wal").exists() =>
            {
                let uri = format!("file:{}?immutable=1", escaped(path));
                connection = Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
                    .map_err(refused(path, "open"))?;
                schema_of(&connection, path)?
            }
            found => found?,
        };
        if schema.unwrap_or(0) < MIGRATIONS.len() {
            // The daemon is about to make it, or an older version made it and the daemon did not run since.
            return Err(JournalError::Absent {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// The changes that a question asks for.
    ///
    /// # Errors
    /// [`JournalError`] when the file cannot be read.
    pub fn changes(&self, query: &Query) -> Result<Page, JournalError> {
        let mut sql = String::from(
            "SELECT time, target, address, aspect, before, after, count, last_time,
             (SELECT length(flight) FROM evidence WHERE id = changes.evidence) FROM changes WHERE 1",
        );
        let mut values: Vec<Value> = Vec::new();
        let mut narrow = |condition: &str, value: String| {
            sql.push_str(condition);
            values.push(value.into());
        };
        if let Some(target) = &query.target {
            narrow(" AND target = ?", target.clone());
        }
        if let Some(aspect) = query.aspect {
            narrow(" AND aspect = ?", aspect.code().to_owned());
        }
        if let Some(since) = query.since {
            narrow(" AND last_time >= ?", text_of(since));
        }
        if let Some(after) = query.after.clone() {
            narrow(" AND (time, target, address, aspect) > (?, ", after.time);
            narrow("?, ", after.target);
            narrow("?, ", after.address);
            narrow("?)", after.aspect);
        }
        let order = if query.newest_first { " DESC" } else { "" };
        sql.push_str(&format!(
            " ORDER BY time{order}, target{order}, address{order}, aspect{order} LIMIT ?"
        ));
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        values.push(limit.saturating_add(1).into());
        let read = || -> rusqlite::Result<Vec<Option<Change>>> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement.query_map(params_from_iter(values), change)?.collect()
        };
        let found = read().map_err(refused(&self.path, "read"))?;
        Ok(Page::cut(found.into_iter().flatten().collect(), query.limit))
    }

    /// The evidence kept of a change: the server's flight, as TLS records.
    ///
    /// # Errors
    /// [`JournalError`] when the file cannot be read.
    pub fn evidence(&self, change: &Change) -> Result<Option<Vec<u8>>, JournalError> {
        let read = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT flight FROM changes JOIN evidence ON evidence.id = changes.evidence
                 WHERE target = ?1 AND time = ?2 AND address = ?3 AND aspect = ?4",
            )?;
            let place = params![
                &*change.target,
                text_of(change.time),
                change.address.as_deref().unwrap_or_default(),
                change.aspect.code(),
            ];
            statement.query_row(place, |row| row.get(0)).optional()
        };
        read().map_err(refused(&self.path, "read"))
    }

    /// What is known of a target, for a [`History`](crate::History) that goes on at that time.
    ///
    /// # Errors
    /// [`JournalError`] when the file cannot be read.
    pub fn known(&self, target: &str, now: Timestamp) -> Result<Known, JournalError> {
        let states = || -> rusqlite::Result<Vec<Option<KnownState>>> {
            let mut statement = self.connection.prepare_cached(
                "SELECT address, aspect, value, since, changed, first_seen, last_seen FROM states
                 WHERE target = ?1 ORDER BY saved",
            )?;
            statement.query_map([target], state)?.collect()
        };
        let changes = || -> rusqlite::Result<Vec<Option<Change>>> {
            let mut statement = self.connection.prepare_cached(
                "SELECT time, target, address, aspect, before, after, count, last_time, NULL FROM changes
                 WHERE target = ?1 AND last_time >= ?2 ORDER BY time DESC, address, aspect LIMIT ?3",
            )?;
            let flapping = now.checked_sub(FLAPPING).unwrap_or(now);
            let limit = i64::try_from(4 * MAX_KEPT_CHANGES).unwrap_or(i64::MAX);
            statement
                .query_map(params![target, text_of(flapping), limit], change)?
                .collect()
        };
        let read = refused(&self.path, "read");
        let mut changes: Vec<_> = changes()
            .map_err(&read)?
            .into_iter()
            .flatten()
            .map(Arc::new)
            .collect();
        changes.reverse();
        Ok(Known {
            states: states().map_err(&read)?.into_iter().flatten().collect(),
            changes,
        })
    }

    /// The names of all targets that the journal knows, in order.
    ///
    /// # Errors
    /// [`JournalError`] when the file cannot be read.
    pub fn targets(&self) -> Result<Vec<String>, JournalError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self
                .connection
                .prepare("SELECT target FROM states UNION SELECT target FROM changes ORDER BY 1")?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        read().map_err(refused(&self.path, "read"))
    }
}

/// A change of a row; `None` when somebody wrote what is none.
fn change(row: &Row<'_>) -> rusqlite::Result<Option<Change>> {
    let (Some(time), Some(last_time), Some(aspect)) = (
        time(row, 0)?,
        time(row, 7)?,
        Aspect::from_code(&row.get::<_, String>(3)?),
    ) else {
        return Ok(None);
    };
    let address: String = row.get(2)?;
    Ok(Some(Change {
        time,
        target: row.get::<_, String>(1)?.into(),
        address: (!address.is_empty()).then_some(address),
        aspect,
        before: row.get::<_, String>(4)?.into(),
        after: row.get::<_, String>(5)?.into(),
        count: u64::try_from(row.get::<_, i64>(6)?).unwrap_or(1),
        last_time,
        evidence_bytes: u64::try_from(row.get::<_, Option<i64>>(8)?.unwrap_or(0)).unwrap_or(0),
    }))
}

fn state(row: &Row<'_>) -> rusqlite::Result<Option<KnownState>> {
    let address: String = row.get(0)?;
    let address = if address.is_empty() {
        None
    } else {
        match address.parse() {
            Ok(address) => Some(address),
            Err(_) => return Ok(None),
        }
    };
    let (Some(since), Some(aspect)) = (time(row, 3)?, Aspect::from_code(&row.get::<_, String>(1)?)) else {
        return Ok(None);
    };
    Ok(Some(KnownState {
        address,
        first_seen: time(row, 5)?,
        last_seen: time(row, 6)?,
        aspect,
        value: row.get::<_, String>(2)?.into(),
        since,
        changed: time(row, 4)?,
    }))
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// A path inside a `file:` URI.
fn escaped(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}
