//! What may go, what went, and what there is in all.

use super::{Segment, VolumeId, known_stream, parsed, query, remove};
use heron_core::{StreamKey, WallTime};
use heron_store::Result;
use rusqlite::{Connection, OptionalExtension};

/// Removes the row of a segment that retention deleted, and remembers that the stream's footage before its end is
/// gone by policy; of a second copy nothing is remembered, for its original may be there.
pub(crate) fn expire(conn: &Connection, id: i64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE record_stream SET expired_until_ns = max(ifnull(expired_until_ns, s.end_ns), s.end_ns)
         FROM (SELECT stream, end_ns FROM record_segment WHERE id = ?1 AND origin <> 2) s
         WHERE record_stream.id = s.stream",
    )?
    .execute([id])?;
    remove(conn, id)
}

/// The streams that have footage on a volume: number and name.
pub(crate) fn streams_on(conn: &Connection, volume: VolumeId) -> Result<Vec<(i64, StreamKey)>> {
    let mut statement = conn.prepare_cached(
        "SELECT t.id, t.camera, t.kind FROM record_total n JOIN record_stream t ON t.id = n.stream
         JOIN record_volume v ON v.id = n.volume WHERE v.uuid = ?1 AND n.segments > 0",
    )?;
    let rows = statement
        .query_map([volume.to_string()], |r| Ok((r.get(0)?, StreamKey::new(parsed(r, 1)?, parsed(r, 2)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Segments of a stream on a volume that nothing keeps but their age: not locked, not open, of no event; those that ended
/// before `before` and began after `after`, oldest first.
pub(crate) fn loose(
    conn: &Connection,
    volume: VolumeId,
    stream: i64,
    (after, before): (WallTime, WallTime),
    limit: u32,
) -> Result<Vec<Segment>> {
    query(
        conn,
        "WHERE s.volume = (SELECT id FROM record_volume WHERE uuid = ?1) AND s.stream = ?2 AND s.locked = 0
         AND s.hold_ns = 0 AND s.state <> 0 AND s.start_ns > ?3 AND s.start_ns < ?4 AND s.end_ns <= ?4
         ORDER BY s.start_ns LIMIT ?5",
        (volume.to_string(), stream, after.0, before.0, limit),
    )
}

/// Whether nothing keeps a segment but its age: it is there, closed, not locked and of no event.
pub(crate) fn is_loose(conn: &Connection, id: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS(SELECT 1 FROM record_segment WHERE id = ?1 AND locked = 0 AND hold_ns = 0 AND state = 1)",
        )?
        .query_row([id], |r| r.get(0))?)
}

/// Footage of events whose time is over is deletable like any other. How many segments that were.
pub(crate) fn release_holds(conn: &Connection, now: WallTime, limit: u32) -> Result<usize> {
    Ok(conn
        .prepare_cached(
            "UPDATE record_segment SET hold_ns = 0 WHERE id IN (SELECT id FROM record_segment
             WHERE hold_ns > 0 AND hold_ns <= ?1 ORDER BY hold_ns LIMIT ?2)",
        )?
        .execute((now.0, limit))?)
}

/// Why there is nothing to delete on a volume: whether something is locked, and whether an event keeps something.
pub(crate) fn kept_on(conn: &Connection, volume: VolumeId) -> Result<(bool, bool)> {
    Ok(conn.query_row(
        "SELECT EXISTS(SELECT 1 FROM record_segment INDEXED BY record_segment_locked
            WHERE volume = v.id AND locked <> 0),
         EXISTS(SELECT 1 FROM record_segment WHERE hold_ns > 0 AND volume = v.id)
         FROM record_volume v WHERE v.uuid = ?1",
        [volume.to_string()],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )?)
}

/// The oldest segments of a stream on a volume that ended before `before` and are not locked, events or not.
pub(crate) fn older_than(
    conn: &Connection,
    volume: VolumeId,
    stream: i64,
    before: WallTime,
    limit: u32,
) -> Result<Vec<Segment>> {
    query(
        conn,
        "WHERE s.stream = ?2 AND s.start_ns < ?3 AND s.end_ns < ?3 AND s.locked = 0 AND s.state <> 0
         AND s.volume = (SELECT id FROM record_volume WHERE uuid = ?1) ORDER BY s.start_ns LIMIT ?4",
        (volume.to_string(), stream, before.0, limit),
    )
}

/// Up to where retention has deleted a stream's footage.
pub(crate) fn expired_until(conn: &Connection, stream: StreamKey) -> Result<Option<WallTime>> {
    let found: Option<Option<i64>> = conn
        .prepare_cached("SELECT expired_until_ns FROM record_stream WHERE camera = ?1 AND kind = ?2")?
        .query_row((stream.camera.to_string(), stream.kind.as_str()), |r| r.get(0))
        .optional()?;
    Ok(found.flatten().map(WallTime))
}

/// What lies on a volume of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) stream: StreamKey,
    pub(crate) volume: VolumeId,
    pub(crate) segments: u64,
    pub(crate) bytes: u64,
}

