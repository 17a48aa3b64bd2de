//! What is recorded when not everything is: events, motion, schedules, and changes from one to another. In virtual time.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Box, Camera, START, frames, key, wait};
use heron_core::schedule::{ScheduleSpan, Weekday};
use heron_core::{Clock, GapReason, Schedule, StreamKey, WallTime};
use heron_record::{
    PlainMode, RecordMode, RecordPolicy, RecordReason, StreamSituation, Trigger, TriggerOutcome, WeekPlan,
};
use std::sync::Arc;
use std::time::Duration;

fn second(s: f64) -> WallTime {
    START.plus_nanos((s * 1e9) as i64)
}

/// A stream that is online, in `mode`.
fn online(b: &Box, stream: StreamKey, policy: RecordPolicy) {
    b.recorder.set_policy(stream, policy);
    b.recorder.stream_state(stream, StreamSituation::Online);
    wait("the stream to be taken in", || b.recorder.status(stream).is_some_and(|s| s.volume.is_some()));
}

/// Feeds five frames at a time, each seen by the writer before the next: as time passes.
fn live(b: &Box, stream: StreamKey, camera: &mut Camera, seconds: f64) {
    for _ in 0..(seconds * 5.0).round() as u32 {
        b.feed(stream, camera, 0.2);
        seen(b, stream);
    }
}

/// Waits until the writer has looked at the stream and the clock.
fn seen(b: &Box, stream: StreamKey) {
    let now = b.clock.now();
    wait("the writer to look", || b.recorder.status(stream).is_some_and(|s| s.looked_at >= Some(now)));
}

fn instant(stream: StreamKey, kind: &str, at: WallTime) -> Trigger {
    Trigger { camera: stream.camera, stream: None, kind: kind.into(), start: at, end: Some(at) }
}

fn spans(b: &Box, stream: StreamKey, until: WallTime) -> Vec<(f64, f64)> {
    let t = b.recorder.playback().timeline(stream.camera, START, until, None).unwrap();
    let s = |w: WallTime| w.nanos_since(START) as f64 / 1e9;
    t.spans.iter().map(|x| (s(x.start), s(x.end))).collect()
}

fn gaps(b: &Box, stream: StreamKey, until: WallTime) -> Vec<(f64, f64, GapReason)> {
    let t = b.recorder.playback().timeline(stream.camera, START, until, None).unwrap();
    let s = |w: WallTime| (w.nanos_since(START) as f64 / 1e7).round() / 1e2;
    t.gaps.iter().map(|x| (s(x.start), s(x.end), x.reason)).collect()
}

#[test]
fn nothing_is_written_until_something_happens_and_then_what_was_before_it_too() {
    let mut b = Box::new();
    let stream = key(1);
    online(&b, stream, RecordPolicy::of(RecordMode::Event));
    let mut camera = Camera::new();
    live(&b, stream, &mut camera, 61.0);
    assert_eq!(b.files(), Vec::<std::path::PathBuf>::new());
    let status = b.recorder.status(stream).unwrap();
    assert_eq!(
        (status.mode, status.why, status.gap),
        (Some(PlainMode::Event), None, Some(GapReason::NotScheduled))
    );
    assert!(status.pre_roll_bytes > 0 && status.recording_since.is_none());

    let outcome = b.recorder.trigger(&instant(stream, "camera.input", camera.wall));
    assert_eq!(outcome, Some(TriggerOutcome::Recording { until: second(71.0) }));
    live(&b, stream, &mut camera, 5.0);
    let status = b.recorder.status(stream).unwrap();
    assert_eq!(status.why, Some(RecordReason::Event("camera.input".into())));
    assert!(status.recording_since.is_some() && status.gap.is_none());
    live(&b, stream, &mut camera, 60.0);
    let found = spans(&b, stream, camera.wall);
    assert_eq!(found.len(), 1, "{found:?}");
    // Groups of two seconds: the key frame at or before 51 s is that of 50 s.
    assert!((found[0].0 - 50.0).abs() < 0.01 && (found[0].1 - 71.0).abs() < 0.06, "{found:?}");
    let reasons = gaps(&b, stream, camera.wall);
    assert_eq!(reasons.len(), 2, "one row for each quiet period: {reasons:?}");
    assert!(reasons.iter().all(|g| g.2 == GapReason::NotScheduled));
    assert!((reasons[0].1 - 50.0).abs() < 0.01 && (reasons[1].0 - found[0].1).abs() < 0.01, "{reasons:?}");
    assert!(b.recorder.shutdown());
    let files = b.files();
    assert_eq!(files.len(), 1);
    assert_eq!(frames(&files[0]), 21 * 25);
    let told: Vec<String> =
        b.drain_events().into_iter().map(|e| e.kind).filter(|k| k.starts_with("recording.")).collect();
    assert_eq!(told, Vec::<String>::new(), "quiet is nothing to tell");
    assert_eq!(b.recorder.pre_roll_bytes().0, 0);
}

