//! The catalogue of segments: rows in, rows out. Every function works on a connection it is given. What a row is stands
//! here; `write` puts rows, `read` finds them, `retention` asks what may go and what there is in all.

use crate::layout::{Origin, SegmentPlace};
use crate::timeline::Covered;
use heron_core::{AudioCodec, CameraId, StreamKey, StreamKind, VideoCodec, WallTime};
use heron_store::Result;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use std::fmt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

mod copies;
mod days;
mod keep;
mod read;
mod retention;
mod write;
pub(crate) use copies::*;
pub(crate) use days::summarise;
pub(crate) use keep::*;
pub(crate) use read::*;
pub(crate) use retention::*;
pub(crate) use write::*;

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
    /// Where it came from.
    pub origin: Origin,
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
        SegmentPlace { origin: self.origin, ..SegmentPlace::new(self.stream, self.start, self.suffix) }
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
        Covered { start: self.start, end: self.end, frame_nanos: self.frame_nanos(), origin: self.origin }
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

const SELECT: &str =
    "SELECT s.id, t.camera, t.kind, v.uuid, s.start_ns, s.end_ns, s.suffix, s.bytes, s.init_bytes,
    s.frames, f.codecs, f.video, f.audio, f.metadata, f.width, f.height, s.state, s.locked, s.origin
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
        origin: Origin::of_code(row.get(18)?),
    })
}

fn query(conn: &Connection, rest: &str, params: impl Params) -> Result<Vec<Segment>> {
    let mut statement = conn.prepare_cached(&format!("{SELECT} {rest}"))?;
    let rows = statement.query_map(params, segment)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

pub(crate) fn known_stream(conn: &Connection, stream: StreamKey) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT id FROM record_stream WHERE camera = ?1 AND kind = ?2")?
        .query_row((stream.camera.to_string(), stream.kind.as_str()), |r| r.get(0))
        .optional()?)
}
