//! The two ends of a sealed segment, without what lies between: to learn how the next one names it.

use crate::head::Head;
use crate::opening::Opening;
use crate::wire::{Kind, MOST_BYTES, unboxed};
use heron_media::mp4::ReadAt;
use heron_media::mp4::scan::read_exact_at;

/// `ftyp` of ours has 28 bytes; a foreign one may have more brands, but not this many.
const MOST_FTYP: u64 = 4096;

/// The opening of a recorded file; `None` when it has none. Two small reads.
pub fn read_opening<R: ReadAt + ?Sized>(file: &R) -> Option<Opening> {
    let size = |at| {
        let b = read_exact_at(file, at, 4).ok()?;
        Some(u64::from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])))
    };
    let ftyp = size(0).filter(|n| (8..MOST_FTYP).contains(n))?;
    let size = size(ftyp).filter(|n| *n <= 2 * crate::lines::MOST_BYTES as u64)?;
    let bytes = read_exact_at(file, ftyp, size as usize).ok()?;
    match unboxed(&bytes)? {
        (Kind::Opening, content) => Opening::parse(content),
        _ => None,
    }
}

/// The head at the end of a file of `length` bytes; `None` when it does not end with one. Two reads, of 4 KB for a minute.
/// Whether its signature is sound is for the caller to ask.
pub fn read_head<R: ReadAt + ?Sized>(file: &R, length: u64) -> Option<Head> {
    let b = read_exact_at(file, length.checked_sub(4)?, 4).ok()?;
    let size = u64::from(u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    let at = length.checked_sub(size).filter(|_| size <= MOST_BYTES)?;
    let bytes = read_exact_at(file, at, size as usize).ok()?;
    match unboxed(&bytes)? {
        (Kind::Head, content) => Head::parse(content),
        _ => None,
    }
}
