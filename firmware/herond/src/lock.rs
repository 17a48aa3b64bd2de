//! One program at a time on a data directory: two daemons would take each other's open files for a crash.

use crate::config::Config;
use anyhow::{Context, Result, bail};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::fs;

/// Held while it lives.
pub(crate) struct DataDirLock {
    _file: fs::File,
}

impl DataDirLock {
    /// Makes the data directory if need be and takes its lock; an error when another program has it.
    pub(crate) fn take(config: &Config) -> Result<Self> {
        let dir = &config.data_dir;
        fs::create_dir_all(dir).with_context(|| format!("key `data_dir`: cannot make {}", dir.display()))?;
        let path = dir.join("lock");
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("key `data_dir`: cannot write {}", path.display()))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => {
                bail!(
                    "another herond uses {} (it holds {}); stop that one first",
                    dir.display(),
                    path.display()
                )
            }
            Err(error) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_has_one_user() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::for_tests(dir.path());
        let first = DataDirLock::take(&config).unwrap();
        let refused = DataDirLock::take(&config).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(refused.contains("another herond"), "{refused}");
        drop(first);
        assert!(DataDirLock::take(&config).is_ok());
    }
}
