//! Brings what was written to the platter: one thread per volume, beside the one that writes, so that a disk that
//! takes its time over a sync never delays a write.
//!
//! Twice a second, for all files that grew: start the writeback of each, then `fdatasync` each, then drop the pages
//! from the page cache. Because all writebacks run first, the first `fdatasync` commits the file system's journal for
//! everybody and the others find theirs done: one commit per round and volume, not one per stream.
//!
//! At risk at a power cut: the unfinished fragment (1 s), the tick (0.2 s) and this round (0.5 s and the sync's own
//! time): about 2 s.

use crate::meter::Meter;
use parking_lot::{Condvar, Mutex};
use rustix::fs::Advice;
use std::fs::File;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// Between two rounds.
const ROUND: Duration = Duration::from_millis(500);

/// A file that has grown since it was synced.
#[derive(Debug)]
struct Dirty {
    segment: i64,
    file: Arc<File>,
    synced: u64,
    written: u64,
    /// Folders whose entries are new.
    folders: Vec<OwnedFd>,
    /// No more will be written: give back the preallocated room.
    close: bool,
}

#[derive(Debug, Default)]
struct Desk {
    dirty: Vec<Dirty>,
    /// Since when a round is going on.
    busy: Option<std::time::Instant>,
    /// Counts the failures of the volume.
    epoch: u64,
    hurry: bool,
    closing: bool,
    failure: Option<std::io::Error>,
}

/// Where the writer says what it wrote. Bounded by the number of files: one entry each.
#[derive(Debug, Default)]
pub(crate) struct Syncer {
    desk: Mutex<Desk>,
    changed: Condvar,
    /// How long the volume takes.
    meter: Arc<Meter>,
}

impl Syncer {
    /// One that counts how long syncs take in `meter`.
    pub(crate) fn metered(meter: Arc<Meter>) -> Self {
        Self { meter, ..Self::default() }
    }

    /// A file begins.
    pub(crate) fn begin(&self, segment: i64, file: Arc<File>, folders: Vec<OwnedFd>) {
        let dirty = Dirty { segment, file, synced: 0, written: 0, folders, close: false };
        self.desk.lock().dirty.push(dirty);
    }

    /// A file has grown to `written`.
    pub(crate) fn grown(&self, segment: i64, written: u64) {
        if let Some(d) = self.desk.lock().dirty.iter_mut().find(|d| d.segment == segment) {
            d.written = written;
        }
    }

    /// A file is complete at `written`.
    pub(crate) fn end(&self, segment: i64, written: u64) {
        if let Some(d) = self.desk.lock().dirty.iter_mut().find(|d| d.segment == segment) {
            d.written = written;
            d.close = true;
        }
    }

    /// A file is no more.
    pub(crate) fn forget(&self, segment: i64) {
        self.desk.lock().dirty.retain(|d| d.segment != segment);
        self.changed.notify_all();
    }

    /// The volume has failed: its files are let go as they are, and what a round that hangs will say is of no interest.
    pub(crate) fn drop_all(&self) {
        let mut desk = self.desk.lock();
        desk.dirty.clear();
        desk.failure = None;
        desk.epoch += 1;
    }

    /// How long the round has lasted that is going on now.
    pub(crate) fn busy_for(&self) -> Duration {
        self.desk.lock().busy.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The error of the last round, once.
    pub(crate) fn take_failure(&self) -> Option<std::io::Error> {
        self.desk.lock().failure.take()
    }

    /// Waits until every file that was ended is on the disk, at most `patience`. Whether they are.
    pub(crate) fn settle(&self, patience: Duration) -> bool {
        let deadline = std::time::Instant::now() + patience;
        let mut desk = self.desk.lock();
        while desk.busy.is_some() || desk.dirty.iter().any(|d| d.close) {
            desk.hurry = true;
            self.changed.notify_all();
            if self.changed.wait_until(&mut desk, deadline).timed_out() {
                return false;
            }
        }
        true
    }

    /// Syncs what is there and ends the thread.
    pub(crate) fn close(&self) {
        self.desk.lock().closing = true;
        self.changed.notify_all();
    }

    /// The thread's body.
    pub(crate) fn run(&self) {
        loop {
            let closing = {
                let mut desk = self.desk.lock();
                if !desk.closing && !desk.hurry {
                    let _ = self.changed.wait_for(&mut desk, ROUND);
                }
                desk.hurry = false;
                desk.closing
            };
            self.round();
            if closing {
                return;
            }
        }
    }

    /// One round.
    pub(crate) fn round(&self) {
        struct Job {
            segment: i64,
            file: Arc<File>,
            from: u64,
            to: u64,
            folders: Vec<OwnedFd>,
            close: bool,
        }
        let epoch;
        let jobs: Vec<Job> = {
            let mut desk = self.desk.lock();
            desk.busy = Some(std::time::Instant::now());
            epoch = desk.epoch;
            desk.dirty
                .iter_mut()
                .filter(|d| d.written > d.synced || d.close)
                .map(|d| Job {
                    segment: d.segment,
                    file: Arc::clone(&d.file),
                    from: d.synced,
                    to: d.written,
                    folders: std::mem::take(&mut d.folders),
                    close: d.close,
                })
                .collect()
        };
        let mut failure = None;
        for j in &jobs {
            if j.close {
                // Gives back what was preallocated beyond the end.
                if let Err(e) = rustix::fs::ftruncate(&*j.file, j.to) {
                    failure.get_or_insert(e);
                }
            }
            // On dirty pages this starts their writeback without waiting for it.
            drop_pages(&j.file, j.from, j.to);
        }
        for j in &jobs {
            let folders = j.folders.iter().map(rustix::fs::fsync);
            let file = std::iter::once_with(|| self.meter.time(|| rustix::fs::fdatasync(&*j.file)));
            if let Some(e) = file.chain(folders).find_map(Result::err) {
                failure.get_or_insert(e);
            }
            drop_pages(&j.file, j.from, j.to);
        }
        let mut desk = self.desk.lock();
        for j in jobs {
            if let Some(d) = desk.dirty.iter_mut().find(|d| d.segment == j.segment) {
                d.synced = j.to;
            }
            if j.close {
                desk.dirty.retain(|d| d.segment != j.segment);
            }
        }
        desk.busy = None;
        if desk.epoch == epoch {
            desk.failure = failure.map(Into::into).or(desk.failure.take());
        }
        drop(desk);
        self.changed.notify_all();
    }
}

/// Takes pages out of the page cache, so that recording does not push the database and the UI out of it. Whole pages
/// only: the last one will be written again.
fn drop_pages(file: &File, from: u64, to: u64) {
    const PAGE: u64 = 4096;
    let from = from / PAGE * PAGE;
    if let Some(length) = NonZeroU64::new((to / PAGE * PAGE).saturating_sub(from)) {
        // Advice: nothing depends on its being taken.
        let _ = rustix::fs::fadvise(file, from, Some(length), Advice::DontNeed);
    }
}
