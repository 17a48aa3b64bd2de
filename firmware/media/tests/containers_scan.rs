//! Reading files that were cut off, damaged, foreign, or made to hurt.
#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod containers_common;

use containers_common::*;
use heron_core::{ErrorKind, MediaTime, TrackKind};
use heron_media::hls::{Map, Recording, segments};
use heron_media::mp4::flat::{FlatBuilder, FlatOptions};
use heron_media::mp4::scan::{Scanner, read_exact_at, read_init, samples, scan};
use heron_media::mp4::{Problem, ReadAt, Scan, rewrite};
use proptest::prelude::*;
use std::io::{self, Write};
use std::sync::OnceLock;

/// Bytes of the `prft` before each `moof`.
const PRFT: usize = 32;

fn recording() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| record(&synthetic(4, 25), MediaTime(0)))
}

/// Everything that is ever done to a file from outside; none of it may panic.
fn everything(file: &[u8]) -> Scan {
    let found = scan(file);
    assert!(found.valid_len <= file.len() as u64);
    let Some(init) = &found.init else { return found };
    let mut end = init.init_len;
    let mut flat =
        FlatBuilder::new(FlatOptions { start: NOW, end: NOW.plus_nanos(3_000_000_000), keep_gaps: true });
    flat.source(1, init);
    for fragment in &found.fragments {
        assert!(fragment.offset >= end);
        end = fragment.end();
        assert!(end <= found.valid_len);
        let bytes = &file[fragment.offset as usize..end as usize];
        if let Ok(tracks) = samples(init, fragment, bytes) {
            for sample in tracks.iter().flat_map(|t| &t.samples) {
                assert!(sample.offset + u64::from(sample.size) <= fragment.length);
            }
            if let Ok(out) = rewrite::fragment(init, fragment, bytes) {
                let foretold = rewrite::fragment_len(init, fragment, bytes).unwrap();
                assert_eq!(out.len() as u64, foretold);
                assert!(out.len() < 65_536 * 20 + 3 * bytes.len());
            }
        }
        let _ = flat.fragment(fragment, bytes);
    }
    let map = Map { uri: "x".to_owned(), byte_range: None };
    let whole = [Recording { uri: "x".to_owned(), map, init, fragments: &found.fragments }];
    let _ = segments(&whole, MediaTime(180_000));
    if let Ok(plan) = flat.finish() {
        let total: u64 = plan.slices(0..u64::MAX).map(|s| s.len()).sum();
        assert_eq!(total, plan.total_len());
    }
    found
}

#[test]
fn every_cut_leaves_the_whole_fragments() {
    let file = recording();
    let (init, fragments) = whole(file);
    assert_eq!(fragments.len(), 4);
    for cut in (0..file.len()).step_by(97).chain(fragments.iter().map(|f| f.end() as usize)) {
        let found = everything(&file[..cut]);
        let expected: Vec<_> = fragments.iter().filter(|f| f.end() <= cut as u64).cloned().collect();
        assert_eq!(found.fragments, expected, "cut at {cut}");
        let valid = expected.last().map_or(init.init_len, |f| f.end());
        if (cut as u64) < init.init_len {
            assert!(found.init.is_none() && found.problem.is_some() && found.valid_len == 0);
        } else {
            assert_eq!(found.valid_len, valid);
            assert_eq!(found.problem.is_some(), cut as u64 != valid, "cut at {cut}");
            assert!(found.problem.is_none_or(|p| p.is_truncation()));
        }
    }
}

