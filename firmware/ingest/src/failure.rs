//! Why a try, or a connection that played, came to its end.

use crate::SILENCE;
use crate::address::AddressError;
use crate::session::SessionError;
use heron_core::{FailureReason, link::Failure};
use heron_media::nal::BitstreamError;
use heron_media::rtp::depacketize::MAX_PICTURE_SIDE;
use std::io;

/// The end of a connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// The stream was removed.
    #[error("the stream was removed")]
    Stopped,
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("the name {host} cannot be resolved: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("{}", connect_words(.target, .source))]
    Connect { target: String, source: io::Error },
    #[error("{target} did not answer {what} within 10 s")]
    TimedOut { target: String, what: &'static str },
    #[error("TLS with {target} failed: {source}{}", tls_words(.source))]
    Tls { target: String, source: io::Error },
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("the camera closed the connection")]
    Closed,
    #[error("the camera does not read what it is sent")]
    Deaf,
    #[error("no UDP ports could be bound: {0}")]
    Ports(io::Error),
    #[error("the camera agreed to play but sent no packets{}", no_packets_words(*.udp))]
    NoPackets { udp: bool },
    #[error("packets came for {seconds} s but no picture could be put together{}", last_words(.last))]
    NoPictures { seconds: u64, last: Option<String> },
    #[error("codec not supported: {}", sets_words(.0))]
    Unusable(BitstreamError),
    #[error("nothing has come from the camera for {} s", SILENCE.as_secs())]
    Silence,
    #[error(transparent)]
    Session(#[from] SessionError),
}

fn connect_words(target: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("nothing listens at {target}: is the camera on, and is this its RTSP port?")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("there is no way to {target}: is the camera connected, and is the address right?")
        }
        _ => format!("connecting to {target} failed: {error}"),
    }
}

fn tls_words(error: &io::Error) -> &'static str {
    let text = error.to_string();
    if text.contains("InvalidMessage")
        || text.contains("corrupt message")
        || text.contains("InvalidContentType")
    {
        ". The port answers, but not with TLS: try rtsp://"
    } else if text.contains("ProtocolVersion") || text.contains("peer is incompatible") {
        ". The camera's TLS is older than 1.2; update its firmware or use rtsp://"
    } else if text.contains("certificate") {
        ". The certificate is not the one that was accepted before"
    } else {
        ""
    }
}

fn no_packets_words(udp: bool) -> &'static str {
    if udp { ": is UDP from the camera to this box blocked? TCP would get through" } else { "" }
}

fn sets_words(error: &BitstreamError) -> String {
    match error {
        // H.264 counts in macroblocks of 16 pixels.
        BitstreamError::OutOfRange { field, value, .. }
            if field.contains("width") || field.contains("height") =>
        {
            let side = if field.contains("width") { "width" } else { "height" };
            let pixels = value.saturating_mul(if field.contains("macroblocks") { 16 } else { 1 });
            format!(
                "the camera says that its pictures have a {side} of {pixels} pixels, and {MAX_PICTURE_SIDE} is the most that can \
                 be taken; set another resolution in the camera"
            )
        }
        _ => format!(
            "the camera's description of its pictures cannot be used: {error}; set another codec or profile in the camera"
        ),
    }
}

fn last_words(last: &Option<String>) -> String {
    last.as_ref().map(|l| format!(": {l}")).unwrap_or_default()
}

impl End {
    /// What a person can act on.
    pub(crate) fn reason(&self) -> FailureReason {
        match self {
            Self::Address(_) => FailureReason::BadAddress,
            Self::Resolve { .. } => FailureReason::NoRoute,
            Self::Connect { source, .. } => match source.kind() {
                io::ErrorKind::ConnectionRefused => FailureReason::Refused,
                io::ErrorKind::TimedOut => FailureReason::TimedOut,
                io::ErrorKind::ConnectionReset => FailureReason::Closed,
                _ => FailureReason::NoRoute,
            },
            Self::TimedOut { .. } | Self::Deaf => FailureReason::TimedOut,
            Self::Tls { .. } => FailureReason::Tls,
            Self::Broken(_) | Self::Closed | Self::Stopped => FailureReason::Closed,
            Self::Ports(_) => FailureReason::NoRoute,
            Self::NoPackets { .. } | Self::Silence => FailureReason::NoPackets,
            Self::Unusable(_) => FailureReason::CodecNotSupported,
            Self::NoPictures { .. } => FailureReason::Protocol,
            Self::Session(session) => session.reason(),
        }
    }

    /// For people and programs.
    pub(crate) fn failure(&self) -> Failure {
        Failure { reason: self.reason(), detail: self.to_string() }
    }
}
