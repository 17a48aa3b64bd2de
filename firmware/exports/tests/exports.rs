//! Exports from asking to file, with invented footage: what is in them, what other programs say of them, and everything that
//! can go wrong on the way.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{House, RATE, after, camera, eventually, extract, guard, owner, text, wanted};
use heron_core::ErrorKind;
use heron_exports::{ExportError, ExportFormat, ExportState, NewExport};
use heron_record::Pressure;
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

const ZIP: ExportFormat = ExportFormat::Zip;
const MP4: ExportFormat = ExportFormat::Mp4;
const MIB: u64 = 1 << 20;

fn shell(dir: &Path, command: &str) -> (bool, String) {
    let done = Command::new("sh").args(["-c", command]).current_dir(dir).output().unwrap();
    (done.status.success(), text(&done))
}

#[test]
fn a_zip_is_what_its_manifest_says_and_others_can_check_it() {
    let mut house = House::new();
    house.record(1, &[(0, 3000), (3100, 8000)]);
    house.record(2, &[(500, 600)]);
    let asked = wanted(&[1, 2, 3], 0, 7200, ZIP);
    let export = house.exports.create(&owner(), asked).unwrap();
    assert_eq!((export.state, export.progress()), (ExportState::Queued, 0.0));
    let (export, bytes) = house.done(export.id);
    assert_eq!(export.progress(), 1.0);
    assert_eq!(export.file.as_ref().unwrap().name, "heron-3-cameras-2026-11-18T100000Z.zip");
    assert_eq!(export.expires.unwrap(), export.finished.unwrap() + Duration::from_secs(7 * 86_400));
    assert_eq!(house.files(), [format!("{}.zip", export.id)]);

    let dir = tempfile::tempdir().unwrap();
    extract(&bytes, dir.path());
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["format"], "heron-export 1");
    assert_eq!(manifest["note"], "for the <police> & insurance");
    assert_eq!(manifest["created_by"], "owner");
    assert_eq!(manifest["timezone"], "America/Sao_Paulo");
    assert_eq!(manifest["requested"]["end"], after(7200).to_string());
    let cameras = manifest["cameras"].as_array().unwrap();
    let names = |n: usize| -> Vec<&str> {
        cameras[n]["files"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect()
    };
    assert_eq!(names(0), ["01-Camera_1/2026-11-18T100000Z.mp4", "01-Camera_1/2026-11-18T110000Z.mp4"]);
    assert_eq!(names(1), ["02-Camera_2/2026-11-18T100000Z.mp4"]);
    assert_eq!((names(2).len(), &cameras[2]["recorded"]), (0, &Value::Null));
    let gap = |from, to, reason: &str| serde_json::json!({"start": after(from).to_string(), "end": after(to).to_string(), "reason": reason});
    assert_eq!(cameras[0]["gaps"], serde_json::json!([gap(3000, 3100, "restart")]));
    assert_eq!(
        cameras[1]["gaps"],
        serde_json::json!([gap(0, 500, "not_available"), gap(600, 7200, "not_available")])
    );
    assert_eq!(cameras[2]["gaps"], serde_json::json!([gap(0, 7200, "not_available")]));
    assert_eq!(cameras[0]["files"][0]["bytes"], 3500 * RATE);
    assert_eq!(cameras[0]["files"][0]["spans"].as_array().unwrap().len(), 2);

    // As VERIFY.txt says.
    let verify = std::fs::read_to_string(dir.path().join("VERIFY.txt")).unwrap();
    let commands: Vec<&str> = verify
        .lines()
        .filter_map(|l| l.strip_prefix("    "))
        .filter(|l| l.starts_with("openssl") || l.starts_with("sha256sum"))
        .collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in commands {
        let (right, said) = shell(dir.path(), command);
        assert!(right, "{command}: {said}");
        if command.contains("pkey ") {
            assert!(verify.contains(said.split(' ').next().unwrap()), "{said}");
            assert_eq!(manifest["key"]["fingerprint"], said.split(' ').next().unwrap());
        }
    }
    // And it notices.
    let film = dir.path().join(names(1)[0]);
    let mut altered = std::fs::read(&film).unwrap();
    altered[50_000] ^= 1;
    std::fs::write(&film, altered).unwrap();
    assert!(!shell(dir.path(), "sha256sum -c SHA256SUMS").0);
    let forged = "sed -i 's/not_available/restart/' manifest.json; \
        openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in manifest.json -sigfile manifest.sig";
    assert!(!shell(dir.path(), forged).0);

    for asker in [owner(), owner(), guard()] {
        house.exports.note_download(&asker, export.id);
    }
    let mut kinds = Vec::new();
    eventually("all of it is in the journal", || {
        kinds.extend(house.kinds());
        (kinds.len() == 3).then_some(())
    });
    assert_eq!(kinds, ["export.created", "export.done", "export.downloaded"]);
}

