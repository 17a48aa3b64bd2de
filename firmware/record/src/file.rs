//! The file of an open segment: appended to by whole fragments, room taken in steps, never longer than what is whole.

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Room is preallocated in steps of this: 8 s of a 4 Mbit/s stream, so that a file lies in few pieces while 64
/// cameras are written side by side. Not counted in the file's size; given back when the segment is closed. With 128
/// open segments at most 512 MiB are preallocated, half of the least default reserve of a large volume.
pub(crate) const ALLOCATE_STEP: u64 = 4 << 20;
/// Slices in one system call; Linux takes 1024 (`IOV_MAX`).
const MOST_SLICES: usize = 1024;

/// An open segment's file.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    file: Arc<File>,
    length: u64,
    allocated: u64,
    allocate: bool,
}

impl SegmentFile {
    /// A file that was just created.
    pub(crate) fn new(file: File) -> Self {
        Self { file: Arc::new(file), length: 0, allocated: 0, allocate: true }
    }

    /// The file, for the syncer.
    pub(crate) fn handle(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Bytes written.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends all of `parts` or nothing: when it fails the file is cut back to what it was.
    pub(crate) fn append(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let total: u64 = parts.iter().map(|p| p.len() as u64).sum();
        self.allocate(self.length + total);
        match write_all_at(&self.file, parts, self.length) {
            Ok(()) => {
                self.length += total;
                Ok(())
            }
            Err(e) => {
                // If even this fails the tail is cut off by recovery, which trusts whole fragments only.
                let _ = rustix::fs::ftruncate(&*self.file, self.length);
                self.allocated = self.length;
                Err(e.into())
            }
        }
    }

    /// Cuts the file back to `length`.
    pub(crate) fn cut(&mut self, length: u64) -> io::Result<()> {
        rustix::fs::ftruncate(&*self.file, length)?;
        (self.length, self.allocated) = (length, length);
        Ok(())
    }

    fn allocate(&mut self, upto: u64) {
        if !self.allocate || upto <= self.allocated {
            return;
        }
        let goal = upto.next_multiple_of(ALLOCATE_STEP);
        let from = self.allocated.max(self.length);
        match rustix::fs::fallocate(&*self.file, FallocateFlags::KEEP_SIZE, from, goal - from) {
            Ok(()) => self.allocated = goal,
            // Nearly full: the write itself decides, and asks retention for room.
            Err(Errno::NOSPC) => self.allocated = upto,
            // The file system cannot; it is only an optimisation.
            Err(_) => self.allocate = false,
        }
    }
}

fn write_all_at(file: &File, parts: &[&[u8]], mut offset: u64) -> Result<(), Errno> {
    let mut slices: Vec<IoSlice<'_>> =
        parts.iter().filter(|p| !p.is_empty()).map(|p| IoSlice::new(p)).collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        let some = rest.len().min(MOST_SLICES);
        match rustix::io::pwritev(file, &rest[..some], offset) {
            Ok(0) => return Err(Errno::IO),
            Ok(n) => {
                offset += n as u64;
                IoSlice::advance_slices(&mut rest, n);
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_appended_in_order_and_the_size_is_what_was_written() {
        let mut f = SegmentFile::new(tempfile::tempfile().unwrap());
        let many: Vec<[u8; 1]> = (0..3000u32).map(|i| [i as u8]).collect();
        let many: Vec<&[u8]> = many.iter().map(|b| b.as_slice()).collect();
        f.append(&[b"abc", b"", b"de"]).unwrap();
        f.append(&many).unwrap();
        assert_eq!(f.length(), 3005);
        assert_eq!(f.file.metadata().unwrap().len(), 3005, "preallocated room is not counted");
        let mut back = vec![0; 7];
        std::os::unix::fs::FileExt::read_exact_at(&*f.file, &mut back, 0).unwrap();
        assert_eq!(back, b"abcde\x00\x01");
    }
}
