//! One listening socket: accept, and hand each connection to a task of its own.

use super::connection::{Connection, Service};
use super::slots::Slots;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long to leave the socket alone when the system has no descriptors left.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(200);

/// A bound socket and what to do with its connections.
pub(super) struct Listener {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) service: Service,
    pub(super) slots: Slots,
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
            let slot = Arc::new(slot);
            // A live fragment must not wait for the acknowledgement of the one before.
            let _ = stream.set_nodelay(true);
            let connection =
                Connection { address, service: self.service.clone(), shutdown: shutdown.clone(), slot };
            let tls = self.tls.clone();
            tasks.spawn(async move {
                match tls {
                    None => connection.plain(stream).await,
                    Some(acceptor) => connection.handshake(acceptor, stream).await,
                }
            });
        }
    }
}
