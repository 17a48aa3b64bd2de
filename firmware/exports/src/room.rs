//! Which exports fit, where, and which finished ones go to make room. Pure.
//!
//! Exports lie on the recording volumes, beside `recordings`: a box may have 4 GB for its database and 4 TB for footage. What
//! an export takes is free room that recording would have used, so retention gives way by itself: it keeps the volume's
//! reserve free, whoever fills it. That shortens what is kept of the past, and is therefore bounded: all exports of a volume
//! together take at most `exports.max_percent` of it.

use crate::footage::VolumeRoom;
use uuid::Uuid;

/// What exports may take of a volume.
pub(crate) fn budget(volume: &VolumeRoom, percent: u64) -> u64 {
    (u128::from(volume.total_bytes) * u128::from(percent) / 100) as u64
}

/// What exports take and will take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes that waiting and running exports still have to write.
    pub committed: u64,
    /// Bytes of finished exports on the volume: they may go.
    pub finished: u64,
}

/// Whether `needed` bytes fit on a volume: within the budget, and within what is free or can be made so. Not more than half
/// of the recordings is counted on: locked and young ones do not go.
pub(crate) fn fits(volume: &VolumeRoom, percent: u64, taken: Taken, needed: u64) -> bool {
    let wanted = needed.saturating_add(taken.committed);
    let spare = volume.free_bytes.saturating_sub(volume.reserve_bytes);
    wanted <= budget(volume, percent) && wanted <= spare + taken.finished + volume.recordings_bytes / 2
}

/// The volume where an export does best: it fits, and most is free.
pub(crate) fn best(
    volumes: &[VolumeRoom],
    percent: u64,
    taken: impl Fn(Uuid) -> Taken,
    needed: u64,
) -> Option<&VolumeRoom> {
    let fitting = volumes.iter().filter(|v| fits(v, percent, taken(v.id), needed));
    fitting.max_by_key(|v| v.free_bytes.saturating_sub(v.reserve_bytes))
}

/// A finished export on a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    pub id: Uuid,
    pub bytes: u64,
}

/// The finished exports that go so that `needed` more bytes stay within `budget`, oldest first.
pub(crate) fn victims(oldest_first: &[Finished], needed: u64, budget: u64) -> Vec<Uuid> {
    let mut taken: u64 = oldest_first.iter().map(|f| f.bytes).sum::<u64>().saturating_add(needed);
    let mut going = Vec::new();
    for f in oldest_first {
        if taken <= budget {
            break;
        }
        taken -= f.bytes;
        going.push(f.id);
    }
    going
}

/// Free room below which an export stands still: retention keeps the reserve free and looks every second; a quarter of it
/// is what may be used meanwhile.
pub(crate) fn least_free(reserve: u64) -> u64 {
    reserve / 4 * 3
}

/// Bytes, for people.
pub(crate) fn human(bytes: u64) -> String {
    let gb = bytes as f64 / 1e9;
    if gb >= 1.0 { format!("{gb:.1} GB") } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GB: u64 = 1_000_000_000;

    fn volume(free: u64) -> VolumeRoom {
        VolumeRoom {
            id: Uuid::nil(),
            total_bytes: 1000 * GB,
            free_bytes: free,
            reserve_bytes: 20 * GB,
            recordings_bytes: 900 * GB,
        }
    }

    #[test]
    fn a_full_box_still_exports_within_its_budget() {
        assert!(fits(&volume(20 * GB), 10, Taken::default(), 100 * GB));
        assert!(!fits(&volume(20 * GB), 10, Taken::default(), 101 * GB));
        let busy = Taken { committed: 60 * GB, finished: 0 };
        assert!(!fits(&volume(20 * GB), 10, busy, 50 * GB));
        let locked = VolumeRoom { recordings_bytes: 0, ..volume(20 * GB) };
        assert!(!fits(&locked, 10, Taken::default(), GB));
        assert!(fits(&VolumeRoom { free_bytes: 22 * GB, ..locked }, 10, Taken::default(), GB));
    }

    #[test]
    fn the_emptier_volume_is_taken() {
        let (a, b) = (volume(30 * GB), VolumeRoom { id: Uuid::max(), ..volume(300 * GB) });
        assert_eq!(best(&[a.clone(), b.clone()], 10, |_| Taken::default(), GB), Some(&b));
        let full = |id: Uuid| Taken { committed: if id.is_max() { 100 * GB } else { 0 }, finished: 0 };
        assert_eq!(best(&[a.clone(), b], 10, full, GB).map(|v| v.id), Some(a.id));
        assert_eq!(best(&[], 10, |_| Taken::default(), GB), None);
    }

    proptest! {
        #[test]
        fn no_more_go_than_must(sizes in proptest::collection::vec(1u64..100, 0..20), needed in 0u64..300, budget in 0u64..600) {
            let all: Vec<Finished> =
                sizes.iter().enumerate().map(|(n, b)| Finished { id: Uuid::from_u128(n as u128), bytes: *b }).collect();
            let going = victims(&all, needed, budget);
            prop_assert!(going.iter().zip(&all).all(|(g, f)| *g == f.id), "oldest first");
            let left = |n: usize| all[n..].iter().map(|f| f.bytes).sum::<u64>() + needed;
            prop_assert!(left(going.len()) <= budget || going.len() == all.len());
            prop_assert!(going.is_empty() || left(going.len() - 1) > budget);
        }
    }
}
