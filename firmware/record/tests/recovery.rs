//! After a crash, after a lost database, after somebody tampered with the folder.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Box, Camera, START, files_under, frames, key, store};
use heron_core::{GapReason, ManualClock, StreamKey, WallTime};
use heron_record::{VolumeConfig, fsck};
use heron_store::Store;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a `kill -9` leaves: every byte that was written, and nothing more.
fn killed(b: &Box) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ok =
        std::process::Command::new("cp").arg("-a").arg(b.dir.path()).arg(dir.path().join("box")).status();
    assert!(ok.unwrap().success());
    for entry in std::fs::read_dir(dir.path().join("box")).unwrap().flatten() {
        std::fs::rename(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    dir
}

fn volumes(dir: &Path) -> Vec<VolumeConfig> {
    vec![VolumeConfig::new(dir.join("v1"))]
}

/// Rows as text, without their ids.
fn rows(store: &Store) -> Vec<String> {
    store
        .read_blocking(|c| {
            let mut s = c.prepare(
                "SELECT t.camera || ' ' || t.kind || ' ' || v.uuid || ' ' || start_ns || ' ' || end_ns || ' ' || suffix || ' '
                 || bytes || ' ' || init_bytes || ' ' || frames || ' ' || f.codecs || ' ' || f.width || ' ' || s.state
                 FROM record_segment s JOIN record_stream t ON t.id = s.stream JOIN record_volume v ON v.id = s.volume
                 JOIN record_format f ON f.id = s.format ORDER BY 1",
            )?;
            let rows = s.query_map((), |r| r.get(0))?.collect::<Result<Vec<String>, _>>()?;
            Ok(rows)
        })
        .unwrap()
}

fn totals(store: &Store) -> i64 {
    store
        .read_blocking(|c| Ok(c.query_row("SELECT sum(bytes) FROM record_total", (), |r| r.get(0))?))
        .unwrap()
}

fn recorded(seconds: f64) -> (Box, StreamKey, Camera) {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, seconds);
    b.wait_recorded(stream, camera.wall);
    (b, stream, camera)
}

