//! What is recorded can be proven: seals, their links over restarts and gaps, signed exports, verdicts.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Box, Camera, START, box_key, ffprobe, frames, key};
use heron_core::{GapReason, MediaTime, StreamKey, WallTime};
use heron_evidence::{FileReport, SegmentReport, Sequence, Verdict, sequence, verify};
use heron_record::{EvidenceVerdict, RecordError};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn check(path: &Path) -> FileReport {
    verify(&std::fs::File::open(path).unwrap(), Some(box_key().public_key()))
}

/// Every file is whole; what stands between them.
fn all_whole(files: &[PathBuf]) -> Sequence {
    let segments: Vec<SegmentReport> = files
        .iter()
        .flat_map(|f| {
            let report = check(f);
            assert_eq!(report.verdict(), Verdict::Whole, "{}: {report:?}", f.display());
            report.segments
        })
        .collect();
    sequence(&segments)
}

/// Three minutes with a reconnect of 9 s in the third, everything closed.
fn recorded() -> (Box, StreamKey, Camera) {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 150.0);
    b.wait_recorded(stream, camera.wall);
    camera.reconnect(9_000_000_000);
    b.feed(stream, &mut camera, 40.0);
    b.wait_recorded(stream, camera.wall);
    let b = b.restart(true, Duration::from_secs(5));
    (b, stream, camera)
}

fn export(b: &Box, stream: StreamKey, start: WallTime, end: WallTime) -> Result<Vec<u8>, RecordError> {
    let clip = b.recorder.playback().evidence_mp4(stream, start, end)?;
    let total = clip.plan_of().total_len();
    let mut bytes = Vec::new();
    // In odd steps, as a client with ranges would.
    while (bytes.len() as u64) < total {
        let at = bytes.len() as u64;
        let more = clip.read(at..(at + 77_777).min(total))?;
        assert!(!more.is_empty());
        bytes.extend_from_slice(&more);
    }
    Ok(bytes)
}

#[test]
fn segments_are_sealed_and_linked_over_restarts_and_gaps() {
    let (b, stream, mut camera) = recorded();
    b.record(stream);
    camera.reconnect(12_000_000_000);
    b.feed(stream, &mut camera, 5.0);
    b.wait_recorded(stream, camera.wall);
    assert!(b.recorder.shutdown());
    let files = b.files();
    assert!(files.len() >= 4, "{files:?}");
    let found = all_whole(&files);
    assert!(found.cuts.is_empty() && found.unlinked.is_empty() && found.before.is_none(), "{found:?}");
    let reasons: Vec<_> = found.gaps.iter().map(|g| g.reason).collect();
    assert_eq!(
        reasons,
        [Some(GapReason::StreamDiscontinuity), Some(GapReason::Restart)],
        "both holes and no other: {found:?}"
    );
    assert_eq!(found.gaps[0].start, START.plus_nanos(150_000_000_000));
    files.iter().for_each(|f| assert!(frames(f) > 0));

    // Without one of the middle.
    let mut fewer = files.clone();
    let gone = fewer.remove(1);
    let cut = all_whole(&fewer).cuts;
    assert_eq!(cut.len(), 1);
    assert_eq!(cut[0].segments, Some(1));
    assert_eq!(Some(cut[0].last.0), check(&gone).segments[0].start);
}

#[test]
fn a_signed_export_plays_and_is_proven() {
    let (b, stream, _) = recorded();
    // From the middle of a group of pictures, over three files and two connections.
    let (start, end) = (START + Duration::from_millis(31_300), START + Duration::from_millis(175_200));
    let bytes = export(&b, stream, start, end).unwrap();
    assert!(export(&b, stream, start, end).unwrap() == bytes, "the same footage gives the same bytes");
    let report = verify(bytes.as_slice(), Some(box_key().public_key()));
    assert_eq!(report.verdict(), Verdict::Whole, "{report:?}");
    assert_eq!(report.export.as_ref().map(|e| (e.start, e.end)), Some((start, end)));
    let first = report.segments.first().unwrap();
    let last = report.segments.last().unwrap();
    assert!(first.start.unwrap() <= start && last.end.unwrap() >= end, "{report:?}");
    assert!(first.first > 1 && first.sentence().contains("fragments "), "{}", first.sentence());
    let found = sequence(&report.segments);
    assert!(found.cuts.is_empty() && found.unlinked.is_empty(), "{found:?}");
    assert_eq!(found.gaps.len(), 1, "{found:?}");

    // It plays: every picture that is in it, from zero, without a jump.
    let file = b.dir.path().join("export.mp4");
    std::fs::write(&file, &bytes).unwrap();
    let times = ffprobe(&["-select_streams", "v:0", "-show_entries", "packet=dts", "-of", "csv=p=0"], &file);
    let times: Vec<i64> = times.lines().map(|l| l.trim_end_matches(',').parse().unwrap()).collect();
    assert_eq!(times.len() as u64, frames(&file));
    assert!(times[0] <= MediaTime::HZ / 10, "from zero: {}", times[0]);
    assert!(times.windows(2).all(|w| (1..=MediaTime::HZ / 2).contains(&(w[1] - w[0]))), "no jump");

    // An altered byte of a picture in it is found and named.
    let scan = heron_media::mp4::scan::scan(bytes.as_slice());
    for n in [0, scan.fragments.len() / 2, scan.fragments.len() - 1] {
        let mut other = bytes.clone();
        let fragment = &scan.fragments[n];
        other[(fragment.end() - 3) as usize] ^= 1;
        let report = verify(other.as_slice(), None);
        assert_eq!(report.verdict(), Verdict::Altered);
        let finding = report.segments.iter().find_map(SegmentReport::first_altered).unwrap();
        assert_eq!(finding.time, fragment.wall, "{report:?}");
    }
    // And one that was taken out, at the front, in the middle, at the end.
    for n in [0, 5, scan.fragments.len() - 1] {
        let fragment = &scan.fragments[n];
        let mut other = bytes.clone();
        other.drain(fragment.offset as usize..fragment.end() as usize);
        assert_eq!(verify(other.as_slice(), None).verdict(), Verdict::Altered, "fragment {n}");
    }
    for length in (0..bytes.len()).step_by(997).chain(bytes.len() - 50..bytes.len()) {
        assert_ne!(verify(&bytes[..length], None).verdict(), Verdict::Whole, "cut to {length}");
    }
    // Moved times hide nothing: the header's times are checked with the rest.
    let header = &scan.fragments[3];
    let mut other = bytes.clone();
    let at = header.offset as usize + heron_evidence::SEAL_LEN;
    let times = heron_media::mp4::times::decode_times(&bytes[at..at + header.header_len as usize]).unwrap();
    other[at + times[1].at + 7] ^= 1;
    assert_eq!(verify(other.as_slice(), None).verdict(), Verdict::Altered);
}

