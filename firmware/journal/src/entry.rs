//! An event with what people have said of it since.

use crate::{JournalError, Result};
use heron_core::{Event, WallTime};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Where an event stands in people's work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Nobody has looked yet.
    #[default]
    New,
    /// Somebody has seen it.
    Acknowledged,
    /// Dealt with.
    Resolved,
    /// It was nothing.
    FalsePositive,
}

impl Status {
    const ALL: [Self; 4] = [Self::New, Self::Acknowledged, Self::Resolved, Self::FalsePositive];

    /// The name in the API and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Resolved => "RESOLVED",
            Self::FalsePositive => "FALSE_POSITIVE",
        }
    }
}

impl FromStr for Status {
    type Err = JournalError;
    fn from_str(s: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == s).ok_or_else(|| {
            let s: String = s.chars().take(40).collect();
            JournalError::invalid(
                "status",
                format!("must be NEW, ACKNOWLEDGED, RESOLVED or FALSE_POSITIVE, not {s:?}"),
            )
        })
    }
}

/// An event as people see it. Serialises as an item of `GET /events`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The event; its `end` is the one set later, when one was.
    #[serde(flatten)]
    pub event: Event,
    /// Where it stands.
    pub status: Status,
    /// Short words people file it under.
    pub tags: Vec<String>,
    /// What people wrote, oldest first.
    pub notes: Vec<Note>,
}

/// What somebody wrote about an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    /// When.
    pub time: WallTime,
    /// Who.
    pub author: String,
    /// 1 to 2,000 characters.
    pub text: String,
}

/// What somebody changes about an event; absent = unchanged.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// New status.
    pub status: Option<Status>,
    /// All its tags from now on: at most 16 of at most 32 characters.
    pub tags: Option<Vec<String>>,
    /// A note to add, 1 to 2,000 characters.
    pub note: Option<String>,
    /// When it ended; not before its start.
    pub end: Option<WallTime>,
}

/// Notes on one event.
pub(crate) const MOST_NOTES: i64 = 100;

impl Change {
    /// Trims and checks the words.
    pub(crate) fn checked(mut self) -> Result<Self> {
        if let Some(note) = &mut self.note {
            *note = words("note", note, 2000)?;
        }
        if let Some(tags) = &mut self.tags {
            if tags.len() > 16 {
                return Err(JournalError::invalid("tags", format!("at most 16 tags, not {}", tags.len())));
            }
            for tag in tags.iter_mut() {
                *tag = words("tags", tag, 32)?;
            }
            tags.sort();
            tags.dedup();
        }
        Ok(self)
    }
}

fn words(field: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > most {
        return Err(JournalError::invalid(field, format!("must have 1 to {most} characters, not {length}")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(JournalError::invalid(field, "must not hold control characters"));
    }
    Ok(text.to_owned())
}
