//! One media section.

use std::fmt;

/// What a media section carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// `video`.
    Video,
    /// `audio`.
    Audio,
    /// `application`: ONVIF metadata among others.
    Application,
    /// Anything else, as it came.
    Other(String),
}

impl MediaKind {
    /// The kind that `token` names, case-insensitively.
    pub fn parse(token: &str) -> Self {
        match token.to_ascii_lowercase().as_str() {
            "video" => Self::Video,
            "audio" => Self::Audio,
            "application" => Self::Application,
            _ => Self::Other(token.to_owned()),
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Application => "application",
            Self::Other(token) => token,
        })
    }
}

/// Which way the media flow, as seen by the one who wrote the description (a camera: `sendonly`; its loudspeaker,
/// the ONVIF back channel: `recvonly` or `sendonly` as asked).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `sendrecv`.
    SendRecv,
    /// `sendonly`.
    SendOnly,
    /// `recvonly`.
    RecvOnly,
    /// `inactive`.
    Inactive,
}

impl Direction {
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|d| name.eq_ignore_ascii_case(d.as_str()))
    }
    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// `a=rtpmap` (RFC 8866 §6.6), or what a static payload type stands for (RFC 3551 §6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RtpMap {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name, as it came: `H264`, `PCMA`, `vnd.onvif.metadata`.
    pub encoding: String,
    /// Clock rate, Hz; never zero.
    pub clock_rate_hz: u32,
    /// Channels; 1 when not said.
    pub channels: u8,
}

/// One `m=` section.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaDescription {
    /// What it carries.
    pub kind: MediaKind,
    /// Port; zero with RTSP mostly.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, `TCP/RTP/AVP`.
    pub protocol: String,
    /// The payload types in order of preference.
    pub payload_types: Vec<u8>,
    /// The `rtpmap` lines that could be read.
    pub rtpmaps: Vec<RtpMap>,
    /// The `fmtp` lines: payload type, then the parameters with their names as they came.
    pub fmtps: Vec<(u8, Vec<(String, String)>)>,
    /// `a=control`.
    pub control: Option<String>,
    /// Which way; `None` when not said.
    pub direction: Option<Direction>,
    /// `a=framerate`, frames per second, positive.
    pub framerate: Option<f32>,
    /// `b=AS`, kilobits per second.
    pub bandwidth_kbps: Option<u32>,
    /// The address of the section's `c=` line, without its time to live.
    pub connection: Option<String>,
    /// Every other attribute.
    pub attributes: Vec<(String, Option<String>)>,
}

impl MediaDescription {
    /// A section with nothing but its `m=` line.
    pub fn new(kind: MediaKind, payload_type: u8) -> Self {
        Self {
            kind,
            port: 0,
            protocol: "RTP/AVP".to_owned(),
            payload_types: vec![payload_type],
            rtpmaps: Vec::new(),
            fmtps: Vec::new(),
            control: None,
            direction: None,
            framerate: None,
            bandwidth_kbps: None,
            connection: None,
            attributes: Vec::new(),
        }
    }

    /// What `payload_type` stands for: its `rtpmap`, else its static meaning, else `None`.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap> {
        self.rtpmaps
            .iter()
            .find(|m| m.payload_type == payload_type)
            .cloned()
            .or_else(|| static_payload_type(payload_type))
    }

    /// The encodings on offer in order of preference. When the `m=` line names a payload type that no `rtpmap`
    /// explains but there is exactly one `rtpmap`, that one is meant: some cameras number the two differently.
    pub fn encodings(&self) -> Vec<RtpMap> {
        let named: Vec<RtpMap> = self.payload_types.iter().filter_map(|pt| self.rtpmap(*pt)).collect();
        if named.is_empty() { self.rtpmaps.iter().take(1).cloned().collect() } else { named }
    }

    /// The format parameters of `payload_type`, in order. A lone `fmtp` line with another number is taken as meant.
    pub fn fmtp(&self, payload_type: u8) -> &[(String, String)] {
        let found = self.fmtps.iter().find(|(pt, _)| *pt == payload_type).or(match self.fmtps.as_slice() {
            [only] => Some(only),
            _ => None,
        });
        found.map_or(&[], |(_, parameters)| parameters)
    }

    /// One format parameter, name case-insensitive.
    pub fn fmtp_value(&self, payload_type: u8, name: &str) -> Option<&str> {
        self.fmtp(payload_type).iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// The static payload types that cameras use (RFC 3551 §6).
fn static_payload_type(payload_type: u8) -> Option<RtpMap> {
    let (encoding, clock_rate_hz, channels) = match payload_type {
        0 => ("PCMU", 8000, 1),
        3 => ("GSM", 8000, 1),
        4 => ("G723", 8000, 1),
        8 => ("PCMA", 8000, 1),
        9 => ("G722", 8000, 1),
        10 => ("L16", 44_100, 2),
        11 => ("L16", 44_100, 1),
        14 => ("MPA", 90_000, 1),
        26 => ("JPEG", 90_000, 1),
        32 => ("MPV", 90_000, 1),
        33 => ("MP2T", 90_000, 1),
        _ => return None,
    };
    Some(RtpMap { payload_type, encoding: encoding.to_owned(), clock_rate_hz, channels })
}
