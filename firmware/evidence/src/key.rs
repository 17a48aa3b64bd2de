//! Keys: the box's own, and public ones to verify with. Bytes in, bytes out; where a key lies is the caller's affair.

use crate::digest::{Digest, MacKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use heron_core::ErrorKind;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is no PEM of the kind that is wanted.
    #[error("it is no PEM file with a {0}")]
    NotPem(&'static str),
    /// The key is of a kind that Heron does not use.
    #[error("it holds no Ed25519 or P-256 key")]
    Unknown,
    /// The key contradicts itself.
    #[error("the key in it is damaged")]
    Damaged,
    /// The cryptographic module gave nothing.
    #[error("the key could not {0}")]
    Refused(&'static str),
}

impl KeyError {
    /// How the rim should answer.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotPem(_) | Self::Unknown => ErrorKind::Invalid,
            Self::Damaged => ErrorKind::Damaged,
            Self::Refused(_) => ErrorKind::Unavailable,
        }
    }
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA on P-256 with SHA-256, the signature as two 32-byte numbers (IEEE P1363): what security chips offer.
    P256,
}

impl SignatureAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::Ed25519, Self::P256];

    /// `Ed25519` or `P-256`, as people write them.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::P256 => "P-256",
        }
    }
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::P256 => 2,
        }
    }
    pub(crate) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.code() == code)
    }
    /// What stands before the key's bytes in its SubjectPublicKeyInfo (RFC 8410 §4, RFC 5480 §2): one way to write it.
    fn spki_prefix(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
            Self::P256 => {
                b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
            }
        }
    }
    /// Bytes of a public key: 32, or the uncompressed point's 65.
    pub(crate) fn key_len(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::P256 => 65,
        }
    }
    fn verifier(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Ed25519 => &ED25519,
            Self::P256 => &ECDSA_P256_SHA256_FIXED,
        }
    }
}

/// Bytes of a signature of either algorithm.
pub const SIGNATURE_LEN: usize = 64;

/// A public key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    algorithm: SignatureAlgorithm,
    bytes: Vec<u8>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm.name(), self.fingerprint())
    }
}

impl PublicKey {
    /// Of `algorithm`; `None` when `bytes` are not as many as such a key has.
    pub fn new(algorithm: SignatureAlgorithm, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == algorithm.key_len()).then(|| Self { algorithm, bytes: bytes.to_vec() })
    }
    /// Its algorithm.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }
    /// The bare key: 32 bytes of Ed25519, or the 65 of an uncompressed P-256 point.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// SubjectPublicKeyInfo, DER.
    pub fn spki(&self) -> Vec<u8> {
        [self.algorithm.spki_prefix(), &self.bytes].concat()
    }
    /// As a PEM file (`PUBLIC KEY`), which openssl reads too.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }
    /// Reads [`PublicKey::to_pem`].
    ///
    /// # Errors
    /// [`KeyError::NotPem`], [`KeyError::Unknown`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let spki = unpem(text, "PUBLIC KEY").ok_or(KeyError::NotPem("public key"))?;
        SignatureAlgorithm::ALL
            .into_iter()
            .find_map(|a| Self::new(a, spki.strip_prefix(a.spki_prefix())?))
            .ok_or(KeyError::Unknown)
    }
    /// What people compare: the SHA-256 of the SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, &self.spki()).as_ref());
        Fingerprint(out)
    }
    /// Whether `signature` over `message` was made with the private key of this one.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm.verifier(), &self.bytes).verify(message, signature).is_ok()
    }
}

/// SHA-256 of a public key (its SubjectPublicKeyInfo).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    /// 64 hexadecimal digits, as `openssl pkey -pubin -outform DER | sha256sum` prints them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl FromStr for Fingerprint {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<Digest>().map(|d| Self(d.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Something that holds the box's key: a file today, a TPM or a trusted execution environment where there is one.
pub trait Signer: Send + Sync + fmt::Debug {
    /// The public half.
    fn public_key(&self) -> &PublicKey;
    /// A signature over `message`. May take a while (a security chip: some 100 ms); it is asked for once a segment.
    ///
    /// # Errors
    /// [`KeyError::Refused`].
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], KeyError>;
    /// The secret for fragments' marks. Asked for once, when recording starts.
    fn mac_key(&self) -> MacKey;
}

