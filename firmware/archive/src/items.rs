//! What waits to be archived: ranges of a stream.

use crate::{ArchiveError, Result};
use heron_core::{CameraId, StreamKey, StreamKind, WallTime};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::str::FromStr;

/// Most items that wait: a busy box has 10,000 alarms in an outage of days; 300 bytes each, 30 MB.
pub const MOST_ITEMS: i64 = 100_000;
/// Items that are done and still shown.
const MOST_DONE: i64 = 1000;
/// Longest range of one job: a month of one stream.
const LONGEST_JOB_NANOS: i64 = 31 * 86_400 * 1_000_000_000;

/// What has become of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemState {
    /// Not everything of it is stored yet.
    Waiting,
    /// All of it is stored that was recorded.
    Stored,
    /// Nothing was recorded in its range, or it was gone before it could be stored.
    Nothing,
}

/// A range of a stream that is to be archived.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// Its number.
    pub id: i64,
    /// The camera.
    pub camera: CameraId,
    /// Which stream of it.
    pub stream: StreamKind,
    /// From when.
    pub start: WallTime,
    /// Until when, exclusive.
    pub end: WallTime,
    /// `job`, `camera`, or the id of the event it belongs to.
    pub why: String,
    /// When it was asked for.
    pub made: WallTime,
    /// What has become of it.
    pub state: ItemState,
    /// Tries that failed.
    pub attempts: u32,
    /// Recorded files stored for it.
    pub files: u32,
    /// Why the last try failed.
    pub problem: Option<String>,
}

/// A range that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// The camera.
    pub camera: CameraId,
    /// Which stream of it.
    #[serde(default = "main")]
    pub stream: StreamKind,
    /// From when.
    pub start: WallTime,
    /// Until when, exclusive; at most 31 days later, and not in the future.
    pub end: WallTime,
}

fn main() -> StreamKind {
    StreamKind::Main
}

impl NewJob {
    /// Checks the range against `now`.
    pub(crate) fn checked(&self, now: WallTime) -> Result<()> {
        if self.end <= self.start {
            return Err(ArchiveError::invalid("end", "must be after start"));
        }
        if self.end.nanos_since(self.start) > LONGEST_JOB_NANOS {
            return Err(ArchiveError::invalid(
                "end",
                "must be at most 31 days after start; ask for several ranges",
            ));
        }
        if self.end > now {
            return Err(ArchiveError::invalid("end", format!("must not be in the future; it is {now} now")));
        }
        Ok(())
    }
}

const COLUMNS: &str = "id, camera, kind, start_ns, end_ns, why, made_ns, state, attempts, files, problem";

/// A column whose text must read as a `T`.
pub(crate) fn parsed<T: FromStr<Err: Display>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|e: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("{text:?}: {e}").into())
    })
}

fn item(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        id: row.get(0)?,
        camera: parsed(row, 1)?,
        stream: parsed(row, 2)?,
        start: WallTime(row.get(3)?),
        end: WallTime(row.get(4)?),
        why: row.get(5)?,
        made: WallTime(row.get(6)?),
        state: match row.get(7)? {
            0i64 => ItemState::Waiting,
            1 => ItemState::Stored,
            _ => ItemState::Nothing,
        },
        attempts: row.get(8)?,
        files: row.get(9)?,
        problem: row.get(10)?,
    })
}

impl Item {
    pub(crate) fn key(&self) -> StreamKey {
        StreamKey::new(self.camera, self.stream)
    }
}

/// How many wait.
pub(crate) fn waiting(conn: &Connection) -> heron_store::Result<i64> {
    Ok(conn.query_row("SELECT count(*) FROM archive_item WHERE state = 0", (), |r| r.get(0))?)
}

