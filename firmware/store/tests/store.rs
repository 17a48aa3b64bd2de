//! The store as rooms use it: writes, reads, failures, limits.
#![allow(clippy::unwrap_used)]

use heron_store::{Migrations, Store, StoreError, StoreHealth, StoreOptions};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

const ROOM: Migrations = Migrations {
    room: "t",
    steps: &["CREATE TABLE t_rows(id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT"],
};

fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(&dir.path().join("heron.db"), StoreOptions::default(), &[ROOM]).unwrap()
}

async fn count(store: &Store) -> i64 {
    store.read(|c| Ok(c.query_row("SELECT count(*) FROM t_rows", [], |r| r.get(0))?)).await.unwrap()
}

#[tokio::test]
async fn what_was_written_is_read_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.write(|tx| Ok(tx.execute("INSERT INTO t_rows(word) VALUES ('a')", [])?)).await.unwrap();
    store.close().await;
    let again = store.write(|_| Ok(())).await;
    assert_eq!(again, Err(StoreError::Closed));
    drop(store);
    assert_eq!(count(&open(&dir)).await, 1);
}

#[tokio::test]
async fn a_failing_or_panicking_job_does_not_sink_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    // Hold the writer so that all that follows ends up in one batch.
    let (release, held) = mpsc::channel::<()>();
    let gate = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .write(move |_| {
                    held.recv().ok();
                    Ok(())
                })
                .await
        }
    });
    let mut jobs = Vec::new();
    for i in 0..30 {
        let store = store.clone();
        jobs.push(tokio::spawn(async move {
            store
                .write(move |tx| {
                    tx.execute("INSERT INTO t_rows(word) VALUES (?1)", [format!("w{i}")])?;
                    match i % 3 {
                        0 => Ok(i),
                        // The same word again: refused, and the first insert of this job goes with it.
                        1 => {
                            tx.execute("INSERT INTO t_rows(word) VALUES (?1)", [format!("w{i}")])?;
                            Ok(i)
                        }
                        _ => panic!("a defect"),
                    }
                })
                .await
        }));
    }
    release.send(()).unwrap();
    gate.await.unwrap().unwrap();
    for (i, job) in jobs.into_iter().enumerate() {
        let answer = job.await.unwrap();
        match i % 3 {
            0 => assert_eq!(answer, Ok(i)),
            1 => assert!(matches!(answer, Err(StoreError::Constraint(_))), "{answer:?}"),
            _ => assert_eq!(answer, Err(StoreError::Panicked)),
        }
    }
    assert_eq!(count(&store).await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_of_both_kinds_lose_nothing_through_a_tiny_queue() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { write_queue: 2, batch: 7, ..StoreOptions::default() };
    let store = Store::open(&dir.path().join("heron.db"), options, &[ROOM]).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|t| {
            let store = store.clone();
            std::thread::spawn(move || {
                for i in 0..100 {
                    store
                        .write_blocking(move |tx| {
                            Ok(tx.execute("INSERT INTO t_rows(word) VALUES (?1)", [format!("b{t}-{i}")])?)
                        })
                        .unwrap();
                }
            })
        })
        .collect();
    let tasks: Vec<_> = (0..200)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .write(move |tx| {
                        Ok(tx.execute("INSERT INTO t_rows(word) VALUES (?1)", [format!("a{i}")])?)
                    })
                    .await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| t.join().unwrap())).await.unwrap();
    assert_eq!(count(&store).await, 600);
}

#[tokio::test]
async fn after_runs_once_per_commit_in_order_and_never_for_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
    for i in 0..5_i64 {
        let seen = Arc::clone(&seen);
        let result: Result<i64, StoreError> = store
            .write_then(
                move |_| if i == 3 { Err(StoreError::NoRow) } else { Ok(i) },
                move |v| seen.lock().push(*v),
            )
            .await;
        assert_eq!(result.is_err(), i == 3);
    }
    assert_eq!(*seen.lock(), [0, 1, 2, 4]);
}

#[tokio::test]
async fn a_durable_write_syncs_and_the_next_plain_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let level = |tx: &rusqlite::Transaction<'_>| -> Result<i64, StoreError> {
        Ok(tx.query_row("PRAGMA synchronous", [], |r| r.get(0))?)
    };
    assert_eq!(store.try_write(level).await, Ok(1));
    assert_eq!(store.write_durable(level).await, Ok(2));
    assert_eq!(store.try_write(level).await, Ok(1));
}

