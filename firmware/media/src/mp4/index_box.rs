//! The index of a recorded file, in a box at its end: what [`super::scan`] would find out by a read for each fragment, with
//! one read of the file's last bytes.
//!
//! ```text
//! size u32 · 'uuid' · INDEX_TYPE · version u8 = 1 · at u64 · init length u32 · init · fragments · checksum u64
//! ```
//!
//! Numbers in `fragments` are in groups of seven bits, the lowest first, and most are what a number differs by from what the
//! fragment before lets expect: some twenty bytes for each, 2 KB for a minute. The box is a convenience and no more: a file
//! without one is scanned, and so is one whose box is not exactly as it was written. It is believed only where it lies
//! whole, says where it lies, and is followed by nothing but whole `uuid` boxes to the end of the file; and whatever it says,
//! what it names lies within the file before it.

use super::init::{Init, read_init};
use super::samples::{FragmentIndex, TrackIndex};
use heron_core::{TrackKind, WallTime};

/// Marks the box: 5be0c1a2-7f0e-4c43-9d5e-3c1d9a64f7b1, made for it at random.
pub const INDEX_TYPE: [u8; 16] = *b"\x5b\xe0\xc1\xa2\x7f\x0e\x4c\x43\x9d\x5e\x3c\x1d\x9a\x64\xf7\xb1";
/// How much of a file's end holds the box and what may follow it (a signed head of 2 KB): 90 fragments of three tracks are 5 KB,
/// the init segment is 1 to 3 KB. A longer index is not written.
pub const TAIL: usize = 16 * 1024;
/// The longest box.
const MOST: usize = 12 * 1024;
const VERSION: u8 = 1;
/// Up to and with `at`.
const PREFIX: usize = 8 + 16 + 1 + 8;
const KINDS: [TrackKind; 3] = [TrackKind::Video, TrackKind::Audio, TrackKind::Metadata];

/// The box for a file of `init` (its bytes, from the first to the end of `moov`) and `fragments`, to be written at byte `at`.
/// `None` when it would be too long.
pub fn index_box(init: &[u8], fragments: &[FragmentIndex], at: u64) -> Option<Vec<u8>> {
    let mut out = vec![0; 4];
    out.extend_from_slice(b"uuid");
    out.extend_from_slice(&INDEX_TYPE);
    out.push(VERSION);
    out.extend_from_slice(&at.to_be_bytes());
    out.extend_from_slice(&u32::try_from(init.len()).ok()?.to_be_bytes());
    out.extend_from_slice(init);
    let mut before = Before::default();
    for fragment in fragments {
        before.put(&mut out, fragment)?;
        if out.len() > MOST {
            return None;
        }
    }
    let size = u32::try_from(out.len() + 8).ok().filter(|n| *n as usize <= MOST)?;
    out[..4].copy_from_slice(&size.to_be_bytes());
    out.extend_from_slice(&checksum(&out).to_be_bytes());
    Some(out)
}

/// What the box in `tail`, the last bytes of a file of `length` bytes, says; `None` when there is none to be believed.
pub fn read_index(tail: &[u8], length: u64) -> Option<(Init, Vec<FragmentIndex>)> {
    let tail_at = length.checked_sub(tail.len() as u64)?;
    let marks = tail.windows(INDEX_TYPE.len()).enumerate().rev().filter(|(_, w)| *w == INDEX_TYPE);
    marks.filter_map(|(n, _)| n.checked_sub(8)).find_map(|start| {
        let (found, rest) = whole_box(&tail[start..])?;
        let mut after = rest;
        while !after.is_empty() {
            after = whole_box(after)?.1;
        }
        parse(found, tail_at + start as u64)
    })
}

/// A `uuid` box at the start of `bytes`, and what follows it.
fn whole_box(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, kind) = (bytes.first_chunk::<4>()?, bytes.get(4..8)?);
    let size = u32::from_be_bytes(*size) as usize;
    (kind == b"uuid" && size >= 24).then(|| bytes.split_at_checked(size))?
}

fn parse(found: &[u8], at: u64) -> Option<(Init, Vec<FragmentIndex>)> {
    let (content, sum) = found.split_last_chunk::<8>()?;
    let prefix = content.get(..PREFIX)?;
    let placed = prefix[25..] == at.to_be_bytes();
    if prefix[24] != VERSION || !placed || checksum(content) != u64::from_be_bytes(*sum) {
        return None;
    }
    let rest = &content[PREFIX..];
    let (init_len, rest) = rest.split_first_chunk::<4>()?;
    let (init, mut rest) = rest.split_at_checked(u32::from_be_bytes(*init_len) as usize)?;
    let init = read_init(init).ok()?;
    let mut fragments: Vec<FragmentIndex> = Vec::new();
    let mut before = Before::default();
    while !rest.is_empty() {
        let fragment = before.take(&mut rest)?;
        let inside =
            fragment.offset >= init.init_len && fragment.length <= at.checked_sub(fragment.offset)?;
        if !inside || u64::from(fragment.header_len) > fragment.length {
            return None;
        }
        fragments.push(fragment);
    }
    (!fragments.is_empty()).then_some((init, fragments))
}

