//! How much memory the frames of all streams may take.
//!
//! An eighth of what the machine has, but 64 MiB at least and 1 GiB at most. Why so much: when all is well 32 cameras of
//! 4 Mbit/s with groups of 2 s hold 32 MiB, and what is left over is for a disk that does not answer: 0.5 MB a second
//! and camera. On a box of 1 GiB, 128 MiB are 6 s of 32 cameras; on one of 4 GiB, 512 MiB are 30 s of them. 1 GiB is
//! 64 streams at the most that a single one may hold (16 MiB), so more would do nothing.

use std::fs;

/// The least that `memory_mib` may be: eight cameras of 4 Mbit/s and 12 s of a disk that does not answer.
pub(crate) const LEAST_MIB: u64 = 64;
/// The most that is taken without being told to.
const USUAL_MOST_MIB: u64 = 1024;
/// The most that `memory_mib` may be: 256 streams at their own bound of 16 MiB.
pub(crate) const MOST_MIB: u64 = 4096;

/// The bound of all rings together, bytes: what the configuration says, or else what suits the machine.
pub(crate) fn for_streams(configured_mib: Option<u32>) -> usize {
    let mib = configured_mib.map_or_else(|| usual_mib(machine_bytes()), u64::from);
    usize::try_from(mib << 20).unwrap_or(usize::MAX)
}

fn usual_mib(machine_bytes: Option<u64>) -> u64 {
    // Where nobody says how much there is, as on a box of 1.5 GiB.
    machine_bytes.map_or(192, |bytes| (bytes >> 20) / 8).clamp(LEAST_MIB, USUAL_MOST_MIB)
}

/// What this process may use at most: the machine's memory, or less where its control group says so.
fn machine_bytes() -> Option<u64> {
    let total = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_bytes(&text));
    let group =
        fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    match (total, group) {
        (Some(total), Some(group)) => Some(total.min(group)),
        (total, group) => total.or(group),
    }
}

/// `MemTotal` of proc(5) meminfo, bytes.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eighth_within_bounds() {
        const GIB: u64 = 1 << 30;
        for (machine, mib) in
            [(None, 192), (Some(GIB / 4), 64), (Some(GIB), 128), (Some(4 * GIB), 512), (Some(64 * GIB), 1024)]
        {
            assert_eq!(usual_mib(machine), mib, "{machine:?}");
        }
        assert_eq!(for_streams(Some(100)), 100 << 20);
    }

    #[test]
    fn meminfo_is_read() {
        let text = "MemTotal:        1015692 kB\nMemFree:           12 kB\n";
        assert_eq!(total_bytes(text), Some(1_015_692 * 1024));
        assert_eq!(total_bytes("MemFree: 12 kB"), None);
    }
}
