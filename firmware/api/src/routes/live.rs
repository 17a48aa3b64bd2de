//! `live.ws`: a stream to a browser's Media Source Extensions.

use super::camera_status::waiting_for;
use crate::auth::Who;
use crate::extract::{Path, Query};
use crate::http::socket::{Socket, upgrade};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::response::Response;
use heron_core::{CameraId, StreamKey, StreamKind};
use heron_live::{LiveMessage, Viewer};
use serde::Deserialize;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// How often to look whether a stream that is not there yet has come: its camera was just added or enabled.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Which of a camera's streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = StreamKind)]
pub(crate) enum StreamName {
    /// The full picture.
    #[default]
    Main,
    /// The small one.
    Sub,
}

impl From<StreamName> for StreamKind {
    fn from(name: StreamName) -> Self {
        match name {
            StreamName::Main => Self::Main,
            StreamName::Sub => Self::Sub,
        }
    }
}

/// Which stream.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiveQuery {
    /// `main` when absent.
    #[serde(default)]
    stream: StreamName,
}

/// Live pictures over a WebSocket
///
/// First a text message `{"type":"hello","mime","codec","codecs","width","height","stream","server_time"}`; `mime` is for
/// `addSourceBuffer`. Then binary messages: the init segment, then one fragment per frame, beginning with a key frame.
/// Another `hello` and init segment follow when the format changes. `{"type":"skipped","frames":n}`: the viewer was too
/// slow, the next frame is a key frame. `{"type":"waiting","reason","detail"}`: no pictures for the moment; the socket
/// stays open. `{"type":"end","reason"}` before the box closes. For Motion JPEG `mime` is `image/jpeg`, there is no init
/// segment, and each binary message is one picture. With cookies the `Origin` must be the box's own page.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/live.ws", tag = "live", params(("id" = Uuid, Path), LiveQuery), responses(
    (status = 101, description = "The WebSocket is open"),
    (status = 404, body = ProblemDocument, description = "No such camera, or it has no such stream"),
    (status = 426, body = ProblemDocument, description = "The request is not a WebSocket upgrade"),
))]
pub(crate) async fn live_ws(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
    Query(query): Query<LiveQuery>,
    ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let camera = app.cameras.get(CameraId(id))?;
    let kind: StreamKind = query.stream.into();
    if kind == StreamKind::Sub && camera.sub_source.is_none() {
        return Err(Problem::not_found(format!(
            "Camera {:?} has no sub stream. Use `stream=main`.",
            camera.name
        ))
        .field("stream"));
    }
    let key = StreamKey::new(camera.id, kind);
    upgrade(ws, app, who, move |socket| show(socket, key))
}

async fn show(mut socket: Socket, key: StreamKey) {
    let mut told = None;
    let mut viewer = loop {
        if let Some(viewer) = socket.app().live.join(key) {
            break viewer;
        }
        if socket.app().cameras.get(key.camera).is_err() {
            return socket.end("camera_removed").await;
        }
        let waiting = waiting_for(socket.app(), key, "no_key_frame");
        if told.as_ref() != Some(&waiting) && socket.send_json(&waiting).await.is_err() {
            return;
        }
        told = Some(waiting);
        if socket.idle(LOOK_AGAIN).await.is_err() {
            return;
        }
    };
    loop {
        let message = tokio::select! {
            message = viewer.next() => message,
            // Only ever ends: what a viewer sends means nothing.
            _ = socket.closed() => return,
        };
        if pass_on(&mut socket, &viewer, message).await.is_err() {
            return;
        }
    }
}

/// Sends one message; `Err` when the socket is done with.
async fn pass_on(socket: &mut Socket, viewer: &Viewer, message: LiveMessage) -> Result<(), ()> {
    match message {
        LiveMessage::Fragment(bytes) | LiveMessage::Init(bytes) => socket.send(Message::Binary(bytes)).await,
        LiveMessage::Hello(hello) => {
            let mut text = serde_json::to_value(&*hello).map_err(drop)?;
            if let Some(object) = text.as_object_mut() {
                object.insert("type".to_owned(), "hello".into());
            }
            socket.send_json(&text).await
        }
        LiveMessage::Skipped(frames) => {
            socket.send_json(&serde_json::json!({"type": "skipped", "frames": frames})).await
        }
        LiveMessage::Waiting(reason) => {
            let waiting = waiting_for(socket.app(), viewer.key(), reason.as_str());
            socket.send_json(&waiting).await
        }
        LiveMessage::End(reason) => {
            socket.end(reason.as_str()).await;
            Err(())
        }
    }
}
