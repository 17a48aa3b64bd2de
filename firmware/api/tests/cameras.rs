//! The camera register and the test button over HTTP.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use axum::body::Body;
use axum::http::StatusCode;
use common::{CAMERA_PASSWORD, House};
use serde_json::json;

#[tokio::test]
async fn a_camera_comes_changes_and_goes() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    let body = json!({"name": "Gate", "source": "rtsp://10.0.0.5/main", "sub_source": "rtsp://10.0.0.5/sub",
        "username": "u", "password": CAMERA_PASSWORD, "enabled": false, "record": {"mode": "continuous"}, "tags": ["yard"]});
    let created = admin.post("/api/v1/cameras", &body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
    let camera = created.json();
    let place = created.header("location").to_owned();
    assert_eq!(place, format!("/api/v1/cameras/{}", camera["id"].as_str().unwrap()));
    assert_eq!(
        camera["record"],
        json!({"mode": "continuous", "sub": true, "sub_mode": null, "pre_roll_s": 10, "post_roll_s": 10, "events": [],
            "schedule": null, "inherited": ["pre_roll_s", "post_roll_s"]})
    );
    assert_eq!(camera["status"]["state"], "disabled");
    assert_eq!(camera["status"]["streams"]["main"]["recording"], false);
    assert_eq!(camera["status"]["streams"]["sub"]["state"], "disabled");
    assert_eq!(camera["has_password"], true);
    assert_eq!(camera["transport"], "auto");
    assert!(!created.text().contains(CAMERA_PASSWORD));
    assert_eq!(admin.get(&place).await.json()["name"], "Gate");

    // Absent stays, null clears.
    let patched = admin
        .patch(&place, &json!({"name": "Front gate", "sub_source": null, "record": {"sub": false}}))
        .await;
    let camera = patched.json();
    assert_eq!((camera["name"].as_str(), camera["sub_source"].as_str()), (Some("Front gate"), None));
    assert_eq!((&camera["record"]["mode"], &camera["record"]["sub"]), (&json!("continuous"), &json!(false)));
    assert!(camera["status"]["streams"].get("sub").is_none());
    assert_eq!(camera["username"], "u");
    let cleared = admin.patch(&place, &json!({"username": null, "password": null})).await.json();
    assert_eq!((cleared["username"].as_str(), cleared["has_password"].as_bool()), (None, Some(false)));

    assert_eq!(admin.delete(&place).await.status, StatusCode::NO_CONTENT);
    admin.get(&place).await.is_problem(404, "not-found", "");
    admin.delete(&place).await.is_problem(404, "not-found", "");

    // Who did what is in the journal, without what must stay secret.
    let events = admin.get("/api/v1/events?kind=camera").await;
    let kinds: Vec<_> =
        events.json()["items"].as_array().unwrap().iter().map(|e| e["kind"].clone()).collect();
    assert_eq!(kinds, ["camera.removed", "camera.changed", "camera.changed", "camera.added"]);
    assert_eq!(events.json()["items"][1]["detail"], json!({"fields": ["username", "password"]}));
    assert_eq!(events.json()["items"][1]["actor"], "admin");
    assert!(!events.text().contains(CAMERA_PASSWORD));
}

#[tokio::test]
async fn credentials_in_an_address_are_taken_out_and_never_given_back() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    let source = format!("rtsp://root:{CAMERA_PASSWORD}@10.0.0.6:554/main?x=1");
    let created =
        admin.post("/api/v1/cameras", &json!({"name": "Yard", "source": source, "enabled": false})).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
    assert_eq!(created.json()["username"], "root");
    assert_eq!(created.json()["has_password"], true);
    for text in [created.text(), admin.get("/api/v1/cameras").await.text()] {
        assert!(!text.contains(CAMERA_PASSWORD) && !text.contains("root:"), "{text}");
    }
    let again = admin.patch(created.header("location"), &json!({"source": source})).await;
    assert!(!again.text().contains(CAMERA_PASSWORD));
    // Neither does a refusal repeat them.
    let bad = format!("ftp://root:{CAMERA_PASSWORD}@10.0.0.6/main");
    let refused = admin.post("/api/v1/cameras", &json!({"name": "Other", "source": bad})).await;
    refused.is_problem(400, "invalid", "source");
    assert!(!refused.text().contains(CAMERA_PASSWORD), "{}", refused.text());
}

