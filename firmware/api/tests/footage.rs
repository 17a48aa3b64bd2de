//! Recorded footage over HTTP: timeline, playlist, byte ranges, the virtual MP4.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use axum::http::StatusCode;
use bytes::Bytes;
use common::{Client, House};
use heron_core::{
    AccessUnit, AudioCodec, AudioFormat, Clock, MediaTime, StreamKey, SystemClock, TrackFormat, VideoCodec,
    VideoFormat, WallTime,
};
use heron_media::mp4::scan::scan;
use heron_record::RecordPolicy;
use std::sync::Arc;
use std::time::Duration;

const SECONDS: i64 = 6;

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
        nominal_fps: Some(25.0),
    }))
}

fn g711() -> Arc<TrackFormat> {
    Arc::new(TrackFormat::Audio(AudioFormat {
        codec: AudioCodec::G711a,
        sample_rate_hz: 8_000,
        channels: 1,
        config: Bytes::new(),
        rfc6381: "alaw".into(),
    }))
}

fn unit(
    format: &Arc<TrackFormat>,
    begun: WallTime,
    ticks: i64,
    payload: Vec<u8>,
    key: bool,
) -> Arc<AccessUnit> {
    let wall = begun.plus_nanos(MediaTime(ticks).as_nanos());
    let is_audio = format.audio().is_some();
    Arc::new(AccessUnit {
        format: format.clone(),
        pts: MediaTime(ticks),
        dts: MediaTime(ticks),
        audio_samples: if is_audio { payload.len() as u32 } else { 0 },
        arrival: wall,
        camera_time: None,
        wall,
        random_access: key,
        discontinuity: false,
        payload: payload.into(),
    })
}

/// Records [`SECONDS`] of invented footage that ended just now; returns when it began.
async fn record(house: &House, key: StreamKey, with_sound: bool) -> WallTime {
    let begun = SystemClock.now().plus_nanos(-(SECONDS + 1) * 1_000_000_000);
    let (video, audio) = (h264(), g711());
    house.recorder.set_policy(key, RecordPolicy::continuous());
    let stream = house.hub.stream(key);
    // The recorder's reader comes at its next tick; what is pushed before it starts at the newest key frame.
    while stream.statistics().pinned_readers == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut units = Vec::new();
    for n in 0..SECONDS * 25 {
        // One NAL unit of a coded slice, IDR or not, with its length before it.
        let mut payload = vec![0, 0, 0x0f, 0x9c, if n % 25 == 0 { 0x65 } else { 0x41 }];
        payload.resize(4000, n as u8);
        units.push(unit(&video, begun, n * 3600, payload, n % 25 == 0));
        if with_sound {
            units.extend((0..2).map(|i| unit(&audio, begun, n * 3600 + i * 1800, vec![0xd5; 160], true)));
        }
    }
    stream.push_batch(&units);
    let end = begun.plus_nanos((SECONDS - 1) * 1_000_000_000);
    let written = async {
        while house.recorder.status(key).and_then(|s| s.recorded_until).is_none_or(|t| t < end) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), written)
        .await
        .expect("the recorder writes what it is given");
    begun
}

fn range(begun: WallTime) -> String {
    format!(
        "start={}&end={}",
        begun.plus_nanos(-1_000_000_000),
        begun.plus_nanos((SECONDS - 2) * 1_000_000_000)
    )
}

/// The addresses of a playlist with the byte range that goes with each, in order.
fn entries(playlist: &str) -> Vec<(String, Option<(u64, u64)>)> {
    let mut out = Vec::new();
    let mut range = None;
    let parse = |text: &str| {
        let (length, offset) = text.split_once('@').expect("offsets are given");
        (offset.parse().unwrap(), length.parse().unwrap())
    };
    for line in playlist.lines() {
        if let Some(map) = line.strip_prefix("#EXT-X-MAP:") {
            let part = |name: &str| map.split(&format!("{name}=\"")).nth(1).and_then(|r| r.split('"').next());
            out.push((part("URI").unwrap().to_owned(), part("BYTERANGE").map(parse)));
        } else if let Some(text) = line.strip_prefix("#EXT-X-BYTERANGE:") {
            range = Some(parse(text));
        } else if !line.starts_with('#') && !line.is_empty() {
            out.push((line.to_owned(), range.take()));
        }
    }
    out
}

