//! The client end: answers challenges.

use super::challenge::{Challenge, DigestChallenge};
use super::digest::{Algorithm, Question};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// A user name and a password. The password shows in no debug output.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).field("password", &"…").finish()
    }
}

/// What a 401 means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send the request again: an answer is ready.
    Retry,
    /// The password was sent in every form the camera takes, and refused.
    Rejected,
    /// There is no password to send.
    NoCredentials,
    /// No challenge can be answered; what was offered.
    Unsupported(String),
}

/// Answers the challenges of one connection.
///
/// A password is sent at most twice: once for the strongest challenge (SHA-256, then MD5, then Basic), and once
/// more for the next one if that was refused, because some cameras offer SHA-256 and compute it wrongly.
/// A `stale` nonce costs nothing, up to a bound.
#[derive(Clone)]
pub struct Authenticator {
    credentials: Option<Credentials>,
    seed: u64,
    current: Option<Challenge>,
    /// Strength of the scheme used last, so that the next try takes a weaker one.
    tried: Vec<u8>,
    stale_seen: u8,
    nonce_count: u32,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

const MAX_TRIES: usize = 2;
const MAX_STALE: u8 = 4;

impl Authenticator {
    /// With `credentials`, or none; `seed` makes the client nonces (any random number).
    pub fn new(credentials: Option<Credentials>, seed: u64) -> Self {
        Self { credentials, seed, current: None, tried: Vec::new(), stale_seen: 0, nonce_count: 0 }
    }

    /// Takes the challenges of a 401.
    pub fn challenged(&mut self, challenges: Vec<Challenge>) -> Outcome {
        if self.credentials.is_none() {
            return Outcome::NoCredentials;
        }
        let stale = challenges.iter().find(|c| matches!(c, Challenge::Digest(d) if d.stale));
        if let (Some(stale), true) = (stale, self.stale_seen < MAX_STALE && self.current.is_some()) {
            self.stale_seen += 1;
            self.current = Some(stale.clone());
            self.nonce_count = 0;
            return Outcome::Retry;
        }
        let mut offered: Vec<(u8, Challenge)> =
            challenges.iter().filter_map(|c| Some((strength(c)?, c.clone()))).collect();
        if offered.is_empty() {
            let names: Vec<String> = challenges
                .into_iter()
                .map(|c| match c {
                    Challenge::Other(name) => name,
                    Challenge::Basic { .. } => "Basic".to_owned(),
                    Challenge::Digest(_) => "Digest".to_owned(),
                })
                .collect();
            return Outcome::Unsupported(if names.is_empty() {
                "nothing".to_owned()
            } else {
                names.join(", ")
            });
        }
        offered.sort_by_key(|(strength, _)| std::cmp::Reverse(*strength));
        let next = offered.into_iter().find(|(strength, _)| !self.tried.contains(strength));
        match next {
            Some((strength, challenge)) if self.tried.len() < MAX_TRIES => {
                self.tried.push(strength);
                self.current = Some(challenge);
                self.nonce_count = 0;
                Outcome::Retry
            }
            _ => Outcome::Rejected,
        }
    }

    /// A request was accepted: from now on a 401 begins anew. Cameras forget their nonces, and not all say `stale`.
    pub fn accepted(&mut self) {
        self.tried.clear();
        self.stale_seen = 0;
    }

