//! Frames that may be wanted yet, held in memory: what happened just before something happened. Pure.
//!
//! Held are the `Arc`s that the hub's ring held before: no frame is copied, and nothing goes to the disk. The oldest one
//! held is a key frame, unless the frames held go on where the open file ends ([`PreRoll::joins`]).
//!
//! **The bound.** A stream holds the time asked for, [`LATENCY`] more, and the group of pictures that was going on then:
//! 4 Mbit/s x (10 s + 2 s + 2 s) = 7 MB. [`STREAM_BYTES`] is the most: 4 Mbit/s x (60 s + 2 s + 2 s) = 32 MB, or the
//! usual 10 s of 16 Mbit/s with groups of 4 s. All streams together hold [`TOTAL_BYTES`]: 36 streams of 7 MB; beyond it
//! each stream has an equal share, 64 streams 4 MiB each, which is 8 s of 4 Mbit/s. What gives way at a bound is the
//! oldest whole group. Of a group that is larger than the bound nothing is held: without its key frame the rest is of no
//! use, so the next recording begins at the next key frame.

use heron_core::{AccessUnit, WallTime};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How late a trigger may be and still find its whole pre-roll: detection, the journal and a tick take less than a second.
pub(crate) const LATENCY: Duration = Duration::from_secs(2);
/// The most that one stream holds.
pub(crate) const STREAM_BYTES: usize = 32 << 20;
/// The most that all streams hold together.
pub(crate) const TOTAL_BYTES: usize = 256 << 20;
/// The most units of one stream, for tracks of tiny ones: 64 s of 60 pictures and 100 sounds a second are 10,240.
const MOST_UNITS: usize = 16_384;
/// A frame's place on the recording's time line follows the box's clock this closely; when it does not (the clock was
/// set), the time of its arrival says when it was.
const PARTING_NANOS: i64 = 2_000_000_000;

/// When a frame was, by the box's clock.
pub(crate) fn box_time(unit: &AccessUnit) -> WallTime {
    let apart = unit.arrival.nanos_since(unit.wall);
    if apart.saturating_abs() <= PARTING_NANOS { unit.wall } else { unit.arrival }
}

/// What all streams hold together.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    held: AtomicUsize,
    /// Streams that hold something.
    holders: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicUsize::new(0), holders: AtomicUsize::new(0) })
    }
    /// Bytes held by all streams.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
    /// The bound, bytes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
    /// What one stream may hold now.
    fn share(&self) -> usize {
        match self.held() > self.limit {
            true => (self.limit / self.holders.load(Ordering::Relaxed).max(1)).min(STREAM_BYTES),
            false => STREAM_BYTES,
        }
    }
}

/// The frames of one stream that are held.
#[derive(Debug)]
pub(crate) struct PreRoll {
    budget: Arc<Budget>,
    units: VecDeque<Arc<AccessUnit>>,
    /// Number of the unit at the front; counts on.
    first: u64,
    /// Numbers of the key frames held.
    keys: VecDeque<u64>,
    bytes: usize,
    joins: bool,
}