#[test]
fn clips_that_touch_are_one_and_go_on_without_a_missing_frame() {
    let b = Box::new();
    let stream = key(1);
    online(&b, stream, RecordPolicy::of(RecordMode::Event));
    let mut camera = Camera::new();
    live(&b, stream, &mut camera, 30.0);
    b.recorder.trigger(&instant(stream, "camera.input", camera.wall));
    // The clip ends at 40 s; at 45 s something happens again, whose pre-roll begins before that.
    live(&b, stream, &mut camera, 15.6);
    assert_eq!(b.recorder.status(stream).unwrap().gap, Some(GapReason::NotScheduled));
    b.recorder.trigger(&instant(stream, "analytics.intrusion", second(45.0)));
    live(&b, stream, &mut camera, 40.0);
    assert_eq!(spans(&b, stream, camera.wall).len(), 1, "{:?}", spans(&b, stream, camera.wall));
    let reasons = gaps(&b, stream, camera.wall);
    assert_eq!(reasons.len(), 2, "before and after, none between: {reasons:?}");
    assert!(b.recorder.shutdown());
    let all: u64 = b.files().iter().map(|f| frames(f)).sum();
    assert_eq!(all, (55 - 20) * 25, "every frame once");
}

#[test]
fn a_trigger_that_comes_late_still_finds_its_beginning_and_one_too_late_does_not_write_for_nothing() {
    let b = Box::new();
    let stream = key(1);
    online(&b, stream, RecordPolicy::of(RecordMode::Event));
    let mut camera = Camera::new();
    live(&b, stream, &mut camera, 60.0);
    // Two seconds late, and the whole clip lies in the past but for its post-roll.
    b.recorder.trigger(&instant(stream, "camera.input", second(58.0)));
    live(&b, stream, &mut camera, 30.0);
    let found = spans(&b, stream, camera.wall);
    assert!((found[0].0 - 48.0).abs() < 0.01 && (found[0].1 - 68.0).abs() < 0.06, "{found:?}");
    b.recorder.trigger(&instant(stream, "camera.input", second(30.0)));
    live(&b, stream, &mut camera, 5.0);
    assert_eq!(spans(&b, stream, camera.wall).len(), 1);
}

#[test]
fn motion_that_lasts_is_recorded_as_long_as_it_lasts() {
    let b = Box::new();
    let stream = key(1);
    online(&b, stream, RecordPolicy::of(RecordMode::Motion));
    let mut camera = Camera::new();
    live(&b, stream, &mut camera, 20.0);
    assert_eq!(
        b.recorder.trigger(&instant(stream, "camera.input", camera.wall)),
        Some(TriggerOutcome::NotAwaited)
    );
    let begins = Trigger { end: None, ..instant(stream, "camera.motion", camera.wall) };
    b.recorder.trigger(&begins);
    live(&b, stream, &mut camera, 100.0);
    assert_eq!(b.recorder.status(stream).unwrap().why, Some(RecordReason::Motion));
    b.recorder.trigger(&Trigger { end: Some(camera.wall), ..begins });
    live(&b, stream, &mut camera, 30.0);
    let found = spans(&b, stream, camera.wall);
    assert_eq!(found.len(), 1);
    assert!((found[0].0 - 10.0).abs() < 0.01 && (found[0].1 - 130.0).abs() < 0.06, "{found:?}");
}

