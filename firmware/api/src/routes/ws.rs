//! `/ws`: what changes, as it changes.

use super::camera_status::{CameraStatus, status_of};
use super::events::{EventView, may_see};
use crate::auth::Who;
use crate::http::socket::{Carries, Socket, Upgrade, upgrade};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use axum::extract::State;
use axum::response::Response;
use heron_core::CameraId;
use heron_journal::{Received, Subscription};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often the cameras' states are compared with what the client knows. One look at 64 cameras takes well under a
/// millisecond.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Statistics that move all the time are sent with every fifth look, changes of state at once: 64 cameras of 1 KB are
/// 13 KB/s for a page that shows them all.
const STATISTICS_EVERY: u32 = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    subscribe: Vec<Topic>,
    #[serde(default)]
    unsubscribe: Vec<Topic>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Topic {
    Events,
    Status,
}

/// What happens, over a WebSocket
///
/// The client sends `{"subscribe":["events","status"]}` (and `{"unsubscribe":[…]}`). The box sends
/// `{"topic":"events","event":Event}` for each event (those of accounts, `access.*`, and what is said of events,
/// `event.*`, only with the right `users`), `{"topic":"events","missed":n}` when the client was too slow for n of them
/// (`GET /events` has them), and `{"topic":"status","camera":id,"status":{…}}` for each camera at first and when
/// its status changes. A message that is not understood is answered with
/// `{"type":"error","detail"}`. `{"type":"end","reason"}` before the box closes.
#[utoipa::path(get, path = "/api/v1/ws", tag = "events", responses(
    (status = 101, description = "The WebSocket is open"),
    (status = 426, body = ProblemDocument, description = "The request is not a WebSocket upgrade"),
    (status = 429, body = ProblemDocument, description = "This session has too many sockets open; `Retry-After`"),
))]
pub(crate) async fn ws(State(app): State<App>, Who(who): Who, ws: Upgrade) -> Result<Response, Problem> {
    upgrade(ws, Carries::Text, app, who, serve)
}

async fn serve(mut socket: Socket) {
    let mut events: Option<Subscription> = None;
    let mut known: Option<Known> = None;
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let outcome = tokio::select! {
            text = socket.text() => match text {
                Ok(text) => heed(&mut socket, &text, &mut events, &mut known).await,
                Err(()) => return,
            },
            received = next_event(&mut events) => match received {
                Some(Received::Event(event)) if !shown(&socket, &event.draft.kind) => Ok(()),
                Some(Received::Event(event)) => {
                    socket.send_json(&json!({"topic": "events", "event": EventView::from(&*event)})).await
                }
                Some(Received::Lagged(missed)) => socket.send_json(&json!({"topic": "events", "missed": missed})).await,
                None => return socket.end("shutdown").await,
            },
            _ = looks.tick(), if known.is_some() => match &mut known {
                Some(known) => known.look(&mut socket).await,
                None => Ok(()),
            },
        };
        if outcome.is_err() {
            return;
        }
    }
}

/// Whether events of `kind` are for this client, by the role they have now: it may have changed since the socket was
/// opened.
fn shown(socket: &Socket, kind: &str) -> bool {
    socket.app().access.user(socket.who().user).is_ok_and(|user| may_see(user.role, kind))
}

async fn next_event(events: &mut Option<Subscription>) -> Option<Received> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

async fn heed(
    socket: &mut Socket,
    text: &str,
    events: &mut Option<Subscription>,
    known: &mut Option<Known>,
) -> Result<(), ()> {
    let wish: Wish = match serde_json::from_str(text) {
        Ok(wish) => wish,
        Err(error) => {
            let detail = format!("send {{\"subscribe\":[\"events\",\"status\"]}}: {error}");
            return socket.send_json(&json!({"type": "error", "detail": detail})).await;
        }
    };
    if wish.unsubscribe.contains(&Topic::Events) {
        *events = None;
    }
    if wish.unsubscribe.contains(&Topic::Status) {
        *known = None;
    }
    if wish.subscribe.contains(&Topic::Events) && events.is_none() {
        *events = Some(socket.app().journal.subscribe());
    }
    if wish.subscribe.contains(&Topic::Status) && known.is_none() {
        known.insert(Known::default()).look(socket).await?;
    }
    Ok(())
}

/// What a client knows of the cameras.
#[derive(Default)]
struct Known {
    cameras: HashMap<CameraId, CameraStatus>,
    looks: u32,
}

impl Known {
    /// Sends what is new.
    async fn look(&mut self, socket: &mut Socket) -> Result<(), ()> {
        let all = self.looks.is_multiple_of(STATISTICS_EVERY);
        self.looks = self.looks.wrapping_add(1);
        let cameras = socket.app().cameras.all();
        for camera in &cameras {
            let status = status_of(socket.app(), camera);
            let new = match self.cameras.get(&camera.id) {
                None => true,
                Some(old) if all => *old != status,
                Some(old) => !old.same_state(&status),
            };
            if new {
                socket.send_json(&json!({"topic": "status", "camera": camera.id, "status": status})).await?;
                self.cameras.insert(camera.id, status);
            }
        }
        self.cameras.retain(|id, _| cameras.iter().any(|c| c.id == *id));
        Ok(())
    }
}
