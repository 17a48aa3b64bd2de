//! Small files on a volume: what stands beside the recordings. Always relative to the volume's descriptor.

use crate::volume::Mount;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

impl Mount {
    /// The content of a small file; `None` when there is none.
    pub(crate) fn read_small(&self, path: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(self.dir(), path, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file"));
        }
        let mut content = Vec::new();
        file.take(most + 1).read_to_end(&mut content)?;
        if content.len() as u64 > most {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is far too large"));
        }
        Ok(Some(content))
    }

    /// Writes a small file: under another name first, synced, then in the place of the old one. Makes the folders.
    pub(crate) fn replace_small(
        &self,
        folder: &str,
        name: &str,
        new: &str,
        content: &[u8],
    ) -> io::Result<()> {
        let dir = self.enter_path(folder)?;
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut file = File::from(rustix::fs::openat(&dir, new, flags, Mode::from_raw_mode(0o640))?);
        file.write_all(content)?;
        file.sync_all()?;
        rustix::fs::renameat(&dir, new, &dir, name)?;
        rustix::fs::fsync(&dir)?;
        Ok(())
    }

    /// Removes a small file; one that is not there is no error.
    pub(crate) fn remove_small(&self, folder: &str, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(self.dir(), format!("{folder}/{name}"), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Gives a small file another name.
    pub(crate) fn rename_small(&self, folder: &str, name: &str, aside: &str) -> io::Result<()> {
        let (from, to) = (format!("{folder}/{name}"), format!("{folder}/{aside}"));
        Ok(rustix::fs::renameat(self.dir(), from, self.dir(), to)?)
    }

    /// The names in a folder; none when it is not there or cannot be read.
    pub(crate) fn names_in(&self, folder: &str) -> Vec<String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let Ok(fd) = rustix::fs::openat(self.dir(), folder, flags, Mode::empty()) else { return Vec::new() };
        let Ok(entries) = rustix::fs::Dir::new(fd) else { return Vec::new() };
        entries
            .filter_map(Result::ok)
            .filter_map(|e| e.file_name().to_str().ok().map(str::to_owned))
            .filter(|n| n != "." && n != "..")
            .collect()
    }

    /// Opens a folder under the root, making what is missing of it.
    pub(crate) fn enter_path(&self, folder: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut at: Option<OwnedFd> = None;
        for part in Path::new(folder) {
            let parent = at.as_ref().map_or(self.dir(), std::os::fd::AsFd::as_fd);
            let next = match rustix::fs::openat(parent, part, flags, Mode::empty()) {
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(parent, part, Mode::from_raw_mode(0o750)) {
                        Ok(()) => rustix::fs::fsync(parent)?,
                        Err(Errno::EXIST) => {}
                        Err(e) => return Err(e.into()),
                    }
                    rustix::fs::openat(parent, part, flags, Mode::empty())?
                }
                other => other?,
            };
            at = Some(next);
        }
        at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no folder was named"))
    }
}
