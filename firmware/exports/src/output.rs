//! The file that is being written.

use crate::ExportError;
use rustix::fs::Advice;
use std::fs::File;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// A file that grows at its end, and where it is.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    path: PathBuf,
    /// Its length.
    at: u64,
    /// Up to here it has been synced, and its pages were let go.
    synced: u64,
}

impl Output {
    pub(crate) fn new(file: File, path: PathBuf) -> Result<Self, ExportError> {
        let at = file.metadata().map_err(|e| ExportError::io("look at", &path, e))?.len();
        Ok(Self { file, path, at, synced: 0 })
    }

    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Bytes that a crash of the machine could take.
    pub(crate) fn unsynced(&self) -> u64 {
        self.at - self.synced
    }

    /// Cuts it to `at` bytes.
    pub(crate) fn cut(&mut self, at: u64) -> Result<(), ExportError> {
        self.file.set_len(at).map_err(|e| ExportError::io("cut", &self.path, e))?;
        self.at = at;
        self.synced = self.synced.min(at);
        Ok(())
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.file.write_all_at(bytes, self.at).map_err(|e| ExportError::io("write", &self.path, e))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Writes into what is there.
    pub(crate) fn patch(&mut self, at: u64, bytes: &[u8]) -> Result<(), ExportError> {
        self.file.write_all_at(bytes, at).map_err(|e| ExportError::io("write", &self.path, e))
    }

    /// Everything is on the disk when this returns, and takes no memory any more.
    pub(crate) fn sync(&mut self) -> Result<(), ExportError> {
        self.file.sync_data().map_err(|e| ExportError::io("sync", &self.path, e))?;
        self.forget(self.synced, self.at);
        self.synced = self.at;
        Ok(())
    }

    /// Reads what is there.
    pub(crate) fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), ExportError> {
        self.file.read_exact_at(buffer, at).map_err(|e| ExportError::io("read back", &self.path, e))
    }

    /// Lets the system forget its cached pages of a range, so that the next read comes from the disk.
    pub(crate) fn forget(&self, from: u64, to: u64) {
        let length = NonZeroU64::new(to.saturating_sub(from));
        if length.is_some() {
            // Advice only.
            let _ = rustix::fs::fadvise(&self.file, from, length, Advice::DontNeed);
        }
    }
}
