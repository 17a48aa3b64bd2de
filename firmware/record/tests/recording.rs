//! From the hub to files that other programs play.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Box, Camera, START, ffprobe, frames, g711, h264, key, wait};
use heron_core::GapReason;
use heron_core::ManualClock;
use heron_hub::HubConfig;
use heron_record::{StreamSituation, VolumeConfig};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn every_frame_is_in_a_file_that_ffprobe_plays() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    camera.audio = Some(g711());
    b.feed(stream, &mut camera, 150.0);
    b.wait_recorded(stream, camera.wall);
    assert!(b.recorder.shutdown());

    let files = b.files();
    assert!((2..=4).contains(&files.len()), "{files:?}");
    let mut total = 0;
    for file in &files {
        total += frames(file);
        let first = ffprobe(
            &[
                "-select_streams",
                "v:0",
                "-show_entries",
                "packet=flags",
                "-read_intervals",
                "%+#1",
                "-of",
                "csv=p=0",
            ],
            file,
        );
        assert!(first.starts_with('K'), "{}: {first}", file.display());
        assert_eq!(
            ffprobe(&["-show_entries", "stream=codec_name", "-of", "csv=p=0"], file),
            "h264\npcm_alaw",
            "the sound is untouched"
        );
    }
    assert_eq!(total, 150 * 25);
    let name = files[0].strip_prefix(&b.volumes[0].path).unwrap().to_str().unwrap().to_owned();
    assert_eq!(name, format!("recordings/{}/2026-11-18/100000.000Z-main.mp4", stream.camera), "{START}");
}

#[test]
fn what_was_recorded_a_second_ago_is_on_the_disk_and_on_the_timeline() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 10.0);
    wait("the fragments", || {
        b.recorded_until(stream).is_some_and(|t| camera.wall.nanos_since(t) <= 1_040_000_000)
    });
    let until = b.recorded_until(stream).unwrap();
    let timeline = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!(timeline.spans.len(), 1);
    assert_eq!((timeline.spans[0].start, timeline.spans[0].end), (START, until));
    assert_eq!(timeline.gaps, []);
    let source = b.recorder.playback().playlist(stream, START, camera.wall, "segments").unwrap();
    assert!(source.contains("#EXT-X-BYTERANGE"), "{source}");
}

#[test]
fn a_changed_picture_size_and_a_new_sound_track_each_begin_a_file() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 6.0);
    camera.audio = Some(g711());
    b.feed(stream, &mut camera, 6.0);
    camera.video = h264(2);
    camera.mbs_wide = 2;
    b.feed(stream, &mut camera, 6.0);
    b.wait_recorded(stream, camera.wall);
    assert!(b.recorder.shutdown());
    let shapes: Vec<String> = b
        .files()
        .iter()
        .map(|f| {
            ffprobe(&["-show_entries", "stream=codec_name,width", "-of", "csv=p=0"], f).replace('\n', " ")
        })
        .collect();
    assert_eq!(shapes, ["h264,16", "h264,16 pcm_alaw", "h264,32 pcm_alaw"]);
    assert_eq!(b.files().iter().map(|f| frames(f)).sum::<u64>(), 18 * 25);
}

#[test]
fn a_reconnect_is_a_gap_with_its_reason_and_the_footage_around_it_is_whole() {
    let mut b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 10.0);
    b.wait_recorded(stream, camera.wall);
    let lost_at = camera.wall;
    b.recorder.stream_state(stream, StreamSituation::Unreachable);
    wait("the gap", || {
        b.recorder.status(stream).is_some_and(|s| s.gap == Some(GapReason::CameraUnreachable))
    });
    b.clock.advance(Duration::from_secs(20));
    wait("people to be told", || b.drain_events().iter().any(|e| e.kind == "recording.stopped"));
    camera.reconnect(20_000_000_000);
    let back_at = camera.wall;
    b.recorder.stream_state(stream, StreamSituation::Online);
    b.feed(stream, &mut camera, 10.0);
    b.wait_recorded(stream, camera.wall);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!(t.spans.len(), 2, "{t:?}");
    assert_eq!(t.gaps.len(), 1, "{t:?}");
    assert_eq!((t.gaps[0].start, t.gaps[0].end), (lost_at, back_at));
    assert_eq!(t.gaps[0].reason, GapReason::CameraUnreachable);
    assert!(b.drain_events().iter().any(|e| e.kind == "recording.resumed"));
    assert!(b.recorder.shutdown());
    assert_eq!(b.files().iter().map(|f| frames(f)).sum::<u64>(), 20 * 25);
}

#[test]
fn a_time_line_that_jumps_without_a_word_is_a_discontinuity() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 6.0);
    let lost_at = camera.wall;
    camera.reconnect(3_000_000_000);
    b.feed(stream, &mut camera, 6.0);
    // Some lost frames within a connection leave the file whole and a row in the ledger.
    let (hole_at, frames_lost) = (camera.wall, 25);
    camera.lose(frames_lost);
    b.feed(stream, &mut camera, 6.0);
    b.wait_recorded(stream, camera.wall);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    let gaps: Vec<_> = t.gaps.iter().map(|g| (g.start, g.end, g.reason)).collect();
    let discontinuity = GapReason::StreamDiscontinuity;
    assert_eq!(
        gaps,
        [
            (lost_at, lost_at.plus_nanos(3_000_000_000), discontinuity),
            (hole_at, hole_at.plus_nanos(1_000_000_000), discontinuity),
        ]
    );
    assert_eq!(b.files().len(), 2);
}

