//! One connection: handshake, serve, end.
//!
//! The protocol is known before the first byte is read: HTTP/2 is what ALPN agreed on, everything else is HTTP/1.1.
//! (Looking at the first bytes to find out would be a wait without a limit.)

use super::direct::Direct;
use super::outgoing::{Outgoing, Queue};
use super::plain::Door;
use super::slots::Slot;
use super::stall::{Unstalled, WRITE_STALL};
use super::unread::Watched;
use crate::http::peer::Peer;
use crate::http::socket::Place;
use crate::http::stream::Deferred;
use crate::problem::Problem;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// For the whole TLS handshake. A phone on a bad network needs two or three seconds; nobody honest needs ten.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For the head of a request, counted from the end of the one before: it limits idling as well. HTTP/2: for the first.
const HEAD: Duration = Duration::from_secs(30);
/// HTTP/2: a connection without a new request for so long is wound up; what is being answered is still finished.
const IDLE: Duration = Duration::from_secs(300);
/// HTTP/2: ask an idle connection whether it is alive, and how long to wait for the answer.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_ANSWER: Duration = Duration::from_secs(20);
/// HTTP/2 requests at once on one connection: a page asks for a dozen files at first, browsers wait with the rest.
const STREAMS: u32 = 32;
/// HTTP/2: what a client may send before anybody has read it, on a request and on a connection. Bodies are a few
/// kilobytes; 256 KiB for 512 connections are 128 MiB at the very worst.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// HTTP/2: what of one answer may wait for the client, beside the piece that it is in.
const STREAM_WAITING: usize = 64 * 1024;
/// HTTP/1.1: how much is read ahead. hyper looks before it reads again, and reads as much again, so that a head may have
/// up to twice as many bytes. Cookies are under 1 KiB.
const READ_AHEAD: usize = 64 * 1024;
/// The most that a request's head may hold: cookies are under 1 KiB, the longest of our addresses 300 bytes.
const HEAD_BYTES: u32 = 32 * 1024;
/// How long requests in flight may take to end once the box is shutting down.
const GRACE: Duration = Duration::from_secs(10);

/// The router, and what stands before it.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) router: Router,
    /// The rules of plain HTTP; `None` on the HTTPS listener.
    pub(super) door: Option<Arc<Door>>,
}

/// One client's connection.
pub(super) struct Connection {
    pub(super) address: SocketAddr,
    pub(super) service: Service,
    pub(super) shutdown: CancellationToken,
    /// Kept for what its drop does, by a WebSocket that the connection becomes as well.
    pub(super) slot: Arc<Slot>,
}

/// Why a connection is to end.
enum Until {
    Shutdown,
    /// Nothing new was asked for a while.
    Idle,
    /// Nothing was ever asked.
    Silent,
}

impl Connection {
    /// TLS, then whatever was agreed on.
    pub(super) async fn handshake(self, acceptor: TlsAcceptor, stream: TcpStream) {
        let address = self.address;
        match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => self.http2(stream).await,
            Ok(Ok(stream)) => self.http1(stream, true).await,
            Ok(Err(error)) => tracing::debug!(%address, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
        }
    }

    /// HTTP/1.1 without TLS: files go from the page cache to the socket.
    pub(super) async fn plain(self, stream: TcpStream) {
        let queue = Queue::default();
        let stream = Direct::new(stream, Arc::clone(&queue));
        self.serve_http1(stream, false, Some(queue)).await;
    }

    /// HTTP/1.1 over a stream that has to see every byte.
    pub(super) async fn http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        secure: bool,
    ) {
        self.serve_http1(stream, secure, None).await;
    }

    /// HTTP/1.1, with WebSockets. `queue` is what a stream that can send files looks into.
    async fn serve_http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        secure: bool,
        queue: Option<Queue>,
    ) {
        let service = self.service.clone();
        let peer = Peer { address: self.address, secure };
        let place = Place(Arc::clone(&self.slot) as _);
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(READ_AHEAD);
        if queue.is_some() {
            // Never copied together: a stand-in is known by its address.
            builder.writev(true);
        }
        let handler = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(place.clone());
            let answer = service.clone().answer(request, peer);
            let queue = queue.clone();
            async move { answer.await.map(|response| outgoing(response, queue.as_ref())) }
        });
        let io = TokioIo::new(Unstalled::new(stream, WRITE_STALL));
        let connection = std::pin::pin!(builder.serve_connection(io, handler).with_upgrades());
        // The time for a head limits silence and idling too.
        self.drive(connection, |c| c.graceful_shutdown(), std::future::pending()).await;
    }

    /// HTTP/2.
    async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let service = self.service.clone();
        let peer = Peer { address: self.address, secure: true };
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        let handler = hyper::service::service_fn(move |request| {
            counter.fetch_add(1, Ordering::Relaxed);
            service.clone().answer(request, peer)
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(STREAM_WAITING)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER);
        let io = TokioIo::new(Unstalled::new(stream, WRITE_STALL));
        let connection = std::pin::pin!(builder.serve_connection(io, handler));
        self.drive(connection, |c| c.graceful_shutdown(), weary(&requests)).await;
    }

    /// Serves until the client ends it, the box shuts down, or `weary` says that nothing comes any more.
    async fn drive<C: Future<Output = hyper::Result<()>>>(
        &self,
        mut connection: Pin<&mut C>,
        wind_up: impl Fn(Pin<&mut C>),
        weary: impl Future<Output = Until>,
    ) {
        let until = tokio::select! {
            outcome = connection.as_mut() => return self.note(outcome),
            () = self.shutdown.cancelled() => Until::Shutdown,
            until = weary => until,
        };
        if matches!(until, Until::Silent) {
            return;
        }
        wind_up(connection.as_mut());
        if matches!(until, Until::Idle) {
            tokio::select! {
                outcome = connection.as_mut() => return self.note(outcome),
                () = self.shutdown.cancelled() => {}
            }
        }
        if let Ok(outcome) = timeout(GRACE, connection).await {
            self.note(outcome);
        }
    }

    fn note(&self, outcome: hyper::Result<()>) {
        if let Err(error) = outcome {
            tracing::debug!(address = %self.address, error = crate::problem::chain(&error), "a connection ended badly");
        }
    }
}

