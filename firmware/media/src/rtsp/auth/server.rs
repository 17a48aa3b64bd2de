//! The server end: asks for a password and checks the answer.

use super::challenge::split_schemes;
use super::digest::{Algorithm, Question};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::time::Duration;

/// A scheme to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Basic.
    Basic,
    /// Digest with `qop="auth"`.
    Digest(Algorithm),
    /// Digest in the older form, without qop.
    LegacyDigest(Algorithm),
}

/// What an `Authorization` value proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This user, with the right password.
    Accepted {
        /// The user name.
        username: String,
    },
    /// The right password for a nonce too old: challenge again with `stale`.
    Stale,
    /// An unknown user, a wrong password, or a scheme that was not offered.
    Rejected,
    /// Not a value that can be read.
    Malformed,
}

/// Challenges and checks, without state per client.
#[derive(Clone)]
pub struct Gatekeeper {
    realm: String,
    schemes: Vec<Scheme>,
    secret: [u8; 32],
    nonce_life: Duration,
}

impl fmt::Debug for Gatekeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gatekeeper")
            .field("realm", &self.realm)
            .field("schemes", &self.schemes)
            .finish_non_exhaustive()
    }
}

impl Gatekeeper {
    /// Asks for passwords in `realm` by any of `schemes`; `secret` (random) signs the nonces, which live for
    /// `nonce_life`.
    pub fn new(realm: &str, schemes: &[Scheme], secret: [u8; 32], nonce_life: Duration) -> Self {
        let realm = realm.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
        Self { realm, schemes: schemes.to_vec(), secret, nonce_life }
    }

    /// One `WWW-Authenticate` value per scheme, at `now` on any clock that does not go back.
    pub fn challenges(&self, now: Duration, stale: bool) -> Vec<String> {
        let nonce = self.nonce(now);
        let realm = &self.realm;
        let stale = if stale { ", stale=true" } else { "" };
        self.schemes
            .iter()
            .map(|scheme| match scheme {
                Scheme::Basic => format!("Basic realm=\"{realm}\""),
                Scheme::Digest(a) => {
                    let a = a.as_str();
                    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={a}{stale}")
                }
                Scheme::LegacyDigest(Algorithm::Md5) => {
                    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\"{stale}")
                }
                Scheme::LegacyDigest(a) => {
                    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={}{stale}", a.as_str())
                }
            })
            .collect()
    }

    /// Checks an `Authorization` value. `password_of` gives the password of a user name; the URI in the answer
    /// is taken as the client wrote it, because clients differ in what they put there.
    pub fn verify(
        &self,
        authorization: &str,
        method: &str,
        now: Duration,
        password_of: impl Fn(&str) -> Option<String>,
    ) -> Verdict {
        let authorization = authorization.trim();
        if let Some(encoded) = strip_scheme(authorization, "Basic") {
            return self.verify_basic(encoded, password_of);
        }
        if strip_scheme(authorization, "Digest").is_none() {
            return Verdict::Malformed;
        }
        let schemes = split_schemes(authorization);
        let Some((_, params)) = schemes.first() else { return Verdict::Malformed };
        let fields = ["username", "realm", "nonce", "uri", "response"].map(|n| params.get(n));
        let [Some(username), Some(realm), Some(nonce), Some(uri), Some(response)] = fields else {
            return Verdict::Malformed;
        };
        let algorithm = match params.get("algorithm").unwrap_or("MD5").to_ascii_uppercase().as_str() {
            "MD5" => Algorithm::Md5,
            "SHA-256" => Algorithm::Sha256,
            _ => return Verdict::Rejected,
        };
        let counted = match (params.get("qop"), params.get("nc"), params.get("cnonce")) {
            (Some(qop), Some(nc), Some(cnonce)) if qop.eq_ignore_ascii_case("auth") => Some((nc, cnonce)),
            (None, ..) => None,
            _ => return Verdict::Malformed,
        };
        // RFC 7616 §3.4: a client that knows no qop may answer an offer of qop in the older form.
        let offered = self.schemes.iter().any(|s| match s {
            Scheme::Digest(a) => *a == algorithm,
            Scheme::LegacyDigest(a) => *a == algorithm && counted.is_none(),
            Scheme::Basic => false,
        });
        let Some(password) = password_of(username).filter(|_| offered && realm == self.realm) else {
            return Verdict::Rejected;
        };
        let question = Question {
            algorithm,
            session: false,
            username,
            realm,
            password: &password,
            method,
            uri,
            nonce,
            counted,
        };
        if !same(question.response().as_bytes(), response.to_ascii_lowercase().as_bytes()) {
            return Verdict::Rejected;
        }
        match self.age(nonce, now) {
            Some(age) if age <= self.nonce_life => Verdict::Accepted { username: username.to_owned() },
            _ => Verdict::Stale,
        }
    }

    fn verify_basic(&self, encoded: &str, password_of: impl Fn(&str) -> Option<String>) -> Verdict {
        let pair = STANDARD.decode(encoded.trim()).ok().and_then(|b| String::from_utf8(b).ok());
        let Some((username, password)) = pair.as_deref().and_then(|p| p.split_once(':')) else {
            return Verdict::Malformed;
        };
        match password_of(username) {
            Some(right)
                if self.schemes.contains(&Scheme::Basic) && same(right.as_bytes(), password.as_bytes()) =>
            {
                Verdict::Accepted { username: username.to_owned() }
            }
            _ => Verdict::Rejected,
        }
    }

    /// Milliseconds and a signature, hexadecimal.
    fn nonce(&self, now: Duration) -> String {
        let millis = format!("{:016x}", u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        let signature = self.sign(&millis);
        format!("{millis}{}", &signature[..32])
    }

    fn age(&self, nonce: &str, now: Duration) -> Option<Duration> {
        let (millis, signature) = nonce.split_at_checked(16)?;
        let made = Duration::from_millis(u64::from_str_radix(millis, 16).ok()?);
        let right = self.sign(millis);
        same(&right.as_bytes()[..32], signature.as_bytes()).then(|| now.checked_sub(made)).flatten()
    }

    /// HMAC-like: the secret on both sides of the text, hashed twice, so that nothing can be appended.
    fn sign(&self, text: &str) -> String {
        let secret = hex::encode(self.secret);
        let inner = Algorithm::Sha256.hex(&[&secret, text]);
        Algorithm::Sha256.hex(&[&secret, &inner])
    }
}

