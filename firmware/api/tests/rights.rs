//! Who may do what: every route, every role.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use axum::body::Body;
use axum::http::StatusCode;
use common::House;
use heron_access::{Right, Role};
use heron_api::{Need, RIGHTS};
use std::collections::BTreeSet;

/// A path of the table with its parts filled in: ids of things that are not there.
fn filled(path: &str) -> String {
    let id = if path.contains("/events/") {
        "01JD4ZK1M8Q0V5R9N2T7W3X6YB"
    } else {
        "018f7a36-0000-7000-8000-000000000000"
    };
    path.replace("{id}", id)
        .replace("{scope}", "system")
        .replace("{name}", "1.mp4")
        .replace("{part}", "init.mp4")
}

fn may(role: Role, need: Need) -> bool {
    match need {
        Need::Open | Need::SignedIn => true,
        Need::Right(right) | Need::LoopbackOr(right) => role.rights().contains(&right),
    }
}

#[tokio::test]
async fn each_route_admits_exactly_whom_the_table_admits() {
    let house = House::new().await;
    let nobody = house.nobody().remote().with("content-type", "application/json");
    for (method, path, need) in RIGHTS {
        let answer = nobody.send(method, &filled(path), Body::from("{}")).await;
        if *need == Need::Open {
            // Wrong credentials are the answer of these routes, not of the door before them.
            let own_401 = path.ends_with("/refresh");
            assert!(own_401 || !refused(answer.status), "{method} {path}: {}", answer.text());
        } else {
            answer.is_problem(401, "unauthenticated", "");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    for (user, role) in [("admin", Role::Admin), ("supervisor", Role::Supervisor), ("viewer", Role::Viewer)] {
        for (method, path, need) in RIGHTS {
            if path.ends_with("/logout") || *need == Need::Open {
                continue;
            }
            let client = house.client_kept(user).await.remote().with("content-type", "application/json");
            let answer = client.send(method, &filled(path), Body::from("{}")).await;
            if may(role, *need) {
                assert!(!refused(answer.status), "{user} {method} {path}: {}", answer.text());
            } else {
                answer.is_problem(403, "forbidden", "");
            }
            assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path} is not routed");
            assert!(!answer.text().contains("There is no route"), "{method} {path} is not routed");
        }
    }
}

fn refused(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN
}

trait Kept {
    async fn client_kept(&self, user: &str) -> common::Client;
}

impl Kept for House {
    /// One session per user for the whole walk: signing in costs a password hash.
    async fn client_kept(&self, user: &str) -> common::Client {
        static TOKENS: tokio::sync::Mutex<Vec<(String, String)>> = tokio::sync::Mutex::const_new(Vec::new());
        let mut tokens = TOKENS.lock().await;
        if !tokens.iter().any(|(u, _)| u == user) {
            tokens.push((user.to_owned(), self.token(user).await));
        }
        let token = &tokens.iter().find(|(u, _)| u == user).unwrap().1;
        self.nobody().with("authorization", &format!("Bearer {token}"))
    }
}

#[tokio::test]
async fn programs_on_this_machine_may_look_at_health_and_metrics() {
    let house = House::new().await;
    for path in ["/metrics", "/health/detailed"] {
        assert_eq!(house.nobody().get(path).await.status, StatusCode::OK, "{path}");
        house.nobody().remote().get(path).await.is_problem(401, "unauthenticated", "");
        // A page from elsewhere whose name was pointed at 127.0.0.1, and one that asks across origins.
        house.nobody().with("host", "evil.example").get(path).await.is_problem(401, "unauthenticated", "");
        house.nobody().with("origin", "http://evil.example").get(path).await.is_problem(
            401,
            "unauthenticated",
            "",
        );
        house.client("viewer").await.remote().get(path).await.is_problem(403, "forbidden", "");
        assert_eq!(house.client("admin").await.remote().get(path).await.status, StatusCode::OK);
    }
    assert!(!Role::Viewer.rights().contains(&Right::Configure));
}

#[test]
fn the_document_lists_exactly_the_routes() {
    let document: serde_json::Value = serde_json::from_str(&heron_api::openapi_json()).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "put", "post", "patch", "delete", "head", "options", "trace"] {
            if item.get(method).is_some() {
                documented.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    let routes: BTreeSet<String> = RIGHTS
        .iter()
        .filter(|(_, path, _)| !path.starts_with("/docs"))
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert_eq!(documented, routes);
}

#[test]
fn the_document_says_who_may_and_what_can_go_wrong() {
    let document: serde_json::Value = serde_json::from_str(&heron_api::openapi_json()).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|s| !s.is_empty()), "{place} has no summary");
            assert!(
                operation["security"].as_array().is_some_and(|s| !s.is_empty()),
                "{place} says not who may"
            );
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses {
                let Some(content) = response["content"].as_object() else { continue };
                if status.starts_with(['4', '5']) && !path.starts_with("/health") {
                    assert!(content.contains_key("application/problem+json"), "{place} {status}");
                }
            }
            // A parameter of the path is described as one.
            for part in path.split('/').filter(|p| p.starts_with('{')) {
                let name = part.trim_matches(['{', '}']);
                let described = operation["parameters"].as_array().is_some_and(|p| {
                    p.iter().any(|p| p["name"] == name && p["in"] == "path" && p["required"] == true)
                });
                assert!(described, "{place}: {name}");
            }
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name: String = reference.chars().take_while(|c| *c != '"').collect();
        assert!(schemas.contains_key(&name), "{name} is not described");
    }
    for name in ["Camera", "Problem", "Event", "Timeline", "Storage", "ProbeResult", "Tokens"] {
        assert!(schemas.contains_key(name), "{name}");
    }
}
