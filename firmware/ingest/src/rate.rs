//! How many frames a second a track may have.
//!
//! A packet of thirteen bytes can be a whole picture, and what a picture costs the hub, the recorder and the index of
//! the file has nothing to do with its size. So each track of a camera gets no more frames through than any camera
//! makes; what is over is dropped and counted, and the next frame that passes is marked as one before which something
//! is missing.

use std::time::Duration;

/// Frames of one track a second that are passed on in the long run. Fast cameras make 120 pictures, telephone sound
/// has 100 frames of 10 ms; with pictures, sound and metadata a camera makes at most 720 units a second.
const FRAMES_PER_SECOND: u32 = 240;
/// So many may come at once, which is 40 s of 60 pictures a second: what a recorder that passes a camera on has in
/// store, or what comes when a network goes on after a pause. At less than 200 bytes each beside their payload that is
/// half a megabyte of the stream's ring.
const AT_ONCE: u32 = 10 * FRAMES_PER_SECOND;

/// Counts frames against time: each one takes its share of a second, and may be ahead of the clock by so many shares.
#[derive(Debug, Default)]
pub(crate) struct RateLimit {
    /// When all frames so far would have been made at the greatest rate.
    made: Duration,
}

impl RateLimit {
    /// Whether a frame that came at `now` is to be passed on.
    pub(crate) fn admit(&mut self, now: Duration) -> bool {
        const SHARE: Duration = Duration::from_nanos(1_000_000_000 / FRAMES_PER_SECOND as u64);
        let begun = self.made.max(now);
        if begun - now >= SHARE * AT_ONCE {
            return false;
        }
        self.made = begun + SHARE;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limit: &mut RateLimit, frames: u32, at: Duration) -> u32 {
        (0..frames).map(|_| u32::from(limit.admit(at))).sum()
    }

    #[test]
    fn a_burst_passes_and_a_flood_does_not() {
        let mut limit = RateLimit::default();
        assert_eq!(admitted(&mut limit, 100_000, Duration::from_secs(7)), AT_ONCE);
        let second =
            (1..=1000).map(|ms| admitted(&mut limit, 1000, Duration::from_millis(7000 + ms))).sum::<u32>();
        assert!(second.abs_diff(FRAMES_PER_SECOND) <= 1, "{second} in a second");
    }

    #[test]
    fn the_fastest_camera_loses_nothing() {
        let mut limit = RateLimit::default();
        for n in 0..240 * 3600u64 {
            // In bursts of two seconds, as over a bad link.
            assert!(limit.admit(Duration::from_secs(n / 480 * 2 + 2)), "frame {n}");
        }
    }
}
