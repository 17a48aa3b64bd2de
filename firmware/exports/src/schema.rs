//! This room's tables.

use heron_store::Migrations;

/// This room's tables, for `Store::open`.
pub const MIGRATIONS: Migrations = Migrations { room: "exports", steps: &[FIRST] };

const FIRST: &str = "
CREATE TABLE exports_job(
    id BLOB PRIMARY KEY,            -- UUID version 7: sorts by when it was asked for
    state TEXT NOT NULL,
    request TEXT NOT NULL,          -- JSON: what was asked for
    owner BLOB NOT NULL,            -- the account's UUID
    created_by TEXT NOT NULL,       -- and its name at that time
    created_ns INTEGER NOT NULL,
    finished_ns INTEGER,
    expires_ns INTEGER,
    volume TEXT,                    -- where its file lies, UUID
    bytes_done INTEGER NOT NULL,
    bytes_total INTEGER NOT NULL,
    checked INTEGER NOT NULL,       -- bytes read back after writing
    error TEXT,
    remarks TEXT NOT NULL,          -- JSON: what went differently
    file_name TEXT,
    file_bytes INTEGER,
    file_sha256 TEXT
) STRICT;
CREATE INDEX exports_job_state ON exports_job(state);

CREATE TABLE exports_part(
    job BLOB NOT NULL REFERENCES exports_job(id) ON DELETE CASCADE,
    n INTEGER NOT NULL,             -- from 0, in the order of the file
    camera INTEGER NOT NULL,        -- index in the request's cameras
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    name TEXT NOT NULL,             -- its path in the export
    estimate INTEGER NOT NULL,      -- bytes, before it was planned
    state TEXT NOT NULL,            -- waiting, open, done
    at INTEGER NOT NULL,            -- where its bytes begin in the file
    bytes INTEGER NOT NULL,         -- planned length
    etag TEXT NOT NULL,             -- of the plan
    done INTEGER NOT NULL,          -- bytes that are written and synced
    crc INTEGER NOT NULL,           -- CRC-32 of these
    sha256 TEXT,                    -- of all, once done
    info TEXT,                      -- JSON: spans and gaps, once done
    PRIMARY KEY(job, n)
) STRICT, WITHOUT ROWID;
";
