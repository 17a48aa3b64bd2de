//! A WebSocket of somebody who is signed in: ends when they sign out, when they are gone, and when the box shuts down.

use crate::problem::Problem;
use crate::state::App;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use heron_access::Principal;
use serde::Serialize;
use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

/// What a client may say at once: a list of topics.
const LONGEST_MESSAGE: usize = 4096;
/// How often the other end is asked whether it is there, and how many questions may stay unanswered: a phone that
/// sleeps is gone after a minute.
const PING_EVERY: Duration = Duration::from_secs(20);
const PINGS_UNANSWERED: u32 = 3;
/// How long the last message may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Answers an upgrade and runs `serve` on the socket.
pub(crate) fn upgrade<F, Fut>(
    ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
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
    let ws = ws.max_message_size(LONGEST_MESSAGE).max_frame_size(LONGEST_MESSAGE);
    Ok(ws.on_upgrade(move |socket| {
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let changes = app.access.changes();
        serve(Socket { socket, app, who, changes, pings, unanswered: 0 })
    }))
}

/// A WebSocket and whose it is.
pub(crate) struct Socket {
    socket: WebSocket,
    app: App,
    who: Principal,
    changes: watch::Receiver<u64>,
    pings: tokio::time::Interval,
    unanswered: u32,
}

impl Socket {
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The next text the client sends; `Err` when the socket is done with: closed, signed out or shutting down (the last
    /// two are told). Cancel-safe.
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
                received = self.socket.recv() => match received {
                    Some(Ok(Message::Text(text))) => {
                        self.unanswered = 0;
                        return Ok(text.as_str().to_owned());
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(()),
                    Some(Ok(_)) => self.unanswered = 0,
                },
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
