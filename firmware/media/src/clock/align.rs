//! Tracks on one line of media time, by their sender reports (RFC 3550 §6.4.1: the NTP times of all of a sender's
//! tracks are of one clock).

use heron_core::MediaTime;

/// A track is moved to an earlier time by at most one part in this many of the time that passes in it, so that
/// decoding times go on rising: 300 ms take 4.8 s.
const EARLIER_PARTS: i64 = 16;

/// Reports that would move a track further than this are broken, or their clocks are not the same.
const ABSURD_TICKS: i64 = 10 * MediaTime::HZ;

/// The first measurement is taken on its word when it is no further than this from what the arrivals say: no
/// encoder holds sound or pictures longer.
const PLAUSIBLE_TICKS: i64 = 2 * MediaTime::HZ;

/// Later ones are taken on their word when they differ by no more than this from what holds (50 ms), which is more
/// than the jitter of reports; others have to be said twice.
const AGREED_TICKS: i64 = MediaTime::HZ / 20;

/// Not worth moving anything for (5 ms).
const IDLE_TICKS: i64 = MediaTime::HZ / 200;

/// How far a track's own media time is moved so that it lies on the line of another track. No allocation.
///
/// Later moves are made at once: they are a hole like that of a lost packet. Earlier ones are made little by little.
#[derive(Clone, Debug)]
pub struct Alignment {
    shift: i64,
    target: i64,
    /// The last measurement that was not believed.
    doubted: Option<i64>,
    measured: bool,
}

impl Alignment {
    /// For a track that by its arrivals is to be moved by `shift`.
    pub fn new(shift: MediaTime) -> Self {
        Self { shift: shift.0, target: shift.0, doubted: None, measured: false }
    }

    /// Takes a measurement by sender reports of both tracks: by how much the track's own time is to be moved. Each
    /// must be of reports newer than those of the one before. Returns whether it is believed.
    pub fn measure(&mut self, wanted: MediaTime) -> bool {
        let wanted = wanted.0;
        let off = wanted.saturating_sub(self.target).saturating_abs();
        let near = if self.measured { AGREED_TICKS } else { PLAUSIBLE_TICKS };
        let confirmed =
            self.doubted.is_some_and(|d| d.saturating_sub(wanted).saturating_abs() <= AGREED_TICKS);
        if off > ABSURD_TICKS || (off > near && !confirmed) {
            self.doubted = Some(wanted);
            return false;
        }
        self.doubted = None;
        if !self.measured || off > IDLE_TICKS {
            self.target = wanted;
        }
        self.measured = true;
        true
    }

    /// Goes to where it was measured to be at once: for a track of which nothing has been passed on.
    pub fn jump(&mut self) {
        self.shift = self.target;
    }

    /// How far the next unit is to be moved, whose own decoding time is `step` (not negative) after the last one's.
    pub fn advance(&mut self, step: MediaTime) -> MediaTime {
        let most = step.0.max(0) / EARLIER_PARTS;
        self.shift = self.shift.saturating_add(self.target.saturating_sub(self.shift).max(-most));
        MediaTime(self.shift)
    }

    /// How far the track is moved now.
    pub fn shift(&self) -> MediaTime {
        MediaTime(self.shift)
    }

    /// Whether the track lies where the newest reports say. Not so for one whose timestamps run at another rate than
    /// described: every report says something new of it.
    pub fn is_in_place(&self) -> bool {
        self.measured && self.doubted.is_none() && self.shift == self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = MediaTime::HZ / 1000;

    fn ms(n: i64) -> MediaTime {
        MediaTime(n * MS)
    }

    #[test]
    fn later_at_once_and_earlier_little_by_little() {
        let mut a = Alignment::new(ms(100));
        assert_eq!((a.advance(ms(20)), a.is_in_place()), (ms(100), false));
        assert!(a.measure(ms(400)));
        assert_eq!((a.advance(ms(20)), a.is_in_place()), (ms(400), true));
        let mut a = Alignment::new(ms(400));
        assert!(a.measure(ms(100)) && !a.is_in_place());
        let seconds = (1..).take_while(|_| a.advance(ms(20)) > ms(100)).count() as i64 * 20;
        assert!((4700..4900).contains(&seconds), "{seconds} ms");
        assert_eq!((a.advance(ms(20)), a.is_in_place()), (ms(100), true));
        for n in 1..20 {
            assert!(!a.measure(ms(100 - 5000 * n)) && !a.is_in_place(), "sound at twice its rate");
        }
    }

    #[test]
    fn what_is_said_once_is_doubted_and_what_is_absurd_always() {
        let mut a = Alignment::new(ms(0));
        assert!(!a.measure(ms(3000)), "too far for the first time");
        assert!(a.measure(ms(3010)), "said twice");
        assert!(!a.measure(ms(2000)) && a.measure(ms(3010)), "a clock that was set between two reports");
        assert!(!a.measure(ms(2000)) && !a.measure(ms(1000)) && a.measure(ms(1001)));
        assert!(!a.measure(ms(11_100)) && !a.measure(ms(11_100)));
        a.jump();
        assert_eq!(a.shift(), ms(1001));
        assert!(a.measure(ms(1004)));
        assert_eq!(a.advance(ms(20)), ms(1001), "jitter moves nothing");
    }

    proptest! {
        /// Whatever is measured, times that rise go on rising.
        #[test]
        fn order_is_kept(
            steps in proptest::collection::vec((1i64..100_000, proptest::option::of(any::<i64>())), 1..200),
        ) {
            let mut a = Alignment::new(MediaTime(0));
            let (mut own, mut last) = (0, i64::MIN);
            for (step, wanted) in steps {
                if let Some(wanted) = wanted {
                    a.measure(MediaTime(wanted));
                    a.measure(MediaTime(wanted % 1_000_000));
                }
                own += step;
                let at = own + a.advance(MediaTime(step)).0;
                prop_assert!(at > last);
                last = at;
            }
        }
    }
}
