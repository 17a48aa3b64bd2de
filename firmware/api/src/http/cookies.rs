//! The three cookies of the web page, and the check against forged requests that goes with them.
//!
//! `heron_session` carries the access token and `heron_refresh` the refresh token; scripts cannot read either.
//! `heron_csrf` is readable by the page, which repeats it in `X-CSRF-Token` with every request that changes
//! something. Its value is a hash of the access token, so it can be checked without being kept, and another
//! site that plants a cookie of its own still does not know it.

use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub(crate) const SESSION: &str = "heron_session";
pub(crate) const REFRESH: &str = "heron_refresh";
pub(crate) const CSRF: &str = "heron_csrf";
/// The header in which the page repeats the value of `heron_csrf`.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";
/// Where the refresh token is sent, and nowhere else.
const REFRESH_PATH: &str = "/api/v1/auth";

/// The value of cookie `name` (RFC 6265 §4.2), when it is there and not empty.
pub(crate) fn get<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, v)| *n == name && !v.is_empty())
        .map(|(_, v)| v)
}

/// What `heron_csrf` must say for a session with `access_token`.
pub(crate) fn csrf_of(access_token: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"heron csrf 1\0");
    hash.update(access_token.as_bytes());
    hex::encode(&hash.finalize()[..16])
}

/// Whether the request repeats the right value.
pub(crate) fn csrf_holds(headers: &HeaderMap, access_token: &str) -> bool {
    let expected = csrf_of(access_token);
    headers.get(CSRF_HEADER).is_some_and(|v| v.as_bytes().ct_eq(expected.as_bytes()).into())
}

/// `Set-Cookie` headers for a fresh pair of tokens. `secure` when the request came over TLS.
pub(crate) fn set(
    access_token: &str,
    access_secs: u64,
    refresh_token: &str,
    refresh_secs: u64,
    secure: bool,
) -> Vec<(header::HeaderName, HeaderValue)> {
    [
        (SESSION, access_token, access_secs, "/", true),
        (REFRESH, refresh_token, refresh_secs, REFRESH_PATH, true),
        // Lives as long as the longest of the two: a page that finds it knows that refreshing is worth a try.
        (CSRF, &csrf_of(access_token), refresh_secs, "/", false),
    ]
    .into_iter()
    .filter_map(|(name, value, secs, path, http_only)| one(name, value, secs, path, http_only, secure))
    .collect()
}

/// `Set-Cookie` headers that make a browser forget all three.
pub(crate) fn clear(secure: bool) -> Vec<(header::HeaderName, HeaderValue)> {
    [(SESSION, "/", true), (REFRESH, REFRESH_PATH, true), (CSRF, "/", false)]
        .into_iter()
        .filter_map(|(name, path, http_only)| one(name, "", 0, path, http_only, secure))
        .collect()
}

fn one(
    name: &str,
    value: &str,
    secs: u64,
    path: &str,
    http_only: bool,
    secure: bool,
) -> Option<(header::HeaderName, HeaderValue)> {
    let mut cookie = format!("{name}={value}; Path={path}; Max-Age={secs}; SameSite=Strict");
    if http_only {
        cookie.push_str("; HttpOnly");
    }
    if secure {
        cookie.push_str("; Secure");
    }
    let mut value = HeaderValue::from_str(&cookie).ok()?;
    value.set_sensitive(true);
    Some((header::SET_COOKIE, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; heron_session=abc.def; b"));
        headers.append(header::COOKIE, HeaderValue::from_static("heron_csrf="));
        assert_eq!(get(&headers, SESSION), Some("abc.def"));
        assert_eq!(get(&headers, CSRF), None);
        assert_eq!(get(&headers, "session"), None);
    }

    #[test]
    fn the_tokens_cookies_are_out_of_reach_of_scripts_and_other_sites() {
        let cookies = set("access", 900, "refresh", 86_400, true);
        let text: Vec<&str> = cookies.iter().map(|(_, v)| v.to_str().unwrap()).collect();
        assert_eq!(text[0], "heron_session=access; Path=/; Max-Age=900; SameSite=Strict; HttpOnly; Secure");
        assert!(text[1].contains("Path=/api/v1/auth;") && text[1].contains("HttpOnly"));
        assert!(!text[2].contains("HttpOnly") && text[2].contains(&csrf_of("access")));
        assert!(!set("a", 1, "r", 1, false)[0].1.to_str().unwrap().contains("Secure"));
        assert!(clear(true).iter().all(|(_, v)| v.to_str().unwrap().contains("Max-Age=0")));
    }

    #[test]
    fn the_csrf_value_belongs_to_one_token() {
        let mut headers = HeaderMap::new();
        assert!(!csrf_holds(&headers, "t"));
        headers.insert(CSRF_HEADER, csrf_of("t").parse().unwrap());
        assert!(csrf_holds(&headers, "t"));
        assert!(!csrf_holds(&headers, "u"));
    }
}
