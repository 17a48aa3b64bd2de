//! A lock made over HTTP holds against the rules of retention.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use axum::http::StatusCode;
use bytes::Bytes;
use common::House;
use heron_core::{
    AccessUnit, Clock, MediaTime, StreamKey, SystemClock, TrackFormat, VideoCodec, VideoFormat, WallTime,
};
use heron_record::{RecordPolicy, RetentionRules};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const SECONDS: i64 = 200;

fn h264() -> Arc<TrackFormat> {
    let sps = Bytes::from_static(&[0x67, 0x64, 0x00, 40, 0xac, 0xd9, 0x40, 0x50]);
    let pps = Bytes::from_static(&[0x68, 0xeb, 0xec, 0xb2, 0x2c]);
    let mut config = vec![1, 0x64, 0, 40, 0xff, 0xe1, 0, sps.len() as u8];
    config.extend_from_slice(&sps);
    config.extend_from_slice(&[1, 0, pps.len() as u8]);
    config.extend_from_slice(&pps);
    Arc::new(TrackFormat::Video(VideoFormat {
        codec: VideoCodec::H264,
        width: 1920,
        height: 1080,
        rfc6381: "avc1.640028".into(),
        config: config.into(),
        parameter_sets: vec![sps, pps],
        pixel_aspect: (1, 1),
        reorder_frames: None,
        nominal_fps: Some(5.0),
    }))
}

/// Waits for something that must happen.
async fn eventually(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    for _ in 0..3000 {
        if happened().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain for {what}");
}

/// Records [`SECONDS`] of invented footage that ended just now; returns when it began.
async fn record(house: &House, key: StreamKey) -> WallTime {
    let begun = SystemClock.now().plus_nanos(-(SECONDS + 1) * 1_000_000_000);
    let video = h264();
    house.recorder.set_policy(key, RecordPolicy::continuous());
    let stream = house.hub.stream(key);
    eventually("the recorder's reader", async || stream.statistics().pinned_readers > 0).await;
    for n in 0..SECONDS * 5 {
        let key_frame = n % 5 == 0;
        let mut payload = vec![0, 0, 0x01, 0xfc, if key_frame { 0x65 } else { 0x41 }];
        payload.resize(512, n as u8);
        let wall = begun.plus_nanos(n * 200_000_000);
        stream.push_batch(&[Arc::new(AccessUnit {
            format: Arc::clone(&video),
            pts: MediaTime(n * 18_000),
            dts: MediaTime(n * 18_000),
            audio_samples: 0,
            arrival: wall,
            camera_time: None,
            wall,
            random_access: key_frame,
            discontinuity: false,
            payload: payload.into(),
        })]);
    }
    let end = begun.plus_nanos((SECONDS - 2) * 1_000_000_000);
    let recorder = &house.recorder;
    eventually("the disk", async || {
        recorder.status(key).and_then(|s| s.recorded_until).is_some_and(|t| t >= end)
    })
    .await;
    begun
}

#[tokio::test]
async fn a_lock_made_over_http_outlives_the_greatest_age() {
    let house = House::new().await;
    let key = house.camera().await;
    let admin = house.client("admin").await;
    let begun = record(&house, key).await;
    let (start, end) = (begun.plus_nanos(1_000_000_000), begun.plus_nanos(2_000_000_000));
    let body = json!({"start": start, "end": end, "reason": "Evidence."});
    let lock = admin.post(&format!("/api/v1/cameras/{}/locks", key.camera), &body).await;
    assert_eq!(lock.status, StatusCode::CREATED, "{}", lock.text());
    house.recorder.set_retention(Some(key.camera), RetentionRules::at_most(Duration::from_secs(20)));
    let timeline = format!(
        "/api/v1/cameras/{}/timeline?start={begun}&end={}",
        key.camera,
        begun.plus_nanos(SECONDS * 1_000_000_000)
    );
    let covers = async |at: WallTime| {
        let spans = admin.get(&timeline).await.json()["spans"].clone();
        let time = |v: &serde_json::Value| v.as_str().unwrap().parse::<WallTime>().unwrap();
        spans.as_array().unwrap().iter().any(|s| time(&s["start"]) <= at && at < time(&s["end"]))
    };
    // A segment is 90 s at most, so this one is neither the first nor the last.
    let middle = begun.plus_nanos(95_000_000_000);
    eventually("retention", async || !covers(middle).await).await;
    assert!(covers(start).await, "locked");

    let one = format!("/api/v1/locks/{}", lock.json()["id"].as_str().unwrap());
    assert_eq!(admin.delete(&one).await.status, StatusCode::NO_CONTENT);
    eventually("retention", async || !covers(start).await).await;
}
