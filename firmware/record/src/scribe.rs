//! Writes the catalogue, so that no disk thread ever waits for the database.
//!
//! Notes are taken in order and written many at a time. When the database refuses, they wait and are tried again;
//! when too many wait the newest are given up and counted: the next start finds the files and makes the rows anew.

use crate::catalogue::{self, Segment};
use crate::gap_rows;
use crate::ledger::Gap;
use heron_core::{StreamKey, WallTime};
use heron_store::Store;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Notes that may wait. 128 streams make 2 segment rows a minute each and a reconnect 2 gap rows, so this is half an
/// hour of a database that does not answer; at about 300 bytes a note, 5 MB.
const MOST_NOTES: usize = 16_384;
/// Notes in one transaction.
const BATCH: usize = 256;
/// Between tries when the database refuses.
const RETRY: Duration = Duration::from_secs(2);

/// Something for the catalogue.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// A segment's row, new or anew.
    Segment(Box<Segment>),
    /// A segment's row as far as it is known; its file is looked at when its volume is back.
    LetGo(Box<Segment>),
    /// A segment has been deleted by retention.
    Expired(i64),
    /// A gap's row, new or anew.
    Gap(StreamKey, Gap),
    /// A gap that turned out to have no length.
    NoGap(i64),
    /// The recorder is running at this time.
    Alive(WallTime),
    /// Gaps that ended before this are too old.
    PruneGaps(WallTime),
}

impl Note {
    fn write(&self, conn: &Connection) -> heron_store::Result<()> {
        match self {
            Self::Segment(s) | Self::LetGo(s) => catalogue::put(conn, s),
            Self::Expired(id) => catalogue::expire(conn, *id),
            Self::Gap(stream, gap) => gap_rows::put(conn, *stream, gap),
            Self::NoGap(id) => gap_rows::forget(conn, *id),
            Self::Alive(at) => catalogue::put_alive(conn, *at),
            Self::PruneGaps(before) => gap_rows::prune(conn, *before).map(drop),
        }
    }
}

/// How the queue of notes for the catalogue is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoteQueue {
    /// Notes that wait now.
    pub waiting: usize,
    /// The most that ever waited.
    pub most: usize,
    /// The most that may wait.
    pub limit: usize,
    /// Notes that could not be kept since the start.
    pub given_up: u64,
}

#[derive(Debug, Default)]
struct Desk {
    notes: VecDeque<Note>,
    /// Notes handed to the database and not answered yet.
    in_hand: usize,
    /// The most that ever waited.
    most: usize,
    given_up: u64,
    closing: bool,
}

/// Where notes are left.
#[derive(Debug, Default)]
pub(crate) struct Scribe {
    desk: Mutex<Desk>,
    changed: Condvar,
}

impl Scribe {
    /// Leaves a note; never waits.
    pub(crate) fn note(&self, note: Note) {
        let mut desk = self.desk.lock();
        if desk.notes.len() >= MOST_NOTES {
            desk.given_up += 1;
            if desk.given_up.is_power_of_two() {
                tracing::error!(
                    given_up = desk.given_up,
                    "the database has not taken the recorder's notes for too long; recordings go on and are found again at the next start"
                );
            }
            return;
        }
        desk.notes.push_back(note);
        desk.most = desk.most.max(desk.notes.len() + desk.in_hand);
        drop(desk);
        self.changed.notify_all();
    }

    /// How the queue of notes is doing.
    pub(crate) fn queue(&self) -> NoteQueue {
        let desk = self.desk.lock();
        NoteQueue {
            waiting: desk.notes.len() + desk.in_hand,
            most: desk.most,
            limit: MOST_NOTES,
            given_up: desk.given_up,
        }
    }

    /// Waits until everything noted so far is in the database, at most `patience`. Whether it is.
    pub(crate) fn settle(&self, patience: Duration) -> bool {
        let mut desk = self.desk.lock();
        let deadline = std::time::Instant::now() + patience;
        while !desk.notes.is_empty() || desk.in_hand > 0 {
            if self.changed.wait_until(&mut desk, deadline).timed_out() {
                return desk.notes.is_empty() && desk.in_hand == 0;
            }
        }
        true
    }

    /// Writes what is there and ends the thread.
    pub(crate) fn close(&self) {
        self.desk.lock().closing = true;
        self.changed.notify_all();
    }

    /// The thread's body. `written` is called with the notes that have been committed.
    pub(crate) fn run(&self, store: &Store, written: impl Fn(&[Note])) {
        loop {
            let batch: Arc<Vec<Note>> = {
                let mut desk = self.desk.lock();
                while desk.notes.is_empty() && !desk.closing {
                    self.changed.wait(&mut desk);
                }
                if desk.notes.is_empty() {
                    return;
                }
                let n = desk.notes.len().min(BATCH);
                desk.in_hand = n;
                Arc::new(desk.notes.drain(..n).collect())
            };
            let mut refused = None;
            if let Err(e) = write_batch(store, &batch) {
                // One of them may be to blame; the others must not suffer.
                refused = self.one_by_one(store, &batch, e);
            }
            let mut desk = self.desk.lock();
            desk.in_hand = 0;
            let done = match refused {
                None => batch.len(),
                Some(done) => {
                    for note in batch[done..].iter().rev() {
                        desk.notes.push_front(note.clone());
                    }
                    done
                }
            };
            drop(desk);
            written(&batch[..done]);
            self.changed.notify_all();
            if refused.is_some() {
                let mut desk = self.desk.lock();
                if desk.closing {
                    tracing::error!(
                        lost = desk.notes.len(),
                        "the database refuses the recorder's last notes; the next start makes them anew from the files"
                    );
                    desk.notes.clear();
                    return;
                }
                let _ = self.changed.wait_for(&mut desk, RETRY);
            }
        }
    }

    /// Writes notes one at a time. A note the database will never take (a constraint) is logged and left out; when
    /// the database itself fails, says how many were dealt with.
    fn one_by_one(&self, store: &Store, batch: &[Note], first: heron_store::StoreError) -> Option<usize> {
        tracing::warn!(error = %first, "the database refused a batch of the recorder's notes; trying them one by one");
        for (done, note) in batch.iter().enumerate() {
            match write_batch(store, &Arc::new(vec![note.clone()])) {
                Ok(()) => {}
                Err(e) if is_notes_fault(&e) => {
                    self.desk.lock().given_up += 1;
                    tracing::error!(error = %e, ?note, "the catalogue cannot take this; `herond fsck` will say what is amiss");
                }
                Err(e) => {
                    tracing::warn!(error = %e, "the catalogue cannot be written now; trying again");
                    return Some(done);
                }
            }
        }
        None
    }
}

fn is_notes_fault(e: &heron_store::StoreError) -> bool {
    use heron_store::StoreError as E;
    matches!(e, E::Constraint(_) | E::BadValue(_) | E::NoRow | E::Sql(_) | E::Panicked)
}

fn write_batch(store: &Store, notes: &Arc<Vec<Note>>) -> heron_store::Result<()> {
    let notes = Arc::clone(notes);
    store.write_blocking(move |tx| notes.iter().try_for_each(|n| n.write(tx)))
}
