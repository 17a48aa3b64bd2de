//! Warning before a disk is lost.
//!
//! What a disk says of itself (SMART) comes by way of the hardware room when it is there. What any Linux knows is asked
//! here: errors that the file system has counted, a file system that has turned itself read-only, and how long the
//! disk has lately taken.

use crate::meter::Latency;
use std::fmt;
use std::path::{Path, PathBuf};

/// How a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskVerdict {
    /// Nothing is known against it.
    Ok,
    /// Look after it.
    Warning,
    /// It is about to be lost, or partly lost.
    Failing,
}

impl DiskVerdict {
    /// `ok`, `warning` or `failing`, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failing => "failing",
        }
    }
}

/// A verdict and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskReport {
    /// How it is.
    pub verdict: DiskVerdict,
    /// Why, and what to do, for people.
    pub text: String,
}

/// A disk that is asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct DiskInQuestion {
    /// Where the volume is.
    pub path: PathBuf,
    /// Number of its block device; 0, 0 when there is none (a memory disk, a network share).
    pub device: (u32, u32),
    /// Whether the file system is mounted read-only.
    pub read_only: bool,
    /// How long writes and syncs took in the last minute.
    pub latency: Latency,
}

/// Something that knows how a disk is. Asked once a minute by the volume's own thread; it may block.
pub trait DiskHealth: fmt::Debug + Send + Sync {
    /// How the disk is; `None` when nothing is known of it.
    fn judge(&self, disk: &DiskInQuestion) -> Option<DiskReport>;
}

/// What the kernel knows.
#[derive(Clone, Debug)]
pub struct KernelHealth {
    sys: PathBuf,
}

/// A mean of this over a minute is ten times what a hard disk takes for a fragment and a sync among 64 streams.
const SLOW_MEAN_MS: f64 = 500.0;
/// With fewer operations a mean says nothing.
const ENOUGH: u64 = 30;

impl Default for KernelHealth {
    fn default() -> Self {
        Self { sys: PathBuf::from("/sys") }
    }
}

impl KernelHealth {
    /// With `/sys` elsewhere.
    pub fn at(sys: impl Into<PathBuf>) -> Self {
        Self { sys: sys.into() }
    }

    /// Errors that ext4 has counted in its superblock since it was last checked; `None` on another file system.
    fn ext4_errors(&self, (major, minor): (u32, u32)) -> Option<u64> {
        let link = std::fs::read_link(self.sys.join(format!("dev/block/{major}:{minor}"))).ok()?;
        let name = Path::new(link.file_name()?);
        let count = std::fs::read_to_string(self.sys.join("fs/ext4").join(name).join("errors_count")).ok()?;
        count.trim().parse().ok()
    }
}

impl DiskHealth for KernelHealth {
    fn judge(&self, disk: &DiskInQuestion) -> Option<DiskReport> {
        let report = |verdict, text: String| Some(DiskReport { verdict, text });
        if disk.read_only {
            let text = "Its file system has turned read-only, which it does after errors. Check the disk and its cable.";
            return report(DiskVerdict::Failing, text.into());
        }
        let errors = self.ext4_errors(disk.device);
        if let Some(errors @ 1..) = errors {
            let text = format!(
                "Its file system has counted {errors} errors. Save what matters, then check it (e2fsck) and the disk."
            );
            return report(DiskVerdict::Failing, text);
        }
        let Latency { operations, mean_ms, .. } = disk.latency;
        if operations >= ENOUGH && mean_ms >= SLOW_MEAN_MS {
            let text = format!(
                "It took {mean_ms:.0} ms for a write in the last minute. A disk that gets slow may be about to fail, or it is too slow for these cameras."
            );
            return report(DiskVerdict::Warning, text);
        }
        errors.map(|_| DiskReport {
            verdict: DiskVerdict::Ok,
            text: "The kernel has counted no errors.".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_counters_are_read_and_worded() {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path();
        std::fs::create_dir_all(sys.join("dev/block")).unwrap();
        std::fs::create_dir_all(sys.join("fs/ext4/sda1")).unwrap();
        std::os::unix::fs::symlink("../../devices/x/block/sda/sda1", sys.join("dev/block/8:1")).unwrap();
        let count = |n: &str| std::fs::write(sys.join("fs/ext4/sda1/errors_count"), n).unwrap();
        let health = KernelHealth::at(sys);
        let disk = |device, read_only, mean_ms| DiskInQuestion {
            path: "/v".into(),
            device,
            read_only,
            latency: Latency { operations: 100, mean_ms, max_ms: mean_ms },
        };
        let verdict = |d: &DiskInQuestion| health.judge(d).map(|r| r.verdict);
        count("0\n");
        assert_eq!(verdict(&disk((8, 1), false, 5.0)), Some(DiskVerdict::Ok));
        assert_eq!(verdict(&disk((8, 1), false, 900.0)), Some(DiskVerdict::Warning));
        assert_eq!(verdict(&disk((8, 1), true, 5.0)), Some(DiskVerdict::Failing));
        count("3\n");
        assert!(health.judge(&disk((8, 1), false, 5.0)).unwrap().text.contains("3 errors"));
        count("what");
        assert_eq!(verdict(&disk((8, 1), false, 5.0)), None);
        assert_eq!(verdict(&disk((0, 0), false, 5.0)), None);
        let idle = DiskInQuestion {
            latency: Latency { operations: 2, mean_ms: 9e3, max_ms: 9e3 },
            ..disk((0, 0), false, 0.0)
        };
        assert_eq!(verdict(&idle), None, "two operations are no trend");
    }
}
