//! Readers of a ring.

use crate::{Ring, RingItem};
use std::sync::Arc;

/// What a live reader missed because it was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Items.
    pub units: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What a live reader gets.
#[derive(Debug)]
pub enum Next<T> {
    /// The next item in order.
    Item(Arc<T>),
    /// Some items were missed; the next one is a key frame.
    Skipped(Skipped),
}

/// The ring was closed and everything in it has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the stream was taken away")
    }
}

impl std::error::Error for Closed {}

/// What a pinned reader missed: the ring reached its bound, or the shared bound, before it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// Items.
    pub units: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What one [`PinnedReader::drain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Items appended to the caller's vector.
    pub units: usize,
    /// What was missed *before* the first item of this call.
    pub overrun: Option<Overrun>,
    /// Items still unread.
    pub remaining: u64,
    /// The ring is closed: once `remaining` is zero, nothing more will come.
    pub closed: bool,
}

/// Follows a ring from a key frame; when it falls too far behind it goes on at the newest key frame.
#[derive(Debug)]
pub struct LiveReader<T: RingItem> {
    ring: Arc<Ring<T>>,
    cursor: usize,
}

impl<T: RingItem> LiveReader<T> {
    pub(crate) fn new(ring: Arc<Ring<T>>, cursor: usize) -> Self {
        Self { ring, cursor }
    }

    /// The next item, waiting for it. Cancel-safe: a dropped future loses nothing.
    ///
    /// # Errors
    /// [`Closed`] when the stream was taken away and everything has been read.
    pub async fn next(&mut self) -> Result<Next<T>, Closed> {
        loop {
            let ring = Arc::clone(&self.ring);
            let pushed = ring.pushed.notified();
            tokio::pin!(pushed);
            // Listen first, look second: a push in between is not missed.
            pushed.as_mut().enable();
            if let Some(next) = self.try_next()? {
                return Ok(next);
            }
            pushed.await;
        }
    }

    /// The next item if it is there.
    ///
    /// # Errors
    /// [`Closed`] when the stream was taken away and everything has been read.
    pub fn try_next(&mut self) -> Result<Option<Next<T>>, Closed> {
        self.ring.with_state(|state| {
            if let Some((units, bytes)) = state.catch_up(self.cursor) {
                return Ok(Some(Next::Skipped(Skipped { units, bytes })));
            }
            match state.take(self.cursor) {
                Some(item) => Ok(Some(Next::Item(item))),
                None if state.is_closed() => Err(Closed),
                None => Ok(None),
            }
        })
    }

    /// Appends at most `max` items that are there to `out`, under one lock. Returns what was missed before
    /// them.
    ///
    /// # Errors
    /// [`Closed`] when the stream was taken away and everything has been read.
    pub fn try_drain(&mut self, out: &mut Vec<Arc<T>>, max: usize) -> Result<Option<Skipped>, Closed> {
        self.ring.with_state(|state| {
            let skipped = state.catch_up(self.cursor).map(|(units, bytes)| Skipped { units, bytes });
            let before = out.len();
            out.extend(std::iter::from_fn(|| state.take(self.cursor)).take(max));
            if out.len() == before && skipped.is_none() && state.is_closed() {
                return Err(Closed);
            }
            Ok(skipped)
        })
    }
}

impl<T: RingItem> Drop for LiveReader<T> {
    fn drop(&mut self) {
        self.ring.live_reader_gone(self.cursor);
    }
}

/// Follows a ring that keeps what it has not read, and what it has read and not [released](PinnedReader::release).
/// Polled, never waits.
#[derive(Debug)]
pub struct PinnedReader<T: RingItem> {
    ring: Arc<Ring<T>>,
    cursor: usize,
}

impl<T: RingItem> PinnedReader<T> {
    pub(crate) fn new(ring: Arc<Ring<T>>, cursor: usize) -> Self {
        Self { ring, cursor }
    }

    /// Appends at most `max` unread items to `out` in order. When items were lost it says so once; the items
    /// after the loss need not begin with a key frame. What was read stays in the ring until it is
    /// [released](PinnedReader::release).
    pub fn take(&mut self, out: &mut Vec<Arc<T>>, max: usize) -> Drained {
        self.ring.with_state(|state| {
            let overrun = state.catch_up(self.cursor).map(|(units, bytes)| Overrun { units, bytes });
            let before = out.len();
            out.extend(std::iter::from_fn(|| state.take(self.cursor)).take(max));
            Drained {
                units: out.len() - before,
                overrun,
                remaining: state.unread(self.cursor),
                closed: state.is_closed(),
            }
        })
    }

    /// [`PinnedReader::take`], and what was read is done with.
    pub fn drain(&mut self, out: &mut Vec<Arc<T>>, max: usize) -> Drained {
        let drained = self.take(out, max);
        if drained.units > 0 {
            self.release(None);
        }
        drained
    }

    /// What was read is done with, but for `oldest` and what came after it: that, from the key frame at or before
    /// it on, can be had again by [`PinnedReader::rewind`]. Without `oldest` everything that was read is done with.
    pub fn release(&mut self, oldest: Option<&Arc<T>>) {
        self.ring.release(self.cursor, oldest);
    }

    /// The item that is read next, if it is there.
    pub fn next_unread(&self) -> Option<Arc<T>> {
        self.ring.with_state(|state| state.peek(self.cursor))
    }

    /// Goes back to the newest key frame held that is not after the oldest item which was not released, so that
    /// somebody else can take over without a gap. What the ring had to let go meanwhile is not there any more.
    pub fn rewind(&mut self) {
        self.ring.with_state(|state| state.rewind(self.cursor));
    }
}

impl<T: RingItem> Drop for PinnedReader<T> {
    fn drop(&mut self) {
        self.ring.with_state(|state| state.close_cursor(self.cursor));
        let mut fallen = Vec::new();
        self.ring.reader_moved(&mut fallen);
    }
}
