//! The folder of exports on a recording volume, held by its descriptor: nothing is written onto the bare mount point of a
//! disk that is away, and nothing outside the folder is ever opened.

use crate::ExportError;
use crate::job::ExportFormat;
use heron_record::layout::{EXPORTS, MARKER};
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The folder of one volume.
#[derive(Debug)]
pub(crate) struct Shelf {
    path: PathBuf,
    root: OwnedFd,
    folder: OwnedFd,
}

/// What lies in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) id: Uuid,
}

/// The file of an export that is being written.
pub(crate) fn unfinished(id: Uuid) -> String {
    format!("{id}.part")
}

/// The file of a finished export.
pub(crate) fn finished(id: Uuid, format: ExportFormat) -> String {
    format!("{id}.{}", format.as_str())
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

impl Shelf {
    /// Opens the folder on the volume whose root is at `root`, making it if need be.
    ///
    /// # Errors
    /// [`ExportError::VolumeAway`] when another disk, or none, is there; [`ExportError::Io`].
    pub(crate) fn open(volume: Uuid, root: &Path) -> Result<Self, ExportError> {
        let path = root.join(EXPORTS);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(root, flags, Mode::empty()).map_err(|_| ExportError::VolumeAway)?;
        if !is_volume(&fd, volume) {
            return Err(ExportError::VolumeAway);
        }
        let io = |e: Errno| ExportError::io("open the folder", &path, e);
        match rustix::fs::mkdirat(&fd, EXPORTS, Mode::from_raw_mode(0o750)) {
            Ok(()) => rustix::fs::fsync(&fd).map_err(io)?,
            Err(Errno::EXIST) => {}
            Err(e) => return Err(ExportError::io("make the folder", path, e)),
        }
        let folder = rustix::fs::openat(&fd, EXPORTS, FOLDER, Mode::empty()).map_err(io)?;
        Ok(Self { path, root: fd, folder })
    }

    /// Where a file is, for messages.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Free bytes on the volume's file system.
    pub(crate) fn free(&self) -> Result<u64, ExportError> {
        let s = rustix::fs::fstatvfs(&self.root)
            .map_err(|e| ExportError::io("ask the size of", &self.path, e))?;
        Ok(s.f_bavail.saturating_mul(s.f_frsize))
    }

    /// Opens a file for writing, making it if need be.
    pub(crate) fn write(&self, name: &str) -> Result<File, ExportError> {
        self.open_file(name, OFlags::RDWR | OFlags::CREATE)
    }

    /// Opens a file for reading; `None` when it is not there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<File>, ExportError> {
        match self.open_file(name, OFlags::RDONLY) {
            Ok(file) => Ok(Some(file)),
            Err(ExportError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn open_file(&self, name: &str, how: OFlags) -> Result<File, ExportError> {
        let flags = how | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let io = |e: std::io::Error| ExportError::io("open", self.path(name), e);
        let fd = rustix::fs::openat(&self.folder, name, flags, Mode::from_raw_mode(0o640))
            .map_err(|e| io(e.into()))?;
        let file = File::from(fd);
        if !file.metadata().map_err(io)?.is_file() {
            return Err(io(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not a regular file")));
        }
        Ok(file)
    }

    /// Renames a file and makes that durable.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), ExportError> {
        rustix::fs::renameat(&self.folder, from, &self.folder, to)
            .and_then(|()| rustix::fs::fsync(&self.folder))
            .map_err(|e| ExportError::io("rename", self.path(from), e))
    }

    /// Deletes a file. One that is not there is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), ExportError> {
        match rustix::fs::unlinkat(&self.folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(ExportError::io("delete", self.path(name), e)),
        }
    }

    /// Deletes whatever there is of an export.
    pub(crate) fn remove_all_of(&self, id: Uuid) -> Result<(), ExportError> {
        for name in [unfinished(id), finished(id, ExportFormat::Mp4), finished(id, ExportFormat::Zip)] {
            self.remove(&name)?;
        }
        Ok(())
    }

    /// The files that bear an export's name. What people put there is left alone.
    pub(crate) fn list(&self) -> Result<Vec<Found>, ExportError> {
        let io = |e: Errno| ExportError::io("list", &self.path, e);
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let id = name
                .split_once('.')
                .filter(|(_, end)| ["part", "mp4", "zip"].contains(end))
                .and_then(|(id, _)| Uuid::parse_str(id).ok());
            found.extend(id.map(|id| Found { name, id }));
        }
        Ok(found)
    }
}

/// Whether the folder carries the marker of that volume.
fn is_volume(root: &OwnedFd, volume: Uuid) -> bool {
    let Ok(fd) = rustix::fs::openat(root, MARKER, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
        return false;
    };
    let mut text = String::new();
    File::from(fd).take(4096).read_to_string(&mut text).is_ok()
        && text.lines().any(|line| line == format!("uuid = {volume}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_only_on_the_volume_itself() {
        let dir = tempfile::tempdir().unwrap();
        let id = Uuid::new_v4();
        assert!(matches!(Shelf::open(id, dir.path()), Err(ExportError::VolumeAway)));
        assert!(matches!(Shelf::open(id, &dir.path().join("nowhere")), Err(ExportError::VolumeAway)));
        std::fs::write(dir.path().join(MARKER), format!("heron-volume 1\nuuid = {id}\n")).unwrap();
        assert!(matches!(Shelf::open(Uuid::new_v4(), dir.path()), Err(ExportError::VolumeAway)));
        assert!(!dir.path().join(EXPORTS).exists());
        let shelf = Shelf::open(id, dir.path()).unwrap();
        let export = Uuid::new_v4();
        shelf.write(&unfinished(export)).unwrap();
        std::fs::write(dir.path().join(EXPORTS).join("holiday.zip"), b"mine").unwrap();
        assert_eq!(shelf.list().unwrap(), [Found { name: format!("{export}.part"), id: export }]);
        shelf.rename(&unfinished(export), &finished(export, ExportFormat::Zip)).unwrap();
        assert!(shelf.read(&unfinished(export)).unwrap().is_none());
        assert!(shelf.read(&finished(export, ExportFormat::Zip)).unwrap().is_some());
        shelf.remove_all_of(export).unwrap();
        assert!(shelf.list().unwrap().is_empty());
    }

    #[test]
    fn a_link_in_the_folder_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let id = Uuid::new_v4();
        std::fs::write(dir.path().join(MARKER), format!("uuid = {id}\n")).unwrap();
        let shelf = Shelf::open(id, dir.path()).unwrap();
        let (export, secret) = (Uuid::new_v4(), dir.path().join("secret"));
        std::fs::write(&secret, b"secret").unwrap();
        let link = dir.path().join(EXPORTS).join(unfinished(export));
        std::os::unix::fs::symlink(&secret, link).unwrap();
        assert!(shelf.read(&unfinished(export)).is_err());
        assert!(shelf.write(&unfinished(export)).is_err());
    }
}
