//! Footage on its way into a real S3 server, and back.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::footage::{self, Camera, ffprobe, key};
use common::{Keeper, SECRET, Server, entered, eventually};
use heron_archive::{ArchiveState, Item, ItemState, NewConfig, NewJob, Verify, What, Window};
use heron_core::{Clock, EventDraft, Severity, StreamKind, WallTime};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A box whose first camera has been recorded for `seconds`, in files that are closed.
fn recorded(seconds: f64, filler: usize) -> (footage::Box, Camera) {
    let recording = footage::Box::new();
    let mut camera = Camera::new();
    camera.filler = filler;
    recording.record(key(1));
    let mut left = seconds;
    while left > 0.0 {
        recording.feed(key(1), &mut camera, left.min(5.0));
        recording.wait_recorded(key(1), camera.wall);
        left -= 5.0;
    }
    // The camera goes away: its last file is closed.
    recording.recorder.stream_state(key(1), heron_record::StreamSituation::Unreachable);
    footage::wait("the files to be closed", || {
        let all = recording.recorder.playback().segments(key(1), footage::START, camera.wall).unwrap();
        all.iter().all(|s| s.state == heron_record::catalogue::SegmentState::Closed)
    });
    (recording, camera)
}

fn job(camera: &Camera) -> NewJob {
    NewJob { camera: key(1).camera, stream: StreamKind::Main, start: footage::START, end: camera.wall }
}

async fn done(keeper: &Keeper, id: i64) -> Item {
    eventually("the job to be done", async || {
        let item = keeper.archive.item(id).await.unwrap();
        (item.state != ItemState::Waiting).then_some(item)
    })
    .await
}

