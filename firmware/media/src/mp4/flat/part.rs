//! Where a stretch of recording lies in the clip.

use heron_core::{MediaTime, WallTime};

/// A stretch without a gap: media time `base_in` of the source lies at `base_out` in the clip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) base_in: MediaTime,
    pub(super) base_out: MediaTime,
    /// Presentation minus decoding time of its first sample.
    pub(super) reorder: MediaTime,
    /// Presentation time in the clip of the first instant shown of it, and the wall time of that.
    pub(super) first: MediaTime,
    pub(super) wall: WallTime,
    /// Decoding end so far, in the clip.
    pub(super) end: MediaTime,
}

impl Part {
    /// A source's time in ticks of `from` as the clip's time in ticks of `to`.
    pub(super) fn place(&self, ticks: i64, from: u32, to: u32) -> i64 {
        rescale(ticks, from, to) - self.base_in.to_rate(to) + self.base_out.to_rate(to)
    }
    pub(super) fn place_media(&self, t: MediaTime) -> MediaTime {
        t - self.base_in + self.base_out
    }
}

/// Ticks of one clock rate in another, rounded to nearest.
pub(super) fn rescale(ticks: i64, from: u32, to: u32) -> i64 {
    if from == to {
        return ticks;
    }
    let (from, to) = (i128::from(from.max(1)), i128::from(to));
    ((i128::from(ticks) * to + from / 2).div_euclid(from)) as i64
}

/// Ticks of a plan's own tables as a signed number; `MAX_SECONDS` keeps them far from the limit.
pub(super) fn signed(ticks: u64) -> i64 {
    i64::try_from(ticks).unwrap_or(i64::MAX)
}
