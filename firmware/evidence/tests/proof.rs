//! Whatever is done to a sealed file is found, and said where.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{START, Tape, key, second, tape};
use heron_core::{GapReason, WallTime};
use heron_evidence::{BoxKey, Ending, Sealer, Signer, Verdict, sequence, verify};
use proptest::prelude::*;

fn verdict(bytes: &[u8]) -> Verdict {
    verify(bytes, Some(key().public_key())).verdict()
}

#[test]
fn a_sealed_file_is_whole_and_says_what_it_is() {
    let tape = tape(0, None, 6);
    let report = verify(tape.bytes.as_slice(), Some(key().public_key()));
    assert_eq!(report.verdict(), Verdict::Whole, "{report:?}");
    let segment = &report.segments[0];
    assert_eq!((segment.start, segment.end), (Some(START), Some(second(6))));
    assert_eq!((segment.fragments, segment.ending()), (6, Some(Ending::Closed)));
    assert_eq!(report.key(), Some(key().public_key()));
    assert_eq!(verify(tape.bytes.as_slice(), None).verdict(), Verdict::Whole, "with its own key");
    let other = BoxKey::generate().unwrap();
    let report = verify(tape.bytes.as_slice(), Some(other.public_key()));
    assert_eq!(report.verdict(), Verdict::Altered);
    assert!(report.segments[0].sentence().contains("sealed by another box"), "{report:?}");
}

#[test]
fn what_was_recorded_without_evidence_is_unsigned_and_not_damaged() {
    let tape = tape(0, None, 3);
    let mut plain = tape.plain_init.clone();
    tape.fragments.iter().for_each(|f| plain.extend_from_slice(&tape.bytes[f.start + 112..f.end]));
    assert_eq!(verdict(&plain), Verdict::Unsigned);
    assert_eq!(verdict(b""), Verdict::Unsigned);
    assert_eq!(verdict(b"no MP4 at all, just words"), Verdict::Unsigned);
}

/// The fragment that the report names first.
fn named(bytes: &[u8]) -> Option<u32> {
    let report = verify(bytes, Some(key().public_key()));
    assert_eq!(report.verdict(), Verdict::Altered, "{report:?}");
    report.segments[0].first_altered().and_then(|f| f.fragment)
}

#[test]
fn any_flipped_byte_is_found_and_located() {
    let tape = tape(0, None, 4);
    let flips = [1, 0x04, 0x80];
    for (at, flip) in (0..tape.bytes.len()).flat_map(|at| flips.map(|f| (at, f))) {
        let mut bytes = tape.bytes.clone();
        bytes[at] ^= flip;
        let report = verify(bytes.as_slice(), Some(key().public_key()));
        // A file whose head no longer says that it is one has lost its end; one that calls itself something else
        // at the beginning is none of ours. Neither is ever called whole.
        assert_ne!(report.verdict(), Verdict::Whole, "byte {at}");
        if let Some(n) = tape.fragments.iter().position(|f| f.contains(&at)) {
            let first = report.segments[0].first_altered().unwrap_or_else(|| panic!("byte {at}: {report:?}"));
            assert_eq!(first.fragment, Some(n as u32 + 1), "byte {at}: {report:?}");
        }
    }
}

#[test]
fn a_fragment_that_was_altered_with_its_seal_and_all_that_follow_is_found_too() {
    let tape = tape(0, None, 5);
    // Somebody who knows the format but has no key: alters fragment 3 and writes all seals anew.
    let forger = BoxKey::generate().unwrap();
    let forged = Tape::make(&forger, tape.beginning(), 5, Some(3));
    let mut bytes = tape.bytes.clone();
    for (n, (a, b)) in tape.fragments.iter().zip(&forged.fragments).enumerate().skip(2) {
        assert_eq!(a.len(), b.len());
        bytes[a.clone()].copy_from_slice(&forged.bytes[b.clone()]);
        let _ = n;
    }
    assert_eq!(named(&bytes), Some(3));
    // With the forger's whole file nothing is wrong, but the key.
    let report = verify(forged.bytes.as_slice(), None);
    assert_eq!(report.verdict(), Verdict::Whole);
    assert_ne!(report.key(), Some(key().public_key()));
    assert_eq!(verdict(&forged.bytes), Verdict::Altered);
}

