//! Footage fetched afterwards fills what is missing, once, and says so.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Box, Camera, START, frames, key};
use heron_core::{AccessUnit, GapReason, WallTime};
use heron_record::layout::Origin;
use heron_record::{StreamSituation, catalogue::SegmentState};
use std::sync::Arc;
use std::time::Duration;

/// A box that recorded 20 s, missed 30 s, and recorded 20 s more; and all 70 s as the camera's card has them.
fn with_a_hole() -> (Box, Vec<Arc<AccessUnit>>, WallTime, WallTime) {
    let house = Box::new();
    let mut camera = Camera::new();
    let mut card = Camera::new();
    house.record(key(1));
    house.feed(key(1), &mut camera, 20.0);
    house.wait_recorded(key(1), camera.wall);
    house.recorder.stream_state(key(1), StreamSituation::Unreachable);
    common::wait("the file to be closed", || {
        let all = house.recorder.playback().segments(key(1), START, camera.wall).unwrap();
        all.iter().all(|s| s.state == SegmentState::Closed)
    });
    let from = camera.wall;
    house.clock.advance(Duration::from_secs(30));
    camera.reconnect(30_000_000_000);
    house.recorder.stream_state(key(1), StreamSituation::Online);
    house.feed(key(1), &mut camera, 20.0);
    house.wait_recorded(key(1), camera.wall);
    house.clock.advance(Duration::from_secs(15));
    (house, card.seconds(70.0), from, from.plus_nanos(30_000_000_000))
}

#[test]
fn a_hole_is_filled_once_and_the_ledger_forgets_it() {
    let (house, card, from, until) = with_a_hole();
    // The last second may not be written yet.
    let end = START.plus_nanos(68_000_000_000);
    let holes = house.recorder.holes(key(1), START, end).unwrap();
    assert_eq!(holes.iter().map(|h| (h.start, h.end)).collect::<Vec<_>>(), [(from, until)]);
    let gaps =
        |house: &Box| house.recorder.playback().timeline(key(1).camera, START, end, None).unwrap().gaps;
    assert!(gaps(&house).iter().any(|g| g.reason == GapReason::CameraUnreachable), "{:?}", gaps(&house));
    let mut fill = house.recorder.backfill(key(1), START, end).unwrap().expect("there is a hole");
    for unit in &card {
        fill.push(Arc::clone(unit)).unwrap();
    }
    let filled = fill.finish().unwrap();
    assert_eq!(filled.spans.len(), 1, "{filled:?}");
    assert!(
        filled.spans[0].start <= from && filled.spans[0].end >= until.plus_nanos(-40_000_000),
        "{filled:?}"
    );
    // Card and box have the same key frames: the overlap is less than one group of pictures.
    assert!(from.nanos_since(filled.spans[0].start) < 2_000_000_000, "{filled:?}");
    common::wait("the row", || house.recorder.holes(key(1), START, end).unwrap().is_empty());
    assert_eq!(gaps(&house), []);
    let segments = house.recorder.playback().segments(key(1), START, end).unwrap();
    let fetched: Vec<_> = segments.iter().filter(|s| s.origin == Origin::Backfill).collect();
    assert_eq!(fetched.len(), 1);
    let file = house.volumes[0].path.join(fetched[0].place().relative_path());
    assert!(file.to_string_lossy().ends_with("Z-main.backfill.mp4"), "{}", file.display());
    assert_eq!(frames(&file), u64::from(fetched[0].frames));
    assert!(house.recorder.backfill(key(1), START, end).unwrap().is_none(), "nothing is missing any more");
}

#[test]
fn what_the_card_has_not_stays_a_gap() {
    let (house, card, from, until) = with_a_hole();
    // The last second may not be written yet.
    let end = START.plus_nanos(68_000_000_000);
    let mut fill = house.recorder.backfill(key(1), START, end).unwrap().unwrap();
    let (a, b) = (from.plus_nanos(10_000_000_000), from.plus_nanos(20_000_000_000));
    for unit in card.iter().filter(|u| u.wall >= a && u.wall < b) {
        fill.push(Arc::clone(unit)).unwrap();
    }
    fill.finish().unwrap();
    common::wait("the row", || house.recorder.holes(key(1), START, end).unwrap().len() == 2);
    let gaps = house.recorder.playback().timeline(key(1).camera, START, end, None).unwrap().gaps;
    let spans: Vec<_> = gaps.iter().map(|g| (g.start, g.end, g.reason)).collect();
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert!(spans[0].0 >= from.plus_nanos(-1) && spans[0].1 <= a.plus_nanos(2_000_000_000), "{spans:?}");
    assert!(spans[1].1 <= until && spans[1].0 >= b.plus_nanos(-40_000_000), "{spans:?}");
    assert!(spans.iter().all(|s| s.2 == GapReason::CameraUnreachable));
}

#[test]
fn a_crash_or_a_change_of_mind_leaves_nothing_half_done() {
    let (house, card, from, _) = with_a_hole();
    // The last second may not be written yet.
    let end = START.plus_nanos(68_000_000_000);
    let before = house.files();
    let mut fill = house.recorder.backfill(key(1), START, end).unwrap().unwrap();
    for unit in card.iter().filter(|u| u.wall < from.plus_nanos(10_000_000_000)) {
        fill.push(Arc::clone(unit)).unwrap();
    }
    assert_eq!(house.files().len(), before.len() + 1);
    drop(fill);
    assert_eq!(house.files(), before);
    assert_eq!(house.recorder.holes(key(1), START, end).unwrap().len(), 1);
    let e = house.recorder.holes(key(1), end, START).unwrap_err();
    assert_eq!(e.field(), Some("end"));
}
