//! This room's tables.

use heron_store::Migrations;

/// This room's tables, for `Store::open`.
pub const MIGRATIONS: Migrations = Migrations { room: "archive", steps: &[FIRST] };

const FIRST: &str = "
CREATE TABLE archive_config(
    one INTEGER PRIMARY KEY CHECK(one = 1),
    box TEXT NOT NULL,              -- this box's folder in any bucket
    config TEXT,                    -- JSON; NULL: off
    secret BLOB                     -- sealed
) STRICT;

CREATE TABLE archive_item(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    camera TEXT NOT NULL,
    kind TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    why TEXT NOT NULL,              -- job, camera, or the event's id
    made_ns INTEGER NOT NULL,
    state INTEGER NOT NULL,         -- 0 waiting, 1 stored, 2 nothing was left to store
    attempts INTEGER NOT NULL,
    due_ns INTEGER NOT NULL,        -- not before
    files INTEGER NOT NULL,         -- stored for it
    problem TEXT,
    UNIQUE(camera, kind, start_ns, end_ns, why)
) STRICT;
CREATE INDEX archive_item_waiting ON archive_item(due_ns, id) WHERE state = 0;

CREATE TABLE archive_object(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    place TEXT NOT NULL,            -- endpoint and bucket
    key TEXT NOT NULL,
    camera TEXT NOT NULL,
    kind TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    init BLOB NOT NULL,             -- the file's init segment
    parts TEXT NOT NULL,            -- JSON: what a playlist says of it
    stored_ns INTEGER NOT NULL,
    UNIQUE(place, key)
) STRICT;
CREATE INDEX archive_object_by_stream ON archive_object(camera, kind, start_ns);

CREATE TABLE archive_upload(
    one INTEGER PRIMARY KEY CHECK(one = 1),     -- one at a time
    place TEXT NOT NULL,
    key TEXT NOT NULL,
    upload TEXT NOT NULL,           -- the server's id of it
    sha256 TEXT NOT NULL,
    parts TEXT NOT NULL             -- JSON: what the server said of each part
) STRICT;

CREATE TABLE archive_cursor(
    camera TEXT PRIMARY KEY,
    until_ns INTEGER NOT NULL       -- items were made for everything before this
) STRICT, WITHOUT ROWID;
";
