//! Who is at the other end of the connection, and whether a browser there speaks for its own page.

use axum::http::{HeaderMap, Uri, header};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The connection a request came over. The listener puts it into every request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The other end. Never taken from `X-Forwarded-For`: nothing stands in front of the box.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub secure: bool,
}

impl Peer {
    /// Somebody unknown, over plain HTTP: what a request without a connection counts as.
    pub(crate) const UNKNOWN: Self =
        Self { address: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0), secure: false };

    /// Whether the other end is this machine.
    pub fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }
}

/// The authority a request was sent to: HTTP/2's `:authority`, or `Host` (RFC 9110 §7.2).
pub(crate) fn authority<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    uri.authority()
        .map(axum::http::uri::Authority::as_str)
        .or_else(|| headers.get(header::HOST)?.to_str().ok())
        .filter(|a| is_authority(a))
}

/// Letters, digits and what else a host and port may hold; no user information, no spaces.
fn is_authority(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
}

/// The host of an authority, without the port.
pub(crate) fn host(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    }
}

/// Whether a request was sent to this machine by one of its own names. What is granted to loopback alone asks
/// this too: a web page from elsewhere can point a name of its own at 127.0.0.1.
pub(crate) fn is_local_name(authority: &str) -> bool {
    let host = host(authority).trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a request that a browser sent with cookies came from our own page: its `Origin`, when given, is the
/// address it was sent to, and `Sec-Fetch-Site`, when given, says same-origin (or `none`: typed by a person).
pub(crate) fn same_origin(uri: &Uri, headers: &HeaderMap, secure: bool) -> bool {
    let site_ok =
        headers.get("sec-fetch-site").is_none_or(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    let origin_ok = headers.get(header::ORIGIN).is_none_or(|_| origin_matches(uri, headers, secure));
    site_ok && origin_ok
}

/// Whether there is an `Origin` and it is the address the request was sent to.
pub(crate) fn origin_matches(uri: &Uri, headers: &HeaderMap, secure: bool) -> bool {
    let Some(origin) = headers.get(header::ORIGIN).and_then(|v| v.to_str().ok()) else {
        return false;
    };
    let Some(authority) = authority(uri, headers) else {
        return false;
    };
    let scheme = if secure { "https://" } else { "http://" };
    origin.strip_prefix(scheme).is_some_and(|rest| rest.eq_ignore_ascii_case(authority))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (header::HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn origins_must_be_the_address_itself() {
        let uri: Uri = "/x".parse().unwrap();
        let same = headers(&[("host", "box.lan:8443"), ("origin", "https://box.lan:8443")]);
        assert!(same_origin(&uri, &same, true) && origin_matches(&uri, &same, true));
        assert!(!same_origin(&uri, &same, false), "another scheme is another origin");
        for origin in ["https://evil.example", "null", "https://box.lan", "https://box.lan:8443.evil.example"]
        {
            let other: HeaderMap = headers(&[("host", "box.lan:8443")])
                .into_iter()
                .chain([(Some(header::ORIGIN), origin.parse().unwrap())])
                .filter_map(|(k, v)| Some((k?, v)))
                .collect();
            assert!(!same_origin(&uri, &other, true), "{origin}");
        }
        let no_origin = headers(&[("host", "box.lan")]);
        assert!(same_origin(&uri, &no_origin, true) && !origin_matches(&uri, &no_origin, true));
        assert!(!same_origin(&uri, &headers(&[("host", "a"), ("sec-fetch-site", "cross-site")]), true));
    }

    #[test]
    fn names_of_this_machine_are_known() {
        for name in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "127.8.8.8"] {
            assert!(is_local_name(name), "{name}");
        }
        for name in ["evil.example", "localhost.evil.example", "10.0.0.1:80", "[fe80::1]"] {
            assert!(!is_local_name(name), "{name}");
        }
        assert_eq!(host("[::1]"), "[::1]");
        let uri: Uri = "/".parse().unwrap();
        assert_eq!(authority(&uri, &headers(&[("host", "user@evil/\\")])), None);
    }

    #[test]
    fn mapped_loopback_is_loopback() {
        let peer = Peer { address: "[::ffff:127.0.0.1]:1".parse().unwrap(), secure: false };
        assert!(peer.is_loopback());
        assert!(!Peer::UNKNOWN.is_loopback());
    }
}
