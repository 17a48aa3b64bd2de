//! Secrets inside an address: many cameras take the password as part of the query, or even of the path.
//!
//! The address that is shown has `***` in place of each. The whole address is sealed beside it and goes to ingest
//! alone.

use crate::source::percent_decoded;
use crate::{CamerasError, Result};
use url::{Position, Url};

/// What stands in place of a secret.
pub(crate) const MASK: &str = "***";

/// Whether a name such as `pwd`, `auth_token` or `user=admin_password` stands before a secret.
fn is_secret(name: &str) -> bool {
    let name = percent_decoded(name).to_ascii_lowercase();
    ["pass", "pwd", "psw", "secret", "token"].iter().any(|part| name.contains(part))
        || name.split(['_', '-', '.']).any(|part| {
            matches!(part, "pw" | "auth" | "authorization" | "key" | "apikey" | "sig" | "signature")
        })
}

/// The places of secrets in what follows host and port, in order. A secret goes on to the end of its part: in the
/// query to the next `&`, in the path to the next `&` or `/`. What of it is no secret is hidden along with it.
fn places(tail: &str) -> Vec<std::ops::Range<usize>> {
    let query = tail.find('?').unwrap_or(tail.len());
    let mut places = Vec::new();
    let mut start = 0;
    while start <= tail.len() {
        let ends = |(at, c): (usize, char)| {
            let at = start + at;
            (c == '&' || at == query || (c == '/' && at < query)).then_some(at)
        };
        let end = tail[start..].char_indices().find_map(ends).unwrap_or(tail.len());
        let part = &tail[start..end];
        let value = part.match_indices('=').map(|(at, _)| at).find(|at| {
            let from = part[..*at]
                .rfind(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.' | '%'))
                .map_or(0, |before| before + 1);
            is_secret(&part[from..*at])
        });
        if let Some(at) = value.filter(|at| at + 1 < part.len()) {
            places.push(start + at + 1..end);
        }
        start = end + 1;
    }
    places
}

/// `url` with each secret replaced by what `with` makes of it.
fn replaced(url: &Url, mut with: impl FnMut(&str) -> Option<String>) -> Option<Url> {
    let tail = &url[Position::BeforePath..];
    let mut text = url[..Position::BeforePath].to_owned();
    let mut from = 0;
    for place in places(tail) {
        text.push_str(&tail[from..place.start]);
        text.push_str(&with(&tail[place.clone()])?);
        from = place.end;
    }
    text.push_str(&tail[from..]);
    Url::parse(&text).ok()
}

/// The address as it may be shown. Without secrets it is the same.
pub(crate) fn masked(url: &Url) -> Url {
    replaced(url, |_| Some(MASK.to_owned())).unwrap_or_else(|| {
        // Not reached: a mask is valid wherever a secret is. Showing less is the right answer all the same.
        let mut bare = url.clone();
        bare.set_query(None);
        bare.set_path("");
        bare
    })
}

/// Whether a secret of `url` is given as the mask, which means: the one that is stored.
pub(crate) fn asks_for_stored(url: &Url) -> bool {
    let tail = &url[Position::BeforePath..];
    places(tail).into_iter().any(|place| &tail[place] == MASK)
}

/// `given` with the secrets of `stored` where it has the mask: both have their secrets after the same names.
///
/// # Errors
/// [`CamerasError::Invalid`] naming `field` when there is nothing stored to put there, or when the address leads
/// elsewhere: a secret goes only where it was meant to go.
pub(crate) fn completed(field: &'static str, given: &Url, stored: Option<&Url>) -> Result<Url> {
    if !asks_for_stored(given) {
        return Ok(given.clone());
    }
    let missing = || {
        CamerasError::invalid(
            field,
            format!(
                "has {MASK} in place of a password that is not stored for this address: write the password itself"
            ),
        )
    };
    let stored = stored.filter(|s| endpoint(s) == endpoint(given)).ok_or_else(missing)?;
    let mut known = named(stored);
    let mut names = named(given).into_iter().map(|(name, _)| name);
    replaced(given, |value| {
        let name = names.next()?;
        // Of two with one name the second stands for the second.
        let same = known.iter().position(|(known, _)| *known == name).map(|at| known.remove(at).1);
        if value == MASK { same } else { Some(value.to_owned()) }
    })
    .ok_or_else(missing)
}

/// Each secret with what stands before it in its part of the address.
fn named(url: &Url) -> Vec<(String, String)> {
    let tail = &url[Position::BeforePath..];
    places(tail)
        .into_iter()
        .map(|place| {
            let from = tail[..place.start].rfind(['&', '?', '/']).map_or(0, |at| at + 1);
            (tail[from..place.start].to_owned(), tail[place].to_owned())
        })
        .collect()
}

/// Where an address leads: host and port.
pub(crate) fn endpoint(url: &Url) -> (String, u16) {
    let usual = if url.scheme() == "rtsps" { 322 } else { 554 };
    (url.host_str().unwrap_or_default().to_ascii_lowercase(), url.port().unwrap_or(usual))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        for (given, shown) in [
            ("rtsp://h/x?user=x&password=S3cret&auth=abc", "rtsp://h/x?user=x&password=***&auth=***"),
            (
                "rtsp://h/x?PWD=a&Passwd=b&pass=c&token=d&key=e&secret=f",
                "rtsp://h/x?PWD=***&Passwd=***&pass=***&token=***&key=***&secret=***",
            ),
            ("rtsp://h/x?access_token=a=b/c?d;e", "rtsp://h/x?access_token=***"),
            ("rtsp://h/x?p%61ssword=a", "rtsp://h/x?p%61ssword=***"),
            ("rtsp://h/x?a;password=b", "rtsp://h/x?a;password=***"),
            ("rtsp://h?password=b", "rtsp://h?password=***"),
            ("rtsp://h/user=admin&password=x@y&channel=1", "rtsp://h/user=admin&password=***&channel=1"),
            (
                "rtsp://h/user=admin_password=x_y_channel=1.sdp?real_stream",
                "rtsp://h/user=admin_password=***?real_stream",
            ),
            ("rtsp://h/password=a/b?password=c", "rtsp://h/password=***/b?password=***"),
            ("rtsp://h/x?password=&channel=1", "rtsp://h/x?password=&channel=1"),
            ("rtsp://h/x?keyframe=1&channel=2", "rtsp://h/x?keyframe=1&channel=2"),
            ("rtsp://[fe80::1]:8554/x?channel=2&pwd=ä", "rtsp://[fe80::1]:8554/x?channel=2&pwd=***"),
        ] {
            assert_eq!(masked(&url(given)).as_str(), shown, "{given}");
            assert_eq!(asks_for_stored(&url(shown)), given != shown);
            let again = completed("source", &url(shown), Some(&url(given))).unwrap();
            assert_eq!(again, url(given), "{given}");
        }
    }

    #[test]
    fn a_mask_stands_for_what_is_stored_under_its_name_at_that_host_and_for_nothing_else() {
        let stored = url("rtsp://h/x?user=a&password=one&token=two");
        let ask = |text: &str| completed("sub_source", &url(text), Some(&stored)).map(|u| u.to_string());
        assert_eq!(ask("rtsp://h:554/y?token=***&n=1").unwrap(), "rtsp://h:554/y?token=two&n=1");
        assert_eq!(ask("rtsp://H/x?password=new&token=***").unwrap(), "rtsp://H/x?password=new&token=two");
        for refused in ["rtsp://other/x?password=***", "rtsp://h:555/x?password=***", "rtsp://h/x?pwd=***"] {
            let e = ask(refused).unwrap_err();
            assert_eq!(e.field(), Some("sub_source"), "{refused}");
            assert!(e.to_string().contains("write the password itself") && !e.to_string().contains("one"));
        }
        assert!(completed("source", &url("rtsp://h/x?pwd=***"), None).is_err());
    }

    proptest! {
        #[test]
        fn what_is_masked_holds_no_secret_and_comes_back(
            tail in "[a-z/?&;=_%]{0,20}", secret in "[A-Z0-9!$'()+,:@~-]{1,20}", after in "(&[a-z=]{0,8})?"
        ) {
            let full = url(&format!("rtsp://h/{tail}&password={secret}{after}"));
            let shown = masked(&full);
            prop_assert!(!shown.as_str().contains(&format!("={secret}")), "{}", shown);
            prop_assert_eq!(masked(&shown), shown);
        }
    }
}
