//! RTP payloads to access units.

mod aac;
mod chunk;
mod g711;
mod h264;
mod h265;
mod metadata;
mod mjpeg;
mod nal_units;
mod output;
mod syntax;

use self::aac::Aac;
use self::g711::G711;
use self::h264::H264;
use self::h265::H265;
use self::metadata::Metadata;
use self::mjpeg::Mjpeg;
use self::nal_units::NalUnits;
use self::output::Output;
use super::packet::Packet;
use crate::g711::Law;
use crate::nal::BitstreamError;
use crate::sdp::decode_parameter_sets;
use bytes::Bytes;
use heron_core::{ErrorKind, TrackFormat};
use std::sync::Arc;
use thiserror::Error;

/// Largest access unit in bytes. A 4K H.265 key frame at the highest quality is about 2 MiB; 8 MiB is 16 s of a
/// 4 Mbit/s stream.
pub const MAX_FRAME_BYTES: usize = 8 << 20;

/// Widest and highest picture of H.264 and H.265 that is taken, pixels. Nothing that makes or shows video is larger.
pub const MAX_PICTURE_SIDE: u16 = 16_384;

/// One access unit as it came over RTP.
#[derive(Clone, Debug)]
pub struct Frame {
    /// RTP timestamp, in units of [`Depacketizer::clock_rate_hz`].
    pub rtp_timestamp: u32,
    /// The payload, in the form that [`heron_core::AccessUnit::payload`] has.
    pub payload: Bytes,
    /// Decoding can start here: IDR or recovery point (H.264), IRAP (H.265), any JPEG, any audio frame.
    pub random_access: bool,
    /// Samples per channel; zero for other tracks.
    pub audio_samples: u32,
    /// Something was lost between the frame before and this one, or inside this one.
    pub lost_before: bool,
    /// Other pictures may refer to this one (`nal_ref_idc` is not zero; H.265: not a sub-layer non-reference
    /// picture). True for everything that is not H.264 or H.265.
    pub reference: bool,
    /// The track's format; the same `Arc` until it changes.
    pub format: Arc<TrackFormat>,
}

/// What the SDP says about a track.
#[derive(Clone, Copy, Debug)]
pub struct DepacketizerParams<'a> {
    /// Encoding name of `a=rtpmap`, or of the static payload type (`PCMU` 0, `PCMA` 8, `JPEG` 26). Upper or lower
    /// case.
    pub encoding: &'a str,
    /// Clock rate of `a=rtpmap` in Hz.
    pub clock_rate_hz: u32,
    /// Channels of `a=rtpmap`, 1 when not given. Only audio looks at it.
    pub channels: u8,
    /// Parameters of `a=fmtp`, in order; names in upper or lower case.
    pub fmtp: &'a [(String, String)],
}

/// Why a packet, or a whole track, could not be used. The depacketiser goes on with the next packet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DepacketizeError {
    /// No depacketiser for this encoding.
    #[error(
        "encoding {encoding:?} is not one of H264, H265, JPEG, MPEG4-GENERIC, PCMA, PCMU, vnd.onvif.metadata"
    )]
    Unsupported {
        /// The encoding name.
        encoding: String,
    },
    /// A format parameter cannot be used.
    #[error("fmtp {name}={value}: {reason}")]
    Fmtp {
        /// The parameter's name.
        name: &'static str,
        /// Its value (cut to 64 characters).
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A payload structure ends too early or contradicts itself.
    #[error("{what}: {problem} (payload of {len} bytes begins with {head:02x?})")]
    Malformed {
        /// The structure, for example `H.264 FU-A`.
        what: &'static str,
        /// What is wrong.
        problem: &'static str,
        /// Length of the RTP payload.
        len: usize,
        /// Its first four bytes, zero filled.
        head: [u8; 4],
    },
    /// A structure of the payload format that no camera is known to send.
    #[error("{what} of type {value} is not supported")]
    UnsupportedType {
        /// The structure.
        what: &'static str,
        /// Its type.
        value: u8,
    },
    /// The frame grew beyond [`MAX_FRAME_BYTES`] and was dropped.
    #[error("frame dropped: it is larger than {limit} bytes")]
    FrameTooLarge {
        /// The bound.
        limit: usize,
    },
    /// Parameter sets inside the stream could not be read; the format stays as it was.
    #[error("parameter sets in the stream: {0}")]
    ParameterSets(#[from] BitstreamError),
}

impl DepacketizeError {
    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::FrameTooLarge { .. } => ErrorKind::TooLarge,
            _ => ErrorKind::Invalid,
        }
    }
}

