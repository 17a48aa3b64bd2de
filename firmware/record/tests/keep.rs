//! What must be kept is kept: by a person's lock, by an event, by the least age; and what must go goes.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Box, Camera, START, key, wait};
use heron_core::{Clock, StreamKey, WallTime};
use heron_record::{EventMark, NewLock, RetentionRules, VolumeConfig, VolumeState};
use std::path::PathBuf;
use std::time::Duration;

const MIB: u64 = 1 << 20;

fn heavy() -> Camera {
    let mut camera = Camera::new();
    camera.filler = 21_000;
    camera
}

fn with_quota(mib: u64) -> Box {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v1");
    let volume =
        VolumeConfig { quota_bytes: Some(mib * MIB), reserve_bytes: Some(0), ..VolumeConfig::new(path) };
    Box::with(dir, vec![volume])
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

fn new_lock(stream: StreamKey, start: i64, end: i64) -> NewLock {
    NewLock {
        camera: stream.camera,
        start: at(start),
        end: at(end),
        reason: "The police asked for it.".into(),
        by: "anna".into(),
    }
}

/// When the segments that are there begin, seconds after the start.
fn starts(b: &Box) -> Vec<i64> {
    let mut starts: Vec<i64> = b
        .store
        .read_blocking(|c| {
            let mut rows = c.prepare("SELECT start_ns FROM record_segment WHERE state = 1")?;
            Ok(rows.query_map((), |r| r.get(0))?.collect::<Result<Vec<i64>, _>>()?)
        })
        .unwrap()
        .iter()
        .map(|n| (n - START.0) / 1_000_000_000)
        .collect();
    starts.sort_unstable();
    starts
}

fn files_of(b: &Box) -> Vec<PathBuf> {
    b.files().into_iter().filter(|f| f.extension().is_some_and(|e| e == "mp4")).collect()
}

#[test]
fn a_locked_range_outlives_the_quota_also_where_it_was_locked_before_it_was_written() {
    let b = with_quota(200);
    let stream = key(1);
    b.record(stream);
    let mut camera = heavy();
    feed(&b, stream, &mut camera, 100);
    let past = b.recorder.lock(new_lock(stream, 5, 6)).unwrap();
    let future = b.recorder.lock(new_lock(stream, 150, 200)).unwrap();
    assert_eq!(b.recorder.locks(10, None).unwrap(), [future.clone(), past.clone()]);
    assert_eq!(b.recorder.locks(10, Some(future.id)).unwrap(), std::slice::from_ref(&past));
    assert_eq!(b.recorder.locks_of(stream.camera, at(0), at(100)).unwrap(), std::slice::from_ref(&past));
    feed(&b, stream, &mut camera, 500);
    let covered = |from: i64, to: i64| {
        let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
        t.spans.iter().any(|s| s.start <= at(from) && s.end >= at(to))
    };
    wait("retention", || !covered(300, 310) && !covered(100, 110));
    assert!(covered(5, 6) && covered(150, 200), "{:?}", starts(&b));

    // Unlocked, they go as any other.
    b.recorder.unlock(past.id).unwrap();
    assert!(b.recorder.unlock(past.id).is_err());
    b.recorder.unlock(future.id).unwrap();
    feed(&b, stream, &mut camera, 300);
    wait("retention", || starts(&b).first().is_some_and(|s| *s > 300));
    assert!(b.recorder.shutdown());
    assert!(heron_record::fsck(&b.volumes, &b.store, false).unwrap().is_clean());
}

#[test]
fn a_lock_survives_the_greatest_age_a_repair_and_the_loss_of_the_database() {
    let b = with_quota(1000);
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    feed(&b, stream, &mut camera, 200);
    let lock = b.recorder.lock(new_lock(stream, 70, 71)).unwrap();
    let gone = b.recorder.lock(new_lock(stream, 1, 2)).unwrap();
    let other = b.recorder.lock(new_lock(key(2), 1, 2)).unwrap();
    b.recorder.unlock(gone.id).unwrap();
    wait("the files", || {
        let folder = |k: StreamKey| b.volumes[0].path.join("recordings").join(k.camera.to_string());
        folder(stream).join("locks.json").exists() && folder(key(2)).join("locks.json").exists()
    });
    assert!(b.recorder.shutdown());
    for name in ["heron.db", "heron.db-wal", "heron.db-shm"] {
        let _ = std::fs::remove_file(b.dir.path().join(name));
    }
    let b = b.restart(false, Duration::from_secs(10));
    assert_eq!(b.recorder.find_lock(lock.id).unwrap(), lock);
    assert!(b.recorder.find_lock(gone.id).is_err());
    assert_eq!(b.recorder.find_lock(other.id).unwrap(), other, "also of a camera without footage");
    wait("the catalogue", || starts(&b).len() == files_of(&b).len());
    b.record(stream);
    b.recorder.set_retention(Some(stream.camera), RetentionRules::at_most(Duration::from_secs(3600)));
    b.clock.advance(Duration::from_secs(7200));
    wait("retention", || starts(&b).len() == 1);
    assert!(starts(&b)[0] <= 70, "{:?}", starts(&b));
    assert!(b.recorder.shutdown());
    let report = heron_record::fsck(&b.volumes, &b.store, true).unwrap();
    assert!(report.is_clean() && report.foreign == 0, "{report}");
    let locked: bool = b
        .store
        .read_blocking(|c| Ok(c.query_row("SELECT min(locked) FROM record_segment", (), |r| r.get(0))?))
        .unwrap();
    assert!(locked);
}

#[test]
fn locks_that_cannot_be_read_are_set_aside_and_nothing_else_suffers() {
    let b = with_quota(1000);
    let stream = key(1);
    let lock = b.recorder.lock(new_lock(stream, 1, 2)).unwrap();
    let folder = b.volumes[0].path.join("recordings").join(stream.camera.to_string());
    wait("the file", || folder.join("locks.json").exists());
    std::fs::write(folder.join("locks.json"), "{\"heron_locks\": 9}").unwrap();
    let b = b.restart(true, Duration::ZERO);
    assert_eq!(b.recorder.find_lock(lock.id).unwrap(), lock);
    wait("the file", || {
        std::fs::read_to_string(folder.join("locks.json")).is_ok_and(|t| t.contains(&lock.id.to_string()))
    });
    assert!(folder.join("locks.json.unreadable").exists());
    b.recorder.unlock(lock.id).unwrap();
    wait("the file to go", || !folder.join("locks.json").exists());
    assert!(b.recorder.shutdown());
}

#[test]
fn wrong_locks_and_marks_name_their_field() {
    let b = Box::new();
    let stream = key(1);
    let day = 86_400;
    for (lock, field) in [
        (NewLock { reason: "  ".into(), ..new_lock(stream, 0, 1) }, "reason"),
        (NewLock { reason: "x".repeat(501), ..new_lock(stream, 0, 1) }, "reason"),
        (NewLock { reason: "a\u{7}".into(), ..new_lock(stream, 0, 1) }, "reason"),
        (new_lock(stream, 5, 5), "end"),
        (new_lock(stream, 0, 31 * day + 1), "end"),
    ] {
        assert_eq!(b.recorder.lock(lock).unwrap_err().field(), Some(field));
    }
    let mark = EventMark {
        event: "01J".into(),
        camera: stream.camera,
        kind: "analytics.intrusion".into(),
        start: at(0),
        end: at(1),
    };
    b.recorder.mark(std::slice::from_ref(&mark)).unwrap();
    for (mark, field) in [
        (EventMark { event: String::new(), ..mark.clone() }, "event"),
        (EventMark { kind: "x".repeat(65), ..mark.clone() }, "kind"),
        (EventMark { end: at(0), ..mark.clone() }, "end"),
    ] {
        assert_eq!(b.recorder.mark(&[mark]).unwrap_err().field(), Some(field));
    }
    assert!(b.recorder.locks(10, None).unwrap().is_empty());
}

#[test]
fn the_footage_of_an_event_stays_while_what_is_around_it_goes() {
    let b = with_quota(100);
    let stream = key(1);
    let day = Duration::from_secs(86_400);
    let rules =
        RetentionRules { event_ages: [("analytics.*".to_owned(), day)].into(), ..RetentionRules::default() };
    b.recorder.set_retention(Some(stream.camera), rules);
    b.record(stream);
    let mut camera = heavy();
    feed(&b, stream, &mut camera, 100);
    let mark = |event: &str, kind: &str, start, end| EventMark {
        event: event.into(),
        camera: stream.camera,
        kind: kind.into(),
        start: at(start),
        end: at(end),
    };
    let marks = [mark("a", "analytics.intrusion", 62, 63), mark("b", "camera.lost", 1, 2)];
    b.recorder.mark(&marks).unwrap();
    b.recorder.mark(&marks).unwrap();
    feed(&b, stream, &mut camera, 400);
    let second = |s: &i64| (1..=62).contains(s);
    wait("retention", || {
        !starts(&b).contains(&0) && starts(&b).iter().filter(|s| !second(s)).all(|s| *s > 200)
    });
    assert_eq!(starts(&b).iter().filter(|s| second(s)).count(), 1, "{:?}", starts(&b));

    // Nobody wants events kept any more: it goes like the rest.
    b.recorder.set_retention(Some(stream.camera), RetentionRules::default());
    wait("retention", || {
        feed(&b, stream, &mut camera, 10);
        !starts(&b).iter().any(second)
    });
}

#[test]
fn a_volume_of_footage_that_is_too_young_to_go_is_full_and_says_why() {
    let mut b = with_quota(60);
    let stream = key(1);
    let hour = Duration::from_secs(3600);
    let rules = RetentionRules { min_age: hour, ..RetentionRules::default() };
    b.recorder.set_retention(Some(stream.camera), rules);
    b.record(stream);
    let mut camera = heavy();
    for _ in 0..20 {
        b.feed(stream, &mut camera, 10.0);
        if b.recorder.volumes()[0].state == VolumeState::Full {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    wait("the full volume", || b.recorder.volumes()[0].state == VolumeState::Full);
    let problem = b.recorder.volumes()[0].problem.clone().unwrap();
    assert!(problem.contains("retention.min_days"), "{problem}");
    assert!(b.drain_events().iter().any(|e| e.kind == "volume.full"));
    assert_eq!(starts(&b)[0], 0, "nothing was deleted");
    b.clock.advance(hour);
    wait("room", || b.recorder.volumes()[0].state == VolumeState::Ok);
    assert!(starts(&b).first().is_none_or(|s| *s > 0));
}

#[test]
fn a_stream_keeps_within_its_own_bytes() {
    let b = with_quota(1000);
    let (one, two) = (key(1), key(2));
    let rules = RetentionRules { max_bytes: Some(80 * MIB), ..RetentionRules::default() };
    b.recorder.set_retention(Some(one.camera), rules);
    b.record(one);
    b.record(two);
    let (mut first, mut second) = (heavy(), heavy());
    for _ in 0..30 {
        b.hub.stream(two).push_batch(&second.seconds(10.0));
        b.feed(one, &mut first, 10.0);
        b.wait_recorded(one, first.wall);
        b.wait_recorded(two, second.wall);
    }
    let bytes = |stream| {
        let report = b.recorder.storage().unwrap();
        report.streams.iter().find(|s| s.stream == stream).unwrap().bytes
    };
    wait("retention", || bytes(one) <= 80 * MIB + 40 * MIB);
    assert!(bytes(two) > 120 * MIB, "the other one has no such limit");
    assert!(bytes(one) > 40 * MIB, "no more than needed goes: {}", bytes(one));
}

#[test]
fn what_the_plan_says_is_what_happens() {
    let b = with_quota(1000);
    let stream = key(1);
    b.record(stream);
    let mut camera = heavy();
    feed(&b, stream, &mut camera, 400);
    wait("the rows", || starts(&b).len() >= 5);
    let bytes = || b.recorder.storage().unwrap().streams[0].bytes;
    let age = b.clock.now().saturating_since(at(185));
    let rules = RetentionRules::at_most(age);
    let (now, then) = (
        b.recorder.plan(|_| RetentionRules::default()).unwrap(),
        b.recorder.plan(|_| rules.clone()).unwrap(),
    );
    assert_eq!((now.deletes_bytes, now.deletes_before), (0, None));
    assert_eq!(starts(&b)[0], 0, "a plan changes nothing");
    let before = bytes();
    assert!(then.deletes_bytes > 80 * MIB, "three minutes of half a MiB a second: {then:?}");
    b.recorder.set_retention(Some(stream.camera), rules);
    wait("retention", || starts(&b).first().is_some_and(|s| *s >= 180));
    assert_eq!(before - bytes(), then.deletes_bytes, "exactly what was said");
    assert!(then.deletes_before.is_some_and(|t| t <= at(186)));
}
