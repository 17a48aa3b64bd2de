//! Sample entries: what `stsd` says of a track's coding.

use super::boxes::{Out, boxed, full};
use heron_core::{AudioCodec, AudioFormat, TrackFormat, VideoCodec, VideoFormat};

/// MIME type of the documents in a metadata track (`mett`, ISO 14496-12 §12.3.3).
pub(super) const METADATA_MIME: &str = "application/vnd.onvif.metadata+xml";

/// Writes the sample entry of a format.
pub(super) fn sample_entry<B: Out>(out: &mut B, format: &TrackFormat) {
    match format {
        TrackFormat::Video(v) => visual(out, v),
        TrackFormat::Audio(a) => audio(out, a),
        TrackFormat::Metadata => boxed(out, b"mett", |out| {
            out.put_bytes(0, 6);
            out.put_u16(1);
            out.put_u8(0); // content_encoding: none
            out.put_slice(METADATA_MIME.as_bytes());
            out.put_u8(0);
        }),
    }
}

fn visual<B: Out>(out: &mut B, v: &VideoFormat) {
    // `jpeg` is what QuickTime, ffmpeg, GStreamer and VLC read as one JFIF image per sample.
    let kind = match v.codec {
        VideoCodec::H264 => b"avc1",
        VideoCodec::H265 => b"hvc1",
        VideoCodec::Mjpeg => b"jpeg",
    };
    boxed(out, kind, |out| {
        out.put_bytes(0, 6);
        out.put_u16(1); // data_reference_index
        out.put_bytes(0, 16);
        out.put_u16(v.width);
        out.put_u16(v.height);
        out.put_u32(0x0048_0000); // 72 dpi
        out.put_u32(0x0048_0000);
        out.put_u32(0);
        out.put_u16(1); // frame_count
        out.put_bytes(0, 32); // compressorname
        out.put_u16(0x0018); // depth
        out.put_i16(-1);
        match v.codec {
            VideoCodec::H264 => boxed(out, b"avcC", |out| out.put_slice(&v.config)),
            VideoCodec::H265 => boxed(out, b"hvcC", |out| out.put_slice(&v.config)),
            VideoCodec::Mjpeg => {}
        }
        let (h, w) = v.pixel_aspect;
        if h != 0 && w != 0 && h != w {
            boxed(out, b"pasp", |out| {
                out.put_u32(u32::from(h));
                out.put_u32(u32::from(w));
            });
        }
    });
}

fn audio<B: Out>(out: &mut B, a: &AudioFormat) {
    let kind = match a.codec {
        AudioCodec::Aac => b"mp4a",
        AudioCodec::G711a => b"alaw",
        AudioCodec::G711u => b"ulaw",
        AudioCodec::Flac => b"fLaC",
    };
    boxed(out, kind, |out| {
        out.put_bytes(0, 6);
        out.put_u16(1);
        out.put_bytes(0, 8);
        out.put_u16(u16::from(a.channels.max(1)));
        out.put_u16(16);
        out.put_u32(0);
        // 16.16 fixed point; a rate that does not fit is zero, and the codec's own record says it.
        out.put_u32(u16::try_from(a.sample_rate_hz).map_or(0, |hz| u32::from(hz) << 16));
        match a.codec {
            AudioCodec::Aac => esds(out, &a.config),
            // STREAMINFO as the last metadata block, length 34.
            AudioCodec::Flac => full(out, b"dfLa", 0, 0, |out| {
                out.put_u32(0x8000_0000 | (a.config.len() as u32 & 0x00ff_ffff));
                out.put_slice(&a.config);
            }),
            AudioCodec::G711a | AudioCodec::G711u => {}
        }
    });
}

/// ISO 14496-1 §7.2.6: ES descriptor, decoder configuration, decoder specific info, SL configuration.
fn esds<B: Out>(out: &mut B, config: &[u8]) {
    // An AudioSpecificConfig has 2 to some tens of bytes; the one-byte lengths below bound it.
    let config = &config[..config.len().min(64)];
    let len = config.len() as u8;
    full(out, b"esds", 0, 0, |out| {
        out.put_slice(&[0x03, 3 + (2 + 13 + 2 + len) + 3, 0, 0, 0]);
        out.put_slice(&[0x04, 13 + 2 + len, 0x40, 0x15]); // MPEG-4 audio, audio stream
        out.put_slice(&[0; 3]); // bufferSizeDB
        out.put_u32(0); // maxBitrate
        out.put_u32(0); // avgBitrate
        out.put_slice(&[0x05, len]);
        out.put_slice(config);
        out.put_slice(&[0x06, 1, 2]);
    });
}
