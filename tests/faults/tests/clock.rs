//! The box's clock is set while it records, and two boxes' disks come together.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../../firmware/record/tests/common/mod.rs"]
mod common;

use common::{Box, Camera, START, files_under, key, store};
use heron_core::{Clock, ManualClock, StreamKind};
use heron_record::{VolumeConfig, fsck};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const HOUR: i64 = 3_600_000_000_000;

fn contents(files: &[PathBuf]) -> BTreeMap<PathBuf, Vec<u8>> {
    files.iter().map(|f| (f.clone(), std::fs::read(f).unwrap())).collect()
}

fn set(b: &Box, camera: &mut Camera, nanos: i64) {
    b.clock.set_wall(b.clock.now().plus_nanos(nanos));
    camera.wall = camera.wall.plus_nanos(nanos);
}

#[test]
fn a_clock_that_is_set_back_an_hour_overwrites_nothing_and_plays_in_order_of_start() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 70.0);
    b.wait_recorded(stream, camera.wall);
    let before = contents(&b.files());
    let closed: Vec<_> = before.keys().take(1).cloned().collect();
    set(&b, &mut camera, -HOUR);
    let back = camera.wall;
    b.feed(stream, &mut camera, 66.0);
    b.wait_recorded(stream, camera.wall);
    // And forward again, by less: now names of the first run are met.
    set(&b, &mut camera, HOUR - 136_000_000_000);
    assert_eq!(camera.wall, START, "the very first instant");
    b.feed(stream, &mut camera, 64.0);
    b.wait_recorded(stream, camera.wall);
    assert!(b.recorder.shutdown());

    let after = contents(&b.files());
    for file in &closed {
        assert_eq!(after[file], before[file], "{} was not touched", file.display());
    }
    assert!(after.keys().any(|f| f.to_string_lossy().contains("~2")), "{:?}", after.keys());
    let playback = b.recorder.playback();
    let t = playback.timeline(stream.camera, back, camera.wall, None).unwrap();
    assert!(t.spans.iter().all(|s| s.end > s.start) && t.gaps.iter().all(|g| g.end > g.start), "{t:?}");
    assert_eq!(t.spans.len(), 2, "an hour ago, and now, the overlap as one: {t:?}");
    let list = playback.playlist(stream, START, camera.wall, "s").unwrap();
    let dates: Vec<&str> = list.lines().filter_map(|l| l.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:")).collect();
    assert!(dates.len() >= 2, "{list}");
    // Each step met a key frame here; otherwise the pictures up to the next one are passed over.
    let frames: u64 = b.files().iter().map(|f| common::frames(f)).sum();
    assert_eq!(frames, camera.n, "every frame is there, those of the overlap twice");
    let report = fsck(&b.volumes, &b.store, false).unwrap();
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_clock_that_is_set_forward_an_hour_leaves_a_hole_and_no_lie() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 20.0);
    b.wait_recorded(stream, camera.wall);
    set(&b, &mut camera, HOUR);
    b.feed(stream, &mut camera, 20.0);
    b.wait_recorded(stream, camera.wall);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!((t.spans.len(), t.gaps.len()), (2, 1), "{t:?}");
    assert!(t.gaps[0].end.nanos_since(t.gaps[0].start) <= HOUR + 1_000_000_000);
    assert!(b.recorder.shutdown());
    let frames: u64 = b.files().iter().map(|f| common::frames(f)).sum();
    assert_eq!(frames, camera.n, "no frame is lost by it: the step met a key frame");
}

#[test]
fn disks_of_two_boxes_that_gave_a_camera_the_same_id_are_both_played() {
    let record = |seconds: f64| {
        let b = Box::new();
        b.record(key(1));
        let mut camera = Camera::new();
        b.feed(key(1), &mut camera, seconds);
        b.wait_recorded(key(1), camera.wall);
        assert!(b.recorder.shutdown());
        (b, camera)
    };
    let ((one, first), (two, second)) = (record(100.0), record(40.0));
    let before = contents(&[one.files(), two.files()].concat());
    let volumes: Vec<VolumeConfig> = [&one, &two].map(|b| b.volumes[0].clone()).to_vec();
    let dir = tempfile::tempdir().unwrap();
    drop(store(dir.path()));
    let b = Box::at(dir, volumes, Arc::new(ManualClock::new(first.wall + Duration::from_secs(60))));
    let rows = || -> i64 {
        b.store
            .read_blocking(|c| {
                Ok(c.query_row("SELECT sum(frames) FROM record_segment", (), |r| r.get::<_, Option<i64>>(0))?)
            })
            .unwrap()
            .unwrap_or(0)
    };
    common::wait("both to be added", || {
        let n = rows() as u64;
        eprintln!("{n} {} {}", first.n, second.n);
        n == first.n + second.n
    });
    let camera = key(1).camera;
    let t = b.recorder.playback().timeline(camera, START, first.wall, None).unwrap();
    let main: Vec<_> = t.spans.iter().filter(|s| s.stream == StreamKind::Main).collect();
    assert_eq!(main.len(), 1, "{t:?}");
    assert!(b.recorder.shutdown());
    let after =
        contents(&b.volumes.iter().flat_map(|v| files_under(&v.path.join("recordings"))).collect::<Vec<_>>());
    assert_eq!(after, before, "nothing was changed or deleted");
    assert!(fsck(&b.volumes, &b.store, false).unwrap().is_clean());
}