impl PreRoll {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, units: VecDeque::new(), first: 0, keys: VecDeque::new(), bytes: 0, joins: false }
    }

    /// Nothing is held, and nothing to come goes on from a file.
    pub(crate) fn is_quiet(&self) -> bool {
        self.units.is_empty() && !self.joins
    }

    /// What is held, oldest first.
    pub(crate) fn units(&self) -> impl Iterator<Item = &Arc<AccessUnit>> {
        self.units.iter()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether what is held, and nothing else, comes after the last frame written: a recording that needs all of it goes
    /// on in the same file.
    pub(crate) fn joins(&self) -> bool {
        self.joins
    }

    /// The last frame has just been written, and those to come are to be held.
    pub(crate) fn join(&mut self) {
        self.clear();
        self.joins = true;
    }

    /// The file that the frames held went on from is complete.
    pub(crate) fn part(&mut self) {
        self.joins = false;
        self.behead();
    }

    /// Holds a unit, and no more than the last `keep` and their group of pictures. Whether it is held: not when the key
    /// frame that it needs is not.
    pub(crate) fn push(&mut self, unit: Arc<AccessUnit>, keep: Duration) -> bool {
        let is_key = unit.is_key_frame();
        if self.units.is_empty() && !is_key && !self.joins {
            return false;
        }
        if self.units.is_empty() {
            self.budget.holders.fetch_add(1, Ordering::Relaxed);
        }
        if is_key {
            self.keys.push_back(self.first + self.units.len() as u64);
        }
        self.bytes += unit.payload.len();
        self.budget.held.fetch_add(unit.payload.len(), Ordering::Relaxed);
        let since = box_time(&unit) - keep - LATENCY;
        self.units.push_back(unit);
        // The group of `since` is needed from its key frame on.
        while let Some(next) = self.next_group()
            && box_time(&self.units[next]) <= since
        {
            self.drop_front(next);
        }
        while self.bytes > self.budget.share() || self.units.len() > MOST_UNITS {
            match self.next_group() {
                Some(next) => self.drop_front(next),
                None => self.clear(),
            }
        }
        !self.units.is_empty()
    }

    /// The `count` oldest units have been written. Whether some are left, which then go on from them.
    pub(crate) fn written(&mut self, count: usize) -> bool {
        for _ in 0..count {
            drop(self.take_front());
        }
        self.joins = !self.units.is_empty();
        self.joins
    }

    /// The stream is read again from `next` on: what is held of that is let go.
    pub(crate) fn rewind_to(&mut self, next: Option<&Arc<AccessUnit>>) {
        let Some(next) = next else { return };
        match self.units.iter().rposition(|u| Arc::ptr_eq(u, next)) {
            Some(at) => {
                while self.units.len() > at {
                    self.take_back();
                }
            }
            // All of it is older, or all of it is newer.
            None if self.units.back().is_some_and(|last| last.arrival <= next.arrival) => {}
            None => self.clear(),
        }
    }

    fn take_back(&mut self) {
        let Some(unit) = self.units.pop_back() else { return };
        self.bytes -= unit.payload.len();
        self.budget.held.fetch_sub(unit.payload.len(), Ordering::Relaxed);
        if self.keys.back() == Some(&(self.first + self.units.len() as u64)) {
            self.keys.pop_back();
        }
        if self.units.is_empty() {
            self.budget.holders.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Lets go of everything when the newest of it is older than `keep`: no frames come any more.
    pub(crate) fn age(&mut self, now: WallTime, keep: Duration) {
        if self.units.back().is_some_and(|last| box_time(last) < now - keep - LATENCY) {
            self.clear();
        }
    }

    /// Where in the front the second group begins.
    fn next_group(&self) -> Option<usize> {
        let second = self.keys.iter().find(|k| **k > self.first)?;
        usize::try_from(second - self.first).ok()
    }

    fn drop_front(&mut self, count: usize) {
        for _ in 0..count {
            drop(self.take_front());
        }
        self.joins = false;
    }

    fn take_front(&mut self) -> Option<Arc<AccessUnit>> {
        let unit = self.units.pop_front()?;
        self.bytes -= unit.payload.len();
        self.budget.held.fetch_sub(unit.payload.len(), Ordering::Relaxed);
        if self.keys.front() == Some(&self.first) {
            self.keys.pop_front();
        }
        self.first += 1;
        if self.units.is_empty() {
            self.budget.holders.fetch_sub(1, Ordering::Relaxed);
        }
        Some(unit)
    }

    /// Finds the first frame that `is_due` and drops what comes before the group of pictures that it belongs to: what is
    /// left begins where a recording of it must begin. `false`, and nothing is dropped, when there is no such frame, or
    /// no key frame to begin with.
    pub(crate) fn begin_at(&mut self, mut is_due: impl FnMut(&AccessUnit) -> bool) -> bool {
        let Some(due) = self.units.iter().position(|u| is_due(u)) else { return false };
        let due = self.first + due as u64;
        let key = self.keys.iter().rev().find(|k| **k <= due);
        let begin = match key {
            Some(key) => *key,
            // The frame belongs to the group that the file ends with.
            None if self.joins => return true,
            None => match self.keys.front() {
                Some(key) => *key,
                None => return false,
            },
        };
        let before = usize::try_from(begin - self.first).unwrap_or(0);
        if before > 0 {
            self.drop_front(before);
        }
        true
    }

    /// Drops everything before the group of pictures of the instant `since`.
    pub(crate) fn trim(&mut self, since: WallTime) {
        while let Some(next) = self.next_group()
            && box_time(&self.units[next]) <= since
        {
            self.drop_front(next);
        }
    }

    /// Drops what comes before the first key frame.
    fn behead(&mut self) {
        match self.keys.front() {
            Some(key) => {
                let before = usize::try_from(key - self.first).unwrap_or(0);
                self.drop_front(before);
            }
            None => self.clear(),
        }
    }

    /// Lets go of everything.
    pub(crate) fn clear(&mut self) {
        while self.take_front().is_some() {}
        self.joins = false;
    }
}

impl Drop for PreRoll {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests;
