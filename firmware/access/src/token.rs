//! Random secrets and their hashes.

use crate::{AccessError, Result};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// SHA-256 of a secret. The secrets have 128 random bits and more, so neither salt nor slowness is needed.
pub(crate) type Hash = [u8; 32];

const SECRET_BYTES: usize = 32;
const FAMILY_BYTES: usize = 16;

pub(crate) fn hash(secret: &[u8]) -> Hash {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, secret).as_ref());
    out
}

/// Equality in constant time.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    aws_lc_rs::rand::fill(&mut *bytes)
        .map_err(|_| AccessError::Hashing("the system gave no random bytes".to_owned()))?;
    Ok(bytes)
}

/// A new access token: 256 random bits, base64url, 43 characters.
pub(crate) fn new_access() -> Result<(Zeroizing<String>, Hash)> {
    let secret = random::<SECRET_BYTES>()?;
    Ok((Zeroizing::new(URL_SAFE_NO_PAD.encode(*secret)), hash(&*secret)))
}

/// The hash under which an access token is looked up.
pub(crate) fn access_hash(token: &str) -> Option<Hash> {
    decoded::<SECRET_BYTES>(token).map(|secret| hash(&*secret))
}

/// What stays of a refresh token when it rotates: 128 random bits that nobody but its holder has seen.
pub(crate) type Family = Zeroizing<[u8; FAMILY_BYTES]>;

pub(crate) fn new_family() -> Result<Family> {
    random()
}

/// A new refresh token of a family: the family and 256 random bits, base64url, 64 characters. With the hash
/// of its secret.
pub(crate) fn new_refresh(family: &Family) -> Result<(Zeroizing<String>, Hash)> {
    let secret = random::<SECRET_BYTES>()?;
    let both = Zeroizing::new([&family[..], &secret[..]].concat());
    Ok((Zeroizing::new(URL_SAFE_NO_PAD.encode(&*both)), hash(&*secret)))
}

/// A refresh token's family and the hash of its secret.
pub(crate) fn refresh_parts(token: &str) -> Option<(Family, Hash)> {
    let both = decoded::<{ FAMILY_BYTES + SECRET_BYTES }>(token)?;
    let (family, secret) = both.split_at(FAMILY_BYTES);
    Some((Zeroizing::new(family.try_into().ok()?), hash(secret)))
}

fn decoded<const N: usize>(token: &str) -> Option<Zeroizing<[u8; N]>> {
    // Before decoding, so that a huge string costs nothing.
    if token.len() != (N * 4).div_ceil(3) {
        return None;
    }
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(token).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

/// Crockford's base32: no I, L, O, U.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A new claim token: 128 random bits as 26 characters in groups, `7K3MX-…`, to be read off a label and
/// typed.
pub(crate) fn new_claim() -> Result<String> {
    let mut rest = u128::from_be_bytes(*random::<16>()?);
    let mut token = String::with_capacity(30);
    for i in 0..26 {
        if i > 0 && i < 25 && i % 5 == 0 {
            token.push('-');
        }
        token.push(char::from(CROCKFORD[(rest & 31) as usize]));
        rest >>= 5;
    }
    Ok(token)
}

/// Whether somebody typed the claim token: letter case, dashes and spaces do not matter, O is 0, I and L are
/// 1.
pub(crate) fn claim_matches(typed: &str, token: &str) -> bool {
    let plain = |s: &str| -> Vec<u8> {
        s.bytes()
            .filter(|b| !matches!(b, b'-' | b' '))
            .map(|b| match b.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                b => b,
            })
            .collect()
    };
    // Hashes of equal length, so that the time says nothing of the length either.
    typed.len() <= 100 && same(&hash(&plain(typed)), &hash(&plain(token)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_come_back_to_their_hashes_and_differ() {
        let (a, a_hash) = new_access().unwrap();
        assert_eq!((a.len(), access_hash(&a)), (43, Some(a_hash)));
        assert_ne!(*a, *new_access().unwrap().0);
        let family = new_family().unwrap();
        let (r, r_hash) = new_refresh(&family).unwrap();
        let (f, h) = refresh_parts(&r).unwrap();
        assert_eq!((r.len(), f, h), (64, family.clone(), r_hash));
        assert_ne!(*r, *new_refresh(&family).unwrap().0);
    }

    #[test]
    fn a_claim_token_can_be_typed_sloppily() {
        let token = new_claim().unwrap();
        assert_eq!((token.len(), token.split('-').count()), (30, 5));
        assert!(claim_matches(&token, &token));
        assert!(claim_matches(&format!(" {} ", token.to_lowercase().replace('-', " ")), &token));
        assert!(claim_matches("oOiIlL", "00-1111"));
        assert!(!claim_matches("", &token) && !claim_matches(&token[1..], &token));
        assert!(!claim_matches(&token.repeat(1000), &token));
    }

    proptest! {
        #[test]
        fn forged_tokens_never_panic(s in "\\PC{0,100}") {
            let _ = (access_hash(&s), refresh_parts(&s));
            prop_assert!(!claim_matches(&s, "7K3MX-7K3MX-7K3MX-7K3MX-7K3MXA"));
        }
    }
}
