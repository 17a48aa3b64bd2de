//! What keeps footage beyond its time: locks of a person, marks of events.

use super::{overlapping, parsed};
use crate::locks::Lock;
use crate::marks::EventMark;
use crate::rules::RetentionRules;
use heron_core::{CameraId, StreamKey, StreamKind, WallTime};
use heron_store::Result;
use rusqlite::{Connection, OptionalExtension, Row};
use std::time::Duration;
use uuid::Uuid;

/// Longest part of a mark: looking this far back finds every mark that reaches into a segment.
pub(crate) const MARK_PART: Duration = Duration::from_secs(3600);
const MARK_PART_NANOS: i64 = 3_600_000_000_000;

/// Writes anew what locks and events claim of a segment.
pub(crate) fn claim(conn: &Connection, id: i64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE record_segment SET
            locked = (locked & 1) | 2 * EXISTS(SELECT 1 FROM record_lock l WHERE l.removed_ns IS NULL
                AND l.camera = t.camera AND l.start_ns < record_segment.end_ns AND l.end_ns > record_segment.start_ns),
            hold_ns = ifnull((SELECT max(m.keep_ns) FROM record_mark m WHERE m.camera = t.camera
                AND m.start_ns < record_segment.end_ns AND m.start_ns >= record_segment.start_ns - ?2
                AND m.end_ns > record_segment.start_ns), 0)
         FROM record_stream t WHERE record_segment.id = ?1 AND t.id = record_segment.stream",
    )?
    .execute((id, MARK_PART_NANOS))?;
    Ok(())
}

/// [`claim`] for all footage of a camera in a range.
pub(crate) fn claim_range(conn: &Connection, camera: CameraId, start: WallTime, end: WallTime) -> Result<()> {
    for kind in StreamKind::ALL {
        for segment in overlapping(conn, StreamKey::new(camera, kind), start, end)? {
            claim(conn, segment.id)?;
        }
    }
    Ok(())
}

const LOCK: &str = "SELECT id, camera, start_ns, end_ns, reason, locked_by, created_ns FROM record_lock";

fn lock(row: &Row<'_>) -> rusqlite::Result<Lock> {
    Ok(Lock {
        id: parsed(row, 0)?,
        camera: parsed(row, 1)?,
        start: WallTime(row.get(2)?),
        end: WallTime(row.get(3)?),
        reason: row.get(4)?,
        by: row.get(5)?,
        created: WallTime(row.get(6)?),
    })
}

/// Adds a lock, unless one with its id is known, removed or not. Whether it was added.
pub(crate) fn add_lock(conn: &Connection, l: &Lock) -> Result<bool> {
    let added = conn
        .prepare_cached(
            "INSERT INTO record_lock(id, camera, start_ns, end_ns, reason, locked_by, created_ns)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute((
            l.id.to_string(),
            l.camera.to_string(),
            l.start.0,
            l.end.0,
            &l.reason,
            &l.by,
            l.created.0,
        ))?;
    if added > 0 {
        claim_range(conn, l.camera, l.start, l.end)?;
    }
    Ok(added > 0)
}

/// Removes a lock; what it was, unless there is none.
pub(crate) fn remove_lock(conn: &Connection, id: Uuid, now: WallTime) -> Result<Option<Lock>> {
    let Some(found) = lock_by_id(conn, id)? else { return Ok(None) };
    conn.prepare_cached("UPDATE record_lock SET removed_ns = ?2 WHERE id = ?1")?
        .execute((id.to_string(), now.0))?;
    claim_range(conn, found.camera, found.start, found.end)?;
    Ok(Some(found))
}

/// A lock that holds.
pub(crate) fn lock_by_id(conn: &Connection, id: Uuid) -> Result<Option<Lock>> {
    Ok(conn
        .prepare_cached(&format!("{LOCK} WHERE id = ?1 AND removed_ns IS NULL"))?
        .query_row([id.to_string()], lock)
        .optional()?)
}

