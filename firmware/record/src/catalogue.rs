//! The catalogue of segments: rows in, rows out. Every function works on a connection it is given.

use crate::layout::SegmentPlace;
use crate::timeline::Covered;
use heron_core::{AudioCodec, CameraId, StreamKey, StreamKind, VideoCodec, WallTime};
use heron_store::{Result, StoreError};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use std::fmt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// A volume's identity: the UUID in its marker file. It survives a change of mount point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VolumeId(pub Uuid);

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// What is in a segment's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFormat {
    /// RFC 6381 codec strings of video and audio, comma separated.
    pub codecs: String,
    /// The video codec.
    pub video: VideoCodec,
    /// The audio codec, if there is sound.
    pub audio: Option<AudioCodec>,
    /// Whether there is a metadata track.
    pub metadata: bool,
    /// Picture width in pixels.
    pub width: u16,
    /// Picture height in pixels.
    pub height: u16,
}

/// What has become of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentState {
    /// Being written (or it was, when the daemon died: recovery closes it).
    Open,
    /// Whole.
    Closed,
    /// Its file is missing or cannot be read.
    Damaged,
}

/// One recorded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Row id; never used again for another segment while the row exists.
    pub id: i64,
    /// The stream.
    pub stream: StreamKey,
    /// The volume it lies on.
    pub volume: VolumeId,
    /// Wall time of the first frame.
    pub start: WallTime,
    /// End of the last frame.
    pub end: WallTime,
    /// See [`SegmentPlace::suffix`].
    pub suffix: u32,
    /// Length of the file in bytes; of an open segment, what has been written.
    pub bytes: u64,
    /// The init segment is bytes `0..init_bytes`.
    pub init_bytes: u32,
    /// Video frames.
    pub frames: u32,
    /// What is in it.
    pub format: SegmentFormat,
    /// What has become of it.
    pub state: SegmentState,
    /// Never deleted by retention.
    pub locked: bool,
}

impl Segment {
    /// Its place on the volume.
    pub fn place(&self) -> SegmentPlace {
        SegmentPlace::new(self.stream, self.start, self.suffix)
    }
    /// Its path under the volume's root `root`.
    pub fn path(&self, root: &Path) -> PathBuf {
        root.join(self.place().relative_path())
    }
    /// Mean distance between frames, nanoseconds.
    pub fn frame_nanos(&self) -> i64 {
        frame_nanos(self.start, self.end, self.frames)
    }
    /// As the timeline sees it.
    pub fn covered(&self) -> Covered {
        Covered { start: self.start, end: self.end, frame_nanos: self.frame_nanos() }
    }
}

fn frame_nanos(start: WallTime, end: WallTime, frames: u32) -> i64 {
    end.nanos_since(start).max(0) / i64::from(frames.max(1))
}

fn state_code(state: SegmentState) -> i64 {
    match state {
        SegmentState::Open => 0,
        SegmentState::Closed => 1,
        SegmentState::Damaged => 2,
    }
}

/// Longest segment that a query looks back for, beyond the last one that began before the range: overlapping
/// segments (clock set back) of up to this length are found.
const LOOK_BACK_NANOS: i64 = 2 * 3600 * 1_000_000_000;

const SELECT: &str =
    "SELECT s.id, t.camera, t.kind, v.uuid, s.start_ns, s.end_ns, s.suffix, s.bytes, s.init_bytes,
    s.frames, f.codecs, f.video, f.audio, f.metadata, f.width, f.height, s.state, s.locked
    FROM record_segment s JOIN record_stream t ON t.id = s.stream JOIN record_volume v ON v.id = s.volume
    JOIN record_format f ON f.id = s.format";

fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: fmt::Display,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|e: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("{text:?}: {e}").into())
    })
}

fn named<T: Copy + fmt::Display>(all: &[T], text: &str, column: usize) -> rusqlite::Result<T> {
    all.iter().copied().find(|c| c.to_string() == text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("{text:?} is no codec").into())
    })
}

const VIDEO: [VideoCodec; 3] = [VideoCodec::H264, VideoCodec::H265, VideoCodec::Mjpeg];
const AUDIO: [AudioCodec; 4] = [AudioCodec::Aac, AudioCodec::G711a, AudioCodec::G711u, AudioCodec::Flac];

