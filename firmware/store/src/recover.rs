//! What to do when the file is broken: set it aside, go on from a backup, and say so.

use crate::backup::sync_directory;
use crate::options::{backup_paths, with_suffix};
use crate::{Migrations, Result, Store, StoreError, StoreOptions, migrate, open};
use heron_core::{Clock, ErrorKind, WallTime};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Broken files kept for a person to look at; older ones are removed so that a dying disk does not fill up
/// with them.
const KEEP_DAMAGED: usize = 3;

/// What had to be done to get a working database. The caller must announce it: in the log, as an event, on
/// the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    /// What was wrong with the file.
    pub reason: String,
    /// Where the broken file was moved; `None` when there was no file.
    pub moved_to: Option<PathBuf>,
    /// The backup that it goes on from, and when that was made; `None` when it starts empty.
    pub restored_from: Option<(PathBuf, WallTime)>,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.reason)?;
        if let Some(moved) = &self.moved_to {
            write!(f, " It was set aside as {}.", moved.display())?;
        }
        match &self.restored_from {
            Some((backup, made)) => write!(
                f,
                " The backup {} of {made} took its place; changes to accounts, cameras and settings since then are lost.",
                backup.display()
            )?,
            None => f.write_str(
                " There was no usable backup, so Heron starts with an empty database: it must be claimed again and cameras must be added again.",
            )?,
        }
        f.write_str(" Recordings are safe; they are found again from their files.")
    }
}

/// [`Store::open`], but a damaged, truncated or foreign file is moved aside as `<name>.damaged-<time>` and
/// its newest good backup takes its place, or an empty database. A file from a newer release, a full or a
/// read-only volume are errors and touch nothing. Blocks.
///
/// # Errors
/// As [`Store::open`], when no working database can be made.
pub fn open_or_recover(
    path: &Path,
    options: StoreOptions,
    rooms: &[Migrations],
    clock: &dyn Clock,
) -> Result<(Store, Option<Recovery>)> {
    let reason = match fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            if !backup_paths(path, &options).iter().any(|b| b.exists()) {
                return Ok((Store::open(path, options, rooms)?, None));
            }
            format!("the database {} is missing although it has a backup", path.display())
        }
        Ok(m) if m.len() == 0 => {
            format!("the database {} is empty: its contents never reached the disk", path.display())
        }
        _ => match open_checked(path, &options, rooms) {
            Ok(store) => return Ok((store, None)),
            Err(e) if e.is_damage() => e.to_string(),
            Err(e) => return Err(e),
        },
    };
    let moved_to = set_aside(path, clock.now())?;
    for backup in backup_paths(path, &options) {
        let Ok(made) = fs::metadata(&backup).and_then(|m| m.modified()) else { continue };
        match restore(&backup, path).and_then(|()| open_checked(path, &options, rooms)) {
            Ok(store) => {
                let restored_from = Some((backup, wall(made)));
                return Ok((store, Some(Recovery { reason, moved_to, restored_from })));
            }
            Err(e) if e.is_damage() => {
                tracing::warn!(backup = %backup.display(), error = %e, "this backup is damaged too");
                remove(path)?;
            }
            Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
            Err(e) => {
                tracing::warn!(backup = %backup.display(), error = %e, "this backup cannot be used");
                remove(path)?;
            }
        }
    }
    let store = Store::open(path, options, rooms)?;
    Ok((store, Some(Recovery { reason, moved_to, restored_from: None })))
}

/// Opens and, when the file is small or the last run met damage, checks it whole.
fn open_checked(path: &Path, options: &StoreOptions, rooms: &[Migrations]) -> Result<Store> {
    let suspect = with_suffix(path, ".suspect");
    let mut conn = open::writer(path, options)?;
    let size = fs::metadata(path).map_or(0, |m| m.len());
    if size <= options.check_limit_bytes || suspect.exists() {
        open::check(&conn, path, suspect.exists())?;
    }
    migrate::migrate(&mut conn, rooms).map_err(|e| open::at(path, e))?;
    if suspect.exists() {
        fs::remove_file(&suspect).map_err(|e| StoreError::file("remove the marker", &suspect, &e))?;
    }
    Store::start(path, options.clone(), conn)
}

/// Moves the file and its `-wal` and `-shm` (which must never be applied to another file) out of the way.
fn set_aside(path: &Path, now: WallTime) -> Result<Option<PathBuf>> {
    let stamp = now.to_string().replace([':', '.'], "");
    let mut aside = with_suffix(path, &format!(".damaged-{stamp}"));
    let mut n = 1;
    while aside.exists() {
        n += 1;
        aside = with_suffix(path, &format!(".damaged-{stamp}-{n}"));
    }
    let mut moved = None;
    for part in ["", "-wal", "-shm"] {
        let (from, to) = (with_suffix(path, part), with_suffix(&aside, part));
        match fs::rename(&from, &to) {
            Ok(()) if part.is_empty() => moved = Some(to),
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(StoreError::file("set aside", &from, &e)),
        }
    }
    let suspect = with_suffix(path, ".suspect");
    if suspect.exists() {
        fs::remove_file(&suspect).map_err(|e| StoreError::file("remove the marker", &suspect, &e))?;
    }
    sync_directory(path)?;
    forget_oldest(path);
    Ok(moved)
}

/// Keeps the newest [`KEEP_DAMAGED`]; their names sort by time.
fn forget_oldest(path: &Path) {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else { return };
    let prefix = format!("{name}.damaged-");
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut old: Vec<PathBuf> = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| {
            p.file_name()
                .and_then(|n| n.to_str())
                .is_some_and(|n| n.starts_with(&prefix) && !n.ends_with("-wal") && !n.ends_with("-shm"))
        })
        .collect();
    old.sort();
    for gone in old.iter().rev().skip(KEEP_DAMAGED) {
        for part in ["", "-wal", "-shm"] {
            let file = with_suffix(gone, part);
            match fs::remove_file(&file) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(file = %file.display(), error = %e, "cannot remove an old damaged database");
                }
                _ => {}
            }
        }
    }
}

/// Copies `backup` to `path` so that `path` is whole or absent.
fn restore(backup: &Path, path: &Path) -> Result<()> {
    let temporary = with_suffix(path, ".restoring");
    fs::copy(backup, &temporary).map_err(|e| StoreError::file("copy the backup", backup, &e))?;
    fs::File::open(&temporary)
        .and_then(|f| f.sync_all())
        .map_err(|e| StoreError::file("sync the restored database", &temporary, &e))?;
    fs::rename(&temporary, path).map_err(|e| StoreError::file("put the backup in place as", path, &e))?;
    sync_directory(path)
}

/// Removes a copy that could not be used, so that an empty database can be made.
fn remove(path: &Path) -> Result<()> {
    for part in ["", "-wal", "-shm"] {
        let file = with_suffix(path, part);
        match fs::remove_file(&file) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::file("remove", &file, &e));
            }
            _ => {}
        }
    }
    Ok(())
}

fn wall(t: std::time::SystemTime) -> WallTime {
    let nanos = t.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    WallTime::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}
