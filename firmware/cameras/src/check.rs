//! What may be in a field.

use crate::{CamerasError, Result, Transport};
use url::Url;

/// Control characters, and the invisible ones that reorder text (Unicode TR 36 §2.10), which make one name
/// look like another.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Trims and checks one line of text for people.
pub(crate) fn line(field: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > most {
        return Err(CamerasError::invalid(field, format!("must have 1 to {most} characters, not {length}")));
    }
    if text.chars().any(is_hidden) {
        return Err(CamerasError::invalid(field, "must not hold control characters"));
    }
    Ok(text.to_owned())
}

/// Tags: at most 16 of at most 32 characters; sorted, without repeats.
pub(crate) fn tags(tags: &[String]) -> Result<Vec<String>> {
    if tags.len() > 16 {
        return Err(CamerasError::invalid("tags", format!("at most 16 tags, not {}", tags.len())));
    }
    let mut tags = tags.iter().map(|t| line("tags", t, 32)).collect::<Result<Vec<_>>>()?;
    tags.sort();
    tags.dedup();
    Ok(tags)
}

/// A user name or a password as the camera wants it: not trimmed, no control characters.
pub(crate) fn secret(field: &'static str, text: &str, most: usize) -> Result<()> {
    let length = text.chars().count();
    if length > most {
        return Err(CamerasError::invalid(
            field,
            format!("must have at most {most} characters, not {length}"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(CamerasError::invalid(field, "must not hold control characters"));
    }
    Ok(())
}

/// Whether transport and address go together.
pub(crate) fn transport(transport: Transport, field: &'static str, source: &Url) -> Result<()> {
    match (transport, source.scheme()) {
        (Transport::Tls, "rtsp") => Err(CamerasError::invalid(
            "transport",
            format!("tls needs an address that begins with rtsps://, and {field} begins with rtsp://"),
        )),
        (Transport::Tcp | Transport::Udp, "rtsps") => Err(CamerasError::invalid(
            "transport",
            format!("{field} begins with rtsps://, which is always TLS: choose auto or tls"),
        )),
        _ => Ok(()),
    }
}

/// An IANA time zone name.
pub(crate) fn timezone(name: &str) -> Result<String> {
    if name.len() <= 64 && jiff::tz::TimeZone::get(name).is_ok() {
        return Ok(name.to_owned());
    }
    let name: String = name.chars().take(60).collect();
    Err(CamerasError::invalid(
        "timezone",
        format!("must be a time zone such as Europe/Berlin or UTC, not {name:?}"),
    ))
}
