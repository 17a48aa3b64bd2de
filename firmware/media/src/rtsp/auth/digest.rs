//! The Digest computation (RFC 7616 §3.4).

use md5::Md5;
use sha2::{Digest as _, Sha256};

/// A Digest hash algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// MD5; what nearly every camera uses.
    Md5,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }
    /// The lower-case hexadecimal hash of `parts`, joined by colons.
    pub(super) fn hex(self, parts: &[&str]) -> String {
        let joined = parts.join(":");
        match self {
            Self::Md5 => hex::encode(Md5::digest(joined.as_bytes())),
            Self::Sha256 => hex::encode(Sha256::digest(joined.as_bytes())),
        }
    }
}

/// What goes into a response.
pub(super) struct Question<'a> {
    pub(super) algorithm: Algorithm,
    /// `-sess`: the first hash covers the nonces too.
    pub(super) session: bool,
    pub(super) username: &'a str,
    pub(super) realm: &'a str,
    pub(super) password: &'a str,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) nonce: &'a str,
    /// Nonce count (eight hexadecimal digits) and client nonce when `qop=auth`.
    pub(super) counted: Option<(&'a str, &'a str)>,
}

impl Question<'_> {
    pub(super) fn response(&self) -> String {
        let a = self.algorithm;
        let mut ha1 = a.hex(&[self.username, self.realm, self.password]);
        if let (true, Some((_, cnonce))) = (self.session, self.counted) {
            ha1 = a.hex(&[&ha1, self.nonce, cnonce]);
        }
        let ha2 = a.hex(&[self.method, self.uri]);
        match self.counted {
            Some((nc, cnonce)) => a.hex(&[&ha1, self.nonce, nc, cnonce, "auth", &ha2]),
            None => a.hex(&[&ha1, self.nonce, &ha2]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 §3.9.1: both algorithms over the same request.
    #[test]
    fn the_examples_of_rfc_7616() {
        let ask = |algorithm| Question {
            algorithm,
            session: false,
            username: "Mufasa",
            realm: "http-auth@example.org",
            password: "Circle of Life",
            method: "GET",
            uri: "/dir/index.html",
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            counted: Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
        };
        assert_eq!(ask(Algorithm::Md5).response(), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            ask(Algorithm::Sha256).response(),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    /// RFC 2069 as corrected (erratum 749): no qop.
    #[test]
    fn the_older_form() {
        let q = Question {
            algorithm: Algorithm::Md5,
            session: false,
            username: "Mufasa",
            realm: "testrealm@host.com",
            password: "CircleOfLife",
            method: "GET",
            uri: "/dir/index.html",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            counted: None,
        };
        assert_eq!(q.response(), "1949323746fe6a43ef61f9606e7febea");
    }
}
