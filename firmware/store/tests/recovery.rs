//! Backups, and what happens when the file is broken.
#![allow(clippy::unwrap_used)]

use heron_core::{ManualClock, WallTime};
use heron_store::{Migrations, Recovery, Store, StoreError, StoreHealth, StoreOptions, open_or_recover};
use std::fs;
use std::path::{Path, PathBuf};

const ROOM: Migrations = Migrations {
    room: "t",
    steps: &["CREATE TABLE t_rows(id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT"],
};

fn clock() -> ManualClock {
    ManualClock::new("2026-11-20T10:00:00Z".parse::<WallTime>().unwrap())
}

fn recover(path: &Path) -> (Store, Option<Recovery>) {
    open_or_recover(path, StoreOptions::default(), &[ROOM], &clock()).unwrap()
}

async fn add(store: &Store, rows: i64) {
    store
        .write(move |tx| {
            for _ in 0..rows {
                tx.execute("INSERT INTO t_rows(word) VALUES (hex(randomblob(200)))", [])?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

async fn count(store: &Store) -> i64 {
    store.read(|c| Ok(c.query_row("SELECT count(*) FROM t_rows", [], |r| r.get(0))?)).await.unwrap()
}

/// A closed database of 1000 rows with a backup of its first 600.
async fn with_backup(dir: &tempfile::TempDir) -> PathBuf {
    let path = dir.path().join("heron.db");
    let (store, recovery) = recover(&path);
    assert_eq!(recovery, None);
    add(&store, 600).await;
    assert!(store.backup_if_changed().await.unwrap());
    add(&store, 400).await;
    store.close().await;
    path
}

/// Overwrites pages in the middle with noise.
fn scribble(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    assert!(bytes.len() > 200_000, "{}", bytes.len());
    let middle = bytes.len() / 2 / 4096 * 4096;
    for (i, b) in bytes[middle..middle + 16_384].iter_mut().enumerate() {
        *b = (i * 7 + 13) as u8;
    }
    fs::write(path, bytes).unwrap();
}

async fn assert_restored(path: &Path, word: &str) {
    let (store, recovery) = recover(path);
    let recovery = recovery.unwrap();
    assert!(recovery.reason.contains(word), "{recovery:?}");
    assert!(recovery.restored_from.is_some(), "{recovery:?}");
    let aside = recovery.moved_to.as_ref().unwrap();
    assert!(aside.exists(), "{recovery:?}");
    assert!(aside.to_string_lossy().contains(".damaged-2026-11-20T100000"), "{recovery:?}");
    let words = recovery.to_string();
    assert!(words.contains("Recordings are safe"), "{words}");
    assert_eq!(count(&store).await, 600);
    store.close().await;
    let (_, again) = recover(path);
    assert_eq!(again, None);
}

#[tokio::test]
async fn corrupt_bytes_in_the_middle() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_backup(&dir).await;
    scribble(&path);
    assert_restored(&path, "damaged").await;
}

#[tokio::test]
async fn zero_length() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_backup(&dir).await;
    fs::write(&path, b"").unwrap();
    assert_restored(&path, "empty").await;
}

#[tokio::test]
async fn truncated() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_backup(&dir).await;
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 3]).unwrap();
    assert_restored(&path, "damaged").await;
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_backup(&dir).await;
    fs::write(&path, b"%PDF-1.7 this is somebody's invoice").unwrap();
    assert_restored(&path, "not a Heron database").await;
}

#[tokio::test]
async fn a_database_of_another_program() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_backup(&dir).await;
    fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipes(a)").unwrap();
    assert_restored(&path, "another program").await;
}

#[tokio::test]
async fn a_missing_file_comes_back_from_its_backup() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_backup(&dir).await;
    fs::remove_file(&path).unwrap();
    let (store, recovery) = recover(&path);
    let recovery = recovery.unwrap();
    assert!(recovery.reason.contains("missing") && recovery.moved_to.is_none(), "{recovery:?}");
    assert_eq!(count(&store).await, 600);
}

#[tokio::test]
async fn a_damaged_backup_is_passed_over_for_the_older_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_backup(&dir).await;
    let (store, _) = recover(&path);
    assert!(store.backup_if_changed().await.unwrap());
    assert!(!store.backup_if_changed().await.unwrap(), "nothing changed since");
    store.close().await;
    scribble(&path);
    scribble(&dir.path().join("heron.db.backup"));
    let (store, recovery) = recover(&path);
    let (from, _) = recovery.unwrap().restored_from.unwrap();
    assert_eq!(from, dir.path().join("heron.db.backup.old"));
    assert_eq!(count(&store).await, 600);
}

