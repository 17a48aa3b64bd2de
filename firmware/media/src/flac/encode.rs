//! Frames.

use super::bits::BitWriter;
use super::crc::{crc8, crc16};
use super::rice;
use crate::g711::Law;
use bytes::Bytes;
use heron_core::{AudioCodec, AudioFormat};

/// Most samples per channel in a frame (RFC 9639 §9.1.6, without the reserved largest).
pub const MAX_BLOCK: usize = 65_535;

/// What a stream of FLAC frames is made of. 16 bits per sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamInfo {
    /// Samples per second, 1 to 1 048 575.
    pub sample_rate_hz: u32,
    /// 1 or 2.
    pub channels: u8,
}

impl StreamInfo {
    /// For FLAC made from that sound; `None` unless it is G.711 with one or two channels and a rate that FLAC can say.
    pub fn of_g711(format: &AudioFormat) -> Option<Self> {
        Law::of(format.codec)?;
        let fits = (1..=2).contains(&format.channels) && (1..1 << 20).contains(&format.sample_rate_hz);
        fits.then_some(Self { sample_rate_hz: format.sample_rate_hz, channels: format.channels })
    }

    /// The STREAMINFO block without its metadata block header (§8.2). Frame sizes, total length and MD5 are unknown; a
    /// stream is never finished.
    pub fn to_bytes(self) -> [u8; 34] {
        let mut out = [0; 34];
        out[0..2].copy_from_slice(&16u16.to_be_bytes());
        out[2..4].copy_from_slice(&(MAX_BLOCK as u16).to_be_bytes());
        let channels = u64::from(self.channels.clamp(1, 2));
        let packed = u64::from(self.sample_rate_hz & 0x000f_ffff) << 44 | (channels - 1) << 41 | 15 << 36;
        out[10..18].copy_from_slice(&packed.to_be_bytes());
        out
    }

    /// The track format of such a stream.
    pub fn audio_format(self) -> AudioFormat {
        AudioFormat {
            codec: AudioCodec::Flac,
            sample_rate_hz: self.sample_rate_hz,
            channels: self.channels,
            config: Bytes::copy_from_slice(&self.to_bytes()),
            rfc6381: "flac".to_owned(),
        }
    }

    fn channels(self) -> usize {
        usize::from(self.channels.clamp(1, 2))
    }
}

/// Bytes of the coded number (§9.1.5): like UTF-8, to 36 bits.
fn number_len(n: u64) -> usize {
    match n {
        0..0x80 => 1,
        0x80..0x800 => 2,
        0x800..0x1_0000 => 3,
        0x1_0000..0x20_0000 => 4,
        0x20_0000..0x400_0000 => 5,
        0x400_0000..0x8000_0000 => 6,
        _ => 7,
    }
}

fn put_number(out: &mut Vec<u8>, n: u64) {
    let len = number_len(n);
    if len == 1 {
        out.push(n as u8);
        return;
    }
    let lead = !(0xffu32 >> len) as u8;
    out.push(lead | (n >> (6 * (len - 1))) as u8);
    for i in (0..len - 1).rev() {
        out.push(0x80 | (n >> (6 * i)) as u8 & 0x3f);
    }
}

/// A sample number wraps at 36 bits: 99 days at 8 kHz.
const NUMBER: u64 = (1 << 36) - 1;

/// §9.1: variable block size, block size in 16 bits, 16 bits per sample.
fn frame_header(info: StreamInfo, first_sample: u64, samples: usize, out: &mut Vec<u8>) {
    let at = out.len();
    let rate = match info.sample_rate_hz {
        8_000 => 4,
        16_000 => 5,
        22_050 => 6,
        24_000 => 7,
        32_000 => 8,
        44_100 => 9,
        48_000 => 10,
        96_000 => 11,
        _ => 0, // as in STREAMINFO
    };
    out.extend_from_slice(&[0xff, 0xf9, 0x70 | rate, (info.channels() as u8 - 1) << 4 | 0x08]);
    put_number(out, first_sample & NUMBER);
    out.extend_from_slice(&((samples - 1) as u16).to_be_bytes());
    out.push(crc8(&out[at..]));
}

/// Length in bytes of a [`verbatim_frame`] of `samples` samples per channel. It depends on `first_sample` only by how many
/// bytes that number takes.
pub fn verbatim_len(info: StreamInfo, first_sample: u64, samples: usize) -> usize {
    4 + number_len(first_sample & NUMBER) + 2 + 1 + info.channels() * (1 + 2 * samples) + 2
}

/// Cuts `pcm` to whole samples and to [`MAX_BLOCK`]; `None` when nothing is left.
fn block(info: StreamInfo, pcm: &[i16]) -> Option<(&[i16], usize)> {
    let samples = (pcm.len() / info.channels()).min(MAX_BLOCK);
    (samples > 0).then(|| (&pcm[..samples * info.channels()], samples))
}

/// Appends a verbatim frame of the interleaved samples `pcm` (1 to [`MAX_BLOCK`] per channel; more are cut off, of none there
/// is no frame).
pub fn verbatim_frame(info: StreamInfo, first_sample: u64, pcm: &[i16], out: &mut Vec<u8>) {
    let Some((pcm, samples)) = block(info, pcm) else { return };
    let at = out.len();
    out.reserve(verbatim_len(info, first_sample, samples));
    frame_header(info, first_sample, samples, out);
    for channel in 0..info.channels() {
        out.push(0x02);
        for sample in pcm.iter().skip(channel).step_by(info.channels()) {
            out.extend_from_slice(&sample.to_be_bytes());
        }
    }
    let crc = crc16(&out[at..]);
    out.extend_from_slice(&crc.to_be_bytes());
}

/// Appends a compressed frame: fixed predictors with Rice codes, or constant or verbatim where that is smaller. The same
/// limits as for [`verbatim_frame`].
pub fn compressed_frame(info: StreamInfo, first_sample: u64, pcm: &[i16], out: &mut Vec<u8>) {
    let Some((pcm, samples)) = block(info, pcm) else { return };
    let at = out.len();
    frame_header(info, first_sample, samples, out);
    let mut bits = BitWriter::new(out);
    let mut channel_samples = Vec::with_capacity(samples);
    for channel in 0..info.channels() {
        channel_samples.clear();
        channel_samples.extend(pcm.iter().skip(channel).step_by(info.channels()).map(|s| i32::from(*s)));
        rice::subframe(&mut bits, &mut channel_samples);
    }
    bits.align();
    let crc = crc16(&out[at..]);
    out.extend_from_slice(&crc.to_be_bytes());
}

/// One packet of G.711 as one compressed FLAC frame, for live view; `first_sample` is its number in the stream (its decoding
/// time in samples). `None` when `format` is not G.711 that FLAC can say, or the packet is empty.
pub fn from_g711(format: &AudioFormat, first_sample: u64, g711: &[u8]) -> Option<Bytes> {
    let law = Law::of(format.codec)?;
    let info = StreamInfo::of_g711(format)?;
    let pcm: Vec<i16> = g711.iter().map(|code| law.decode(*code)).collect();
    let mut out = Vec::with_capacity(32 + g711.len());
    compressed_frame(info, first_sample, &pcm, &mut out);
    (!out.is_empty()).then(|| out.into())
}
