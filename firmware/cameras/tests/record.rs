//! What is recorded of a camera: set, changed, refused, and read from rows of before.
#![allow(clippy::unwrap_used)]

use heron_cameras::{
    CameraPatch, CameraRegister, CamerasError, MIGRATIONS, NewCamera, RecordMode, RecordPolicy, Sealer,
};
use heron_core::{ManualClock, PlainMode, WallTime};
use heron_store::{Migrations, Store, StoreOptions};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

async fn open(dir: &Path, migrations: Migrations) -> (Store, CameraRegister) {
    let store = Store::open(&dir.join("heron.db"), StoreOptions::default(), &[migrations]).unwrap();
    let register = register(dir, &store).await;
    (store, register)
}

async fn register(dir: &Path, store: &Store) -> CameraRegister {
    let sealer = Sealer::open_or_create(&dir.join("cameras.key")).unwrap();
    let clock = Arc::new(ManualClock::new("2026-11-20T10:00:00Z".parse::<WallTime>().unwrap()));
    CameraRegister::open(store.clone(), sealer, clock).await.unwrap()
}

fn record(json: Value) -> CameraPatch {
    serde_json::from_value(json!({ "record": json })).map_err(|e| e.to_string()).unwrap()
}

fn office() -> Value {
    json!({"week": [{"days": ["mon", "tue"], "from": "08:00", "to": "18:00", "mode": "event"}],
        "holidays": [{"date": "2026-12-25", "mode": "off"}], "otherwise": "motion"})
}

#[tokio::test]
async fn every_part_can_be_set_alone_and_comes_back_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (store, r) = open(dir.path(), MIGRATIONS).await;
    let id = r.create(NewCamera::new("a", "rtsp://h/x")).await.unwrap().id;
    assert_eq!(r.get(id).unwrap().record, RecordPolicy::default(), "the settings say");
    r.update(id, record(json!({"schedule": office()}))).await.unwrap();
    r.update(id, record(json!({"mode": "schedule"}))).await.unwrap();
    r.update(id, record(json!({"sub_mode": "continuous", "pre_roll_s": 5}))).await.unwrap();
    r.update(id, record(json!({"events": ["analytics.*", "camera.input"], "sub": false}))).await.unwrap();
    let before = r.get(id).unwrap().record.clone();
    assert_eq!((before.mode, before.sub_mode), (Some(RecordMode::Schedule), Some(RecordMode::Continuous)));
    assert_eq!((before.pre_roll_s, before.post_roll_s, before.sub), (Some(5), None, false));
    assert_eq!(before.schedule.as_ref().unwrap().otherwise, PlainMode::Motion);
    store.close().await;
    drop((store, r));
    let (_store, r) = open(dir.path(), MIGRATIONS).await;
    assert_eq!(r.get(id).unwrap().record, before);
    let c = r.update(id, record(json!({"mode": null, "pre_roll_s": null}))).await.unwrap();
    assert_eq!((c.record.mode, c.record.pre_roll_s), (None, None), "null: as the settings say");
    assert!(c.record.schedule.is_some(), "kept for the day it is wanted again");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_field_to_blame() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, r) = open(dir.path(), MIGRATIONS).await;
    let id = r.create(NewCamera::new("a", "rtsp://h/x")).await.unwrap().id;
    let span = |from: &str, to: &str| json!({"days": ["mon"], "from": from, "to": to, "mode": "off"});
    for (body, field) in [
        (json!({"mode": "schedule"}), "record.schedule"),
        (json!({"sub_mode": "schedule"}), "record.schedule"),
        (json!({"pre_roll_s": 61}), "record.pre_roll_s"),
        (json!({"post_roll_s": 6000}), "record.post_roll_s"),
        (json!({"events": ["analytics.*", "Camera"]}), "record.events[1]"),
        (json!({"events": ["analytics.*.x"]}), "record.events[0]"),
        (json!({"events": vec!["camera.input"; 33]}), "record.events"),
        (
            json!({"schedule": {"week": [span("01:00", "02:00"), span("03:00", "04:00"), span("03:59", "05:00")]}}),
            "record.schedule.week[2].from",
        ),
        (json!({"schedule": {"week": [span("02:00", "01:00")]}}), "record.schedule.week[0].to"),
    ] {
        let before = r.get(id).unwrap();
        match r.update(id, record(body.clone())).await.unwrap_err() {
            CamerasError::Invalid { field: blamed, .. } => assert_eq!(blamed, field, "{body}"),
            other => panic!("{body}: {other}"),
        }
        assert_eq!(r.get(id).unwrap(), before);
    }
    for body in [
        json!({"schedule": {"week": [span("25:00", "26:00")]}}),
        json!({"schedule": {"week": [{"days": ["monday"], "from": "01:00", "to": "02:00", "mode": "off"}]}}),
        json!({"schedule": {"week": [{"days": ["mon"], "from": "01:00", "to": "02:00", "mode": "schedule"}]}}),
        json!({"schedule": {"holidays": [{"date": "2026-02-30", "mode": "off"}]}}),
        json!({"sub": null}),
        json!({"events": null}),
        json!({"pre_roll_s": -1}),
    ] {
        assert!(serde_json::from_value::<CameraPatch>(json!({ "record": body })).is_err(), "{body}");
    }
}

#[tokio::test]
async fn cameras_stored_by_an_older_release_are_recorded_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    const OLD: Migrations = Migrations { room: "cameras", steps: MIGRATIONS.steps.split_at(2).0 };
    {
        let store = Store::open(&dir.path().join("heron.db"), StoreOptions::default(), &[OLD]).unwrap();
        store
            .write(|tx| {
                let site = [7u8; 16];
                tx.execute("INSERT INTO cameras_sites VALUES (?1, 'Home', 'UTC', 0)", [&site])?;
                for (n, mode) in ["continuous", "off"].iter().enumerate() {
                    tx.execute(
                        "INSERT INTO cameras_cameras(id, name, source, transport, enabled, site, tags, record_mode, record_sub,
                            created_ns) VALUES (?1, ?2, 'rtsp://h/x', 'auto', 1, ?3, '[]', ?4, 0, 0)",
                        (&[n as u8; 16], format!("cam{n}"), &site, mode),
                    )?;
                }
                Ok(())
            })
            .await
            .unwrap();
        store.close().await;
    }
    let (_store, r) = open(dir.path(), MIGRATIONS).await;
    let modes: Vec<_> = r.all().iter().map(|c| (c.record.mode, c.record.sub)).collect();
    assert_eq!(modes, [(Some(RecordMode::Continuous), false), (Some(RecordMode::Off), false)]);
    let id = r.all()[0].id;
    let c = r.update(id, record(json!({"mode": "event"}))).await.unwrap();
    assert_eq!(
        c.record,
        RecordPolicy { mode: Some(RecordMode::Event), sub: false, ..RecordPolicy::default() }
    );
}