fn segment(row: &Row<'_>) -> rusqlite::Result<Segment> {
    let camera: CameraId = parsed(row, 1)?;
    let kind: StreamKind = parsed(row, 2)?;
    let audio: Option<String> = row.get(12)?;
    Ok(Segment {
        id: row.get(0)?,
        stream: StreamKey::new(camera, kind),
        volume: VolumeId(parsed(row, 3)?),
        start: WallTime(row.get(4)?),
        end: WallTime(row.get(5)?),
        suffix: row.get(6)?,
        bytes: row.get::<_, i64>(7)?.max(0) as u64,
        init_bytes: row.get(8)?,
        frames: row.get(9)?,
        format: SegmentFormat {
            codecs: row.get(10)?,
            video: named(&VIDEO, &row.get::<_, String>(11)?, 11)?,
            audio: audio.map(|a| named(&AUDIO, &a, 12)).transpose()?,
            metadata: row.get(13)?,
            width: row.get(14)?,
            height: row.get(15)?,
        },
        state: match row.get(16)? {
            0i64 => SegmentState::Open,
            1 => SegmentState::Closed,
            _ => SegmentState::Damaged,
        },
        locked: row.get(17)?,
    })
}

fn query(conn: &Connection, rest: &str, params: impl Params) -> Result<Vec<Segment>> {
    let mut statement = conn.prepare_cached(&format!("{SELECT} {rest}"))?;
    let rows = statement.query_map(params, segment)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

/// The stream's number; makes one when it has none.
pub(crate) fn stream_number(conn: &Connection, stream: StreamKey) -> Result<i64> {
    if let Some(n) = known_stream(conn, stream)? {
        return Ok(n);
    }
    conn.prepare_cached("INSERT INTO record_stream(camera, kind) VALUES (?1, ?2)")?
        .execute((stream.camera.to_string(), stream.kind.as_str()))?;
    Ok(conn.last_insert_rowid())
}

pub(crate) fn known_stream(conn: &Connection, stream: StreamKey) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT id FROM record_stream WHERE camera = ?1 AND kind = ?2")?
        .query_row((stream.camera.to_string(), stream.kind.as_str()), |r| r.get(0))
        .optional()?)
}

