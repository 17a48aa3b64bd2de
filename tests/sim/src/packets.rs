//! A clip cut into RTP payloads once, for all cameras that show it.

use crate::clip::{Clip, Codec, Track};
use bytes::Bytes;
use heron_core::{AudioCodec, AudioFormat, TrackFormat, TrackKind, VideoCodec, VideoFormat};
use heron_media::nal;
use heron_media::rtp::{PacketList, Packetizer};
use std::sync::Arc;

/// Payload bytes in a packet: with 12 bytes of RTP and 28 of UDP over IPv4 they fit an Ethernet frame, and leave
/// room for a tunnel's header.
pub const MAX_PAYLOAD: usize = 1400;

/// One access unit as RTP payloads.
#[derive(Debug)]
pub struct Frame {
    /// Decoding time in ticks of the RTP clock, from the start of the track: when it is sent.
    pub dts: i64,
    /// Presentation time in ticks of the RTP clock: its timestamp.
    pub pts: i64,
    /// Decoding can start here.
    pub key: bool,
    /// The payloads.
    pub packets: PacketList,
}

/// A track of a clip, or the description of one that is made as it goes.
#[derive(Debug)]
pub struct PacketTrack {
    /// Pictures or sound.
    pub kind: TrackKind,
    /// How it is described and cut.
    pub packetizer: Packetizer,
    /// The codec, for H.264 and H.265 filler.
    pub codec: Codec,
    /// RTP payload type.
    pub payload_type: u8,
    /// Ticks per second.
    pub clock_hz: u32,
    /// The loop; empty when frames are made as it goes.
    pub frames: Vec<Frame>,
    /// Length of the loop in ticks.
    pub period: i64,
}

/// A clip ready to send.
#[derive(Debug)]
pub struct PacketClip {
    /// The pictures.
    pub video: Arc<PacketTrack>,
    /// The sound.
    pub audio: Option<Arc<PacketTrack>>,
}

impl PacketClip {
    /// Cuts a clip.
    ///
    /// # Errors
    /// Words that say what in the clip has no RTP payload format.
    pub fn new(clip: &Clip) -> Result<Self, String> {
        let video = Arc::new(PacketTrack::new(&clip.video)?);
        let audio = clip.audio.as_ref().map(PacketTrack::new).transpose()?.map(Arc::new);
        Ok(Self { video, audio })
    }
}

impl PacketTrack {
    /// Cuts a track.
    ///
    /// # Errors
    /// Words that say what in the track has no RTP payload format.
    pub fn new(track: &Track) -> Result<Self, String> {
        let packetizer = packetizer(&track.codec, track.clock_hz, track.size)?;
        let mut frames = Vec::with_capacity(track.samples.len());
        for s in &track.samples {
            let payload = bare(&track.codec, &s.payload);
            let mut packets = PacketList::new();
            packetizer
                .packetize(&payload, s.key, MAX_PAYLOAD, &mut packets)
                .map_err(|e| format!("the sample at tick {} cannot be cut: {e}", s.dts))?;
            if !packets.is_empty() {
                frames.push(Frame { dts: s.dts, pts: s.pts, key: s.key, packets });
            }
        }
        Ok(Self::described(&track.codec, packetizer, track.clock_hz, frames, track.period))
    }

    /// A track whose frames are made as it goes.
    ///
    /// # Errors
    /// Words that say what is wrong with the codec's description.
    pub fn live(codec: &Codec, clock_hz: u32, size: (u16, u16)) -> Result<Self, String> {
        let packetizer = packetizer(codec, clock_hz, size)?;
        Ok(Self::described(codec, packetizer, clock_hz, Vec::new(), 0))
    }

    fn described(
        codec: &Codec,
        packetizer: Packetizer,
        clock_hz: u32,
        frames: Vec<Frame>,
        period: i64,
    ) -> Self {
        let kind = if codec.is_video() { TrackKind::Video } else { TrackKind::Audio };
        let dynamic = if codec.is_video() { 96 } else { 97 };
        let payload_type = packetizer.static_payload_type().unwrap_or(dynamic);
        Self { kind, packetizer, codec: codec.clone(), payload_type, clock_hz, frames, period }
    }

