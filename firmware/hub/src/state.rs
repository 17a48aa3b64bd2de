//! What a ring holds and where its readers are, under the ring's lock.

use crate::{RingItem, RingStatistics};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) struct State<T> {
    /// The items held; the front one is number `first`.
    items: VecDeque<Arc<T>>,
    first: u64,
    pub(crate) bytes: usize,
    /// Bytes pushed before item `first`, so that what a reader missed can be told in bytes.
    bytes_before: u64,
    /// Numbers of the items at which a reader may start, of those held.
    starts: VecDeque<u64>,
    cursors: Vec<Option<Cursor>>,
    closed: bool,
    pub(crate) statistics: RingStatistics,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    pub(crate) kind: CursorKind,
    /// The next item to read; for a live reader that awaits a start, the first that it has not been given.
    pub(crate) next: u64,
    /// Bytes pushed before `next`.
    pub(crate) bytes_before: u64,
    /// Pinned: the oldest item that it may come back to.
    pub(crate) keep: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CursorKind {
    Pinned,
    /// Live, reading on.
    Following,
    /// Live, without a start held. `owed`: what passes meanwhile must be reported as skipped, because the reader
    /// has begun before.
    AwaitingStart {
        owed: bool,
    },
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            first: 0,
            bytes: 0,
            bytes_before: 0,
            starts: VecDeque::new(),
            cursors: Vec::new(),
            closed: false,
            statistics: RingStatistics::default(),
        }
    }
}

impl<T: RingItem> State<T> {
    /// Items held.
    pub(crate) fn depth_items(&self) -> usize {
        self.items.len()
    }

    /// Readers of that kind.
    pub(crate) fn readers(&self, pinned: bool) -> usize {
        self.cursors.iter().flatten().filter(|c| (c.kind == CursorKind::Pinned) == pinned).count()
    }

    /// The newest item at which a reader may start, if it is still held.
    pub(crate) fn newest_start(&self) -> Option<Arc<T>> {
        let at = *self.starts.back()?;
        self.items.get(usize::try_from(at - self.first).ok()?).cloned()
    }

    /// No reader may start at anything that is held.
    pub(crate) fn forget_starts(&mut self) {
        self.starts.clear();
    }

