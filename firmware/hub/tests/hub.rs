//! The registry: shared memory, viewers, formats.

use bytes::Bytes;
use heron_core::{
    AccessUnit, CameraId, MediaTime, StreamKey, StreamKind, TrackFormat, TrackKind, VideoCodec, VideoFormat,
    WallTime,
};
use heron_hub::{Hub, HubConfig};
use proptest::prelude::*;
use std::sync::Arc;

fn format() -> Arc<TrackFormat> {
    Arc::new(TrackFormat::Video(VideoFormat {
        codec: VideoCodec::Mjpeg,
        width: 16,
        height: 16,
        rfc6381: "mjpg".into(),
        config: Bytes::new(),
        parameter_sets: Vec::new(),
        pixel_aspect: (1, 1),
        reorder_frames: Some(0),
        nominal_fps: None,
    }))
}

fn unit(format: &Arc<TrackFormat>, key: bool, bytes: usize) -> Arc<AccessUnit> {
    Arc::new(AccessUnit {
        format: Arc::clone(format),
        pts: MediaTime(0),
        dts: MediaTime(0),
        audio_samples: 0,
        arrival: WallTime(0),
        camera_time: None,
        wall: WallTime(0),
        random_access: key,
        discontinuity: false,
        payload: Bytes::from(vec![0; bytes]),
    })
}

fn key(n: u128) -> StreamKey {
    StreamKey::new(CameraId(uuid_from(n)), StreamKind::Main)
}

fn uuid_from(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

#[test]
fn streams_are_made_once_and_end_when_removed() {
    let hub = Hub::new(HubConfig::default());
    let stream = hub.stream(key(1));
    assert!(Arc::ptr_eq(&stream, &hub.stream(key(1))));
    let mut reader = stream.live_reader();
    assert!(hub.remove(key(1)) && !hub.remove(key(1)));
    assert!(hub.get(key(1)).is_none());
    assert!(reader.try_next().is_err());
}

#[test]
fn formats_and_the_newest_key_frame_are_known() {
    let hub = Hub::new(HubConfig::default());
    let stream = hub.stream(key(1));
    assert!(stream.format(TrackKind::Video).is_none() && stream.newest_key_frame().is_none());
    let (first, second) = (format(), format());
    stream.push_batch(&[unit(&first, true, 10), unit(&first, false, 10)]);
    stream.push(unit(&second, true, 20));
    assert!(Arc::ptr_eq(&stream.format(TrackKind::Video).unwrap(), &second));
    assert_eq!(stream.formats().len(), 1);
    assert_eq!(stream.newest_key_frame().unwrap().payload.len(), 20);
}

#[test]
fn ingest_is_told_when_the_first_viewer_comes_and_the_last_one_goes() {
    let hub = Hub::new(HubConfig::default());
    let stream = hub.stream(key(1));
    let mut watched = stream.watched();
    let first = stream.viewer();
    assert!(watched.has_changed().unwrap() && *watched.borrow_and_update());
    let second = stream.viewer();
    drop(first);
    assert!(!watched.has_changed().unwrap(), "one is still there");
    drop(second);
    assert!(watched.has_changed().unwrap() && !*watched.borrow_and_update());
    assert_eq!(stream.viewers(), 0);
}

#[test]
fn a_removed_stream_gives_its_memory_back() {
    let hub = Hub::new(HubConfig::default());
    let stream = hub.stream(key(1));
    stream.push(unit(&format(), true, 5000));
    assert!(hub.used_bytes() >= 5000);
    hub.remove(key(1));
    drop(stream);
    assert_eq!(hub.used_bytes(), 0);
}

#[test]
fn under_pressure_the_fattest_stream_pays() {
    let hub = Hub::new(HubConfig { stream_bytes: 100_000, total_bytes: 100_000 });
    let (fat, lean) = (hub.stream(key(1)), hub.stream(key(2)));
    let format = format();
    let (mut fat_reader, mut lean_reader) = (fat.pinned_reader(), lean.pinned_reader());
    for i in 0..90 {
        fat.push(unit(&format, i == 0, 1000 - 192));
    }
    for i in 0..40 {
        lean.push(unit(&format, i == 0, 1000 - 192));
        assert!(hub.used_bytes() <= 100_000);
    }
    let mut out = Vec::new();
    assert_eq!(lean_reader.drain(&mut out, 1000).overrun, None);
    assert_eq!(fat_reader.drain(&mut out, 1000).overrun.unwrap().units, 30);
}

#[test]
fn who_is_watched_gives_way_last_and_every_loss_is_told() {
    let hub = Hub::new(HubConfig { stream_bytes: 100_000, total_bytes: 100_000 });
    let streams = [hub.stream(key(1)), hub.stream(key(2)), hub.stream(key(3))];
    let format = format();
    let mut recorders = streams.each_ref().map(|s| s.pinned_reader());
    let viewer = streams[0].live_reader();
    // The watched one has the largest backlog, 60 kB; a fair share is 33.
    for (stream, units) in streams.iter().zip([60, 38, 0]) {
        for i in 0..units {
            stream.push(unit(&format, i == 0, 1000 - 192));
        }
    }
    assert_eq!((hub.given_way(), hub.peak_bytes()), (0, 98_000));
    for i in 0..40 {
        streams[2].push(unit(&format, i == 0, 1000 - 192));
        assert!(hub.used_bytes() <= 100_000);
    }
    let held = streams.each_ref().map(|s| s.statistics().depth_bytes);
    // Those that nobody watches are at their share before the watched one gives anything.
    assert_eq!(held, [34_000, 33_000, 33_000]);
    assert!(hub.given_way() > 0 && hub.peak_bytes() <= 101_000);
    let (mut lost, mut out) = (0, Vec::new());
    for recorder in &mut recorders {
        lost += recorder.drain(&mut out, 1000).overrun.map_or(0, |o| o.units);
    }
    assert_eq!(lost + out.len() as u64, 138, "every frame was read or is told as lost");
    drop(viewer);
}

proptest! {
    #[test]
    fn all_streams_together_stay_within_the_shared_bound(
        pushes in prop::collection::vec((0u128..6, prop::bool::weighted(0.1), 0usize..3000), 1..400),
    ) {
        let hub = Hub::new(HubConfig { stream_bytes: 12_000, total_bytes: 30_000 });
        let readers: Vec<_> = (0..6).map(|n| hub.stream(key(n)).pinned_reader()).collect();
        let format = format();
        for (n, is_key, bytes) in pushes {
            hub.stream(key(n)).push(unit(&format, is_key, bytes));
            prop_assert!(hub.used_bytes() <= 30_000);
            let held: usize = hub.streams().iter().map(|s| s.statistics().depth_bytes).sum();
            prop_assert_eq!(held, hub.used_bytes());
        }
        drop(readers);
    }
}
