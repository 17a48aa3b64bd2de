//! When the streams of a shard wake up, and how they are told to stop.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How soon a stream wants to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rhythm {
    /// At the next tick.
    Busy,
    /// At the next tick of those that have [`Ticker::rest`] of them between one another.
    Calm,
}

/// A tick that all streams of a shard share: one timer, one wake-up of the thread for all of them.
///
/// The streams wait for the shard's own ticking task and not each for a timer of its own, because a task that is
/// woken by a timer costs a system call and one that is woken by a neighbour does not. Those that bring little wait
/// for every few ticks only, all for the same ones; while all of them do, the thread sleeps over the ticks between.
#[derive(Clone, Debug)]
pub(crate) struct Pace(Rc<Ticker>);

#[derive(Debug)]
struct Ticker {
    epoch: Instant,
    tick: Duration,
    /// Ticks from one that calm streams hear to the next.
    rest: u32,
    busy: Bell,
    calm: Bell,
    /// Somebody waits for a tick sooner than the ticking task may have known.
    wanted: Notify,
}

/// Those who wait for the same ticks.
#[derive(Debug, Default)]
struct Bell {
    rung: Notify,
    /// How many wait. While nobody does there are no ticks.
    waiting: Cell<usize>,
}

/// Counts as waiting while it lives.
struct Waiting<'a>(&'a Bell);

impl<'a> Waiting<'a> {
    fn enter(bell: &'a Bell, wanted: &Notify) -> Self {
        if bell.waiting.replace(bell.waiting.get() + 1) == 0 {
            wanted.notify_one();
        }
        Self(bell)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

impl Pace {
    /// Ticks of `tick` (1 to 500 ms), `rest` of which make one of a calm stream's (1 to 50).
    pub(crate) fn new(tick: Duration, rest: u32) -> Self {
        Self(Rc::new(Ticker {
            epoch: Instant::now(),
            tick: tick.clamp(Duration::from_millis(1), Duration::from_millis(500)),
            rest: rest.clamp(1, 50),
            busy: Bell::default(),
            calm: Bell::default(),
            wanted: Notify::new(),
        }))
    }

    /// Waits for the next tick.
    pub(crate) async fn tick(&self, rhythm: Rhythm) {
        let bell = match rhythm {
            Rhythm::Busy => &self.0.busy,
            Rhythm::Calm => &self.0.calm,
        };
        let _waiting = Waiting::enter(bell, &self.0.wanted);
        bell.rung.notified().await;
    }

    /// Ticks for ever. To be run as one task of the shard.
    pub(crate) async fn run(&self) {
        let Ticker { busy, calm, wanted, .. } = &*self.0;
        loop {
            let rhythm = match (busy.waiting.get(), calm.waiting.get()) {
                (0, 0) => {
                    wanted.notified().await;
                    continue;
                }
                (0, _) => Rhythm::Calm,
                _ => Rhythm::Busy,
            };
            let (at, for_calm) = self.next(Instant::now(), rhythm);
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(at) => {}
                () = wanted.notified(), if rhythm == Rhythm::Calm => continue,
            }
            busy.rung.notify_waiters();
            if for_calm {
                calm.rung.notify_waiters();
            }
        }
    }

    /// The first tick after `now` that those of `rhythm` hear, and whether calm ones hear it.
    fn next(&self, now: Instant, rhythm: Rhythm) -> (Instant, bool) {
        let tick = self.0.tick.as_nanos();
        let rest = u128::from(self.0.rest);
        let elapsed = now.saturating_duration_since(self.0.epoch).as_nanos();
        let mut number = elapsed / tick + 1;
        if rhythm == Rhythm::Calm {
            number = number.next_multiple_of(rest);
        }
        let into = u64::try_from(number * tick - elapsed).unwrap_or(u64::MAX);
        (now + Duration::from_nanos(into), number.is_multiple_of(rest))
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
        let pace = Pace::new(Duration::from_millis(20), 4);
        let start = pace.0.epoch;
        for (at, busy, calm) in [
            (0, 20, 80),
            (1, 20, 80),
            (19, 20, 80),
            (20, 40, 80),
            (21, 40, 80),
            (79, 80, 80),
            (80, 100, 160),
            (1_000_003, 1_000_020, 1_000_080),
        ] {
            for (rhythm, wanted) in [(Rhythm::Busy, busy), (Rhythm::Calm, calm)] {
                let (next, for_calm) = pace.next(start + Duration::from_millis(at), rhythm);
                assert_eq!(next - start, Duration::from_millis(wanted), "{rhythm:?} at {at} ms");
                assert_eq!(for_calm, wanted % 80 == 0);
            }
        }
    }

    #[test]
    fn a_busy_stream_does_not_wait_for_the_calm_ones() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            // Calm streams hear every 25th second.
            let pace = Pace::new(Duration::from_millis(500), 50);
            let (ticking, calm) = (pace.clone(), pace.clone());
            tokio::task::spawn_local(async move { ticking.run().await });
            let calm = tokio::task::spawn_local(async move { calm.tick(Rhythm::Calm).await });
            while pace.0.calm.waiting.get() == 0 {
                tokio::task::yield_now().await;
            }
            // The ticking task sleeps until the calm streams' tick.
            tokio::task::yield_now().await;
            pace.tick(Rhythm::Busy).await;
            assert!(!calm.is_finished());
            calm.abort();
        });
    }
}
