//! Events, settings, sites, storage, system, health, metrics, the document and the page.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use axum::body::Body;
use axum::http::StatusCode;
use common::House;
use heron_core::{EventDraft, Severity, WallTime};
use serde_json::json;

#[tokio::test]
async fn events_are_found_and_worked_on() {
    let house = House::new().await;
    let camera = house.camera().await.camera;
    let viewer = house.client("viewer").await;
    let before = viewer.get("/api/v1/events").await.json()["items"].as_array().unwrap().len();
    for n in 0..5i64 {
        let start = WallTime::from_millis(1_795_000_000_000 + n * 1000);
        let draft = EventDraft::new("camera.unreachable", Severity::High, start, "ingest")
            .camera(camera)
            .text("gone");
        house.journal.append(draft).await.unwrap();
    }
    let kind = viewer.get("/api/v1/events?kind=camera.unreachable&limit=2").await.json();
    let items = kind["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let event = &items[0];
    assert_eq!(event["start"], "2026-11-18T11:06:44.000Z", "newest first");
    assert_eq!(
        (event["kind"].as_str(), event["severity"].as_str()),
        (Some("camera.unreachable"), Some("HIGH"))
    );
    assert_eq!(
        (event["status"].as_str(), event["camera"].as_str()),
        (Some("NEW"), Some(camera.to_string().as_str()))
    );
    assert!(event["end"].is_null() && event["tags"] == json!([]) && event["notes"] == json!([]));
    let next = kind["next"].as_str().unwrap();
    let more =
        viewer.get(&format!("/api/v1/events?kind=camera.unreachable&limit=100&cursor={next}")).await.json();
    assert_eq!(more["items"].as_array().unwrap().len(), 3);
    assert!(more["next"].is_null());
    let all = viewer.get("/api/v1/events").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), before + 5);
    let range = "start=2026-11-18T11:06:41Z&end=2026-11-18T11:06:43Z";
    assert_eq!(
        viewer.get(&format!("/api/v1/events?{range}")).await.json()["items"].as_array().unwrap().len(),
        2
    );

    let id = event["id"].as_str().unwrap();
    let place = format!("/api/v1/events/{id}");
    assert_eq!(viewer.get(&place).await.json()["id"], id);
    let patch = json!({"status": "ACKNOWLEDGED", "tags": ["night"], "note": "looked at it"});
    let patched = house.client("admin").await.patch(&place, &patch).await.json();
    assert_eq!((patched["status"].as_str(), &patched["tags"]), (Some("ACKNOWLEDGED"), &json!(["night"])));
    assert_eq!(
        (patched["notes"][0]["author"].as_str(), patched["notes"][0]["text"].as_str()),
        (Some("admin"), Some("looked at it"))
    );

    viewer.get("/api/v1/events/nonsense").await.is_problem(400, "invalid", "id");
    viewer.get("/api/v1/events/01JD4ZK1M8Q0V5R9N2T7W3X6YB").await.is_problem(404, "not-found", "");
    viewer.get("/api/v1/events?start=yesterday").await.is_problem(400, "invalid", "start");
    viewer
        .get("/api/v1/events?start=2026-11-18T11:06:43Z&end=2026-11-18T11:06:41Z")
        .await
        .is_problem(400, "invalid", "end");
    viewer.get("/api/v1/events?status=SOMEHOW").await.is_problem(400, "invalid", "status");
    viewer.get("/api/v1/events?camera=1").await.is_problem(400, "invalid", "camera");
    viewer.get("/api/v1/events?limit=5000").await.is_problem(400, "invalid", "limit");
    let kinds = vec!["a"; 40].join(",");
    viewer.get(&format!("/api/v1/events?kind={kinds}")).await.is_problem(400, "invalid", "kind");
    assert_eq!(viewer.get("/api/v1/events?text='%20OR%201=1--").await.status, StatusCode::OK);
}

