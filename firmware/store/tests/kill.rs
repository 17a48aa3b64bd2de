//! `kill -9` in the middle of writing loses nothing that was answered.
#![allow(clippy::unwrap_used)]

use heron_core::SystemClock;
use heron_store::{Migrations, Store, StoreOptions, open_or_recover};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

const ROOM: Migrations = Migrations {
    room: "t",
    steps: &["CREATE TABLE t_rows(n INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT"],
};

const PATH: &str = "HERON_TEST_KILLED_STORE";

/// Not a test by itself: the process that gets killed. It says each number once its row is committed.
#[test]
fn writes_until_it_is_killed() {
    let Ok(path) = std::env::var(PATH) else { return };
    let store = Store::open(Path::new(&path), StoreOptions::default(), &[ROOM]).unwrap();
    let first: i64 = store
        .read_blocking(|c| Ok(c.query_row("SELECT coalesce(max(n), 0) FROM t_rows", [], |r| r.get(0))?))
        .unwrap();
    for n in first + 1.. {
        store
            .write_blocking(move |tx| {
                Ok(tx.execute("INSERT INTO t_rows VALUES (?1, hex(randomblob(100)))", [n])?)
            })
            .unwrap();
        eprintln!("committed {n}");
    }
}

#[test]
fn what_was_answered_before_a_kill_is_there_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("heron.db");
    for round in 1..=10_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writes_until_it_is_killed", "--nocapture"])
            .env(PATH, &path)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let number = |l: &String| l.strip_prefix("committed ").and_then(|n| n.parse::<i64>().ok());
        let seen = lines.by_ref().filter_map(|l| number(&l)).nth(37 * round).unwrap();
        child.kill().unwrap();
        // What it still said before it died.
        let last = lines.filter_map(|l| number(&l)).last().unwrap_or(seen);
        child.wait().unwrap();

        let (store, recovery) =
            open_or_recover(&path, StoreOptions::default(), &[ROOM], &SystemClock).unwrap();
        assert_eq!(recovery, None);
        let (rows, newest): (i64, i64) = store
            .read_blocking(|c| {
                Ok(c.query_row("SELECT count(*), max(n) FROM t_rows", [], |r| Ok((r.get(0)?, r.get(1)?)))?)
            })
            .unwrap();
        assert_eq!(rows, newest);
        // At most the one that was committed and not yet said.
        assert!((last..=last + 1).contains(&newest), "said {last}, found {newest}");
    }
}
