//! How fast an export may go: a bound on the bytes, slower when the disk is slow, nothing while recording is pressed. Pure:
//! time and measurements come in, waits go out.

use heron_record::Pressure;
use std::time::Duration;

/// Access units waiting in a ring from which on an export stands still: 2 s of a camera of 25 frames and 50 packets of sound
/// a second. A tick of 200 ms finds 15 of these.
const PRESSED_AT: u64 = 150;
/// And from which on it goes on.
const RELIEVED_AT: u64 = 50;
/// How long a sync of what was written may take before the export goes at half its rate. A hard disk that records sixteen
/// cameras does 32 MiB in 300 ms.
const SLOW_SYNC: Duration = Duration::from_millis(1000);
/// Never slower than this share of its rate, so that it ends some day.
const SLOWEST: f64 = 1.0 / 16.0;
/// After a wait it may catch up on so much time at most.
const BURST: Duration = Duration::from_millis(250);
/// How long it stands still before it looks again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The pace of one job.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Share of the rate that is used.
    share: f64,
    /// When what was taken so far is paid for.
    paid: Duration,
    pressed: bool,
    overrun_units: u64,
}

impl Pace {
    pub(crate) fn new(now: Duration, pressure: Pressure) -> Self {
        Self { share: 1.0, paid: now, pressed: false, overrun_units: pressure.overrun_units }
    }

    /// Whether to stand still now.
    pub(crate) fn must_stand(&mut self, pressure: Pressure) -> bool {
        let lost = pressure.overrun_units > self.overrun_units;
        self.overrun_units = pressure.overrun_units;
        let limit = if self.pressed { RELIEVED_AT } else { PRESSED_AT };
        let pressed = lost || pressure.deepest_queue >= limit;
        if pressed && !self.pressed {
            self.share = (self.share / 2.0).max(SLOWEST);
        }
        self.pressed = pressed;
        pressed
    }

    /// Takes `bytes` of a rate of `rate` bytes a second; answers how long to wait before using them.
    pub(crate) fn take(&mut self, now: Duration, bytes: u64, rate: u64) -> Duration {
        let cost = Duration::from_secs_f64(bytes as f64 / (rate.max(1) as f64 * self.share));
        self.paid = self.paid.max(now.saturating_sub(BURST)) + cost;
        self.paid.saturating_sub(now)
    }

    /// A sync took this long: slower when that is long, faster again when it is not.
    pub(crate) fn synced(&mut self, took: Duration) {
        self.share = if took > SLOW_SYNC { self.share / 2.0 } else { self.share * 1.25 }.clamp(SLOWEST, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: Duration = Duration::from_secs(1);

    fn calm() -> Pressure {
        Pressure::default()
    }

    #[test]
    fn it_stands_still_while_a_ring_fills_and_until_it_is_nearly_empty() {
        let mut pace = Pace::new(S, calm());
        let queue = |deepest_queue| Pressure { deepest_queue, overrun_units: 0 };
        assert!(!pace.must_stand(queue(149)));
        assert!(pace.must_stand(queue(150)));
        assert!(pace.must_stand(queue(51)));
        assert!(!pace.must_stand(queue(49)));
        assert!(!pace.must_stand(queue(149)));
        let lost = Pressure { deepest_queue: 0, overrun_units: 3 };
        assert!(pace.must_stand(lost), "something was lost meanwhile");
        assert!(!pace.must_stand(lost), "but not since");
    }

    #[test]
    fn a_slow_disk_halves_the_pace_and_a_quick_one_restores_it() {
        let mut pace = Pace::new(Duration::ZERO, calm());
        for _ in 0..20 {
            pace.synced(S * 3);
        }
        assert_eq!(pace.share, SLOWEST);
        assert!(pace.take(Duration::ZERO, 1000, 1000) > S * 15);
        for _ in 0..20 {
            pace.synced(Duration::from_millis(10));
        }
        assert_eq!(pace.share, 1.0);
    }

    proptest! {
        /// However long the pauses in between: what is taken never exceeds the rate by more than the burst.
        #[test]
        fn the_rate_holds(takes in proptest::collection::vec((1u64..5_000_000, 0u64..2_000), 1..200)) {
            let rate = 10_000_000u64;
            let mut pace = Pace::new(Duration::ZERO, calm());
            let (mut now, mut taken) = (Duration::ZERO, 0);
            for (bytes, idle_ms) in takes {
                now += pace.take(now, bytes, rate);
                taken += bytes;
                let allowed = (now + BURST).as_secs_f64() * rate as f64;
                prop_assert!(taken as f64 <= allowed + 1.0, "{} of {}", taken, allowed);
                now += Duration::from_millis(idle_ms);
            }
        }
    }
}
