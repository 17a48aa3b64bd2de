//! The one classification of errors that every rim (HTTP, MQTT, exit status) translates from.

use std::fmt;

/// What sort of failure an error is. Rooms keep their own `thiserror` enums and offer `fn kind(&self)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller asked for something that makes no sense. HTTP 400.
    Invalid,
    /// Nobody has said who they are, or not convincingly. HTTP 401.
    Unauthenticated,
    /// They may not. HTTP 403.
    Forbidden,
    /// There is no such thing. HTTP 404.
    NotFound,
    /// It contradicts what is already there. HTTP 409.
    Conflict,
    /// Too much was sent. HTTP 413.
    TooLarge,
    /// Too often, or too many at once. HTTP 429.
    Exhausted,
    /// Not now: a part of the house is not there. HTTP 503.
    Unavailable,
    /// It took too long. HTTP 504.
    TimedOut,
    /// Stored bytes are damaged. HTTP 500.
    Damaged,
    /// Our fault. HTTP 500.
    Internal,
}

impl ErrorKind {
    /// The HTTP status that says the same (RFC 9110 §15).
    pub fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Exhausted => 429,
            Self::Unavailable => 503,
            Self::TimedOut => 504,
            Self::Damaged | Self::Internal => 500,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::Exhausted => "exhausted",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed-out",
            Self::Damaged => "damaged",
            Self::Internal => "internal",
        })
    }
}
