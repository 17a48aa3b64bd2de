use super::*;
use heron_core::{EventDraft, RecordMode, Severity, StreamKey, StreamKind, SystemClock};
use heron_hub::{Hub, HubConfig};
use heron_journal::JournalOptions;
use heron_record::{RecordPolicy, RecordReason, RecorderConfig, StreamSituation, VolumeConfig};
use heron_store::{Store, StoreOptions};
use serde_json::json;

fn event(seq: u64, draft: EventDraft) -> Event {
    Event { id: ulid_of(seq), seq, draft }
}

fn ulid_of(seq: u64) -> ulid::Ulid {
    ulid::Ulid::from_parts(seq, 0)
}

#[test]
fn an_event_is_an_instant_a_stretch_or_lasts() {
    let camera = CameraId::generate();
    let at = |s: i64| WallTime::from_millis(1_794_996_000_000 + s * 1000);
    let draft =
        |kind: &str, start| EventDraft::new(kind, Severity::Standard, at(start), "eye").camera(camera);
    let ends = |d: EventDraft| trigger_of(&event(1, d)).map(|t| t.end);
    assert_eq!(ends(draft("camera.input", 5)), Some(Some(at(5))));
    assert_eq!(ends(draft("camera.motion", 5).end(at(9))), Some(Some(at(9))));
    assert_eq!(ends(draft("camera.motion", 5).detail(json!({"lasting": true}))), Some(None));
    assert_eq!(ends(draft("recording.stopped", 5)), None);
    assert_eq!(ends(draft(MANUAL, 5)), Some(Some(at(5))));
    assert_eq!(ends(EventDraft::new("volume.full", Severity::High, at(5), "record")), None);

    let lasting = |kind: &str, start| draft(kind, start).detail(json!({"lasting": true}));
    let events = [
        event(1, lasting("camera.motion", 0)),
        event(2, lasting("analytics.intrusion", 10)),
        event(3, draft("camera.motion", 0).end(at(20))),
        event(4, draft("camera.input", 1000)),
    ];
    let due: Vec<String> = still_due(&events, at(1030)).into_iter().map(|t| t.kind).collect();
    assert_eq!(due, ["camera.input", "analytics.intrusion"], "the motion has ended long ago");
}

/// What any room writes into the journal starts a recording of a camera that waits for it; also what was written a moment
/// before the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn motion_in_the_journal_makes_the_recorder_record() {
    let dir = tempfile::tempdir().unwrap();
    let migrations = [heron_journal::MIGRATIONS, heron_record::MIGRATIONS];
    let store = Store::open(&dir.path().join("heron.db"), StoreOptions::default(), &migrations).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let journal = Journal::open(store.clone(), Arc::clone(&clock), JournalOptions::default()).await.unwrap();
    let (sink, _events) = tokio::sync::mpsc::channel(100);
    let config = RecorderConfig::new(vec![VolumeConfig::new(dir.path().join("v"))]);
    let (hub, at) = (Hub::new(HubConfig::default()), Arc::clone(&clock));
    let of_recorder = store.clone();
    let recorder =
        tokio::task::spawn_blocking(move || Recorder::start(config, hub, of_recorder, at, sink).unwrap())
            .await
            .unwrap();
    let recorder = Arc::new(recorder);
    let streams: Vec<StreamKey> =
        (0..3).map(|_| StreamKey::new(CameraId::generate(), StreamKind::Main)).collect();
    for (stream, mode) in streams.iter().zip([RecordMode::Motion, RecordMode::Event, RecordMode::Motion]) {
        recorder.set_policy(*stream, RecordPolicy::of(mode));
        recorder.stream_state(*stream, StreamSituation::Online);
    }
    let draft = |stream: usize, kind: &str| {
        EventDraft::new(kind, Severity::Standard, clock.now(), "eye").camera(streams[stream].camera)
    };
    journal.append(draft(0, "camera.motion")).await.unwrap();
    let stop = CancellationToken::new();
    let running = Triggers::new(journal.clone(), Arc::clone(&recorder), Arc::clone(&clock)).run(stop.clone());
    let running = tokio::spawn(running);
    journal.append(draft(1, "analytics.intrusion")).await.unwrap();
    journal.append(draft(2, "camera.input")).await.unwrap();
    let why = |stream: usize| recorder.status(streams[stream]).and_then(|s| s.why);
    let wanted = [Some(RecordReason::Motion), Some(RecordReason::Event("analytics.intrusion".into()))];
    for _ in 0..3000 {
        if [why(0), why(1)] == wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!([why(0), why(1)], wanted);
    assert_eq!(why(2), None, "an input is no motion");
    stop.cancel();
    running.await.unwrap();
    let _ = tokio::task::spawn_blocking(move || recorder.shutdown()).await;
}
