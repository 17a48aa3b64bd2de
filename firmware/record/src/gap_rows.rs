//! The rows of the gap ledger. Every function works on a connection it is given.

use crate::catalogue::{known_stream, stream_number};
use crate::ledger::Gap;
use heron_core::{GapReason, StreamKey, WallTime};
use heron_store::Result;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

/// What is left of a gap beside footage that was found afterwards: less than a few pictures is nothing.
const LEAST_LEFT_NANOS: i64 = 500_000_000;

fn gap(row: &Row<'_>) -> rusqlite::Result<Gap> {
    let reason: String = row.get(3)?;
    Ok(Gap {
        id: row.get(0)?,
        start: WallTime(row.get(1)?),
        end: row.get::<_, Option<i64>>(2)?.map(WallTime),
        reason: reason
            .parse::<GapReason>()
            .map_err(|e| rusqlite::Error::FromSqlConversionFailure(3, Type::Text, e.into()))?,
    })
}

/// Writes a gap's row, new or anew.
pub(crate) fn put(conn: &Connection, stream: StreamKey, g: &Gap) -> Result<()> {
    let stream = stream_number(conn, stream)?;
    conn.prepare_cached(
        "INSERT INTO record_gap(id, stream, start_ns, end_ns, reason) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT(id) DO UPDATE SET end_ns = excluded.end_ns",
    )?
    .execute((g.id, stream, g.start.0, g.end.map(|e| e.0), g.reason.as_str()))?;
    Ok(())
}

/// Removes a gap that turned out to have no length.
pub(crate) fn forget(conn: &Connection, id: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM record_gap WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Removes the row that said of exactly this footage that it was damaged: its file is there again.
pub(crate) fn forget_damaged(
    conn: &Connection,
    stream: StreamKey,
    start: WallTime,
    end: WallTime,
) -> Result<()> {
    let stream = stream_number(conn, stream)?;
    conn.prepare_cached(
        "DELETE FROM record_gap WHERE stream = ?1 AND reason = ?2 AND start_ns = ?3 AND end_ns = ?4",
    )?
    .execute((stream, GapReason::Damaged.as_str(), start.0, end.0))?;
    Ok(())
}

/// Rows that begin before a range and may reach into it: gaps of a stream follow one another, so it is the newest of
/// them, and where the clock was set back a few.
const REACHING: u32 = 16;

/// The gaps of a stream that overlap `start..end`, in order of start. Looks at the rows of the range alone: in the modes
/// that wait for events there is one for every quiet period, half a million in a year of a busy place.
pub(crate) fn overlapping(
    conn: &Connection,
    stream: StreamKey,
    start: WallTime,
    end: WallTime,
) -> Result<Vec<Gap>> {
    let mut rows = newest(conn, stream, start, end, (WallTime(i64::MAX), i64::MAX), usize::MAX)?;
    rows.reverse();
    Ok(rows)
}

/// At most `limit` gaps of a stream that overlap `start..end` and come before the start and id in `before`, newest first.
pub(crate) fn newest(
    conn: &Connection,
    stream: StreamKey,
    start: WallTime,
    end: WallTime,
    before: (WallTime, i64),
    limit: usize,
) -> Result<Vec<Gap>> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(Vec::new()) };
    let mut within = conn.prepare_cached(
        "SELECT id, start_ns, end_ns, reason FROM record_gap
         WHERE stream = ?1 AND start_ns >= ?2 AND start_ns < ?3 AND (start_ns, id) < (?4, ?5)
         ORDER BY start_ns DESC, id DESC LIMIT ?6",
    )?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let parameters = (stream, start.0, end.0, before.0.0, before.1, most);
    let mut rows: Vec<Gap> = within.query_map(parameters, gap)?.collect::<rusqlite::Result<_>>()?;
    if rows.len() < limit {
        let mut reaching = conn.prepare_cached(
            "SELECT * FROM (SELECT id, start_ns, end_ns, reason FROM record_gap WHERE stream = ?1 AND start_ns < ?2
                ORDER BY start_ns DESC, id DESC LIMIT ?3)
             WHERE (end_ns IS NULL OR end_ns > ?2) AND (start_ns, id) < (?4, ?5)",
        )?;
        let parameters = (stream, start.0, REACHING, before.0.0, before.1);
        let more = reaching.query_map(parameters, gap)?.collect::<rusqlite::Result<Vec<_>>>()?;
        rows.extend(more.into_iter().take(limit - rows.len()));
    }
    Ok(rows)
}

/// The gap of a stream that has not ended.
pub(crate) fn open(conn: &Connection, stream: StreamKey) -> Result<Option<Gap>> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(None) };
    Ok(conn
        .prepare_cached(
            "SELECT id, start_ns, end_ns, reason FROM record_gap WHERE stream = ?1 AND end_ns IS NULL
             ORDER BY start_ns DESC LIMIT 1",
        )?
        .query_row([stream], gap)
        .optional()?)
}

/// When the last ended gap of a stream ended.
pub(crate) fn last_end(conn: &Connection, stream: StreamKey) -> Result<Option<WallTime>> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(None) };
    let end: Option<i64> = conn
        .prepare_cached("SELECT max(end_ns) FROM record_gap WHERE stream = ?1")?
        .query_row([stream], |r| r.get(0))?;
    Ok(end.map(WallTime))
}

/// Removes gaps that ended before `before`.
pub(crate) fn prune(conn: &Connection, before: WallTime) -> Result<usize> {
    Ok(conn.prepare_cached("DELETE FROM record_gap WHERE end_ns < ?1")?.execute([before.0])?)
}

/// Footage of `filled_from..filled_until` was found afterwards: the rows of gaps that have ended shrink to what is still
/// missing, in two when it is in their middle.
pub(crate) fn fill(
    conn: &Connection,
    stream: StreamKey,
    filled_from: WallTime,
    filled_until: WallTime,
    next_id: &mut dyn FnMut() -> i64,
) -> Result<()> {
    for gap in overlapping(conn, stream, filled_from, filled_until)? {
        let Some(end) = gap.end else { continue };
        forget(conn, gap.id)?;
        let mut id = Some(gap.id);
        for (start, end) in [(gap.start, filled_from), (filled_until, end)] {
            if end.nanos_since(start) > LEAST_LEFT_NANOS {
                let rest = Gap {
                    id: id.take().unwrap_or_else(&mut *next_id),
                    start,
                    end: Some(end),
                    reason: gap.reason,
                };
                put(conn, stream, &rest)?;
            }
        }
    }
    Ok(())
}
