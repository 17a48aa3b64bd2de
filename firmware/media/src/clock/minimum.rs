//! The smallest of what was measured lately: a network can only make things late.

/// Length of one window, nanoseconds.
pub(super) const WINDOW_NANOS: i64 = 30_000_000_000;

/// The smallest value of the last one to two windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlidingMinimum {
    since: i64,
    current: i64,
    previous: i64,
}

impl SlidingMinimum {
    pub(super) fn new(at: i64, value: i64) -> Self {
        Self { since: at, current: value, previous: value }
    }

    pub(super) fn push(&mut self, at: i64, value: i64) -> i64 {
        // An arrival before the window (the box's clock was set back) begins a new one as well.
        if !(0..WINDOW_NANOS).contains(&at.saturating_sub(self.since)) {
            *self = Self { since: at, current: value, previous: self.current };
        }
        self.current = self.current.min(value);
        self.get()
    }

    pub(super) fn get(&self) -> i64 {
        self.current.min(self.previous)
    }
}