#[test]
fn removed_repeated_and_reordered_fragments_are_found() {
    let tape = tape(0, None, 6);
    let built = |order: &[usize]| {
        let mut bytes = tape.bytes[..tape.fragments[0].start].to_vec();
        order.iter().for_each(|n| bytes.extend_from_slice(&tape.bytes[tape.fragments[*n].clone()]));
        bytes.extend_from_slice(&tape.bytes[tape.fragments[5].end..]);
        bytes
    };
    assert_eq!(verdict(&built(&[0, 1, 2, 3, 4, 5])), Verdict::Whole);
    for (order, first, words) in [
        (&[0, 1, 3, 4, 5][..], 3, "it is missing: fragment 4"),
        (&[0, 4, 5], 2, "up to 4 are missing"),
        (&[1, 2, 3, 4, 5], 1, "it is missing"),
        (&[0, 1, 2, 3], 5, "the end was cut off"),
        (&[0, 1, 2, 2, 3, 4, 5], 4, "fragment 3 stands there again"),
        (&[0, 2, 1, 3, 4, 5], 2, "it is missing"),
        (&[], 1, "the end was cut off"),
    ] {
        let bytes = built(order);
        assert_eq!(named(&bytes), Some(first), "{order:?}");
        let sentence = verify(bytes.as_slice(), None).segments[0].sentence();
        assert!(sentence.contains(words), "{order:?}: {sentence}");
    }
}

#[test]
fn a_file_cut_anywhere_is_never_whole() {
    let tape = tape(0, None, 3);
    for length in 0..tape.bytes.len() {
        let report = verify(&tape.bytes[..length], Some(key().public_key()));
        assert_ne!(report.verdict(), Verdict::Whole, "cut to {length}");
        if length > tape.fragments[0].start {
            assert_eq!(report.verdict(), Verdict::NotSealed, "cut to {length}: {report:?}");
        }
    }
}

#[test]
fn things_that_were_put_in_are_found() {
    let tape = tape(0, None, 3);
    let other = self::tape(7, None, 3);
    let free = b"\0\0\0\x0cfree\0\0\0\0";
    for (n, fragment) in tape.fragments.iter().enumerate() {
        for what in [&free[..], &other.bytes[other.fragments[0].clone()]] {
            let mut bytes = tape.bytes.clone();
            bytes.splice(fragment.start..fragment.start, what.iter().copied());
            assert_eq!(named(&bytes), Some(n as u32 + 1));
        }
    }
    let mut bytes = tape.bytes.clone();
    bytes.extend_from_slice(free);
    assert_eq!(verdict(&bytes), Verdict::Altered);
    let mut bytes = tape.bytes.clone();
    bytes.extend_from_slice(b"tail");
    assert_eq!(verdict(&bytes), Verdict::Altered);
    // The whole of another recording of the same box is no beginning for this one's end.
    let mut bytes = other.bytes[..other.fragments[2].end].to_vec();
    bytes.extend_from_slice(&tape.bytes[tape.fragments[2].end..]);
    assert_eq!(verdict(&bytes), Verdict::Altered);
}

