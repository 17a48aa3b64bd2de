//! What may go, what went, and what there is in all.

use super::{Segment, VolumeId, known_stream, parsed, query, remove};
use heron_core::{StreamKey, WallTime};
use heron_store::Result;
use rusqlite::{Connection, OptionalExtension};

/// Removes the row of a segment that retention deleted, and remembers that the stream's footage before its end is
/// gone by policy.
pub(crate) fn expire(conn: &Connection, id: i64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE record_stream SET expired_until_ns = max(ifnull(expired_until_ns, s.end_ns), s.end_ns)
         FROM (SELECT stream, end_ns FROM record_segment WHERE id = ?1) s WHERE record_stream.id = s.stream",
    )?
    .execute([id])?;
    remove(conn, id)
}

/// The oldest segments of a volume that may be deleted (not locked, not open).
pub(crate) fn oldest_deletable(conn: &Connection, volume: VolumeId, limit: u32) -> Result<Vec<Segment>> {
    query(
        conn,
        "WHERE v.uuid = ?1 AND s.locked = 0 AND s.state <> 0 ORDER BY s.start_ns LIMIT ?2",
        (volume.to_string(), limit),
    )
}

/// The oldest segments of a stream that may be deleted and ended before `before`.
pub(crate) fn older_than(
    conn: &Connection,
    stream: StreamKey,
    before: WallTime,
    limit: u32,
) -> Result<Vec<Segment>> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(Vec::new()) };
    query(
        conn,
        "WHERE s.stream = ?1 AND s.start_ns < ?2 AND s.end_ns < ?2 AND s.locked = 0 AND s.state <> 0
         ORDER BY s.start_ns LIMIT ?3",
        (stream, before.0, limit),
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
    let mut statement = conn.prepare_cached(
        "SELECT t.camera, t.kind, v.uuid, n.segments, n.bytes FROM record_total n
         JOIN record_stream t ON t.id = n.stream JOIN record_volume v ON v.id = n.volume WHERE n.segments > 0",
    )?;
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
