//! Why a journal cannot be used.

use std::io;
use std::path::PathBuf;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file is there and SQLite cannot read it at all.
    #[error("expected a journal at {}, found a file that is no SQLite database", path.display())]
    NoDatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of something else.
    #[error("expected a journal at {}, found a database of another program", path.display())]
    NoJournal {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version of this program.
    #[error("expected a journal of schema {known} or older at {}, found schema {found}", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The newest schema that this version knows.
        known: u32,
        /// That of the file.
        found: u32,
    },
    /// The file is damaged.
    #[error("expected a sound journal at {}, found a damaged one: {found}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite's check says, its first line.
        found: String,
    },
    /// A damaged file cannot be moved aside.
    #[error("cannot move the damaged journal at {} aside", path.display())]
    MoveAside {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another program writes it.
    #[error("expected nobody else to write the journal at {}, found another program that does", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// There is no journal yet.
    #[error("expected a journal at {}, found none", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// SQLite or the system refuses.
    #[error("cannot {action} the journal at {}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The thread that writes cannot be started.
    #[error("cannot start the journal's thread")]
    Thread {
        /// What the system says.
        source: io::Error,
    },
}

impl JournalError {
    /// What to do, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        use rusqlite::ErrorCode;
        match self {
            Self::NoDatabase { .. } | Self::NoJournal { .. } => {
                Some("name another path, or move that file away")
            }
            Self::NewerSchema { .. } => Some("use the newer version, or name another path"),
            Self::InUse { .. } => Some(
                "give each daemon a `journal.path` of its own, shards of one configuration too, or end the other one",
            ),
            Self::Absent { .. } => Some("the daemon makes it when it first runs with this configuration"),
            Self::Refused { source, .. } => match source.sqlite_error_code()? {
                ErrorCode::DiskFull => Some("make room on the disk, or lower `journal.max_size`"),
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                    Some("end the other program that holds it")
                }
                ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                    Some("its folder must be there, and this program's user must be allowed to write both")
                }
                _ => None,
            },
            Self::Damaged { .. } | Self::MoveAside { .. } | Self::Thread { .. } => None,
        }
    }

    /// Whether the content of the file is at fault.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Refused { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt)
            }
            _ => false,
        }
    }

    /// Whether trying the same again later may succeed: the disk, the rights, a lock, another file in its place.
    pub(crate) fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode;
        match self {
            Self::Refused { source, .. } => !matches!(
                source.sqlite_error_code(),
                None | Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
            ),
            _ => true,
        }
    }
}