#[tokio::test]
async fn names_are_only_names() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    for (n, name) in
        ["'; DROP TABLE cameras; --", "../../etc/passwd", "<script>alert(1)</script>", "Tür 門", "a\"b\\c"]
            .into_iter()
            .enumerate()
    {
        let source = format!("rtsp://10.0.1.{n}/main");
        let answer =
            admin.post("/api/v1/cameras", &json!({"name": name, "source": source, "enabled": false})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{name}: {}", answer.text());
        assert_eq!(admin.get(answer.header("location")).await.json()["name"], name);
    }
    assert_eq!(admin.get("/api/v1/cameras").await.json()["items"].as_array().unwrap().len(), 5);
    for name in ["", "  ", "a\nb", "\u{0}", &"x".repeat(5000)] {
        let answer =
            admin.post("/api/v1/cameras", &json!({"name": name, "source": "rtsp://10.0.2.1/x"})).await;
        answer.is_problem(400, "invalid", "name");
    }
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    for n in 0..5 {
        let body =
            json!({"name": format!("c{n}"), "source": format!("rtsp://10.0.0.{n}/main"), "enabled": false});
        assert_eq!(admin.post("/api/v1/cameras", &body).await.status, StatusCode::CREATED);
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/v1/cameras?limit=2{cursor}")).await.json();
        names
            .extend(page["items"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["c0", "c1", "c2", "c3", "c4"]);
    admin.get("/api/v1/cameras?limit=0").await.is_problem(400, "invalid", "limit");
    admin.get("/api/v1/cameras?limit=100000").await.is_problem(400, "invalid", "limit");
    admin.get("/api/v1/cameras?limit=-1").await.is_problem(400, "invalid", "limit");
    admin.get("/api/v1/cameras?page=1").await.is_problem(400, "invalid", "page");
    let garbled = admin.get("/api/v1/cameras?cursor=%00zzz").await;
    assert_eq!(garbled.status, StatusCode::BAD_REQUEST, "{}", garbled.text());
}

#[tokio::test]
async fn hostile_requests_are_told_what_is_wrong_with_them() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    let json_client = admin.clone().with("content-type", "application/json");
    let post =
        async |body: &str| json_client.send("POST", "/api/v1/cameras", Body::from(body.to_owned())).await;
    post("{").await.is_problem(400, "invalid", "");
    post("").await.is_problem(400, "invalid", "");
    post("[]").await.is_problem(400, "invalid", "");
    post("null").await.is_problem(400, "invalid", "");
    post("{\"name\": \"\u{fffd}").await.is_problem(400, "invalid", "");
    json_client
        .send("POST", "/api/v1/cameras", Body::from(vec![0xff, 0xfe]))
        .await
        .is_problem(400, "invalid", "");
    post(r#"{"name": "x"}"#).await.is_problem(400, "invalid", "source");
    post(r#"{"name": 7, "source": "rtsp://h/"}"#).await.is_problem(400, "invalid", "name");
    post(r#"{"name": "x", "source": "rtsp://h/", "colour": 1}"#).await.is_problem(400, "invalid", "colour");
    post(r#"{"name": "x", "source": "rtsp://h/", "record": {"mode": "sometimes"}}"#).await.is_problem(
        400,
        "invalid",
        "record.mode",
    );
    post(r#"{"name": "x", "source": "rtsp://h/", "record": {"modus": "off"}}"#).await.is_problem(
        400,
        "invalid",
        "record.modus",
    );
    post(r#"{"name": "x", "source": "rtsp://h/", "transport": "pigeon"}"#).await.is_problem(
        400,
        "invalid",
        "transport",
    );
    post(&format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))).await.is_problem(400, "invalid", "");
    let large = format!(r#"{{"name": "{}", "source": "rtsp://h/"}}"#, "x".repeat(2 << 20));
    post(&large).await.is_problem(413, "too-large", "");
    // Without an announced length the body is still cut off.
    let chunks = (0..40).map(|_| Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b'['; 64 << 10])));
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    json_client.send("POST", "/api/v1/cameras", body).await.is_problem(413, "too-large", "");
    admin.send("POST", "/api/v1/cameras", Body::from("{}")).await.is_problem(
        415,
        "unsupported-media-type",
        "",
    );
    let form = admin.clone().with("content-type", "application/x-www-form-urlencoded");
    form.send("POST", "/api/v1/cameras", Body::from("name=x")).await.is_problem(
        415,
        "unsupported-media-type",
        "",
    );

    for id in ["1", "not-a-uuid", "..%2f..%2fetc%2fpasswd", "%00", "018f7a36-0000-7000-8000-00000000000g"] {
        admin.get(&format!("/api/v1/cameras/{id}")).await.is_problem(400, "invalid", "id");
    }
    for source in ["", "x", "http://h/", "file:///etc/passwd", "rtsp://", "rtsp:///x", "javascript:alert(1)"]
    {
        let answer = admin.post("/api/v1/cameras", &json!({"name": "x", "source": source})).await;
        answer.is_problem(400, "invalid", "source");
    }
    let put = admin.send("PUT", "/api/v1/cameras", Body::empty()).await;
    put.is_problem(405, "method-not-allowed", "");
    assert!(put.header("allow").contains("POST"), "{}", put.header("allow"));
    admin.get("/api/v1/camera").await.is_problem(404, "not-found", "");
    assert_eq!(admin.get("/api/v1/cameras").await.json()["items"], json!([]), "nothing came of it");
}

#[tokio::test]
async fn the_test_button_says_in_words_why_there_is_no_picture() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let source = format!("rtsp://u:{CAMERA_PASSWORD}@127.0.0.1:{port}/main");
    let answer = admin.post("/api/v1/cameras/probe", &json!({"source": source, "timeout_ms": 3000})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let result = answer.json();
    assert_eq!(result["ok"], false);
    assert_eq!(result["failure"]["reason"], "refused");
    assert!(result["failure"]["detail"].as_str().unwrap().len() > 10);
    assert_eq!(result["streams"], json!([]));
    assert!(result["picture"].is_null());
    assert!(!answer.text().contains(CAMERA_PASSWORD));
    for timeout in [0, 999, 20_001] {
        let body = json!({"source": "rtsp://127.0.0.1/", "timeout_ms": timeout});
        admin.post("/api/v1/cameras/probe", &body).await.is_problem(400, "invalid", "timeout_ms");
    }
    admin
        .post("/api/v1/cameras/probe", &json!({"source": "nonsense"}))
        .await
        .is_problem(400, "invalid", "source");
    let body = json!({"source": "rtsp://127.0.0.1/", "sub_source": "nonsense"});
    admin.post("/api/v1/cameras/probe", &body).await.is_problem(400, "invalid", "sub_source");
}
