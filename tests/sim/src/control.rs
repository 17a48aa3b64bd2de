//! The HTTP API for faults and counters.

use crate::camera::Camera;
use crate::faults::Faults;
use crate::simulator::FaultHandle;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use heron_core::StreamKind;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Clone)]
struct Cameras {
    all: Arc<[Arc<Camera>]>,
    rtsp: SocketAddr,
}

/// An answer that says what was wrong.
struct Wrong(StatusCode, String);

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let status = self.0.as_u16();
        let body = json!({"type": "about:blank", "title": self.0.canonical_reason(), "status": status, "detail": self.1});
        (self.0, [("content-type", "application/problem+json")], body.to_string()).into_response()
    }
}

impl From<JsonRejection> for Wrong {
    fn from(r: JsonRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, r.body_text())
    }
}

impl Cameras {
    fn find(&self, number: usize) -> Result<&Arc<Camera>, Wrong> {
        number.checked_sub(1).and_then(|n| self.all.get(n)).ok_or_else(|| {
            Wrong(
                StatusCode::NOT_FOUND,
                format!("there is no camera {number}; they are 1 to {}", self.all.len()),
            )
        })
    }
    fn handle(&self, number: usize) -> Result<FaultHandle, Wrong> {
        self.find(number).map(|c| FaultHandle::of(c.clone()))
    }
}

/// The API's routes.
pub(crate) fn router(cameras: Vec<Arc<Camera>>, rtsp: SocketAddr) -> Router {
    Router::new()
        .route("/cameras", get(list))
        .route("/cameras/{camera}", get(one))
        .route("/cameras/{camera}/counters", get(counters))
        .route("/cameras/{camera}/faults", get(faults).put(set).patch(change).delete(clear))
        .route("/cameras/{camera}/drop", post(drop_connections))
        .route("/cameras/{camera}/sequence-gap", post(sequence_gap))
        .route("/cameras/{camera}/timestamp-jump", post(timestamp_jump))
        .route("/cameras/{camera}/clock-jump", post(clock_jump))
        .with_state(Cameras { all: cameras.into(), rtsp })
}

type Answer = Result<Json<Value>, Wrong>;
type Body<T> = Result<Json<T>, JsonRejection>;

fn summary(camera: &Camera, rtsp: SocketAddr) -> Value {
    let url = |kind: StreamKind| format!("rtsp://{rtsp}/cam{}/{kind}", camera.number);
    let playing = |kind| camera.stream(kind).counters().playing;
    json!({
        "camera": camera.number,
        "main": {"url": url(StreamKind::Main), "playing": playing(StreamKind::Main)},
        "sub": {"url": url(StreamKind::Sub), "playing": playing(StreamKind::Sub)},
        "faults": *camera.faults(),
    })
}

async fn list(State(cameras): State<Cameras>) -> Json<Value> {
    let items: Vec<Value> = cameras.all.iter().map(|c| summary(c, cameras.rtsp)).collect();
    Json(json!({"items": items}))
}

async fn one(State(cameras): State<Cameras>, Path(n): Path<usize>) -> Answer {
    Ok(Json(summary(cameras.find(n)?, cameras.rtsp)))
}

async fn counters(State(cameras): State<Cameras>, Path(n): Path<usize>) -> Answer {
    let camera = cameras.find(n)?;
    let of = |kind| camera.stream(kind).counters();
    Ok(Json(json!({"main": of(StreamKind::Main), "sub": of(StreamKind::Sub)})))
}

async fn faults(State(cameras): State<Cameras>, Path(n): Path<usize>) -> Result<Json<Faults>, Wrong> {
    Ok(Json(cameras.handle(n)?.get()))
}

fn put(handle: &FaultHandle, faults: Faults) -> Result<Json<Faults>, Wrong> {
    handle.set(faults).map_err(|why| Wrong(StatusCode::BAD_REQUEST, why))?;
    Ok(Json(handle.get()))
}

async fn set(
    State(cameras): State<Cameras>,
    Path(n): Path<usize>,
    body: Body<Faults>,
) -> Result<Json<Faults>, Wrong> {
    put(&cameras.handle(n)?, body?.0)
}

/// Merges fields into the faults (RFC 7396): what is null goes back to its default.
async fn change(
    State(cameras): State<Cameras>,
    Path(n): Path<usize>,
    body: Body<serde_json::Map<String, Value>>,
) -> Result<Json<Faults>, Wrong> {
    let handle = cameras.handle(n)?;
    let wrong = |e: serde_json::Error| Wrong(StatusCode::BAD_REQUEST, e.to_string());
    let mut now = serde_json::to_value(handle.get()).map_err(wrong)?;
    if let Some(fields) = now.as_object_mut() {
        for (name, value) in body?.0 {
            if value.is_null() {
                fields.remove(&name);
            } else {
                fields.insert(name, value);
            }
        }
    }
    put(&handle, serde_json::from_value(now).map_err(wrong)?)
}

async fn clear(State(cameras): State<Cameras>, Path(n): Path<usize>) -> Result<StatusCode, Wrong> {
    cameras.handle(n)?.clear();
    Ok(StatusCode::NO_CONTENT)
}

async fn drop_connections(State(cameras): State<Cameras>, Path(n): Path<usize>) -> Result<StatusCode, Wrong> {
    cameras.handle(n)?.drop_connections();
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Packets {
    packets: u16,
}

async fn sequence_gap(
    State(cameras): State<Cameras>,
    Path(n): Path<usize>,
    body: Body<Packets>,
) -> Result<StatusCode, Wrong> {
    cameras.handle(n)?.sequence_gap(body?.packets);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Millis {
    milliseconds: i64,
}

async fn timestamp_jump(
    State(cameras): State<Cameras>,
    Path(n): Path<usize>,
    body: Body<Millis>,
) -> Result<StatusCode, Wrong> {
    cameras.handle(n)?.timestamp_jump(body?.milliseconds);
    Ok(StatusCode::NO_CONTENT)
}

async fn clock_jump(
    State(cameras): State<Cameras>,
    Path(n): Path<usize>,
    body: Body<Millis>,
) -> Result<StatusCode, Wrong> {
    cameras.handle(n)?.clock_jump(body?.milliseconds);
    Ok(StatusCode::NO_CONTENT)
}