#[test]
fn switching_between_continuous_and_event_loses_no_frame_that_was_due() {
    let b = Box::new();
    let stream = key(1);
    online(&b, stream, RecordPolicy::continuous());
    let mut camera = Camera::new();
    live(&b, stream, &mut camera, 20.4);
    b.recorder.set_policy(stream, RecordPolicy::of(RecordMode::Event));
    let to_event = camera.wall;
    live(&b, stream, &mut camera, 40.0);
    b.recorder.set_policy(stream, RecordPolicy::continuous());
    let to_continuous = camera.wall;
    live(&b, stream, &mut camera, 20.0);
    b.wait_recorded(stream, camera.wall);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!(t.spans.len(), 2, "{t:?}");
    assert_eq!(t.spans[0].start, START);
    let over = t.spans[0].end.nanos_since(to_event);
    assert!((-1_000_000..600_000_000).contains(&over), "ends {over} ns after the change");
    let early = to_continuous.nanos_since(t.spans[1].start);
    assert!((0..2_000_000_000).contains(&early), "begins with the group of the change, {early} ns before");
    assert_eq!(t.gaps.len(), 1);
    assert_eq!(t.gaps[0].reason, GapReason::NotScheduled);
    assert!(b.recorder.shutdown());
    let all: u64 = b.files().iter().map(|f| frames(f)).sum();
    let due: i64 = t.spans[0].end.nanos_since(START) + camera.wall.nanos_since(t.spans[1].start);
    assert_eq!(all, (due as f64 / 40e6).round() as u64, "every frame of both");
}

fn plan(mode: PlainMode) -> RecordPolicy {
    // START is a Wednesday, 10:00 UTC.
    let span = ScheduleSpan {
        days: Weekday::ALL.to_vec(),
        from: "10:01".parse().unwrap(),
        to: "10:02".parse().unwrap(),
        mode,
    };
    let schedule = Schedule { week: vec![span], ..Schedule::default() };
    let plan = Some(Arc::new(WeekPlan { schedule, zone: jiff::tz::TimeZone::UTC }));
    RecordPolicy { plan, ..RecordPolicy::of(RecordMode::Schedule) }
}

#[test]
fn a_schedule_begins_and_ends_at_its_minute() {
    let b = Box::new();
    let stream = key(1);
    online(&b, stream, plan(PlainMode::Continuous));
    let mut camera = Camera::new();
    // Groups of two seconds at odd seconds: no key frame at the full minute.
    camera.wall = second(0.0);
    camera.gop = 50;
    live(&b, stream, &mut camera, 1.0);
    camera.reconnect(0);
    live(&b, stream, &mut camera, 180.0);
    let found = spans(&b, stream, camera.wall);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((found[0].0 - 59.0).abs() < 0.01, "with the key frame that the first frame due needs: {found:?}");
    assert!((found[0].1 - 120.0).abs() < 0.06, "{found:?}");
    let reasons: Vec<_> = gaps(&b, stream, camera.wall).into_iter().map(|g| g.2).collect();
    assert_eq!(reasons, [GapReason::NotScheduled; 2]);
    let status = b.recorder.status(stream).unwrap();
    assert_eq!((status.mode, status.why), (Some(PlainMode::Off), None));
}

#[test]
fn a_camera_that_is_away_while_nothing_is_due_is_no_gap_and_one_that_is_away_when_it_is_due_is() {
    let mut b = Box::new();
    let stream = key(1);
    online(&b, stream, RecordPolicy::of(RecordMode::Event));
    let mut camera = Camera::new();
    live(&b, stream, &mut camera, 20.0);
    b.recorder.stream_state(stream, StreamSituation::Unreachable);
    for _ in 0..20 {
        b.clock.advance(Duration::from_secs(1));
        seen(&b, stream);
    }
    assert_eq!(b.recorder.status(stream).unwrap().gap, Some(GapReason::NotScheduled));
    // The door is opened while the camera is away, at 40 s: from 30 s on pictures are missing.
    b.recorder.trigger(&instant(stream, "camera.input", second(40.0)));
    for _ in 0..30 {
        b.clock.advance(Duration::from_secs(1));
        seen(&b, stream);
    }
    let now = second(70.0);
    assert_eq!(
        gaps(&b, stream, now),
        [
            (0.0, 30.0, GapReason::NotScheduled),
            (30.0, 50.0, GapReason::CameraUnreachable),
            (50.0, 70.0, GapReason::NotScheduled),
        ],
    );
    let told: Vec<String> =
        b.drain_events().into_iter().map(|e| e.kind).filter(|k| k.starts_with("recording.")).collect();
    assert_eq!(told, ["recording.stopped", "recording.resumed"], "an alarm and its end");
    let day =
        b.recorder.playback().gap_days(stream, START, second(3600.0), &jiff::tz::TimeZone::UTC).unwrap();
    assert_eq!(day.len(), 1);
    assert!((day[0].missing_s - 20.0).abs() < 0.1 && day[0].count == 1, "{day:?}");
    assert!((day[0].not_scheduled_s - 50.0).abs() < 0.1, "{day:?}");
    let page =
        |limit, after| b.recorder.playback().gaps(stream.camera, None, (START, now), limit, after).unwrap();
    let (first, next) = page(2, None);
    assert_eq!((first.len(), first[0].gap.end), (2, None), "newest first, and it lasts");
    let (rest, end) = page(2, next);
    assert_eq!((rest.len(), rest[0].gap.start, end), (1, START, None));
}