/// What a player would put together from the playlist.
async fn play(client: &Client, base: &str, playlist: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for (uri, range) in entries(playlist) {
        let place = format!("{base}/{uri}");
        let answer = match range {
            None => client.get(&place).await,
            Some((offset, length)) => {
                let client = client.clone().with("range", &format!("bytes={offset}-{}", offset + length - 1));
                let answer = client.get(&place).await;
                assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{place}: {}", answer.text());
                assert_eq!(answer.body.len() as u64, length);
                answer
            }
        };
        assert!(answer.status.is_success(), "{place}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "video/mp4");
        all.extend_from_slice(&answer.body);
    }
    all
}

#[tokio::test]
async fn what_was_recorded_a_moment_ago_plays() {
    let house = House::new().await;
    let viewer = house.client("viewer").await;
    for with_sound in [false, true] {
        let key = if with_sound { other_camera(&house).await } else { house.camera().await };
        let begun = record(&house, key, with_sound).await;
        let base = format!("/api/v1/cameras/{}", key.camera);

        let timeline = viewer.get(&format!("{base}/timeline?{}&bin=1000", range(begun))).await.json();
        let spans = timeline["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 1, "{timeline}");
        assert_eq!(spans[0]["stream"], "main");
        let bins = &timeline["bins"];
        assert_eq!(
            (bins["width_ms"].as_u64(), bins["events"].as_array().map(Vec::len)),
            (Some(1000), Some(5))
        );
        let coverage = bins["coverage"]["main"].as_array().unwrap();
        assert_eq!(coverage[2], 1.0, "{timeline}");

        let playlist = viewer.get(&format!("{base}/playback.m3u8?{}", range(begun))).await;
        assert_eq!(playlist.status, StatusCode::OK, "{}", playlist.text());
        assert_eq!(playlist.header("content-type"), "application/vnd.apple.mpegurl");
        let text = playlist.text();
        assert!(text.starts_with("#EXTM3U\n") && text.contains("#EXT-X-PROGRAM-DATE-TIME:"), "{text}");
        assert_eq!(text.contains("init.mp4"), with_sound, "{text}");
        let played = play(&viewer, &base, &text).await;
        let found = scan(played.as_slice());
        assert!(found.problem.is_none(), "{:?}", found.problem);
        assert!(found.fragments.len() >= 4, "{} fragments", found.fragments.len());
        let audio = found.init.unwrap().tracks.iter().find_map(|t| t.spec.format.audio().map(|a| a.codec));
        assert_eq!(audio, with_sound.then_some(AudioCodec::Flac));

        let place = format!("{base}/video.mp4?{}", range(begun));
        let whole = viewer.get(&place).await;
        assert_eq!(whole.status, StatusCode::OK, "{}", whole.text());
        assert_eq!(whole.header("content-type"), "video/mp4");
        assert_eq!(whole.header("accept-ranges"), "bytes");
        assert!(whole.header("content-disposition").contains(".mp4"));
        assert_eq!(&whole.body[4..8], b"ftyp");
        assert!(whole.body.len() > 300_000);
        let etag = whole.header("etag").to_owned();
        let mut pieces = Vec::new();
        for start in (0..whole.body.len()).step_by(70_001) {
            let client = viewer
                .clone()
                .with("range", &format!("bytes={start}-{}", start + 70_000))
                .with("if-range", &etag);
            let piece = client.get(&place).await;
            assert_eq!(piece.status, StatusCode::PARTIAL_CONTENT);
            pieces.extend_from_slice(&piece.body);
        }
        assert_eq!(pieces, whole.body);
        let tail = viewer.clone().with("range", "bytes=-100").get(&place).await;
        assert_eq!(tail.body, whole.body.slice(whole.body.len() - 100..));
        let stale = viewer.clone().with("range", "bytes=0-1").with("if-range", "\"other\"").get(&place).await;
        assert_eq!(stale.status, StatusCode::OK);
        let beyond = viewer.clone().with("range", "bytes=99999999-").get(&place).await;
        beyond.is_problem(416, "range-not-satisfiable", "");
        assert_eq!(beyond.header("content-range"), format!("bytes */{}", whole.body.len()));
        let known = viewer.clone().with("if-none-match", &etag).get(&place).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
        let head = viewer.send("HEAD", &place, axum::body::Body::empty()).await;
        assert_eq!(
            (head.status, head.header("content-length")),
            (StatusCode::OK, whole.header("content-length"))
        );

        // Two at once; the third waits for a while and is refused, unless one of them ends.
        let open = async || viewer.open("GET", &place, axum::body::Body::empty()).await;
        let (one, two) = (open().await, open().await);
        let refused = viewer.get(&place).await;
        refused.is_problem(429, "exhausted", "");
        assert!(!refused.header("retry-after").is_empty());
        assert_eq!(house.client("admin").await.get(&place).await.status, StatusCode::OK);
        drop(one);
        assert_eq!(viewer.get(&place).await.body, whole.body);
        drop(two);

        // A segment is only there for its own camera.
        let segment = entries(&text)[0].0.clone();
        let stranger = "018f7a36-0000-7000-8000-000000000000";
        viewer.get(&format!("/api/v1/cameras/{stranger}/{segment}")).await.is_problem(404, "not-found", "");
    }
    let storage = viewer.get("/api/v1/storage").await.json();
    assert_eq!(storage["streams"].as_array().unwrap().len(), 2, "{storage}");
    assert!(storage["streams"][0]["bytes"].as_u64().unwrap() > 100_000);
}

async fn other_camera(house: &House) -> StreamKey {
    let admin = house.client("admin").await;
    let body = serde_json::json!({"name": "Sound", "source": "rtsp://127.0.0.1:9/sound"});
    let id = admin.post("/api/v1/cameras", &body).await.json()["id"].as_str().unwrap().to_owned();
    StreamKey::new(id.parse().unwrap(), heron_core::StreamKind::Main)
}

#[tokio::test]
async fn ranges_that_make_no_sense_are_named() {
    let house = House::new().await;
    let key = house.camera().await;
    let viewer = house.client("viewer").await;
    let base = format!("/api/v1/cameras/{}", key.camera);
    let (early, late) = ("2026-11-01T00:00:00Z", "2026-11-01T01:00:00Z");
    for route in ["timeline", "playback.m3u8", "video.mp4"] {
        let ask = async |query: &str| viewer.get(&format!("{base}/{route}?{query}")).await;
        ask("").await.is_problem(400, "invalid", "start");
        ask(&format!("start={early}")).await.is_problem(400, "invalid", "end");
        ask(&format!("start={late}&end={early}")).await.is_problem(400, "invalid", "end");
        ask(&format!("start=x&end={late}")).await.is_problem(400, "invalid", "start");
        ask(&format!("start={early}&end=9999999999999")).await.is_problem(400, "invalid", "end");
        ask("start=2200-01-01T00:00:00Z&end=2200-01-01T01:00:00Z").await.is_problem(400, "invalid", "start");
        ask("start=1990-01-01T00:00:00Z&end=2026-01-01T00:00:00Z").await.is_problem(400, "invalid", "end");
        ask(&format!("start={early}&end={late}&colour=red")).await.is_problem(400, "invalid", "colour");
    }
    for route in ["playback.m3u8", "video.mp4"] {
        let query = format!("start={early}&end={late}");
        viewer.get(&format!("{base}/{route}?{query}")).await.is_problem(404, "not-found", "");
        viewer
            .get(&format!("{base}/{route}?{query}&stream=third"))
            .await
            .is_problem(400, "invalid", "stream");
    }
    let empty = viewer.get(&format!("{base}/timeline?start={early}&end={late}")).await.json();
    assert_eq!(
        (empty["spans"].as_array().map(Vec::len), empty["bins"].is_null()),
        (Some(0), true),
        "{empty}"
    );
    let bins = viewer.get(&format!("{base}/timeline?start={early}&end={late}&bin=1")).await;
    bins.is_problem(400, "invalid", "bin");
    let missing = "/api/v1/cameras/018f7a36-0000-7000-8000-000000000000";
    for route in ["timeline", "playback.m3u8", "video.mp4"] {
        viewer.get(&format!("{missing}/{route}?start={early}&end={late}")).await.is_problem(
            404,
            "not-found",
            "",
        );
    }
    for name in [
        "1.mp4",
        "99999999.mp4",
        "x.mp4",
        "-1.mp4",
        "..%2f..%2fetc%2fpasswd",
        "1.mp4.mp4",
        "1/init.mp4",
        "1/0-10.m4s",
        "1/x",
    ] {
        viewer.get(&format!("{base}/segments/{name}")).await.is_problem(404, "not-found", "");
    }
}
