//! Opening the file: who may read it, how SQLite is set up, whether it is ours.

use crate::options::StoreOptions;
use crate::{Result, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// `PRAGMA application_id`: "HERN" in ASCII.
const APPLICATION_ID: i64 = 0x4845_524e;

/// Every SQLite file begins with these 16 bytes.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Opens the writing connection, creating the file (mode 0600: it holds password hashes) when it is not
/// there.
pub(crate) fn writer(path: &Path, options: &StoreOptions) -> Result<Connection> {
    fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| StoreError::CannotOpen { path: path.to_owned(), reason: e.to_string() })?;
    refuse_foreign_bytes(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|e| at(path, e.into()))?;
    set_up_writer(&conn, path, options).map_err(|e| at(path, e))?;
    Ok(conn)
}

fn set_up_writer(conn: &Connection, path: &Path, options: &StoreOptions) -> Result<()> {
    conn.busy_timeout(options.busy_timeout)?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    let id: i64 = conn.query_row("PRAGMA application_id", [], |r| r.get(0))?;
    if tables == 0 {
        // Before the first table, or it has no effect.
        conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
        conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    } else if id != APPLICATION_ID {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
            detail: format!("it is an SQLite database of another program (application id {id:#x})"),
        });
    }
    // WAL: readers never wait for the writer. NORMAL: see invariant 4. 8 MiB of page cache for the writer;
    // the WAL file is cut back to 16 MiB after a burst. No mmap: an I/O error would be a SIGBUS.
    conn.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL;
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -8192;
         PRAGMA journal_size_limit = 16777216;
         PRAGMA mmap_size = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;",
    )?;
    conn.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Opens one read-only connection.
pub(crate) fn reader(path: &Path, options: &StoreOptions) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|e| at(path, e.into()))?;
    conn.busy_timeout(options.busy_timeout)?;
    conn.execute_batch(
        "PRAGMA query_only = ON;
         PRAGMA cache_size = -2048;
         PRAGMA mmap_size = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;",
    )
    .map_err(|e| at(path, e.into()))?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// SQLite takes up to 511 bytes of anything for an empty database; we do not.
fn refuse_foreign_bytes(path: &Path) -> Result<()> {
    let mut head = Vec::with_capacity(16);
    fs::File::open(path)
        .and_then(|f| f.take(16).read_to_end(&mut head))
        .map_err(|e| StoreError::CannotOpen { path: path.to_owned(), reason: e.to_string() })?;
    if head.is_empty() || head == MAGIC {
        return Ok(());
    }
    Err(StoreError::Foreign {
        path: path.to_owned(),
        detail: "it does not begin as an SQLite database does".to_owned(),
    })
}

/// `PRAGMA quick_check` (structure of every page and row) or the full `integrity_check` (indexes against
/// tables too).
pub(crate) fn check(conn: &Connection, path: &Path, full: bool) -> Result<()> {
    let sql = if full { "PRAGMA integrity_check(10)" } else { "PRAGMA quick_check(10)" };
    let found: Vec<String> = conn
        .prepare(sql)
        .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
        .map_err(|e| at(path, e.into()))?;
    if found.len() == 1 && found[0] == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged { path: path.to_owned(), detail: found.join("; ") })
}

/// Puts the path into errors that SQLite reports without one.
pub(crate) fn at(path: &Path, e: StoreError) -> StoreError {
    let path = path.to_owned();
    match e {
        StoreError::Damaged { detail, .. } => StoreError::Damaged { path, detail },
        StoreError::Foreign { detail, .. } => StoreError::Foreign { path, detail },
        StoreError::CannotOpen { reason, .. } => StoreError::CannotOpen { path, reason },
        other => other,
    }
}
