//! The handle: appending and listening.

use crate::row;
use crate::{JournalError, Result};
use heron_core::{Clock, Event, EventDraft};
use heron_store::Store;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// Events a subscriber may be behind. 64 cameras that all fail and come back make 128; at about 1 kB each the
/// ring holds 1 MiB at most, shared by all subscribers.
const SUBSCRIBER_LAG: usize = 1024;

/// Events in one call of [`Journal::append_many`].
const MOST_AT_ONCE: usize = 1024;

/// Pruning happens once in so many rows.
const PRUNE_EVERY: u64 = 256;

/// Bounds of the journal.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// Rows to keep; older ones are pruned (256 rows late at most). A row is about 500 bytes with its
    /// indexes, so 500,000 are 250 MB: at 64 cameras and 250 events a day each, a month.
    pub keep_rows: u64,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { keep_rows: 500_000 }
    }
}

/// The journal. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    options: JournalOptions,
    news: broadcast::Sender<Arc<Event>>,
    /// Newest committed seq.
    pub(crate) newest: watch::Sender<u64>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Journal(newest {})", *self.newest.borrow())
    }
}

impl Journal {
    /// Opens the journal in `store`, which was opened with [`crate::MIGRATIONS`]. One per store: consumers
    /// and subscribers hear only of what is appended through this one and its clones.
    ///
    /// # Errors
    /// [`JournalError::Store`].
    pub async fn open(store: Store, clock: Arc<dyn Clock>, options: JournalOptions) -> Result<Self> {
        let newest = store.try_read(|conn| Ok::<_, JournalError>(row::tail(conn)?.seq as u64)).await?;
        Ok(Self {
            store,
            clock,
            options,
            news: broadcast::Sender::new(SUBSCRIBER_LAG),
            newest: watch::Sender::new(newest),
        })
    }

    /// Appends one event; it is committed when this returns. Appends that wait together share a transaction.
    ///
    /// # Errors
    /// [`JournalError::Invalid`] for a kind that is not one; [`JournalError::Store`].
    pub async fn append(&self, draft: EventDraft) -> Result<Event> {
        one(self.append_many(vec![draft]).await?)
    }

    /// Appends several events in one transaction and in this order: all or none. At most 1,024.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub async fn append_many(&self, drafts: Vec<EventDraft>) -> Result<Vec<Event>> {
        let work = self.work(drafts)?;
        let publish = self.publisher();
        self.store.write_then(work, move |events: &Vec<Event>| publish(events)).await
    }

    /// [`Journal::append`] for plain threads. Never call it on a tokio worker.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_blocking(&self, draft: EventDraft) -> Result<Event> {
        let work = self.work(vec![draft])?;
        let publish = self.publisher();
        one(self.store.write_then_blocking(work, move |events: &Vec<Event>| publish(events))?)
    }

    fn work(
        &self,
        drafts: Vec<EventDraft>,
    ) -> Result<impl FnOnce(&rusqlite::Transaction<'_>) -> Result<Vec<Event>> + Send + use<>> {
        if drafts.len() > MOST_AT_ONCE {
            return Err(JournalError::invalid(
                "events",
                format!("at most {MOST_AT_ONCE} at once, not {}", drafts.len()),
            ));
        }
        let drafts = drafts.into_iter().map(row::checked).collect::<Result<Vec<_>>>()?;
        let (now, keep) = (self.clock.now(), self.options.keep_rows);
        Ok(move |tx: &rusqlite::Transaction<'_>| {
            let events = row::append(tx, drafts, now)?;
            if events.iter().any(|e| e.seq.is_multiple_of(PRUNE_EVERY)) {
                row::prune(tx, keep)?;
            }
            Ok(events)
        })
    }

    /// What tells subscribers and consumers, on the writer's thread after the commit.
    pub(crate) fn publisher(&self) -> impl FnOnce(&Vec<Event>) + Send + use<> {
        let (news, newest) = (self.news.clone(), self.newest.clone());
        move |events| {
            if news.receiver_count() > 0 {
                for event in events {
                    // Fails only when the last receiver has just gone.
                    let _ = news.send(Arc::new(event.clone()));
                }
            }
            if let Some(last) = events.last() {
                newest.send_replace(last.seq);
            }
        }
    }

    /// Everything appended from now on, for live views. Not durable: use [`Journal::consumer`] for what must
    /// not be missed.
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.news.subscribe())
    }
}

fn one(events: Vec<Event>) -> Result<Event> {
    events.into_iter().next().ok_or_else(|| JournalError::NotFound("that was just appended".to_owned()))
}

/// What a subscriber gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// The next event.
    Event(Arc<Event>),
    /// So many events were passed over because the subscriber was too slow; [`Journal::query`] has them.
    Lagged(u64),
}

/// A live subscription.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Arc<Event>>);

impl Subscription {
    /// The next event, or how many were missed; `None` when every handle of the journal is gone. Cancel safe.
    pub async fn recv(&mut self) -> Option<Received> {
        match self.0.recv().await {
            Ok(event) => Some(Received::Event(event)),
            Err(broadcast::error::RecvError::Lagged(n)) => Some(Received::Lagged(n)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