/// The answer as it goes out: where it stands for a stretch of a file and the connection can send that, without the body
/// that would read it. Only when its head says exactly that length: the two must never be of different opinions.
fn outgoing(mut response: Response, queue: Option<&Queue>) -> axum::http::Response<Outgoing> {
    let deferred = response.extensions_mut().remove::<Deferred>();
    let announced =
        response.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    let deferred = deferred.filter(|d| announced == Some(d.range.end - d.range.start));
    match (deferred, queue) {
        (Some(deferred), Some(queue)) => response.map(|_| Outgoing::deferring(deferred, queue)),
        _ => response.map(Outgoing::bytes),
    }
}

/// Comes to an end when no request has come for too long.
async fn weary(requests: &AtomicU64) -> Until {
    sleep(HEAD).await;
    let mut seen = requests.load(Ordering::Relaxed);
    if seen == 0 {
        return Until::Silent;
    }
    loop {
        sleep(IDLE).await;
        let now = requests.load(Ordering::Relaxed);
        if now == seen {
            return Until::Idle;
        }
        seen = now;
    }
}

impl Service {
    fn answer(
        self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>> {
        let version = request.version();
        let (parts, body) = request.into_parts();
        let (body, read) = Watched::new(body);
        let mut request = Request::from_parts(parts, Body::new(body));
        request.extensions_mut().insert(peer);
        Box::pin(async move {
            let mut response = if !names_one_host(&request) {
                let detail = "A request over HTTP/1.1 has exactly one header `Host` (RFC 9112 §3.2).";
                Problem::invalid(detail).field("Host").into_response()
            } else if let Some(away) = self.door.as_ref().and_then(|door| door.turn_away(peer, &request)) {
                away
            } else {
                self.router.oneshot(request).await?
            };
            if version <= Version::HTTP_11 && !read.load(Ordering::Relaxed) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        })
    }
}

/// Whether a request says whom it is for as it must: two hosts are two opinions of where it goes.
fn names_one_host<B>(request: &Request<B>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    match request.version() {
        Version::HTTP_11 => hosts == 1,
        // HTTP/1.0 does not know it, HTTP/2 has `:authority`.
        _ => hosts <= 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::Slots;
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    fn connect() -> (DuplexStream, DuplexStream, Connection) {
        let (near, far) = tokio::io::duplex(1 << 16);
        let address: SocketAddr = "10.0.0.1:5".parse().unwrap();
        let router = Router::new().route("/", axum::routing::get(async || "hello"));
        let service = Service { router, door: None };
        let slot = Arc::new(Slots::new().take(address.ip()).unwrap());
        (far, near, Connection { address, service, shutdown: CancellationToken::new(), slot })
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn whoever_says_nothing_or_not_enough_is_not_waited_for() {
        // Nothing, the beginning of something, and a head that never ends.
        for said in [&b""[..], b"PRI * HTTP/2.0", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
            let (mut far, near, connection) = connect();
            far.write_all(said).await.unwrap();
            connection.http1(near, false).await;
        }
        // The same over HTTP/2.
        for said in [&b""[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            let (mut far, near, connection) = connect();
            far.write_all(said).await.unwrap();
            connection.http2(near).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_idles_after_a_request_is_ended() {
        let (mut far, near, connection) = connect();
        far.write_all(REQUEST).await.unwrap();
        connection.http1(near, false).await;
        let mut answer = String::new();
        far.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    }

    #[tokio::test]
    async fn a_connection_that_became_a_socket_keeps_its_place() {
        let (mut far, near, mut connection) = connect();
        let kept = Arc::new(parking_lot::Mutex::new(None));
        let keep = Arc::clone(&kept);
        let upgrade = async move |mut request: Request| {
            *keep.lock() = request.extensions_mut().remove::<Place>();
            let upgrade = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "websocket")];
            (axum::http::StatusCode::SWITCHING_PROTOCOLS, upgrade)
        };
        connection.service.router = Router::new().route("/", axum::routing::get(upgrade));
        let slot = Arc::downgrade(&connection.slot);
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        far.write_all(request).await.unwrap();
        connection.http1(near, false).await;
        assert_eq!(slot.strong_count(), 1, "the connection is done with, the socket is not");
        *kept.lock() = None;
        assert_eq!(slot.strong_count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn shutting_down_ends_idle_connections() {
        let (mut far, near, connection) = connect();
        let shutdown = connection.shutdown.clone();
        far.write_all(REQUEST).await.unwrap();
        let serving = tokio::spawn(connection.http1(near, false));
        let mut answer = vec![0; 12];
        far.read_exact(&mut answer).await.unwrap();
        let before = tokio::time::Instant::now();
        shutdown.cancel();
        serving.await.unwrap();
        assert!(before.elapsed() < HEAD, "it did not wait for the time of a head");
    }
}
