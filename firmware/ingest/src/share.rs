//! What one stream may take of its shard's thread before the others have their turn.
//!
//! Measured in time, because what a packet costs is for its sender to choose; but the clock is read once per batch, and
//! not at all for a wake-up that brings no more than one, which is nearly every one of an honest camera's.

use std::time::{Duration, Instant};

/// How long a turn lasts. Two hundred streams that all flood still have theirs within a second; an honest camera needs
/// a tenth of this.
const TURN: Duration = Duration::from_millis(1);
/// Turns of one stream from one tick to the next: a quarter of the thread at most, for as long as it floods.
pub(crate) const TURNS_PER_TICK: u32 = 4;
/// The clock is read after so much: twelve packets of 1400 bytes, or one of the largest.
const BATCH: usize = 64 * 1024;
/// What an item counts for besides its bytes.
const ITEM: usize = 4096;
/// Messages per turn at most. A camera in its right mind sends one.
const MAX_MESSAGES: u32 = 64;

/// One turn.
#[derive(Debug)]
pub(crate) struct Share {
    lasts: Duration,
    /// Since the clock was read, or since the beginning.
    weight: usize,
    messages: u32,
    /// Since the end of the first batch.
    until: Option<Instant>,
}

impl Default for Share {
    fn default() -> Self {
        Self { lasts: TURN, weight: 0, messages: 0, until: None }
    }
}

impl Share {
    /// Counts an item of so many bytes. Returns whether the share is spent.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        self.weight += ITEM + bytes;
        if self.weight < BATCH {
            return false;
        }
        self.weight = 0;
        let now = Instant::now();
        now >= *self.until.get_or_insert(now + self.lasts)
    }

    /// Counts a message, which is dearer. Returns whether the share is spent.
    pub(crate) fn message(&mut self) -> bool {
        self.messages += 1;
        self.messages >= MAX_MESSAGES || self.spend(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(lasts: Duration) -> Share {
        Share { lasts, ..Share::default() }
    }

    #[test]
    fn the_clock_decides_after_the_first_batch() {
        let mut none = share(Duration::ZERO);
        let spent = (1..).find(|_| none.spend(0));
        assert_eq!(spent, Some(BATCH / ITEM), "small items");
        let mut none = share(Duration::ZERO);
        assert!(none.spend(BATCH), "one large item");
        let mut ample = share(Duration::from_secs(3600));
        assert!((0..100_000).all(|_| !ample.spend(1400)));
    }

    #[test]
    fn messages_are_counted() {
        let mut ample = share(Duration::from_secs(3600));
        assert_eq!((1..).find(|_| ample.message()), Some(MAX_MESSAGES));
    }
}
