//! One immutable row: its canonical bytes, its hash, its way into and out of the table.
//!
//! Canonical bytes, version 1: the ASCII bytes `heron journal 1` and a zero, then in this order seq (u64), id
//! (16 bytes), kind, camera (optional, 16 bytes), start (i64 nanoseconds), end (optional i64), severity (one
//! byte), actor, text (optional), detail (optional, the JSON text as stored). Integers are big-endian; a
//! string is its length in bytes (u32) and its UTF-8; an optional value is a byte 0, or a byte 1 and the
//! value.

use crate::{JournalError, Result};
use heron_core::{CameraId, Event, EventDraft, Severity, WallTime};
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use sha2::{Digest, Sha256};
use ulid::Ulid;
use uuid::Uuid;

/// SHA-256.
pub(crate) type Hash = [u8; 32];

/// What the first row follows.
pub(crate) const GENESIS: Hash = [0; 32];

const MOST_TEXT_CHARS: usize = 4000;
const MOST_DETAIL_BYTES: usize = 16 << 10;
const MOST_ACTOR_CHARS: usize = 128;

/// Column list that [`RawRow::read`] expects.
pub(crate) const COLUMNS: &str =
    "e.seq, e.id, e.kind, e.camera, e.start_ns, e.end_ns, e.severity, e.actor, e.text, e.detail";

/// A row as it lies in the table, before anything is believed of it.
pub(crate) struct RawRow {
    pub(crate) seq: i64,
    pub(crate) id: Vec<u8>,
    pub(crate) kind: String,
    pub(crate) camera: Option<Vec<u8>>,
    pub(crate) start_ns: i64,
    pub(crate) end_ns: Option<i64>,
    pub(crate) severity: i64,
    pub(crate) actor: String,
    pub(crate) text: Option<String>,
    pub(crate) detail: Option<String>,
}

impl RawRow {
    pub(crate) fn read(r: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: r.get(0)?,
            id: r.get(1)?,
            kind: r.get(2)?,
            camera: r.get(3)?,
            start_ns: r.get(4)?,
            end_ns: r.get(5)?,
            severity: r.get(6)?,
            actor: r.get(7)?,
            text: r.get(8)?,
            detail: r.get(9)?,
        })
    }

    pub(crate) fn hash_after(&self, previous: &Hash) -> Hash {
        let mut h = Sha256::new();
        h.update(previous);
        h.update(b"heron journal 1\0");
        h.update(self.seq.to_be_bytes());
        h.update(&self.id);
        string(&mut h, &self.kind);
        optional(&mut h, self.camera.as_deref());
        h.update(self.start_ns.to_be_bytes());
        optional(&mut h, self.end_ns.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
        h.update([self.severity as u8]);
        string(&mut h, &self.actor);
        optional_string(&mut h, self.text.as_deref());
        optional_string(&mut h, self.detail.as_deref());
        h.finalize().into()
    }

    pub(crate) fn into_event(self) -> Event {
        let id = <[u8; 16]>::try_from(self.id.as_slice()).unwrap_or_default();
        Event {
            id: Ulid::from_bytes(id),
            seq: self.seq as u64,
            draft: EventDraft {
                kind: self.kind,
                camera: self.camera.and_then(|c| Uuid::from_slice(&c).ok()).map(CameraId),
                start: WallTime::from_nanos(self.start_ns),
                end: self.end_ns.map(WallTime::from_nanos),
                severity: severity_from(self.severity),
                actor: self.actor,
                text: self.text,
                // Text that is no JSON any more is shown as it is; `verify` is what reports it.
                detail: self.detail.map_or(serde_json::Value::Null, |d| {
                    serde_json::from_str(&d).unwrap_or(serde_json::Value::String(d))
                }),
            },
        }
    }
}

fn string(h: &mut Sha256, s: &str) {
    h.update((s.len() as u32).to_be_bytes());
    h.update(s);
}

fn optional_string(h: &mut Sha256, s: Option<&str>) {
    match s {
        None => h.update([0]),
        Some(s) => {
            h.update([1]);
            string(h, s);
        }
    }
}

fn optional(h: &mut Sha256, bytes: Option<&[u8]>) {
    match bytes {
        None => h.update([0]),
        Some(b) => {
            h.update([1]);
            h.update(b);
        }
    }
}

fn severity_number(s: Severity) -> i64 {
    match s {
        Severity::Standard => 0,
        Severity::Medium => 1,
        Severity::High => 2,
        Severity::Critical => 3,
    }
}

fn severity_from(n: i64) -> Severity {
    match n {
        0 => Severity::Standard,
        1 => Severity::Medium,
        2 => Severity::High,
        _ => Severity::Critical,
    }
}

/// Checks the kind and cuts what is too long.
pub(crate) fn checked(mut draft: EventDraft) -> Result<EventDraft> {
    if !is_kind(&draft.kind) {
        let kind: String = draft.kind.chars().take(64).collect();
        return Err(JournalError::invalid(
            "kind",
            format!(
                "must be dotted lower-case words such as camera.unreachable, at most 64 characters, not {kind:?}"
            ),
        ));
    }
    if let Some(text) = &mut draft.text {
        cut(text, MOST_TEXT_CHARS);
    }
    cut(&mut draft.actor, MOST_ACTOR_CHARS);
    Ok(draft)
}

