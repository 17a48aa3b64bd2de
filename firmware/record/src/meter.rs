//! How long a disk takes: writes and syncs of the last minute.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Six of these make the minute that is reported.
const SLOT: Duration = Duration::from_secs(10);
const SLOTS: usize = 6;

/// Mean and longest of what a disk did in the last minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// Writes and syncs.
    pub operations: u64,
    /// Milliseconds; 0 when there was nothing.
    pub mean_ms: f64,
    /// Milliseconds; 0 when there was nothing.
    pub max_ms: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which ten seconds since the start.
    number: u64,
    operations: u64,
    sum: Duration,
    max: Duration,
}

/// Counts. One lock per fragment and sync, held for nanoseconds.
#[derive(Debug)]
pub(crate) struct Meter {
    begun: Instant,
    slots: Mutex<[Slot; SLOTS]>,
}

impl Default for Meter {
    fn default() -> Self {
        Self { begun: Instant::now(), slots: Mutex::default() }
    }
}

impl Meter {
    /// Does `work` and counts how long it took.
    pub(crate) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        self.count(self.begun.elapsed(), begun.elapsed());
        done
    }

    fn count(&self, now: Duration, took: Duration) {
        let number = number(now);
        let slot = &mut self.slots.lock()[number as usize % SLOTS];
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot.operations += 1;
        slot.sum += took;
        slot.max = slot.max.max(took);
    }

    /// The last minute.
    pub(crate) fn latency(&self) -> Latency {
        self.latency_at(self.begun.elapsed())
    }

    fn latency_at(&self, now: Duration) -> Latency {
        let number = number(now);
        let slots = *self.slots.lock();
        let recent = slots.iter().filter(|s| s.number + SLOTS as u64 > number);
        let (mut operations, mut sum, mut max) = (0, Duration::ZERO, Duration::ZERO);
        for slot in recent {
            operations += slot.operations;
            sum += slot.sum;
            max = max.max(slot.max);
        }
        let ms = |d: Duration| d.as_secs_f64() * 1000.0;
        Latency { operations, mean_ms: ms(sum) / operations.max(1) as f64, max_ms: ms(max) }
    }
}

fn number(now: Duration) -> u64 {
    now.as_secs() / SLOT.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_kept_and_no_more() {
        let (meter, s, ms) = (Meter::default(), Duration::from_secs, Duration::from_millis);
        meter.count(s(1), ms(10));
        meter.count(s(12), ms(30));
        meter.count(s(13), ms(20));
        assert_eq!(meter.latency_at(s(20)), Latency { operations: 3, mean_ms: 20.0, max_ms: 30.0 });
        assert_eq!(meter.latency_at(s(65)), Latency { operations: 2, mean_ms: 25.0, max_ms: 30.0 });
        assert_eq!(meter.latency_at(s(100)), Latency::default());
        meter.count(s(71), ms(4));
        assert_eq!(meter.latency_at(s(72)).operations, 1, "the slot's old content is gone");
        assert_eq!(meter.time(|| 7), 7);
    }
}
