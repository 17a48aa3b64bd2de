//! A WebSocket of somebody who is signed in: ends when they sign out, when they are gone, and when the box shuts down.

use super::quota::Share;
use crate::problem::Problem;
use crate::state::App;
use axum::extract::FromRequestParts;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use heron_access::Principal;
use heron_core::ErrorKind;
use heron_media::rtp::depacketize::MAX_FRAME_BYTES;
use serde::Serialize;
use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use uuid::Uuid;

/// What a client may say at once: a list of topics.
const LONGEST_MESSAGE: usize = 4096;
/// What is read at once; the usual 128 KiB would be 64 MiB for 512 sockets that say next to nothing.
const READ_BUFFER: usize = 8 * 1024;
/// How much may wait to be sent on a socket of text. The longest message is an event: 16 KiB of detail and 4,000
/// characters of text, under 64 KiB as JSON. It has to be more than tungstenite's own 128 KiB, from where on it writes.
const TEXT_WAITING: usize = 256 * 1024;
/// The same on a socket of pictures. Everything that is sent is flushed before the next is, so one fragment waits at a
/// time: the largest frame, its boxes, and the answers to 120 s (the listener ends a client that takes nothing for so
/// long) of pings, [`MOST_A_SECOND`] of 131 bytes: 0.8 MiB.
const PICTURES_WAITING: usize = MAX_FRAME_BYTES + (1 << 20);
/// What a client may send within a second, pings and pongs included. An honest one sends a wish now and then, and
/// answers a ping every 20 s.
const MOST_A_SECOND: u32 = 48;
/// When to come back if a session has too many sockets: the ones of a page that was left are closed within that.
const COME_BACK_SECS: u64 = 5;
/// How often the other end is asked whether it is there, and how many questions may stay unanswered: a phone that
/// sleeps is gone after a minute.
const PING_EVERY: Duration = Duration::from_secs(20);
const PINGS_UNANSWERED: u32 = 3;
/// How long the last message may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// The connection's place among those that are open. The listener puts it into every request that can be upgraded; a
/// socket keeps it, since hyper is done with the connection then.
#[derive(Clone)]
pub(crate) struct Place(
    #[expect(dead_code, reason = "kept for what its drop does")] pub(crate) Arc<dyn Any + Send + Sync>,
);

/// A request to become a WebSocket, or why it is none.
pub(crate) struct Upgrade {
    ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    place: Option<Place>,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let place = parts.extensions.get::<Place>().cloned();
        Ok(Self { ws: WebSocketUpgrade::from_request_parts(parts, state).await, place })
    }
}

/// What a socket is for: it bounds what may wait to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    Text,
    Pictures,
}

/// Answers an upgrade and runs `serve` on the socket.
pub(crate) fn upgrade<F, Fut>(
    Upgrade { ws, place }: Upgrade,
    carries: Carries,
    app: App,
    who: Principal,
    serve: F,
) -> Result<Response, Problem>
where
    F: FnOnce(Socket) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let ws = ws.map_err(|rejection| {
        Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade-required",
            "This address is a WebSocket",
            format!("Open it as a WebSocket over HTTP/1.1: {}.", rejection.body_text()),
        )
        .header(header::UPGRADE, HeaderValue::from_static("websocket"))
    })?;
    let share = app.sockets().one(who.session).ok_or_else(|| {
        Problem::of(ErrorKind::Exhausted, "This session has too many sockets open. Close some of its pages.")
            .retry_after(COME_BACK_SECS)
    })?;
    let waiting = match carries {
        Carries::Text => TEXT_WAITING,
        Carries::Pictures => PICTURES_WAITING,
    };
    let ws = ws
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .max_write_buffer_size(waiting);
    Ok(ws.on_upgrade(move |socket| {
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let changes = app.access.changes();
        let pace = Pace { since: Instant::now(), count: 0 };
        serve(Socket { socket, app, who, changes, pings, unanswered: 0, pace, _held: (place, share) })
    }))
}

/// How much a client sends.
struct Pace {
    since: Instant,
    count: u32,
}