#[test]
fn the_pre_roll_survives_the_loss_of_the_camera() {
    let b = Box::new();
    let stream = key(1);
    online(&b, stream, RecordPolicy::of(RecordMode::Event));
    let mut camera = Camera::new();
    live(&b, stream, &mut camera, 20.0);
    // Somebody cuts the cable.
    b.recorder.stream_state(stream, StreamSituation::Unreachable);
    b.clock.advance(Duration::from_secs(2));
    seen(&b, stream);
    b.recorder.trigger(&instant(stream, "camera.tamper", second(20.0)));
    b.clock.advance(Duration::from_millis(500));
    wait("the clip", || spans(&b, stream, second(60.0)).first().is_some_and(|s| s.1 > 19.9));
    let found = spans(&b, stream, second(60.0));
    assert!((found[0].0 - 10.0).abs() < 0.01 && (found[0].1 - 20.0).abs() < 0.06, "{found:?}");
    b.clock.advance(Duration::from_secs(20));
    seen(&b, stream);
    let reasons = gaps(&b, stream, second(40.0));
    assert_eq!(reasons[1].2, GapReason::CameraUnreachable, "{reasons:?}");
}

#[test]
fn a_restart_in_a_quiet_time_loses_nothing_and_says_so() {
    let b = Box::new();
    let stream = key(1);
    online(&b, stream, RecordPolicy::of(RecordMode::Event));
    let mut camera = Camera::new();
    live(&b, stream, &mut camera, 30.0);
    let b = b.restart(true, Duration::from_secs(60));
    online(&b, stream, RecordPolicy::of(RecordMode::Event));
    b.clock.advance(Duration::from_secs(5));
    seen(&b, stream);
    assert_eq!(gaps(&b, stream, second(95.0)), [(0.0, 95.0, GapReason::NotScheduled)], "one quiet period");
}

#[test]
fn a_crash_in_a_clip_costs_less_than_two_seconds_of_it() {
    let b = Box::new();
    let stream = key(1);
    online(&b, stream, RecordPolicy::of(RecordMode::Event));
    let mut camera = Camera::new();
    live(&b, stream, &mut camera, 30.0);
    b.recorder.trigger(&instant(stream, "camera.input", camera.wall));
    live(&b, stream, &mut camera, 5.0);
    let written = b.recorded_until(stream).unwrap();
    assert!(camera.wall.nanos_since(written) < 2_000_000_000);
    let b = b.restart(false, Duration::from_secs(30));
    online(&b, stream, RecordPolicy::of(RecordMode::Event));
    b.clock.advance(Duration::from_secs(1));
    seen(&b, stream);
    let found = spans(&b, stream, second(60.0));
    assert!((found[0].0 - 20.0).abs() < 0.01 && found[0].1 >= 33.0, "{found:?}");
    // One row is closed and the next is begun: in between both are there.
    wait("the post-roll that was due to be told as lost", || {
        let reasons = gaps(&b, stream, second(60.0));
        let of_restart: f64 = reasons.iter().filter(|g| g.2 == GapReason::Restart).map(|g| g.1 - g.0).sum();
        (of_restart - 10.0).abs() < 0.1
    });
}

#[test]
fn memory_does_not_grow_while_nothing_happens() {
    let b = Box::new();
    let stream = key(1);
    online(&b, stream, RecordPolicy::of(RecordMode::Event));
    let mut camera = Camera::new();
    camera.filler = 10_000;
    live(&b, stream, &mut camera, 30.0);
    let before = b.recorder.pre_roll_bytes().0;
    // Two megabit: 12 s and a group of two.
    assert!(before <= 14 * 25 * 11_000, "{before}");
    live(&b, stream, &mut camera, 120.0);
    assert!(b.recorder.pre_roll_bytes().0 <= before + 50 * 11_000);
    assert!(b.hub.used_bytes() <= 60 * 11_000, "and the ring holds its group alone: {}", b.hub.used_bytes());
    assert_eq!(b.files(), Vec::<std::path::PathBuf>::new());
    // In mode continuous nothing is held at all.
    b.recorder.set_policy(stream, RecordPolicy::continuous());
    live(&b, stream, &mut camera, 5.0);
    assert_eq!(b.recorder.pre_roll_bytes().0, 0);
}
