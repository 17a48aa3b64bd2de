//! Rows out, by stream, by volume and by time.

use super::days::{self, DAY_NANOS};
use super::{Segment, VolumeId, frame_nanos, known_stream, parsed, query};
use crate::layout::Origin;
use crate::timeline::Covered;
use heron_core::{StreamKey, WallTime};
use heron_store::{Result, StoreError};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// Longest segment that a query looks back for, beyond the last one that began before the range: overlapping
/// segments (clock set back) of up to this length are found.
const LOOK_BACK_NANOS: i64 = 2 * 3600 * 1_000_000_000;

/// Every stream that was ever recorded.
pub(crate) fn streams(conn: &Connection) -> Result<Vec<StreamKey>> {
    let mut statement = conn.prepare_cached("SELECT camera, kind FROM record_stream ORDER BY id")?;
    let rows = statement.query_map((), |r| Ok(StreamKey::new(parsed(r, 0)?, parsed(r, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The volumes last seen at `path`.
pub(crate) fn volumes_at(conn: &Connection, path: &Path) -> Result<Vec<VolumeId>> {
    let mut statement = conn.prepare_cached("SELECT uuid FROM record_volume WHERE path = ?1")?;
    let rows = statement.query_map([path.to_string_lossy()], |r| Ok(VolumeId(parsed(r, 0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One segment.
pub(crate) fn by_id(conn: &Connection, id: i64) -> Result<Option<Segment>> {
    Ok(query(conn, "WHERE s.id = ?1", [id])?.pop())
}

/// The segments of a stream that overlap `start..end`, in order of start.
pub(crate) fn overlapping(
    conn: &Connection,
    stream: StreamKey,
    start: WallTime,
    end: WallTime,
) -> Result<Vec<Segment>> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(Vec::new()) };
    let from = look_back(conn, stream, start)?;
    query(
        conn,
        "WHERE s.stream = ?1 AND s.start_ns >= ?2 AND s.start_ns < ?4 AND s.end_ns > ?3 ORDER BY s.start_ns, s.id",
        (stream, from, start.0, end.0),
    )
}

fn look_back(conn: &Connection, stream: i64, start: WallTime) -> Result<i64> {
    let last_before: Option<i64> = conn
        .prepare_cached("SELECT max(start_ns) FROM record_segment WHERE stream = ?1 AND start_ns <= ?2")?
        .query_row((stream, start.0), |r| r.get(0))?;
    let looked = start.0.saturating_sub(LOOK_BACK_NANOS);
    Ok(last_before.map_or(looked, |b| b.min(looked)))
}

/// The last segment of a stream that begins at or before `at` and is not damaged.
pub(crate) fn last_before(conn: &Connection, stream: StreamKey, at: WallTime) -> Result<Option<Segment>> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(None) };
    Ok(query(
        conn,
        "WHERE s.stream = ?1 AND s.start_ns <= ?2 AND s.state <> 2 ORDER BY s.start_ns DESC LIMIT 1",
        (stream, at.0),
    )?
    .pop())
}

/// Segments of a volume that were being written when the daemon died.
pub(crate) fn open_on(conn: &Connection, volume: VolumeId) -> Result<Vec<Segment>> {
    // Left to itself SQLite would walk the whole volume: 8 million rows where a few are open.
    query(
        conn,
        "WHERE s.id IN (SELECT id FROM record_segment INDEXED BY record_segment_open WHERE state = 0)
         AND v.uuid = ?1 ORDER BY s.start_ns",
        [volume.to_string()],
    )
}

/// Segments of a volume that begin in `start..end`, whatever the stream.
pub(crate) fn on_volume(
    conn: &Connection,
    volume: VolumeId,
    start: WallTime,
    end: WallTime,
) -> Result<Vec<Segment>> {
    query(
        conn,
        "WHERE v.uuid = ?1 AND s.start_ns >= ?2 AND s.start_ns < ?3 ORDER BY s.start_ns, s.id",
        (volume.to_string(), start.0, end.0),
    )
}

/// Greatest row ids in use (segments, gaps); zero when there are none.
pub(crate) fn last_ids(conn: &Connection) -> Result<(i64, i64)> {
    Ok(conn.query_row(
        "SELECT (SELECT ifnull(max(id), 0) FROM record_segment), (SELECT ifnull(max(id), 0) FROM record_gap)",
        (),
        |r| Ok((r.get(0)?, r.get(1)?)),
    )?)
}

/// First start and last end of a stream's footage.
pub(crate) fn extent(conn: &Connection, stream: StreamKey) -> Result<Option<(WallTime, WallTime)>> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(None) };
    let first: Option<i64> = conn
        .prepare_cached("SELECT min(start_ns) FROM record_segment WHERE stream = ?1")?
        .query_row([stream], |r| r.get(0))?;
    // The segment that starts last ends last, but for a clock that was set back.
    let last: Option<i64> = conn
        .prepare_cached("SELECT end_ns FROM record_segment WHERE stream = ?1 ORDER BY start_ns DESC LIMIT 1")?
        .query_row([stream], |r| r.get(0))
        .optional()?;
    Ok(first.zip(last).map(|(a, b)| (WallTime(a), WallTime(b))))
}

/// When the recorder was last known to run.
pub(crate) fn alive(conn: &Connection) -> Result<Option<WallTime>> {
    Ok(conn.query_row("SELECT at_ns FROM record_alive", (), |r| r.get(0)).optional()?.map(WallTime))
}

/// The UTC days (`YYYY-MM-DD`) on which segments of a volume begin.
pub(crate) fn days_on(conn: &Connection, volume: VolumeId) -> Result<Vec<String>> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT strftime('%Y-%m-%d', s.start_ns / 1000000000, 'unixepoch') FROM record_segment s
         JOIN record_volume v ON v.id = s.volume WHERE v.uuid = ?1",
    )?;
    let rows = statement.query_map([volume.to_string()], |r| r.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A stretch of a stream that is covered: a segment, or several of a day that touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The segment's row; `None` for several.
    pub(crate) id: Option<i64>,
    pub(crate) volume: VolumeId,
    pub(crate) covered: Covered,
}

/// As [`overlapping`], for the timeline: whole days come from their summaries ([`super::days`]) where there are any, and of
/// the rest only the index is read. Damaged segments are left out. In order of start, but for clocks that were set back.
pub(crate) fn covered(
    conn: &Connection,
    stream: StreamKey,
    start: WallTime,
    end: WallTime,
) -> Result<Vec<Run>> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(Vec::new()) };
    let volumes = days::volumes(conn)?;
    let mut out = Vec::new();
    let read = |out: &mut Vec<Run>, from: i64, to: i64| {
        rows(conn, stream, (WallTime(from), WallTime(to)), start, |id, volume, covered| {
            let volume = volumes.iter().find(|v| v.0 == volume).ok_or(StoreError::NoRow)?.1;
            out.push(Run { id: Some(id), volume, covered });
            Ok(())
        })
    };
    let mut from = look_back(conn, stream, start)?;
    // Days of which the range leaves nothing out. A summary cannot be clipped where two of its segments touch.
    let (first_day, last_day) = (start.0.div_euclid(DAY_NANOS) + 1, end.0.div_euclid(DAY_NANOS));
    if start.0 > 0 && first_day < last_day {
        for (day, mut runs) in days::summaries(conn, &volumes, stream, first_day, last_day)? {
            if from < day * DAY_NANOS {
                read(&mut out, from, day * DAY_NANOS)?;
            }
            out.append(&mut runs);
            from = (day + 1) * DAY_NANOS;
        }
    }
    read(&mut out, from, end.0)?;
    Ok(out)
}

/// The segments that begin in `begins` and end after `after`, in order of start: number, volume's number, extent.
pub(super) fn rows(
    conn: &Connection,
    stream: i64,
    begins: (WallTime, WallTime),
    after: WallTime,
    mut each: impl FnMut(i64, i64, Covered) -> Result<()>,
) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "SELECT id, volume, start_ns, end_ns, frames, origin
         FROM record_segment INDEXED BY record_segment_by_stream
         WHERE stream = ?1 AND start_ns >= ?2 AND start_ns < ?3 AND end_ns > ?4 AND state <> 2 ORDER BY start_ns",
    )?;
    let mut rows = statement.query((stream, begins.0.0, begins.1.0, after.0))?;
    while let Some(r) = rows.next()? {
        let (start, end) = (WallTime(r.get(2)?), WallTime(r.get(3)?));
        let frame_nanos = frame_nanos(start, end, r.get(4)?);
        let covered = Covered { start, end, frame_nanos, origin: Origin::of_code(r.get(5)?) };
        each(r.get(0)?, r.get(1)?, covered)?;
    }
    Ok(())
}