#[test]
fn an_mp4_is_the_footage_alone() {
    let house = House::new();
    house.record(1, &[(0, 10_000)]);
    let export = house.exports.create(&owner(), wanted(&[1], 0, 5000, MP4)).unwrap();
    let (export, bytes) = house.done(export.id);
    assert_eq!(bytes.len() as u64, 5000 * RATE);
    let open = house.exports.open(&owner(), export.id).unwrap();
    assert_eq!((open.media_type, open.name.as_str()), ("video/mp4", "heron-Camera_1-2026-11-18T100000Z.mp4"));
    assert!(open.etag.starts_with('"') && open.etag.ends_with('"'));
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let house = House::new();
    house.record(1, &[(0, 100)]);
    let refused = |new: NewExport| house.exports.create(&owner(), new).unwrap_err();
    assert_eq!(refused(wanted(&[], 0, 10, ZIP)).field(), Some("cameras"));
    assert_eq!(refused(wanted(&[1], 10, 10, ZIP)).field(), Some("end"));
    assert_eq!(refused(wanted(&[1], 0, 90_000, ZIP)).field(), Some("end"));
    assert_eq!(refused(wanted(&[1, 2], 0, 10, MP4)).field(), Some("format"));
    assert_eq!(refused(wanted(&[1], 20 * 86_400, 20 * 86_400 + 1, ZIP)).field(), Some("start"));
    assert!(matches!(refused(wanted(&[1], 200, 300, ZIP)), ExportError::NothingRecorded));
    let mut unknown = wanted(&[1, 5], 0, 10, ZIP);
    unknown.cameras[1].1 = None;
    assert_eq!(refused(unknown.clone()).kind(), ErrorKind::NotFound);
    // A camera that was removed and whose footage is still there.
    house.record(5, &[(0, 100)]);
    let export = house.exports.create(&owner(), unknown).unwrap();
    assert_eq!(export.request.cameras[1].name, "removed camera 00000000");
    house.done(export.id);
    // A clock that was set back: the footage is of a future that the box has forgotten.
    house.clock.set_wall(after(-1000));
    assert_eq!(refused(wanted(&[1], 0, 10, ZIP)).field(), Some("start"));
}

