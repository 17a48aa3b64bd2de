//! The settings as other rooms use them.
#![allow(clippy::unwrap_used)]

use heron_core::{CameraId, ErrorKind, ManualClock, WallTime};
use heron_settings::{KEYS, Key, KeyType, MIGRATIONS, Scope, ScopeKind, Settings, SettingsError};
use heron_store::{Store, StoreOptions};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// Keys of the types that this release does not use yet.
const MORE: &[Key] = &[
    Key {
        name: "site.name",
        kind: KeyType::Text { default: "Home", min_chars: 1, max_chars: 100 },
        unit: None,
        help: "What people call the place.",
        scopes: &[ScopeKind::System, ScopeKind::Site],
    },
    Key {
        name: "site.timezone",
        kind: KeyType::TimeZone { default: "UTC" },
        unit: None,
        help: "The time zone of the place.",
        scopes: &[ScopeKind::System, ScopeKind::Site],
    },
];

async fn open(dir: &Path) -> (Store, Settings) {
    let store = Store::open(&dir.join("heron.db"), StoreOptions::default(), &[MIGRATIONS]).unwrap();
    let clock = Arc::new(ManualClock::new("2026-11-20T10:00:00Z".parse::<WallTime>().unwrap()));
    let settings = Settings::open(store.clone(), clock, &[KEYS, MORE]).await.unwrap();
    (store, settings)
}

fn values(of: &[(&str, Value)]) -> BTreeMap<String, Value> {
    of.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()
}

async fn put(
    s: &Settings,
    scope: Scope,
    of: &[(&str, Value)],
) -> Result<heron_settings::Version, SettingsError> {
    s.put(scope, values(of), None, "anna", None).await
}

#[tokio::test]
async fn the_narrower_scope_wins_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (store, s) = open(dir.path()).await;
    let (site, camera) = (Scope::Site(Uuid::now_v7()), Scope::Camera(CameraId::generate()));
    let chain = [camera, Scope::System, site, Scope::Customer];
    let before = s.effective(&chain);
    assert_eq!(before.text("recording.mode"), "continuous");
    assert_eq!(before.0["recording.mode"].from, "default");
    assert_eq!(before.0.len(), KEYS.len() + MORE.len());

    put(&s, Scope::System, &[("retention.max_days", json!(30)), ("recording.mode", json!("off"))])
        .await
        .unwrap();
    put(&s, site, &[("retention.max_days", json!(14))]).await.unwrap();
    put(&s, camera, &[("recording.mode", json!("continuous")), ("recording.sub_enabled", json!(false))])
        .await
        .unwrap();
    let after = s.effective(&chain);
    assert_eq!(
        (after.integer("retention.max_days"), after.0["retention.max_days"].from.clone()),
        (14, site.to_string())
    );
    assert_eq!(
        (after.text("recording.mode"), after.0["recording.mode"].from.clone()),
        ("continuous", camera.to_string())
    );
    assert!(!after.bool("recording.sub_enabled"));
    assert_eq!(s.effective(&[Scope::System]).text("recording.mode"), "off");

    store.close().await;
    let (_, again) = open(dir.path()).await;
    assert_eq!(again.effective(&chain), after);
    assert_eq!(again.get(camera).author, "anna");
}

