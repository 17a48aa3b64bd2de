//! A stream's bytes over age, and how much of it fits.

use super::{DAY, PlanStream};
use crate::rules::ThinTo;
use heron_core::StreamKind;
use std::time::Duration;

/// Nobody plans beyond this, seconds: a hundred years.
pub(super) const HORIZON: f64 = 36_525.0 * DAY;
/// What the key frames of a stream are of its bytes: at 4 Mbit/s and a key frame every 2 s, 1 MB holds one of about
/// 200 kB.
const KEYS_SHARE: f64 = 0.2;

/// A stream as a cake of bytes over age, seconds.
pub(super) struct Cake {
    pub(super) rate: f64,
    /// Continuous footage is never kept less or more than this.
    pub(super) floor: f64,
    pub(super) cap: f64,
    pub(super) cap_is_age: bool,
    /// Beyond this only a share is left.
    thin_after: f64,
    thin_share: f64,
    /// Shares of events and how long they are kept.
    pub(super) events: Vec<(f64, f64)>,
}

impl Cake {
    pub(super) fn new(s: &PlanStream) -> Self {
        let seconds = |d: Duration| d.as_secs_f64().min(HORIZON);
        let rules = &*s.rules;
        let max_age = rules.max_age.map_or(HORIZON, seconds);
        let floor = seconds(rules.min_age).min(max_age);
        let mut shares_left: f64 = 1.0;
        let mut events = Vec::new();
        for (kind, share) in &s.event_shares {
            let age = seconds(rules.age_of_event(kind)).min(max_age);
            let share = share.clamp(0.0, shares_left);
            if age > 0.0 && share > 0.0 {
                shares_left -= share;
                events.push((share, age));
            }
        }
        let (thin_after, thin_share) = match (rules.thin_after, rules.thin_to, s.stream.kind) {
            (Some(after), ThinTo::Keys, StreamKind::Main) => (seconds(after), KEYS_SHARE),
            (Some(after), ThinTo::Sub, StreamKind::Main) if s.has_sub => (seconds(after), 0.0),
            _ => (HORIZON, 1.0),
        };
        let mut cake = Self {
            rate: s.bytes_per_second as f64,
            floor,
            cap: max_age,
            cap_is_age: true,
            thin_after,
            thin_share,
            events,
        };
        if thin_share == 0.0 && thin_after < cake.cap {
            cake.cap = thin_after;
            cake.floor = cake.floor.min(thin_after);
        }
        if let Some(most) = rules.max_bytes {
            let by_bytes = cake.depth_for(most as f64).max(cake.floor);
            if by_bytes < cake.cap {
                (cake.cap, cake.cap_is_age) = (by_bytes, false);
            }
        }
        cake
    }

    /// Bytes when continuous footage reaches back `depth`.
    pub(super) fn bytes(&self, depth: f64) -> f64 {
        let full = depth.min(self.thin_after);
        let thin = (depth - self.thin_after).max(0.0);
        let mut seconds = full + thin * self.thin_share;
        for (share, age) in &self.events {
            // What events keep whole where the rest is thinned, and beyond the rest's end.
            let in_thin = (age.min(depth) - self.thin_after).max(0.0);
            seconds += share * (in_thin * (1.0 - self.thin_share) + (age - depth).max(0.0));
        }
        self.rate * seconds
    }

    pub(super) fn depth(&self, common: f64) -> f64 {
        common.clamp(self.floor, self.cap)
    }

    fn depth_for(&self, bytes: f64) -> f64 {
        bisect(|depth| self.bytes(depth) <= bytes)
    }
}

/// The greatest age up to the horizon for which `fits` holds; `fits` holds up to some age and not beyond.
fn bisect(fits: impl Fn(f64) -> bool) -> f64 {
    if fits(HORIZON) {
        return HORIZON;
    }
    let (mut low, mut high) = (0.0, HORIZON);
    // 2^-40 of a century is three milliseconds.
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if fits(middle) { low = middle } else { high = middle }
    }
    low
}

/// How far back streams reach that share `room`: the common age, and by how much least ages must be cut to fit (1: not).
pub(super) fn share(cakes: &[Cake], room: f64) -> (f64, f64) {
    let sum = |common: f64, cut: f64| -> f64 {
        cakes.iter().map(|c| if cut < 1.0 { c.bytes(c.floor * cut) } else { c.bytes(c.depth(common)) }).sum()
    };
    if sum(0.0, 1.0) > room {
        // At a cut of one the sum is that of the least ages, which is too much.
        return (0.0, bisect(|scaled| sum(0.0, scaled / HORIZON) <= room) / HORIZON);
    }
    (bisect(|common| sum(common, 1.0) <= room), 1.0)
}
