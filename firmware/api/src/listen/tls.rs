//! TLS for the HTTPS listener: a certificate chain and a key in PEM become an acceptor.

use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// Why a certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file holds no readable certificate.
    #[error(
        "the certificate file holds no PEM certificate that can be read ({0}); it must begin with -----BEGIN CERTIFICATE-----"
    )]
    Certificate(String),
    /// The key file holds no readable private key.
    #[error(
        "the key file holds no PEM private key that can be read ({0}); it must hold one unencrypted PRIVATE KEY block"
    )]
    Key(String),
    /// They do not belong together, or are of a kind that TLS cannot use.
    #[error("the certificate and its key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
}

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, no client certificates.
pub(crate) fn acceptor(certificate_pem: &[u8], key_pem: &[u8]) -> Result<TlsAcceptor, TlsError> {
    let chain = CertificateDer::pem_slice_iter(certificate_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| TlsError::Certificate(e.to_string()))?;
    if chain.is_empty() {
        return Err(TlsError::Certificate("it is empty".into()));
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|e| TlsError::Key(e.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_named() {
        assert!(matches!(acceptor(b"", b""), Err(TlsError::Certificate(_))));
        assert!(matches!(acceptor(b"-----BEGIN CERTIFICATE-----\n!", b""), Err(TlsError::Certificate(_))));
        let pair = rcgen::generate_simple_self_signed(vec!["heron.local".into()]).unwrap();
        assert!(matches!(acceptor(pair.cert.pem().as_bytes(), b"no"), Err(TlsError::Key(_))));
        let other = rcgen::generate_simple_self_signed(vec!["heron.local".into()]).unwrap();
        let mixed = acceptor(pair.cert.pem().as_bytes(), other.signing_key.serialize_pem().as_bytes());
        assert!(matches!(mixed, Err(TlsError::Pair(_))));
        assert!(acceptor(pair.cert.pem().as_bytes(), pair.signing_key.serialize_pem().as_bytes()).is_ok());
    }
}
