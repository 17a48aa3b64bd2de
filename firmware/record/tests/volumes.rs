//! Several volumes and what is made of recordings: second copies, copies of events, thinning.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Box, Camera, START, frames, key, wait};
use heron_core::{CameraId, StreamKey, StreamKind, WallTime};
use heron_record::{EventMark, NewLock, RetentionRules, ThinTo, VolumeConfig, VolumeRole, VolumeState};
use std::path::{Path, PathBuf};
use std::time::Duration;

const MIB: u64 = 1 << 20;
const HOUR: Duration = Duration::from_secs(3600);

fn volume(path: &Path, role: VolumeRole) -> VolumeConfig {
    VolumeConfig { reserve_bytes: Some(MIB), role, ..VolumeConfig::new(path) }
}

fn two(role: VolumeRole) -> Box {
    let dir = tempfile::tempdir().unwrap();
    let volumes =
        vec![volume(&dir.path().join("v1"), VolumeRole::Spread), volume(&dir.path().join("v2"), role)];
    Box::with(dir, volumes)
}

fn feed(b: &Box, stream: StreamKey, camera: &mut Camera, seconds: u32) {
    for _ in 0..seconds.div_ceil(10) {
        b.feed(stream, camera, 10.0);
        b.wait_recorded(stream, camera.wall);
    }
}

fn at(seconds: i64) -> WallTime {
    START.plus_nanos(seconds * 1_000_000_000)
}

fn on(b: &Box, volume: usize) -> Vec<PathBuf> {
    let all = common::files_under(&b.volumes[volume].path.join("recordings"));
    all.into_iter().filter(|f| f.extension().is_some_and(|e| e == "mp4")).collect()
}

fn closed(b: &Box, origin: i64) -> usize {
    b.store
        .read_blocking(|c| {
            let sql = "SELECT count(*) FROM record_segment WHERE state = 1 AND origin = ?1";
            Ok(c.query_row(sql, [origin], |r| r.get::<_, i64>(0))?)
        })
        .unwrap() as usize
}

fn assert_clean(b: &Box) {
    assert!(b.recorder.shutdown());
    let report = heron_record::fsck(&b.volumes, &b.store, false).unwrap();
    assert!(report.is_clean() && report.foreign == 0, "{report}");
}

fn spans(b: &Box, camera: CameraId, until: WallTime) -> Vec<(StreamKind, WallTime, WallTime)> {
    let t = b.recorder.playback().timeline(camera, START, until, None).unwrap();
    assert_eq!(t.gaps, []);
    t.spans.iter().map(|s| (s.stream, s.start, s.end)).collect()
}

#[test]
fn a_mirrored_camera_is_played_from_its_copy_when_its_volume_is_lost() {
    let b = two(VolumeRole::Mirror);
    let stream = key(1);
    let rules = RetentionRules { mirror: true, ..RetentionRules::default() };
    b.recorder.set_retention(Some(stream.camera), rules);
    b.record(stream);
    assert_eq!(b.recorder.status(stream).unwrap().volume, Some(b.volumes[0].path.clone()));
    let mut camera = Camera::new();
    feed(&b, stream, &mut camera, 10);
    wait("mirroring to begin", || {
        let sql = "SELECT count(*) FROM record_stream WHERE mirrored_until_ns IS NOT NULL";
        b.store.read_blocking(|c| Ok(c.query_row(sql, (), |r| r.get::<_, i64>(0))?)).unwrap() == 1
    });
    feed(&b, stream, &mut camera, 190);
    wait("the copies", || closed(&b, 2) == closed(&b, 0) && closed(&b, 0) >= 3);
    let originals = on(&b, 0);
    for copy in on(&b, 1) {
        let original = PathBuf::from(copy.to_string_lossy().replace("/v2/", "/v1/").replace(".copy", ""));
        assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(&original).unwrap(), "byte by byte");
    }
    let whole = spans(&b, stream.camera, camera.wall);
    assert_eq!(whole.len(), 1);
    let bytes = b.recorder.storage().unwrap().volumes[1].recordings_bytes;
    assert!(bytes > 0, "copies count on their volume");
    assert_clean(&b);

    std::fs::rename(&b.volumes[0].path, b.dir.path().join("gone")).unwrap();
    let b = b.restart(false, Duration::from_secs(10));
    assert_eq!(b.recorder.volumes()[0].state, VolumeState::Missing);
    let last = *originals.last().map(|_| &whole[0]).unwrap();
    let t = b.recorder.playback().timeline(stream.camera, START, at(170), None).unwrap();
    assert_eq!((t.spans.len(), t.spans[0].start, t.gaps.len()), (1, last.1, 0), "{t:?}");
    assert!(b.recorder.playback().playlist(stream, at(1), at(170), "s").unwrap().contains("#EXTINF"));
    assert!(b.recorder.playback().flat_mp4(stream, at(10), at(100)).is_ok());
    // And until it is back the camera is recorded to what there is.
    b.record(stream);
    assert_eq!(b.recorder.status(stream).unwrap().volume, Some(b.volumes[1].path.clone()));
}