#[tokio::test]
async fn readers_cannot_write_and_see_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let refused =
        store.read(|c| Ok(c.execute("INSERT INTO t_rows(word) VALUES ('x')", [])?)).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused:?}");
    let writer = store.clone();
    let counts = tokio::task::spawn_blocking(move || {
        let inner = writer.clone();
        writer.read_blocking(|c| {
            let first: i64 = c.query_row("SELECT count(*) FROM t_rows", [], |r| r.get(0))?;
            inner.write_blocking(|tx| Ok(tx.execute("INSERT INTO t_rows(word) VALUES ('y')", [])?))?;
            let second: i64 = c.query_row("SELECT count(*) FROM t_rows", [], |r| r.get(0))?;
            Ok((first, second))
        })
    })
    .await
    .unwrap();
    assert_eq!(counts, Ok((0, 0)));
    assert_eq!(count(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_waiting_readers_are_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { readers: 1, read_queue: 1, ..StoreOptions::default() };
    let store = Store::open(&dir.path().join("heron.db"), options, &[ROOM]).unwrap();
    let (release, held) = mpsc::channel::<()>();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let busy = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .read(move |_| {
                    started.send(()).ok();
                    held.recv().ok();
                    Ok(())
                })
                .await
        }
    });
    has_started.await.unwrap();
    // One may wait; polled once, it holds the only place in the queue.
    let mut waiting = Box::pin(store.read(|_| Ok(1)));
    assert!(futures_poll_once(&mut waiting).await.is_none());
    assert_eq!(store.read(|_| Ok(2)).await, Err(StoreError::Overloaded));
    release.send(()).unwrap();
    assert_eq!(waiting.await, Ok(1));
    busy.await.unwrap().unwrap();
    assert_eq!(store.read(|_| Ok(3)).await, Ok(3));
}

async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(v) => Some(v),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_full_disk_is_said_in_words_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let pages: i64 =
        store.write(|tx| Ok(tx.query_row("PRAGMA page_count", [], |r| r.get(0))?)).await.unwrap();
    store
        .write(move |tx| {
            Ok(tx.query_row(&format!("PRAGMA max_page_count = {}", pages + 4), [], |r| r.get::<_, i64>(0))?)
        })
        .await
        .unwrap();
    let fill =
        |word: String| store.write(move |tx| Ok(tx.execute("INSERT INTO t_rows(word) VALUES (?1)", [word])?));
    let error = fill("x".repeat(1 << 20)).await.unwrap_err();
    assert_eq!(error, StoreError::DiskFull);
    assert!(error.to_string().contains("free some room"), "{error}");
    assert_eq!(count(&store).await, 0);
    fill("small".into()).await.unwrap();
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn a_read_closure_that_panics_gives_its_connection_back() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { readers: 1, ..StoreOptions::default() };
    let store = Store::open(&dir.path().join("heron.db"), options, &[ROOM]).unwrap();
    for _ in 0..3 {
        let answer = store.read(|_| -> Result<(), StoreError> { panic!("a defect") }).await;
        assert_eq!(answer, Err(StoreError::Panicked));
    }
    assert_eq!(count(&store).await, 0);
}