#[test]
fn after_a_crash_the_box_seals_what_is_its_own_and_nothing_else() {
    let tape = tape(0, None, 6);
    let left = &tape.bytes[..tape.fragments[4].end];
    assert_eq!(verdict(left), Verdict::NotSealed);
    let mac = key().mac_key();
    let (sealer, end) = Sealer::resume(left, left.len() as u64, 3, &key(), &mac).unwrap();
    assert_eq!((sealer.fragments(), end), (5, left.len() as u64));
    let (head, _) = sealer.finish(second(5), Ending::Recovered, second(100), &key()).unwrap();
    let sealed = [left, &head.to_box()].concat();
    let report = verify(sealed.as_slice(), Some(key().public_key()));
    assert_eq!(report.verdict(), Verdict::Whole, "{report:?}");
    assert!(report.segments[0].sentence().contains("interrupted"));
    // It is sealed now: nothing more to do.
    assert!(Sealer::resume(sealed.as_slice(), sealed.len() as u64, 0, &key(), &mac).is_none());

    // The power went before the last fragment's content was on the disk.
    let mut torn = left.to_vec();
    torn[tape.fragments[4].end - 20..].fill(0);
    let (sealer, end) = Sealer::resume(torn.as_slice(), torn.len() as u64, 3, &key(), &mac).unwrap();
    assert_eq!((sealer.fragments(), end), (4, tape.fragments[3].end as u64));

    // Somebody altered a fragment while the box was off: its seal says what was recorded, and it is found.
    let mut bytes = left.to_vec();
    bytes[tape.fragments[0].end - 20] ^= 1;
    let (sealer, _) = Sealer::resume(bytes.as_slice(), bytes.len() as u64, 3, &key(), &mac).unwrap();
    let (head, _) = sealer.finish(second(5), Ending::Recovered, second(100), &key()).unwrap();
    assert_eq!(named(&[&bytes[..], &head.to_box()].concat()), Some(1));
    // Or wrote the seals anew: only the box can make its marks.
    let forged = Tape::make(&BoxKey::generate().unwrap(), tape.beginning(), 6, Some(2));
    let mut bytes = left.to_vec();
    for (a, b) in tape.fragments[..5].iter().zip(&forged.fragments) {
        bytes[a.clone()].copy_from_slice(&forged.bytes[b.clone()]);
    }
    assert!(Sealer::resume(bytes.as_slice(), bytes.len() as u64, 3, &key(), &mac).is_none());
    // Another box's.
    let other = BoxKey::generate().unwrap();
    assert!(Sealer::resume(left, left.len() as u64, 3, &other, &other.mac_key()).is_none());
}

#[test]
fn a_removed_file_is_a_cut_and_a_gap_of_the_ledger_is_an_honest_one() {
    let a = tape(0, None, 2);
    let b = tape(2, Some(&a), 2);
    let c = tape(4, Some(&b), 2);
    let d = tape(20, Some(&c), 2);
    let reports: Vec<_> = [&a, &b, &c, &d]
        .iter()
        .map(|t| verify(t.bytes.as_slice(), Some(key().public_key())).segments.remove(0))
        .collect();
    let all = sequence(&reports);
    assert_eq!((all.cuts.len(), all.unlinked.len(), all.gaps.len()), (0, 0, 1), "{all:?}");
    let gap = all.gaps[0];
    assert_eq!((gap.start, gap.end, gap.reason), (second(6), second(20), Some(GapReason::CameraUnreachable)));
    assert_eq!(all.before, None);

    let without_b = sequence([&reports[0], &reports[2], &reports[3]]);
    assert_eq!(without_b.cuts.len(), 1, "{without_b:?}");
    let cut = without_b.cuts[0];
    assert_eq!((cut.start, cut.end, cut.segments), (second(2), second(4), Some(1)));
    assert_eq!(cut.last, (second(2), second(4)));

    let without_c = sequence([&reports[3], &reports[0], &reports[1]]);
    assert_eq!(without_c.cuts.len(), 1, "a gap beside it does not hide a cut");
    assert_eq!(without_c.cuts[0].start, second(4));

    let later = sequence(&reports[1..]);
    assert!(later.cuts.is_empty(), "the oldest go first");
    assert_eq!(later.before.map(|p| p.start), Some(START));
    let doubled = sequence(reports.iter().chain(&reports));
    assert_eq!(doubled, all, "second copies count once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = verify(bytes.as_slice(), None);
    }

    /// Several flips, cuts and repeats of a real file: never whole, and the first touched fragment or an earlier
    /// place is named.
    #[test]
    fn whatever_is_done_to_a_file_it_is_not_whole(
        harm in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6),
        splice in proptest::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>())),
    ) {
        let tape = tape(0, None, 4);
        let mut bytes = tape.bytes.clone();
        for (at, flip) in harm {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        if let Some((a, b, c)) = splice {
            let (a, b) = (a.index(bytes.len()), b.index(bytes.len()));
            let piece = bytes[a.min(b)..a.max(b)].to_vec();
            let at = c.index(bytes.len());
            bytes.splice(at..at, piece);
        }
        prop_assume!(bytes != tape.bytes);
        prop_assert_ne!(verdict(&bytes), Verdict::Whole);
    }
}

#[test]
fn times_are_of_the_wall() {
    assert_eq!(
        heron_evidence::span(WallTime::from_millis(0), WallTime::from_millis(60_000)),
        "1970-01-01T00:00:00.000Z to 00:01:00.000Z"
    );
}
