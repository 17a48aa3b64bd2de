//! Why a session cannot go on.

use heron_core::{ErrorKind, FailureReason};
use heron_media::rtsp::{Method, WireError, shown};
use heron_media::sdp::SdpError;

/// See the variants. The messages are for people: what was asked, what came back, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// No answer in time.
    #[error("the camera did not answer {method} within 10 s")]
    Unanswered {
        /// What was asked.
        method: Method,
    },
    /// It asks for a password and there is none.
    #[error("the camera asks for a user name and password, and none is set")]
    PasswordNeeded,
    /// It refused the password.
    #[error("the camera refused the user name or password")]
    WrongPassword,
    /// It asks in a way that cannot be answered.
    #[error("the camera asks for a kind of authentication that is not supported: {offered}")]
    AuthenticationUnsupported {
        /// What it offered.
        offered: String,
    },
    /// It is elsewhere.
    #[error("the camera redirects to {}", shown(location))]
    Redirected {
        /// Where to.
        location: String,
    },
    /// It said no.
    #[error("the camera answered {method} with {status} {reason}{}", advice(*.status))]
    Refused {
        /// What was asked.
        method: Method,
        /// The status.
        status: u16,
        /// Its words.
        reason: String,
    },
    /// Its transport cannot be used.
    #[error("the camera offers no transport that can be used: it answered {offered}")]
    Transport {
        /// The `Transport` header, or that there was none.
        offered: String,
    },
    /// The description cannot be read.
    #[error("the camera's description of its stream cannot be used: {0}")]
    Description(#[from] SdpError),
    /// No video in a codec that can be taken.
    #[error("codec not supported: offered {offered}; H.264, H.265 and JPEG can be taken")]
    CodecNotSupported {
        /// What was offered, or "no video".
        offered: String,
    },
    /// It sends one message after the other and none that is of use.
    #[error("the camera sent {count} {what} instead of going on; its RTSP service is broken")]
    Chatter {
        /// What it sent.
        what: &'static str,
        /// How many.
        count: u32,
    },
    /// It has forgotten the session.
    #[error("the camera has forgotten the session")]
    Forgotten,
    /// It has ended the session.
    #[error("the camera has ended the session")]
    Ended,
    /// Its bytes cannot be read.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// What to do about a status.
fn advice(status: u16) -> &'static str {
    match status {
        403 => ": does this user have the right to watch?",
        404 => ": is the path of the address right?",
        453 | 503 => ": is somebody else watching it already? Many cameras serve only a few at once",
        _ => "",
    }
}

impl SessionError {
    /// What a person can act on.
    pub fn reason(&self) -> FailureReason {
        match self {
            Self::Unanswered { .. } => FailureReason::TimedOut,
            Self::PasswordNeeded
            | Self::WrongPassword
            | Self::AuthenticationUnsupported { .. }
            | Self::Refused { status: 403, .. } => FailureReason::WrongPassword,
            Self::Refused { status: 404 | 410, .. } => FailureReason::NotFound,
            Self::Refused { status: 453 | 503, .. } => FailureReason::Refused,
            Self::CodecNotSupported { .. } => FailureReason::CodecNotSupported,
            Self::Forgotten | Self::Ended => FailureReason::Closed,
            Self::Redirected { .. }
            | Self::Refused { .. }
            | Self::Transport { .. }
            | Self::Description(_)
            | Self::Chatter { .. }
            | Self::Wire(_) => FailureReason::Protocol,
        }
    }

    /// Interleaved packets are refused; UDP may work.
    pub fn suggests_udp(&self) -> bool {
        matches!(self, Self::Refused { method: Method::Setup, status: 461, .. } | Self::Transport { .. })
    }

    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unanswered { .. } => ErrorKind::TimedOut,
            Self::PasswordNeeded | Self::WrongPassword | Self::AuthenticationUnsupported { .. } => {
                ErrorKind::Unauthenticated
            }
            Self::Refused { status: 403, .. } => ErrorKind::Forbidden,
            Self::Refused { status: 404 | 410, .. } => ErrorKind::NotFound,
            Self::Wire(wire) => wire.kind(),
            Self::Description(sdp) => sdp.kind(),
            _ => ErrorKind::Unavailable,
        }
    }
}
