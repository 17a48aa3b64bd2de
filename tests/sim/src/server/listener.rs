//! Listeners for RTSP and RTSP over TLS.

use super::House;
use super::connection::{self, End};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use socket2::SockRef;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Serves clients until it is dropped.
pub(crate) async fn run(listener: TcpListener, tls: Option<TlsAcceptor>, house: Arc<House>) {
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(e) => {
                // Out of file descriptors, most likely; connections that end give some back.
                tracing::warn!("cannot accept: {e}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(local) = stream.local_addr() else { continue };
        // Each packet is a segment of its own, as with a camera.
        let _ = stream.set_nodelay(true);
        let house = house.clone();
        match tls.clone() {
            None => drop(tokio::spawn(plain(stream, house, local, remote))),
            Some(tls) => drop(tokio::spawn(over_tls(tls, stream, house, local, remote))),
        }
    }
}

async fn plain(stream: TcpStream, house: Arc<House>, local: SocketAddr, remote: SocketAddr) {
    let (mut reader, mut writer) = stream.into_split();
    if connection::serve(&mut reader, &mut writer, house, local, remote).await == End::Reset {
        // Closing a socket with a linger time of zero sends RST, unless the half's drop has sent FIN before it.
        let _ = SockRef::from(writer.as_ref()).set_linger(Some(Duration::ZERO));
        writer.forget();
    }
}

async fn over_tls(
    tls: TlsAcceptor,
    stream: TcpStream,
    house: Arc<House>,
    local: SocketAddr,
    remote: SocketAddr,
) {
    let handshake = tokio::time::timeout(Duration::from_secs(10), tls.accept(stream)).await;
    let stream = match handshake {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => return tracing::info!(from = %remote, "TLS handshake failed: {e}"),
        Err(_) => return tracing::info!(from = %remote, "TLS handshake took more than 10 s"),
    };
    let (reader, writer) = tokio::io::split(stream);
    connection::serve(reader, writer, house, local, remote).await;
}

/// A TLS acceptor with a certificate that it signs itself, for `localhost` and the address it listens on.
///
/// # Errors
/// What the TLS library says, in words.
pub(crate) fn self_signed(address: SocketAddr) -> Result<TlsAcceptor, String> {
    let names = vec!["localhost".to_owned(), address.ip().to_string()];
    let made = rcgen::generate_simple_self_signed(names).map_err(|e| e.to_string())?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|b| b.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key))
        .map_err(|e| e.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