impl Pace {
    /// Counts a message; `false` when it is one too many.
    fn keeps(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= MOST_A_SECOND
    }
}

/// A WebSocket and whose it is.
pub(crate) struct Socket {
    socket: WebSocket,
    app: App,
    who: Principal,
    changes: watch::Receiver<u64>,
    pings: tokio::time::Interval,
    unanswered: u32,
    pace: Pace,
    /// Kept for what their drop does.
    _held: (Option<Place>, Share<Uuid>),
}

impl Socket {
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Whose it is.
    pub(crate) fn who(&self) -> &Principal {
        &self.who
    }

    /// The next text the client sends; `Err` when the socket is done with: closed, signed out, saying too much or
    /// shutting down (the last three are told). Cancel-safe.
    pub(crate) async fn text(&mut self) -> Result<String, ()> {
        loop {
            let shutdown = self.app.shutdown.clone();
            tokio::select! {
                () = shutdown.cancelled() => {
                    self.end("shutdown").await;
                    return Err(());
                }
                changed = self.changes.changed() => {
                    if changed.is_err() {
                        return Err(());
                    }
                    self.still_signed_in().await?;
                }
                _ = self.pings.tick() => {
                    // Sessions also end by themselves, which changes nothing that could be noticed.
                    self.still_signed_in().await?;
                    self.unanswered += 1;
                    if self.unanswered > PINGS_UNANSWERED {
                        return Err(());
                    }
                    self.send(Message::Ping(bytes::Bytes::new())).await?;
                }
                received = self.socket.recv() => {
                    let Some(Ok(message)) = received else { return Err(()) };
                    if !self.pace.keeps(Instant::now()) {
                        self.end("too_many_messages").await;
                        return Err(());
                    }
                    self.unanswered = 0;
                    match message {
                        Message::Text(text) => return Ok(text.as_str().to_owned()),
                        Message::Close(_) => return Err(()),
                        _ => {}
                    }
                }
            }
        }
    }

    async fn still_signed_in(&mut self) -> Result<(), ()> {
        if self.app.access.is_live(self.who.session) {
            return Ok(());
        }
        self.end("signed_out").await;
        Err(())
    }

    /// Waits until the socket is done with, paying no heed to what the client sends.
    pub(crate) async fn closed(&mut self) {
        while self.text().await.is_ok() {}
    }

    /// Waits for `time`; `Err` when the socket is done with before.
    pub(crate) async fn idle(&mut self, time: Duration) -> Result<(), ()> {
        match timeout(time, self.closed()).await {
            Ok(()) => Err(()),
            Err(_) => Ok(()),
        }
    }

    /// Sends, waiting for a client that is slow; `Err` when it is gone. The listener ends one that takes nothing.
    pub(crate) async fn send(&mut self, message: Message) -> Result<(), ()> {
        let shutdown = self.app.shutdown.clone();
        tokio::select! {
            sent = self.socket.send(message) => sent.map_err(drop),
            () = shutdown.cancelled() => Err(()),
        }
    }

    /// [`Socket::send`] of `value` as JSON text.
    pub(crate) async fn send_json(&mut self, value: &impl Serialize) -> Result<(), ()> {
        let text = serde_json::to_string(value).map_err(drop)?;
        self.send(Message::Text(text.into())).await
    }

    /// Says why and closes.
    pub(crate) async fn end(&mut self, reason: &'static str) {
        let last = async {
            let text = serde_json::json!({"type": "end", "reason": reason}).to_string();
            let _ = self.socket.send(Message::Text(text.into())).await;
            let close = CloseFrame { code: close_code::NORMAL, reason: reason.into() };
            let _ = self.socket.send(Message::Close(Some(close))).await;
        };
        let _ = timeout(GOODBYE, last).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_may_say_so_much_in_a_second() {
        let mut pace = Pace { since: Instant::now(), count: 0 };
        for _ in 0..MOST_A_SECOND {
            assert!(pace.keeps(Instant::now()));
        }
        assert!(!pace.keeps(Instant::now()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(pace.keeps(Instant::now()));
    }
}