/// Puts a range in the queue. Asking again for the same gives the same number. `None` when too many wait.
pub(crate) fn put(
    conn: &Connection,
    job: &NewJob,
    why: &str,
    now: WallTime,
) -> heron_store::Result<Option<i64>> {
    let same = (job.camera.to_string(), job.stream.as_str(), job.start.0, job.end.0, why);
    let known = conn
        .prepare_cached(
            "SELECT id FROM archive_item WHERE camera = ?1 AND kind = ?2 AND start_ns = ?3 AND end_ns = ?4 AND why = ?5",
        )?
        .query_row(same.clone(), |r| r.get(0))
        .optional()?;
    if known.is_some() {
        return Ok(known);
    }
    if waiting(conn)? >= MOST_ITEMS {
        return Ok(None);
    }
    conn.prepare_cached(
        "INSERT INTO archive_item(camera, kind, start_ns, end_ns, why, made_ns, state, attempts, due_ns, files)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?6, 0)",
    )?
    .execute((same.0, same.1, same.2, same.3, same.4, now.0))?;
    Ok(Some(conn.last_insert_rowid()))
}

/// The next item that is due.
pub(crate) fn next(conn: &Connection, now: WallTime) -> heron_store::Result<Option<Item>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM archive_item WHERE state = 0 AND due_ns <= ?1 ORDER BY due_ns, id LIMIT 1"
    );
    Ok(conn.prepare_cached(&sql)?.query_row([now.0], item).optional()?)
}

/// One item.
pub(crate) fn get(conn: &Connection, id: i64) -> heron_store::Result<Option<Item>> {
    let sql = format!("SELECT {COLUMNS} FROM archive_item WHERE id = ?1");
    Ok(conn.prepare_cached(&sql)?.query_row([id], item).optional()?)
}

/// Newest first, before `before`.
pub(crate) fn list(conn: &Connection, before: i64, limit: u32) -> heron_store::Result<Vec<Item>> {
    let sql = format!("SELECT {COLUMNS} FROM archive_item WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_map((before, limit), item)?.collect::<rusqlite::Result<_>>()?)
}

/// It is not done yet: tried again at `due`.
pub(crate) fn postpone(
    conn: &Connection,
    id: i64,
    due: WallTime,
    problem: Option<&str>,
) -> heron_store::Result<()> {
    conn.prepare_cached(
        "UPDATE archive_item SET due_ns = ?2, problem = ?3, attempts = attempts + (?3 IS NOT NULL) WHERE id = ?1",
    )?
    .execute((id, due.0, problem))?;
    Ok(())
}

/// It is done; only the newest of those are kept.
pub(crate) fn finish(conn: &Connection, id: i64, files: u32) -> heron_store::Result<()> {
    conn.prepare_cached("UPDATE archive_item SET state = ?2, files = ?3, problem = NULL WHERE id = ?1")?
        .execute((id, if files > 0 { 1 } else { 2 }, files))?;
    conn.prepare_cached(
        "DELETE FROM archive_item WHERE state <> 0 AND id <= (SELECT id FROM archive_item WHERE state <> 0
         ORDER BY id DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([MOST_DONE])?;
    Ok(())
}

/// Takes an item out of the queue. Whether there was one.
pub(crate) fn remove(conn: &Connection, id: i64) -> heron_store::Result<bool> {
    Ok(conn.prepare_cached("DELETE FROM archive_item WHERE id = ?1")?.execute([id])? > 0)
}

/// Up to when items were made for everything of a camera.
pub(crate) fn cursor(conn: &Connection, camera: CameraId) -> heron_store::Result<Option<WallTime>> {
    Ok(conn
        .prepare_cached("SELECT until_ns FROM archive_cursor WHERE camera = ?1")?
        .query_row([camera.to_string()], |r| r.get(0))
        .optional()?
        .map(WallTime))
}

/// Items were made for everything of a camera up to `until`.
pub(crate) fn move_cursor(conn: &Connection, camera: CameraId, until: WallTime) -> heron_store::Result<()> {
    conn.prepare_cached(
        "INSERT INTO archive_cursor VALUES (?1, ?2) ON CONFLICT DO UPDATE SET until_ns = excluded.until_ns",
    )?
    .execute((camera.to_string(), until.0))?;
    Ok(())
}
