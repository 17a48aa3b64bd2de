//! The first moments of a connection: frames are held back until it is known how late they are.
//!
//! A recorder or server that passes a camera on may begin with the whole of the current group of pictures at once. By
//! the first frame's arrival alone, everything after it would lie in the future of the recording, and would go on
//! doing so for hours: a time line may be bent, not stepped. The smallest delay of all that comes within a quarter of a
//! second tells the truth.

use crate::track::TimedFrame;
use std::time::Duration;

/// How long frames are held back: what a sender has in store comes as fast as the network takes it (2 s of 8 Mbit/s
/// within 160 ms at 100 Mbit/s), and nobody notices a quarter of a second at the beginning.
pub(crate) const SETTLE: Duration = Duration::from_millis(250);
/// No more is held: 4 s of 16 Mbit/s. For all cameras together the network is the tighter bound: 31 MB come in
/// [`SETTLE`] at 1 Gbit/s.
const MAX_BYTES: usize = 8 << 20;
/// No more frames: 4 s of 60 pictures and 50 frames of sound a second, twice over.
const MAX_FRAMES: usize = 1024;

/// Frames that are held back, with the index of their track, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Settle {
    /// When the first frame of the leading track came, held or not.
    since: Option<Duration>,
    held: Vec<(usize, TimedFrame)>,
    bytes: usize,
}

impl Settle {
    /// A frame that tells how late things are has come; whether it is held is another matter.
    pub(crate) fn began(&mut self, now: Duration) {
        self.since.get_or_insert(now);
    }

    /// Holds a frame of a track.
    pub(crate) fn hold(&mut self, track: usize, timed: TimedFrame) {
        self.began(timed.came.monotonic);
        self.bytes += timed.frame.payload.len();
        self.held.push((track, timed));
    }

    /// When it is over; nothing while nothing is held.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.since.filter(|_| !self.held.is_empty()).map(|since| since + SETTLE)
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        let full = self.bytes >= MAX_BYTES || self.held.len() >= MAX_FRAMES;
        full || self.due().is_some_and(|due| now >= due)
    }

    /// What is held.
    pub(crate) fn held(&self) -> &[(usize, TimedFrame)] {
        &self.held
    }

    /// Gives it up.
    pub(crate) fn into_held(self) -> Vec<(usize, TimedFrame)> {
        self.held
    }
}
