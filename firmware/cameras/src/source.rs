//! A camera's address as people type it.

use crate::{CamerasError, Result, address, check};
use std::fmt;
use std::net::Ipv6Addr;
use url::Url;
use zeroize::Zeroizing;

const MOST_BYTES: usize = 2048;

/// An address with its credentials taken out.
#[derive(Clone)]
pub struct ParsedSource {
    /// `rtsp` or `rtsps`, with a host, without credentials before the host. Its query may hold some.
    pub url: Url,
    /// User name from the address.
    pub username: Option<String>,
    /// Password from the address.
    pub password: Option<Zeroizing<String>>,
}

impl fmt::Debug for ParsedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParsedSource({}, credentials: {})", address::masked(&self.url), self.username.is_some())
    }
}

/// Reads an address. Credentials may be percent-encoded or, as people paste them, hold `@`, `:`, `/`, `?` or
/// `#` as they are.
///
/// # Errors
/// [`CamerasError::Invalid`] naming `field`: no scheme, a scheme that is not supported yet, no host, too
/// long, control characters. The message never repeats the credentials.
pub fn parse_source(field: &'static str, text: &str) -> Result<ParsedSource> {
    let wrong = |detail: String| CamerasError::invalid(field, detail);
    let text = text.trim();
    if text.len() > MOST_BYTES {
        return Err(wrong(format!("must have at most {MOST_BYTES} bytes, not {}", text.len())));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(wrong("must not hold spaces or control characters; write %20 for a space".into()));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(wrong("must be an address such as rtsp://10.0.0.5/stream1".into()));
    };
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "rtsp" && scheme != "rtsps" {
        let scheme: String = scheme.chars().take(20).collect();
        return Err(wrong(format!(
            "{scheme:?} is not supported yet; the address must begin with rtsp:// or rtsps://"
        )));
    }
    let (userinfo, rest) = split_userinfo(rest);
    if rest.contains('#') {
        return Err(wrong(
            "must not hold '#'; if it belongs to the password, give user name and password in their own fields"
                .into(),
        ));
    }
    // The parser's own words could repeat the address, and with it a password at an odd place.
    let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|e| {
        wrong(format!("is not an address ({e}); write for example {scheme}://10.0.0.5/stream1"))
    })?;
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return Err(wrong(format!("has no host; write for example {scheme}://10.0.0.5/stream1")));
    }
    if !is_host(host) {
        return Err(wrong(
            "has a host that is neither a name nor an IP address; if it holds part of the password, give user name and password in their own fields"
                .into(),
        ));
    }
    if url.port() == Some(0) {
        return Err(wrong("port 0 cannot be reached".into()));
    }
    let (username, password) = match userinfo {
        None => (None, None),
        Some(userinfo) => {
            let (user, password) = match userinfo.split_once(':') {
                Some((u, p)) => (u, Some(Zeroizing::new(percent_decoded(p)))),
                None => (userinfo, None),
            };
            let user = percent_decoded(user);
            check::secret(field, &user, 128)?;
            if let Some(password) = &password {
                check::secret(field, password, 256)?;
            }
            ((!user.is_empty()).then_some(user), password)
        }
    };
    if password.is_some() && username.is_none() {
        return Err(wrong("holds a password but no user name".into()));
    }
    Ok(ParsedSource { url, username, password })
}

/// `user:password@host/path` into the part before the right `@` and the rest.
fn split_userinfo(rest: &str) -> (Option<&str>, &str) {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    if let Some(at) = authority.rfind('@') {
        return (Some(&rest[..at]), &rest[at + 1..]);
    }
    // No '@' before the first '/', '?' or '#'. If what stands there cannot be host:port, the password holds
    // such a character and the '@' comes later.
    let port = authority.rsplit_once(':').filter(|_| !authority.ends_with(']')).map(|(_, p)| p);
    let not_a_port = port.is_some_and(|p| p.is_empty() || !p.bytes().all(|b| b.is_ascii_digit()));
    if not_a_port {
        for (at, _) in rest.match_indices('@') {
            let after = &rest[at + 1..];
            let host = &after[..after.find([':', '/', '?', '#', '@']).unwrap_or(after.len())];
            if after.starts_with('[') || (!host.is_empty() && is_host(host)) {
                return (Some(&rest[..at]), after);
            }
        }
    }
    (None, rest)
}

/// A DNS name (letters, digits, `-`, `_`, `.`), an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => host.len() <= 253 && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
    }
}

