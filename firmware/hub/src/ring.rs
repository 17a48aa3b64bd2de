//! The ring: items in order, with cursors.

use crate::budget::{Budget, Sheddable};
use crate::reader::{LiveReader, PinnedReader};
use crate::state::State;
use crate::{RingItem, RingStatistics};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// A bounded queue that one writer fills and many readers follow, each at its own pace.
///
/// Items are numbered from zero in the order they are pushed.
pub struct Ring<T: RingItem> {
    limit_bytes: usize,
    budget: Arc<Budget>,
    state: Mutex<State<T>>,
    /// `state.bytes`, for [`Budget`] to read without a lock.
    held_bytes: AtomicUsize,
    /// Live readers, for the same.
    live_readers: AtomicUsize,
    pub(crate) pushed: Notify,
}

impl<T: RingItem> std::fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("limit_bytes", &self.limit_bytes)
            .field("held_bytes", &self.held_bytes.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

impl<T: RingItem> Ring<T> {
    /// A ring of its own that holds at most `limit_bytes`.
    pub fn new(limit_bytes: usize) -> Arc<Self> {
        Self::within(limit_bytes, Arc::new(Budget::new(usize::MAX)))
    }

    pub(crate) fn within(limit_bytes: usize, budget: Arc<Budget>) -> Arc<Self> {
        let ring = Arc::new(Self {
            limit_bytes,
            budget,
            state: Mutex::new(State::default()),
            held_bytes: AtomicUsize::new(0),
            live_readers: AtomicUsize::new(0),
            pushed: Notify::new(),
        });
        let weak: Weak<dyn Sheddable> = Arc::downgrade(&ring) as Weak<dyn Sheddable>;
        ring.budget.register(weak);
        ring
    }

    /// Appends one item and wakes the readers that wait.
    pub fn push(&self, item: Arc<T>) {
        self.push_batch(std::iter::once(item));
    }

    /// Appends `items` in order under one lock, then wakes the readers that wait, once.
    pub fn push_batch(&self, items: impl IntoIterator<Item = Arc<T>>) {
        // Items that fall out are dropped after the lock is released: freeing payloads is not for readers to wait on.
        let mut fallen = Vec::new();
        {
            let mut state = self.state.lock();
            let before = state.bytes;
            for item in items {
                state.append(item);
                // Within the batch too, so that no batch can take the ring over its bound by more than an item.
                state.shed(self.limit_bytes, &mut fallen);
            }
            state.forget_what_nobody_needs(&mut fallen);
            self.account(before, &mut state);
        }
        drop(fallen);
        self.budget.enforce();
        self.pushed.notify_waiters();
    }

    /// A reader that starts at the newest key frame held, or at the next one to come when none is held.
    pub fn live_reader(self: &Arc<Self>) -> LiveReader<T> {
        self.live_readers.fetch_add(1, Ordering::Relaxed);
        LiveReader::new(Arc::clone(self), self.state.lock().open_live())
    }

    /// A live reader has gone.
    pub(crate) fn live_reader_gone(&self, cursor: usize) {
        self.live_readers.fetch_sub(1, Ordering::Relaxed);
        self.state.lock().close_cursor(cursor);
    }

    /// A reader that starts at the newest key frame held (or at the next item to come) and whose unread items
    /// are kept up to the bound. For one that must not miss anything, such as the recorder.
    pub fn pinned_reader(self: &Arc<Self>) -> PinnedReader<T> {
        PinnedReader::new(Arc::clone(self), self.state.lock().open_pinned())
    }

    /// No more will come. Readers get what is left, then [`crate::Closed`].
    pub fn close(&self) {
        self.state.lock().close();
        self.pushed.notify_waiters();
    }

    /// Drops everything held and lets live readers wait for the next key frame: the items to come have nothing
    /// to do with those before. Pinned readers keep what they have not read.
    pub fn restart(&self) {
        let mut fallen = Vec::new();
        {
            let mut state = self.state.lock();
            let before = state.bytes;
            state.forget_starts();
            state.forget_what_nobody_needs(&mut fallen);
            self.account(before, &mut state);
        }
    }

    /// The counters.
    pub fn statistics(&self) -> RingStatistics {
        let state = self.state.lock();
        RingStatistics {
            depth_items: state.depth_items(),
            depth_bytes: state.bytes,
            limit_bytes: self.limit_bytes,
            live_readers: state.readers(false),
            pinned_readers: state.readers(true),
            ..state.statistics
        }
    }

    /// The newest item at which a reader may start, if it is still held.
    pub fn newest_start(&self) -> Option<Arc<T>> {
        self.state.lock().newest_start()
    }

    pub(crate) fn with_state<R>(&self, f: impl FnOnce(&mut State<T>) -> R) -> R {
        f(&mut self.state.lock())
    }

    /// See [`PinnedReader::release`].
    pub(crate) fn release(&self, cursor: usize, oldest: Option<&Arc<T>>) {
        let mut fallen = Vec::new();
        let mut state = self.state.lock();
        let before = state.bytes;
        state.release(cursor, oldest);
        state.forget_what_nobody_needs(&mut fallen);
        self.account(before, &mut state);
        drop(state);
    }

    /// Drops what only the reader of `cursor` still needed. Called by readers after they have moved.
    pub(crate) fn reader_moved(&self, fallen: &mut Vec<Arc<T>>) {
        let mut state = self.state.lock();
        let before = state.bytes;
        state.forget_what_nobody_needs(fallen);
        self.account(before, &mut state);
    }

    fn account(&self, before: usize, state: &mut State<T>) {
        self.budget.moved(before, state.bytes);
        self.held_bytes.store(state.bytes, Ordering::Relaxed);
        state.statistics.peak_bytes = state.statistics.peak_bytes.max(state.bytes);
    }
}

impl<T: RingItem> Sheddable for Ring<T> {
    fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }
    fn is_watched(&self) -> bool {
        self.live_readers.load(Ordering::Relaxed) > 0
    }
    fn shed_to(&self, bytes: usize) {
        let mut fallen = Vec::new();
        let mut state = self.state.lock();
        let before = state.bytes;
        state.shed(bytes, &mut fallen);
        self.account(before, &mut state);
        drop(state);
    }
}

impl<T: RingItem> Drop for Ring<T> {
    fn drop(&mut self) {
        self.budget.moved(self.state.get_mut().bytes, 0);
    }
}