#[test]
fn the_footage_of_events_is_copied_to_their_volume_and_nothing_else() {
    let b = two(VolumeRole::Events);
    let stream = key(1);
    let rules = RetentionRules { event_copy: true, ..RetentionRules::default() };
    b.recorder.set_retention(Some(stream.camera), rules);
    b.record(stream);
    b.record(key(2));
    let mut camera = Camera::new();
    feed(&b, stream, &mut camera, 250);
    let mark = |event: &str, camera, start, end| EventMark {
        event: event.into(),
        camera,
        kind: "manual".into(),
        start: at(start),
        end: at(end),
    };
    b.recorder.mark(&[mark("a", stream.camera, 70, 75), mark("b", key(2).camera, 10, 12)]).unwrap();
    wait("the copy", || closed(&b, 2) == 1);
    let t = b.recorder.storage().unwrap();
    assert_eq!(t.volumes[1].role, VolumeRole::Events);
    let copy = &on(&b, 1)[0];
    assert!(copy.to_string_lossy().ends_with("100100.000Z-main.copy.mp4"), "{}", copy.display());
    assert_clean(&b);
}

#[test]
fn old_footage_becomes_key_frames_and_what_must_stay_whole_stays_whole() {
    let b = Box::new();
    let stream = key(1);
    let rules = RetentionRules { thin_after: Some(HOUR), event_age: HOUR * 48, ..RetentionRules::default() };
    b.recorder.set_retention(Some(stream.camera), rules);
    b.record(stream);
    let mut camera = Camera::new();
    camera.filler = 2000;
    feed(&b, stream, &mut camera, 320);
    wait("the rows", || closed(&b, 0) >= 5);
    let before = spans(&b, stream.camera, camera.wall);
    let files = on(&b, 0);
    let lock = NewLock {
        camera: stream.camera,
        start: at(70),
        end: at(71),
        reason: "Evidence.".into(),
        by: "anna".into(),
    };
    b.recorder.lock(lock).unwrap();
    let mark = EventMark {
        event: "a".into(),
        camera: stream.camera,
        kind: "manual".into(),
        start: at(130),
        end: at(131),
    };
    b.recorder.mark(&[mark]).unwrap();
    // What an interrupted run may leave.
    let torn = PathBuf::from(files[0].to_string_lossy().replace("-main.mp4", "-main.keys.mp4"));
    std::fs::write(&torn, "half a file").unwrap();
    let size = std::fs::metadata(&files[0]).unwrap().len();
    b.clock.advance(HOUR * 2);
    wait("thinning", || closed(&b, 3) >= 3 && !files[0].exists());
    let thinned = std::fs::metadata(&torn).unwrap().len();
    assert!(thinned * 4 < size, "{thinned} of {size}");
    assert_eq!(frames(&torn), 30, "a key frame every two seconds");
    assert!(files[1].exists() && files[2].exists(), "locked; of an event");
    let after = spans(&b, stream.camera, camera.wall);
    let without_a_hole =
        |spans: &[(StreamKind, WallTime, WallTime)]| spans.windows(2).all(|w| w[0].2 == w[1].1);
    assert!(without_a_hole(&after), "{after:?}");
    assert!(after[0].1 == before[0].1 && after[after.len() - 1].2 >= before[0].2, "{after:?} {before:?}");
    let playback = b.recorder.playback();
    let still = playback.key_frame_at(stream, at(31)).unwrap();
    assert_eq!(still.wall, at(30), "scrubbing finds each of them");
    assert!(playback.playlist(stream, at(0), at(300), "s").unwrap().contains("#EXTINF"));
    assert!(playback.flat_mp4(stream, at(0), at(200)).is_ok());
    assert_clean(&b);
    // What is left is proven, and stands where the whole segments stood.
    let key = common::box_key();
    let check = |f: &PathBuf| {
        heron_evidence::verify(&std::fs::File::open(f).unwrap(), Some(key.public_key())).segments.remove(0)
    };
    let thinned = check(&torn);
    assert_eq!(thinned.verdict(), heron_evidence::Verdict::Whole, "{thinned:?}");
    assert_eq!(thinned.opening.as_ref().map(|o| o.source), Some(heron_evidence::Source::Keys));
    let proven: Vec<_> = on(&b, 0).iter().map(check).collect();
    let found = heron_evidence::sequence(&proven);
    assert!(found.cuts.is_empty() && found.unlinked.is_empty() && found.gaps.is_empty(), "{found:?}");
    let b = b.restart(false, Duration::from_secs(1));
    assert!(without_a_hole(&spans(&b, stream.camera, camera.wall)));
    assert_eq!(b.recorder.playback().segment(1).unwrap_err().kind(), heron_core::ErrorKind::NotFound);
}