#[test]
fn problems_say_what_is_wrong() {
    let file = recording();
    let init_len = read_init(file).unwrap().init_len as usize;
    let said = |bytes: &[u8]| scan(bytes).problem.unwrap().to_string();
    assert_eq!(said(b""), "not an MP4 file: it starts with nothing: it is empty");
    assert_eq!(
        said(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        "not an MP4 file: it starts with a box of type \"\\r\\n\\x1a\\n\""
    );
    assert_eq!(said(&[b'#'; 100]), "not an MP4 file: it starts with a #### of 589505315 bytes in 100");
    assert_eq!(
        said(&file[init_len..]),
        "the moov box is missing: the file has no init segment before byte 0"
    );
    assert_eq!(
        said(&file[..init_len + 50]),
        format!(
            "truncated: the moof at byte {} needs {} bytes, the file has 18 from there",
            init_len + PRFT,
            moof_len(file, init_len)
        )
    );
    let mut zeros = file[..init_len].to_vec();
    zeros.resize(init_len + 4_096, 0);
    assert_eq!(
        said(&zeros),
        format!(
            "the \\x00\\x00\\x00\\x00 box at byte {init_len} is damaged: there are zeros where a box should be"
        )
    );
    let mut huge = file.to_vec();
    let moof = init_len + PRFT;
    // A trun that claims a billion samples.
    let trun = find(&huge[moof..], b"trun") + moof + 8;
    huge[trun..trun + 4].copy_from_slice(&1_000_000_000u32.to_be_bytes());
    assert!(said(&huge).contains("it is too short for its sample count"), "{}", said(&huge));
    // A child that is larger than its parent.
    let mut larger = file.to_vec();
    let traf = find(&larger[moof..], b"traf") + moof - 4;
    larger[traf..traf + 4].copy_from_slice(&0x7fff_0000u32.to_be_bytes());
    assert!(said(&larger).contains("the traf box at byte"), "{}", said(&larger));
    assert!(said(&larger).contains("claims 2147418112 bytes where at most"), "{}", said(&larger));
    let foreign = Problem::NotOurs(String::new());
    assert_eq!(foreign.kind(), ErrorKind::Damaged);
}

fn moof_len(file: &[u8], init_len: usize) -> u32 {
    let at = init_len + PRFT;
    u32::from_be_bytes(file[at..at + 4].try_into().unwrap())
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|w| w == what).unwrap()
}

#[test]
fn a_flat_file_is_not_ours() {
    let Some(path) = footage("classroom_270p15.mp4") else { return };
    let found = scan(&std::fs::File::open(path).unwrap());
    let said = found.problem.unwrap().to_string();
    assert!(
        said == "not a Heron recording: it is not fragmented (no mvex box)"
            || said.starts_with("the moov box is missing"),
        "{said}"
    );
}

#[test]
fn a_growing_file_is_followed() {
    let file = recording();
    let (init, fragments) = whole(file);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing.mp4");
    let mut out = std::fs::File::create(&path).unwrap();
    let source = std::fs::File::open(&path).unwrap();
    let half = fragments[1].end() as usize + 100;
    out.write_all(&file[..half]).unwrap();
    let mut scanner = Scanner::resume(&source, &init, init.init_len).unwrap();
    assert_eq!(scanner.next_fragment().unwrap().as_ref(), Some(&fragments[0]));
    assert_eq!(scanner.next_fragment().unwrap().as_ref(), Some(&fragments[1]));
    assert!(scanner.next_fragment().unwrap_err().is_truncation());
    let valid = scanner.valid_len();
    assert_eq!(valid, fragments[1].end());
    out.write_all(&file[half..]).unwrap();
    let mut scanner = Scanner::resume(&source, &init, valid).unwrap();
    assert_eq!(scanner.next_fragment().unwrap().as_ref(), Some(&fragments[2]));
    assert_eq!(scanner.next_fragment().unwrap().as_ref(), Some(&fragments[3]));
    assert_eq!(scanner.next_fragment().unwrap(), None);
    assert_eq!(read_exact_at(&source, 4, 4).unwrap(), "ftyp");
    assert_eq!(read_exact_at(&source, valid, 1 << 20).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

/// A disk that reads a few bytes at a time, and fails beyond a point.
struct BadDisk<'a> {
    bytes: &'a [u8],
    fails_at: u64,
}

impl ReadAt for BadDisk<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        if offset >= self.fails_at {
            return Err(io::Error::other("medium error"));
        }
        let n = buf.len().min(7).min((self.fails_at - offset) as usize);
        self.bytes.read_at(offset, &mut buf[..n])
    }
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
}

