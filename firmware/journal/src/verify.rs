//! Whether the chain is whole.

use crate::journal::Journal;
use crate::row::{COLUMNS, Hash, RawRow, checkpoint, tail};
use crate::{JournalError, Result};
use rusqlite::{Connection, OptionalExtension};
use std::ops::RangeInclusive;

/// Rows checked in one read, so that a long check (about 1 s for 500,000 rows) leaves the connection to
/// others between.
const AT_ONCE: i64 = 2000;

/// The first row that does not fit the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its place.
    pub seq: u64,
    /// What does not fit.
    pub detail: String,
}

enum Step {
    Go { next: i64, previous: Hash },
    Whole,
    Broken(Broken),
}

impl Journal {
    /// Recomputes the hashes of a range of seqs; `None` means that it is whole. Rows that were pruned are
    /// passed over by way of the checkpoint; `1..=u64::MAX` checks everything that is kept.
    ///
    /// # Errors
    /// [`JournalError::Invalid`] naming `range` when it is empty; [`JournalError::Store`].
    pub async fn verify(&self, range: RangeInclusive<u64>) -> Result<Option<Broken>> {
        let first = i64::try_from((*range.start()).max(1)).unwrap_or(i64::MAX);
        let last = i64::try_from(*range.end()).unwrap_or(i64::MAX);
        if first > last {
            return Err(JournalError::invalid("range", "must not be empty"));
        }
        let mut step = self.store.try_read(move |conn| begin(conn, first)).await?;
        loop {
            match step {
                Step::Whole => return Ok(None),
                Step::Broken(b) => return Ok(Some(b)),
                Step::Go { next, .. } if next > last => return Ok(None),
                Step::Go { next, previous } => {
                    step = self.store.try_read(move |conn| go_on(conn, next, previous, last)).await?;
                }
            }
        }
    }

    /// The newest row's seq and hash: what to sign or to send away as an anchor. `(0, zeros)` when empty.
    ///
    /// # Errors
    /// [`JournalError::Store`].
    pub async fn head(&self) -> Result<(u64, [u8; 32])> {
        self.store
            .try_read(|conn| {
                let tail = tail(conn)?;
                Ok((tail.seq as u64, tail.hash))
            })
            .await
    }
}

/// Finds the hash that the first row must follow.
fn begin(conn: &Connection, first: i64) -> Result<Step> {
    let (pruned, hash) = checkpoint(conn)?;
    if first <= pruned + 1 {
        return Ok(Step::Go { next: pruned + 1, previous: hash });
    }
    if first > tail(conn)?.seq {
        return Ok(Step::Whole);
    }
    let before: Option<Hash> = conn
        .prepare_cached("SELECT hash FROM journal_events WHERE seq = ?1")?
        .query_row([first - 1], |r| r.get(0))
        .optional()?;
    Ok(match before {
        Some(previous) => Step::Go { next: first, previous },
        None => Step::Broken(missing(first - 1)),
    })
}

fn go_on(conn: &Connection, next: i64, mut previous: Hash, last: i64) -> Result<Step> {
    let (pruned, hash) = checkpoint(conn)?;
    if pruned >= next {
        // Pruned while we were at it.
        return Ok(Step::Go { next: pruned + 1, previous: hash });
    }
    let sql = format!(
        "SELECT {COLUMNS}, e.hash FROM journal_events e WHERE e.seq >= ?1 AND e.seq <= ?2 ORDER BY e.seq LIMIT {AT_ONCE}"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query((next, last))?;
    let mut expected = next;
    while let Some(r) = rows.next()? {
        let row = RawRow::read(r)?;
        let stored: Hash = r.get(10)?;
        if row.seq != expected {
            return Ok(Step::Broken(missing(expected)));
        }
        if row.hash_after(&previous) != stored {
            return Ok(Step::Broken(Broken {
                seq: row.seq as u64,
                detail: "its contents or the row before it were altered: the hash does not match".to_owned(),
            }));
        }
        previous = stored;
        expected += 1;
    }
    if expected == next {
        let newest = tail(conn)?.seq;
        // Rows at the end can only be missing when later ones exist; those would have been found above.
        return Ok(if newest >= next { Step::Broken(missing(next)) } else { Step::Whole });
    }
    Ok(Step::Go { next: expected, previous })
}

fn missing(seq: i64) -> Broken {
    Broken { seq: seq as u64, detail: "the row is missing".to_owned() }
}
