//! TLS to cameras.

use crate::spec::TlsPolicy;
use parking_lot::Mutex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// SHA-256 of a certificate's DER form.
pub(crate) type Fingerprint = [u8; 32];

/// What one handshake needs, and what it finds out.
pub(crate) struct Handshake {
    pub(crate) config: Arc<ClientConfig>,
    seen: Arc<Mutex<Option<Fingerprint>>>,
}

impl Handshake {
    /// For a camera whose certificate `policy` judges.
    pub(crate) fn new(policy: TlsPolicy) -> Result<Self, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let seen = Arc::new(Mutex::new(None));
        let verifier = CameraVerifier { policy, provider: Arc::clone(&provider), seen: Arc::clone(&seen) };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), seen })
    }

    /// The camera's certificate, once it has been shown.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        *self.seen.lock()
    }
}

/// Takes what [`TlsPolicy`] takes. Names and dates are not looked at: cameras have neither right.
#[derive(Debug)]
struct CameraVerifier {
    policy: TlsPolicy,
    provider: Arc<CryptoProvider>,
    seen: Arc<Mutex<Option<Fingerprint>>>,
}

impl ServerCertVerifier for CameraVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let fingerprint: Fingerprint = Sha256::digest(end_entity.as_ref()).into();
        *self.seen.lock() = Some(fingerprint);
        match self.policy {
            TlsPolicy::Fingerprint(pinned) if pinned != fingerprint => {
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.policy {
            // Any key is good, so proving to have it proves nothing; and some certificates of cameras (version 1,
            // short RSA keys) cannot be read for it.
            TlsPolicy::Any => Ok(HandshakeSignatureValid::assertion()),
            TlsPolicy::Fingerprint(_) => {
                verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
            }
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.policy {
            TlsPolicy::Any => Ok(HandshakeSignatureValid::assertion()),
            TlsPolicy::Fingerprint(_) => {
                verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
