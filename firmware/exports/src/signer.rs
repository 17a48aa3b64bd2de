//! Who signs what leaves the house: the box's key, held by another room.

use crate::ExportError;

/// Signs with the box's key (Ed25519, RFC 8032).
pub trait Signer: Send + Sync + 'static {
    /// The 64 bytes of the signature of `message`. The same message always gives the same signature.
    ///
    /// # Errors
    /// [`ExportError::Sign`] when the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ExportError>;

    /// The public key, PEM (RFC 8410).
    fn public_key_pem(&self) -> String;

    /// What people compare: the key's fingerprint, hexadecimal.
    fn fingerprint(&self) -> String;
}
