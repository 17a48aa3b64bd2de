//! What to delete, and when. Pure: sizes and rows in, a list of segments out. The thread that acts on it is
//! `sweeper`.
//!
//! Order of the rules: (1) footage older than its stream's greatest age goes, whether there is room or not (privacy), footage of
//! events too; (2) of a stream that takes more bytes than it may, the oldest goes; (3) while the volume has less free
//! room than its reserve, or more recordings than its quota, the oldest goes. Rules 2 and 3 leave alone what is younger
//! than the least age and what an event keeps: when nothing else is left the volume is full, and says so. Locked and open
//! segments never go. To spare the disk a trickle of deletions, rule 3 makes a step more room than is missing.

use heron_core::WallTime;
use std::time::Duration;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Seconds of all streams' writing that the default reserve holds. Retention looks every second and unlinking a
/// 30 MB file takes milliseconds, so this is thirty times what can be written between two looks; and every stream
/// may have room preallocated (`file::ALLOCATE_STEP`) that is not written yet.
pub const RESERVE_SECONDS: u64 = 30;

/// The room to leave free on a volume of `total_bytes` when the operator has not said: the greatest of 2 % of it (a
/// file system slows down when full), 1 GiB (the database may live there too) and 30 s of all streams; but never
/// more than a quarter, so that a small card still records.
pub fn default_reserve(total_bytes: u64, write_bytes_per_second: u64) -> u64 {
    let want = (total_bytes / 50).max(GIB).max(write_bytes_per_second.saturating_mul(RESERVE_SECONDS));
    want.min(total_bytes / 4)
}

/// A volume as the planner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeSpace {
    /// Size of the file system.
    pub total_bytes: u64,
    /// Free for us (`f_bavail`).
    pub free_bytes: u64,
    /// Taken by our recordings.
    pub recordings_bytes: u64,
    /// Free room to keep, always.
    pub reserve_bytes: u64,
    /// Most room for recordings; `None`: all there is.
    pub quota_bytes: Option<u64>,
    /// What all streams together write.
    pub write_bytes_per_second: u64,
}

impl VolumeSpace {
    /// Bytes that must go before the volume is within its limits.
    pub fn missing(&self) -> u64 {
        let reserve = self.reserve_bytes.saturating_sub(self.free_bytes);
        let quota = self.quota_bytes.map_or(0, |q| self.recordings_bytes.saturating_sub(q));
        reserve.max(quota)
    }

    /// How much more than missing is deleted, so that retention does not run every second: a minute of writing, at
    /// least 16 MiB, at most a fiftieth of what there is to use.
    pub fn step(&self) -> u64 {
        let usable = self.quota_bytes.unwrap_or(self.total_bytes).min(self.total_bytes);
        self.write_bytes_per_second.saturating_mul(60).max(16 * MIB).min(usable / 50)
    }
}

/// A segment that could be deleted. Never a locked or an open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Row id.
    pub id: i64,
    /// Its length.
    pub bytes: u64,
}

/// What to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Row ids, in the order in which to delete.
    pub delete: Vec<i64>,
    /// Bytes that frees.
    pub frees: u64,
    /// Bytes still missing afterwards, for want of deletable footage: the volume is full.
    pub short_by: u64,
}

/// Rule 2. `oldest_first` are all deletable segments of the volume (or as many as were fetched), oldest first;
/// `needed` is room that a write has just been refused.
pub fn make_room(
    space: &VolumeSpace,
    needed: u64,
    oldest_first: impl IntoIterator<Item = Candidate>,
) -> Plan {
    let missing = space.missing().max(needed);
    if missing == 0 {
        return Plan::default();
    }
    let goal = missing.saturating_add(space.step());
    let mut plan = Plan::default();
    for c in oldest_first {
        if plan.frees >= goal {
            break;
        }
        plan.delete.push(c.id);
        plan.frees += c.bytes;
    }
    plan.short_by = missing.saturating_sub(plan.frees);
    plan
}

/// Rule 1: footage that ended before this is too old. `None`: any age is welcome.
pub fn too_old_before(now: WallTime, max_age: Option<Duration>) -> Option<WallTime> {
    max_age.map(|age| now - age)
}

