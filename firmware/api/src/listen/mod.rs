//! The listeners: sockets in, requests out. Plain HTTP, HTTPS, and what keeps one bad client from holding the
//! box.
//!
//! ```text
//!   accept -> Slots (how many, and how many from one address); a WebSocket keeps its place
//!          -> TLS handshake, 10 s             (https only)
//!          -> Unstalled: a write that does not move for 120 s ends the connection
//!          -> HTTP/1.1 or HTTP/2, 30 s for a request's head and for idling between requests
//!          -> Direct: files by sendfile       (plain HTTP/1.1 only)
//!          -> one Host; Peer into the request, redirect to https where plain HTTP is not for this client -> router
//! ```

mod accept;
mod connection;
mod direct;
mod outgoing;
mod plain;
mod slots;
mod stall;
pub(crate) mod tls;
mod unread;

pub(crate) use slots::origin_of;

use crate::state::ApiState;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where and how to listen.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Plain HTTP. `None` is off. Port 0 takes any free port.
    pub listen: Option<SocketAddr>,
    /// Serve plain HTTP to clients other than this machine. Otherwise they are redirected to https, or refused
    /// when there is none.
    pub insecure: bool,
    /// HTTPS. `None` is off.
    pub https: Option<HttpsConfig>,
}

/// HTTPS: where, and with which certificate.
#[derive(Clone)]
pub struct HttpsConfig {
    /// The address. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// The certificate chain, leaf first, PEM.
    pub certificate_pem: Vec<u8>,
    /// Its private key, PEM (PKCS#8, SEC 1 or PKCS#1).
    pub key_pem: Vec<u8>,
}

impl std::fmt::Debug for HttpsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpsConfig").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// Why serving could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A socket could not be bound.
    #[error("cannot listen on {address} for {scheme}; end what listens there, or choose another address")]
    Bind {
        /// `http` or `https`.
        scheme: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
}

/// A server that is running.
#[derive(Debug)]
pub struct Serving {
    /// Where plain HTTP is served, with the real port.
    pub http: Option<SocketAddr>,
    /// Where HTTPS is served, with the real port.
    pub https: Option<SocketAddr>,
    tasks: TaskTracker,
}

impl Serving {
    /// Waits until everything has ended after the shutdown token was cancelled: listeners at once, requests in
    /// flight when they are answered, or after ten seconds.
    pub async fn ended(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Binds the listeners and serves until `shutdown` is cancelled. Returns as soon as both are bound.
///
/// # Errors
/// When an address cannot be bound or the certificate cannot be used; nothing is left running then.
pub async fn serve(
    state: ApiState,
    config: HttpConfig,
    shutdown: CancellationToken,
) -> Result<Serving, ServeError> {
    let bind = async |scheme, address: Option<SocketAddr>| match address {
        None => Ok(None),
        Some(address) => match TcpListener::bind(address).await {
            Ok(listener) => {
                let local = listener.local_addr().unwrap_or(address);
                Ok(Some((listener, local)))
            }
            Err(source) => Err(ServeError::Bind { scheme, address, source }),
        },
    };
    let acceptor = match &config.https {
        Some(https) => Some(tls::acceptor(&https.certificate_pem, &https.key_pem)?),
        None => None,
    };
    let http = bind("http", config.listen).await?;
    let https = bind("https", config.https.as_ref().map(|h| h.listen)).await?;

    let tasks = TaskTracker::new();
    let slots = slots::Slots::new();
    let router = crate::router(state);
    let https_address = https.as_ref().map(|(_, address)| *address);
    let http_address = http.as_ref().map(|(_, address)| *address);
    if let Some((listener, address)) = http {
        tracing::info!(%address, "serving http");
        let door = plain::Door { insecure: config.insecure, https_port: https_address.map(|a| a.port()) };
        let service = connection::Service { router: router.clone(), door: Some(Arc::new(door)) };
        let one = accept::Listener { listener, tls: None, service, slots: slots.clone() };
        tasks.spawn(one.run(shutdown.clone(), tasks.clone()));
    }
    if let (Some((listener, address)), Some(acceptor)) = (https, acceptor) {
        tracing::info!(%address, "serving https");
        let service = connection::Service { router, door: None };
        let one = accept::Listener { listener, tls: Some(acceptor), service, slots };
        tasks.spawn(one.run(shutdown, tasks.clone()));
    }
    Ok(Serving { http: http_address, https: https_address, tasks })
}
