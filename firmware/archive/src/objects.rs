//! What is stored in the bucket.

use crate::items::parsed;
use crate::playlist::Part;
use heron_core::{CameraId, StreamKey, StreamKind, WallTime};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

/// Longest recorded file: what a query looks back for.
const LONGEST_NANOS: i64 = 2 * 3600 * 1_000_000_000;
/// Objects in one answer: a day of minutes.
pub(crate) const MOST_IN_ANSWER: usize = 1500;

/// A recorded file in the bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Object {
    /// Its number here.
    pub id: i64,
    /// The camera.
    pub camera: CameraId,
    /// Which stream of it.
    pub stream: StreamKind,
    /// First picture.
    pub start: WallTime,
    /// End of the last picture.
    pub end: WallTime,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of all of it, hexadecimal.
    pub sha256: String,
    /// Where it lies in the bucket.
    pub key: String,
    /// When it was stored.
    pub stored: WallTime,
    /// The file's init segment.
    #[serde(skip)]
    pub init: Vec<u8>,
    /// What a playlist says of it.
    #[serde(skip)]
    pub parts: Vec<Part>,
}

const COLUMNS: &str = "id, camera, kind, start_ns, end_ns, bytes, sha256, key, stored_ns, init, parts";

fn object(row: &Row<'_>) -> rusqlite::Result<Object> {
    let odd = |column: usize, what: String| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
    };
    Ok(Object {
        id: row.get(0)?,
        camera: parsed(row, 1)?,
        stream: parsed(row, 2)?,
        start: WallTime(row.get(3)?),
        end: WallTime(row.get(4)?),
        bytes: row.get::<_, i64>(5)?.max(0) as u64,
        sha256: row.get(6)?,
        key: row.get(7)?,
        stored: WallTime(row.get(8)?),
        init: row.get(9)?,
        parts: serde_json::from_str(&row.get::<_, String>(10)?).map_err(|e| odd(10, e.to_string()))?,
    })
}

/// Notes that an object is stored at `place`; its `id` is not looked at.
pub(crate) fn put(conn: &Connection, place: &str, o: &Object) -> heron_store::Result<()> {
    let parts = serde_json::to_string(&o.parts).unwrap_or_else(|_| "[]".into());
    conn.prepare_cached(
        "INSERT INTO archive_object(place, key, camera, kind, start_ns, end_ns, bytes, sha256, init, parts, stored_ns)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT(place, key) DO UPDATE SET end_ns = excluded.end_ns, bytes = excluded.bytes,
            sha256 = excluded.sha256, init = excluded.init, parts = excluded.parts, stored_ns = excluded.stored_ns",
    )?
    .execute((
        place,
        &o.key,
        o.camera.to_string(),
        o.stream.as_str(),
        o.start.0,
        o.end.0,
        i64::try_from(o.bytes).unwrap_or(i64::MAX),
        &o.sha256,
        &o.init,
        parts,
        o.stored.0,
    ))?;
    Ok(())
}

/// Whether a file of this key and length is stored at `place`.
pub(crate) fn is_stored(conn: &Connection, place: &str, key: &str, bytes: u64) -> heron_store::Result<bool> {
    let found: Option<i64> = conn
        .prepare_cached("SELECT bytes FROM archive_object WHERE place = ?1 AND key = ?2")?
        .query_row((place, key), |r| r.get(0))
        .optional()?;
    Ok(found.is_some_and(|b| b.max(0) as u64 == bytes))
}

/// One object.
pub(crate) fn get(conn: &Connection, place: &str, id: i64) -> heron_store::Result<Option<Object>> {
    let sql = format!("SELECT {COLUMNS} FROM archive_object WHERE place = ?1 AND id = ?2");
    Ok(conn.prepare_cached(&sql)?.query_row((place, id), object).optional()?)
}

/// The objects of a stream that overlap `start..end`, in order of start.
pub(crate) fn overlapping(
    conn: &Connection,
    place: &str,
    stream: StreamKey,
    start: WallTime,
    end: WallTime,
) -> heron_store::Result<Vec<Object>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM archive_object WHERE place = ?1 AND camera = ?2 AND kind = ?3 AND start_ns >= ?4
         AND start_ns < ?6 AND end_ns > ?5 ORDER BY start_ns LIMIT {MOST_IN_ANSWER}"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let from = start.0.saturating_sub(LONGEST_NANOS);
    let camera = stream.camera.to_string();
    let rows = statement.query_map((place, camera, stream.kind.as_str(), from, start.0, end.0), object)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many there are at `place`, and their length in all.
pub(crate) fn totals(conn: &Connection, place: &str) -> heron_store::Result<(u64, u64)> {
    Ok(conn
        .prepare_cached("SELECT count(*), ifnull(sum(bytes), 0) FROM archive_object WHERE place = ?1")?
        .query_row([place], |r| Ok((r.get::<_, i64>(0)?.max(0) as u64, r.get::<_, i64>(1)?.max(0) as u64)))?)
}
