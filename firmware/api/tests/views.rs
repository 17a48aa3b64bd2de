//! What each role gets to see of cameras and of what happened.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use axum::http::StatusCode;
use common::{Answer, CAMERA_PASSWORD, House};
use heron_core::{EventDraft, Severity, StreamKind, WallTime};
use serde_json::{Value, json};

#[tokio::test]
async fn addresses_and_logins_of_cameras_are_for_those_who_configure() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    let body = json!({"name": "Gate", "source": "rtsp://10.0.0.5/main", "sub_source": "rtsp://10.0.0.5/sub",
        "username": "u", "password": CAMERA_PASSWORD, "enabled": false});
    let created = admin.post("/api/v1/cameras", &body).await;
    let place = created.header("location").to_owned();
    assert_eq!(created.json()["source"], "rtsp://10.0.0.5/main");
    for user in ["viewer", "supervisor"] {
        let client = house.client(user).await;
        let list = client.get("/api/v1/cameras").await;
        let one = client.get(&place).await;
        assert!(!list.text().contains("10.0.0.5") && !one.text().contains("10.0.0.5"));
        for camera in [list.json()["items"][0].clone(), one.json()] {
            assert_eq!(camera["name"], "Gate");
            for field in ["source", "sub_source", "username"] {
                assert_eq!(camera.get(field), Some(&Value::Null), "{user} {field}");
            }
            assert_eq!(
                camera["status"]["streams"]["sub"]["state"], "disabled",
                "that there is one is no secret"
            );
        }
    }
    for camera in
        [admin.get("/api/v1/cameras").await.json()["items"][0].clone(), admin.get(&place).await.json()]
    {
        assert_eq!(camera["sub_source"], "rtsp://10.0.0.5/sub");
        assert_eq!(camera["username"], "u");
    }
}

#[tokio::test]
async fn a_password_in_the_query_is_never_given_back_and_stays_when_its_mask_is_sent() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    let given = format!("rtsp://10.0.0.5/x?user=u&password={CAMERA_PASSWORD}&n=1");
    let body = json!({"name": "Gate", "source": given, "enabled": false});
    let created = admin.post("/api/v1/cameras", &body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
    let place = created.header("location").to_owned();
    let masked = "rtsp://10.0.0.5/x?user=u&password=***&n=1";
    let patched = admin.patch(&place, &json!({"name": "Yard", "source": masked})).await;
    for answer in [&created, &patched, &admin.get(&place).await, &admin.get("/api/v1/cameras").await] {
        assert!(!answer.text().contains(CAMERA_PASSWORD), "{}", answer.text());
        assert!(answer.text().contains(masked), "{}", answer.text());
    }
    let id = house.cameras.by_name("Yard").unwrap().id;
    assert_eq!(house.cameras.address(id, StreamKind::Main).unwrap().unwrap().as_str(), given);
    let elsewhere = admin.patch(&place, &json!({"source": "rtsp://10.6.6.6/x?password=***"})).await;
    elsewhere.is_problem(400, "invalid", "source");
}

#[tokio::test]
async fn another_host_needs_the_password_again() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    let body = json!({"name": "Gate", "source": "rtsp://u:p@10.0.0.5/x", "enabled": false});
    let place = admin.post("/api/v1/cameras", &body).await.header("location").to_owned();
    let moved = json!({"source": "rtsp://10.6.6.6/x"});
    let refused = admin.patch(&place, &moved).await;
    refused.is_problem(400, "invalid", "password");
    assert!(refused.text().contains("give the password again"), "{}", refused.text());
    assert_eq!(admin.get(&place).await.json()["source"], "rtsp://10.0.0.5/x");
    for (password, kept) in [(json!("q"), true), (Value::Null, false)] {
        let body = json!({"source": format!("rtsp://10.0.1.{}/x", u8::from(kept)), "password": password});
        let camera = admin.patch(&place, &body).await.json();
        assert_eq!((&camera["source"], &camera["has_password"]), (&body["source"], &json!(kept)));
    }
}

fn kinds(answer: &Answer) -> Vec<String> {
    let items = answer.json()["items"].as_array().unwrap().clone();
    items.iter().map(|e| e["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_happens_to_accounts_is_for_those_who_manage_users() {
    let house = House::new().await;
    let mut hidden = String::new();
    for i in 0..10 {
        let at = WallTime::from_millis(1_000 * i);
        let secret =
            EventDraft::new("access.login_failed", Severity::Medium, at, "access").text("from 10.9.9.9");
        hidden = house.journal.append(secret).await.unwrap().id.to_string();
        let plain = EventDraft::new("volume.full", Severity::High, at, "record").text("full");
        house.journal.append(plain).await.unwrap();
    }
    let hidden = format!("/api/v1/events/{hidden}");
    for user in ["viewer", "supervisor"] {
        let client = house.client(user).await;
        // Page by page: pages are full, so nothing was taken out of them afterwards.
        let first = client.get("/api/v1/events?limit=6").await;
        assert_eq!(kinds(&first), ["volume.full"; 6], "{user}");
        let cursor = first.json()["next"].as_str().unwrap().to_owned();
        let rest = client.get(&format!("/api/v1/events?limit=6&cursor={cursor}")).await;
        assert_eq!(kinds(&rest), ["volume.full"; 4], "{user}");
        assert_eq!(rest.json()["next"], Value::Null);
        for (asked, found) in [
            ("kind=access", 0),
            ("kind=access.login_failed", 0),
            ("kind=access.*,access.", 0),
            ("kind=event", 0),
            ("kind=access,volume", 10),
            ("text=10.9.9.9", 0),
        ] {
            let answer = client.get(&format!("/api/v1/events?limit=100&{asked}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{asked}: {}", answer.text());
            assert_eq!(kinds(&answer), vec!["volume.full"; found], "{user} {asked}");
        }
        client.get(&hidden).await.is_problem(404, "not-found", "");
    }
    house.client("supervisor").await.patch(&hidden, &json!({"note": "x"})).await.is_problem(
        404,
        "not-found",
        "",
    );
    let admin = house.client("admin").await;
    assert_eq!(kinds(&admin.get("/api/v1/events?kind=access").await).len(), 10);
    assert_eq!(kinds(&admin.get("/api/v1/events").await).len(), 20);
    assert_eq!(admin.get(&hidden).await.json()["kind"], "access.login_failed");
}
