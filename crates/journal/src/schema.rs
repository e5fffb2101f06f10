//! The tables, which people may read with `sqlite3`: names are public, documented in `docs/journal.md`.

/// Tells a journal from any other SQLite file: `SIPT`.
pub(crate) const APPLICATION_ID: u32 = 0x5349_5054;

/// What leads from each schema to the next; their number is the schema of this version.
pub(crate) const MIGRATIONS: [&str; 1] = ["
CREATE TABLE states (
    target TEXT NOT NULL,
    address TEXT NOT NULL,      -- '': the target as a whole
    aspect TEXT NOT NULL,       -- identity, request, suites, addresses, verdict
    value TEXT NOT NULL,        -- JSON
    since TEXT NOT NULL,        -- times are RFC 3339 UTC with milliseconds
    changed TEXT,               -- the last change; NULL: the first state seen
    first_seen TEXT,            -- the address was first connected to
    last_seen TEXT,             -- and last, to the hour
    saved TEXT NOT NULL,        -- the row was written
    PRIMARY KEY (target, address, aspect)
) WITHOUT ROWID;

CREATE TABLE evidence (
    id INTEGER PRIMARY KEY,
    flight BLOB NOT NULL        -- TLS records of the server, as read
);

CREATE TABLE changes (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,         -- first seen
    target TEXT NOT NULL,
    address TEXT NOT NULL,
    aspect TEXT NOT NULL,
    before TEXT NOT NULL,       -- JSON
    after TEXT NOT NULL,        -- JSON
    count INTEGER NOT NULL,     -- how many times `after` was come to
    last_time TEXT NOT NULL,    -- when it last was
    evidence INTEGER REFERENCES evidence (id)
);
CREATE UNIQUE INDEX changes_of_target ON changes (target, time, address, aspect);
CREATE UNIQUE INDEX changes_by_time ON changes (time, target, address, aspect);
CREATE INDEX changes_by_last_time ON changes (last_time);
CREATE INDEX changes_by_evidence ON changes (evidence);
"];
