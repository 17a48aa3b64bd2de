//! When the streams of a shard wake up, and how they are told to stop.

use std::cell::Cell;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A tick that all streams of a shard share: their sleeps end at the same instants, so that one wake-up of the
/// thread serves them all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    epoch: Instant,
    tick: Duration,
}

impl Pace {
    pub(crate) fn new(tick: Duration) -> Self {
        Self { epoch: Instant::now(), tick: tick.clamp(Duration::from_millis(1), Duration::from_millis(500)) }
    }

    /// The first tick after `now`.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        let tick = self.tick.as_nanos();
        let elapsed = now.saturating_duration_since(self.epoch).as_nanos();
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
        let start = pace.epoch;
        for (at, wanted) in [(0, 20), (1, 20), (19, 20), (20, 40), (21, 40), (1_000_003, 1_000_020)] {
            let next = pace.next(start + Duration::from_millis(at));
            assert_eq!(next - start, Duration::from_millis(wanted), "at {at} ms");
        }
    }
}
