//! Rooms bring their tables; each step runs once, in order, in a transaction.

use crate::{Result, StoreError};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// A room's tables as a list of steps. Step `n` (from 1) brings the room from version `n - 1` to `n`. Steps
/// that have been released are never edited; a change is a new step.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// The room's name, also the prefix of its tables.
    pub room: &'static str,
    /// SQL of each step; may hold several statements.
    pub steps: &'static [&'static str],
}

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS store_versions(
    room TEXT PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID";

/// Brings every room's tables up to date. Refuses before it changes anything when one room is newer than
/// known.
pub(crate) fn migrate(conn: &mut Connection, rooms: &[Migrations]) -> Result<()> {
    conn.execute_batch(VERSIONS)?;
    let mut from = Vec::with_capacity(rooms.len());
    for room in rooms {
        let found = version(conn, room.room)?;
        let known = room.steps.len() as i64;
        if found > known {
            return Err(StoreError::TooNew { room: room.room.to_owned(), found, known });
        }
        from.push(found);
    }
    for (room, found) in rooms.iter().zip(from) {
        for (i, sql) in room.steps.iter().enumerate().skip(found as usize) {
            let version = i as i64 + 1;
            step(conn, room.room, version, sql).map_err(|e| match StoreError::from(e) {
                e @ (StoreError::DiskFull
                | StoreError::ReadOnly(_)
                | StoreError::Io(_)
                | StoreError::Damaged { .. }) => e,
                e => StoreError::Migration { room: room.room.to_owned(), version, reason: e.to_string() },
            })?;
        }
    }
    Ok(())
}

fn step(conn: &mut Connection, room: &str, version: i64, sql: &str) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(sql)?;
    tx.execute(
        "INSERT INTO store_versions(room, version) VALUES (?1, ?2)
         ON CONFLICT(room) DO UPDATE SET version = excluded.version",
        (room, version),
    )?;
    tx.commit()
}

fn version(conn: &Connection, room: &str) -> Result<i64> {
    let found: Option<i64> = conn
        .query_row("SELECT version FROM store_versions WHERE room = ?1", [room], |r| r.get(0))
        .optional()?;
    Ok(found.unwrap_or(0).max(0))
}
