//! # flac: G.711 sound as a browser can play it (RFC 9639)
//!
//! Frames are *verbatim* (length known without looking at the sound) or *compressed* (fixed predictor and Rice code).

use bytes::Bytes;
use heron_core::AudioFormat;

/// What a stream of FLAC frames is made of. 16 bits per sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Samples per second, 1 to 1 048 575.
    pub sample_rate_hz: u32,
    /// 1 or 2.
    pub channels: u8,
}

impl StreamInfo {
    /// The STREAMINFO block (34 bytes, without metadata block header).
    pub fn to_bytes(self) -> [u8; 34] {
        unimplemented!()
    }
    /// The track format of FLAC made from this sound.
    pub fn audio_format(self) -> AudioFormat {
        unimplemented!()
    }
}

/// Length in bytes of [`verbatim_frame`] of `samples` samples per channel.
pub fn verbatim_len(info: StreamInfo, first_sample: u64, samples: usize) -> usize {
    let _ = (info, first_sample, samples);
    unimplemented!()
}

/// Appends a verbatim frame of the interleaved samples `pcm` (1 to 65 535 per channel).
pub fn verbatim_frame(info: StreamInfo, first_sample: u64, pcm: &[i16], out: &mut Vec<u8>) {
    let _ = (info, first_sample, pcm, out);
    unimplemented!()
}

/// Appends a compressed frame (fixed predictors, Rice code; verbatim or constant where that is smaller).
pub fn compressed_frame(info: StreamInfo, first_sample: u64, pcm: &[i16], out: &mut Vec<u8>) {
    let _ = (info, first_sample, pcm, out);
    unimplemented!()
}

/// One packet of G.711 as a compressed FLAC frame; `None` unless `format` is G.711. For live view.
pub fn from_g711(format: &AudioFormat, first_sample: u64, g711: &[u8]) -> Option<Bytes> {
    let _ = (format, first_sample, g711);
    unimplemented!()
}
