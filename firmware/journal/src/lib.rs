//! # journal: everything that happened (signatures first; bodies follow)
#![allow(clippy::todo, missing_docs, unused_variables)]
use heron_core::{CameraId, Clock, ErrorKind, Event, EventDraft, WallTime};
use heron_store::{Migrations, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use ulid::Ulid;

pub const MIGRATIONS: Migrations = Migrations { room: "journal", steps: &[] };

#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{field}: {detail}")]
    Invalid { field: &'static str, detail: String },
    #[error("there is no event {0}")]
    NotFound(String),
}
impl JournalError {
    pub fn kind(&self) -> ErrorKind {
        todo!()
    }
}
pub type Result<T, E = JournalError> = std::result::Result<T, E>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    #[default]
    New,
    Acknowledged,
    Resolved,
    FalsePositive,
}

/// An event with what people have said of it since. Serialises as an item of `GET /events`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    #[serde(flatten)]
    pub event: Event,
    pub status: Status,
    pub tags: Vec<String>,
    pub notes: Vec<Note>,
}
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    pub time: WallTime,
    pub author: String,
    pub text: String,
}

#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Dotted prefixes, any of them; empty = all.
    pub kinds: Vec<String>,
    pub camera: Option<CameraId>,
    /// Began at or after.
    pub start: Option<WallTime>,
    /// Began before.
    pub end: Option<WallTime>,
    pub status: Option<Status>,
    pub tag: Option<String>,
    /// Words in the text.
    pub text: Option<String>,
}
#[derive(Clone, Debug)]
pub struct Page {
    pub items: Vec<Entry>,
    pub next: Option<String>,
}
/// What a person changes about an event. Absent = unchanged.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Change {
    pub status: Option<Status>,
    pub tags: Option<Vec<String>>,
    pub note: Option<String>,
    pub end: Option<WallTime>,
}

#[derive(Clone, Debug)]
pub struct JournalOptions {
    pub keep_rows: u64,
}
impl Default for JournalOptions {
    fn default() -> Self {
        Self { keep_rows: 500_000 }
    }
}

#[derive(Clone)]
pub struct Journal;
pub struct Subscription;
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    Event(Arc<Event>),
    /// This many events were skipped because the subscriber was too slow; `query` has them.
    Lagged(u64),
}
pub struct Consumer;
pub struct Batch {
    pub events: Vec<Event>,
    /// Events that were pruned before this consumer read them.
    pub missed: u64,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub seq: u64,
    pub detail: String,
}

impl Journal {
    pub async fn open(store: Store, clock: Arc<dyn Clock>, options: JournalOptions) -> Result<Self> {
        todo!()
    }
    pub async fn append(&self, draft: EventDraft) -> Result<Event> {
        todo!()
    }
    pub async fn append_many(&self, drafts: Vec<EventDraft>) -> Result<Vec<Event>> {
        todo!()
    }
    /// For plain threads.
    pub fn append_blocking(&self, draft: EventDraft) -> Result<Event> {
        todo!()
    }
    /// Newest first by start.
    pub async fn query(&self, filter: EventFilter, limit: usize, cursor: Option<String>) -> Result<Page> {
        todo!()
    }
    /// Events per bin of `width_ms` that began in [start, end): for timelines.
    pub async fn density(
        &self,
        camera: CameraId,
        start: WallTime,
        end: WallTime,
        width_ms: u32,
    ) -> Result<Vec<u32>> {
        todo!()
    }
    pub async fn get(&self, id: Ulid) -> Result<Entry> {
        todo!()
    }
    pub async fn change(&self, id: Ulid, change: Change, actor: &str) -> Result<Entry> {
        todo!()
    }
    pub fn subscribe(&self) -> Subscription {
        todo!()
    }
    pub async fn consumer(&self, name: &str) -> Result<Consumer> {
        todo!()
    }
    /// `None` = whole.
    pub async fn verify(&self, range: std::ops::RangeInclusive<u64>) -> Result<Option<Broken>> {
        todo!()
    }
    /// Newest seq and its hash.
    pub async fn head(&self) -> Result<(u64, [u8; 32])> {
        todo!()
    }
}
impl Subscription {
    /// `None` when the journal is gone.
    pub async fn recv(&mut self) -> Option<Received> {
        todo!()
    }
}
impl Consumer {
    /// Events after the last acknowledged one, oldest first; empty when there are none.
    pub async fn next_batch(&self, max: usize) -> Result<Batch> {
        todo!()
    }
    /// Everything up to `seq` is done with.
    pub async fn ack(&self, seq: u64) -> Result<()> {
        todo!()
    }
    /// Waits until there is something newer than the last acknowledged event.
    pub async fn wait(&mut self) {
        todo!()
    }
}
