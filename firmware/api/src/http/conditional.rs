//! Validators (RFC 9110 §8.8, §13): entity tags against `If-None-Match` and `If-Range`.

use axum::http::{HeaderMap, header};

/// Whether `If-None-Match` names `etag`, so that 304 is the answer. Comparison is weak (RFC 9110 §13.1.2).
pub(crate) fn not_modified(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag.trim_start_matches("W/"))
}

/// Whether a `Range` may be honoured: there is no `If-Range`, or it names exactly this strong tag (RFC 9110
/// §13.1.5). A date never matches, since nothing here is served with one.
pub(crate) fn range_still_valid(headers: &HeaderMap, etag: &str) -> bool {
    match headers.get(header::IF_RANGE) {
        None => true,
        Some(value) => value.as_bytes() == etag.as_bytes() && !etag.starts_with("W/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn with(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn tags_are_compared_as_the_rfc_says() {
        assert!(not_modified(&with(header::IF_NONE_MATCH, "\"a\", W/\"b\""), "\"b\""));
        assert!(not_modified(&with(header::IF_NONE_MATCH, "*"), "\"b\""));
        assert!(!not_modified(&with(header::IF_NONE_MATCH, "\"a\""), "\"b\""));
        assert!(!not_modified(&HeaderMap::new(), "\"b\""));
        assert!(range_still_valid(&HeaderMap::new(), "\"b\""));
        assert!(range_still_valid(&with(header::IF_RANGE, "\"b\""), "\"b\""));
        assert!(!range_still_valid(&with(header::IF_RANGE, "\"a\""), "\"b\""));
        assert!(!range_still_valid(&with(header::IF_RANGE, "W/\"b\""), "W/\"b\""));
        assert!(!range_still_valid(&with(header::IF_RANGE, "Fri, 20 Nov 2026 10:00:00 GMT"), "\"b\""));
    }
}