fn same_files(local: &[PathBuf], stored: &[PathBuf]) {
    assert_eq!(local.len(), stored.len(), "{local:?} {stored:?}");
    for (a, b) in local.iter().zip(stored) {
        assert_eq!(a.file_name(), b.file_name());
        assert!(std::fs::read(a).unwrap() == std::fs::read(b).unwrap(), "{} differs", b.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_stores_what_was_recorded_and_it_plays_from_there() {
    let (recording, camera) = recorded(130.0, 4000);
    recording.clock.advance(Duration::from_secs(10));
    let server = Server::start().await;
    let keeper = Keeper::open(&recording).await;
    assert_eq!(keeper.archive.status().await.unwrap().state, ArchiveState::Off);
    let e = keeper.archive.add(job(&camera)).await.unwrap_err();
    assert!(e.to_string().contains("no archive is configured"), "{e}");
    let mut config = server.config();
    config.verify = Verify::ReadBack;
    keeper.archive.configure(entered(config)).await.unwrap();
    keeper.archive.test().await.unwrap();
    let item = keeper.archive.add(job(&camera)).await.unwrap();
    let item = done(&keeper, item.id).await;
    let local = recording.files();
    assert_eq!((item.state, item.files as usize), (ItemState::Stored, local.len()));
    same_files(&local, &server.stored());
    // Retention takes the local files; the footage plays on from the bucket.
    for file in &local {
        std::fs::remove_file(file).unwrap();
    }
    let range = (footage::START, camera.wall);
    let stored = keeper.archive.stored(key(1), range.0, range.1).await.unwrap();
    assert_eq!(stored.len(), local.len());
    let list = keeper.archive.playlist(key(1), range.0, range.1, "archived").await.unwrap().unwrap();
    let list = match m3u8_rs::parse_playlist_res(list.as_bytes()).unwrap() {
        m3u8_rs::Playlist::MediaPlaylist(list) => list,
        other => panic!("{other:?}"),
    };
    let mut played = Vec::new();
    for (n, segment) in list.segments.iter().enumerate() {
        let pieces: Vec<&str> = segment.uri.split('/').collect();
        let id: i64 = pieces[1].parse().unwrap();
        if segment.map.is_some() {
            assert!(n == 0 || !segment.discontinuity, "one time line");
            played.extend_from_slice(&keeper.archive.init(id).await.unwrap());
        }
        let (offset, length) = pieces[2].trim_end_matches(".m4s").split_once('-').unwrap();
        let piece = keeper.archive.piece(id, offset.parse().unwrap(), length.parse().unwrap()).await.unwrap();
        played.extend_from_slice(&piece);
    }
    let film = recording.dir.path().join("played.mp4");
    std::fs::write(&film, &played).unwrap();
    let entries = [
        "-select_streams",
        "v:0",
        "-count_packets",
        "-show_entries",
        "stream=nb_read_packets",
        "-of",
        "csv=p=0",
    ];
    assert_eq!(ffprobe(&entries, &film), camera.n.to_string(), "every frame that was made");
    let e = keeper.archive.piece(stored[0].id, 1, 7).await.unwrap_err();
    assert_eq!(e.kind(), heron_core::ErrorKind::NotFound, "only what a playlist names");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_after_a_restart_where_it_was() {
    // One file of about 25 MB: four parts.
    let (recording, camera) = recorded(28.0, 36_000);
    recording.clock.advance(Duration::from_secs(10));
    let bytes = std::fs::metadata(&recording.files()[0]).unwrap().len();
    let parts = u32::try_from(bytes.div_ceil(8 << 20)).unwrap();
    assert!(parts >= 3 && recording.files().len() == 1, "{bytes}");
    let server = Server::start().await;
    let keeper = Keeper::open(&recording).await;
    let mut config = server.config();
    // Slow enough that the restart comes in the middle: a part takes seconds.
    config.bandwidth_kbit = 30_000;
    keeper.archive.configure(entered(config)).await.unwrap();
    let item = keeper.archive.add(job(&camera)).await.unwrap();
    eventually("the first part to be there", async || {
        (server.mood.parts.load(Ordering::SeqCst) >= 1).then_some(())
    })
    .await;
    keeper.close().await;
    let sent = server.mood.parts.load(Ordering::SeqCst);
    assert!(server.stored().is_empty() && sent < parts);
    let keeper = Keeper::open(&recording).await;
    let item = done(&keeper, item.id).await;
    assert_eq!((item.state, item.files), (ItemState::Stored, 1));
    same_files(&recording.files(), &server.stored());
    assert_eq!(server.mood.begun.load(Ordering::SeqCst), 1, "the same upload went on");
    let again = server.mood.parts.load(Ordering::SeqCst) - parts;
    assert!(again <= 1, "at most the part that was interrupted is sent twice, not {again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_is_tried_again_and_people_are_told() {
    let (recording, camera) = recorded(20.0, 1000);
    recording.clock.advance(Duration::from_secs(10));
    let mut server = Server::start().await;
    let keeper = Keeper::open(&recording).await;
    server.vanish();
    keeper.archive.configure(entered(server.config())).await.unwrap();
    let item = keeper.archive.add(job(&camera)).await.unwrap();
    let status = eventually("the failure to be told", async || {
        let status = keeper.archive.status().await.unwrap();
        (status.state == ArchiveState::Failing).then_some(status)
    })
    .await;
    let problem = status.problem.unwrap();
    assert!(problem.contains(&server.address.to_string()) && !problem.contains(SECRET), "{problem}");
    server.come_back().await;
    // What failed is due again after half a minute of the box's clock.
    recording.clock.advance(Duration::from_secs(60));
    let item = done(&keeper, item.id).await;
    assert_eq!(item.state, ItemState::Stored);
    assert_eq!(keeper.archive.status().await.unwrap().problem, None);
    same_files(&recording.files(), &server.stored());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_altered_on_the_way_are_refused_and_sent_again() {
    let (recording, camera) = recorded(20.0, 1000);
    recording.clock.advance(Duration::from_secs(10));
    let server = Server::start().await;
    server.mood.corrupts.store(1, Ordering::SeqCst);
    server.mood.forgets.store(1, Ordering::SeqCst);
    let keeper = Keeper::open(&recording).await;
    keeper.archive.configure(entered(server.config())).await.unwrap();
    let item = keeper.archive.add(job(&camera)).await.unwrap();
    let item = done(&keeper, item.id).await;
    assert_eq!(
        (item.state, item.attempts),
        (ItemState::Stored, 0),
        "a lost answer to the completion is no failure"
    );
    assert_eq!(server.mood.parts.load(Ordering::SeqCst), 2, "the altered part was refused and sent again");
    same_files(&recording.files(), &server.stored());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_said_and_a_secret_stays_with_its_address() {
    let (recording, _) = recorded(5.0, 100);
    let server = Server::start().await;
    let keeper = Keeper::open(&recording).await;
    let wrong = NewConfig { config: server.config(), secret: Some("wrong".to_owned().into()) };
    keeper.archive.configure(wrong).await.unwrap();
    let e = keeper.archive.test().await.unwrap_err().to_string();
    assert!(e.contains("SignatureDoesNotMatch") || e.contains("403"), "{e}");
    let shown = keeper.archive.configure(entered(server.config())).await.unwrap();
    assert!(!serde_json::to_string(&shown).unwrap().contains(SECRET));
    let mut slower = server.config();
    slower.bandwidth_kbit = 1000;
    keeper.archive.configure(NewConfig { config: slower.clone(), secret: None }).await.unwrap();
    keeper.archive.test().await.unwrap();
    slower.endpoint = "http://192.0.2.1:9000".into();
    let e = keeper.archive.configure(NewConfig { config: slower, secret: None }).await.err().unwrap();
    assert_eq!(e.field(), Some("secret"), "a stored secret does not follow an address: {e}");
    keeper.close().await;
    let keeper = Keeper::open(&recording).await;
    keeper.archive.test().await.unwrap();
    keeper.archive.forget().await.unwrap();
    assert!(keeper.archive.config().is_none());
    let e = keeper.archive.test().await.unwrap_err();
    assert_eq!(e.kind(), heron_core::ErrorKind::Conflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chosen_events_are_stored_once_whatever_happens_in_between() {
    let (recording, camera) = recorded(130.0, 1000);
    recording.clock.advance(Duration::from_secs(30));
    let server = Server::start().await;
    let keeper = Keeper::open(&recording).await;
    let mut config = server.config();
    config.what = What { events: vec!["analytics.*".into()], ..What::default() };
    keeper.archive.configure(entered(config)).await.unwrap();
    server.mood.refuses.store(true, Ordering::SeqCst);
    let at = footage::START.plus_nanos(100_000_000_000);
    let event = |kind: &str| EventDraft::new(kind, Severity::High, at, "test").camera(key(1).camera);
    keeper.journal.append(event("analytics.intrusion")).await.unwrap();
    keeper.journal.append(event("camera.lost")).await.unwrap();
    eventually("the event to be taken", async || {
        (keeper.archive.status().await.unwrap().queued == 1).then_some(())
    })
    .await;
    keeper.close().await;
    server.mood.refuses.store(false, Ordering::SeqCst);
    recording.clock.advance(Duration::from_secs(60));
    let keeper = Keeper::open(&recording).await;
    eventually("the event's footage", async || {
        (keeper.archive.status().await.unwrap().queued == 0).then_some(())
    })
    .await;
    let items = keeper.archive.items(None, 10).await.unwrap();
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(
        (items[0].start, items[0].end),
        (at.plus_nanos(-10_000_000_000), at.plus_nanos(10_000_000_000))
    );
    let stored = keeper.archive.stored(key(1), footage::START, camera.wall).await.unwrap();
    assert!(stored.iter().all(|o| o.end > items[0].start && o.start < items[0].end), "{stored:?}");
    assert_eq!(stored.len(), server.stored().len());
    assert!(stored.len() < recording.files().len(), "not all of it belongs to the event");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outside_the_window_nothing_is_sent() {
    let (recording, camera) = recorded(10.0, 100);
    let server = Server::start().await;
    let keeper = Keeper::open(&recording).await;
    let hour = |at: WallTime| at.to_string()[11..16].to_owned();
    let mut config = server.config();
    let opens = recording.clock.now().plus_nanos(3600 * 1_000_000_000);
    config.window = Some(Window {
        from: hour(opens),
        to: hour(opens.plus_nanos(3600 * 1_000_000_000)),
        timezone: "UTC".into(),
    });
    keeper.archive.configure(entered(config)).await.unwrap();
    let item = keeper.archive.add(job(&camera)).await.unwrap();
    let status = eventually("it to wait", async || {
        let status = keeper.archive.status().await.unwrap();
        (status.state == ArchiveState::Waiting).then_some(status)
    })
    .await;
    assert!(!status.window_open && server.mood.begun.load(Ordering::SeqCst) == 0);
    recording.clock.advance(Duration::from_secs(3700));
    assert_eq!(done(&keeper, item.id).await.state, ItemState::Stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_of_a_chosen_camera_is_stored_from_then_on() {
    let (recording, mut camera) = recorded(10.0, 100);
    let server = Server::start().await;
    let keeper = Keeper::open(&recording).await;
    let mut config = server.config();
    config.what.cameras = vec![key(1).camera];
    keeper.archive.configure(entered(config)).await.unwrap();
    eventually("it to be looked after", async || {
        (keeper.archive.status().await.unwrap().state == ArchiveState::Ok).then_some(())
    })
    .await;
    let begun = recording.clock.now();
    camera.reconnect(begun.nanos_since(camera.wall));
    recording.recorder.stream_state(key(1), heron_record::StreamSituation::Online);
    recording.feed(key(1), &mut camera, 30.0);
    recording.wait_recorded(key(1), camera.wall);
    recording.recorder.stream_state(key(1), heron_record::StreamSituation::Unreachable);
    recording.clock.advance(Duration::from_secs(900));
    let stored = eventually("the new footage", async || {
        let stored = keeper.archive.stored(key(1), begun, camera.wall).await.unwrap();
        stored.iter().any(|o| o.start >= begun).then_some(stored)
    })
    .await;
    assert!(stored.iter().all(|o| o.camera == key(1).camera));
}
