//! The journal as other rooms use it.
#![allow(clippy::unwrap_used)]

use heron_core::{CameraId, Clock, ErrorKind, EventDraft, ManualClock, Severity, WallTime};
use heron_journal::{
    Change, EventFilter, Journal, JournalError, JournalOptions, MIGRATIONS, Received, Status,
};
use heron_store::{Store, StoreOptions};
use std::sync::Arc;
use std::time::Duration;

struct Bench {
    dir: tempfile::TempDir,
    store: Store,
    clock: Arc<ManualClock>,
    journal: Journal,
}

async fn bench_keeping(keep_rows: u64) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("heron.db"), StoreOptions::default(), &[MIGRATIONS]).unwrap();
    let clock = Arc::new(ManualClock::new("2026-11-20T10:00:00Z".parse::<WallTime>().unwrap()));
    let journal = Journal::open(store.clone(), clock.clone(), JournalOptions { keep_rows }).await.unwrap();
    Bench { dir, store, clock, journal }
}

async fn bench() -> Bench {
    bench_keeping(500_000).await
}

impl Bench {
    fn draft(&self, kind: &str) -> EventDraft {
        EventDraft::new(kind, Severity::Standard, self.clock.now(), "test")
    }
    async fn append(&self, kind: &str) -> heron_core::Event {
        self.clock.advance(Duration::from_secs(1));
        self.journal.append(self.draft(kind)).await.unwrap()
    }
    async fn sql(&self, sql: &'static str) {
        self.store.write(move |tx| Ok(tx.execute_batch(sql)?)).await.unwrap();
    }
}

fn seqs(page: &heron_journal::Page) -> Vec<u64> {
    page.items.iter().map(|e| e.event.seq).collect()
}

