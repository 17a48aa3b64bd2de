//! What a track is made of: codec, size, parameter sets.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A video codec that Heron records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
    /// Motion JPEG: every access unit is one JPEG image.
    Mjpeg,
}

/// An audio codec that Heron records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// MPEG-4 AAC, one raw access unit (no ADTS header) per [`crate::AccessUnit`].
    Aac,
    /// ITU-T G.711 A-law.
    G711a,
    /// ITU-T G.711 µ-law.
    G711u,
    /// FLAC; Heron makes it from G.711 for browsers, no camera sends it.
    Flac,
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Mjpeg => "mjpeg",
        })
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aac => "aac",
            Self::G711a => "g711a",
            Self::G711u => "g711u",
            Self::Flac => "flac",
        })
    }
}

/// Everything a decoder or a container must know of a video track.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoFormat {
    /// The codec.
    pub codec: VideoCodec,
    /// Width of the visible picture in pixels (after cropping).
    pub width: u16,
    /// Height of the visible picture in pixels (after cropping).
    pub height: u16,
    /// RFC 6381 codec string, for example `avc1.64001f`, `hvc1.1.6.L93.B0`, `mjpg`.
    pub rfc6381: String,
    /// The decoder configuration record without a box header: `avcC` (ISO 14496-15 §5.3.3) for H.264, `hvcC`
    /// (§8.3.3) for H.265, empty for MJPEG.
    pub config: Bytes,
    /// Parameter set NAL units without start codes, in the order VPS, SPS, PPS. Empty for MJPEG.
    pub parameter_sets: Vec<Bytes>,
    /// Pixel aspect ratio from the VUI, `(1, 1)` when absent.
    pub pixel_aspect: (u16, u16),
    /// Greatest number of frames that precede another in decoding order and follow it in output order, when the
    /// bitstream says so (VUI `max_num_reorder_frames`, or zero by profile); `None` when it does not.
    pub reorder_frames: Option<u8>,
    /// Frame rate from the bitstream or the SDP, when given. The measured rate is in
    /// [`crate::LinkStatistics`].
    pub nominal_fps: Option<f32>,
}

/// Everything a decoder or a container must know of an audio track.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AudioFormat {
    /// The codec.
    pub codec: AudioCodec,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Channels.
    pub channels: u8,
    /// AAC: the AudioSpecificConfig (ISO 14496-3). FLAC: the 34-byte STREAMINFO block. Empty for G.711.
    pub config: Bytes,
    /// RFC 6381 codec string, for example `mp4a.40.2`, `flac`, `alaw`, `ulaw`.
    pub rfc6381: String,
}

/// The format of one track. Shared by every access unit until it changes; a change is a new `Arc`.
#[derive(Clone, Debug, PartialEq)]
pub enum TrackFormat {
    /// A video track.
    Video(VideoFormat),
    /// An audio track.
    Audio(AudioFormat),
    /// ONVIF metadata: XML documents (`vnd.onvif.metadata`).
    Metadata,
}

/// Which track of a stream an access unit belongs to. A stream has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// ONVIF metadata.
    Metadata,
}

impl TrackFormat {
    /// The kind of track.
    pub fn kind(&self) -> TrackKind {
        match self {
            Self::Video(_) => TrackKind::Video,
            Self::Audio(_) => TrackKind::Audio,
            Self::Metadata => TrackKind::Metadata,
        }
    }
    /// The video format, if this is a video track.
    pub fn video(&self) -> Option<&VideoFormat> {
        match self {
            Self::Video(v) => Some(v),
            _ => None,
        }
    }
    /// The audio format, if this is an audio track.
    pub fn audio(&self) -> Option<&AudioFormat> {
        match self {
            Self::Audio(a) => Some(a),
            _ => None,
        }
    }
    /// Whether two handles name the same format, cheaply when they are the same `Arc`.
    pub fn same(a: &Arc<Self>, b: &Arc<Self>) -> bool {
        Arc::ptr_eq(a, b) || a == b
    }
}
