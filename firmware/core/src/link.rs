//! How well a camera's stream is doing, and why it is not when it is not.

use crate::WallTime;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BitRate(pub u64);

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b if b >= 1_000_000 => write!(f, "{:.1} Mbit/s", b as f64 / 1e6),
            b if b >= 1_000 => write!(f, "{:.0} kbit/s", b as f64 / 1e3),
            b => write!(f, "{b} bit/s"),
        }
    }
}

/// A verdict on a link that a person can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Nothing lost, steady.
    Excellent,
    /// Under 0.1 % lost and jitter under 50 ms.
    Fair,
    /// Up to 2 % lost, or jitter up to 300 ms, or a reconnect in the last ten minutes.
    Poor,
    /// Worse than poor, or not connected.
    Unusable,
}

/// What is known of a stream's link, over the last ten seconds unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkStatistics {
    /// Received payload, all tracks.
    pub bit_rate: BitRate,
    /// Video access units per second.
    pub frame_rate: f32,
    /// Length of the last complete group of pictures, milliseconds.
    pub gop_ms: Option<u32>,
    /// Frames in the last complete group of pictures.
    pub gop_frames: Option<u32>,
    /// RTP packets that never came, since the connection began.
    pub packets_lost: u64,
    /// RTP packets received, since the connection began.
    pub packets_received: u64,
    /// Interarrival jitter of the video track (RFC 3550 §6.4.1), milliseconds.
    pub jitter_ms: f32,
    /// Connections made since the stream was started, less one.
    pub reconnects: u32,
    /// Camera clock minus box clock, milliseconds, once a sender report has come.
    pub clock_offset_ms: Option<i64>,
    /// When the newest access unit came.
    pub last_arrival: Option<WallTime>,
    /// Access units received since the stream was started.
    pub access_units: u64,
}

impl LinkStatistics {
    /// Share of packets lost, 0 to 1.
    pub fn loss(&self) -> f64 {
        let all = self.packets_lost + self.packets_received;
        if all == 0 { 0.0 } else { self.packets_lost as f64 / all as f64 }
    }
}

/// What a stream is doing now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum StreamState {
    /// Not meant to run.
    Disabled,
    /// Trying; `failed_attempts` tries in a row have failed.
    Connecting {
        /// Failed tries since it last worked.
        failed_attempts: u32,
        /// Why the last one failed.
        last_failure: Option<Failure>,
    },
    /// Pictures are coming.
    Online {
        /// Since when.
        since: WallTime,
    },
    /// Ten tries or more have failed; it goes on trying.
    Unreachable {
        /// Since when there have been no pictures.
        since: WallTime,
        /// Failed tries since it last worked.
        failed_attempts: u32,
        /// Why the last one failed.
        last_failure: Failure,
    },
}

/// Why a try failed: a kind for programs, words for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind.
    pub reason: FailureReason,
    /// Plain words: what was tried, what came back, what to do.
    pub detail: String,
}

/// The kinds of failure that a person can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// Nothing listens at that port.
    Refused,
    /// The network does not lead there, or the name does not resolve.
    NoRoute,
    /// No answer within the time allowed.
    TimedOut,
    /// User name or password rejected.
    WrongPassword,
    /// The path does not exist on the camera.
    NotFound,
    /// None of the offered codecs is one that Heron takes.
    CodecNotSupported,
    /// The session was set up but no media came.
    NoPackets,
    /// The TLS handshake failed.
    Tls,
    /// The camera closed the connection.
    Closed,
    /// The camera said something that is not RTSP, or broke its rules beyond repair.
    Protocol,
    /// The address itself cannot be used.
    BadAddress,
}

impl FailureReason {
    /// The snake_case name, as in the API and in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NoRoute => "no_route",
            Self::TimedOut => "timed_out",
            Self::WrongPassword => "wrong_password",
            Self::NotFound => "not_found",
            Self::CodecNotSupported => "codec_not_supported",
            Self::NoPackets => "no_packets",
            Self::Tls => "tls",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::BadAddress => "bad_address",
        }
    }
}
