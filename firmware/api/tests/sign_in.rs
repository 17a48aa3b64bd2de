//! Claiming, signing in and out, cookies, accounts.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use axum::body::Body;
use axum::http::StatusCode;
use common::{House, PASSWORD, value_of};
use serde_json::json;

#[tokio::test]
async fn a_box_is_claimed_once() {
    let house = House::unclaimed().await;
    let nobody = house.nobody().remote();
    assert_eq!(
        nobody.get("/api/v1/setup").await.json(),
        json!({"claimed": false, "name": "Heron", "version": "0.1.0"})
    );
    let login = json!({"username": "admin", "password": PASSWORD});
    nobody.post("/api/v1/auth/login", &login).await.is_problem(409, "not-claimed", "");

    let token = house.access.claim_token().unwrap();
    let claim = |token: &str| json!({"claim_token": token, "username": "admin", "password": PASSWORD, "site_name": "Yard", "timezone": "Europe/Vienna"});
    let mut wrong = claim(&token);
    wrong["timezone"] = "Mars/Olympus".into();
    nobody.post("/api/v1/setup", &wrong).await.is_problem(400, "invalid", "timezone");
    wrong = claim(&token);
    wrong["site_name"] = " ".into();
    nobody.post("/api/v1/setup", &wrong).await.is_problem(400, "invalid", "site_name");
    wrong = claim(&token);
    wrong["password"] = "short".into();
    nobody.post("/api/v1/setup", &wrong).await.is_problem(400, "invalid", "password");
    nobody.post("/api/v1/setup", &claim("wrong")).await.is_problem(401, "unauthenticated", "");
    assert_eq!(nobody.get("/api/v1/setup").await.json()["claimed"], false, "none of these claimed it");

    let answer = nobody.post("/api/v1/setup", &claim(&token)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["user"]["role"], "admin");
    assert!(body["expires_in"].as_u64().unwrap() > 0);
    assert_eq!(answer.header("cache-control"), "no-store");
    let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
    let admin = house.nobody().with("authorization", &bearer);
    let site = &admin.get("/api/v1/sites").await.json()["items"][0];
    assert_eq!((site["name"].as_str(), site["timezone"].as_str()), (Some("Yard"), Some("Europe/Vienna")));
    assert_eq!(admin.get("/api/v1/system").await.json()["timezone"], "Europe/Vienna");

    nobody.post("/api/v1/setup", &claim(&token)).await.is_problem(409, "already-claimed", "");
    assert_eq!(nobody.get("/api/v1/setup").await.json()["claimed"], true);
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_get_the_same_answer() {
    let house = House::new().await;
    let nobody = house.nobody().remote();
    let wrong = nobody.post("/api/v1/auth/login", &json!({"username": "admin", "password": "x"})).await;
    let unknown = nobody.post("/api/v1/auth/login", &json!({"username": "nobody", "password": "x"})).await;
    wrong.is_problem(401, "unauthenticated", "");
    assert_eq!(wrong.body, unknown.body);
    let mut last = wrong;
    for _ in 0..20 {
        last = nobody.post("/api/v1/auth/login", &json!({"username": "viewer", "password": "x"})).await;
        if last.status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
    }
    last.is_problem(429, "locked-out", "");
    assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn the_page_lives_on_cookies_and_repeats_its_token() {
    let house = House::new().await;
    let page = house.nobody().remote().over_tls().with("host", "box.lan").with("origin", "https://box.lan");
    let body = json!({"username": "admin", "password": PASSWORD});
    let login = page.post("/api/v1/auth/login", &body).await;
    assert_eq!(login.status, StatusCode::OK, "{}", login.text());
    let session = login.cookie("heron_session").unwrap();
    let refresh = login.cookie("heron_refresh").unwrap();
    let csrf = login.cookie("heron_csrf").unwrap();
    assert!(
        session.contains("HttpOnly") && session.contains("SameSite=Strict") && session.contains("Secure")
    );
    assert!(
        refresh.contains("HttpOnly") && refresh.contains("Path=/api/v1/auth;") && refresh.contains("Secure")
    );
    assert!(!csrf.contains("HttpOnly"));
    let jar = format!(
        "heron_session={}; heron_refresh={}; heron_csrf={}",
        value_of(&session),
        value_of(&refresh),
        value_of(&csrf)
    );
    let page = page.with("cookie", &jar);
    let me = page.get("/api/v1/auth/me").await.json();
    assert_eq!((me["username"].as_str(), me["role"].as_str()), (Some("admin"), Some("admin")));
    assert!(me["rights"].as_array().unwrap().contains(&json!("configure")));

    // What changes something needs the token repeated.
    let new = json!({"username": "lena", "password": PASSWORD, "role": "viewer"});
    page.post("/api/v1/users", &new).await.is_problem(403, "csrf", "");
    page.clone().with("x-csrf-token", "0").post("/api/v1/users", &new).await.is_problem(403, "csrf", "");
    let page = page.with("x-csrf-token", value_of(&csrf));
    assert_eq!(page.post("/api/v1/users", &new).await.status, StatusCode::CREATED);

    // Another site's page, by either header, gets nothing, not even by GET.
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "http://box.lan"), ("sec-fetch-site", "cross-site")]
    {
        let evil = page.clone().with(name, value);
        evil.post("/api/v1/users", &new).await.is_problem(403, "cross-site", "");
        evil.get("/api/v1/users").await.is_problem(403, "cross-site", "");
    }

    // Renewing: by cookie with the token repeated, or by body; each refresh token once.
    let mut without = page.clone();
    without = without.with("x-csrf-token", "nonsense");
    without.send("POST", "/api/v1/auth/refresh", Body::empty()).await.is_problem(403, "csrf", "");
    let renewed = page.send("POST", "/api/v1/auth/refresh", Body::empty()).await;
    assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text());
    assert_ne!(renewed.cookie("heron_session"), Some(session));
    let token = renewed.json()["refresh_token"].as_str().unwrap().to_owned();
    let bare = house.nobody().remote();
    let again = bare.post("/api/v1/auth/refresh", &json!({"refresh_token": token})).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
    let unknown = bare.post("/api/v1/auth/refresh", &json!({"refresh_token": "never seen"})).await;
    unknown.is_problem(401, "unauthenticated", "");
    assert!(unknown.cookie("heron_session").unwrap().contains("Max-Age=0"));
    bare.send("POST", "/api/v1/auth/refresh", Body::empty()).await.is_problem(401, "unauthenticated", "");

    // Signing out ends the session on the box.
    let access = again.json()["access_token"].as_str().unwrap().to_owned();
    let client = house.nobody().with("authorization", &format!("Bearer {access}"));
    let out = client.send("POST", "/api/v1/auth/logout", Body::empty()).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.cookie("heron_refresh").unwrap().contains("Max-Age=0"));
    client.get("/api/v1/auth/me").await.is_problem(401, "unauthenticated", "");
}

