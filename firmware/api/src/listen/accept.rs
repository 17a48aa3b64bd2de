//! One listening socket: accept, handshake, serve, end.

use super::plain::Door;
use super::slots::{Slot, Slots};
use super::stall::{Unstalled, WRITE_STALL};
use crate::http::peer::Peer;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// For the whole TLS handshake. A phone on a bad network needs two or three; nobody honest needs ten.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For the head of a request, counted from the end of the one before: it limits idling as well.
const HEAD: Duration = Duration::from_secs(30);
/// HTTP/2: ask an idle connection whether it is alive, and how long to wait for the answer.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_ANSWER: Duration = Duration::from_secs(20);
/// HTTP/2 requests at once on one connection: a page of sixteen tiles and their thumbnails.
const STREAMS: u32 = 64;
/// The most that a request's head may hold: cookies are under 1 KiB, the longest of our addresses 300 bytes.
const HEAD_BYTES: u32 = 32 * 1024;
/// How long requests in flight may take to end once the box is shutting down.
const GRACE: Duration = Duration::from_secs(10);
/// How long to leave the socket alone when the system has no descriptors left.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(200);

/// A bound socket and what to do with its connections.
pub(super) struct Listener {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) service: Service,
    pub(super) slots: Slots,
}

/// The router with the connection's facts put into each request.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) router: Router,
    /// The rules of plain HTTP; `None` on the HTTPS listener.
    pub(super) door: Option<Arc<Door>>,
}

impl Listener {
    /// Accepts until `shutdown`; every connection is a task of `tasks`.
    pub(super) async fn run(self, shutdown: CancellationToken, tasks: TaskTracker) {
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(pair) => pair,
                Err(error) => {
                    if !matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                    ) {
                        tracing::warn!(%error, "cannot accept a connection");
                        sleep(OUT_OF_DESCRIPTORS).await;
                    }
                    continue;
                }
            };
            // No place left: closing at once is the cheapest answer, and TLS would not let us say more.
            let Some(slot) = self.slots.take(address.ip()) else {
                tracing::debug!(%address, "a connection was turned away: too many are open");
                continue;
            };
            // A live fragment must not wait for the acknowledgement of the one before.
            let _ = stream.set_nodelay(true);
            let connection = Connection {
                address,
                service: self.service.clone(),
                shutdown: shutdown.clone(),
                _slot: slot,
            };
            let tls = self.tls.clone();
            tasks.spawn(async move {
                match tls {
                    None => connection.serve(stream, false).await,
                    Some(acceptor) => connection.handshake(acceptor, stream).await,
                }
            });
        }
    }
}

struct Connection {
    address: SocketAddr,
    service: Service,
    shutdown: CancellationToken,
    _slot: Slot,
}

impl Connection {
    async fn handshake(self, acceptor: TlsAcceptor, stream: TcpStream) {
        let address = self.address;
        match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream, true).await,
            Ok(Err(error)) => tracing::debug!(%address, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S, secure: bool) {
        let peer = Peer { address: self.address, secure };
        let service = self.service;
        let handler = hyper::service::service_fn(move |request| service.clone().answer(request, peer));
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(256 * 1024);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER);
        let io = TokioIo::new(Unstalled::new(stream, WRITE_STALL));
        let mut connection = std::pin::pin!(builder.serve_connection_with_upgrades(io, handler));
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                match timeout(GRACE, connection).await {
                    Ok(outcome) => outcome,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(address = %peer.address, error = super::reason(error.as_ref()), "a connection ended badly");
        }
    }
}

impl Service {
    fn answer(
        self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>> {
        let mut request = request.map(Body::new);
        if let Some(away) = self.door.as_ref().and_then(|door| door.turn_away(peer, &request)) {
            return Box::pin(std::future::ready(Ok(away)));
        }
        request.extensions_mut().insert(peer);
        Box::pin(self.router.oneshot(request))
    }
}
