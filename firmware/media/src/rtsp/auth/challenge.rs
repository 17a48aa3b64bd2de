//! `WWW-Authenticate` and `Authorization` values: a scheme and its parameters.

use super::digest::Algorithm;

/// One challenge of a 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// `Basic`.
    Basic {
        /// Who asks.
        realm: String,
    },
    /// `Digest`, in a form that can be answered.
    Digest(DigestChallenge),
    /// Something that cannot be answered; its scheme or algorithm.
    Other(String),
}

/// A Digest challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestChallenge {
    /// Who asks.
    pub realm: String,
    /// What the answer is bound to.
    pub nonce: String,
    /// To be sent back as it is.
    pub opaque: Option<String>,
    /// Which hash; MD5 when it was not said.
    pub algorithm: Algorithm,
    /// The `-sess` variant.
    pub session: bool,
    /// The algorithm as the server spelled it, to be sent back so; `None` when it was not said.
    pub algorithm_token: Option<String>,
    /// `qop` lists `auth`. Without any qop the older computation is used.
    pub qop_auth: bool,
    /// The nonce was too old but the password right.
    pub stale: bool,
}

/// The challenges of all `WWW-Authenticate` values of one response, in order. Several may share one value.
pub fn parse_challenges<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Challenge> {
    values
        .take(8)
        .flat_map(split_schemes)
        .take(16)
        .map(|(scheme, params)| challenge(&scheme, &params))
        .collect()
}

fn challenge(scheme: &str, params: &Params) -> Challenge {
    let realm = params.get("realm").unwrap_or_default().to_owned();
    if scheme.eq_ignore_ascii_case("Basic") {
        return Challenge::Basic { realm };
    }
    if !scheme.eq_ignore_ascii_case("Digest") {
        return Challenge::Other(scheme.to_owned());
    }
    let token = params.get("algorithm").filter(|t| !t.is_empty());
    let (algorithm, session) = match token.unwrap_or("MD5").to_ascii_uppercase().as_str() {
        "MD5" => (Algorithm::Md5, false),
        "MD5-SESS" => (Algorithm::Md5, true),
        "SHA-256" | "SHA256" => (Algorithm::Sha256, false),
        "SHA-256-SESS" => (Algorithm::Sha256, true),
        other => return Challenge::Other(format!("Digest {other}")),
    };
    let qop = params.get("qop").map(|q| q.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")));
    if qop == Some(false) && params.get("qop").is_some_and(|q| !q.trim().is_empty()) {
        return Challenge::Other("Digest without qop=auth".to_owned());
    }
    Challenge::Digest(DigestChallenge {
        realm,
        nonce: params.get("nonce").unwrap_or_default().to_owned(),
        opaque: params.get("opaque").map(str::to_owned),
        algorithm,
        session,
        algorithm_token: token.map(str::to_owned),
        qop_auth: qop == Some(true),
        stale: params.get("stale").is_some_and(|s| s.trim().eq_ignore_ascii_case("true")),
    })
}

/// Parameters of a scheme, names in lower case.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Cuts `Digest a="b", c=d, Basic realm="e"` into schemes with their parameters. Commas may be missing, values
/// may lack their quotes and a realm without quotes may hold blanks.
pub(super) fn split_schemes(value: &str) -> Vec<(String, Params)> {
    let mut out: Vec<(String, Params)> = Vec::new();
    let mut rest = &value[..floor_char_boundary(value, 8192)];
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() || out.len() > 16 {
            return out;
        }
        let token_end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let token = &rest[..token_end];
        let after = rest[token_end..].trim_start();
        if let Some(value) = after.strip_prefix('=').filter(|_| !token.is_empty()) {
            let (text, tail) = param_value(value.trim_start());
            rest = tail;
            if let Some((_, params)) = out.last_mut().filter(|(_, p)| p.0.len() < 32) {
                params.0.push((token.to_ascii_lowercase(), text));
            }
        } else {
            // Never stand still, whatever stands here.
            rest = &rest[token_end.max(rest.chars().next().map_or(1, char::len_utf8))..];
            if !token.is_empty() {
                out.push((token.to_owned(), Params::default()));
            }
        }
    }
}

fn param_value(text: &str) -> (String, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut out = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return (out, &quoted[at + 1..]),
                '\\' => out.extend(chars.next().map(|(_, c)| c)),
                c => out.push(c),
            }
        }
        return (out, "");
    }
    let end = text.find(',').unwrap_or(text.len());
    let value = &text[..end];
    // `realm=IP Camera nonce="x"`: a blank ends the value when a parameter follows it.
    if let Some(equals) = value.find('=')
        && let Some(blank) = value[..equals].trim_end().rfind([' ', '\t'])
        && value[..blank].len() < value[..equals].trim_end().len()
        && value[equals + 1..].starts_with('"')
    {
        return (value[..blank].trim().to_owned(), &text[blank..]);
    }
    (value.trim().to_owned(), &text[end..])
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Vec<Challenge> {
        parse_challenges(std::iter::once(value))
    }

    #[test]
    fn several_challenges_share_a_value() {
        let all = parse(
            r#"Digest realm="a, \"b\"", nonce="n1", qop="auth,auth-int", algorithm=SHA-256, Basic realm="c", Digest realm="d", nonce="n2", stale=TRUE"#,
        );
        assert_eq!(all.len(), 3, "{all:?}");
        let Challenge::Digest(first) = &all[0] else { panic!("{all:?}") };
        assert_eq!(
            (first.realm.as_str(), first.algorithm, first.qop_auth),
            ("a, \"b\"", Algorithm::Sha256, true)
        );
        assert_eq!(all[1], Challenge::Basic { realm: "c".into() });
        let Challenge::Digest(last) = &all[2] else { panic!("{all:?}") };
        assert!(last.stale && !last.qop_auth && last.algorithm_token.is_none());
    }

    #[test]
    fn sloppy_spellings_are_read() {
        let all = parse(r#"digest realm=IP Camera(12345) nonce="abc" , opaque= "", qop="""#);
        let [Challenge::Digest(d)] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((d.realm.as_str(), d.nonce.as_str()), ("IP Camera(12345)", "abc"));
        assert_eq!((d.opaque.as_deref(), d.qop_auth), (Some(""), false));
        assert_eq!(parse("Basic"), [Challenge::Basic { realm: String::new() }]);
        assert_eq!(parse("NTLM"), [Challenge::Other("NTLM".into())]);
        assert_eq!(parse("Digest algorithm=MD4, nonce=x"), [Challenge::Other("Digest MD4".into())]);
        assert_eq!(parse("=,=\"\" ="), []);
    }
}