    /// The `Authorization` value for a request, once a challenge has been taken.
    pub fn authorization(&mut self, method: &str, uri: &str) -> Option<String> {
        let credentials = self.credentials.as_ref()?;
        match self.current.as_ref()? {
            Challenge::Basic { .. } => {
                let pair = format!("{}:{}", credentials.username, credentials.password);
                Some(format!("Basic {}", STANDARD.encode(pair)))
            }
            Challenge::Digest(digest) => {
                self.nonce_count = self.nonce_count.wrapping_add(1);
                Some(answer(digest, credentials, method, uri, self.seed, self.nonce_count))
            }
            Challenge::Other(_) => None,
        }
    }
}

fn strength(challenge: &Challenge) -> Option<u8> {
    match challenge {
        Challenge::Basic { .. } => Some(1),
        Challenge::Digest(d) if d.algorithm == Algorithm::Md5 => Some(2),
        Challenge::Digest(_) => Some(3),
        Challenge::Other(_) => None,
    }
}

fn answer(d: &DigestChallenge, c: &Credentials, method: &str, uri: &str, seed: u64, count: u32) -> String {
    let nc = format!("{count:08x}");
    let cnonce = Algorithm::Sha256.hex(&[&seed.to_string(), &nc, &d.nonce]);
    let cnonce = &cnonce[..32];
    let response = Question {
        algorithm: d.algorithm,
        session: d.session,
        username: &c.username,
        realm: &d.realm,
        password: &c.password,
        method,
        uri,
        nonce: &d.nonce,
        counted: (d.qop_auth || d.session).then_some((nc.as_str(), cnonce)),
    };
    // Without qop the older computation, but `-sess` still needs the client nonce in its first hash.
    let response = if d.qop_auth || !d.session {
        response.response()
    } else {
        let ha1 =
            d.algorithm.hex(&[&d.algorithm.hex(&[&c.username, &d.realm, &c.password]), &d.nonce, cnonce]);
        d.algorithm.hex(&[&ha1, &d.nonce, &d.algorithm.hex(&[method, uri])])
    };
    let mut out = format!(
        "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
        quoted(&c.username),
        quoted(&d.realm),
        quoted(&d.nonce),
        quoted(uri)
    );
    if let Some(token) = &d.algorithm_token {
        out.push_str(&format!(", algorithm={token}"));
    }
    if d.qop_auth || d.session {
        if d.qop_auth {
            out.push_str(&format!(", qop=auth, nc={nc}"));
        }
        out.push_str(&format!(", cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = &d.opaque {
        out.push_str(&format!(", opaque={}", quoted(opaque)));
    }
    out
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::super::parse_challenges;
    use super::*;

    fn authenticator() -> Authenticator {
        let credentials = Credentials { username: "admin".into(), password: "secret".into() };
        Authenticator::new(Some(credentials), 7)
    }
    fn challenges(value: &str) -> Vec<Challenge> {
        parse_challenges(std::iter::once(value))
    }

    #[test]
    fn the_strongest_goes_first_then_one_weaker_and_no_more() {
        let offer =
            r#"Basic realm="r", Digest realm="r", nonce="n", Digest realm="r", nonce="n", algorithm=SHA-256"#;
        let mut a = authenticator();
        assert_eq!(a.challenged(challenges(offer)), Outcome::Retry);
        let first = a.authorization("DESCRIBE", "rtsp://h/").unwrap();
        assert!(first.starts_with("Digest") && first.contains("algorithm=SHA-256"), "{first}");
        assert_eq!(a.challenged(challenges(offer)), Outcome::Retry);
        let second = a.authorization("DESCRIBE", "rtsp://h/").unwrap();
        assert!(second.starts_with("Digest") && !second.contains("algorithm"), "{second}");
        assert_eq!(a.challenged(challenges(offer)), Outcome::Rejected);
    }

    #[test]
    fn stale_costs_no_try_but_not_for_ever() {
        let mut a = authenticator();
        assert_eq!(a.challenged(challenges(r#"Digest realm="r", nonce="1""#)), Outcome::Retry);
        let stale = r#"Digest realm="r", nonce="2", stale=true"#;
        for _ in 0..MAX_STALE {
            assert_eq!(a.challenged(challenges(stale)), Outcome::Retry);
        }
        assert_eq!(a.challenged(challenges(stale)), Outcome::Rejected);
    }

    #[test]
    fn nothing_to_send_and_nothing_to_answer_are_told_apart() {
        let mut none = Authenticator::new(None, 1);
        assert_eq!(none.challenged(challenges("Basic realm=x")), Outcome::NoCredentials);
        assert_eq!(authenticator().challenged(challenges("NTLM")), Outcome::Unsupported("NTLM".into()));
        assert!(!format!("{:?}", authenticator()).contains("secret"));
    }

    #[test]
    fn quotes_in_names_are_escaped() {
        assert_eq!(quoted(r#"a"b\"#), r#""a\"b\\""#);
    }
}