#[tokio::test]
async fn settings_have_versions_and_go_back() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    let system = admin.get("/api/v1/settings/system").await.json();
    assert_eq!((system["scope"].as_str(), system["version"].as_u64()), (Some("system"), Some(0)));
    let (key, wrong) = some_key(&system["schema"]);
    let value = system["schema"]["properties"][&key]["default"].clone();
    let put =
        admin.put("/api/v1/settings/system", &json!({"values": {&key: value}, "reason": "because"})).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    assert_eq!((put.json()["version"].as_u64(), &put.json()["values"][&key]), (Some(1), &value));
    admin
        .put("/api/v1/settings/system", &json!({"values": {&key: wrong}}))
        .await
        .is_problem(400, "invalid", &key);
    admin
        .put("/api/v1/settings/system", &json!({"values": {"no.such": 1}}))
        .await
        .is_problem(400, "invalid", "no.such");
    admin
        .put("/api/v1/settings/system", &json!({"values": {}, "version": 7}))
        .await
        .is_problem(409, "conflict", "version");
    assert_eq!(
        admin.put("/api/v1/settings/system", &json!({"values": {}, "version": 1})).await.json()["version"],
        2
    );
    let versions = admin.get("/api/v1/settings/system/versions?limit=1").await.json();
    assert_eq!((versions["items"][0]["version"].as_u64(), versions["next"].as_str()), (Some(2), Some("2")));
    let older = admin.get("/api/v1/settings/system/versions?cursor=2").await.json();
    assert_eq!(older["items"][0]["version"], 1);
    assert_eq!(
        (older["items"][0]["author"].as_str(), older["items"][0]["reason"].as_str()),
        (Some("admin"), Some("because"))
    );
    let back = admin.post("/api/v1/settings/system/rollback", &json!({"version": 1})).await;
    assert_eq!((back.json()["version"].as_u64(), &back.json()["values"][&key]), (Some(3), &value));
    admin.post("/api/v1/settings/system/rollback", &json!({"version": 99})).await.is_problem(
        404,
        "not-found",
        "version",
    );
    let effective = house.client("viewer").await.get("/api/v1/settings/effective").await.json();
    assert_eq!(effective["values"][&key], json!({"value": value, "from": "system"}));

    let camera = house.camera().await.camera;
    assert_eq!(admin.get(&format!("/api/v1/settings/camera:{camera}")).await.status, StatusCode::OK);
    assert_eq!(
        admin.get(&format!("/api/v1/settings/effective?camera={camera}")).await.status,
        StatusCode::OK
    );
    let missing = "018f7a36-0000-7000-8000-000000000000";
    admin.get(&format!("/api/v1/settings/camera:{missing}")).await.is_problem(404, "not-found", "");
    admin.get(&format!("/api/v1/settings/site:{missing}")).await.is_problem(404, "not-found", "");
    admin.get(&format!("/api/v1/settings/effective?camera={missing}")).await.is_problem(404, "not-found", "");
    for scope in ["nonsense", "camera:", "camera:1", "site:x", "system:1", "..%2f"] {
        let answer = admin.get(&format!("/api/v1/settings/{scope}")).await;
        assert!(answer.status.is_client_error(), "{scope}: {}", answer.text());
    }
}

/// A key that can be set at a scope, and a value of a type it does not take.
fn some_key(schema: &serde_json::Value) -> (String, serde_json::Value) {
    let (key, property) = schema["properties"].as_object().unwrap().iter().next().expect("some key");
    let takes = property["type"].to_string();
    (key.clone(), if takes.contains("string") { json!(7) } else { json!("x") })
}