#[test]
fn migrations_run_once_in_order_and_a_newer_file_is_refused() {
    const V2: Migrations = Migrations {
        room: "t",
        steps: &[ROOM.steps[0], "ALTER TABLE t_rows ADD COLUMN more INTEGER NOT NULL DEFAULT 7"],
    };
    const BAD: Migrations =
        Migrations { room: "t", steps: &[V2.steps[0], V2.steps[1], "CREATE TABLE x(a); NONSENSE"] };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("heron.db");
    let opened = AtomicUsize::new(0);
    for rooms in [ROOM, V2, V2] {
        let store = Store::open(&path, StoreOptions::default(), &[rooms]).unwrap();
        store
            .write_blocking(|tx| Ok(tx.execute("INSERT INTO t_rows(word) VALUES (hex(randomblob(8)))", [])?))
            .unwrap();
        opened.fetch_add(1, Ordering::Relaxed);
    }
    let store = Store::open(&path, StoreOptions::default(), &[V2]).unwrap();
    let sum: i64 =
        store.read_blocking(|c| Ok(c.query_row("SELECT sum(more) FROM t_rows", [], |r| r.get(0))?)).unwrap();
    assert_eq!(sum, 21);
    drop(store);

    let newer = Store::open(&path, StoreOptions::default(), &[ROOM]).unwrap_err();
    assert_eq!(newer, StoreError::TooNew { room: "t".into(), found: 2, known: 1 });
    assert!(newer.to_string().contains("install the newer release"), "{newer}");

    let bad = Store::open(&path, StoreOptions::default(), &[BAD]).unwrap_err();
    assert!(matches!(bad, StoreError::Migration { version: 3, .. }), "{bad:?}");
    // The failed step left nothing behind.
    let store = Store::open(&path, StoreOptions::default(), &[V2]).unwrap();
    let tables: i64 = store
        .read_blocking(|c| {
            Ok(c.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'x'", [], |r| r.get(0))?)
        })
        .unwrap();
    assert_eq!(tables, 0);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    for path in [dir.path().join("missing/heron.db"), file.join("heron.db"), "/proc/heron.db".into()] {
        let error = Store::open(&path, StoreOptions::default(), &[ROOM]).unwrap_err();
        assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn a_read_only_directory_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(dir.path().join("probe"), b"").is_ok() {
        println!("skipped: this user may write anywhere");
        return;
    }
    let error = Store::open(&dir.path().join("heron.db"), StoreOptions::default(), &[ROOM]).unwrap_err();
    assert!(error.to_string().contains("herond may write there"), "{error}");
}

#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.write(|tx| Ok(tx.execute("INSERT INTO t_rows(word) VALUES ('a')", [])?)).await.unwrap();
    let backup = dir.path().join("copy");
    store.backup_to(&backup).await.unwrap();
    for name in ["heron.db", "heron.db-wal", "copy"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(*store.health().borrow(), StoreHealth::Good);
    store.integrity_check().await.unwrap();
}

#[tokio::test]
async fn neighbours_of_a_job_that_fills_the_disk_are_told_the_truth() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let pages: i64 =
        store.write(|tx| Ok(tx.query_row("PRAGMA page_count", [], |r| r.get(0))?)).await.unwrap();
    let limit = format!("PRAGMA max_page_count = {}", pages + 20);
    store.write(move |tx| Ok(tx.query_row(&limit, [], |r| r.get::<_, i64>(0))?)).await.unwrap();
    let (release, held) = mpsc::channel::<()>();
    let gate = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .write(move |_| {
                    held.recv().ok();
                    Ok(())
                })
                .await
        }
    });
    let jobs: Vec<_> = (0..30_usize)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move {
                let word = format!("{i:02}{}", "x".repeat(if i == 15 { 1 << 20 } else { 10 }));
                store.write(move |tx| Ok(tx.execute("INSERT INTO t_rows(word) VALUES (?1)", [word])?)).await
            })
        })
        .collect();
    release.send(()).unwrap();
    // It may have shared the transaction that the full disk undid.
    assert!(matches!(gate.await.unwrap(), Ok(()) | Err(StoreError::DiskFull)));
    let mut said = Vec::new();
    for (i, job) in jobs.into_iter().enumerate() {
        match job.await.unwrap() {
            Ok(_) => said.push(format!("{i:02}")),
            Err(e) => assert_eq!(e, StoreError::DiskFull),
        }
    }
    let kept: Vec<String> = store
        .read(|c| {
            let mut s = c.prepare("SELECT substr(word, 1, 2) FROM t_rows ORDER BY 1")?;
            Ok(s.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap();
    assert!(!said.contains(&"15".to_owned()));
    assert_eq!(kept, said);
}

#[tokio::test]
async fn the_writer_outlives_a_panic_after_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let done: Result<(), StoreError> =
        store.write_then(|_| Ok(()), |()| panic!("a defect in what follows")).await;
    assert_eq!(done, Ok(()));
    store.write(|tx| Ok(tx.execute("INSERT INTO t_rows(word) VALUES ('a')", [])?)).await.unwrap();
    assert_eq!(count(&store).await, 1);
}
