//! When the streams of a shard wake up, and how they are told to stop.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A tick that all streams of a shard share: one timer, one wake-up of the thread for all of them.
///
/// The streams wait for the shard's own ticking task and not each for a timer of its own, because a task that is
/// woken by a timer costs a system call and one that is woken by a neighbour does not.
#[derive(Clone, Debug)]
pub(crate) struct Pace(Rc<Ticker>);

#[derive(Debug)]
struct Ticker {
    epoch: Instant,
    tick: Duration,
    ticked: Notify,
    /// How many wait for a tick. While nobody does there are none.
    waiting: Cell<usize>,
    wanted: Notify,
}

/// Counts as waiting while it lives.
struct Waiting<'a>(&'a Ticker);

impl<'a> Waiting<'a> {
    fn enter(ticker: &'a Ticker) -> Self {
        ticker.waiting.set(ticker.waiting.get() + 1);
        ticker.wanted.notify_one();
        Self(ticker)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

impl Pace {
    pub(crate) fn new(tick: Duration) -> Self {
        Self(Rc::new(Ticker {
            epoch: Instant::now(),
            tick: tick.clamp(Duration::from_millis(1), Duration::from_millis(500)),
            ticked: Notify::new(),
            waiting: Cell::new(0),
            wanted: Notify::new(),
        }))
    }

    /// Waits for the next tick.
    pub(crate) async fn tick(&self) {
        let _waiting = Waiting::enter(&self.0);
        self.0.ticked.notified().await;
    }

    /// Ticks for ever. To be run as one task of the shard.
    pub(crate) async fn run(&self) {
        loop {
            while self.0.waiting.get() == 0 {
                self.0.wanted.notified().await;
            }
            tokio::time::sleep_until(self.next(Instant::now())).await;
            self.0.ticked.notify_waiters();
        }
    }

    /// The first tick after `now`.
    fn next(&self, now: Instant) -> Instant {
        let tick = self.0.tick.as_nanos();
        let elapsed = now.saturating_duration_since(self.0.epoch).as_nanos();
        let into = u64::try_from(tick - elapsed % tick).unwrap_or(u64::MAX);
        now + Duration::from_nanos(into)
    }
}

/// Tells one task to stop. For one thread.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    set: Cell<bool>,
    notify: Notify,
}

impl Stop {
    pub(crate) fn set(&self) {
        self.set.set(true);
        self.notify.notify_waiters();
    }
    pub(crate) fn is_set(&self) -> bool {
        self.set.get()
    }
    /// Ends when it is set.
    pub(crate) async fn wait(&self) {
        let notified = self.notify.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if !self.is_set() {
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_shared_and_always_ahead() {
        let pace = Pace::new(Duration::from_millis(20));
        let start = pace.0.epoch;
        for (at, wanted) in [(0, 20), (1, 20), (19, 20), (20, 40), (21, 40), (1_000_003, 1_000_020)] {
            let next = pace.next(start + Duration::from_millis(at));
            assert_eq!(next - start, Duration::from_millis(wanted), "at {at} ms");
        }
    }
}