/// Room that recordings may use on a volume in all.
pub fn usable_bytes(space: &VolumeSpace) -> u64 {
    let room = (space.free_bytes + space.recordings_bytes).saturating_sub(space.reserve_bytes);
    space.quota_bytes.map_or(room, |q| room.min(q))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn space(free: u64) -> VolumeSpace {
        VolumeSpace {
            total_bytes: 1000 * MIB,
            free_bytes: free,
            recordings_bytes: 500 * MIB,
            reserve_bytes: 100 * MIB,
            quota_bytes: None,
            write_bytes_per_second: MIB / 2,
        }
    }

    fn minutes(n: i64) -> impl Iterator<Item = Candidate> {
        (0..n).map(|id| Candidate { id, bytes: 30 * MIB })
    }

    #[test]
    fn nothing_goes_while_there_is_room() {
        assert_eq!(make_room(&space(100 * MIB), 0, minutes(10)), Plan::default());
    }

    #[test]
    fn the_oldest_goes_until_reserve_and_a_step_are_free() {
        let plan = make_room(&space(60 * MIB), 0, minutes(10));
        assert_eq!(plan.delete, [0, 1], "40 MiB are missing, the step is 20 MiB");
        assert_eq!(plan.short_by, 0);
    }

    #[test]
    fn a_quota_counts_like_a_smaller_disk() {
        let s = VolumeSpace { quota_bytes: Some(450 * MIB), ..space(600 * MIB) };
        assert_eq!(make_room(&s, 0, minutes(10)).delete, [0, 1]);
    }

    #[test]
    fn a_volume_without_deletable_footage_says_what_is_missing() {
        assert_eq!(make_room(&space(60 * MIB), 0, minutes(1)).short_by, 10 * MIB);
        assert_eq!(make_room(&space(500 * MIB), 7, minutes(0)).short_by, 7);
    }

    #[test]
    fn the_default_reserve_fits_the_volume() {
        assert_eq!(default_reserve(4000 * GIB, 0), 80 * GIB);
        assert_eq!(default_reserve(20 * GIB, 0), GIB);
        assert_eq!(default_reserve(20 * GIB, 64 * MIB), 30 * 64 * MIB);
        assert_eq!(default_reserve(2 * GIB, 0), GIB / 2);
    }

    /// A volume that refuses what does not fit, as ENOSPC does.
    struct Disk {
        space: VolumeSpace,
        closed: VecDeque<Candidate>,
        open: u64,
        next: i64,
    }

    impl Disk {
        fn write(&mut self, bytes: u64) -> bool {
            if self.space.free_bytes < bytes {
                return false;
            }
            self.space.free_bytes -= bytes;
            self.space.recordings_bytes += bytes;
            self.open += bytes;
            true
        }
        fn rotate(&mut self) {
            self.next += 1;
            self.closed.push_back(Candidate { id: self.next, bytes: std::mem::take(&mut self.open) });
        }
        fn carry_out(&mut self, plan: &Plan) {
            for id in &plan.delete {
                let c = self.closed.pop_front().expect("only closed segments are planned");
                assert_eq!(c.id, *id, "oldest first");
                self.space.free_bytes += c.bytes;
                self.space.recordings_bytes -= c.bytes;
            }
        }
    }

    proptest! {
        /// However much is written between two looks: a write fails only when nothing deletable is left, and after
        /// each look the volume is within its limits or nothing deletable is left.
        #[test]
        fn no_write_fails_while_deletable_footage_exists(
            total in 64u64..4096, foreign in 0u64..64, reserve in 0u64..32, quota in proptest::option::of(8u64..4096),
            writes in proptest::collection::vec((1u64..24, any::<bool>(), any::<bool>()), 1..400),
        ) {
            let mut disk = Disk {
                space: VolumeSpace {
                    total_bytes: total * MIB,
                    free_bytes: total.saturating_sub(foreign) * MIB,
                    recordings_bytes: 0,
                    reserve_bytes: reserve * MIB,
                    quota_bytes: quota.map(|q| q * MIB),
                    write_bytes_per_second: MIB,
                },
                closed: VecDeque::new(),
                open: 0,
                next: 0,
            };
            for (mib, rotate, look) in writes {
                let bytes = mib * MIB;
                if !disk.write(bytes) {
                    let plan = make_room(&disk.space, bytes - disk.space.free_bytes, disk.closed.iter().copied());
                    disk.carry_out(&plan);
                    prop_assert!(disk.write(bytes) || disk.closed.is_empty());
                }
                if rotate {
                    disk.rotate();
                }
                if look {
                    let plan = make_room(&disk.space, 0, disk.closed.iter().copied());
                    disk.carry_out(&plan);
                    prop_assert!(disk.space.missing() == 0 || disk.closed.is_empty());
                    prop_assert_eq!(plan.short_by > 0, disk.space.missing() > 0);
                }
            }
        }
    }
}
