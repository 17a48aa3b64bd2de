//! Looking things up, and what people change.

use crate::entry::MOST_NOTES;
use crate::filter::{CHANGED, Cursor, Where};
use crate::journal::Journal;
use crate::row::{self, COLUMNS, RawRow};
use crate::{Change, Entry, EventFilter, JournalError, Note, Page, Result, Status};
use heron_core::{CameraId, EventDraft, Severity, WallTime};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use ulid::Ulid;

/// Items on one page.
const MOST_ITEMS: usize = 1000;

/// Bins of one density: a day in steps of 10 s, or a year in hours.
const MOST_BINS: i64 = 10_000;

impl Journal {
    /// Events that match, newest start first. `limit` is brought into 1 to 1,000.
    ///
    /// # Errors
    /// [`JournalError::Invalid`] naming `kind`, `end`, `text` or `cursor`.
    pub async fn query(&self, filter: EventFilter, limit: usize, cursor: Option<String>) -> Result<Page> {
        let limit = limit.clamp(1, MOST_ITEMS);
        let cursor = cursor.as_deref().map(Cursor::parse).transpose()?;
        let filter = Where::of(&filter, cursor)?;
        self.store
            .try_read(move |conn| {
                let sql = format!(
                    "SELECT {COLUMNS}, s.status, s.tags, s.end_ns
                     FROM journal_events e LEFT JOIN journal_status s ON s.seq = e.seq
                     WHERE {} ORDER BY e.start_ns DESC, e.seq DESC LIMIT {}",
                    filter.sql,
                    limit + 1
                );
                let mut items: Vec<Entry> = conn
                    .prepare_cached(&sql)?
                    .query_map(params_from_iter(filter.parameters), entry)?
                    .collect::<Result<_, _>>()?;
                let more = items.len() > limit;
                items.truncate(limit);
                for item in &mut items {
                    item.notes = notes(conn, item.event.seq as i64)?;
                }
                let next = match items.last() {
                    Some(last) if more => Some(
                        Cursor { start_ns: last.event.draft.start.as_nanos(), seq: last.event.seq as i64 }
                            .encode(),
                    ),
                    _ => None,
                };
                Ok(Page { items, next })
            })
            .await
    }

    /// How many events of `camera` began in each bin of `width_ms` from `start` to `end`: for timelines.
    ///
    /// # Errors
    /// [`JournalError::Invalid`] when the range is empty or makes more than 10,000 bins.
    pub async fn density(
        &self,
        camera: CameraId,
        start: WallTime,
        end: WallTime,
        width_ms: u32,
    ) -> Result<Vec<u32>> {
        if start >= end {
            return Err(JournalError::invalid(
                "end",
                format!("must be later than start ({start}), not {end}"),
            ));
        }
        let width = i64::from(width_ms.max(1)) * 1_000_000;
        let bins = (i128::from(end.as_nanos()) - i128::from(start.as_nanos()) + i128::from(width) - 1)
            / i128::from(width);
        let bins = usize::try_from(bins).ok().filter(|b| *b <= MOST_BINS as usize).ok_or_else(|| {
            JournalError::invalid("bin", format!("{bins} bins are too many, at most {MOST_BINS}"))
        })?;
        self.store
            .try_read(move |conn| {
                let mut counts = vec![0; bins];
                let mut statement = conn.prepare_cached(
                    "SELECT (start_ns - ?2) / ?4, count(*) FROM journal_events
                     WHERE camera = ?1 AND start_ns >= ?2 AND start_ns < ?3 AND kind <> ?5 GROUP BY 1",
                )?;
                let mut rows = statement.query((
                    camera.0.as_bytes(),
                    start.as_nanos(),
                    end.as_nanos(),
                    width,
                    CHANGED,
                ))?;
                while let Some(r) = rows.next()? {
                    let (bin, n): (i64, i64) = (r.get(0)?, r.get(1)?);
                    if let Some(count) = counts.get_mut(bin as usize) {
                        *count = u32::try_from(n).unwrap_or(u32::MAX);
                    }
                }
                Ok(counts)
            })
            .await
    }