#[test]
fn everybody_sees_their_own_and_administrators_see_all() {
    let house = House::new();
    house.record(1, &[(0, 100)]);
    let mine = house.exports.create(&guard(), wanted(&[1], 0, 10, ZIP)).unwrap();
    let other = house.exports.create(&owner(), wanted(&[1], 0, 20, ZIP)).unwrap();
    house.done(mine.id);
    house.done(other.id);
    let page = |asker: heron_exports::Asker, limit, cursor: Option<&str>| {
        let page = house.exports.list(&asker, limit, cursor).unwrap();
        (page.items.iter().map(|e| e.id).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(page(guard(), 10, None), (vec![mine.id], None));
    let (first, next) = page(owner(), 1, None);
    assert_eq!((first, page(owner(), 1, next.as_deref())), (vec![other.id], (vec![mine.id], None)));
    assert!(house.exports.list(&owner(), 1, Some("x")).is_err());
    for result in [
        house.exports.get(&guard(), other.id).map(drop),
        house.exports.cancel(&guard(), other.id).map(drop),
        house.exports.resume(&guard(), other.id).map(drop),
        house.exports.open(&guard(), other.id).map(drop),
        house.exports.delete(&guard(), other.id),
    ] {
        assert!(matches!(result, Err(ExportError::NoSuchExport(_))), "{result:?}");
    }
    house.exports.delete(&guard(), mine.id).unwrap();
    assert!(matches!(house.exports.get(&owner(), mine.id), Err(ExportError::NoSuchExport(_))));
    assert_eq!(house.files(), [format!("{}.zip", other.id)]);
}

#[test]
fn cancelling_removes_the_file_and_resuming_begins_anew() {
    let mut house = House::new();
    house.set("exports.rate_mib_s", 1);
    house.record(1, &[(0, 86_400)]);
    let running = house.exports.create(&owner(), wanted(&[1], 0, 86_400, ZIP)).unwrap();
    let waiting = house.exports.create(&owner(), wanted(&[1], 0, 60, ZIP)).unwrap();
    eventually("it writes", || (!house.files().is_empty()).then_some(()));
    assert!(matches!(house.exports.open(&owner(), running.id), Err(ExportError::Conflict { .. })));
    assert!(matches!(house.exports.resume(&owner(), running.id), Err(ExportError::Conflict { .. })));
    assert_eq!(house.exports.cancel(&owner(), waiting.id).unwrap().state, ExportState::Cancelled);
    let cancelled = house.exports.cancel(&owner(), running.id).unwrap();
    assert_eq!((cancelled.state, cancelled.bytes_done), (ExportState::Cancelled, 0));
    assert!(house.files().is_empty());
    assert_eq!(house.exports.cancel(&owner(), running.id).unwrap().state, ExportState::Cancelled);
    house.exports.delete(&owner(), running.id).unwrap();
    house.exports.resume(&owner(), waiting.id).unwrap();
    house.done(waiting.id);
    assert!(matches!(house.exports.cancel(&owner(), waiting.id), Err(ExportError::Conflict { .. })));
    let kinds = house.kinds();
    assert_eq!(kinds.iter().filter(|k| *k == "export.cancelled").count(), 2, "{kinds:?}");
    assert!(kinds.iter().any(|k| k == "export.resumed") && kinds.iter().any(|k| k == "export.deleted"));
}

#[test]
fn it_stands_still_while_recording_is_pressed() {
    let house = House::new();
    house.record(1, &[(0, 100)]);
    *house.footage.pressure.lock() = Pressure { deepest_queue: 400, overrun_units: 0 };
    let export = house.exports.create(&owner(), wanted(&[1], 0, 100, ZIP)).unwrap();
    let asked = house.footage.asked.load(Ordering::SeqCst);
    eventually("it has looked a few times", || {
        (house.footage.asked.load(Ordering::SeqCst) >= asked + 4).then_some(())
    });
    assert_eq!(house.footage.reads.load(Ordering::SeqCst), 0);
    *house.footage.pressure.lock() = Pressure::default();
    house.done(export.id);
}

#[test]
fn it_never_takes_what_is_kept_for_recording() {
    let house = House::new();
    house.record(1, &[(0, 100)]);
    {
        let mut volumes = house.footage.volumes.lock();
        (volumes[0].0.reserve_bytes, volumes[0].0.free_bytes) = (u64::MAX / 4, u64::MAX / 2);
        volumes[0].0.total_bytes = u64::MAX / 2;
    }
    let export = house.exports.create(&owner(), wanted(&[1], 0, 100, ZIP)).unwrap();
    eventually("it has begun", || (!house.files().is_empty()).then_some(()));
    assert_eq!(house.footage.reads.load(Ordering::SeqCst), 0);
    house.exports.cancel(&owner(), export.id).unwrap();
}

#[test]
fn what_does_not_fit_is_refused_and_the_oldest_finished_go() {
    let mut house = House::new();
    // A tenth of 100 MiB.
    house.footage.volumes.lock()[0].0.total_bytes = 100 * MIB;
    house.record(1, &[(0, 86_400)]);
    let too_large = house.exports.create(&owner(), wanted(&[1], 0, 20_000, ZIP)).unwrap_err();
    assert_eq!((too_large.kind(), too_large.field()), (ErrorKind::TooLarge, Some("end")));
    let first = house.exports.create(&owner(), wanted(&[1], 0, 4000, ZIP)).unwrap();
    house.done(first.id);
    let second = house.exports.create(&owner(), wanted(&[1], 0, 3000, ZIP)).unwrap();
    house.done(second.id);
    let third = house.exports.create(&owner(), wanted(&[1], 0, 5000, ZIP)).unwrap();
    house.done(third.id);
    assert!(matches!(house.exports.get(&owner(), first.id), Err(ExportError::NoSuchExport(_))));
    assert_eq!(house.files(), [format!("{}.zip", second.id), format!("{}.zip", third.id)]);
    eventually("which is said", || house.kinds().contains(&"export.expired".to_owned()).then_some(()));
    // What waits was promised its room.
    *house.footage.pressure.lock() = Pressure { deepest_queue: 400, overrun_units: 0 };
    house.exports.create(&owner(), wanted(&[1], 0, 6000, ZIP)).unwrap();
    let refused = house.exports.create(&owner(), wanted(&[1], 0, 6000, ZIP)).unwrap_err();
    assert!(matches!(refused, ExportError::NoRoom { .. }), "{refused}");
    // So many at most.
    let mut taken = 1;
    let last = loop {
        match house.exports.create(&owner(), wanted(&[1], 0, 1, ZIP)) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        // A row that does not count on room, so that only the number is to blame.
        house.footage.volumes.lock()[0].0.total_bytes = 10 << 30;
    };
    assert_eq!((taken, last.kind()), (heron_exports::MOST_WAITING, ErrorKind::Exhausted));
    // What is finished is not resumed; it may have gone by now, for the room that was promised.
    let refused = house.exports.resume(&owner(), second.id).unwrap_err();
    assert!(matches!(refused, ExportError::Conflict { .. } | ExportError::NoSuchExport(_)), "{refused}");
}

#[test]
fn finished_exports_expire_and_strangers_files_stay() {
    let house = House::new();
    house.record(1, &[(0, 100)]);
    let export = house.exports.create(&owner(), wanted(&[1], 0, 100, ZIP)).unwrap();
    house.done(export.id);
    let folder = house.volume().join("exports");
    let strange = [format!("{}.zip", Uuid::from_u128(5)), "holiday.zip".to_owned()];
    for name in &strange {
        std::fs::write(folder.join(name), b"somebody else's").unwrap();
    }
    house.clock.advance(Duration::from_secs(6 * 86_400));
    let house = house.restart();
    house.exports.open(&owner(), export.id).unwrap();
    house.exports.shutdown();
    house.clock.advance(Duration::from_secs(2 * 86_400));
    let mut house = house.restart();
    eventually("it is gone", || house.exports.get(&owner(), export.id).is_err().then_some(()));
    eventually("and its file", || (house.files() == strange).then_some(()));
    eventually("which is said", || house.kinds().contains(&"export.expired".to_owned()).then_some(()));
}

#[test]
fn footage_that_is_deleted_meanwhile_is_a_gap_and_a_remark() {
    let house = House::new();
    house.record(1, &[(0, 7200)]);
    // Two chunks of four are read, then retention takes the first half hour.
    house.footage.gone.store(true, Ordering::SeqCst);
    house.footage.reads_left.store(2, Ordering::SeqCst);
    let export = house.exports.create(&owner(), wanted(&[1], 0, 7200, ZIP)).unwrap();
    eventually("it runs into it", || (house.footage.reads.load(Ordering::SeqCst) > 2).then_some(()));
    house.record(1, &[(1800, 7200)]);
    house.footage.reads_left.store(u64::MAX, Ordering::SeqCst);
    let (export, bytes) = house.done(export.id);
    assert_eq!(export.remarks.len(), 1, "{:?}", export.remarks);
    assert!(export.remarks[0].contains("Camera 1") && export.remarks[0].contains("deleted"));
    let dir = tempfile::tempdir().unwrap();
    extract(&bytes, dir.path());
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["cameras"][0]["gaps"][0]["reason"], "not_available");
    assert_eq!(manifest["cameras"][0]["files"][0]["bytes"], 1800 * RATE);
    assert_eq!(manifest["remarks"][0], export.remarks[0].as_str());
    assert!(shell(dir.path(), "sha256sum -c SHA256SUMS").0);
}

#[test]
fn all_of_it_deleted_is_a_failure_in_words() {
    let mut house = House::new();
    house.record(1, &[(0, 100)]);
    *house.footage.pressure.lock() = Pressure { deepest_queue: 400, overrun_units: 0 };
    let export = house.exports.create(&owner(), wanted(&[1], 0, 100, ZIP)).unwrap();
    eventually("it has begun", || (!house.files().is_empty()).then_some(()));
    house.footage.gone.store(true, Ordering::SeqCst);
    house.footage.reads_left.store(0, Ordering::SeqCst);
    house.record(1, &[]);
    *house.footage.pressure.lock() = Pressure::default();
    let failed = house.wait(export.id);
    assert_eq!(failed.state, ExportState::Failed);
    assert!(failed.error.unwrap().contains("nothing was recorded"));
    eventually("which is said", || house.kinds().contains(&"export.failed".to_owned()).then_some(()));
}

#[test]
fn a_volume_that_goes_away_is_said_in_words() {
    let house = House::new();
    house.record(1, &[(0, 100)]);
    let export = house.exports.create(&owner(), wanted(&[1], 0, 100, ZIP)).unwrap();
    house.done(export.id);
    let (volume, away) = (house.volume(), house.dir.path().join("away"));
    std::fs::rename(&volume, &away).unwrap();
    std::fs::create_dir(&volume).unwrap();
    assert!(matches!(house.exports.open(&owner(), export.id), Err(ExportError::VolumeAway)));
    let next = house.exports.create(&owner(), wanted(&[1], 0, 50, ZIP)).unwrap();
    assert!(house.wait(next.id).error.unwrap().contains("not there"));
    assert_eq!(std::fs::read_dir(&volume).unwrap().count(), 0, "nothing on the bare mount point");
    std::fs::remove_dir(&volume).unwrap();
    std::fs::rename(&away, &volume).unwrap();
    house.exports.open(&owner(), export.id).unwrap();
    house.exports.resume(&owner(), next.id).unwrap();
    house.done(next.id);
}

/// Puts a finished export back to the state in which it was taken on.
fn undo(house: &House, id: Uuid) {
    let done = house.store.write_blocking(move |tx| {
        tx.execute(
            "UPDATE exports_part SET state='waiting', at=0, bytes=0, etag='', done=0, crc=0, sha256=NULL, info=NULL
             WHERE job = ?1",
            [id.as_bytes()],
        )?;
        tx.execute("UPDATE exports_job SET state='failed', file_name=NULL, checked=0 WHERE id = ?1", [id.as_bytes()])?;
        Ok(())
    });
    done.unwrap();
    for name in house.files() {
        std::fs::remove_file(house.volume().join("exports").join(name)).unwrap();
    }
}

#[test]
fn a_disk_that_gives_back_other_bytes_is_noticed() {
    let house = House::new();
    house.record(1, &[(0, 4000)]);
    let export = house.exports.create(&owner(), wanted(&[1], 0, 4000, ZIP)).unwrap();
    let (_, before) = house.done(export.id);
    // As if the box had stopped just before the file was read back, and a sector went bad.
    let folder = house.volume().join("exports");
    let mut bad = before.clone();
    bad[2_000_000] ^= 0x40;
    std::fs::remove_file(folder.join(format!("{}.zip", export.id))).unwrap();
    std::fs::write(folder.join(format!("{}.part", export.id)), bad).unwrap();
    let id = export.id;
    let failed = "UPDATE exports_job SET state='failed', file_name=NULL WHERE id = ?1";
    house.store.write_blocking(move |tx| Ok(tx.execute(failed, [id.as_bytes()])?)).unwrap();
    house.exports.resume(&owner(), id).unwrap();
    let found = house.wait(id);
    assert!(found.error.unwrap().contains("other bytes"), "{:?}", found.state);
    house.exports.resume(&owner(), id).unwrap();
    assert_eq!(house.done(id).1, before, "written anew");
}

/// What a crash leaves of a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// Nothing happened to it.
    None,
    /// Bytes after the last checkpoint were written.
    More(u16),
    /// Bytes that were synced are not there after all.
    Less(u32),
    /// Some are others.
    Other(u32),
    /// The whole file.
    Gone,
    /// The box is started anew.
    Restart,
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        Just(Harm::None),
        any::<u16>().prop_map(Harm::More),
        (0u32..9_000_000).prop_map(Harm::Less),
        (0u32..9_000_000).prop_map(Harm::Other),
        Just(Harm::Gone),
        Just(Harm::Restart),
    ]
}