#[test]
fn footage_that_is_still_being_recorded_is_exported_as_far_as_it_is_written() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 20.0);
    b.wait_recorded(stream, camera.wall);
    let bytes = export(&b, stream, START, camera.wall).unwrap();
    let report = verify(bytes.as_slice(), Some(box_key().public_key()));
    assert_eq!(report.verdict(), Verdict::Whole, "{report:?}");
    assert!(report.segments[0].sentence().contains("still being recorded"));
    let file = b.dir.path().join("now.mp4");
    std::fs::write(&file, &bytes).unwrap();
    assert!(frames(&file) >= 19 * 25);
    let other = export(&b, key(2), START, camera.wall);
    assert!(matches!(other, Err(RecordError::NothingRecorded { .. })), "{other:?}");
}

#[test]
fn a_changed_format_is_said_and_not_glued_together() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 10.0);
    camera.reconnect(1_000_000_000);
    camera.video = common::h264(2);
    camera.mbs_wide = 2;
    let changed = camera.wall;
    b.feed(stream, &mut camera, 10.0);
    b.wait_recorded(stream, camera.wall);
    match export(&b, stream, START, camera.wall) {
        Err(RecordError::NoEvidence { at, why }) => {
            assert_eq!(at, changed);
            assert!(why.contains("format"), "{why}");
        }
        other => panic!("{:?}", other.map(|b| b.len())),
    }
    let after = export(&b, stream, changed, camera.wall).unwrap();
    assert_eq!(verify(after.as_slice(), Some(box_key().public_key())).verdict(), Verdict::Whole);
}

#[test]
fn the_verdict_says_whole_growing_altered_and_cut() {
    let (b, stream, mut camera) = recorded();
    let playback = b.recorder.playback();
    let verdict = |start: WallTime, end: WallTime| playback.evidence(stream, start, end).unwrap();
    let end = START + Duration::from_secs(190);
    let whole = verdict(START, START + Duration::from_secs(20));
    assert_eq!(whole.verdict, EvidenceVerdict::Whole, "{whole:?}");
    assert_eq!(whole.key.as_ref(), Some(box_key().public_key()));
    let gaps = verdict(START, end);
    assert_eq!(gaps.verdict, EvidenceVerdict::WholeWithGaps, "{gaps:?}");
    assert_eq!(gaps.gaps.len(), 1);
    assert!(gaps.gaps[0].declared && gaps.text.contains("One stretch"), "{gaps:?}");

    b.record(stream);
    camera.reconnect(12_000_000_000);
    let back = camera.wall;
    b.feed(stream, &mut camera, 5.0);
    b.wait_recorded(stream, camera.wall);
    let growing = verdict(back, camera.wall);
    assert_eq!(growing.verdict, EvidenceVerdict::NotSealedYet, "{growing:?}");

    let files = b.files();
    let path = &files[1];
    let bytes = std::fs::read(path).unwrap();
    let fragment = heron_media::mp4::scan::scan(bytes.as_slice()).fragments[6].clone();
    let mut other = bytes.clone();
    other[fragment.end() as usize - 9] ^= 0x20;
    std::fs::write(path, &other).unwrap();
    let altered = verdict(START, end);
    assert_eq!(altered.verdict, EvidenceVerdict::Altered, "{altered:?}");
    assert_eq!(altered.segments[1].first_altered, Some((7, fragment.wall)));
    assert!(altered.text.contains("fragment 7"), "{}", altered.text);

    std::fs::write(path, &bytes[..bytes.len() - 10]).unwrap();
    let shortened = verdict(START, end);
    assert_eq!(shortened.verdict, EvidenceVerdict::Altered, "{shortened:?}");

    // The file is gone, and so is its row: only the next segment's word is left.
    std::fs::remove_file(path).unwrap();
    let id = altered.segments[1].id;
    let gone = move |tx: &rusqlite::Transaction<'_>| {
        tx.execute("DELETE FROM record_segment WHERE id = ?1", [id])?;
        Ok(())
    };
    b.store.write_blocking(gone).unwrap();
    let cut = verdict(START, end);
    assert_eq!(cut.verdict, EvidenceVerdict::Cut, "{cut:?}");

    let too_long = playback.evidence(stream, START - Duration::from_secs(3600), end);
    assert!(matches!(too_long, Err(RecordError::Invalid { field: "end", .. })), "{too_long:?}");
}
