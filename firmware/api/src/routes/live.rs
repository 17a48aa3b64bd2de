//! `live.ws`: a stream to a browser's Media Source Extensions.

use super::camera_status::waiting_for;
use crate::auth::Who;
use crate::extract::{Path, Query};
use crate::http::socket::{Carries, Socket, Upgrade, upgrade};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use axum::extract::State;
use axum::extract::ws::Message;
use axum::response::Response;
use heron_core::{CameraId, StreamKey, StreamKind};
use heron_live::LiveMessage;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;
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
    (status = 429, body = ProblemDocument, description = "This session has too many sockets open; `Retry-After`"),
))]
pub(crate) async fn live_ws(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
    Query(query): Query<LiveQuery>,
    ws: Upgrade,
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
    upgrade(ws, Carries::Pictures, app, who, move |socket| show(socket, key))
}

async fn show(mut socket: Socket, key: StreamKey) {
    let mut told = Told { key, waiting: None };
    let mut viewer = loop {
        if let Some(viewer) = socket.app().live.join(key) {
            break viewer;
        }
        if socket.app().cameras.get(key.camera).is_err() {
            return socket.end("camera_removed").await;
        }
        if told.tell(&mut socket, "no_key_frame").await.is_err() || socket.idle(LOOK_AGAIN).await.is_err() {
            return;
        }
    };
    let mut otherwise = "no_key_frame";
    loop {
        let message = tokio::select! {
            message = viewer.next() => message,
            // Only ever ends: what a viewer sends means nothing.
            () = socket.closed() => return,
            // The reason may become another one while a viewer waits: refused, then a wrong password.
            () = sleep(LOOK_AGAIN), if told.waiting.is_some() => {
                if told.tell(&mut socket, otherwise).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let sent = match message {
            LiveMessage::Fragment(bytes) | LiveMessage::Init(bytes) => {
                told.waiting = None;
                socket.send(Message::Binary(bytes)).await
            }
            LiveMessage::Hello(hello) => {
                let Ok(mut text) = serde_json::to_value(&*hello) else { return };
                if let Some(object) = text.as_object_mut() {
                    object.insert("type".to_owned(), "hello".into());
                }
                socket.send_json(&text).await
            }
            LiveMessage::Skipped(frames) => {
                socket.send_json(&json!({"type": "skipped", "frames": frames})).await
            }
            LiveMessage::Waiting(reason) => {
                otherwise = reason.as_str();
                told.tell(&mut socket, otherwise).await
            }
            LiveMessage::End(reason) => return socket.end(reason.as_str()).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// What a viewer was last told of why there are no pictures.
struct Told {
    key: StreamKey,
    waiting: Option<Value>,
}

impl Told {
    /// Tells the reason, unless it is the one told before.
    async fn tell(&mut self, socket: &mut Socket, otherwise: &'static str) -> Result<(), ()> {
        let waiting = waiting_for(socket.app(), self.key, otherwise);
        if self.waiting.as_ref() == Some(&waiting) {
            return Ok(());
        }
        socket.send_json(&waiting).await?;
        self.waiting = Some(waiting);
        Ok(())
    }
}