#[test]
fn short_reads_are_no_matter_and_a_failing_disk_is_not_a_damaged_file() {
    let bytes = recording();
    let (init, fragments) = whole(bytes);
    let slow = scan(&BadDisk { bytes, fails_at: u64::MAX });
    assert_eq!((slow.init.as_ref(), &slow.fragments), (Some(&init), &fragments));
    let bad = scan(&BadDisk { bytes, fails_at: fragments[2].offset });
    assert_eq!(bad.problem.as_ref().unwrap().kind(), ErrorKind::Unavailable);
    assert!(bad.fragments.len() <= 2);
}

#[test]
fn a_foreign_fragmented_file_is_read() {
    if !has("ffmpeg") {
        return;
    }
    let Some(path) = footage("car_main_1080p25_h264_aac.mp4") else { return };
    // Without default-base-is-moof and with a movie fragment per second: other flags than ours.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.mp4");
    let done = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args([
            "-c",
            "copy",
            "-t",
            "10",
            "-movflags",
            "empty_moov+frag_keyframe",
            "-frag_duration",
            "1000000",
        ])
        .arg(&out)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let bytes = std::fs::read(&out).unwrap();
    let (init, fragments) = whole(&bytes);
    let video: u32 = fragments.iter().filter_map(|f| f.track(TrackKind::Video)).map(|t| t.samples).sum();
    assert_eq!(video, 250);
    assert!(fragments.iter().all(|f| f.wall.is_none()));
    let audio = init.track(TrackKind::Audio).unwrap();
    assert_eq!((audio.timescale, audio.spec.format.audio().unwrap().rfc6381.as_str()), (16_000, "mp4a.40.2"));
    everything(&bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_files_never_panic(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<proptest::sample::Index>(),
        headers_only in any::<bool>(),
    ) {
        let file = recording();
        let mut bytes = file.to_vec();
        let (init, fragments) = whole(file);
        for (at, value) in changes {
            // Most bytes are payload; aim at the headers half of the time.
            let at = if headers_only {
                let area = at.index(fragments.len() + 1);
                match fragments.get(area) {
                    Some(f) => f.offset as usize + at.index(f.header_len as usize),
                    None => at.index(init.init_len as usize),
                }
            } else {
                at.index(bytes.len())
            };
            bytes[at] = value;
        }
        if !headers_only {
            bytes.truncate(cut.index(file.len()) + 1);
        }
        everything(&bytes);
    }

    #[test]
    fn extreme_numbers_never_panic(
        at in any::<proptest::sample::Index>(),
        value in prop_oneof![Just(0u64), Just(u64::MAX), Just(1 << 63), Just(u64::from(u32::MAX)), Just(0x7fff_ffff_ffff_ffff), any::<u64>()],
        wide in any::<bool>(),
    ) {
        let file = recording();
        let (init, fragments) = whole(file);
        let mut bytes = file.to_vec();
        let f = &fragments[at.index(fragments.len())];
        let area = if at.index(5) == 0 { (0, init.init_len as usize) } else { (f.offset as usize, f.header_len as usize) };
        let at = area.0 + at.index(area.1);
        let value = value.to_be_bytes();
        let value = if wide { &value[..] } else { &value[4..] };
        bytes[at..at + value.len()].copy_from_slice(value);
        everything(&bytes);
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        everything(&bytes);
        let mut behind_init = recording()[..read_init(recording()).unwrap().init_len as usize].to_vec();
        behind_init.extend_from_slice(&bytes);
        everything(&behind_init);
    }

    #[test]
    fn boxes_in_boxes_never_panic(kinds in proptest::collection::vec(0usize..14, 0..200)) {
        const KINDS: [&[u8; 4]; 14] = [
            b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"moof", b"traf", b"trun", b"tfhd", b"mvex", b"mdat",
            b"free", b"avc1",
        ];
        let mut bytes = b"\0\0\0\x08ftyp".to_vec();
        let n = kinds.len();
        for (i, kind) in kinds.iter().enumerate() {
            bytes.extend_from_slice(&((n - i) as u32 * 8).to_be_bytes());
            bytes.extend_from_slice(KINDS[*kind]);
        }
        everything(&bytes);
    }
}
