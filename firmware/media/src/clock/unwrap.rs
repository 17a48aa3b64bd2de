//! 32-bit RTP timestamps to 64 bits, and jumps of the sender's time line.

use heron_core::MediaTime;
use std::time::Duration;

/// A sender's time line may run ahead of what the arrivals explain by this much before it counts as a jump.
/// Senders' buffers after a stall hold a few seconds; ten are beyond any.
const AHEAD: Duration = Duration::from_secs(10);

/// A frame may lie this far before the newest of those before it: B-frames do, by at most 16 frames (H.264 A.3.1),
/// which is 0.64 s at 25 frames per second and, with the one or two that are in use, less than 2 s at 1.
const BACK: Duration = Duration::from_secs(2);

/// Where a frame lies on its track's unwrapped time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpInstant {
    /// Unwrapped, in timestamp units. Continues over a jump as if the time since the last frame had passed.
    pub ticks: i64,
    /// The same as media time.
    pub media: MediaTime,
    /// The sender's time line jumped before this frame: a discontinuity.
    pub jumped: bool,
}

/// Unwraps the timestamps of one track.
#[derive(Clone, Debug)]
pub struct RtpUnwrapper {
    clock_rate_hz: u32,
    origin_ticks: i64,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    timestamp: u32,
    ticks: i64,
    /// The largest so far.
    newest: i64,
    now: Duration,
}

impl RtpUnwrapper {
    /// For a track of `clock_rate_hz` whose first frame shall lie at `origin`.
    pub fn new(clock_rate_hz: u32, origin: MediaTime) -> Self {
        let clock_rate_hz = clock_rate_hz.max(1);
        Self { clock_rate_hz, origin_ticks: origin.to_rate(clock_rate_hz), last: None }
    }

    /// Takes the next frame's timestamp; `now` is when it came, by any monotonic clock. Frames may go back a
    /// little (B-frames).
    pub fn push(&mut self, timestamp: u32, now: Duration) -> RtpInstant {
        let Some(last) = self.last else {
            self.last = Some(Last { timestamp, ticks: self.origin_ticks, newest: self.origin_ticks, now });
            return self.instant(self.origin_ticks, false);
        };
        let delta = i64::from(timestamp.wrapping_sub(last.timestamp) as i32);
        let elapsed = self.to_ticks(now.saturating_sub(last.now));
        // Slower than the arrivals is no jump: that is what a stalled connection looks like when it goes on.
        let back = last.newest.saturating_sub(last.ticks.saturating_add(delta));
        let jumped = delta > elapsed.saturating_add(self.to_ticks(AHEAD)) || back > self.to_ticks(BACK);
        let ticks = if jumped {
            last.newest.saturating_add(elapsed.max(1))
        } else {
            last.ticks.saturating_add(delta)
        };
        let newest = last.newest.max(ticks);
        self.last = Some(Last { timestamp, ticks, newest, now });
        self.instant(ticks, jumped)
    }

    /// Where another timestamp of the same sender (a sender report's) lies, by the frame last pushed. `None` before
    /// the first.
    pub fn locate(&self, timestamp: u32) -> Option<i64> {
        let last = self.last?;
        Some(last.ticks.saturating_add(i64::from(timestamp.wrapping_sub(last.timestamp) as i32)))
    }

    /// Timestamp units per second.
    pub fn clock_rate_hz(&self) -> u32 {
        self.clock_rate_hz
    }

    fn instant(&self, ticks: i64, jumped: bool) -> RtpInstant {
        RtpInstant { ticks, media: MediaTime::from_rate(ticks, self.clock_rate_hz), jumped }
    }

    fn to_ticks(&self, d: Duration) -> i64 {
        i64::try_from(d.as_nanos() * u128::from(self.clock_rate_hz) / 1_000_000_000).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_wrap_is_not_seen() {
        let mut u = RtpUnwrapper::new(90_000, MediaTime(0));
        assert_eq!(u.push(u32::MAX - 1799, Duration::ZERO).ticks, 0);
        let next = u.push(1800, 40 * MS);
        assert_eq!((next.ticks, next.media, next.jumped), (3600, MediaTime(3600), false));
        assert_eq!(u.push(0, 40 * MS).ticks, 1800, "a B-frame goes back");
        assert_eq!(u.locate(1800), Some(3600));
    }

    #[test]
    fn a_jump_goes_on_by_the_arrivals() {
        let mut u = RtpUnwrapper::new(8000, MediaTime(90_000));
        assert_eq!(u.push(1000, Duration::ZERO).media, MediaTime(90_000));
        let far = u.push(5_000_000, 20 * MS);
        assert_eq!((far.media, far.jumped), (MediaTime(91_800), true));
        let back = u.push(1000, 40 * MS);
        assert_eq!((back.media, back.jumped), (MediaTime(93_600), true));
        assert!(!u.push(1160, 60 * MS).jumped);
    }

    #[test]
    fn a_line_that_runs_backward_is_one_that_jumps() {
        let mut u = RtpUnwrapper::new(90_000, MediaTime(0));
        let mut jumps = Vec::new();
        let mut newest = i64::MIN;
        for n in 0..250u32 {
            let instant = u.push(900_000 - n * 3600, 40 * MS * n);
            newest = newest.max(instant.ticks);
            assert!(newest - instant.ticks <= 180_000, "two seconds back at most");
            if instant.jumped {
                jumps.push(n);
            }
        }
        assert_eq!(jumps, [51, 102, 153, 204]);
    }

    #[test]
    fn a_stall_is_no_jump() {
        let mut u = RtpUnwrapper::new(90_000, MediaTime(0));
        u.push(0, Duration::ZERO);
        // Nothing for a minute; then the sender's buffer, then what is current.
        assert!(!u.push(3600, 60_000 * MS).jumped);
        assert!(!u.push(7200, 60_001 * MS).jumped);
        assert!(!u.push(7200 + 90_000 * 9, 60_002 * MS).jumped);
    }
}
