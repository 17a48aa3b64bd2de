//! Rows in.

use super::{Segment, SegmentFormat, VolumeId, known_stream, state_code};
use heron_core::{StreamKey, WallTime};
use heron_store::Result;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// The stream's number; makes one when it has none.
pub(crate) fn stream_number(conn: &Connection, stream: StreamKey) -> Result<i64> {
    if let Some(n) = known_stream(conn, stream)? {
        return Ok(n);
    }
    conn.prepare_cached("INSERT INTO record_stream(camera, kind) VALUES (?1, ?2)")?
        .execute((stream.camera.to_string(), stream.kind.as_str()))?;
    Ok(conn.last_insert_rowid())
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
            state, locked, origin) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
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
        s.origin.code(),
    ))?;
    super::claim(conn, s.id)
}

/// Removes a segment's row.
pub(crate) fn remove(conn: &Connection, id: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM record_segment WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Locks one segment by hand, whatever ranges are locked. Retention never deletes a locked segment. `false` when there is no such segment.
pub(crate) fn set_locked(conn: &Connection, id: i64, locked: bool) -> Result<bool> {
    let n = conn
        .prepare_cached("UPDATE record_segment SET locked = (locked & 2) | ?2 WHERE id = ?1")?
        .execute((id, locked))?;
    Ok(n > 0)
}

/// The recorder was running at `at`.
pub(crate) fn put_alive(conn: &Connection, at: WallTime) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO record_alive VALUES(1, ?1) ON CONFLICT DO UPDATE SET at_ns = excluded.at_ns",
    )?
    .execute([at.0])?;
    Ok(())
}