#[test]
fn old_footage_becomes_the_sub_stream_where_that_covers_it() {
    let b = Box::new();
    let main = key(1);
    let sub = StreamKey::new(main.camera, StreamKind::Sub);
    let rules = RetentionRules { thin_after: Some(HOUR), thin_to: ThinTo::Sub, ..RetentionRules::default() };
    b.recorder.set_retention(Some(main.camera), rules);
    b.record(main);
    b.record(sub);
    let (mut one, mut two) = (Camera::new(), Camera::new());
    for step in 0..32 {
        // The sub stream is away from 130 s to 150 s.
        if step == 13 {
            two.reconnect(20_000_000_000);
        } else if step != 14 {
            b.hub.stream(sub).push_batch(&two.seconds(10.0));
        }
        b.feed(main, &mut one, 10.0);
        b.wait_recorded(main, one.wall);
        // Neither may be taken for silent because the clock of the test runs ahead of its thread.
        if !matches!(step, 13 | 14) {
            b.wait_recorded(sub, two.wall);
        }
    }
    wait("the rows", || closed(&b, 0) >= 9);
    b.clock.advance(HOUR * 2);
    let is_there = |minute: u8| {
        let name = format!("10{minute:02}00.000Z-main.mp4");
        on(&b, 0).iter().any(|f| f.to_string_lossy().ends_with(&name))
    };
    wait("thinning", || [0, 1, 3, 4].iter().all(|minute| !is_there(*minute)));
    assert!(is_there(2), "the sub stream was away");
    let t = b.recorder.playback().timeline(main.camera, START, one.wall, None).unwrap();
    let whole = t.spans.iter().find(|s| s.stream == StreamKind::Main).unwrap();
    assert!(whole.start <= at(130) && whole.end >= at(150), "{t:?}");
    assert!(t.spans.iter().any(|s| s.stream == StreamKind::Sub && s.start == START));
    assert_clean(&b);
}

#[test]
fn what_an_interrupted_copy_left_is_cleared_away() {
    let b = two(VolumeRole::Mirror);
    let work = b.volumes[1].path.join(".heron-work");
    std::fs::create_dir_all(&work).unwrap();
    std::fs::write(work.join("x.tmp"), "half").unwrap();
    let b = b.restart(true, Duration::ZERO);
    assert_eq!(std::fs::read_dir(&work).unwrap().count(), 0);
    assert_clean(&b);
}