#[tokio::test]
async fn the_box_tells_how_it_is() {
    let house = House::new().await;
    house.camera().await;
    let viewer = house.client("viewer").await;
    let storage = viewer.get("/api/v1/storage").await.json();
    assert_eq!(storage["state"], "ok", "{storage}");
    assert_eq!(
        (storage["volumes"][0]["state"].as_str(), storage["streams"].as_array().map(Vec::len)),
        (Some("ok"), Some(0))
    );
    assert!(storage["volumes"][0]["total_bytes"].as_u64().unwrap() > 0);
    let system = viewer.get("/api/v1/system").await.json();
    assert!(system["memory_bytes"].as_u64().unwrap() > 1 << 20, "{system}");
    assert_eq!(system["streams"]["total"], 1);
    let nobody = house.nobody().remote();
    for path in ["/health", "/health/live", "/health/ready"] {
        let health = nobody.get(path).await;
        assert_eq!(health.status, StatusCode::OK, "{path}: {}", health.text());
        let health = health.json();
        assert_eq!(
            (health["status"].as_str(), health["service"].as_str()),
            (Some("healthy"), Some("herond")),
            "{path}"
        );
        assert_eq!(health["details"], json!({}), "strangers learn nothing more");
    }
    let detailed = house.nobody().get("/health/detailed").await.json();
    assert_eq!(detailed["details"]["database"]["status"], "healthy");
    let metrics = house.nobody().get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = metrics.text();
    for line in [
        "heron_build_info{version=\"0.1.0\"} 1\n",
        "heron_streams{state=\"connecting\"} 1\n",
        "# TYPE heron_volume_ok gauge\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    house.shutdown.cancel();
    assert_eq!(nobody.get("/health/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(nobody.get("/health/live").await.status, StatusCode::OK);
}

#[tokio::test]
async fn sites_are_named() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    let id = admin.get("/api/v1/sites").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let place = format!("/api/v1/sites/{id}");
    let site = admin.patch(&place, &json!({"name": "Depot", "timezone": "America/Lima"})).await.json();
    assert_eq!(site, json!({"id": id, "name": "Depot", "timezone": "America/Lima"}));
    assert_eq!(admin.get(&place).await.json(), site);
    admin.patch(&place, &json!({"timezone": "Moon"})).await.is_problem(400, "invalid", "timezone");
    let missing = "/api/v1/sites/018f7a36-0000-7000-8000-000000000000";
    admin.get(missing).await.is_problem(404, "not-found", "");
    admin.patch(missing, &json!({})).await.is_problem(404, "not-found", "");
}

#[tokio::test]
async fn the_documents_page_needs_nothing_from_elsewhere() {
    let house = House::unclaimed().await;
    let nobody = house.nobody().remote();
    let page = nobody.get("/docs").await;
    assert!(page.header("content-type").starts_with("text/html"));
    let mut all = page.text();
    for (path, kind) in [("/docs/docs.css", "text/css"), ("/docs/docs.js", "text/javascript")] {
        let file = nobody.get(path).await;
        assert!(file.header("content-type").starts_with(kind));
        assert!(page.text().contains(path));
        all.push_str(&file.text());
    }
    assert!(!all.contains("http://") && !all.contains("https://") && !all.contains("//cdn"), "no other host");
    assert!(
        !page.text().contains("<script>") && !page.text().contains("style="),
        "nothing inline, as the policy demands"
    );
    let document = nobody.get("/api/v1/openapi.json").await;
    assert_eq!(document.header("content-type"), "application/json");
    assert!(document.json()["openapi"].as_str().unwrap().starts_with("3."));
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let house = House::unclaimed().await;
    let nobody = house.nobody();
    for path in ["/", "/docs", "/api/v1/setup", "/api/v1/nothing", "/api/v1/cameras", "/health"] {
        let answer = nobody.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("access-control-allow-origin"), "", "no CORS");
    }
    let preflight = nobody.clone().with("origin", "https://evil.example");
    let preflight = preflight.with("access-control-request-method", "POST");
    let answer = preflight.send("OPTIONS", "/api/v1/cameras", Body::empty()).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert!(answer.status.is_client_error());
    assert_eq!(nobody.get("/api/v1/setup").await.header("cache-control"), "no-store");
    nobody.send("DELETE", "/", Body::empty()).await.is_problem(405, "method-not-allowed", "");
}
