//! Live view over a real hub, with invented units.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use common::*;
use heron_core::{MediaTime, StreamKind, TrackKind};
use heron_live::{EndReason, LiveMessage, WaitReason};
use std::time::Duration;

fn hello_of(message: &LiveMessage) -> &heron_live::Hello {
    match message {
        LiveMessage::Hello(hello) => hello,
        other => panic!("expected a hello, got {other:?}"),
    }
}

fn fragment_of(message: &LiveMessage) -> &bytes::Bytes {
    match message {
        LiveMessage::Fragment(bytes) => bytes,
        other => panic!("expected a fragment, got {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_viewer_begins_with_the_group_of_pictures_that_is_held() {
    let house = House::new();
    let format = h264(40);
    house.push(frames(&format, 0, 60, 25, 500));
    let mut viewer = house.join();
    let messages = all(&mut viewer).await;
    let hello = hello_of(&messages[0]);
    assert_eq!(hello.mime, "video/mp4; codecs=\"avc1.640028\"");
    assert_eq!((hello.codec.as_str(), hello.codecs.as_str()), ("avc1.640028", "avc1.640028"));
    assert_eq!((hello.width, hello.height, hello.stream), (1920, 1080, StreamKind::Main));
    assert!(matches!(messages[1], LiveMessage::Init(_)));
    // Frame 50 is the newest key frame; its number is in its payload.
    let first = fragment_of(&messages[2]);
    assert!(first.windows(4).any(|w| w == 50u32.to_be_bytes()), "begins at the newest key frame");
    let seen = seen(&messages);
    assert_eq!(seen.len(), 10, "frames 50 to 59");
    assert!(seen[0].sync && seen[0].dts == 0);
    assert_playable(&seen);
}

#[tokio::test(start_paused = true)]
async fn a_frame_leaves_before_the_next_one_comes() {
    let house = House::new();
    let format = h264(40);
    house.push(frames(&format, 0, 1, 25, 500));
    let mut viewer = house.join();
    assert_eq!(all(&mut viewer).await.len(), 3);
    for n in 1..5 {
        house.push(frames(&format, n, n + 1, 25, 500));
        let messages = all(&mut viewer).await;
        assert_eq!(messages.len(), 1);
        fragment_of(&messages[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn fragments_are_made_once_and_shared_and_the_muxer_ends_with_its_last_viewer() {
    let house = House::new();
    house.push(frames(&h264(40), 0, 5, 25, 500));
    let (mut a, mut b) = (house.join(), house.join());
    let (of_a, of_b) = (all(&mut a).await, all(&mut b).await);
    assert_eq!(of_a.len(), 7);
    assert_eq!(fragment_of(&of_a[3]).as_ptr(), fragment_of(&of_b[3]).as_ptr());
    let statistics = house.live.statistics();
    assert_eq!((statistics.viewers, statistics.streams), (2, 1));
    let stream = house.hub.stream(house.key);
    assert_eq!(stream.viewers(), 2);
    assert_eq!(stream.statistics().live_readers, 1, "one muxer");
    drop((a, b));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((house.live.statistics().viewers, house.live.statistics().streams), (0, 0));
    assert_eq!(stream.viewers(), 0);
    assert_eq!(stream.statistics().live_readers, 0, "the muxer has ended");
    // And it starts again.
    assert_eq!(all(&mut house.join()).await.len(), 7);
}

#[tokio::test(start_paused = true)]
async fn another_format_is_another_hello() {
    let house = House::new();
    house.push(frames(&h264(40), 0, 25, 25, 500));
    let mut viewer = house.join();
    all(&mut viewer).await;
    house.push(frames(&h264(41), 25, 50, 25, 500));
    let messages = all(&mut viewer).await;
    assert_eq!(hello_of(&messages[0]).codec, "avc1.640029");
    assert!(matches!(messages[1], LiveMessage::Init(_)));
    assert_eq!(seen(&messages).len(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_slow_viewer_jumps_to_the_newest_key_frame_and_is_told() {
    let house = House::new();
    let format = h264(40);
    house.push(frames(&format, 0, 25, 25, 500));
    let (mut slow, mut quick) = (house.join(), house.join());
    assert_eq!(all(&mut slow).await.len(), 27);
    let mut got = all(&mut quick).await.len();
    // 100 groups of pictures that nobody but `quick` reads.
    for n in 1..=100 {
        house.push(frames(&format, n * 25, (n + 1) * 25, 25, 500));
        got += all(&mut quick).await.len();
    }
    assert_eq!(got, 27 + 100 * 25, "the quick one misses nothing");
    let messages = all(&mut slow).await;
    let LiveMessage::Skipped(missed) = messages[0] else { panic!("{:?}", messages[0]) };
    let fragments = messages.iter().filter(|m| matches!(m, LiveMessage::Fragment(_))).count() as u64;
    assert_eq!(missed + fragments, 2500, "every frame is shown or counted");
    assert!(fragment_of(&messages[1]).windows(4).any(|w| w == 2500u32.to_be_bytes()), "the newest key frame");
    assert_eq!(house.live.statistics().skipped_frames, missed);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_is_told_when_nothing_comes_and_when_it_is_over() {
    let house = House::new();
    let mut viewer = house.join();
    assert_eq!(viewer.next().await, LiveMessage::Waiting(WaitReason::NoKeyFrame));
    let format = h264(40);
    house.push(frames(&format, 1, 5, 25, 500));
    house.push(frames(&format, 25, 27, 25, 500));
    let messages = all(&mut viewer).await;
    assert_eq!(messages.len(), 4, "frames before the first key frame are of no use: {messages:?}");
    assert_eq!(viewer.next().await, LiveMessage::Waiting(WaitReason::NoPictures));
    house.hub.remove(house.key);
    assert_eq!(viewer.next().await, LiveMessage::End(EndReason::StreamRemoved));
    assert!(all(&mut viewer).await.is_empty());
    assert!(house.live.join(house.key).is_none());
    // The same camera, back again.
    house.push(frames(&format, 50, 52, 25, 500));
    assert_eq!(all(&mut house.join()).await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn motion_jpeg_is_pictures_without_a_container() {
    let house = House::new();
    let format = mjpeg();
    let jpegs: Vec<_> = (0..5).map(|n| unit(&format, n, i64::from(n) * 3600, 100, true)).collect();
    house.push(jpegs.clone());
    let messages = all(&mut house.join()).await;
    let hello = hello_of(&messages[0]);
    assert_eq!((hello.mime.as_str(), hello.codec.as_str()), ("image/jpeg", "mjpg"));
    assert_eq!(messages.len(), 2, "the newest picture is a start");
    assert_eq!(fragment_of(&messages[1]), &jpegs[4].payload);
}

#[tokio::test(start_paused = true)]
async fn sound_and_pictures_share_a_time_line() {
    for (format, codec, rate) in [(aac(), "mp4a.40.2", 16_000), (g711(), "flac", 8_000)] {
        let house = House::new();
        let video = h264(40);
        house.push(mixed(frames(&video, 0, 1, 250, 500), vec![]));
        // The hub knows the format before the viewer comes.
        house.push(sound(&format, 0.0, 0.2));
        let mut viewer = house.join();
        let mut messages = all(&mut viewer).await;
        house.push(mixed(frames(&video, 1, 100, 250, 500), sound(&format, 0.2, 4.0)));
        messages.extend(all(&mut viewer).await);
        let hello = hello_of(&messages[0]);
        assert_eq!(hello.mime, format!("video/mp4; codecs=\"avc1.640028,{codec}\""));
        assert_eq!(hello.codecs, format!("avc1.640028,{codec}"));
        let seen = seen(&messages);
        assert_playable(&seen);
        let end = |kind| seen.iter().rfind(|s| s.track == kind).map(|s| s.dts + s.duration).unwrap();
        let video_end = MediaTime(end(TrackKind::Video)).as_nanos() / 1_000_000;
        let audio_end = end(TrackKind::Audio) * 1000 / rate;
        assert_eq!(video_end, 4000);
        assert!((video_end - audio_end).abs() < 100, "{codec}: {video_end} {audio_end}");
        assert_eq!(seen.iter().find(|s| s.track == TrackKind::Audio).unwrap().dts, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn sound_that_stops_never_stops_the_picture() {
    for format in [aac(), g711()] {
        let house = House::new();
        let video = h264(40);
        house.push(mixed(frames(&video, 0, 25, 200, 500), sound(&format, 0.0, 1.0)));
        let mut viewer = house.join();
        let mut messages = all(&mut viewer).await;
        // Five seconds of pictures alone, then sound again, all within one group of pictures.
        house.push(frames(&video, 25, 150, 200, 500));
        house.push(mixed(frames(&video, 150, 200, 200, 500), sound(&format, 6.0, 8.0)));
        messages.extend(all(&mut viewer).await);
        let seen = seen(&messages);
        assert_playable(&seen);
        let rate = format.audio().unwrap().sample_rate_hz;
        let mut video_end = 0;
        let mut audio_end = 0;
        for s in &seen {
            match s.track {
                TrackKind::Video => video_end = s.dts + s.duration,
                _ => audio_end = MediaTime::from_rate(s.dts + s.duration, rate).0,
            }
            assert!(video_end - audio_end <= 99_000, "sound never lags by more than 1.1 s");
        }
        assert!(audio_end > 7 * 90_000);
        // It stays away: from the next key frame on players are set up without it.
        house.push(frames(&video, 200, 300, 200, 500));
        house.push(frames(&video, 400, 425, 200, 500));
        let messages = all(&mut viewer).await;
        let again = messages.iter().rfind(|m| matches!(m, LiveMessage::Hello(_))).unwrap();
        assert_eq!(hello_of(again).codecs, "avc1.640028");
    }
}

#[tokio::test(start_paused = true)]
async fn lost_frames_and_a_new_clock_leave_no_hole() {
    let house = House::new();
    let (video, audio) = (h264(40), aac());
    house.push(mixed(frames(&video, 0, 25, 25, 500), sound(&audio, 0.0, 1.0)));
    let mut viewer = house.join();
    let mut messages = all(&mut viewer).await;
    // Two seconds lost, then a reconnect: the camera's clock starts elsewhere.
    house.push(mixed(frames(&video, 75, 100, 25, 500), sound(&audio, 3.0, 4.0)));
    messages.extend(all(&mut viewer).await);
    let shifted =
        mixed(frames(&video, 0, 50, 25, 500), sound(&audio, 0.0, 2.0)).into_iter().map(|mut unit| {
            unit.dts = unit.dts + MediaTime(987_654_321);
            unit.pts = unit.dts;
            unit.wall = unit.wall.plus_nanos(10_000_000_000);
            unit
        });
    house.push(shifted);
    messages.extend(all(&mut viewer).await);
    let hellos = messages.iter().filter(|m| matches!(m, LiveMessage::Hello(_))).count();
    assert_eq!(hellos, 1);
    let seen = seen(&messages);
    assert_playable(&seen);
    let end = seen.iter().rfind(|s| s.track == TrackKind::Video).map(|s| s.dts + s.duration).unwrap();
    assert_eq!(end, 100 * 3600, "a hundred frames came, a hundred frames play");
}

#[tokio::test(start_paused = true)]
async fn a_watched_stream_is_marked_for_ingest() {
    let house = House::new();
    let mut watched = house.hub.stream(house.key).watched();
    assert!(!*watched.borrow_and_update());
    let viewer = house.join();
    assert!(*watched.borrow_and_update());
    drop(viewer);
    assert!(!*watched.borrow_and_update());
}