/// The locks of a camera that overlap `start..end`, in order of start.
pub(crate) fn locks_of(
    conn: &Connection,
    camera: CameraId,
    start: WallTime,
    end: WallTime,
) -> Result<Vec<Lock>> {
    let mut statement = conn.prepare_cached(&format!(
        "{LOCK} WHERE removed_ns IS NULL AND camera = ?1 AND start_ns < ?3 AND end_ns > ?2 ORDER BY start_ns, id"
    ))?;
    let rows = statement.query_map((camera.to_string(), start.0, end.0), lock)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Locks of all cameras, newest first, after the one with the id `cursor`.
pub(crate) fn all_locks(conn: &Connection, limit: u32, cursor: Option<Uuid>) -> Result<Vec<Lock>> {
    let mut statement = conn.prepare_cached(&format!(
        "{LOCK} WHERE removed_ns IS NULL AND (?1 IS NULL OR (created_ns, id) <
            (SELECT created_ns, id FROM record_lock WHERE id = ?1)) ORDER BY created_ns DESC, id DESC LIMIT ?2"
    ))?;
    let rows = statement.query_map((cursor.map(|c| c.to_string()), limit), lock)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Forgets locks that were removed before `before`.
pub(crate) fn prune_locks(conn: &Connection, before: WallTime) -> Result<usize> {
    Ok(conn.prepare_cached("DELETE FROM record_lock WHERE removed_ns < ?1")?.execute([before.0])?)
}

fn keep_until(end: WallTime, age: Duration) -> i64 {
    if age.is_zero() { 0 } else { (end + age).0 }
}

/// Writes a mark, new or anew, in parts of at most [`MARK_PART`].
pub(crate) fn put_mark(conn: &Connection, mark: &EventMark, age: Duration) -> Result<()> {
    let camera = mark.camera.to_string();
    let old: Option<(i64, i64)> = conn
        .prepare_cached(
            "SELECT min(start_ns), max(end_ns) FROM record_mark WHERE event = ?1 AND camera = ?2",
        )?
        .query_row((&mark.event, &camera), |r| Ok(r.get::<_, Option<i64>>(0)?.zip(r.get(1)?)))?;
    conn.prepare_cached("DELETE FROM record_mark WHERE event = ?1")?.execute([&mark.event])?;
    let (mut start, mut part) = (mark.start, 0);
    while start < mark.end {
        let end = mark.end.min(start + MARK_PART);
        conn.prepare_cached(
            "INSERT INTO record_mark(event, part, camera, kind, start_ns, end_ns, keep_ns)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            &mark.event,
            part,
            &camera,
            &mark.kind,
            start.0,
            end.0,
            keep_until(mark.end, age),
        ))?;
        (start, part) = (end, part + 1);
    }
    let from = old.map_or(mark.start, |o| mark.start.min(WallTime(o.0)));
    let to = old.map_or(mark.end, |o| mark.end.max(WallTime(o.1)));
    claim_range(conn, mark.camera, from, to)
}

/// Cameras whose marks were dated by other rules than now; `rules_of` says what holds.
pub(crate) fn cameras_to_date(
    conn: &Connection,
    rules_of: impl Fn(CameraId) -> String,
) -> Result<Vec<CameraId>> {
    let mut statement = conn.prepare_cached(
        "SELECT c.camera, d.rules FROM (SELECT DISTINCT camera FROM record_stream) c
         LEFT JOIN record_dated d ON d.camera = c.camera",
    )?;
    let rows =
        statement.query_map((), |r| Ok((parsed::<CameraId>(r, 0)?, r.get::<_, Option<String>>(1)?)))?;
    let mut stale = Vec::new();
    for row in rows {
        let (camera, dated) = row?;
        if dated.as_deref() != Some(rules_of(camera).as_str()) {
            stale.push(camera);
        }
    }
    Ok(stale)
}

/// Dates some marks of a camera anew, at most `limit`, and says whether that was all of them.
pub(crate) fn date_marks(
    conn: &Connection,
    camera: CameraId,
    rules: &RetentionRules,
    limit: usize,
) -> Result<bool> {
    let name = camera.to_string();
    let mut kinds = conn.prepare_cached("SELECT DISTINCT kind FROM record_mark WHERE camera = ?1")?;
    let kinds: Vec<String> = kinds.query_map([&name], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut left = limit;
    for kind in kinds {
        let age = rules.age_of_event(&kind);
        // The parts of a long event end with it.
        let mut stale = conn.prepare_cached(
            "SELECT m.event, m.start_ns, e.last FROM record_mark m
             JOIN (SELECT event, max(end_ns) AS last FROM record_mark WHERE camera = ?1 AND kind = ?2 GROUP BY event) e
                ON e.event = m.event
             WHERE m.part = 0 AND m.keep_ns <> iif(?3 = 0, 0, e.last + ?3) LIMIT ?4",
        )?;
        let nanos = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX / 4);
        let rows: Vec<(String, i64, i64)> = stale
            .query_map((&name, &kind, nanos, left as i64), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (event, start, end) in &rows {
            conn.prepare_cached("UPDATE record_mark SET keep_ns = ?2 WHERE event = ?1")?
                .execute((event, keep_until(WallTime(*end), age)))?;
            claim_range(conn, camera, WallTime(*start), WallTime(*end))?;
        }
        left -= rows.len();
        if left == 0 {
            return Ok(false);
        }
    }
    conn.prepare_cached(
        "INSERT INTO record_dated VALUES (?1, ?2) ON CONFLICT DO UPDATE SET rules = excluded.rules",
    )?
    .execute((&name, rules.event_signature()))?;
    Ok(true)
}

/// Forgets marks of events that ended before `before`.
pub(crate) fn prune_marks(conn: &Connection, before: WallTime, limit: u32) -> Result<usize> {
    Ok(conn
        .prepare_cached(
            "DELETE FROM record_mark WHERE (event, part) IN
             (SELECT event, part FROM record_mark WHERE end_ns < ?1 AND keep_ns < ?1 LIMIT ?2)",
        )?
        .execute((before.0, limit))?)
}

/// Share of the time since `since` in which events of each kind were marked at a camera, 0 to 1.
pub(crate) fn event_shares(
    conn: &Connection,
    camera: CameraId,
    since: WallTime,
    now: WallTime,
) -> Result<Vec<(String, f64)>> {
    let span = now.nanos_since(since).max(1) as f64;
    let mut statement = conn.prepare_cached(
        "SELECT kind, sum(end_ns - start_ns) FROM record_mark WHERE camera = ?1 AND start_ns >= ?2 GROUP BY kind",
    )?;
    let rows = statement.query_map((camera.to_string(), since.0), |r| {
        Ok((r.get(0)?, (r.get::<_, i64>(1)? as f64 / span).clamp(0.0, 1.0)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