#[test]
fn a_kill_costs_less_than_two_seconds_and_the_gap_says_restart() {
    let (b, stream, mut camera) = recorded(100.0);
    common::wait("rows", || rows(&b.store).len() == b.files().len());
    let until = b.recorded_until(stream).unwrap();
    assert!(camera.wall.nanos_since(until) < 2_000_000_000);
    let dir = killed(&b);
    drop(b);

    // Half a fragment at the end: the power went in the middle of a write.
    let open = files_under(&dir.path().join("v1/recordings")).pop().unwrap();
    let whole = std::fs::read(&open).unwrap();
    let moof = whole.windows(4).rposition(|w| w == b"moof").unwrap() - 4;
    std::fs::OpenOptions::new()
        .append(true)
        .open(&open)
        .unwrap()
        .write_all(&whole[moof..whole.len() - 100])
        .unwrap();

    let clock = Arc::new(ManualClock::new(camera.wall + Duration::from_secs(7)));
    camera.reconnect(9_000_000_000);
    let volumes = volumes(dir.path());
    let b = Box::at(dir, volumes, clock);
    let sealed = std::fs::read(&open).unwrap();
    assert!(sealed.starts_with(&whole), "nothing that was whole is lost");
    let report = heron_evidence::verify(sealed.as_slice(), Some(common::box_key().public_key()));
    assert_eq!(
        report.verdict(),
        heron_evidence::Verdict::Whole,
        "cut to the last whole fragment and sealed: {report:?}"
    );
    assert_eq!(report.segments[0].ending(), Some(heron_evidence::Ending::Recovered));
    b.record(stream);
    let back_at = camera.wall;
    b.feed(stream, &mut camera, 5.0);
    b.wait_recorded(stream, camera.wall);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!(t.spans.len(), 2, "{t:?}");
    // One more fragment may have been written between the look and the kill.
    let end = t.spans[0].end;
    assert!(t.spans[0].start == START && end >= until, "everything written is there: {t:?}");
    assert_eq!(t.gaps.len(), 1);
    assert_eq!((t.gaps[0].start, t.gaps[0].end, t.gaps[0].reason), (end, back_at, GapReason::Restart));
    assert!(b.recorder.shutdown());
    for file in b.files() {
        frames(&file);
    }
    let report = fsck(&b.volumes, &b.store, false).unwrap();
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_clean_restart_is_a_gap_too() {
    let (b, stream, mut camera) = recorded(10.0);
    let b = b.restart(true, Duration::from_secs(30));
    camera.reconnect(31_000_000_000);
    b.record(stream);
    let back_at = camera.wall;
    b.feed(stream, &mut camera, 5.0);
    b.wait_recorded(stream, camera.wall);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!(t.gaps.len(), 1, "{t:?}");
    assert_eq!((t.gaps[0].start, t.gaps[0].end), (START + Duration::from_secs(10), back_at));
    assert_eq!(t.gaps[0].reason, GapReason::Restart);
}

#[test]
fn a_camera_that_was_away_when_the_daemon_died_has_each_reason_in_its_place() {
    let (b, stream, mut camera) = recorded(10.0);
    b.recorder.stream_state(stream, heron_record::StreamSituation::Unreachable);
    common::wait("the gap", || b.recorder.status(stream).is_some_and(|s| s.gap.is_some()));
    b.clock.advance(Duration::from_secs(50));
    let died = START + Duration::from_secs(60);
    let b = b.restart(true, Duration::from_secs(20));
    let started = START + Duration::from_secs(80);
    b.recorder.set_policy(stream, heron_record::RecordPolicy::continuous());
    b.recorder.stream_state(stream, heron_record::StreamSituation::Unreachable);
    common::wait("the cause", || {
        b.recorder.status(stream).is_some_and(|s| s.gap == Some(GapReason::CameraUnreachable))
    });
    b.clock.advance(Duration::from_secs(10));
    camera.reconnect(80_000_000_000);
    b.recorder.stream_state(stream, heron_record::StreamSituation::Online);
    let back_at = camera.wall;
    b.feed(stream, &mut camera, 3.0);
    b.wait_recorded(stream, camera.wall);
    common::wait("the ledger", || {
        let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
        let gaps: Vec<_> = t.gaps.iter().map(|g| (g.start, g.end, g.reason)).collect();
        gaps == [
            (START + Duration::from_secs(10), died, GapReason::CameraUnreachable),
            (died, started, GapReason::Restart),
            (started, back_at, GapReason::CameraUnreachable),
        ]
    });
}

#[test]
fn a_catalogue_rebuilt_from_the_files_alone_equals_the_original() {
    let b = Box::new();
    let (one, two) = (key(1), StreamKey::new(key(1).camera, heron_core::StreamKind::Sub));
    b.record(one);
    b.record(two);
    let (mut first, mut second) = (Camera::new(), Camera::new());
    second.audio = Some(common::g711());
    second.fps = 10;
    b.feed(one, &mut first, 200.0);
    b.feed(two, &mut second, 200.0);
    b.wait_recorded(one, first.wall);
    b.wait_recorded(two, second.wall);
    first.reconnect(5_000_000_000);
    b.feed(one, &mut first, 20.0);
    b.wait_recorded(one, first.wall);
    assert!(b.recorder.shutdown());
    let original = rows(&b.store);
    assert!(original.len() >= 7, "{original:?}");
    assert!(original.iter().all(|r| r.ends_with(" 1")));

    let empty = tempfile::tempdir().unwrap();
    let rebuilt = store(empty.path());
    let seen = fsck(&b.volumes, &rebuilt, false).unwrap();
    assert_eq!((seen.unlisted, seen.is_clean()), (original.len() as u64, false));
    assert!(rows(&rebuilt).is_empty(), "without repair nothing is changed");
    let report = fsck(&b.volumes, &rebuilt, true).unwrap();
    assert_eq!(report.unlisted, original.len() as u64, "{report}");
    assert_eq!(rows(&rebuilt), original);
    assert_eq!(totals(&rebuilt), totals(&b.store));
    assert!(fsck(&b.volumes, &rebuilt, false).unwrap().is_clean());
}

#[test]
fn a_daemon_with_a_lost_database_finds_its_recordings() {
    let (b, stream, camera) = recorded(130.0);
    assert!(b.recorder.shutdown());
    let original = rows(&b.store);
    let dir = killed(&b);
    for name in ["heron.db", "heron.db-wal", "heron.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    let volumes = volumes(dir.path());
    let b = Box::at(dir, volumes, Arc::new(ManualClock::new(camera.wall)));
    // The newest file at once, so that the ledger knows where it stands; the others in the background.
    assert!(rows(&b.store).contains(original.last().unwrap()));
    common::wait("the import", || rows(&b.store) == original);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!(t.spans.len(), 1);
}

#[test]
fn strange_files_are_reported_and_left_alone() {
    let (b, stream, camera) = recorded(70.0);
    assert!(b.recorder.shutdown());
    let day = b.files()[0].parent().unwrap().to_owned();
    let whole = std::fs::read(&b.files()[0]).unwrap();
    let strange: Vec<(PathBuf, Vec<u8>)> = vec![
        (day.join("holiday.mp4"), whole.clone()),
        (day.join("notes.txt"), b"hello".to_vec()),
        (day.join("110000.000Z-main.mp4"), whole[..12].to_vec()),
        (day.join("120000.000Z-main.mp4"), whole.clone()),
        (day.join("140000.000Z-main.mp4"), vec![0; 5000]),
        (b.volumes[0].path.join("recordings/lost.txt"), b"x".to_vec()),
    ];
    for (path, bytes) in &strange {
        std::fs::write(path, bytes).unwrap();
    }
    let before = rows(&b.store);
    let b = b.restart(false, Duration::from_secs(5));
    assert_eq!(rows(&b.store), before);
    assert!(b.recorder.shutdown());
    let report = fsck(&b.volumes, &b.store, true).unwrap();
    assert_eq!((report.foreign, report.unusable), (3, 3), "{report}");
    for (path, bytes) in &strange {
        assert_eq!(&std::fs::read(path).unwrap(), bytes);
        assert!(report.remarks.iter().any(|r| &r.path == path), "{}", path.display());
    }
    assert!(report.to_string().contains("left alone"));
    let _ = (stream, camera);
}

#[test]
fn what_a_crash_leaves_of_a_files_first_moment_is_cleared_away() {
    let (b, _, _) = recorded(70.0);
    assert!(b.recorder.shutdown());
    let day = b.files()[0].parent().unwrap().to_owned();
    let whole = std::fs::read(&b.files()[0]).unwrap();
    let first = whole.windows(4).position(|w| w == b"moof").unwrap();
    let (empty, torn) = (day.join("235959.000Z-main.mp4"), day.join("235958.000Z-main.mp4"));
    std::fs::write(&empty, "").unwrap();
    std::fs::write(&torn, &whole[..first + 40]).unwrap();
    let seen = fsck(&b.volumes, &b.store, false).unwrap();
    assert_eq!((seen.unusable, seen.is_clean()), (2, false), "{seen}");
    let before = rows(&b.store);
    let b = b.restart(false, Duration::from_secs(5));
    assert_eq!(rows(&b.store), before);
    assert!(b.recorder.shutdown());
    assert!(!empty.exists() && !torn.exists());
    assert_eq!(std::fs::read(day.join("235958.000Z-main.mp4.torn")).unwrap(), whole[..first + 40]);
    let report = fsck(&b.volumes, &b.store, false).unwrap();
    assert!(report.is_clean() && report.foreign == 1, "{report}");
}

#[test]
fn a_deleted_file_becomes_a_gap_called_damaged() {
    let (b, stream, camera) = recorded(200.0);
    assert!(b.recorder.shutdown());
    let gone = b.files()[1].clone();
    let kept = std::fs::read(&gone).unwrap();
    std::fs::remove_file(&gone).unwrap();
    let report = fsck(&b.volumes, &b.store, true).unwrap();
    assert_eq!((report.missing, report.repaired), (1, true), "{report}");
    assert!(fsck(&b.volumes, &b.store, false).unwrap().is_clean());
    let b = b.restart(false, Duration::from_secs(1));
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!(t.spans.len(), 2, "{t:?}");
    let damaged: Vec<_> = t.gaps.iter().filter(|g| g.reason == GapReason::Damaged).collect();
    assert_eq!(damaged.len(), 1, "{t:?}");
    assert_eq!((damaged[0].start, damaged[0].end), (t.spans[0].end, t.spans[1].start));
    let playlist = b.recorder.playback().playlist(stream, START, camera.wall, "s").unwrap();
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");

    // Somebody puts it back.
    assert!(b.recorder.shutdown());
    std::fs::write(&gone, kept).unwrap();
    let report = fsck(&b.volumes, &b.store, true).unwrap();
    assert_eq!(report.differing, 1, "{report}");
    let b = b.restart(false, Duration::from_secs(1));
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!((t.spans.len(), t.gaps.len()), (1, 0), "what it is called damaged no longer: {t:?}");
}

#[test]
fn a_whole_day_is_found_when_only_the_last_rows_were_lost() {
    let (b, _, camera) = recorded(200.0);
    assert!(b.recorder.shutdown());
    let original = rows(&b.store);
    b.store
        .write_blocking(|tx| {
            Ok(tx.execute(
                "DELETE FROM record_segment WHERE id >= (SELECT max(id) - 1 FROM record_segment)",
                (),
            )?)
        })
        .unwrap();
    assert!(rows(&b.store).len() < original.len());
    let b = b.restart(false, Duration::from_secs(1));
    assert_eq!(rows(&b.store), original);
    let _: WallTime = camera.wall;
}