fn strip_scheme<'a>(value: &'a str, scheme: &str) -> Option<&'a str> {
    let head = value.get(..scheme.len())?;
    let rest = &value[scheme.len()..];
    (head.eq_ignore_ascii_case(scheme) && rest.starts_with([' ', '\t'])).then(|| rest.trim_start())
}

/// Equality in a time that depends on the lengths alone.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::super::{Authenticator, Credentials, Outcome, parse_challenges};
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn gatekeeper(schemes: &[Scheme]) -> Gatekeeper {
        Gatekeeper::new("heron", schemes, [3; 32], Duration::from_secs(60))
    }
    fn authenticator(password: &str) -> Authenticator {
        Authenticator::new(Some(Credentials { username: "ann".into(), password: password.into() }), 9)
    }
    fn password_of(user: &str) -> Option<String> {
        (user == "ann").then(|| "pässword \"x\"".to_owned())
    }
    fn answer(keeper: &Gatekeeper, client: &mut Authenticator, now: Duration) -> String {
        let challenges = keeper.challenges(now, false);
        assert_eq!(
            client.challenged(parse_challenges(challenges.iter().map(String::as_str))),
            Outcome::Retry
        );
        client.authorization("SETUP", "rtsp://h/x").unwrap()
    }

    #[test]
    fn both_ends_agree_on_every_scheme() {
        for scheme in [
            Scheme::Basic,
            Scheme::Digest(Algorithm::Md5),
            Scheme::Digest(Algorithm::Sha256),
            Scheme::LegacyDigest(Algorithm::Md5),
            Scheme::LegacyDigest(Algorithm::Sha256),
        ] {
            let keeper = gatekeeper(&[scheme]);
            let mut right = authenticator("pässword \"x\"");
            let value = answer(&keeper, &mut right, NOW);
            let accepted = Verdict::Accepted { username: "ann".into() };
            assert_eq!(keeper.verify(&value, "SETUP", NOW, password_of), accepted, "{scheme:?}");
            let wrong = answer(&keeper, &mut authenticator("nope"), NOW);
            assert_eq!(keeper.verify(&wrong, "SETUP", NOW, password_of), Verdict::Rejected, "{scheme:?}");
            if scheme != Scheme::Basic {
                assert_eq!(keeper.verify(&value, "PLAY", NOW, password_of), Verdict::Rejected, "{scheme:?}");
                let later = NOW + Duration::from_secs(61);
                assert_eq!(keeper.verify(&value, "SETUP", later, password_of), Verdict::Stale, "{scheme:?}");
            }
        }
    }

    #[test]
    fn what_was_not_offered_is_not_taken() {
        let basic = answer(&gatekeeper(&[Scheme::Basic]), &mut authenticator("pässword \"x\""), NOW);
        let keeper = gatekeeper(&[Scheme::Digest(Algorithm::Sha256)]);
        assert_eq!(keeper.verify(&basic, "SETUP", NOW, password_of), Verdict::Rejected);
        assert_eq!(keeper.verify("Digest username=x", "SETUP", NOW, password_of), Verdict::Malformed);
        assert_eq!(keeper.verify("Bearer x", "SETUP", NOW, password_of), Verdict::Malformed);
        assert_eq!(keeper.verify("", "SETUP", NOW, password_of), Verdict::Malformed);
    }

    #[test]
    fn a_nonce_of_another_secret_is_stale() {
        let other =
            Gatekeeper::new("heron", &[Scheme::Digest(Algorithm::Md5)], [4; 32], Duration::from_secs(60));
        let value = answer(&other, &mut authenticator("pässword \"x\""), NOW);
        let keeper = gatekeeper(&[Scheme::Digest(Algorithm::Md5)]);
        assert_eq!(keeper.verify(&value, "SETUP", NOW, password_of), Verdict::Stale);
    }
}