#[test]
fn switching_recording_off_is_a_gap_called_disabled() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 5.0);
    b.wait_recorded(stream, camera.wall);
    b.recorder.set_policy(stream, heron_record::RecordPolicy::off());
    wait("the gap", || b.recorder.status(stream).is_some_and(|s| s.gap == Some(GapReason::Disabled)));
    let off_at = b.recorded_until(stream).unwrap();
    b.recorder.set_policy(stream, heron_record::RecordPolicy::continuous());
    camera.reconnect(60_000_000_000);
    let on_at = camera.wall;
    wait("recording to be taken up", || {
        b.feed(stream, &mut camera, 0.2);
        b.recorder.status(stream).is_some_and(|s| s.gap.is_none())
    });
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!(t.gaps.len(), 1, "{t:?}");
    assert_eq!((t.gaps[0].start, t.gaps[0].reason), (off_at, GapReason::Disabled));
    assert!(t.gaps[0].end >= on_at);
}

#[test]
fn a_clock_set_back_overwrites_nothing() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    for _ in 0..3 {
        let mut camera = Camera::new();
        camera.media_start = 5_000_000_000 + b.files().len() as i64 * 1_000_000_007;
        b.recorder.stream_state(stream, StreamSituation::Online);
        b.hub.stream(stream).push_batch(&camera.seconds(4.0));
        b.clock.advance(Duration::from_secs(4));
        let count = b.files().len();
        wait("a file", || b.files().len() > count);
        b.wait_recorded(stream, START.plus_nanos(3_000_000_000));
    }
    assert!(b.recorder.shutdown());
    let names: Vec<_> =
        b.files().iter().map(|f| f.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["100000.000Z-main.mp4", "100000.000Z-main~2.mp4", "100000.000Z-main~3.mp4"]);
    assert_eq!(b.files().iter().map(|f| frames(f)).sum::<u64>(), 300);
}

#[test]
fn mjpeg_like_streams_of_key_frames_get_few_fragments_and_slow_ones_are_not_torn() {
    let b = Box::new();
    let (all_keys, slow) = (key(1), key(2));
    b.record(all_keys);
    b.record(slow);
    let mut camera = Camera::new();
    camera.gop = 1;
    b.feed(all_keys, &mut camera, 10.0);
    b.wait_recorded(all_keys, camera.wall);
    let mut crawling = Camera::new();
    crawling.fps = 1;
    crawling.gop = 4;
    b.feed(slow, &mut crawling, 40.0);
    b.wait_recorded(slow, crawling.wall);
    assert!(b.recorder.shutdown());
    let files = b.files();
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!((frames(&files[0]), frames(&files[1])), (250, 40));
    let moofs = std::fs::read(&files[0]).unwrap().windows(4).filter(|w| w == b"moof").count();
    assert!((15..=25).contains(&moofs), "{moofs} fragments in 10 s");
}

#[test]
fn what_the_ring_could_not_hold_is_a_gap_called_overrun() {
    let dir = tempfile::tempdir().unwrap();
    let volumes = vec![VolumeConfig::new(dir.path().join("v1"))];
    let ring = HubConfig { stream_bytes: 400_000, total_bytes: 1 << 20 };
    let mut b = Box::with_hub(dir, volumes, Arc::new(ManualClock::new(START)), ring);
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 10.0);
    b.wait_recorded(stream, camera.wall);
    // Forty seconds at once into a ring that holds six: the oldest of it never reaches the disk.
    camera.filler = 2_000;
    b.feed(stream, &mut camera, 40.0);
    b.wait_recorded(stream, camera.wall);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!((t.spans.len(), t.gaps.len()), (2, 1), "{t:?}");
    assert_eq!(t.gaps[0].reason, GapReason::Overrun);
    assert_eq!((t.gaps[0].start, t.gaps[0].end), (t.spans[0].end, t.spans[1].start));
    assert!(b.recorder.status(stream).unwrap().overrun_units > 500);
    assert!(b.drain_events().iter().any(|e| e.kind == "recording.gap" && e.detail["reason"] == "overrun"));
}

#[test]
fn a_deleted_camera_is_let_go_and_can_come_back() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 10.0);
    b.wait_recorded(stream, camera.wall);
    b.recorder.remove(stream);
    assert_eq!(b.recorder.status(stream), None);
    wait("the file to be closed", || {
        let playback = b.recorder.playback();
        playback.segment_source(1).is_ok_and(|s| s.complete)
    });
    b.hub.remove(stream);
    b.record(stream);
    camera.reconnect(30_000_000_000);
    b.feed(stream, &mut camera, 10.0);
    b.wait_recorded(stream, camera.wall);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!((t.spans.len(), t.gaps.len()), (2, 1), "{t:?}");
    assert_eq!(t.gaps[0].reason, GapReason::Disabled);
    assert_eq!((t.gaps[0].start, t.gaps[0].end), (t.spans[0].end, t.spans[1].start));
}