/// Sums by volume and stream, kept by triggers.
pub(crate) fn totals(conn: &Connection) -> Result<Vec<Total>> {
    totals_of(conn, "record_total")
}

fn totals_of(conn: &Connection, table: &str) -> Result<Vec<Total>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT t.camera, t.kind, v.uuid, n.segments, n.bytes FROM {table} n
         JOIN record_stream t ON t.id = n.stream JOIN record_volume v ON v.id = n.volume WHERE n.segments > 0"
    ))?;
    let rows = statement.query_map((), |r| {
        Ok(Total {
            stream: StreamKey::new(parsed(r, 0)?, parsed(r, 1)?),
            volume: VolumeId(parsed(r, 2)?),
            segments: r.get::<_, i64>(3)?.max(0) as u64,
            bytes: r.get::<_, i64>(4)?.max(0) as u64,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What the rows of these segments say that they take together.
pub(crate) fn bytes_of(conn: &Connection, ids: impl IntoIterator<Item = i64>) -> Result<u64> {
    let mut statement = conn.prepare_cached("SELECT bytes FROM record_segment WHERE id = ?1")?;
    let mut sum = 0;
    for id in ids {
        sum += statement.query_row([id], |r| r.get::<_, i64>(0)).optional()?.unwrap_or(0).max(0) as u64;
    }
    Ok(sum)
}

/// First start on a volume and last start on it.
pub(crate) fn volume_extent(conn: &Connection, volume: VolumeId) -> Result<Option<(WallTime, WallTime)>> {
    let Some(number) = conn
        .prepare_cached("SELECT id FROM record_volume WHERE uuid = ?1")?
        .query_row([volume.to_string()], |r| r.get::<_, i64>(0))
        .optional()?
    else {
        return Ok(None);
    };
    let edge = |order: &str| -> Result<Option<i64>> {
        Ok(conn
            .prepare_cached(&format!(
                "SELECT start_ns FROM record_segment WHERE volume = ?1 AND locked = 0 AND state <> 0
                 ORDER BY start_ns {order} LIMIT 1"
            ))?
            .query_row([number], |r| r.get(0))
            .optional()?)
    };
    Ok(edge("ASC")?.zip(edge("DESC")?).map(|(a, b)| (WallTime(a), WallTime(b))))
}

/// Sums of second copies by volume and stream, kept by triggers; they are in [`totals`] too.
pub(crate) fn copy_totals(conn: &Connection) -> Result<Vec<Total>> {
    totals_of(conn, "record_copy_total")
}

/// What is locked on a volume, bytes.
pub(crate) fn locked_bytes(conn: &Connection, volume: VolumeId) -> Result<u64> {
    let bytes: i64 = conn.query_row(
        "SELECT ifnull(sum(bytes), 0) FROM record_segment INDEXED BY record_segment_locked
         WHERE locked <> 0 AND volume = (SELECT id FROM record_volume WHERE uuid = ?1)",
        [volume.to_string()],
        |r| r.get(0),
    )?;
    Ok(bytes.max(0) as u64)
}

/// What of a stream ended before `before` and is neither locked nor a second copy, bytes; `None` when more than `most`
/// segments would have to be looked at.
pub(crate) fn bytes_older(
    conn: &Connection,
    stream: StreamKey,
    before: WallTime,
    most: u64,
) -> Result<Option<u64>> {
    let Some(number) = known_stream(conn, stream)? else { return Ok(Some(0)) };
    let (rows, bytes): (i64, i64) = conn
        .prepare_cached(
            "SELECT count(*), ifnull(sum(iif(locked = 0 AND origin <> 2 AND end_ns < ?2, bytes, 0)), 0)
             FROM (SELECT * FROM record_segment WHERE stream = ?1 AND start_ns < ?2 ORDER BY start_ns LIMIT ?3)",
        )?
        .query_row((number, before.0, most as i64 + 1), |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok((rows as u64 <= most).then_some(bytes.max(0) as u64))
}
