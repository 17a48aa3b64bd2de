//! Control URLs: which URL to name in SETUP and PLAY (RFC 2326 §C.1.1), as cameras mean it.

/// The URL that control attributes are relative to: `Content-Base`, else `Content-Location`, else the URL that
/// was described. `request_url` must be absolute and without credentials.
///
/// A `Content-Base` without scheme (`192.168.1.9/live/`, `//192.168.1.9/live/`, `/live/`) is completed from
/// `request_url`; one that cannot be a URL is ignored.
pub fn base_url(content_base: Option<&str>, content_location: Option<&str>, request_url: &str) -> String {
    [content_base, content_location]
        .into_iter()
        .flatten()
        .find_map(|given| complete(given.trim(), request_url))
        .unwrap_or_else(|| request_url.to_owned())
}

/// The absolute URL of a track or of the whole presentation.
///
/// Relative controls are appended to `base` with one slash between, as the widely used clients do, and not
/// resolved as RFC 1808 would: cameras send `Content-Base: rtsp://h/live` with `a=control:trackID=1` and mean
/// `rtsp://h/live/trackID=1`. `None`, empty and `*` are `base` itself.
pub fn join_control(base: &str, control: Option<&str>) -> String {
    let control = control.map(str::trim).unwrap_or_default();
    if control.is_empty() || control == "*" {
        return base.to_owned();
    }
    if has_scheme(control) {
        return control.to_owned();
    }
    if control.starts_with('?') {
        return format!("{base}{control}");
    }
    format!("{}/{}", base.strip_suffix('/').unwrap_or(base), control.trim_start_matches('/'))
}

/// A URL without its user name and password, and these, percent-decoded, when it had them. The last `@` before
/// the path ends them, so that a password may hold an unescaped one.
pub fn split_credentials(url: &str) -> (String, Option<(String, String)>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..authority_end].rfind('@') else { return (url.to_owned(), None) };
    let (user, password) = rest[..at].split_once(':').unwrap_or((&rest[..at], ""));
    (format!("{scheme}://{}", &rest[at + 1..]), Some((percent_decode(user), percent_decode(password))))
}

/// A URL as it may be shown in logs and errors: scheme, host and port. User name and password are left out, and so is
/// what comes after the host, because many cameras take the password in the query or even in the path.
pub fn shown(url: &str) -> String {
    if !url.contains("://") {
        let end = url.find([':', '/', '?', '#', '@']).unwrap_or(url.len());
        return format!("{}{}", &url[..end], if end < url.len() { "…" } else { "" });
    }
    let (bare, _) = split_credentials(url);
    let host = bare.find("://").map_or(0, |at| at + 3);
    let end = bare[host..].find(['/', '?', '#']).map_or(bare.len(), |at| host + at);
    let hidden = bare.len() > end + 1;
    format!("{}{}", &bare[..end], if hidden { "/…" } else { "" })
}

fn complete(given: &str, request_url: &str) -> Option<String> {
    if given.is_empty() || given.len() > 2048 || given.bytes().any(|b| b <= 0x20 || b == 0x7f) {
        return None;
    }
    if has_scheme(given) {
        return Some(split_credentials(given).0);
    }
    let (scheme, rest) = request_url.split_once("://")?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if let Some(host_and_path) = given.strip_prefix("//") {
        return Some(format!("{scheme}://{host_and_path}"));
    }
    if given.starts_with('/') {
        return Some(format!("{scheme}://{authority}{given}"));
    }
    let head = &given[..given.find(['/', '?']).unwrap_or(given.len())];
    let looks_like_host = head.eq_ignore_ascii_case(authority)
        || authority.split(':').next().is_some_and(|host| head.split(':').next() == Some(host))
        || head.split(':').next().is_some_and(|h| h.parse::<std::net::Ipv4Addr>().is_ok());
    looks_like_host.then(|| format!("{scheme}://{given}"))
}

fn has_scheme(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = "rtsp://10.0.0.9:554/live/ch0?x=1";

    #[test]
    fn base_is_what_the_camera_meant() {
        let base = |given| base_url(Some(given), None, ASKED);
        assert_eq!(base("rtsp://10.0.0.9/live/"), "rtsp://10.0.0.9/live/");
        assert_eq!(base("10.0.0.9:554/live/"), "rtsp://10.0.0.9:554/live/");
        assert_eq!(base("//10.0.0.9/live/"), "rtsp://10.0.0.9/live/");
        assert_eq!(base("/live/"), "rtsp://10.0.0.9:554/live/");
        assert_eq!(base("rtsp://u:p@10.0.0.9/live/"), "rtsp://10.0.0.9/live/");
        assert_eq!(base("what is this"), ASKED);
        assert_eq!(base("live"), ASKED);
        assert_eq!(base(""), ASKED);
        assert_eq!(base_url(None, Some("rtsp://h/l"), ASKED), "rtsp://h/l");
    }

    #[test]
    fn controls_are_joined_with_one_slash() {
        for (base, control, joined) in [
            ("rtsp://h/live/", "trackID=1", "rtsp://h/live/trackID=1"),
            ("rtsp://h/live", "trackID=1", "rtsp://h/live/trackID=1"),
            ("rtsp://h/live/", "/trackID=1", "rtsp://h/live/trackID=1"),
            ("rtsp://h/cam?channel=1&subtype=0/", "trackID=0", "rtsp://h/cam?channel=1&subtype=0/trackID=0"),
            ("rtsp://h/cam?channel=1", "trackID=0", "rtsp://h/cam?channel=1/trackID=0"),
            ("rtsp://h/live", "?ctype=video", "rtsp://h/live?ctype=video"),
            ("rtsp://h/live/", "rtsp://other/t1", "rtsp://other/t1"),
            ("rtsp://h/live/", " * ", "rtsp://h/live/"),
            ("rtsp://h/live/", "", "rtsp://h/live/"),
        ] {
            assert_eq!(join_control(base, Some(control)), joined, "{base} + {control}");
        }
        assert_eq!(join_control("rtsp://h/live", None), "rtsp://h/live");
    }

    #[test]
    fn credentials_are_taken_out() {
        assert_eq!(
            split_credentials("rtsp://ad%40min:p@ss@10.0.0.9:554/a@b"),
            ("rtsp://10.0.0.9:554/a@b".into(), Some(("ad@min".into(), "p@ss".into())))
        );
        assert_eq!(split_credentials("rtsp://10.0.0.9/a@b"), ("rtsp://10.0.0.9/a@b".into(), None));
        assert_eq!(split_credentials("rtsp://u:100%@h/").1, Some(("u".into(), "100%".into())));
    }

    #[test]
    fn what_is_shown_holds_no_password() {
        for (url, wanted) in [
            ("rtsp://u:secret@h:554/x?password=secret", "rtsp://h:554/…"),
            ("rtsp://h/user=admin&password=secret", "rtsp://h/…"),
            ("rtsp://h?pwd=secret", "rtsp://h/…"),
            ("rtsp://u:sec/ret@h/x", "rtsp://u:sec/…"),
            ("rtsp://h/", "rtsp://h"),
            ("rtsp://[::1]:554/x", "rtsp://[::1]:554/…"),
            ("admin:secret@h/x", "admin…"),
            ("h", "h"),
            ("", ""),
        ] {
            assert_eq!(shown(url), wanted, "{url}");
        }
    }
}
