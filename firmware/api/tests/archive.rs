//! The archive over HTTP. What it does with a bucket is tested in its own room against a real server.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use axum::http::StatusCode;
use common::House;
use serde_json::json;

const CONFIG: &str = "/api/v1/archive/config";

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    assert_eq!(admin.get("/api/v1/archive").await.json()["state"], "off");
    let answer = admin.get(CONFIG).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let body = json!({
        "endpoint": "http://127.0.0.1:9/", "bucket": "footage", "access_key": "AK", "secret": "top-s3cret",
        "window": {"from": "22:00", "to": "06:00"}, "what": {"events": ["analytics.*"]},
    });
    let kept = admin.put(CONFIG, &body).await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.text());
    let shown = admin.get(CONFIG).await;
    assert_eq!(shown.json()["endpoint"], "http://127.0.0.1:9");
    assert_eq!(
        (&shown.json()["has_secret"], &shown.json()["window"]["timezone"]),
        (&json!(true), &json!("UTC"))
    );
    for text in [kept.text(), shown.text(), admin.get("/api/v1/events?limit=100").await.text()] {
        assert!(!text.contains("top-s3cret"), "{text}");
    }
    // Nobody listens there: the words say so.
    let tried = admin.post("/api/v1/archive/test", &json!({})).await;
    assert_eq!(tried.status, StatusCode::SERVICE_UNAVAILABLE, "{}", tried.text());
    assert!(tried.json()["detail"].as_str().unwrap().contains("127.0.0.1:9"), "{}", tried.text());
    let elsewhere = json!({"endpoint": "http://127.0.0.1:10", "bucket": "footage", "access_key": "AK"});
    let refused = admin.put(CONFIG, &elsewhere).await;
    assert_eq!((refused.status, &refused.json()["field"]), (StatusCode::BAD_REQUEST, &json!("secret")));
    assert_eq!(admin.delete(CONFIG).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.get(CONFIG).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn jobs_are_checked_and_listed() {
    let house = House::new().await;
    let camera = house.camera().await.camera;
    let admin = house.client("admin").await;
    let job = json!({"camera": camera, "start": "2026-11-18T10:00:00Z", "end": "2026-11-18T11:00:00Z"});
    assert_eq!(
        admin.post("/api/v1/archive/jobs", &job).await.status,
        StatusCode::CONFLICT,
        "none is configured"
    );
    let config =
        json!({"endpoint": "http://127.0.0.1:9", "bucket": "footage", "access_key": "AK", "secret": "x"});
    admin.put(CONFIG, &config).await;
    let made = admin.post("/api/v1/archive/jobs", &job).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let again = admin.post("/api/v1/archive/jobs", &job).await;
    assert_eq!(made.json()["id"], again.json()["id"], "asking twice is asking once");
    let listed = admin.get("/api/v1/archive/jobs").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    for (field, body) in [
        ("end", json!({"camera": camera, "start": "2026-11-18T10:00:00Z", "end": "2026-11-18T09:00:00Z"})),
        ("end", json!({"camera": camera, "start": "2026-11-18T10:00:00Z", "end": "2126-11-18T09:00:00Z"})),
    ] {
        let refused = admin.post("/api/v1/archive/jobs", &body).await;
        assert_eq!((refused.status, &refused.json()["field"]), (StatusCode::BAD_REQUEST, &json!(field)));
    }
    let stored =
        format!("/api/v1/cameras/{camera}/archived?start=2026-11-18T10:00:00Z&end=2026-11-18T11:00:00Z");
    assert_eq!(admin.get(&stored).await.json()["items"], json!([]));
    let playlist = stored.replace("archived?", "archived.m3u8?");
    assert_eq!(admin.get(&playlist).await.status, StatusCode::NOT_FOUND);
    let piece = format!("/api/v1/cameras/{camera}/archived/1/init.mp4");
    assert_eq!(admin.get(&piece).await.status, StatusCode::NOT_FOUND);
    let id = made.json()["id"].as_i64().unwrap();
    assert_eq!(admin.delete(&format!("/api/v1/archive/jobs/{id}")).await.status, StatusCode::NO_CONTENT);
    let viewer = house.client("viewer").await;
    assert_eq!(viewer.get(CONFIG).await.status, StatusCode::FORBIDDEN);
}
