//! Locks and the retention planner over HTTP.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use axum::http::StatusCode;
use common::House;
use heron_core::StreamKey;
use serde_json::{Value, json};

fn lock(start: &str, end: &str, reason: &str) -> Value {
    json!({"start": start, "end": end, "reason": reason})
}

fn locks_of(key: StreamKey) -> String {
    format!("/api/v1/cameras/{}/locks", key.camera)
}

#[tokio::test]
async fn a_lock_is_made_listed_and_removed_and_the_journal_knows() {
    let house = House::new().await;
    let key = house.camera().await;
    let (admin, supervisor) = (house.client("admin").await, house.client("supervisor").await);
    let body = lock("2025-11-20T10:00:00Z", "2025-11-20T10:05:00Z", " Break-in at the gate. ");
    let answer = supervisor.post(&locks_of(key), &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let made = answer.json();
    assert_eq!(made["reason"], "Break-in at the gate.");
    assert_eq!(made["by"], "supervisor");
    assert_eq!(made["camera"], key.camera.to_string());
    assert_eq!(made["start"], "2025-11-20T10:00:00.000Z");
    let tomorrow = lock("2026-11-21T10:00:00Z", "2026-11-21T10:05:00Z", "Again.");
    let later = admin.post(&locks_of(key), &tomorrow).await.json();

    let range = "start=2025-11-20T10:04:00Z&end=2025-11-20T11:00:00Z";
    let timeline = admin.get(&format!("/api/v1/cameras/{}/timeline?{range}", key.camera)).await.json();
    assert_eq!(timeline["locks"].as_array().unwrap().len(), 1, "{timeline}");
    assert_eq!(timeline["locks"][0]["id"], made["id"]);
    let of_camera = admin.get(&locks_of(key)).await.json();
    assert_eq!(of_camera, json!({"items": [made, later], "next": null}));
    let part = format!("{}?start=2026-11-20T10:05:00Z&end=2026-11-22T00:00:00Z", locks_of(key));
    assert_eq!(admin.get(&part).await.json()["items"], json!([later]));
    let first = admin.get("/api/v1/locks?limit=1").await.json();
    assert_eq!(first["items"], json!([later]));
    let second =
        admin.get(&format!("/api/v1/locks?limit=1&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!(second.json()["items"], json!([made]));

    let one = format!("/api/v1/locks/{}", made["id"].as_str().unwrap());
    supervisor.delete(&one).await.is_problem(403, "forbidden", "");
    assert_eq!(admin.delete(&one).await.status, StatusCode::NO_CONTENT);
    admin.delete(&one).await.is_problem(404, "not-found", "");
    assert_eq!(admin.get("/api/v1/locks").await.json()["items"], json!([later]));
    let events = admin.get("/api/v1/events?kind=recording.unlocked").await.json();
    assert_eq!(events["items"].as_array().unwrap().len(), 1, "{events}");
}

#[tokio::test]
async fn wrong_locks_name_their_field() {
    let house = House::new().await;
    let key = house.camera().await;
    let admin = house.client("admin").await;
    let (ten, eleven) = ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z");
    for (body, field) in [
        (lock(eleven, ten, "x"), "end"),
        (lock(ten, "2026-12-24T10:00:00Z", "x"), "end"),
        (lock(ten, eleven, "   "), "reason"),
        (lock("soon", eleven, "x"), "start"),
        (json!({"start": ten, "end": eleven}), "reason"),
        (json!({"start": ten, "end": eleven, "reason": "x", "who": "y"}), "who"),
    ] {
        admin.post(&locks_of(key), &body).await.is_problem(400, "invalid", field);
    }
    let nobody = StreamKey::new("018f7a36-0000-7000-8000-000000000000".parse().unwrap(), key.kind);
    admin.post(&locks_of(nobody), &lock(ten, eleven, "x")).await.is_problem(404, "not-found", "");
    admin.get("/api/v1/locks?cursor=x").await.is_problem(400, "invalid", "cursor");
    admin.get(&format!("{}?start=x", locks_of(key))).await.is_problem(400, "invalid", "start");
}

#[tokio::test]
async fn a_plan_says_what_settings_would_come_to_and_changes_nothing() {
    let house = House::new().await;
    let key = house.camera().await;
    let admin = house.client("admin").await;
    house.recorder.set_policy(key, heron_record::RecordPolicy::continuous());
    let ask = async |scope: &str, values: Value| {
        admin.post("/api/v1/storage/plan", &json!({"scope": scope, "values": values})).await
    };
    let plans = ask("system", json!({"retention.max_days": 7, "retention.event_days": 30})).await;
    assert_eq!(plans.status, StatusCode::OK, "{}", plans.text());
    let plans = plans.json();
    assert_eq!(plans["now"]["streams"][0]["max_days"], 0.0);
    let then = &plans["then"];
    assert_eq!(then["streams"][0]["camera"], key.camera.to_string());
    assert_eq!(then["streams"][0]["camera_name"], "Gate");
    assert_eq!(then["streams"][0]["stream"], "main");
    assert_eq!(then["streams"][0]["max_days"], 7.0);
    assert_eq!(then["days_expected"], Value::Null, "nothing is written");
    assert_eq!(then["deletes_bytes"], 0);
    let codes: Vec<&str> =
        then["warnings"].as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"max_below_events") && codes.contains(&"not_measured"), "{codes:?}");

    // A camera's own word is stronger than the system's; null takes it back.
    let camera = format!("camera:{}", key.camera);
    let set = json!({"values": {"retention.max_days": 3}});
    assert_eq!(admin.put(&format!("/api/v1/settings/{camera}"), &set).await.status, StatusCode::OK);
    let plans = ask("system", json!({"retention.max_days": 7})).await.json();
    assert_eq!(plans["then"]["streams"][0]["max_days"], 3.0);
    let plans = ask(&camera, json!({"retention.max_days": null, "retention.min_days": 2})).await.json();
    assert_eq!(plans["now"]["streams"][0]["max_days"], 3.0);
    assert_eq!(plans["then"]["streams"][0]["max_days"], 0.0);
    assert_eq!(plans["then"]["streams"][0]["min_days"], 2.0);
    let still = admin.get(&format!("/api/v1/settings/{camera}")).await.json();
    assert_eq!(still["values"], json!({"retention.max_days": 3}));

    ask("system", json!({"retention.max_dayz": 7})).await.is_problem(400, "invalid", "retention.max_dayz");
    ask("system", json!({"retention.max_days": -1})).await.is_problem(400, "invalid", "retention.max_days");
    ask("planet", json!({})).await.is_problem(400, "invalid", "scope");
    let site = "site:018f7a36-0000-7000-8000-000000000000";
    ask(site, json!({})).await.is_problem(404, "not-found", "");
}

#[tokio::test]
async fn storage_says_what_each_volume_is_for_and_how_it_does() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    let volume = &admin.get("/api/v1/storage").await.json()["volumes"][0];
    assert_eq!(volume["role"], "spread");
    assert_eq!((&volume["write_errors"], &volume["sync_errors"]), (&json!(0), &json!(0)));
    assert!(volume["write_latency_ms"]["mean"].is_number() && volume["write_latency_ms"]["max"].is_number());
    assert!(volume["health"].is_null() || volume["health"]["verdict"].is_string());
    let metrics = admin.get("/metrics").await.text();
    for family in ["volume_sync_errors_total", "volume_write_latency_ms", "volume_disk_warning"] {
        assert!(metrics.contains(&format!("heron_{family}{{path=")), "{family}");
    }
}