#[tokio::test]
async fn bad_values_are_refused_by_name_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (_, s) = open(dir.path()).await;
    let long = "x".repeat(1 << 20);
    for (key, value, says) in [
        ("recording.mode", json!("sometimes"), "one of continuous, motion, event, off"),
        ("recording.mode", json!(1), "one of"),
        ("recording.sub_enabled", json!("yes"), "true or false"),
        ("retention.max_days", json!(-1), "from 0 to 3650 days"),
        ("retention.max_days", json!(1.5), "whole number"),
        ("retention.max_days", json!(1e300), "whole number"),
        ("retention.max_days", json!("30"), "whole number"),
        ("retention.max_days", json!([30]), "whole number"),
        ("site.timezone", json!("Mars/Olympus"), "Europe/Berlin"),
        ("site.timezone", json!("../../etc/passwd"), "Europe/Berlin"),
        ("site.timezone", json!(long), "Europe/Berlin"),
        ("site.name", json!(""), "1 to 100"),
        ("site.name", json!(long), "1 to 100"),
        ("site.name", json!("a\u{0}b"), "control"),
        ("no.such", json!(1), "no such setting"),
        ("retention.max_dayz", json!(1), "retention.max_days"),
        ("'; DROP TABLE settings_versions; --", json!(1), "no such setting"),
    ] {
        let error =
            put(&s, Scope::System, &[(key, value), ("ingest.transport", json!("tcp"))]).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some(key)));
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.to_string().len() < 400, "{error}");
    }
    let camera = Scope::Camera(CameraId::generate());
    let error = put(&s, camera, &[("site.name", json!("x"))]).await.unwrap_err();
    assert!(error.to_string().contains("only for: system, site"), "{error}");
    let error = s.put(Scope::System, values(&[]), None, "anna", Some("r".repeat(501))).await.unwrap_err();
    assert_eq!(error.field(), Some("reason"));
    assert_eq!(s.get(Scope::System).version, 0);
    put(
        &s,
        Scope::System,
        &[("site.timezone", json!("Europe/Berlin")), ("site.name", json!("Robert'); DROP TABLE x;--"))],
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn versions_conflict_roll_back_and_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let (store, s) = open(dir.path()).await;
    let days = |n: i64| values(&[("retention.max_days", json!(n))]);
    let mut changes = s.changes();
    let one = s.put(Scope::System, days(1), Some(0), "anna", Some("first".into())).await.unwrap();
    assert_eq!((one.version, one.reason.as_deref()), (1, Some("first")));
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(s.put(Scope::System, days(1), None, "bob", None).await.unwrap().version, 1, "nothing differs");
    let two = s.put(Scope::System, days(2), Some(1), "bob", None).await.unwrap();
    assert_eq!(two.version, 2);
    let error = s.put(Scope::System, days(3), Some(1), "carl", None).await.unwrap_err();
    assert_eq!(error, SettingsError::Conflict { scope: "system".into(), expected: 1, found: 2 });
    let three = s.rollback(Scope::System, 1, "anna", None).await.unwrap();
    assert_eq!((three.version, three.values.clone()), (3, days(1)));
    assert_eq!(three.reason.as_deref(), Some("back to version 1"));
    let error = s.rollback(Scope::System, 77, "anna", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let listed: Vec<u64> =
        s.versions(Scope::System, 2, None).await.unwrap().iter().map(|v| v.version).collect();
    assert_eq!(listed, [3, 2]);
    let listed: Vec<u64> =
        s.versions(Scope::System, 9, Some(2)).await.unwrap().iter().map(|v| v.version).collect();
    assert_eq!(listed, [1]);
    // Null unsets.
    let four = s
        .put(Scope::System, values(&[("retention.max_days", Value::Null)]), None, "anna", None)
        .await
        .unwrap();
    assert!(four.values.is_empty());

    for n in 0..150 {
        s.put(Scope::System, days(n + 1), None, "anna", None).await.unwrap();
    }
    let rows: i64 = store
        .read(|c| Ok(c.query_row("SELECT count(*) FROM settings_versions", [], |r| r.get(0))?))
        .await
        .unwrap();
    assert_eq!(rows, 100);
    s.forget(Scope::System).await.unwrap();
    assert_eq!(s.get(Scope::System).version, 0);
    assert_eq!(s.effective(&[Scope::System]).integer("retention.max_days"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_expect_the_same_version_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let (_, s) = open(dir.path()).await;
    let tasks: Vec<_> = (1..=20)
        .map(|n| {
            let s = s.clone();
            tokio::spawn(async move {
                s.put(Scope::System, values(&[("retention.max_days", json!(n))]), Some(0), "x", None).await
            })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(v) => won.push(v),
            Err(e) => assert_eq!(e.kind(), ErrorKind::Conflict),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(s.get(Scope::System), won[0]);
}

#[tokio::test]
async fn what_an_update_no_longer_accepts_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let (store, s) = open(dir.path()).await;
    put(&s, Scope::System, &[("retention.max_days", json!(3000)), ("recording.mode", json!("off"))])
        .await
        .unwrap();
    const TIGHTER: &[Key] = &[Key {
        name: "retention.max_days",
        kind: KeyType::Integer { default: 7, min: 1, max: 100 },
        unit: None,
        help: "h.",
        scopes: ScopeKind::ALL,
    }];
    let clock = Arc::new(ManualClock::new(WallTime(0)));
    let s = Settings::open(store.clone(), clock.clone(), &[TIGHTER]).await.unwrap();
    let holds = s.effective(&[Scope::System]);
    assert_eq!((holds.integer("retention.max_days"), holds.0.len()), (7, 1));
    let twice = Settings::open(store.clone(), clock.clone(), &[KEYS, TIGHTER]).await.unwrap_err();
    assert_eq!(twice.field(), Some("retention.max_days"));
    store
        .write(|tx| Ok(tx.execute_batch("UPDATE settings_versions SET value = 'not json'; INSERT INTO settings_versions VALUES ('moon', 1, '{}', '', NULL, 0)")?))
        .await
        .unwrap();
    let s = Settings::open(store, clock, &[KEYS]).await.unwrap();
    assert_eq!(s.effective(&[Scope::System]).text("recording.mode"), "continuous");
}

#[tokio::test]
async fn the_schema_says_what_a_scope_takes() {
    let dir = tempfile::tempdir().unwrap();
    let (_, s) = open(dir.path()).await;
    let system = s.schema(ScopeKind::System);
    assert_eq!(system["additionalProperties"], false);
    assert_eq!(system["properties"]["retention.max_days"]["maximum"], 3650);
    assert_eq!(system["properties"]["retention.max_days"]["x-unit"], "days");
    assert_eq!(
        system["properties"]["recording.mode"]["enum"],
        json!(["continuous", "motion", "event", "off", null])
    );
    let camera = s.schema(ScopeKind::Camera);
    assert!(camera["properties"].get("site.name").is_none());
    assert!(camera["properties"].get("recording.mode").is_some());
}