/// Every stream that was ever recorded.
pub(crate) fn streams(conn: &Connection) -> Result<Vec<StreamKey>> {
    let mut statement = conn.prepare_cached("SELECT camera, kind FROM record_stream ORDER BY id")?;
    let rows = statement.query_map((), |r| Ok(StreamKey::new(parsed(r, 0)?, parsed(r, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Notes where a volume is; its number.
pub(crate) fn volume_number(conn: &Connection, volume: VolumeId, path: Option<&Path>) -> Result<i64> {
    let known: Option<i64> = conn
        .prepare_cached("SELECT id FROM record_volume WHERE uuid = ?1")?
        .query_row([volume.to_string()], |r| r.get(0))
        .optional()?;
    let path = path.map(|p| p.to_string_lossy().into_owned());
    match (known, path) {
        (Some(n), None) => Ok(n),
        (Some(n), Some(path)) => {
            conn.prepare_cached("UPDATE record_volume SET path = ?2 WHERE id = ?1 AND path <> ?2")?
                .execute((n, path))?;
            Ok(n)
        }
        (None, path) => {
            conn.prepare_cached("INSERT INTO record_volume(uuid, path) VALUES (?1, ?2)")?
                .execute((volume.to_string(), path.unwrap_or_default()))?;
            Ok(conn.last_insert_rowid())
        }
    }
}

/// The volumes last seen at `path`.
pub(crate) fn volumes_at(conn: &Connection, path: &Path) -> Result<Vec<VolumeId>> {
    let mut statement = conn.prepare_cached("SELECT uuid FROM record_volume WHERE path = ?1")?;
    let rows = statement.query_map([path.to_string_lossy()], |r| Ok(VolumeId(parsed(r, 0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn format_number(conn: &Connection, f: &SegmentFormat) -> Result<i64> {
    let audio = f.audio.map(|a| a.to_string());
    let known = conn
        .prepare_cached(
            "SELECT id FROM record_format WHERE codecs = ?1 AND video = ?2 AND ifnull(audio, '') = ifnull(?3, '')
             AND metadata = ?4 AND width = ?5 AND height = ?6",
        )?
        .query_row((&f.codecs, f.video.to_string(), &audio, f.metadata, f.width, f.height), |r| r.get(0))
        .optional()?;
    if let Some(n) = known {
        return Ok(n);
    }
    conn.prepare_cached(
        "INSERT INTO record_format(codecs, video, audio, metadata, width, height) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((&f.codecs, f.video.to_string(), &audio, f.metadata, f.width, f.height))?;
    Ok(conn.last_insert_rowid())
}

/// Writes a segment's row, new or anew. Never unlocks.
pub(crate) fn put(conn: &Connection, s: &Segment) -> Result<()> {
    let stream = stream_number(conn, s.stream)?;
    let volume = volume_number(conn, s.volume, None)?;
    let format = format_number(conn, &s.format)?;
    conn.prepare_cached(
        "INSERT INTO record_segment(id, stream, volume, start_ns, end_ns, suffix, bytes, init_bytes, frames, format,
            state, locked) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT(id) DO UPDATE SET start_ns = excluded.start_ns, end_ns = excluded.end_ns,
            bytes = excluded.bytes, init_bytes = excluded.init_bytes, frames = excluded.frames,
            format = excluded.format, state = excluded.state",
    )?
    .execute((
        s.id,
        stream,
        volume,
        s.start.0,
        s.end.0,
        s.suffix,
        i64::try_from(s.bytes).unwrap_or(i64::MAX),
        s.init_bytes,
        s.frames,
        format,
        state_code(s.state),
        s.locked,
    ))?;
    Ok(())
}

/// Removes a segment's row.
pub(crate) fn remove(conn: &Connection, id: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM record_segment WHERE id = ?1")?.execute([id])?;
    Ok(())
}

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

/// Retention never deletes a locked segment. `false` when there is no such segment.
pub(crate) fn set_locked(conn: &Connection, id: i64, locked: bool) -> Result<bool> {
    let n =
        conn.prepare_cached("UPDATE record_segment SET locked = ?2 WHERE id = ?1")?.execute((id, locked))?;
    Ok(n > 0)
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

/// As [`overlapping`], for the timeline: only the index is read. Damaged segments are left out.
pub(crate) fn covered(
    conn: &Connection,
    stream: StreamKey,
    start: WallTime,
    end: WallTime,
) -> Result<Vec<(i64, VolumeId, Covered)>> {
    let Some(stream) = known_stream(conn, stream)? else { return Ok(Vec::new()) };
    let from = look_back(conn, stream, start)?;
    let mut volumes = conn.prepare_cached("SELECT id, uuid FROM record_volume")?;
    let volumes: Vec<(i64, VolumeId)> = volumes
        .query_map((), |r| Ok((r.get(0)?, VolumeId(parsed(r, 1)?))))?
        .collect::<rusqlite::Result<_>>()?;
    let mut statement = conn.prepare_cached(
        "SELECT id, volume, start_ns, end_ns, frames FROM record_segment INDEXED BY record_segment_by_stream
         WHERE stream = ?1 AND start_ns >= ?2 AND start_ns < ?4 AND end_ns > ?3 AND state <> 2 ORDER BY start_ns",
    )?;
    let rows = statement.query_map((stream, from, start.0, end.0), |r| {
        let (start, end) = (WallTime(r.get(2)?), WallTime(r.get(3)?));
        let frame_nanos = frame_nanos(start, end, r.get(4)?);
        Ok((r.get(0)?, r.get::<_, i64>(1)?, Covered { start, end, frame_nanos }))
    })?;
    let mut out = Vec::new();
    for row in rows {
        let (id, volume, covered) = row?;
        let volume = volumes.iter().find(|v| v.0 == volume).ok_or(StoreError::NoRow)?.1;
        out.push((id, volume, covered));
    }
    Ok(out)
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

/// Greatest row ids in use (segments, gaps); zero when there are none.
pub(crate) fn last_ids(conn: &Connection) -> Result<(i64, i64)> {
    Ok(conn.query_row(
        "SELECT (SELECT ifnull(max(id), 0) FROM record_segment), (SELECT ifnull(max(id), 0) FROM record_gap)",
        (),
        |r| Ok((r.get(0)?, r.get(1)?)),
    )?)
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

/// The recorder was running at `at`.
pub(crate) fn put_alive(conn: &Connection, at: WallTime) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO record_alive VALUES(1, ?1) ON CONFLICT DO UPDATE SET at_ns = excluded.at_ns",
    )?
    .execute([at.0])?;
    Ok(())
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