/// Counters of a depacketiser since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepacketizerCounters {
    /// Frames delivered.
    pub frames: u64,
    /// Of these: frames in which something is missing.
    pub damaged: u64,
    /// Frames dropped because a part is missing without which they are of no use: the first one (video), any
    /// (audio, metadata).
    pub dropped_incomplete: u64,
    /// Frames dropped because no parameter sets were known yet.
    pub dropped_before_format: u64,
    /// Frames dropped because they were too large.
    pub dropped_too_large: u64,
    /// Frames dropped because the caller did not pull them.
    pub dropped_not_pulled: u64,
    /// Packets that made an error.
    pub malformed: u64,
    /// Format changes after the first format.
    pub format_changes: u64,
}

/// A depacketiser for one track.
#[derive(Debug)]
pub struct Depacketizer {
    clock_rate_hz: u32,
    payload: Payload,
}

#[derive(Debug)]
enum Payload {
    H264(Box<NalUnits<H264>>),
    H265(Box<NalUnits<H265>>),
    Mjpeg(Box<Mjpeg>),
    Aac(Box<Aac>),
    G711(Box<G711>),
    Metadata(Box<Metadata>),
}

impl Depacketizer {
    /// For the track that `params` describe. Parameter sets in the `fmtp` that cannot be read are no error: they
    /// are expected in the stream then.
    pub fn new(params: &DepacketizerParams<'_>) -> Result<Self, DepacketizeError> {
        if params.clock_rate_hz == 0 {
            let reason = "the rtpmap has no clock rate".to_owned();
            return Err(DepacketizeError::Fmtp { name: "rate", value: "0".to_owned(), reason });
        }
        let payload = match params.encoding.to_ascii_uppercase().as_str() {
            "H264" => Payload::H264(Box::new(NalUnits::new(sprop(params, &["sprop-parameter-sets"])))),
            "H265" | "HEVC" => {
                if let Some(value) = fmtp(params, "sprop-max-don-diff").filter(|v| *v != "0") {
                    let (name, value) = ("sprop-max-don-diff", value.chars().take(64).collect());
                    let reason = "decoding order numbers are not supported".to_owned();
                    return Err(DepacketizeError::Fmtp { name, value, reason });
                }
                let names = &["sprop-vps", "sprop-sps", "sprop-pps"];
                Payload::H265(Box::new(NalUnits::new(sprop(params, names))))
            }
            "JPEG" => Payload::Mjpeg(Box::new(Mjpeg::new())),
            "MPEG4-GENERIC" => Payload::Aac(Box::new(Aac::new(params)?)),
            "PCMA" => Payload::G711(Box::new(G711::new(Law::A, params.clock_rate_hz, params.channels))),
            "PCMU" => Payload::G711(Box::new(G711::new(Law::Mu, params.clock_rate_hz, params.channels))),
            "VND.ONVIF.METADATA" => Payload::Metadata(Box::new(Metadata::new())),
            _ => {
                let encoding = params.encoding.chars().take(64).collect();
                return Err(DepacketizeError::Unsupported { encoding });
            }
        };
        Ok(Self { clock_rate_hz: params.clock_rate_hz, payload })
    }

