//! Durable readers: each has a name and a cursor that survives restarts.

use crate::journal::Journal;
use crate::row::{COLUMNS, RawRow, tail};
use crate::{JournalError, Result};
use heron_core::Event;
use rusqlite::OptionalExtension;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// Names that may have a cursor: every room that sends things away, several times over.
const MOST_CONSUMERS: i64 = 64;

/// Events in one batch: about 1 MiB.
const MOST_IN_BATCH: usize = 1000;

/// Some events to work through.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Oldest first; empty when there is nothing new.
    pub events: Vec<Event>,
    /// Events that were pruned before this consumer had acknowledged them: lost to it, and worth an alarm.
    pub missed: u64,
}

/// A durable reader. Make one per name: two with the same name share the cursor but do not divide the work.
pub struct Consumer {
    journal: Journal,
    name: Arc<str>,
    acked: AtomicU64,
    newest: watch::Receiver<u64>,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consumer({} at {})", self.name, self.acked())
    }
}

impl Journal {
    /// The consumer called `name` (1 to 64 of `a-z 0-9 _ - . :`). A new one begins with the oldest event that
    /// is kept.
    ///
    /// # Errors
    /// [`JournalError::Invalid`] naming `name`, also when there are 64 already.
    pub async fn consumer(&self, name: &str) -> Result<Consumer> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.:".contains(&b);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
            return Err(JournalError::invalid("name", "must be 1 to 64 of a-z, 0-9, '_', '-', '.' and ':'"));
        }
        let name: Arc<str> = name.into();
        let row_name = Arc::clone(&name);
        let acked = self
            .store
            .try_write(move |tx| {
                let found: Option<i64> = tx
                    .query_row("SELECT acked FROM journal_consumers WHERE name = ?1", [&*row_name], |r| {
                        r.get(0)
                    })
                    .optional()?;
                if let Some(acked) = found {
                    return Ok(acked);
                }
                let count: i64 = tx.query_row("SELECT count(*) FROM journal_consumers", [], |r| r.get(0))?;
                if count >= MOST_CONSUMERS {
                    return Err(JournalError::invalid(
                        "name",
                        format!("there are {count} consumers already"),
                    ));
                }
                let (pruned, _) = crate::row::checkpoint(tx)?;
                tx.execute(
                    "INSERT INTO journal_consumers(name, acked) VALUES (?1, ?2)",
                    (&*row_name, pruned),
                )?;
                Ok(pruned)
            })
            .await?;
        Ok(Consumer {
            journal: self.clone(),
            name,
            acked: AtomicU64::new(acked as u64),
            newest: self.newest.subscribe(),
        })
    }

    /// Forgets a consumer and its cursor.
    ///
    /// # Errors
    /// [`JournalError::Store`].
    pub async fn forget_consumer(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.store
            .try_write(move |tx| {
                tx.execute("DELETE FROM journal_consumers WHERE name = ?1", [name])?;
                Ok(())
            })
            .await
    }
}

impl Consumer {
    /// Everything up to this seq is done with.
    pub fn acked(&self) -> u64 {
        self.acked.load(Ordering::Relaxed)
    }

    /// At most `max` (1 to 1,000) events after the last acknowledged one. Asking again without
    /// [`Consumer::ack`] gives the same events: delivery is at least once.
    ///
    /// # Errors
    /// [`JournalError::Store`].
    pub async fn next_batch(&self, max: usize) -> Result<Batch> {
        let (after, max) = (self.acked(), max.clamp(1, MOST_IN_BATCH));
        self.journal
            .store
            .try_read(move |conn| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM journal_events e WHERE e.seq > ?1 ORDER BY e.seq LIMIT {max}"
                );
                let events: Vec<Event> = conn
                    .prepare_cached(&sql)?
                    .query_map([after as i64], |r| Ok(RawRow::read(r)?.into_event()))?
                    .collect::<Result<_, _>>()?;
                let missed = events.first().map_or(0, |e| e.seq - after - 1);
                Ok(Batch { events, missed })
            })
            .await
    }

    /// Marks everything up to `seq` as done with. Going back is ignored; going past the newest event is
    /// refused.
    ///
    /// # Errors
    /// [`JournalError::Invalid`] naming `seq`.
    pub async fn ack(&self, seq: u64) -> Result<()> {
        if seq <= self.acked() {
            return Ok(());
        }
        let name = Arc::clone(&self.name);
        self.journal
            .store
            .try_write(move |tx| {
                let newest = tail(tx)?.seq;
                if seq > newest as u64 {
                    return Err(JournalError::invalid(
                        "seq",
                        format!("{seq} has not happened yet; the newest is {newest}"),
                    ));
                }
                tx.execute(
                    "INSERT INTO journal_consumers(name, acked) VALUES (?1, ?2)
                     ON CONFLICT(name) DO UPDATE SET acked = max(acked, excluded.acked)",
                    (&*name, seq as i64),
                )?;
                Ok(())
            })
            .await?;
        self.acked.fetch_max(seq, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until there is an event after the last acknowledged one. Returns at once when there is; never
    /// returns `false` while the journal lives. Cancel safe.
    pub async fn wait(&mut self) -> bool {
        let acked = self.acked();
        self.newest.wait_for(|newest| *newest > acked).await.is_ok()
    }
}
