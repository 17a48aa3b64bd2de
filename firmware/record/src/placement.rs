//! Which volume a stream is recorded to. Pure.
//!
//! Streams are spread so that every volume reaches back about as far: what is written to a volume, over the room it has. A
//! stream moves only between two of its files, one stream in ten minutes at most, and only when that evens things out by
//! a fifth: measured rates wander by some percent, and a move that saves nothing costs a seek and a surprise.

use crate::volume::VolumeRole;

/// A move must make the fullest volume's burden this much smaller, at least.
const WORTH: f64 = 0.8;

/// A volume that can be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Berth {
    pub(crate) role: VolumeRole,
    /// Room for recordings, bytes.
    pub(crate) room: u64,
    /// What its streams write together, bytes per second.
    pub(crate) load: u64,
}

impl Berth {
    fn burden(&self, more: u64) -> f64 {
        (self.load + more) as f64 / self.room.max(1) as f64
    }
}

/// Where a stream of that rate does best. Volumes for copies are taken only when there is no other.
pub(crate) fn choose(berths: &[Option<Berth>], rate: u64) -> Option<usize> {
    let usable = berths.iter().enumerate().filter_map(|(i, b)| Some((i, (*b)?)));
    usable
        .min_by(|(_, a), (_, b)| {
            a.role.cmp(&b.role).then(a.burden(rate).total_cmp(&b.burden(rate))).then(b.room.cmp(&a.room))
        })
        .map(|(i, _)| i)
}

/// The one move that does most good, if one is worth it. `streams` are the volume that each is on, and its rate.
pub(crate) fn rebalance(berths: &[Option<Berth>], streams: &[(usize, u64)]) -> Option<(usize, usize)> {
    // First home from where it was only in need.
    let home = |(_, (at, rate)): &(usize, &(usize, u64))| {
        let now = berths.get(*at).copied().flatten()?;
        let best = choose(berths, *rate)?;
        berths[best].is_some_and(|b| b.role < now.role).then_some(best)
    };
    if let Some((stream, to)) = streams.iter().enumerate().find_map(|s| Some((s.0, home(&s)?))) {
        return Some((stream, to));
    }
    let mut best: Option<(f64, usize, usize)> = None;
    for (stream, (from, rate)) in streams.iter().enumerate().filter(|(_, s)| s.1 > 0) {
        let Some(source) = berths.get(*from).copied().flatten() else { continue };
        for (to, target) in berths.iter().enumerate() {
            let Some(target) = target.filter(|t| t.role == source.role && to != *from) else { continue };
            let before = source.burden(0).max(target.burden(0));
            let after = (source.load.saturating_sub(*rate) as f64 / source.room.max(1) as f64)
                .max(target.burden(*rate));
            if after < before * WORTH && best.is_none_or(|b| after < b.0) {
                best = Some((after, stream, to));
            }
        }
    }
    best.map(|(_, stream, to)| (stream, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIB: u64 = 1 << 30;

    fn berth(role: VolumeRole, gib: u64, load: u64) -> Option<Berth> {
        Some(Berth { role, room: gib * GIB, load })
    }

    #[test]
    fn streams_go_where_the_room_lasts_longest_and_to_copies_volumes_only_in_need() {
        let (spread, mirror, events) = (VolumeRole::Spread, VolumeRole::Mirror, VolumeRole::Events);
        assert_eq!(choose(&[berth(spread, 100, 10), berth(spread, 400, 20)], 5), Some(1));
        assert_eq!(choose(&[berth(mirror, 900, 0), berth(spread, 100, 50)], 5), Some(1));
        assert_eq!(choose(&[berth(events, 900, 0), berth(mirror, 100, 50), None], 5), Some(1));
        assert_eq!(choose(&[None, None], 5), None);
    }

    #[test]
    fn a_stream_goes_home_when_its_volume_is_back() {
        let berths = [berth(VolumeRole::Spread, 10, 100), berth(VolumeRole::Mirror, 1000, 5)];
        assert_eq!(rebalance(&berths, &[(0, 100), (1, 5)]), Some((1, 0)));
        assert_eq!(rebalance(&[None, berths[1]], &[(1, 5)]), None);
    }

    #[test]
    fn a_new_empty_volume_takes_its_share() {
        let berths = [berth(VolumeRole::Spread, 100, 40), berth(VolumeRole::Spread, 100, 0)];
        assert_eq!(rebalance(&berths, &[(0, 10), (0, 10), (0, 20)]), Some((2, 1)));
    }

    proptest! {
        /// With rates that do not change, moving comes to an end, each move makes the heaviest burden involved lighter,
        /// and nothing goes to a volume that cannot be used.
        #[test]
        fn rebalancing_comes_to_rest(
            rooms in proptest::collection::vec(proptest::option::weighted(0.8, 1u64..2000), 1..5),
            streams in proptest::collection::vec((0usize..5, 1u64..1000), 0..24),
        ) {
            let mut streams: Vec<(usize, u64)> =
                streams.into_iter().map(|(at, rate)| (at % rooms.len(), rate)).collect();
            let berths = |streams: &[(usize, u64)]| -> Vec<Option<Berth>> {
                let load = |v: usize| streams.iter().filter(|s| s.0 == v).map(|s| s.1).sum();
                rooms.iter().enumerate().map(|(v, r)| berth(VolumeRole::Spread, (*r)?, load(v))).collect()
            };
            let mut moves = 0;
            while let Some((stream, to)) = rebalance(&berths(&streams), &streams) {
                prop_assert!(rooms[to].is_some() && streams[stream].0 != to);
                let pair = [streams[stream].0, to];
                let burden = |b: &[Option<Berth>]| pair.iter().map(|v| b[*v].unwrap().burden(0)).fold(0.0, f64::max);
                let before = burden(&berths(&streams));
                streams[stream].0 = to;
                prop_assert!(burden(&berths(&streams)) <= before * WORTH + 1e-12);
                moves += 1;
                prop_assert!(moves <= 400, "it goes round in circles");
            }
        }
    }
}
