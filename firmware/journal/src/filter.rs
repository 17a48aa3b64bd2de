//! What to look for, and how pages hang together.

use crate::row::is_kind;
use crate::{Entry, JournalError, Result, Status};
use heron_core::{CameraId, WallTime};
use rusqlite::types::Value;

/// The kind under which changes made by people are journalled. Hidden unless asked for by kind.
pub(crate) const CHANGED: &str = "event.changed";

/// What to look for; `Default` is everything (but `event.changed`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventFilter {
    /// Any of these kinds, or kinds below them: `camera` finds `camera.unreachable`. At most 16; empty = all.
    pub kinds: Vec<String>,
    /// Of this camera.
    pub camera: Option<CameraId>,
    /// Began at or after.
    pub start: Option<WallTime>,
    /// Began before.
    pub end: Option<WallTime>,
    /// In this state.
    pub status: Option<Status>,
    /// With this tag.
    pub tag: Option<String>,
    /// With these words in the text, letter case of a-z ignored. At most 200 characters.
    pub text: Option<String>,
}

/// Some events, newest first, and where to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The events.
    pub items: Vec<Entry>,
    /// Give it back as `cursor` for older ones; `None` at the end. Events that come in meanwhile do not shift
    /// it.
    pub next: Option<String>,
}

/// The last item's place: its start and its seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) start_ns: i64,
    pub(crate) seq: i64,
}

impl Cursor {
    pub(crate) fn parse(s: &str) -> Result<Self> {
        s.split_once('.')
            .and_then(|(a, b)| Some(Self { start_ns: a.parse().ok()?, seq: b.parse().ok()? }))
            .ok_or_else(|| JournalError::invalid("cursor", "is not one that this list gave out"))
    }
    pub(crate) fn encode(self) -> String {
        format!("{}.{}", self.start_ns, self.seq)
    }
}

/// A WHERE clause over `journal_events e LEFT JOIN journal_status s` and its parameters.
pub(crate) struct Where {
    pub(crate) sql: String,
    pub(crate) parameters: Vec<Value>,
}

impl Where {
    fn and(&mut self, sql: &str, parameters: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.parameters.extend(parameters);
    }

    pub(crate) fn of(filter: &EventFilter, cursor: Option<Cursor>) -> Result<Self> {
        let mut w = Self { sql: "1".to_owned(), parameters: Vec::new() };
        w.kinds(&filter.kinds)?;
        if let Some(camera) = filter.camera {
            w.and("e.camera = ?", [Value::Blob(camera.0.as_bytes().to_vec())]);
        }
        if let (Some(start), Some(end)) = (filter.start, filter.end)
            && start >= end
        {
            return Err(JournalError::invalid(
                "end",
                format!("must be later than start ({start}), not {end}"),
            ));
        }
        if let Some(start) = filter.start {
            w.and("e.start_ns >= ?", [Value::Integer(start.as_nanos())]);
        }
        if let Some(end) = filter.end {
            w.and("e.start_ns < ?", [Value::Integer(end.as_nanos())]);
        }
        if let Some(status) = filter.status {
            w.and("coalesce(s.status, 'NEW') = ?", [Value::Text(status.as_str().to_owned())]);
        }
        if let Some(tag) = &filter.tag {
            w.and("EXISTS (SELECT 1 FROM json_each(s.tags) WHERE value = ?)", [Value::Text(tag.clone())]);
        }
        if let Some(text) = &filter.text {
            if text.chars().count() > 200 {
                return Err(JournalError::invalid("text", "at most 200 characters"));
            }
            let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            w.and("e.text LIKE ? ESCAPE '\\'", [Value::Text(format!("%{escaped}%"))]);
        }
        if let Some(c) = cursor {
            w.and("(e.start_ns, e.seq) < (?, ?)", [Value::Integer(c.start_ns), Value::Integer(c.seq)]);
        }
        Ok(w)
    }

    fn kinds(&mut self, kinds: &[String]) -> Result<()> {
        if kinds.is_empty() {
            self.and("e.kind <> ?", [Value::Text(CHANGED.to_owned())]);
            return Ok(());
        }
        if kinds.len() > 16 {
            return Err(JournalError::invalid("kind", format!("at most 16 kinds, not {}", kinds.len())));
        }
        let mut any = Vec::new();
        let mut parameters = Vec::new();
        for kind in kinds {
            let kind = kind.strip_suffix(".*").or_else(|| kind.strip_suffix('.')).unwrap_or(kind);
            if !is_kind(kind) {
                let kind: String = kind.chars().take(64).collect();
                return Err(JournalError::invalid(
                    "kind",
                    format!("{kind:?} is not a kind such as camera.unreachable"),
                ));
            }
            // '/' follows '.' in ASCII: everything that begins with `kind.`.
            any.push("e.kind = ? OR (e.kind > ? AND e.kind < ?)");
            parameters.extend([kind.to_owned(), format!("{kind}."), format!("{kind}/")].map(Value::Text));
        }
        self.and(&format!("({})", any.join(" OR ")), parameters);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_went(start_ns: i64, seq: i64) {
            let cursor = Cursor { start_ns, seq };
            prop_assert_eq!(Cursor::parse(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn anything_as_cursor_kind_or_text_is_an_answer_in_words(s in ".{0,300}") {
            if let Err(e) = Cursor::parse(&s) {
                prop_assert_eq!(e.field(), Some("cursor"));
            }
            let filter = EventFilter { kinds: vec![s.clone()], text: Some(s), ..EventFilter::default() };
            match Where::of(&filter, None) {
                // Whatever was said travels as a parameter, never as SQL.
                Ok(w) => prop_assert_eq!(w.sql.matches('?').count(), w.parameters.len()),
                Err(e) => prop_assert!(matches!(e.field(), Some("kind" | "text"))),
            }
        }
    }
}
