//! Counters of a ring.

/// How a ring is doing. Counters run since the ring was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingStatistics {
    /// Items held now.
    pub depth_items: usize,
    /// Bytes held now.
    pub depth_bytes: usize,
    /// The most that it may hold, bytes.
    pub limit_bytes: usize,
    /// The most bytes ever held.
    pub peak_bytes: usize,
    /// Items pushed.
    pub pushed_items: u64,
    /// Bytes pushed.
    pub pushed_bytes: u64,
    /// Live readers now.
    pub live_readers: usize,
    /// Pinned readers now.
    pub pinned_readers: usize,
    /// How often a live reader was overrun.
    pub live_skips: u64,
    /// Items that live readers missed.
    pub live_skipped_items: u64,
    /// How often a pinned reader was overrun.
    pub pinned_overruns: u64,
    /// Items that pinned readers missed.
    pub pinned_lost_items: u64,
}