    /// The media section of a session description, with `control` as its control attribute.
    pub fn describe(&self, control: &str, out: &mut String) {
        use std::fmt::Write as _;
        let (media, pt) = (if self.kind == TrackKind::Video { "video" } else { "audio" }, self.payload_type);
        let p = &self.packetizer;
        // Writing to a String cannot fail.
        let _ = write!(out, "m={media} 0 RTP/AVP {pt}\r\nc=IN IP4 0.0.0.0\r\n");
        let channels = p.channels().map(|n| format!("/{n}")).unwrap_or_default();
        let _ = write!(out, "a=rtpmap:{pt} {}/{}{channels}\r\n", p.encoding(), p.clock_rate_hz());
        if let Some(fmtp) = p.fmtp() {
            let _ = write!(out, "a=fmtp:{pt} {fmtp}\r\n");
        }
        let _ = write!(out, "a=control:{control}\r\n");
    }
}

/// The format of a codec as the house knows it.
fn format(codec: &Codec, clock_hz: u32, size: (u16, u16)) -> Result<TrackFormat, String> {
    let audio = |codec, channels, config, rfc6381: &str| {
        let rfc6381 = rfc6381.to_owned();
        TrackFormat::Audio(AudioFormat { codec, sample_rate_hz: clock_hz, channels, config, rfc6381 })
    };
    let video = match codec {
        Codec::H264(sets) => {
            let of = |kind| sets.iter().filter(move |s| s[0] & 0x1f == kind).cloned().collect::<Vec<_>>();
            heron_media::h264::video_format(&of(7), &of(8))
        }
        Codec::H265(sets) => {
            let of =
                |kind| sets.iter().filter(move |s| s[0] >> 1 & 0x3f == kind).cloned().collect::<Vec<_>>();
            heron_media::h265::video_format(&of(32), &of(33), &of(34))
        }
        Codec::Mjpeg => Ok(VideoFormat {
            codec: VideoCodec::Mjpeg,
            width: size.0,
            height: size.1,
            rfc6381: "mjpg".into(),
            config: Bytes::new(),
            parameter_sets: Vec::new(),
            pixel_aspect: (1, 1),
            reorder_frames: Some(0),
            nominal_fps: None,
        }),
        Codec::Aac { config, channels } => {
            return Ok(audio(AudioCodec::Aac, *channels, config.clone(), "mp4a.40.2"));
        }
        Codec::G711a => return Ok(audio(AudioCodec::G711a, 1, Bytes::new(), "alaw")),
        Codec::G711u => return Ok(audio(AudioCodec::G711u, 1, Bytes::new(), "ulaw")),
    };
    video.map(TrackFormat::Video).map_err(|e| format!("its parameter sets cannot be read: {e}"))
}

fn packetizer(codec: &Codec, clock_hz: u32, size: (u16, u16)) -> Result<Packetizer, String> {
    Packetizer::new(&format(codec, clock_hz, size)?).map_err(|e| e.to_string())
}

/// An access unit without parameter sets and delimiters, as packetisers take it: they put the sets of the format
/// before each key frame themselves.
fn bare(codec: &Codec, payload: &Bytes) -> Bytes {
    let unwanted = |unit: &[u8]| match (codec, unit) {
        (Codec::H264(_), [head, ..]) => matches!(head & 0x1f, 7..=9),
        (Codec::H265(_), [head, ..]) => matches!(head >> 1 & 0x3f, 32..=35),
        _ => false,
    };
    if !matches!(codec, Codec::H264(_) | Codec::H265(_)) {
        return payload.clone();
    }
    if !nal::length_prefixed(payload).any(|u| u.is_ok_and(unwanted)) {
        return payload.clone();
    }
    let mut out = Vec::with_capacity(payload.len());
    for unit in nal::length_prefixed(payload).map_while(Result::ok).filter(|u| !unwanted(u)) {
        nal::push_length_prefixed(unit, &mut out);
    }
    out.into()
}
