//! What can be wrong with the bytes of an RTSP connection.

use heron_core::ErrorKind;
use std::fmt::Write as _;

/// A connection's bytes cannot be read any further. Each message quotes the first 64 bytes of what was there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The peer speaks something else.
    #[error("the peer does not speak RTSP on this port: it sent {saw} ({hint})")]
    NotRtsp {
        /// What came, quoted.
        saw: String,
        /// What it looks like and what to try.
        hint: &'static str,
    },
    /// Start line and headers exceed [`super::MAX_HEAD_BYTES`].
    #[error("an RTSP message's headers did not end within {limit} bytes; they began {saw}")]
    HeadTooLarge {
        /// What came, quoted.
        saw: String,
        /// The limit, bytes.
        limit: usize,
    },
    /// More than [`super::MAX_HEADERS`] header fields.
    #[error("an RTSP message has more than {limit} header fields; it began {saw}")]
    TooManyHeaders {
        /// What came, quoted.
        saw: String,
        /// The limit.
        limit: usize,
    },
    /// The announced body exceeds [`super::MAX_BODY_BYTES`].
    #[error(
        "an RTSP message announces a body of {announced} bytes where at most {limit} are taken; it began {saw}"
    )]
    BodyTooLarge {
        /// What came, quoted.
        saw: String,
        /// The announced length, bytes.
        announced: u64,
        /// The limit, bytes.
        limit: usize,
    },
    /// Nothing that can be read for more than [`super::MAX_GARBAGE_BYTES`].
    #[error("{skipped} bytes in a row were neither RTSP nor interleaved packets; they began {saw}")]
    Garbage {
        /// What came, quoted.
        saw: String,
        /// How much was skipped before giving up, bytes.
        skipped: usize,
    },
    /// A header's value cannot be read.
    #[error("cannot read the {header} header {saw}: {why}")]
    Header {
        /// The header's name.
        header: &'static str,
        /// Its value, quoted.
        saw: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl WireError {
    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::HeadTooLarge { .. } | Self::TooManyHeaders { .. } | Self::BodyTooLarge { .. } => {
                ErrorKind::TooLarge
            }
            Self::NotRtsp { .. } | Self::Garbage { .. } | Self::Header { .. } => ErrorKind::Invalid,
        }
    }
}

/// The first 64 bytes of `bytes` in quotes, everything but printable ASCII escaped, and the full length when
/// there is more.
pub fn quote(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let mut out = String::with_capacity(SHOWN + 16);
    out.push('"');
    for &b in shown {
        match b {
            b'\r' => out.push_str("\\r"),
            b'\n' => out.push_str("\\n"),
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(b));
            }
            0x20..0x7f => out.push(char::from(b)),
            _ => {
                let _ = write!(out, "\\x{b:02x}");
            }
        }
    }
    out.push('"');
    if bytes.len() > SHOWN {
        let _ = write!(out, "… ({} bytes)", bytes.len());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quotes_are_escaped_and_bounded() {
        assert_eq!(quote(b"a\"\r\n\x00\xff"), "\"a\\\"\\r\\n\\x00\\xff\"");
        let long = quote(&[b'x'; 100]);
        assert!(long.ends_with("… (100 bytes)"), "{long}");
        assert!(long.len() < 100);
    }
}