    /// One event.
    ///
    /// # Errors
    /// [`JournalError::NotFound`].
    pub async fn get(&self, id: Ulid) -> Result<Entry> {
        self.store.try_read(move |conn| by_id(conn, id)).await
    }

    /// Changes status, tags or end of an event, or adds a note, in `actor`'s name. The change itself is
    /// journalled as `event.changed` in the same transaction.
    ///
    /// # Errors
    /// [`JournalError::NotFound`]; [`JournalError::Invalid`] naming `note`, `tags` or `end`.
    pub async fn change(&self, id: Ulid, change: Change, actor: &str) -> Result<Entry> {
        let change = change.checked()?;
        let (actor, now) = (actor.to_owned(), self.clock.now());
        let mut draft = EventDraft::new(CHANGED, Severity::Standard, now, &actor);
        draft.detail = serde_json::json!({
            "event": id, "status": change.status, "tags": change.tags, "note": change.note, "end": change.end,
        });
        let draft = row::checked(draft)?;
        let publish = self.publisher();
        let (entry, _) = self
            .store
            .write_then(
                move |tx| {
                    let before = by_id(tx, id)?;
                    let seq = before.event.seq as i64;
                    if change.end.is_some_and(|end| end < before.event.draft.start) {
                        return Err(JournalError::invalid("end", "must not be before the event's start"));
                    }
                    let tags = serde_json::json!(change.tags.unwrap_or(before.tags)).to_string();
                    let end = change.end.or(before.event.draft.end).map(WallTime::as_nanos);
                    tx.execute(
                        "INSERT INTO journal_status(seq, status, tags, end_ns) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT(seq) DO UPDATE SET status = excluded.status, tags = excluded.tags, end_ns = excluded.end_ns",
                        (seq, change.status.unwrap_or(before.status).as_str(), tags, end),
                    )?;
                    if let Some(note) = change.note {
                        if before.notes.len() as i64 >= MOST_NOTES {
                            return Err(JournalError::invalid("note", format!("at most {MOST_NOTES} notes on one event")));
                        }
                        tx.execute(
                            "INSERT INTO journal_notes(seq, time_ns, author, text) VALUES (?1, ?2, ?3, ?4)",
                            (seq, now.as_nanos(), &actor, note),
                        )?;
                    }
                    let mut draft = draft;
                    draft.camera = before.event.draft.camera;
                    let appended = row::append(tx, vec![draft], now)?;
                    Ok::<_, JournalError>((by_id(tx, id)?, appended))
                },
                move |(_, appended)| publish(appended),
            )
            .await?;
        Ok(entry)
    }
}

fn by_id(conn: &Connection, id: Ulid) -> Result<Entry> {
    let sql = format!(
        "SELECT {COLUMNS}, s.status, s.tags, s.end_ns
         FROM journal_events e LEFT JOIN journal_status s ON s.seq = e.seq WHERE e.id = ?1"
    );
    let mut found = conn
        .prepare_cached(&sql)?
        .query_row([id.to_bytes()], entry)
        .optional()?
        .ok_or_else(|| JournalError::NotFound(id.to_string()))?;
    found.notes = notes(conn, found.event.seq as i64)?;
    Ok(found)
}

/// A row of [`COLUMNS`] and the status columns; notes are read apart.
fn entry(r: &Row<'_>) -> rusqlite::Result<Entry> {
    let mut event = RawRow::read(r)?.into_event();
    let status: Option<String> = r.get(10)?;
    let tags: Option<String> = r.get(11)?;
    let end: Option<i64> = r.get(12)?;
    if let Some(end) = end {
        event.draft.end = Some(WallTime::from_nanos(end));
    }
    Ok(Entry {
        event,
        status: status.and_then(|s| s.parse().ok()).unwrap_or(Status::New),
        tags: tags.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default(),
        notes: Vec::new(),
    })
}

fn notes(conn: &Connection, seq: i64) -> rusqlite::Result<Vec<Note>> {
    conn.prepare_cached("SELECT time_ns, author, text FROM journal_notes WHERE seq = ?1 ORDER BY id")?
        .query_map([seq], |r| {
            Ok(Note { time: WallTime::from_nanos(r.get(0)?), author: r.get(1)?, text: r.get(2)? })
        })?
        .collect()
}