fn hurt(path: &Path, harm: Harm) {
    let Ok(mut bytes) = std::fs::read(path) else { return };
    match harm {
        Harm::None | Harm::Restart => {}
        Harm::More(n) => bytes.extend(vec![0xaa; usize::from(n)]),
        Harm::Less(n) => bytes.truncate(bytes.len().saturating_sub(n as usize)),
        Harm::Other(at) => {
            if let Some(byte) = bytes.get_mut(at as usize) {
                *byte ^= 1;
            }
        }
        Harm::Gone => return std::fs::remove_file(path).unwrap(),
    }
    std::fs::write(path, bytes).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Wherever it is stopped and whatever that leaves: resumed, the file has the same bytes as one that was never stopped.
    #[test]
    fn stopped_anywhere_and_resumed_is_the_same_file(
        stops in proptest::collection::vec((0u64..8, harm()), 1..4), format in prop_oneof![Just(ZIP), Just(MP4)],
    ) {
        let mut house = House::new();
        house.record(1, &[(0, 2500), (2600, 6000)]);
        house.record(2, &[(4000, 5000)]);
        let cameras: &[u128] = if format == ZIP { &[1, 2] } else { &[1] };
        let id = house.exports.create(&owner(), wanted(cameras, 0, 6000, format)).unwrap().id;
        let (_, uninterrupted) = house.done(id);
        undo(&house, id);
        for (reads, harm) in stops {
            house.footage.reads_left.store(reads, Ordering::SeqCst);
            house.exports.resume(&owner(), id).unwrap();
            let stopped = house.wait(id);
            if stopped.state == ExportState::Done {
                undo(&house, id);
                continue;
            }
            prop_assert!(stopped.error.unwrap().contains("bad sector"));
            if matches!(harm, Harm::Restart) {
                house = house.restart();
            }
            hurt(&house.volume().join("exports").join(format!("{id}.part")), harm);
        }
        house.footage.reads_left.store(u64::MAX, Ordering::SeqCst);
        house.exports.resume(&owner(), id).unwrap();
        let mut last = house.wait(id);
        if last.state == ExportState::Failed {
            // A damaged part that had been finished is noticed when all is read back; then it is written anew.
            prop_assert!(last.error.unwrap().contains("other bytes"));
            house.exports.resume(&owner(), id).unwrap();
            last = house.wait(id);
        }
        prop_assert_eq!(last.state, ExportState::Done);
        let (_, bytes) = house.done(id);
        prop_assert!(bytes == uninterrupted, "{} bytes of {}", bytes.len(), uninterrupted.len());
    }
}

#[test]
fn what_was_running_goes_on_by_itself_after_a_restart() {
    let house = House::new();
    house.set("exports.rate_mib_s", 2);
    house.record(1, &[(0, 7200)]);
    let asked = wanted(&[1], 0, 7200, ZIP);
    let export = house.exports.create(&owner(), asked).unwrap();
    eventually("a part is done", || {
        (house.exports.get(&owner(), export.id).unwrap().bytes_done > 3600 * RATE).then_some(())
    });
    let house = house.restart();
    house.set("exports.rate_mib_s", 1000);
    let reads = house.footage.reads.load(Ordering::SeqCst);
    house.done(export.id);
    let again = house.footage.reads.load(Ordering::SeqCst) - reads;
    assert!(again <= 5, "the first hour was not read again: {again} reads");
    assert_eq!(camera(1), export.request.cameras[0].id);
}