/// `word(.word)*` of `a-z`, `0-9` and `_`, at most 64 bytes.
pub(crate) fn is_kind(s: &str) -> bool {
    s.len() <= 64
        && s.split('.').all(|w| {
            !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
}

fn cut(s: &mut String, most_chars: usize) {
    if let Some((at, _)) = s.char_indices().nth(most_chars) {
        s.truncate(at);
        s.push('…');
    }
}

/// The newest row's seq, id and hash; after pruning everything, the checkpoint's.
pub(crate) struct Tail {
    pub(crate) seq: i64,
    pub(crate) id: Option<Ulid>,
    pub(crate) hash: Hash,
}

pub(crate) fn tail(conn: &Connection) -> rusqlite::Result<Tail> {
    let newest = conn
        .prepare_cached("SELECT seq, id, hash FROM journal_events ORDER BY seq DESC LIMIT 1")?
        .query_row([], |r| Ok((r.get(0)?, r.get::<_, [u8; 16]>(1)?, r.get::<_, Hash>(2)?)))
        .optional()?;
    Ok(match newest {
        Some((seq, id, hash)) => Tail { seq, id: Some(Ulid::from_bytes(id)), hash },
        None => {
            let (seq, hash) = checkpoint(conn)?;
            Tail { seq, id: None, hash }
        }
    })
}

/// The last pruned row's seq and hash; `(0, GENESIS)` when nothing was pruned.
pub(crate) fn checkpoint(conn: &Connection) -> rusqlite::Result<(i64, Hash)> {
    let found = conn
        .prepare_cached("SELECT seq, hash FROM journal_checkpoint WHERE one = 1")?
        .query_row([], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    Ok(found.unwrap_or((0, GENESIS)))
}

/// Appends checked drafts. Runs on the writer's thread, so nobody else appends meanwhile.
pub(crate) fn append(tx: &Transaction<'_>, drafts: Vec<EventDraft>, now: WallTime) -> Result<Vec<Event>> {
    let mut tail = tail(tx)?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO journal_events(seq, id, kind, camera, start_ns, end_ns, severity, actor, text, detail, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let mut events = Vec::with_capacity(drafts.len());
    for mut draft in drafts {
        let id = next_id(tail.id, now);
        let detail = match &draft.detail {
            serde_json::Value::Null => None,
            value => Some(value.to_string()),
        };
        let detail = match detail {
            Some(long) if long.len() > MOST_DETAIL_BYTES => {
                draft.detail = serde_json::json!({ "omitted_bytes": long.len() });
                Some(draft.detail.to_string())
            }
            other => other,
        };
        let row = RawRow {
            seq: tail.seq + 1,
            id: id.to_bytes().to_vec(),
            kind: draft.kind.clone(),
            camera: draft.camera.map(|c| c.0.as_bytes().to_vec()),
            start_ns: draft.start.as_nanos(),
            end_ns: draft.end.map(WallTime::as_nanos),
            severity: severity_number(draft.severity),
            actor: draft.actor.clone(),
            text: draft.text.clone(),
            detail,
        };
        let hash = row.hash_after(&tail.hash);
        insert.execute((
            row.seq,
            &row.id,
            &row.kind,
            &row.camera,
            row.start_ns,
            row.end_ns,
            row.severity,
            &row.actor,
            &row.text,
            &row.detail,
            hash,
        ))?;
        tail = Tail { seq: row.seq, id: Some(id), hash };
        events.push(Event { id, seq: row.seq as u64, draft });
    }
    Ok(events)
}

/// A ULID greater than `last`: of this millisecond, or one more than `last` when the clock has not moved on.
fn next_id(last: Option<Ulid>, now: WallTime) -> Ulid {
    let millis = now.as_millis().max(0) as u64;
    match last {
        // Increment overflows after 2^80 events in a millisecond, or at the end of the year 10889.
        Some(last) if last.timestamp_ms() >= millis => last.increment().unwrap_or(last),
        _ => Ulid::from_parts(millis, Uuid::new_v4().as_u128() & ((1 << 80) - 1)),
    }
}

/// Rows removed in one go at most, so that lowering the limit does not stall the writer (about 2 ms a go).
const PRUNE_AT_ONCE: i64 = 512;

/// Removes the oldest rows beyond `keep`, leaving the checkpoint.
pub(crate) fn prune(tx: &Transaction<'_>, keep: u64) -> rusqlite::Result<()> {
    let newest = tail(tx)?.seq;
    let (pruned, _) = checkpoint(tx)?;
    let through = (newest - i64::try_from(keep.max(1)).unwrap_or(i64::MAX)).min(pruned + PRUNE_AT_ONCE);
    if through <= pruned {
        return Ok(());
    }
    tx.execute(
        "INSERT INTO journal_checkpoint(one, seq, hash) SELECT 1, seq, hash FROM journal_events WHERE seq = ?1
         ON CONFLICT(one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
        [through],
    )?;
    for table in ["journal_events", "journal_status", "journal_notes"] {
        tx.execute(&format!("DELETE FROM {table} WHERE seq <= ?1"), [through])?;
    }
    Ok(())
}