/// An Ed25519 key that lies in a file.
pub struct BoxKey {
    pair: Ed25519KeyPair,
    seed: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxKey({:?})", self.public)
    }
}

/// What stands before the seed in a PKCS #8 file of an Ed25519 key (RFC 8410 §7): one way to write it.
const PKCS8_PREFIX: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

impl BoxKey {
    /// A new key from the system's random numbers.
    ///
    /// # Errors
    /// [`KeyError::Refused`].
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *seed).map_err(|_| KeyError::Refused("be made"))?;
        Self::from_seed(seed)
    }

    /// The key that follows from a seed (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// [`KeyError::Damaged`].
    pub fn from_seed(seed: Zeroizing<[u8; 32]>) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| KeyError::Damaged)?;
        let public = PublicKey::new(SignatureAlgorithm::Ed25519, pair.public_key().as_ref());
        Ok(Self { pair, seed, public: public.ok_or(KeyError::Damaged)? })
    }

    /// Reads [`BoxKey::to_pem`], or what `openssl genpkey -algorithm ed25519` writes.
    ///
    /// # Errors
    /// [`KeyError::NotPem`], [`KeyError::Unknown`], [`KeyError::Damaged`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = Zeroizing::new(unpem(text, "PRIVATE KEY").ok_or(KeyError::NotPem("private key"))?);
        let seed = der.strip_prefix(PKCS8_PREFIX).ok_or(KeyError::Unknown)?;
        Self::from_seed(Zeroizing::new(seed.try_into().map_err(|_| KeyError::Damaged)?))
    }

    /// The private key as a PEM file (PKCS #8, `PRIVATE KEY`).
    pub fn to_pem(&self) -> Zeroizing<String> {
        let der = Zeroizing::new([PKCS8_PREFIX, &*self.seed].concat());
        Zeroizing::new(pem("PRIVATE KEY", &der))
    }
}

impl Signer for BoxKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], KeyError> {
        let signature = self.pair.try_sign(message).map_err(|_| KeyError::Refused("sign"))?;
        signature.as_ref().try_into().map_err(|_| KeyError::Refused("sign"))
    }
    fn mac_key(&self) -> MacKey {
        MacKey::derive(&*self.seed)
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The first block with that label. A key file has a few hundred bytes; more is not looked at.
fn unpem(text: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).take(4096).collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

    #[test]
    fn a_key_survives_its_pem_and_signs() {
        let key = BoxKey::generate().unwrap();
        let again = BoxKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(key.public_key(), again.public_key());
        let signature = again.sign(b"words").unwrap();
        assert!(key.public_key().verifies(b"words", &signature));
        assert!(!key.public_key().verifies(b"Words", &signature));
        assert!(!key.public_key().verifies(b"words", &signature[..63]));
        let public = PublicKey::from_pem(&key.public_key().to_pem()).unwrap();
        assert_eq!(&public, key.public_key());
        assert!(!format!("{key:?}").contains(&key.to_pem()[60..90]), "the secret is not printed");
    }

    /// RFC 8032 §7.1, test 1, and RFC 8410 §10.1, 10.3: what others write is read.
    #[test]
    fn keys_of_the_standards_are_read() {
        let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        let key = BoxKey::from_pem(private).unwrap();
        assert_eq!(key.public_key().to_pem(), public);
        assert_eq!(&*key.to_pem(), private);
        for bad in ["", "-----BEGIN PRIVATE KEY-----", &private.replace("MC4C", "MC4D"), public] {
            assert!(BoxKey::from_pem(bad).is_err(), "{bad}");
        }
        assert!(matches!(PublicKey::from_pem(private), Err(KeyError::NotPem(_))));
    }

    #[test]
    fn a_chip_with_p256_is_verified_too() {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let public = PublicKey::new(SignatureAlgorithm::P256, pair.public_key().as_ref()).unwrap();
        let signature = pair.sign(&random, b"words").unwrap();
        assert!(public.verifies(b"words", signature.as_ref()));
        assert!(!public.verifies(b"word", signature.as_ref()));
        assert_eq!(PublicKey::from_pem(&public.to_pem()).unwrap(), public);
        assert!(PublicKey::new(SignatureAlgorithm::P256, &[4; 64]).is_none());
    }
}