    /// No more will come.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    fn head(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    pub(crate) fn append(&mut self, item: Arc<T>) {
        if item.is_start() {
            self.starts.push_back(self.head());
        }
        self.bytes += item.cost_bytes();
        self.statistics.pushed_items += 1;
        self.statistics.pushed_bytes += item.cost_bytes() as u64;
        self.items.push_back(item);
    }

    fn pop_front(&mut self, fallen: &mut Vec<Arc<T>>) -> bool {
        let Some(item) = self.items.pop_front() else { return false };
        self.bytes -= item.cost_bytes();
        self.bytes_before += item.cost_bytes() as u64;
        self.first += 1;
        if self.starts.front().is_some_and(|s| *s < self.first) {
            self.starts.pop_front();
        }
        fallen.push(item);
        true
    }

    /// Drops the oldest until at most `limit` bytes are held, whoever still wants them.
    pub(crate) fn shed(&mut self, limit: usize, fallen: &mut Vec<Arc<T>>) {
        while self.bytes > limit && self.pop_front(fallen) {}
    }

    /// Drops the oldest that no reader will come for: before the newest start, before every pinned cursor, and
    /// before every live cursor that is no further behind than the start before the newest.
    pub(crate) fn forget_what_nobody_needs(&mut self, fallen: &mut Vec<Arc<T>>) {
        let head = self.head();
        let newest = self.starts.back().copied().unwrap_or(head);
        let grace = self.starts.iter().rev().nth(1).copied().unwrap_or(self.first);
        let mut keep = newest;
        for cursor in self.cursors.iter().flatten() {
            match cursor.kind {
                CursorKind::Pinned => keep = keep.min(cursor.keep),
                CursorKind::Following if cursor.next >= grace => keep = keep.min(cursor.next),
                CursorKind::Following | CursorKind::AwaitingStart { .. } => {}
            }
        }
        while self.first < keep && self.pop_front(fallen) {}
    }

    pub(crate) fn open_live(&mut self) -> usize {
        let cursor = self
            .at_newest_start(CursorKind::Following)
            .unwrap_or_else(|| self.at_head(CursorKind::AwaitingStart { owed: false }));
        self.open(cursor)
    }

    pub(crate) fn open_pinned(&mut self) -> usize {
        let cursor =
            self.at_newest_start(CursorKind::Pinned).unwrap_or_else(|| self.at_head(CursorKind::Pinned));
        self.open(cursor)
    }

    fn at_head(&self, kind: CursorKind) -> Cursor {
        let next = self.head();
        Cursor { kind, next, bytes_before: self.bytes_before + self.bytes as u64, keep: next }
    }

    fn at_newest_start(&self, kind: CursorKind) -> Option<Cursor> {
        let next = *self.starts.back()?;
        Some(Cursor { kind, next, bytes_before: self.bytes_before_item(next), keep: next })
    }

    fn bytes_before_item(&self, number: u64) -> u64 {
        let count = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.bytes_before + self.items.iter().take(count).map(|i| i.cost_bytes() as u64).sum::<u64>()
    }

    fn open(&mut self, cursor: Cursor) -> usize {
        match self.cursors.iter().position(Option::is_none) {
            Some(free) => {
                self.cursors[free] = Some(cursor);
                free
            }
            None => {
                self.cursors.push(Some(cursor));
                self.cursors.len() - 1
            }
        }
    }

    pub(crate) fn close_cursor(&mut self, index: usize) {
        if let Some(slot) = self.cursors.get_mut(index) {
            *slot = None;
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many items cursor `index` could read now.
    pub(crate) fn unread(&self, index: usize) -> u64 {
        let Some(cursor) = self.cursors.get(index).copied().flatten() else { return 0 };
        self.head().saturating_sub(cursor.next.max(self.first))
    }

    /// What cursor `index` missed because it fell out of the ring, as items and bytes, having moved it on: a
    /// pinned one to the oldest item held, a live one to the newest start held. A live one for which no start
    /// is held waits for it and is told then.
    pub(crate) fn catch_up(&mut self, index: usize) -> Option<(u64, u64)> {
        let cursor = self.cursors.get(index).copied().flatten()?;
        let fallen_behind = cursor.next < self.first;
        let moved = match cursor.kind {
            CursorKind::Pinned | CursorKind::Following if !fallen_behind => return None,
            CursorKind::Pinned => Cursor {
                kind: CursorKind::Pinned,
                next: self.first,
                bytes_before: self.bytes_before,
                keep: self.first,
            },
            CursorKind::Following | CursorKind::AwaitingStart { .. } => {
                match self.at_newest_start(CursorKind::Following).filter(|start| start.next >= cursor.next) {
                    Some(start) => start,
                    None => {
                        let owed = !matches!(cursor.kind, CursorKind::AwaitingStart { owed: false });
                        self.cursors[index] =
                            Some(Cursor { kind: CursorKind::AwaitingStart { owed }, ..cursor });
                        return None;
                    }
                }
            }
        };
        self.cursors[index] = Some(moved);
        let items = moved.next - cursor.next;
        if items == 0 || cursor.kind == (CursorKind::AwaitingStart { owed: false }) {
            return None;
        }
        if cursor.kind == CursorKind::Pinned {
            self.statistics.pinned_overruns += 1;
            self.statistics.pinned_lost_items += items;
        } else {
            self.statistics.live_skips += 1;
            self.statistics.live_skipped_items += items;
        }
        Some((items, moved.bytes_before - cursor.bytes_before))
    }

    /// Pinned cursor `index` needs nothing before the newest start at or before `oldest` any more; without `oldest`
    /// nothing that it has read.
    pub(crate) fn release(&mut self, index: usize, oldest: Option<&Arc<T>>) {
        let Some(cursor) = self.cursors.get(index).copied().flatten() else { return };
        let read = usize::try_from(cursor.next.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let upto = match oldest {
            None => cursor.next,
            Some(oldest) => {
                let at = self.items.iter().take(read).rposition(|item| Arc::ptr_eq(item, oldest));
                let Some(at) = at else { return };
                let at = self.first + at as u64;
                self.starts.iter().rev().copied().find(|s| *s <= at).unwrap_or(at)
            }
        };
        if let Some(Some(cursor)) = self.cursors.get_mut(index) {
            // Never back: what has been released may be gone.
            cursor.keep = cursor.keep.max(upto);
        }
    }

    /// Moves pinned cursor `index` back to the newest start at or before the oldest item that it still needs.
    pub(crate) fn rewind(&mut self, index: usize) {
        let Some(cursor) = self.cursors.get(index).copied().flatten() else { return };
        let needed = cursor.keep.max(self.first);
        let next = self.starts.iter().rev().copied().find(|s| *s <= needed).unwrap_or(needed);
        // What was lost before it was read stays to be told.
        if next < cursor.next && cursor.next >= self.first {
            let bytes_before = self.bytes_before_item(next);
            self.cursors[index] = Some(Cursor { next, bytes_before, keep: next, ..cursor });
        }
    }

    /// The next item of cursor `index`, which stays.
    pub(crate) fn peek(&self, index: usize) -> Option<Arc<T>> {
        let next = self.cursors.get(index).copied().flatten()?.next;
        self.items.get(usize::try_from(next.checked_sub(self.first)?).ok()?).cloned()
    }

    /// The next item of cursor `index`, which moves on. Call [`State::catch_up`] first.
    pub(crate) fn take(&mut self, index: usize) -> Option<Arc<T>> {
        let cursor = self.cursors.get_mut(index)?.as_mut()?;
        if matches!(cursor.kind, CursorKind::AwaitingStart { .. }) {
            return None;
        }
        let at = usize::try_from(cursor.next.checked_sub(self.first)?).ok()?;
        let item = Arc::clone(self.items.get(at)?);
        cursor.next += 1;
        cursor.bytes_before += item.cost_bytes() as u64;
        Some(item)
    }
}
