//! What of a file is in the page cache, without waiting for what is not.

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::File;
use std::io::IoSliceMut;

/// Copying more at once would keep a worker from its other work: 1 MiB are 0.1 ms on a fast core, 1 ms on a small one.
const MOST: u64 = 1 << 20;

/// The `length` bytes at `offset` when all of them are in memory already; `None` when any of them would have to come from
/// the disk, when there are fewer, or when the file system cannot say (`RWF_NOWAIT` is known to ext4, XFS, Btrfs and F2FS).
/// Does not block, so it may be called on a runtime's worker. More than 1 MiB is never in memory.
pub fn read_now(file: &File, offset: u64, length: u64) -> Option<Bytes> {
    // The system reads an offset of all ones as "where the file stands".
    if length > MOST || i64::try_from(offset.checked_add(length)?).is_err() {
        return None;
    }
    let mut buffer = vec![0; usize::try_from(length).ok()?];
    let mut got = 0;
    while got < buffer.len() {
        let rest = &mut [IoSliceMut::new(&mut buffer[got..])];
        match preadv2(file, rest, offset.checked_add(got as u64)?, ReadWriteFlags::NOWAIT) {
            Ok(0) => return None,
            // A part is what is in memory; the rest may be as well, or the next call says that it is not.
            Ok(n) => got += n,
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(buffer.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_was_just_written_is_there_and_what_does_not_exist_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = File::create_new(dir.path().join("x")).unwrap();
        file.write_all(b"0123456789").unwrap();
        let file = File::open(dir.path().join("x")).unwrap();
        // Some file systems never answer; then it is the caller's to wait. None ever answers wrongly.
        for (offset, length, bytes) in [(0, 10, &b"0123456789"[..]), (3, 4, b"3456"), (5, 0, b"")] {
            assert!(read_now(&file, offset, length).is_none_or(|b| b == bytes), "{offset} {length}");
        }
        for (offset, length) in
            [(0, 11), (10, 1), (u64::MAX, 0), (u64::MAX - 2, 2), (u64::MAX, 2), (0, u64::MAX)]
        {
            assert_eq!(read_now(&file, offset, length), None, "{offset} {length}");
        }
    }
}