/// What the fragments so far let expect of the next.
#[derive(Default)]
struct Before {
    end: u64,
    sequence: u32,
    wall: i64,
    /// Decoding end, by kind.
    dts: [u64; 3],
}

impl Before {
    fn put(&mut self, out: &mut Vec<u8>, f: &FragmentIndex) -> Option<()> {
        put(out, f.offset.checked_sub(self.end)?);
        put(out, f.length);
        put(out, u64::from(f.header_len));
        put(out, u64::from(f.sequence.wrapping_sub(self.sequence)));
        match f.wall {
            None => put(out, 0),
            Some(wall) => {
                put(out, 1);
                put(out, folded(wall.0.wrapping_sub(self.wall)));
                self.wall = wall.0;
            }
        }
        put(out, f.tracks.len() as u64);
        for t in &f.tracks {
            let kind = KINDS.iter().position(|k| *k == t.kind)?;
            put(out, kind as u64 * 2 + u64::from(t.sync_first));
            put(out, folded(t.first_dts.wrapping_sub(self.dts[kind]) as i64));
            put(out, folded(t.first_pts.wrapping_sub(t.first_dts as i64)));
            put(out, t.duration);
            put(out, u64::from(t.samples));
            put(out, t.bytes);
            self.dts[kind] = t.first_dts.wrapping_add(t.duration);
        }
        (self.end, self.sequence) = (f.offset.checked_add(f.length)?, f.sequence);
        Some(())
    }

    fn take(&mut self, bytes: &mut &[u8]) -> Option<FragmentIndex> {
        let mut number = || take(bytes);
        let offset = self.end.checked_add(number()?)?;
        let length = number()?;
        let header_len = u32::try_from(number()?).ok()?;
        let sequence = self.sequence.wrapping_add(u32::try_from(number()?).ok()?);
        let wall = match number()? {
            0 => None,
            1 => {
                self.wall = self.wall.wrapping_add(unfolded(number()?));
                Some(WallTime(self.wall))
            }
            _ => return None,
        };
        let count = usize::try_from(number()?).ok().filter(|n| *n <= KINDS.len())?;
        let mut tracks: Vec<TrackIndex> = Vec::with_capacity(count);
        for _ in 0..count {
            let mark = number()?;
            let at = usize::try_from(mark / 2).ok()?;
            let kind = *KINDS.get(at)?;
            if tracks.iter().any(|t| t.kind == kind) {
                return None;
            }
            let first_dts = self.dts[at].wrapping_add(unfolded(number()?) as u64);
            let first_pts = (first_dts as i64).wrapping_add(unfolded(number()?));
            let duration = number()?;
            let samples = u32::try_from(number()?).ok()?;
            let sync_first = mark % 2 == 1;
            tracks.push(TrackIndex {
                kind,
                first_dts,
                first_pts,
                duration,
                samples,
                bytes: number()?,
                sync_first,
            });
            self.dts[at] = first_dts.wrapping_add(duration);
        }
        (self.end, self.sequence) = (offset.checked_add(length)?, sequence);
        Some(FragmentIndex { offset, length, header_len, sequence, wall, tracks })
    }
}