    /// Takes the next packet, in order. `lost_before`: packets are missing between the one before and this one
    /// ([`super::Arrival::Next`] with `lost` above zero, or a restart). After an error go on with the next packet;
    /// frames may be ready all the same. Call [`Self::pull`] until it returns `None` after each push: at most 256
    /// frames are kept.
    pub fn push(&mut self, packet: &Packet<'_>, lost_before: bool) -> Result<(), DepacketizeError> {
        match &mut self.payload {
            Payload::H264(d) => d.push(packet, lost_before),
            Payload::H265(d) => d.push(packet, lost_before),
            Payload::Mjpeg(d) => d.push(packet, lost_before),
            Payload::Aac(d) => d.push(packet, lost_before),
            Payload::G711(d) => {
                d.push(packet, lost_before);
                Ok(())
            }
            Payload::Metadata(d) => d.push(packet, lost_before),
        }
    }

    /// The next finished frame.
    pub fn pull(&mut self) -> Option<Frame> {
        self.output_mut().pull()
    }

    /// Finishes the frame being assembled, at the end of a connection.
    pub fn flush(&mut self) {
        match &mut self.payload {
            Payload::H264(d) => d.flush(),
            Payload::H265(d) => d.flush(),
            Payload::Mjpeg(d) => d.end(true),
            Payload::Metadata(d) => d.end_unmarked(),
            Payload::Aac(_) | Payload::G711(_) => {}
        }
    }

    /// The format, once known: from the SDP, or from the stream.
    pub fn format(&self) -> Option<&Arc<TrackFormat>> {
        self.output().format.as_ref()
    }

    /// While there is no format: why the newest parameter sets that could not be used cannot, and whether they came in
    /// the stream (or else only with the SDP).
    pub fn refused_sets(&self) -> Option<(&BitstreamError, bool)> {
        let refused = match &self.payload {
            Payload::H264(d) => d.refused.as_ref(),
            Payload::H265(d) => d.refused.as_ref(),
            _ => None,
        };
        refused.filter(|_| self.format().is_none()).map(|(error, in_stream)| (error, *in_stream))
    }

    /// Timestamp units per second.
    pub fn clock_rate_hz(&self) -> u32 {
        self.clock_rate_hz
    }

    /// Counters since it was made.
    pub fn counters(&self) -> &DepacketizerCounters {
        &self.output().counters
    }

    fn output(&self) -> &Output {
        match &self.payload {
            Payload::H264(d) => &d.output,
            Payload::H265(d) => &d.output,
            Payload::Mjpeg(d) => &d.output,
            Payload::Aac(d) => &d.output,
            Payload::G711(d) => &d.output,
            Payload::Metadata(d) => &d.output,
        }
    }

    fn output_mut(&mut self) -> &mut Output {
        match &mut self.payload {
            Payload::H264(d) => &mut d.output,
            Payload::H265(d) => &mut d.output,
            Payload::Mjpeg(d) => &mut d.output,
            Payload::Aac(d) => &mut d.output,
            Payload::G711(d) => &mut d.output,
            Payload::Metadata(d) => &mut d.output,
        }
    }
}

/// The value of a format parameter.
fn fmtp<'a>(params: &DepacketizerParams<'a>, name: &str) -> Option<&'a str> {
    params.fmtp.iter().find(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// The parameter sets of these format parameters, in their order.
fn sprop<'a>(params: &'a DepacketizerParams<'a>, names: &'a [&'a str]) -> impl Iterator<Item = Bytes> + 'a {
    names.iter().filter_map(|name| fmtp(params, name)).flat_map(decode_parameter_sets)
}

fn malformed(what: &'static str, problem: &'static str, payload: &[u8]) -> DepacketizeError {
    let head = std::array::from_fn(|i| payload.get(i).copied().unwrap_or(0));
    DepacketizeError::Malformed { what, problem, len: payload.len(), head }
}

#[cfg(test)]
mod tests;
