//! How long to wait before the next try.

use heron_core::FailureReason;
use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);
/// After a refused password: cameras lock an account after five to ten tries within minutes.
const AFTER_WRONG_PASSWORD: Duration = Duration::from_secs(60);
/// A connection that lasted this long was a good one.
const GOOD: Duration = Duration::from_secs(10);

/// Doubles from 1 s to 30 s for ever; each wait is drawn from its upper half, so that cameras that went away
/// together (a switch, a power cut) do not come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    step: Duration,
    random: u64,
}

impl Backoff {
    /// At the beginning; `seed` is any number that differs between streams.
    pub fn new(seed: u64) -> Self {
        Self { step: FIRST, random: seed ^ 0x9e37_79b9_7f4a_7c15 }
    }

    /// A connection has ended that had played for `played`.
    pub fn played(&mut self, played: Duration) {
        if played >= GOOD {
            self.step = FIRST;
        }
    }

    /// How long to wait after a try that failed for `reason`: between half of and the whole step, and a minute to
    /// 75 s when the password was refused.
    pub fn next(&mut self, reason: FailureReason) -> Duration {
        let share = self.share();
        if reason == FailureReason::WrongPassword {
            return AFTER_WRONG_PASSWORD + AFTER_WRONG_PASSWORD.mul_f64(share / 4.0);
        }
        let wait = self.step.mul_f64(0.5 + share / 2.0);
        self.step = (self.step * 2).min(LONGEST);
        wait
    }

    /// In 0..1 (xorshift64*).
    fn share(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_thirty_seconds_and_stay_there() {
        for seed in 0..50 {
            let mut b = Backoff::new(seed);
            for step in [1, 2, 4, 8, 16, 30, 30, 30] {
                let wait = b.next(FailureReason::Refused).as_secs_f64();
                let step = f64::from(step);
                assert!(wait >= step / 2.0 && wait <= step, "{wait} of {step}");
            }
        }
    }

    #[test]
    fn a_refused_password_waits_a_minute_or_more() {
        let mut b = Backoff::new(3);
        for _ in 0..20 {
            let wait = b.next(FailureReason::WrongPassword);
            assert!((Duration::from_secs(60)..=Duration::from_secs(75)).contains(&wait), "{wait:?}");
        }
    }

    #[test]
    fn only_a_good_connection_begins_anew() {
        let mut b = Backoff::new(1);
        for _ in 0..6 {
            b.next(FailureReason::Closed);
        }
        b.played(Duration::from_secs(2));
        assert!(b.next(FailureReason::Closed) >= Duration::from_secs(15));
        b.played(Duration::from_secs(11));
        assert!(b.next(FailureReason::Closed) <= Duration::from_secs(1));
    }

    #[test]
    fn streams_do_not_wait_alike() {
        let first: Vec<Duration> = (0..20).map(|s| Backoff::new(s).next(FailureReason::Refused)).collect();
        let distinct: std::collections::BTreeSet<_> = first.iter().collect();
        assert!(distinct.len() > 15);
    }
}