#[tokio::test]
async fn what_is_appended_comes_back_the_same_and_in_order() {
    let b = bench().await;
    let camera = CameraId::generate();
    let mut draft =
        b.draft("camera.unreachable").camera(camera).text("no route to 10.0.0.5; check the cable");
    draft.end = Some(draft.start + Duration::from_millis(1500));
    draft.severity = Severity::High;
    draft.detail = serde_json::json!({"reason": "no_route", "tries": 10});
    let first = b.journal.append(draft.clone()).await.unwrap();
    assert_eq!((first.seq, &first.draft), (1, &draft));
    let second = b.append("camera.online").await;
    assert_eq!(second.seq, 2);
    assert!(second.id > first.id);
    let entry = b.journal.get(first.id).await.unwrap();
    assert_eq!(entry.event, first);
    assert_eq!(entry.status, Status::New);
    let json = serde_json::to_value(&entry).unwrap();
    assert_eq!(json["kind"], "camera.unreachable");
    assert_eq!(json["status"], "NEW");
    assert_eq!(json["severity"], "HIGH");
    assert_eq!(json["end"], "2026-11-20T10:00:01.500Z");
    assert_eq!(json["tags"], serde_json::json!([]));
    let missing = b.journal.get(ulid::Ulid::nil()).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn ids_grow_even_when_the_clock_steps_back() {
    let b = bench().await;
    let first = b.append("a").await;
    b.clock.set_wall("2020-01-01T00:00:00Z".parse().unwrap());
    let second = b.append("a").await;
    let third = b.journal.append_many(vec![b.draft("a"), b.draft("a")]).await.unwrap();
    assert!(first.id < second.id && second.id < third[0].id && third[0].id < third[1].id);
    assert_eq!(b.journal.verify(1..=u64::MAX).await.unwrap(), None);
}

#[tokio::test]
async fn odd_drafts_are_refused_or_cut() {
    let b = bench().await;
    for kind in [
        "",
        "Camera",
        "camera..x",
        ".a",
        "a.",
        "a b",
        "ä",
        &"x".repeat(65),
        "a'; DROP TABLE journal_events; --",
    ] {
        let error = b.journal.append(b.draft(kind)).await.unwrap_err();
        assert_eq!(error.field(), Some("kind"), "{kind:?}");
    }
    let mut long = b.draft("a").text("ü".repeat(100_000)).detail(serde_json::json!("y".repeat(1 << 20)));
    long.actor = "z".repeat(10_000);
    let kept = b.journal.append(long).await.unwrap();
    let back = b.journal.get(kept.id).await.unwrap().event;
    assert_eq!(back, kept);
    assert_eq!(back.draft.text.unwrap().chars().count(), 4001);
    assert_eq!(back.draft.detail["omitted_bytes"], (1 << 20) + 2);
    assert_eq!(back.draft.actor.chars().count(), 129);
}

#[tokio::test]
async fn pages_are_newest_first_and_stable_under_new_events() {
    let b = bench().await;
    for _ in 0..7 {
        b.append("a").await;
    }
    let first = b.journal.query(EventFilter::default(), 3, None).await.unwrap();
    assert_eq!(seqs(&first), [7, 6, 5]);
    b.append("a").await;
    let second = b.journal.query(EventFilter::default(), 3, first.next).await.unwrap();
    assert_eq!(seqs(&second), [4, 3, 2]);
    let third = b.journal.query(EventFilter::default(), 3, second.next).await.unwrap();
    assert_eq!((seqs(&third), third.next), (vec![1], None));
    for cursor in ["", "x", "1", "1.", "99999999999999999999.1", "1.2.3"] {
        let e = b.journal.query(EventFilter::default(), 3, Some(cursor.into())).await.unwrap_err();
        assert_eq!(e.field(), Some("cursor"), "{cursor:?}");
    }
    // Same start for all: the seq decides.
    let drafts = (0..5).map(|_| b.draft("same")).collect();
    b.journal.append_many(drafts).await.unwrap();
    let same = EventFilter { kinds: vec!["same".into()], ..EventFilter::default() };
    let one = b.journal.query(same.clone(), 2, None).await.unwrap();
    let two = b.journal.query(same, 9, one.next.clone()).await.unwrap();
    assert_eq!((seqs(&one), seqs(&two)), (vec![13, 12], vec![11, 10, 9]));
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let b = bench().await;
    let (one, two) = (CameraId::generate(), CameraId::generate());
    for (kind, camera, text) in [
        ("camera.unreachable", one, "no route"),
        ("camera.online", one, "back after 100%"),
        ("camera_x.y", two, "100 percent"),
        ("camera", two, "it's \"quoted\" \\ and _under_"),
        ("recording.gap", two, "none"),
    ] {
        b.clock.advance(Duration::from_secs(1));
        b.journal.append(b.draft(kind).camera(camera).text(text)).await.unwrap();
    }
    let find = |f: EventFilter| async { seqs(&b.journal.query(f, 100, None).await.unwrap()) };
    let kinds =
        |k: &[&str]| EventFilter { kinds: k.iter().map(|s| (*s).to_owned()).collect(), ..Default::default() };
    let text = |t: &str| EventFilter { text: Some(t.to_owned()), ..Default::default() };
    assert_eq!(find(kinds(&["camera"])).await, [4, 2, 1]);
    assert_eq!(find(kinds(&["camera.*"])).await, [4, 2, 1]);
    assert_eq!(find(kinds(&["camera.online", "recording"])).await, [5, 2]);
    assert_eq!(find(EventFilter { camera: Some(two), ..Default::default() }).await, [5, 4, 3]);
    assert_eq!(find(text("100%")).await, [2]);
    assert_eq!(find(text("_under_")).await, [4]);
    assert_eq!(find(text("\\")).await, [4]);
    assert_eq!(find(text("IT'S")).await, [4]);
    let at = |s: i64| {
        WallTime::from_millis("2026-11-20T10:00:00Z".parse::<WallTime>().unwrap().as_millis() + s * 1000)
    };
    let window = EventFilter { start: Some(at(2)), end: Some(at(4)), ..Default::default() };
    assert_eq!(find(window).await, [3, 2]);
    let wrong = EventFilter { start: Some(at(4)), end: Some(at(2)), ..Default::default() };
    assert_eq!(b.journal.query(wrong, 1, None).await.unwrap_err().field(), Some("end"));
    let wrong = kinds(&["%"]);
    assert_eq!(b.journal.query(wrong, 1, None).await.unwrap_err().field(), Some("kind"));
    let far =
        EventFilter { start: Some(WallTime(i64::MIN)), end: Some(WallTime(i64::MAX)), ..Default::default() };
    assert_eq!(find(far).await.len(), 5);
    assert_eq!(b.journal.density(two, at(0), at(6), 2000).await.unwrap(), [0, 1, 2]);
    assert_eq!(b.journal.density(two, at(0), at(60), 1).await.unwrap_err().field(), Some("bin"));
}

#[tokio::test]
async fn people_change_status_tags_and_notes_and_that_is_journalled() {
    let b = bench().await;
    let event = b.append("analytics.intrusion").await;
    let other = b.append("analytics.intrusion").await;
    let change = Change {
        status: Some(Status::Acknowledged),
        tags: Some(vec![" gate ".into(), "cat".into(), "cat".into()]),
        note: Some("a cat\nagain".into()),
        end: Some(event.draft.start + Duration::from_secs(9)),
    };
    let entry = b.journal.change(event.id, change, "anna").await.unwrap();
    assert_eq!(entry.status, Status::Acknowledged);
    assert_eq!(entry.tags, ["cat", "gate"]);
    assert_eq!((entry.notes[0].author.as_str(), entry.notes[0].text.as_str()), ("anna", "a cat\nagain"));
    assert_eq!(entry.event.draft.end, Some(event.draft.start + Duration::from_secs(9)));
    // What is not named stays.
    let resolved = Change { status: Some(Status::Resolved), ..Change::default() };
    let entry = b.journal.change(event.id, resolved, "bob").await.unwrap();
    assert_eq!((entry.status, entry.tags.len(), entry.notes.len()), (Status::Resolved, 2, 1));

    let find = |f: EventFilter| async { seqs(&b.journal.query(f, 100, None).await.unwrap()) };
    assert_eq!(find(EventFilter { status: Some(Status::Resolved), ..Default::default() }).await, [event.seq]);
    assert_eq!(find(EventFilter { status: Some(Status::New), ..Default::default() }).await, [other.seq]);
    assert_eq!(find(EventFilter { tag: Some("gate".into()), ..Default::default() }).await, [event.seq]);
    assert_eq!(find(EventFilter { kinds: vec!["event".into()], ..Default::default() }).await, [4, 3]);
    assert_eq!(find(EventFilter::default()).await, [2, 1]);
    assert_eq!(b.journal.verify(1..=u64::MAX).await.unwrap(), None);

    for (change, field) in [
        (Change { note: Some("  ".into()), ..Default::default() }, "note"),
        (Change { note: Some("x".repeat(2001)), ..Default::default() }, "note"),
        (Change { tags: Some(vec!["t".into(); 17]), ..Default::default() }, "tags"),
        (Change { tags: Some(vec!["a\u{0}b".into()]), ..Default::default() }, "tags"),
        (Change { end: Some(WallTime(0)), ..Default::default() }, "end"),
    ] {
        let error = b.journal.change(event.id, change, "anna").await.unwrap_err();
        assert_eq!(error.field(), Some(field));
    }
    // A refused change leaves nothing in the chain.
    assert_eq!(b.journal.head().await.unwrap().0, 4);
}

#[tokio::test]
async fn verification_names_the_first_row_that_was_touched() {
    for (tamper, seq) in [
        (
            "DROP TRIGGER journal_events_never_change; UPDATE journal_events SET text = 'nothing' WHERE seq = 5",
            5,
        ),
        ("DROP TRIGGER journal_events_never_change; UPDATE journal_events SET actor = 'x' WHERE seq = 1", 1),
        (
            "DROP TRIGGER journal_events_never_change; UPDATE journal_events SET hash = zeroblob(32) WHERE seq = 7",
            7,
        ),
        ("DROP TRIGGER journal_events_never_change; UPDATE journal_events SET end_ns = 5 WHERE seq = 9", 9),
        ("DELETE FROM journal_events WHERE seq = 4", 4),
        ("DELETE FROM journal_events WHERE seq = 1", 1),
        ("DELETE FROM journal_events WHERE seq <= 3", 1),
    ] {
        let b = bench().await;
        for _ in 0..10 {
            b.append("a.b").await;
        }
        assert_eq!(b.journal.verify(1..=u64::MAX).await.unwrap(), None);
        b.sql(tamper).await;
        let broken = b.journal.verify(1..=u64::MAX).await.unwrap().unwrap();
        assert_eq!(broken.seq, seq, "{tamper}: {broken:?}");
        if seq < 6 {
            assert_eq!(b.journal.verify(seq + 5..=10).await.unwrap(), None, "{tamper}");
        }
    }
    let b = bench().await;
    b.append("a").await;
    let refused = b.store.write(|tx| Ok(tx.execute("UPDATE journal_events SET text = ''", [])?)).await;
    assert!(refused.unwrap_err().to_string().contains("never change"));
    assert_eq!(b.journal.verify(50..=60).await.unwrap(), None);
    #[allow(clippy::reversed_empty_ranges)]
    let empty = 6..=5;
    assert_eq!(b.journal.verify(empty).await.unwrap_err().field(), Some("range"));
}

#[tokio::test]
async fn pruning_keeps_the_chain_provable_and_tells_consumers() {
    let b = bench_keeping(100).await;
    let slow = b.journal.consumer("uplink").await.unwrap();
    let marked = b.append("a").await;
    let note = Change { note: Some("n".into()), ..Default::default() };
    b.journal.change(marked.id, note, "anna").await.unwrap();
    for _ in 0..10 {
        let drafts = (0..100).map(|_| b.draft("a.b").text("x")).collect();
        b.journal.append_many(drafts).await.unwrap();
    }
    let kept = b.journal.query(EventFilter::default(), 1000, None).await.unwrap().items.len();
    assert!((100..100 + 256 + 100).contains(&kept), "{kept}");
    assert_eq!(b.journal.verify(1..=u64::MAX).await.unwrap(), None);
    let batch = slow.next_batch(10).await.unwrap();
    assert_eq!(batch.missed, 1002 - kept as u64);
    assert_eq!(batch.events[0].seq, batch.missed + 1);
    slow.ack(batch.events[9].seq).await.unwrap();
    assert_eq!(slow.next_batch(10).await.unwrap().missed, 0);
    let left: i64 = b
        .store
        .read(|c| {
            Ok(c.query_row(
                "SELECT (SELECT count(*) FROM journal_notes) + (SELECT count(*) FROM journal_status)",
                [],
                |r| r.get(0),
            )?)
        })
        .await
        .unwrap();
    assert_eq!(left, 0);
    // The first row that is kept is still bound to those that are gone.
    b.sql("DROP TRIGGER journal_events_never_change; UPDATE journal_events SET text = 'y' WHERE seq = (SELECT min(seq) FROM journal_events)").await;
    assert_eq!(b.journal.verify(1..=u64::MAX).await.unwrap().unwrap().seq, batch.missed + 1);
}

#[tokio::test]
async fn consumers_keep_their_place_over_a_restart() {
    let b = bench().await;
    for _ in 0..5 {
        b.append("a").await;
    }
    let mut c = b.journal.consumer("notify.mail").await.unwrap();
    assert!(c.wait().await);
    let batch = c.next_batch(3).await.unwrap();
    assert_eq!(batch.events.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(c.next_batch(3).await.unwrap(), batch, "unacknowledged: again");
    c.ack(3).await.unwrap();
    c.ack(2).await.unwrap();
    assert_eq!(c.ack(6).await.unwrap_err().field(), Some("seq"));
    let path = b.dir.path().join("heron.db");
    drop(c);
    b.store.close().await;

    let store = Store::open(&path, StoreOptions::default(), &[MIGRATIONS]).unwrap();
    let journal = Journal::open(store, b.clock.clone(), JournalOptions::default()).await.unwrap();
    let mut c = journal.consumer("notify.mail").await.unwrap();
    assert_eq!(c.next_batch(100).await.unwrap().events.len(), 2);
    c.ack(5).await.unwrap();
    // Now it waits for what comes.
    let draft = b.draft("late");
    let later = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append(draft).await }
    });
    assert!(c.wait().await);
    assert_eq!(c.next_batch(100).await.unwrap().events[0], later.await.unwrap().unwrap());
    for name in ["", "A", "a b", "'", &"n".repeat(65)] {
        assert_eq!(journal.consumer(name).await.unwrap_err().field(), Some("name"), "{name:?}");
    }
    for i in 0..63 {
        journal.consumer(&format!("c{i}")).await.unwrap();
    }
    assert!(matches!(journal.consumer("one-more").await, Err(JournalError::Invalid { .. })));
    journal.forget_consumer("c0").await.unwrap();
    journal.consumer("one-more").await.unwrap();
}

