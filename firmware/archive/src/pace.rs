//! The bandwidth cap: what is sent is cut into small pieces, and each waits for its turn.

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Sent at a time: 16 KiB are 26 ms of 5 Mbit/s, so that a phone call over the same line does not notice.
const PIECE: usize = 16 << 10;
/// An idle bucket saves up no more than this much time.
const SAVED: Duration = Duration::from_millis(50);

/// How fast to send; shared by all connections of the archive.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: AtomicU64,
    sent: AtomicU64,
    next: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            bytes_per_second: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Sets the cap; zero lifts it. Takes effect with the next piece.
    pub(crate) fn set(&self, kbit_per_second: u32) {
        self.bytes_per_second.store(u64::from(kbit_per_second) * 125, Ordering::Relaxed);
    }

    /// Bytes sent since the start.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// When a piece of `bytes` may go; `None`: now.
    fn turn(&self, bytes: usize, now: Instant) -> Option<Instant> {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        let rate = self.bytes_per_second.load(Ordering::Relaxed);
        if rate == 0 {
            return None;
        }
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let at = (*next).max(now.checked_sub(SAVED).unwrap_or(now));
        *next = at + Duration::from_secs_f64(bytes as f64 / rate as f64);
        (at > now).then_some(at)
    }
}

/// A request's body that keeps to the pace.
struct Paced {
    body: HttpRequestBody,
    held: Bytes,
    left: u64,
    pace: Arc<Pace>,
    waiting: Option<(Pin<Box<Sleep>>, Bytes)>,
}

impl Body for Paced {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        loop {
            if let Some((sleep, _)) = &mut this.waiting {
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                if let Some((_, piece)) = this.waiting.take() {
                    this.left = this.left.saturating_sub(piece.len() as u64);
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
            }
            if this.held.has_remaining() {
                let piece = this.held.split_to(this.held.len().min(PIECE));
                match this.pace.turn(piece.len(), Instant::now()) {
                    Some(at) => this.waiting = Some((Box::pin(tokio::time::sleep_until(at)), piece)),
                    None => {
                        this.left = this.left.saturating_sub(piece.len() as u64);
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                }
                continue;
            }
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(e))) => return Poll::Ready(Some(Err(e))),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        this.held = bytes;
                    }
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Makes clients that keep to the pace.
#[derive(Debug)]
pub(crate) struct PacedConnector {
    pub(crate) client: reqwest::Client,
    pub(crate) pace: Arc<Pace>,
}

impl HttpConnector for PacedConnector {
    fn connect(&self, _: &object_store::ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(PacedClient { client: self.client.clone(), pace: Arc::clone(&self.pace) }))
    }
}

#[derive(Debug)]
struct PacedClient {
    client: reqwest::Client,
    pace: Arc<Pace>,
}

#[async_trait::async_trait]
impl HttpService for PacedClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = parts
            .uri
            .to_string()
            .parse()
            .map_err(|e: url::ParseError| HttpError::new(HttpErrorKind::Request, e))?;
        let mut outgoing = reqwest::Request::new(parts.method, url);
        *outgoing.headers_mut() = parts.headers;
        let left = body.content_length() as u64;
        if left > 0 {
            let paced = Paced { body, held: Bytes::new(), left, pace: Arc::clone(&self.pace), waiting: None };
            *outgoing.body_mut() = Some(reqwest::Body::wrap(paced));
        }
        let answer = self.client.execute(outgoing).await.map_err(refused)?;
        let answer: http::Response<reqwest::Body> = answer.into();
        let (parts, body) = answer.into_parts();
        Ok(HttpResponse::from_parts(
            parts,
            HttpResponseBody::new(http_body_util::BodyExt::map_err(body, refused)),
        ))
    }
}

/// Tells what may be tried again.
fn refused(e: reqwest::Error) -> HttpError {
    let kind = if e.is_timeout() {
        HttpErrorKind::Timeout
    } else if e.is_connect() {
        HttpErrorKind::Connect
    } else if e.is_body() || e.is_decode() {
        HttpErrorKind::Interrupted
    } else {
        HttpErrorKind::Request
    };
    HttpError::new(kind, e.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pieces_go_at_the_pace_that_was_set() {
        let pace = Pace::new();
        let begun = Instant::now();
        assert_eq!(pace.turn(1 << 20, begun), None, "no cap");
        pace.set(8);
        let mut last = begun;
        for _ in 0..10 {
            if let Some(at) = pace.turn(1000, begun) {
                assert!(at >= last, "turns never go back");
                last = at;
            }
        }
        // 10 kB at 1 kB/s: the tenth waits for the nine before it.
        assert_eq!(last - begun, Duration::from_secs(9));
        assert_eq!(pace.sent(), (1 << 20) + 10_000);
    }
}