/// Small numbers of either sign as small numbers.
fn folded(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unfolded(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let low = u64::from(byte & 0x7f);
        if shift == 63 && low > 1 {
            return None;
        }
        n |= low << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

/// FNV-1a, against bits that have changed; no defence against somebody who means it.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mp4::{TrackSpec, init_segment};
    use heron_core::{TrackFormat, VideoCodec, VideoFormat};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn init() -> Vec<u8> {
        let format = VideoFormat {
            codec: VideoCodec::Mjpeg,
            width: 640,
            height: 360,
            rfc6381: "mp4v.6C".into(),
            config: bytes::Bytes::new(),
            parameter_sets: vec![],
            pixel_aspect: (1, 1),
            reorder_frames: None,
            nominal_fps: None,
        };
        init_segment(&[TrackSpec::new(Arc::new(TrackFormat::Video(format)))], WallTime(0))
    }

    fn fragments(first: u64, given: &[(u16, u32, i64, u8, u64, i32)]) -> Vec<FragmentIndex> {
        let mut offset = first;
        given
            .iter()
            .map(|(gap, length, wall, kinds, dts, cto)| {
                offset += u64::from(*gap);
                let tracks = KINDS.iter().enumerate().filter(|(n, _)| kinds >> n & 1 == 1);
                let tracks = tracks.map(|(n, kind)| TrackIndex {
                    kind: *kind,
                    first_dts: *dts,
                    first_pts: (*dts as i64).wrapping_add(i64::from(*cto)),
                    duration: u64::from(*length),
                    samples: *length,
                    bytes: u64::from(*length) * n as u64,
                    sync_first: kinds >> 3 & 1 == 1,
                });
                let fragment = FragmentIndex {
                    offset,
                    length: u64::from(*length),
                    header_len: length / 2,
                    sequence: *length,
                    wall: (kinds >> 4 & 1 == 1).then_some(WallTime(*wall)),
                    tracks: tracks.collect(),
                };
                offset = fragment.end();
                fragment
            })
            .collect()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            given in proptest::collection::vec((any::<u16>(), any::<u32>(), any::<i64>(), any::<u8>(), any::<u64>(), any::<i32>()), 1..90),
            head in 0usize..3000, more in 0usize..2000,
        ) {
            let init = init();
            let fragments = fragments(init.len() as u64 + 7, &given);
            let at = fragments.last().unwrap().end();
            let Some(index) = index_box(&init, &fragments, at) else { return Ok(()) };
            // The last bytes of the last fragment, the box, and perhaps a signed head.
            let mut tail = vec![0x5b; more];
            tail.extend_from_slice(&index);
            if head >= 24 {
                tail.extend_from_slice(&(head as u32).to_be_bytes());
                tail.extend_from_slice(b"uuid");
                tail.resize(tail.len() + head - 8, 1);
            }
            let length = at + (tail.len() - more) as u64;
            let (read, back) = read_index(&tail, length).unwrap();
            prop_assert_eq!(read.init_len, init.len() as u64);
            prop_assert_eq!(&back, &fragments);
            // Not when it lies elsewhere, is cut off, followed by something else, or altered.
            prop_assert_eq!(read_index(&tail, length + 1), None);
            prop_assert_eq!(read_index(&tail[..tail.len() - 1], length - 1), None);
            let mut longer = tail.clone();
            longer.push(0);
            prop_assert_eq!(read_index(&longer, length + 1), None);
            for at in [more, more + 30, more + index.len() / 2, more + index.len() - 1] {
                let mut altered = tail.clone();
                altered[at] ^= 1;
                prop_assert_eq!(read_index(&altered, length), None);
            }
        }

        /// Even with a checksum that fits.
        #[test]
        fn what_it_names_lies_within_the_file(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0u64..5_000) {
            let init = init();
            let mut forged = index_box(&init, &[], at).unwrap();
            forged.truncate(forged.len() - 8);
            forged.extend_from_slice(&bytes);
            let size = (forged.len() + 8) as u32;
            forged[..4].copy_from_slice(&size.to_be_bytes());
            let sum = checksum(&forged);
            forged.extend_from_slice(&sum.to_be_bytes());
            if let Some((init, fragments)) = read_index(&forged, at + forged.len() as u64) {
                let mut end = init.init_len;
                for f in fragments {
                    prop_assert!(f.offset >= end && f.end() <= at && u64::from(f.header_len) <= f.length);
                    end = f.end();
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), length in any::<u64>()) {
            let mut marked = bytes.clone();
            marked.extend_from_slice(&INDEX_TYPE);
            marked.extend_from_slice(&bytes);
            let _ = (read_index(&bytes, length), read_index(&marked, length));
        }
    }

    #[test]
    fn a_minute_takes_two_kilobytes_and_a_file_too_long_gets_none() {
        let of = |n: u64| -> Vec<FragmentIndex> {
            (0..n)
                .map(|n| FragmentIndex {
                    offset: 1000 + n * 500_000,
                    length: 500_000,
                    header_len: 400,
                    sequence: n as u32 + 1,
                    wall: Some(WallTime(1_795_167_857_000_000_000 + n as i64 * 1_000_000_000)),
                    tracks: vec![TrackIndex {
                        kind: TrackKind::Video,
                        first_dts: n * 90_000,
                        first_pts: n as i64 * 90_000,
                        duration: 90_000,
                        samples: 25,
                        bytes: 499_600,
                        sync_first: n % 2 == 0,
                    }],
                })
                .collect()
        };
        let init = init();
        let minute = index_box(&init, &of(60), 40_000_000).unwrap();
        assert!(minute.len() - init.len() < 2048, "{}", minute.len());
        assert_eq!(index_box(&init, &of(5_000), 4_000_000_000), None);
    }
}