/// `%41` becomes `A`; a `%` that is not followed by two hex digits stays, because people paste passwords as
/// they are.
pub(crate) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut i = 0;
    while i < bytes.len() {
        let hex = |b: u8| char::from(b).to_digit(16);
        match (bytes[i], bytes.get(i + 1).copied().and_then(hex), bytes.get(i + 2).copied().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                i += 3;
            }
            (b, ..) => {
                out.push(b);
                i += 1;
            }
        }
    }
    match std::str::from_utf8(&out) {
        Ok(decoded) => decoded.to_owned(),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(s: &str) -> (String, String, String) {
        let p = parse_source("source", s).unwrap();
        (
            p.url.to_string(),
            p.username.unwrap_or_default(),
            p.password.map(|p| p.to_string()).unwrap_or_default(),
        )
    }

    #[test]
    fn credentials_are_taken_out_however_they_are_written() {
        for (given, url, user, password) in [
            ("rtsp://10.0.0.5/main", "rtsp://10.0.0.5/main", "", ""),
            (" RTSP://cam-1.lan:8554/a?b=c&d=@e ", "rtsp://cam-1.lan:8554/a?b=c&d=@e", "", ""),
            ("rtsp://u:p@10.0.0.5:554/main", "rtsp://10.0.0.5:554/main", "u", "p"),
            ("rtsp://u@10.0.0.5/main", "rtsp://10.0.0.5/main", "u", ""),
            ("rtsps://u:p%40ss%3aw@[fe80::1]:322/x", "rtsps://[fe80::1]:322/x", "u", "p@ss:w"),
            ("rtsp://u:p@ss:w@10.0.0.5/main", "rtsp://10.0.0.5/main", "u", "p@ss:w"),
            ("rtsp://u:p/w?x#y@10.0.0.5/main", "rtsp://10.0.0.5/main", "u", "p/w?x#y"),
            ("rtsp://u:#@10.0.0.5", "rtsp://10.0.0.5", "u", "#"),
            ("rtsp://u:50%ofit@h/", "rtsp://h/", "u", "50%ofit"),
            ("rtsp://u:%ff@h/", "rtsp://h/", "u", "%ff"),
            ("rtsp://h/user=admin&password=x@y", "rtsp://h/user=admin&password=x@y", "", ""),
        ] {
            assert_eq!(parsed(given), (url.into(), user.into(), password.into()), "{given}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused_in_words_without_the_password() {
        let long = format!("rtsp://h/{}", "x".repeat(3000));
        for (given, says) in [
            ("", "such as rtsp://"),
            ("10.0.0.5", "such as rtsp://"),
            ("http://u:hunter2@10.0.0.5/x", "\"http\" is not supported yet"),
            ("onvif://10.0.0.5", "\"onvif\" is not supported yet"),
            ("file:///etc/passwd", "\"file\" is not supported yet"),
            ("rtsp://", "no host"),
            ("rtsp:///main", "no host"),
            ("rtsp://u:hunter2@/main", "no host"),
            ("rtsp://:hunter2@h/", "no user name"),
            ("rtsp://h:0/", "port 0"),
            ("rtsp://h:99999/", "is not an address"),
            ("rtsp://h:hunter2/", "is not an address"),
            ("rtsp://u:1234#hunter2@10.0.0.5/main", "own fields"),
            ("rtsp://h%00x/", "neither a name"),
            ("rtsp://bücher/", "neither a name"),
            ("rtsp://[::zz]/", "is not an address"),
            ("rtsp://h/a b", "spaces"),
            ("rtsp://h/\u{0}", "control"),
            (&long, "at most 2048 bytes"),
        ] {
            let e = parse_source("sub_source", given).unwrap_err();
            assert_eq!(e.field(), Some("sub_source"), "{given}");
            assert!(e.to_string().contains(says), "{given}: {e}");
            assert!(!e.to_string().contains("hunter2"), "{e}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_no_credentials_stay(s in "(rtsps?://)?[a-z0-9@:/?#%\\[\\].\u{e4}-]{0,60}") {
            if let Ok(p) = parse_source("source", &s) {
                prop_assert!(p.url.username().is_empty() && p.url.password().is_none());
                prop_assert!(p.url.host_str().is_some_and(|h| !h.is_empty()));
            }
        }

        #[test]
        fn an_encoded_password_comes_back_whatever_it_is(password in "\\PC{1,40}") {
            let encoded: String = password.bytes().map(|b| format!("%{b:02x}")).collect();
            let p = parse_source("source", &format!("rtsp://u:{encoded}@h/x")).unwrap();
            let found = p.password.unwrap();
            prop_assert_eq!(found.as_str(), password.as_str());
        }
    }
}
