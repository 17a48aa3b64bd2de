//! A camera's address.

use crate::spec::{StreamSpec, TransportChoice};
use heron_core::ErrorKind;
use heron_media::rtsp::auth::Credentials;
use heron_media::rtsp::{quote, shown, split_credentials};
use std::fmt;

/// An address taken apart. Its URL is kept as it was typed: cameras are particular about paths and queries, and
/// normalising them breaks some.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Over TLS.
    pub tls: bool,
    /// Host name or IP address, without brackets.
    pub host: String,
    /// Port; 554, or 322 over TLS, when none was given.
    pub port: u16,
    /// The URL without user name and password.
    pub url: String,
    /// User name and password, if any.
    pub credentials: Option<Credentials>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest of the URL may hold a password.
        let has_credentials = self.credentials.is_some();
        f.debug_struct("Address")
            .field("url", &shown(&self.url))
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("has_credentials", &has_credentials)
            .finish_non_exhaustive()
    }
}

/// Why an address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither `rtsp://` nor `rtsps://`.
    #[error("{url} is not a camera address: it must begin with rtsp:// or rtsps://")]
    Scheme {
        /// Scheme, host and port of what was given, quoted.
        url: String,
    },
    /// No host, or one with characters that no host has.
    #[error("{url} has no host that can be used: write rtsp://camera-address:554/path")]
    Host {
        /// Scheme, host and port of what was given, quoted.
        url: String,
    },
    /// A port that is not a number from 1 to 65535.
    #[error("{url} has a port that is not a number from 1 to 65535")]
    Port {
        /// Scheme, host and port of what was given, quoted.
        url: String,
    },
    /// Longer than 2048 bytes, or with control characters.
    #[error("the address is longer than {MAX_URL_BYTES} bytes or holds control characters")]
    Unfit,
}

/// The longest address, bytes.
const MAX_URL_BYTES: usize = 2048;

impl AddressError {
    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl Address {
    /// Takes `spec`'s URL apart.
    ///
    /// # Errors
    /// [`AddressError`] when it cannot be used.
    pub fn of(spec: &StreamSpec) -> Result<Self, AddressError> {
        let mut address = Self::parse(&spec.url)?;
        if !spec.username.is_empty() {
            let (username, password) = (spec.username.clone(), spec.password.clone());
            address.credentials = Some(Credentials { username, password });
        }
        if spec.transport == TransportChoice::Tls && !address.tls {
            let explicit = authority(&address.url).1.is_some();
            address.tls = true;
            address.port = if explicit { address.port } else { 322 };
        }
        Ok(address)
    }

    /// Takes `url` apart.
    ///
    /// # Errors
    /// [`AddressError`] when it cannot be used.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let url = url.trim();
        if url.len() > MAX_URL_BYTES || url.chars().any(char::is_control) {
            return Err(AddressError::Unfit);
        }
        let (url, credentials) = split_credentials(url);
        let saw = || quote(shown(&url).as_bytes());
        let (scheme, _) = url.split_once("://").ok_or_else(|| AddressError::Scheme { url: saw() })?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "rtsp" | "rtspt" => false,
            "rtsps" => true,
            _ => return Err(AddressError::Scheme { url: saw() }),
        };
        let (host, port) = authority(&url);
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(fits) {
            return Err(AddressError::Host { url: saw() });
        }
        let port = match port {
            None => {
                if tls {
                    322
                } else {
                    554
                }
            }
            Some(text) => {
                text.parse().ok().filter(|p| *p > 0).ok_or_else(|| AddressError::Port { url: saw() })?
            }
        };
        let host = host.to_owned();
        let credentials = credentials
            .filter(|(username, _)| !username.is_empty())
            .map(|(username, password)| Credentials { username, password });
        Ok(Self { tls, host, port, url, credentials })
    }
}

/// Host without brackets, and the text of the port.
fn authority(url: &str) -> (&str, Option<&str>) {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if let Some(bracketed) = authority.strip_prefix('[') {
        return match bracketed.split_once(']') {
            Some((host, port)) => (host, port.strip_prefix(':').filter(|p| !p.is_empty())),
            None => ("", None),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, (!port.is_empty()).then_some(port)),
        // Two colons without brackets: an IPv6 address that somebody typed bare.
        Some(_) => (authority, None),
        None => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heron_core::{CameraId, StreamKey, StreamKind};

    fn parse(url: &str) -> (String, u16, bool) {
        let a = Address::parse(url).unwrap();
        (a.host, a.port, a.tls)
    }

    #[test]
    fn addresses_are_taken_apart_and_kept_as_typed() {
        assert_eq!(parse("rtsp://10.0.0.9/live"), ("10.0.0.9".into(), 554, false));
        assert_eq!(parse("RTSPS://cam.local:8322"), ("cam.local".into(), 8322, true));
        assert_eq!(parse("rtsps://cam"), ("cam".into(), 322, true));
        assert_eq!(parse("rtsp://[fe80::1%25eth0]:5554/x"), ("fe80::1%25eth0".into(), 5554, false));
        let a = Address::parse(" rtsp://u:p%40@10.0.0.9:554/cam/realmonitor?channel=1&subtype=0 ").unwrap();
        assert_eq!(a.url, "rtsp://10.0.0.9:554/cam/realmonitor?channel=1&subtype=0");
        assert_eq!(a.credentials.unwrap().password, "p@");
    }

    #[test]
    fn what_cannot_be_used_is_told_without_the_password() {
        for (url, wanted) in [
            ("http://u:secret@10.0.0.9/", "begin with rtsp://"),
            ("10.0.0.9", "begin with rtsp://"),
            ("rtsp:///live", "no host"),
            ("rtsp://a b/", "no host"),
            ("rtsp://h:99999/", "port"),
            ("rtsp://h:0/", "port"),
        ] {
            let text = Address::parse(url).unwrap_err().to_string();
            assert!(text.contains(wanted) && !text.contains("secret"), "{url}: {text}");
        }
        assert_eq!(Address::parse(&format!("rtsp://h/{}", "x".repeat(3000))), Err(AddressError::Unfit));
    }

    #[test]
    fn tls_by_choice_changes_the_port_unless_one_was_given() {
        let key = StreamKey::new(CameraId::generate(), StreamKind::Main);
        let of = |url: &str| {
            let a = Address::of(&StreamSpec::new(key, url).transport(TransportChoice::Tls)).unwrap();
            (a.tls, a.port)
        };
        assert_eq!(of("rtsp://h/"), (true, 322));
        assert_eq!(of("rtsp://h:554/"), (true, 554));
    }
}
