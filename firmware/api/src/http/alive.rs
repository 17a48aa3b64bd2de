//! A response's body that is let go of when nobody takes it.

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Wraps a body and what is held for it; both are dropped when the body ends, or when it was not asked for anything for
/// the given time: the client does not read, and neither files nor a place are kept for it. It can ask again with a
/// range.
pub(crate) struct Alive<H>(Arc<Mutex<State<H>>>);

struct State<H> {
    /// The body and what is held for it; `None` when it has ended.
    body: Option<(Body, H)>,
    /// The body is to blame for waiting, not the client.
    busy: bool,
    asked: Instant,
}

impl<H: Send + 'static> Alive<H> {
    /// Needs a tokio runtime around it.
    pub(crate) fn new(body: Body, held: H, idle: Duration) -> Self {
        let state =
            Arc::new(Mutex::new(State { body: Some((body, held)), busy: false, asked: Instant::now() }));
        tokio::spawn(watch(Arc::downgrade(&state), idle));
        Self(state)
    }
}

async fn watch<H>(state: Weak<Mutex<State<H>>>, idle: Duration) {
    let mut until = Instant::now() + idle;
    loop {
        sleep_until(until).await;
        let Some(state) = state.upgrade() else { return };
        let mut state = state.lock();
        let now = Instant::now();
        if state.busy {
            until = now + idle;
        } else if state.asked + idle > now {
            until = state.asked + idle;
        } else {
            let body = state.body.take();
            drop(state);
            if body.is_some() {
                tracing::debug!(
                    idle_s = idle.as_secs(),
                    "a download was let go of: the client does not read"
                );
            }
            return;
        }
    }
}

impl<H: Send + Unpin + 'static> HttpBody for Alive<H> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut state = self.0.lock();
        state.asked = Instant::now();
        let Some((body, _)) = &mut state.body else {
            return Poll::Ready(Some(Err(axum::Error::new(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client did not read for too long",
            )))));
        };
        let frame = Pin::new(body).poll_frame(cx);
        state.busy = frame.is_pending();
        if matches!(frame, Poll::Ready(None)) {
            // An end is asked for once.
            state.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().body.as_ref().is_some_and(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().body.as_ref().map_or_else(SizeHint::default, |(body, _)| body.size_hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use futures_util::{StreamExt, stream};

    const IDLE: Duration = Duration::from_secs(30);

    fn pieces(wait: Duration) -> Body {
        Body::from_stream(stream::iter(0..3).then(move |_| async move {
            tokio::time::sleep(wait).await;
            Ok::<_, io::Error>(Bytes::from_static(b"piece"))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_takes_is_let_go_of() {
        let held = Arc::new(());
        let body = Body::new(Alive::new(pieces(Duration::ZERO), Arc::clone(&held), IDLE));
        let mut body = body.into_data_stream();
        for _ in 0..2 {
            body.next().await.unwrap().unwrap();
            tokio::time::sleep(IDLE - Duration::from_secs(1)).await;
        }
        assert_eq!(Arc::strong_count(&held), 2, "slow, but it moves");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(body.next().await.unwrap().is_err(), "cut off, not ended");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_disk_is_waited_for_and_the_end_lets_go() {
        let held = Arc::new(());
        let mut body = Body::new(Alive::new(pieces(IDLE * 2), Arc::clone(&held), IDLE)).into_data_stream();
        let mut all = Vec::new();
        while let Some(piece) = body.next().await {
            all.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(all, b"piecepiecepiece");
        assert_eq!(Arc::strong_count(&held), 1);
        let whole = Body::new(Alive::new(Body::from("x"), (), IDLE));
        assert_eq!(to_bytes(whole, 9).await.unwrap(), "x");
    }
}