#[tokio::test]
async fn subscribers_hear_in_order_and_are_told_when_they_lag() {
    let b = bench().await;
    let mut s = b.journal.subscribe();
    let first = b.append("a").await;
    assert_eq!(s.recv().await, Some(Received::Event(Arc::new(first))));
    for _ in 0..3 {
        let drafts = (0..500).map(|_| b.draft("a")).collect();
        b.journal.append_many(drafts).await.unwrap();
    }
    assert_eq!(s.recv().await, Some(Received::Lagged(476)));
    match s.recv().await {
        Some(Received::Event(e)) => assert_eq!(e.seq, 478),
        other => panic!("{other:?}"),
    }
    let too_many = (0..1025).map(|_| b.draft("a")).collect();
    assert_eq!(b.journal.append_many(too_many).await.unwrap_err().field(), Some("events"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_appenders_of_both_kinds_make_one_whole_chain() {
    let b = bench().await;
    let mut s = b.journal.subscribe();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (journal, draft) = (b.journal.clone(), b.draft("thread"));
            std::thread::spawn(move || {
                (0..100).for_each(|_| drop(journal.append_blocking(draft.clone()).unwrap()));
            })
        })
        .collect();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (journal, draft) = (b.journal.clone(), b.draft("task"));
            tokio::spawn(async move { journal.append(draft).await })
        })
        .collect();
    for t in tasks {
        t.await.unwrap().unwrap();
    }
    tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| t.join().unwrap())).await.unwrap();
    for seq in 1..=300 {
        match s.recv().await {
            Some(Received::Event(e)) => assert_eq!(e.seq, seq),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(b.journal.head().await.unwrap().0, 300);
    assert_eq!(b.journal.verify(1..=300).await.unwrap(), None);
}
