//! What is to be copied and what has been.

use super::{Segment, VolumeId, known_stream, parsed, query, stream_number};
use crate::copies::MarkToCopy;
use heron_core::{StreamKey, WallTime};
use heron_store::Result;
use rusqlite::{Connection, OptionalExtension};

/// Up to where second copies of a stream were made: the start of the last segment that was copied.
pub(crate) fn mirrored_until(conn: &Connection, stream: StreamKey) -> Result<Option<WallTime>> {
    let found: Option<Option<i64>> = conn
        .prepare_cached("SELECT mirrored_until_ns FROM record_stream WHERE camera = ?1 AND kind = ?2")?
        .query_row((stream.camera.to_string(), stream.kind.as_str()), |r| r.get(0))
        .optional()?;
    Ok(found.flatten().map(WallTime))
}

/// Notes up to where second copies were made.
pub(crate) fn put_mirrored(conn: &Connection, stream: StreamKey, until: WallTime) -> Result<()> {
    let stream = stream_number(conn, stream)?;
    conn.prepare_cached("UPDATE record_stream SET mirrored_until_ns = ?2 WHERE id = ?1")?
        .execute((stream, until.0))?;
    Ok(())
}

/// Segments of a stream that are as they came, begin after `after`, and are not damaged; oldest first.
pub(crate) fn originals_after(
    conn: &Connection,
    stream: StreamKey,
    after: WallTime,
    limit: u32,
) -> Result<Vec<Segment>> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(Vec::new()) };
    query(
        conn,
        "WHERE s.stream = ?1 AND s.start_ns > ?2 AND s.state <> 2 AND s.origin IN (0, 1)
         ORDER BY s.start_ns LIMIT ?3",
        (stream, after.0, limit),
    )
}

/// Whether a volume has a copy of a segment.
pub(crate) fn has_copy(
    conn: &Connection,
    stream: StreamKey,
    start: WallTime,
    suffix: u32,
    volume: VolumeId,
) -> Result<bool> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(false) };
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS(SELECT 1 FROM record_segment s JOIN record_volume v ON v.id = s.volume
             WHERE s.stream = ?1 AND s.start_ns = ?2 AND s.suffix = ?3 AND v.uuid = ?4 AND s.origin = 2 AND s.state = 1)",
        )?
        .query_row((stream, start.0, suffix, volume.to_string()), |r| r.get(0))?)
}

/// Whether what thinning leaves of a segment is there already.
pub(crate) fn has_keys(conn: &Connection, stream: StreamKey, start: WallTime) -> Result<bool> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(false) };
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS(SELECT 1 FROM record_segment WHERE stream = ?1 AND start_ns = ?2 AND origin = 3 AND state = 1)",
        )?
        .query_row((stream, start.0), |r| r.get(0))?)
}

/// Marks of events that were over at `over` and whose footage was not copied yet.
pub(crate) fn marks_to_copy(conn: &Connection, over: WallTime, limit: u32) -> Result<Vec<MarkToCopy>> {
    let mut statement = conn.prepare_cached(
        "SELECT event, part, camera, start_ns, end_ns FROM record_mark WHERE copied = 0 AND end_ns <= ?1
         ORDER BY end_ns LIMIT ?2",
    )?;
    let rows = statement.query_map((over.0, limit), |r| {
        Ok(MarkToCopy {
            event: r.get(0)?,
            part: r.get(1)?,
            camera: parsed(r, 2)?,
            start: WallTime(r.get(3)?),
            end: WallTime(r.get(4)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The footage of a mark has been copied, or is not to be.
pub(crate) fn put_copied(conn: &Connection, event: &str, part: i64) -> Result<()> {
    conn.prepare_cached("UPDATE record_mark SET copied = 1 WHERE event = ?1 AND part = ?2")?
        .execute((event, part))?;
    Ok(())
}