#[tokio::test]
async fn forged_and_garbled_credentials_are_refused() {
    let house = House::new().await;
    let token = house.token("admin").await;
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic YWRtaW46eA==",
        "bearer\tx",
        &format!("Bearer {}x", token),
        &format!("Bearer {}", &token[..token.len() - 1]),
        &token,
    ] {
        house.nobody().with("authorization", value).get("/api/v1/auth/me").await.is_problem(
            401,
            "unauthenticated",
            "",
        );
    }
    // A header that is wrong is not overruled by a cookie that is right.
    let both =
        house.nobody().with("authorization", "Bearer x").with("cookie", &format!("heron_session={token}"));
    both.get("/api/v1/auth/me").await.is_problem(401, "unauthenticated", "");
    let cookie = house.nobody().with("cookie", &format!("heron_session={token}"));
    assert_eq!(cookie.get("/api/v1/auth/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn accounts_come_change_and_go() {
    let house = House::new().await;
    let admin = house.client("admin").await;
    let new = json!({"username": "lena", "password": PASSWORD, "role": "viewer"});
    let created = admin.post("/api/v1/users", &new).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
    assert!(!created.text().contains(PASSWORD) && !created.text().contains("argon2"));
    let place = created.header("location").to_owned();
    assert_eq!(admin.get(&place).await.json()["username"], "lena");
    admin.post("/api/v1/users", &new).await.is_problem(409, "conflict", "username");
    assert_eq!(admin.get("/api/v1/users").await.json()["items"].as_array().unwrap().len(), 4);

    let lena = house.client("lena").await;
    assert_eq!(lena.get("/api/v1/auth/me").await.json()["role"], "viewer");
    let promoted = admin.patch(&place, &json!({"role": "supervisor"})).await;
    assert_eq!(promoted.json()["role"], "supervisor");
    admin.patch(&place, &json!({"role": "emperor"})).await.is_problem(400, "invalid", "role");
    admin.patch(&place, &json!({"name": "x"})).await.is_problem(400, "invalid", "name");
    assert_eq!(admin.patch(&place, &json!({"disabled": true})).await.json()["disabled"], true);
    lena.get("/api/v1/auth/me").await.is_problem(401, "unauthenticated", "");
    assert_eq!(admin.delete(&place).await.status, StatusCode::NO_CONTENT);
    admin.get(&place).await.is_problem(404, "not-found", "");
    let me = admin.get("/api/v1/auth/me").await.json()["id"].as_str().unwrap().to_owned();
    let last = admin.delete(&format!("/api/v1/users/{me}")).await;
    assert_eq!(last.status, StatusCode::CONFLICT, "the last administrator stays: {}", last.text());
}

#[tokio::test]
async fn sessions_are_listed_and_ended_and_passwords_changed() {
    let house = House::new().await;
    let viewer = house.client("viewer").await;
    let other = house.client("viewer").await;
    let sessions = viewer.get("/api/v1/auth/sessions").await.json();
    let items = sessions["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let theirs = items.iter().find(|s| s["current"] == false).unwrap()["id"].as_str().unwrap();
    assert_eq!(
        viewer.delete(&format!("/api/v1/auth/sessions/{theirs}")).await.status,
        StatusCode::NO_CONTENT
    );
    other.get("/api/v1/auth/me").await.is_problem(401, "unauthenticated", "");
    let change = |old: &str| json!({"old": old, "new": "another long enough passphrase"});
    let wrong = viewer.post("/api/v1/auth/password", &change("x")).await;
    assert!(wrong.status.is_client_error(), "{}", wrong.text());
    let right = viewer.post("/api/v1/auth/password", &change(PASSWORD)).await;
    assert_eq!(right.status, StatusCode::NO_CONTENT, "{}", right.text());
    let login = json!({"username": "viewer", "password": "another long enough passphrase"});
    assert_eq!(house.nobody().post("/api/v1/auth/login", &login).await.status, StatusCode::OK);
}
