//! How a store is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bounds and paths. `Default` is right for the daemon.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Read-only connections, at least 1. Each holds up to 2 MiB of page cache; three let a long export query
    /// run beside two quick ones on a four-core box.
    pub readers: usize,
    /// Jobs that may wait for the writer. 64 cameras x 2 streams make about 2 rows a second together, so 1024
    /// is minutes of backlog on a stalled disk; at about 1 kB a job it is 1 MiB.
    pub write_queue: usize,
    /// Async readers that may wait for a connection before callers are told
    /// [`crate::StoreError::Overloaded`].
    pub read_queue: usize,
    /// Most jobs in one transaction: bounds how long the first of them waits for the last.
    pub batch: usize,
    /// How long to wait for another process that holds the file.
    pub busy_timeout: Duration,
    /// Where backups go; `None` puts them beside the database.
    pub backup_dir: Option<PathBuf>,
    /// [`crate::open_or_recover`] reads the whole file and checks its structure up to this size. About 1 GB/s
    /// from cache and 100 MB/s from eMMC, so 64 MiB is under a second. Above it the check runs only when the
    /// last run met damage (`<name>.suspect`), because a catalogue of 90 days must not delay start-up.
    pub check_limit_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            readers: 3,
            write_queue: 1024,
            read_queue: 256,
            batch: 256,
            busy_timeout: Duration::from_secs(5),
            backup_dir: None,
            check_limit_bytes: 64 << 20,
        }
    }
}

/// `path` with `suffix` after its whole name: `heron.db` and `.backup` make `heron.db.backup`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The two backups, newest first.
pub(crate) fn backup_paths(database: &Path, options: &StoreOptions) -> [PathBuf; 2] {
    let base = match (&options.backup_dir, database.file_name()) {
        (Some(dir), Some(name)) => dir.join(name),
        _ => database.to_owned(),
    };
    [with_suffix(&base, ".backup"), with_suffix(&base, ".backup.old")]
}
