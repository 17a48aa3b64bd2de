//! Copies of the database while it is in use.

use crate::options::{backup_paths, with_suffix};
use crate::{Result, Store, StoreError, open};
use rusqlite::Connection;
use rusqlite::backup::Backup;
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often [`Store::keep_backups`] looks whether there is anything new.
const EVERY: Duration = Duration::from_secs(3600);

/// What backups may write in a day. Consumer eMMC stands about 3,000 full writes: on 32 GB that is 96 TB, so
/// 2 GiB a day is under 1 % of it in a year. A 10 MiB database is copied every hour, a 1 GiB one every
/// twelve.
const BYTES_PER_DAY: u64 = 2 << 30;

impl Store {
    /// Copies the database to `to`: into a temporary file beside it, checked, synced, then renamed over `to`,
    /// so `to` is always a whole backup or none. Writers go on meanwhile; the copy shows one moment.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the copy (and so the database) does not pass its check; `to` is left as
    /// it was.
    pub async fn backup_to(&self, to: &Path) -> Result<()> {
        let (store, to) = (self.clone(), to.to_owned());
        in_background(move || store.backup_to_blocking(&to)).await
    }

    /// [`Store::backup_to`] for plain threads.
    pub fn backup_to_blocking(&self, to: &Path) -> Result<()> {
        let _one_at_a_time = self.0.backing_up.lock();
        let from = open::reader(&self.0.path, &self.0.options)?;
        let temporary = with_suffix(to, ".part");
        let result = copy(&from, &temporary).and_then(|()| {
            fs::rename(&temporary, to).map_err(|e| StoreError::file("rename the backup to", to, &e))?;
            sync_directory(to)
        });
        if result.is_err() {
            // Best effort: the next backup truncates it anyway.
            let _ = fs::remove_file(&temporary);
        }
        if matches!(result, Err(StoreError::Damaged { .. })) {
            self.0.shared.met_damage();
        }
        result
    }

    /// Makes a backup in the usual place if anything was committed since the last one, and keeps the one
    /// before. Returns whether it made one.
    pub async fn backup_if_changed(&self) -> Result<bool> {
        let store = self.clone();
        in_background(move || {
            let commits = store.0.shared.commits.load(Ordering::Relaxed);
            if store.0.backed_up.load(Ordering::Relaxed) == commits {
                return Ok(false);
            }
            let [newest, older] = backup_paths(&store.0.path, &store.0.options);
            let fresh = with_suffix(&newest, ".new");
            store.backup_to_blocking(&fresh)?;
            if newest.exists() {
                fs::rename(&newest, &older)
                    .map_err(|e| StoreError::file("keep the older backup as", &older, &e))?;
            }
            fs::rename(&fresh, &newest).map_err(|e| StoreError::file("rename the backup to", &newest, &e))?;
            sync_directory(&newest)?;
            store.0.backed_up.store(commits, Ordering::Relaxed);
            Ok(true)
        })
        .await
    }

    /// Backs up for ever: at the start when the newest backup is old, then hourly when something changed,
    /// less often when the file is large (see `BYTES_PER_DAY`). Spawn it; dropping the task ends it. A
    /// failure is logged and tried again.
    pub async fn keep_backups(self) {
        // A box that restarts every few minutes must not write a backup each time.
        tokio::time::sleep(self.until_due().await).await;
        loop {
            match self.backup_if_changed().await {
                Ok(true) => tracing::debug!(path = %self.0.path.display(), "database backed up"),
                Ok(false) => {}
                Err(StoreError::Closed) => return,
                Err(e) => tracing::error!(error = %e, "the database could not be backed up"),
            }
            tokio::time::sleep(self.pause().await).await;
        }
    }

    async fn pause(&self) -> Duration {
        pause(tokio::fs::metadata(&self.0.path).await.map_or(0, |m| m.len()))
    }

    /// How long until the newest backup has become too old, by the files' own times.
    async fn until_due(&self) -> Duration {
        let [newest, _] = backup_paths(&self.0.path, &self.0.options);
        let made = tokio::fs::metadata(newest).await.and_then(|m| m.modified());
        // No backup, or one from the future: due now.
        let age = made.ok().and_then(|made| made.elapsed().ok()).unwrap_or(Duration::MAX);
        self.pause().await.saturating_sub(age)
    }
}

fn pause(database_bytes: u64) -> Duration {
    EVERY.max(Duration::from_secs(86_400 * database_bytes / BYTES_PER_DAY))
}

async fn in_background<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Panicked))
}

/// Copies every page into `to`, checks the copy and syncs it.
fn copy(from: &Connection, to: &Path) -> Result<()> {
    let file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(to)
        .map_err(|e| StoreError::file("create the backup", to, &e))?;
    {
        let mut copy = Connection::open(to)?;
        // All pages in one step: it reads one WAL snapshot, which holds up checkpoints but no writer. In
        // several steps the copy would begin again at every commit between them.
        Backup::new(from, &mut copy)?.step(-1).map_err(|e| open::at(to, e.into()))?;
        // One plain file without -wal and -shm beside it, until it is opened as a database again.
        copy.execute_batch("PRAGMA journal_mode = DELETE")?;
        open::check(&copy, to, false)?;
    }
    file.sync_all().map_err(|e| StoreError::file("sync the backup", to, &e))
}

/// Makes a rename last: syncs the directory that holds `file`.
pub(crate) fn sync_directory(file: &Path) -> Result<()> {
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    fs::File::open(dir)
        .and_then(|d| d.sync_all())
        .map_err(|e| StoreError::file("sync the directory", dir, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_databases_are_copied_less_often() {
        assert_eq!(pause(0), EVERY);
        assert_eq!(pause(10 << 20), EVERY);
        assert_eq!(pause(1 << 30), Duration::from_secs(43_200));
    }
}
