//! The time line that players see: starts at zero, never goes back, has no holes.
//!
//! Media Source Extensions (§3.5.8 "Coded Frame Processing") throw away every frame up to the next key frame, of
//! all tracks, when a decoding time is more than twice the last frame's duration after the one before. A fragment
//! of one frame has to give a duration before the next frame is known. So:
//! - a duration is the interval before it, and at least half of the longest of late, so that an uneven camera
//!   stays within the factor of two;
//! - when a picture comes later than that all the same (frames were lost, the frame rate fell, the camera
//!   reconnected with another clock), the time line of *both* tracks is moved back so that the picture follows the
//!   one before: the hole is cut out, sound and picture stay together.

use heron_core::MediaTime;

/// Intervals remembered: 1.3 s at 25 fps, enough to know a camera's rhythm.
const REMEMBERED: usize = 32;
/// Used until there is an interval and the bitstream names no frame rate. Too long is harmless (the next frame
/// overlaps), too short is not.
const FIRST_TICKS: i64 = MediaTime::HZ / 10;
/// Durations are kept within a tick and two seconds.
const LONGEST_TICKS: i64 = 2 * MediaTime::HZ;

/// Places video frames on the players' time line and decides where zero is.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// The media time that is zero for players.
    origin: Option<MediaTime>,
    /// Where the last frame was placed, and the duration it was given.
    last: Option<(i64, i64)>,
    intervals: [i64; REMEMBERED],
    next: usize,
    nominal: i64,
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Media time that is zero for players, now.
    pub(crate) origin: MediaTime,
    /// Decoding time on the players' time line, 90 kHz.
    pub(crate) at: i64,
    /// Duration, 90 kHz, at least one.
    pub(crate) duration: i64,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self { origin: None, last: None, intervals: [0; REMEMBERED], next: 0, nominal: FIRST_TICKS }
    }

    /// Says the frame rate that the bitstream names, in frames per second.
    pub(crate) fn nominal_fps(&mut self, fps: Option<f32>) {
        if let Some(fps) = fps.filter(|f| f.is_finite() && *f >= 0.5 && *f <= 240.0) {
            self.nominal = (MediaTime::HZ as f32 / fps) as i64;
        }
    }

    /// Places the frame with decoding time `dts`.
    pub(crate) fn place(&mut self, dts: MediaTime) -> Placed {
        let mut origin = *self.origin.get_or_insert(dts);
        let mut at = (dts - origin).0;
        if let Some((last_at, last_duration)) = self.last {
            let interval = at.saturating_sub(last_at);
            if (1..=2 * last_duration).contains(&interval) {
                self.remember(interval);
            } else {
                // Cut the hole out, or go on after a step back. A longer interval may also be the new rhythm.
                at = last_at + last_duration;
                origin = MediaTime(dts.0.saturating_sub(at));
                if (1..=LONGEST_TICKS).contains(&interval) {
                    self.remember(interval);
                }
            }
        }
        let duration = self.expected();
        self.origin = Some(origin);
        self.last = Some((at, duration));
        Placed { origin, at, duration }
    }

    /// Where a moment lies on the players' time line; `None` before the first frame.
    pub(crate) fn map(&self, time: MediaTime) -> Option<i64> {
        self.origin.map(|origin| (time - origin).0)
    }

    /// Media time that is zero for players, once there is a frame.
    pub(crate) fn origin(&self) -> Option<MediaTime> {
        self.origin
    }

    /// End of the last frame on the players' time line.
    pub(crate) fn front(&self) -> i64 {
        self.last.map_or(0, |(at, duration)| at + duration)
    }

    fn remember(&mut self, interval: i64) {
        self.intervals[self.next % REMEMBERED] = interval;
        self.next = self.next.wrapping_add(1);
    }

    fn expected(&self) -> i64 {
        let previous = match self.next {
            0 => self.nominal,
            n => self.intervals[(n - 1) % REMEMBERED],
        };
        let longest = self.intervals.iter().copied().max().unwrap_or(0);
        previous.max(longest / 2 + 1).clamp(1, LONGEST_TICKS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_steady_camera_keeps_its_own_times() {
        let mut t = Timeline::new();
        t.nominal_fps(Some(25.0));
        for n in 0..100 {
            let placed = t.place(MediaTime(1_000_000 + n * 3600));
            assert_eq!((placed.at, placed.duration, placed.origin), (n * 3600, 3600, MediaTime(1_000_000)));
        }
        assert_eq!(t.front(), 100 * 3600);
        assert_eq!(t.map(MediaTime(1_000_900)), Some(900));
    }

    #[test]
    fn a_hole_is_cut_out_for_both_tracks() {
        let mut t = Timeline::new();
        t.place(MediaTime(0));
        t.place(MediaTime(3600));
        t.place(MediaTime(7200));
        let after = t.place(MediaTime(7200 + 90_000));
        assert_eq!(after.at, 10_800);
        assert_eq!(t.map(MediaTime(97_200)), Some(10_800), "sound moves with the pictures");
    }

    #[test]
    fn another_clock_goes_on_where_the_old_one_ended() {
        let mut t = Timeline::new();
        t.place(MediaTime(5_000_000));
        t.place(MediaTime(5_003_600));
        for dts in [MediaTime(-77), MediaTime(i64::MAX), MediaTime(i64::MIN), MediaTime(0)] {
            let front = t.front();
            assert_eq!(t.place(dts).at, front);
        }
    }

    #[test]
    fn a_lower_frame_rate_costs_one_cut() {
        let mut t = Timeline::new();
        t.nominal_fps(Some(25.0));
        let mut dts = 0;
        for _ in 0..10 {
            t.place(MediaTime(dts));
            dts += 3600;
        }
        dts += 14_400;
        let origin = t.place(MediaTime(dts)).origin;
        for _ in 0..10 {
            dts += 18_000;
            assert_eq!(t.place(MediaTime(dts)).origin, origin);
        }
    }

    proptest! {
        /// What Media Source Extensions ask for, whatever the camera does.
        #[test]
        fn no_step_is_longer_than_two_durations_or_backwards(steps in proptest::collection::vec(-10_000i64..400_000, 1..200)) {
            let mut t = Timeline::new();
            let mut dts = 0i64;
            let mut last: Option<Placed> = None;
            for step in steps {
                dts += step;
                let placed = t.place(MediaTime(dts));
                prop_assert!(placed.duration >= 1);
                if let Some(last) = last {
                    prop_assert!(placed.at > last.at && placed.at - last.at <= 2 * last.duration);
                } else {
                    prop_assert_eq!(placed.at, 0);
                }
                last = Some(placed);
            }
        }
    }
}