#[tokio::test]
async fn without_a_backup_it_starts_empty_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("heron.db");
    fs::write(&path, vec![0xa5; 10_000]).unwrap();
    let (store, recovery) = recover(&path);
    let recovery = recovery.unwrap();
    assert_eq!(recovery.restored_from, None);
    assert!(recovery.to_string().contains("empty database"), "{recovery}");
    assert_eq!(count(&store).await, 0);
    assert_eq!(fs::read(recovery.moved_to.unwrap()).unwrap(), vec![0xa5; 10_000]);
}

#[tokio::test]
async fn a_newer_file_is_an_error_and_stays_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_backup(&dir).await;
    let none = Migrations { room: "t", steps: &[] };
    let error = open_or_recover(&path, StoreOptions::default(), &[none], &clock()).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { .. }), "{error:?}");
    assert_eq!(count(&recover(&path).0).await, 1000);
}

#[tokio::test]
async fn a_large_file_is_not_checked_at_each_start_but_after_damage_was_met() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_backup(&dir).await;
    scribble(&path);
    let options = StoreOptions { check_limit_bytes: 0, ..StoreOptions::default() };
    let (store, recovery) = open_or_recover(&path, options.clone(), &[ROOM], &clock()).unwrap();
    assert_eq!(recovery, None);
    let met = store
        .read(|c| Ok(c.query_row("SELECT sum(length(word)) FROM t_rows", [], |r| r.get::<_, i64>(0))?))
        .await
        .unwrap_err();
    assert!(matches!(met, StoreError::Damaged { .. }), "{met:?}");
    assert_eq!(*store.health().borrow(), StoreHealth::Damaged);
    assert!(store.backup_if_changed().await.is_err(), "a damaged database must not replace a good backup");
    store.close().await;
    drop(store);
    let (store, recovery) = open_or_recover(&path, options.clone(), &[ROOM], &clock()).unwrap();
    assert!(recovery.unwrap().restored_from.is_some());
    assert_eq!(count(&store).await, 600);
    store.close().await;
    let (_, again) = open_or_recover(&path, options, &[ROOM], &clock()).unwrap();
    assert_eq!(again, None);
}

#[tokio::test]
async fn only_the_newest_damaged_files_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("heron.db");
    for _ in 0..6 {
        fs::write(&path, b"noise that is no database").unwrap();
        let (store, recovery) = recover(&path);
        assert!(recovery.is_some());
        store.close().await;
    }
    let kept = fs::read_dir(dir.path())
        .unwrap()
        .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains(".damaged-"))
        .count();
    assert_eq!(kept, 3);
}

#[tokio::test]
async fn a_backup_taken_under_writers_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("heron.db");
    let (store, _) = recover(&path);
    add(&store, 2000).await;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..50 {
                add(&store, 20).await;
            }
        }
    });
    let copies: Vec<PathBuf> = (0..5).map(|i| dir.path().join(format!("copy{i}"))).collect();
    for copy in &copies {
        store.backup_to(copy).await.unwrap();
    }
    writer.await.unwrap();
    for copy in &copies {
        let (copied, recovery) = recover(copy);
        assert_eq!(recovery, None);
        let rows = count(&copied).await;
        // Each job adds 20 rows or none.
        assert!((2000..=3000).contains(&rows) && rows % 20 == 0, "{rows}");
    }
    assert!(!dir.path().join("copy0.part").exists());
}

#[tokio::test]
async fn whatever_happens_to_the_bytes_a_store_comes_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_backup(&dir).await;
    let whole = fs::read(&path).unwrap();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let (mut intact, mut restored) = (0, 0);
    for round in 0..60 {
        let mut bytes = whole.clone();
        match round % 3 {
            0 => bytes.truncate(random(whole.len())),
            // The header and the schema, where it hurts most.
            1 => (0..4).for_each(|_| bytes[random(4096)] ^= 1 << random(8)),
            _ => {
                let at = random(whole.len() - 512);
                bytes[at..at + 512].fill(round as u8);
            }
        }
        fs::write(&path, &bytes).unwrap();
        let (store, recovery) = recover(&path);
        let rows =
            store.read(|c| Ok(c.query_row("SELECT count(*) FROM t_rows", [], |r| r.get::<_, i64>(0))?)).await;
        match &recovery {
            None => {
                intact += 1;
                // What the structure check cannot see does no harm to the structure.
                assert!(matches!(rows, Ok(1..=1000)), "{round}: {rows:?}");
            }
            Some(r) => {
                restored += 1;
                assert!(r.restored_from.is_some(), "{round}: {r}");
                assert_eq!(rows, Ok(600));
            }
        }
        store.write(|tx| Ok(tx.execute("INSERT INTO t_rows(word) VALUES ('new')", [])?)).await.unwrap();
        store.close().await;
    }
    assert!(restored > 30 && intact > 0, "{intact} {restored}");
}
