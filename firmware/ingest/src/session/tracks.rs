//! Which tracks to take, and how each one travels.

use super::SessionError;
use heron_core::TrackKind;
use heron_media::rtp::{DepacketizeError, Depacketizer, DepacketizerParams};
use heron_media::rtsp::{LowerTransport, PortPair, Response, Transport, join_control};
use heron_media::sdp::{Direction, MediaDescription, MediaKind, RtpMap, SessionDescription};
use std::net::IpAddr;

/// What a track is encoded in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// Payload type, encoding, clock rate and channels.
    pub map: RtpMap,
    /// Format parameters.
    pub fmtp: Vec<(String, String)>,
}

impl Codec {
    /// A depacketiser for it.
    ///
    /// # Errors
    /// As [`Depacketizer::new`].
    pub fn depacketizer(&self) -> Result<Depacketizer, DepacketizeError> {
        Depacketizer::new(&DepacketizerParams {
            encoding: &self.map.encoding,
            clock_rate_hz: self.map.clock_rate_hz,
            channels: self.map.channels,
            fmtp: &self.fmtp,
        })
    }
}

/// A track that is to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackPlan {
    /// What it carries.
    pub kind: TrackKind,
    /// What it is encoded in.
    pub codec: Codec,
    /// Its control URL.
    pub url: String,
    /// The UDP ports that were bound for it: RTP, RTCP.
    pub client_ports: Option<(u16, u16)>,
    /// How it travels, once agreed.
    pub transport: Option<TrackTransport>,
}

/// How a track travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackTransport {
    /// Interleaved on these channels.
    Interleaved {
        /// Of RTP.
        rtp: u8,
        /// Of RTCP.
        rtcp: u8,
    },
    /// UDP.
    Udp {
        /// The camera's ports: RTP, RTCP. Without them no hole can be punched.
        server_ports: Option<(u16, u16)>,
        /// Where packets come from when not from the camera's address.
        source: Option<IpAddr>,
    },
}

impl TrackTransport {
    /// What the answer to the SETUP of `tracks[track]` means.
    pub(super) fn agreed(
        tracks: &[TrackPlan],
        track: usize,
        lower: LowerTransport,
        response: &Response,
    ) -> Result<Self, SessionError> {
        let Some(header) = response.headers.get("Transport") else {
            // No answer: as asked, then. With UDP there is nobody to punch a hole to.
            return Ok(match lower {
                LowerTransport::Tcp => asked_channels(track),
                LowerTransport::Udp => Self::Udp { server_ports: None, source: None },
            });
        };
        let unfit = || SessionError::Transport { offered: header.to_owned() };
        let answer = Transport::parse(header)?;
        match lower {
            LowerTransport::Tcp if answer.lower == LowerTransport::Udp => Err(unfit()),
            LowerTransport::Tcp => {
                let agreed = match answer.interleaved {
                    Some(PortPair(rtp, rtcp)) => Self::Interleaved {
                        rtp: u8::try_from(rtp).map_err(|_| unfit())?,
                        rtcp: u8::try_from(rtcp).map_err(|_| unfit())?,
                    },
                    None => asked_channels(track),
                };
                // Some answer "0-1" for every track and send as they were asked.
                let taken = tracks
                    .iter()
                    .filter_map(|t| t.transport)
                    .any(|t| t.rtp_channel() == agreed.rtp_channel());
                Ok(if taken { asked_channels(track) } else { agreed })
            }
            LowerTransport::Udp if answer.lower == LowerTransport::Tcp || answer.multicast => Err(unfit()),
            LowerTransport::Udp => Ok(Self::Udp {
                server_ports: answer.server_port.map(|p| (p.0, p.1)).filter(|p| p.0 != 0),
                source: answer.source.filter(|ip| !ip.is_unspecified()),
            }),
        }
    }

    /// The channel of RTP when interleaved.
    pub fn rtp_channel(&self) -> Option<u8> {
        match self {
            Self::Interleaved { rtp, .. } => Some(*rtp),
            Self::Udp { .. } => None,
        }
    }
}

fn asked_channels(track: usize) -> TrackTransport {
    // At most three tracks.
    TrackTransport::Interleaved { rtp: (track * 2) as u8, rtcp: (track * 2 + 1) as u8 }
}

/// One video, one audio and one metadata track, those that can be taken, in this order. `base` is the URL that
/// control attributes are relative to.
///
/// # Errors
/// [`SessionError::CodecNotSupported`] when there is no video that can be taken.
pub fn choose_tracks(description: &SessionDescription, base: &str) -> Result<Vec<TrackPlan>, SessionError> {
    let plan = |media: &MediaDescription, kind: TrackKind| {
        let map = media.encodings().into_iter().find(|map| kind_of(&map.encoding) == Some(kind))?;
        let codec = Codec { fmtp: media.fmtp(map.payload_type).to_vec(), map };
        codec.depacketizer().ok()?;
        // A lone section without a control of its own is controlled by the session's.
        let control = media.control.as_deref().or(description.control.as_deref());
        let url = join_control(base, control);
        Some(TrackPlan { kind, codec, url, client_ports: None, transport: None })
    };
    let of_kind = |kind: TrackKind, wanted: MediaKind| {
        let sections = || description.media.iter().filter(|m| m.kind == wanted);
        // `sendonly` is the way to the camera's loudspeaker on some cameras and the ordinary way on others.
        let ordinary = sections().filter(|m| m.direction != Some(Direction::SendOnly));
        ordinary.chain(sections()).find_map(|m| plan(m, kind))
    };
    let Some(video) = of_kind(TrackKind::Video, MediaKind::Video) else {
        let mut offered: Vec<String> = description
            .media
            .iter()
            .filter(|m| m.kind == MediaKind::Video)
            .flat_map(|m| m.encodings())
            .map(|map| map.encoding.chars().take(32).collect())
            .collect();
        offered.dedup();
        let offered = if offered.is_empty() { "no video".to_owned() } else { offered.join(", ") };
        return Err(SessionError::CodecNotSupported { offered });
    };
    let audio = of_kind(TrackKind::Audio, MediaKind::Audio);
    let metadata = of_kind(TrackKind::Metadata, MediaKind::Application);
    Ok([Some(video), audio, metadata].into_iter().flatten().collect())
}

/// What an encoding is good for.
fn kind_of(encoding: &str) -> Option<TrackKind> {
    match encoding.to_ascii_uppercase().as_str() {
        "H264" | "H265" | "HEVC" | "JPEG" => Some(TrackKind::Video),
        "MPEG4-GENERIC" | "PCMA" | "PCMU" => Some(TrackKind::Audio),
        "VND.ONVIF.METADATA" => Some(TrackKind::Metadata),
        _ => None,
    }
}
