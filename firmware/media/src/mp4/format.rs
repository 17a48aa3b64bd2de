//! From a sample entry back to a [`TrackFormat`].

use super::parse::{Box, be16, be32};
use super::problem::Problem;
use bytes::Bytes;
use heron_core::{AudioCodec, AudioFormat, TrackFormat, VideoCodec, VideoFormat};
use std::fmt::Write;

/// The format that a sample entry describes; `None` for codings Heron does not know.
pub(super) fn sample_entry(entry: &Box<'_>) -> Result<Option<TrackFormat>, Problem> {
    Ok(Some(match &entry.kind {
        b"avc1" | b"avc3" => video(entry, VideoCodec::H264, b"avcC")?,
        b"hvc1" | b"hev1" => video(entry, VideoCodec::H265, b"hvcC")?,
        b"jpeg" | b"mjpg" | b"mjpa" => video(entry, VideoCodec::Mjpeg, b"\0\0\0\0")?,
        b"mp4a" => audio(entry, AudioCodec::Aac)?,
        b"alaw" => audio(entry, AudioCodec::G711a)?,
        b"ulaw" => audio(entry, AudioCodec::G711u)?,
        b"fLaC" => audio(entry, AudioCodec::Flac)?,
        b"mett" | b"metx" => TrackFormat::Metadata,
        _ => return Ok(None),
    }))
}

fn video(entry: &Box<'_>, codec: VideoCodec, record: &[u8; 4]) -> Result<TrackFormat, Problem> {
    let (Some(width), Some(height)) = (be16(entry.body, 24), be16(entry.body, 26)) else {
        return Err(entry.damaged("it is too short"));
    };
    let inner = entry.children(78)?;
    let config = match codec {
        VideoCodec::Mjpeg => &[][..],
        _ => {
            inner.clone().find(record)?.ok_or_else(|| entry.damaged("it has no decoder configuration"))?.body
        }
    };
    let pasp = inner.find(b"pasp")?.and_then(|b| Some((be32(b.body, 0)?, be32(b.body, 4)?)));
    let pixel_aspect = pasp
        .and_then(|(h, v)| Some((u16::try_from(h).ok()?, u16::try_from(v).ok()?)))
        .filter(|(h, v)| *h != 0 && *v != 0)
        .unwrap_or((1, 1));
    let (rfc6381, parameter_sets) = match codec {
        VideoCodec::H264 => avc(config),
        VideoCodec::H265 => hevc(config),
        VideoCodec::Mjpeg => Some(("mjpg".to_owned(), Vec::new())),
    }
    .ok_or_else(|| entry.damaged("its decoder configuration is cut off"))?;
    Ok(TrackFormat::Video(VideoFormat {
        codec,
        width,
        height,
        rfc6381,
        config: Bytes::copy_from_slice(config),
        parameter_sets,
        pixel_aspect,
        reorder_frames: None,
        nominal_fps: None,
    }))
}

/// ISO 14496-15 §5.3.3.1.
fn avc(config: &[u8]) -> Option<(String, Vec<Bytes>)> {
    let &[_, profile, constraints, level, _, sps_count, ..] = config else { return None };
    let mut sets = Vec::new();
    let mut at = 6;
    take_sets(config, &mut at, usize::from(sps_count & 0x1f), &mut sets)?;
    let pps_count = *config.get(at)?;
    at += 1;
    take_sets(config, &mut at, usize::from(pps_count), &mut sets)?;
    Some((format!("avc1.{profile:02x}{constraints:02x}{level:02x}"), sets))
}

/// ISO 14496-15 §8.3.3.1 and Annex E.3 (the codec string).
fn hevc(config: &[u8]) -> Option<(String, Vec<Bytes>)> {
    let head = config.get(..23)?;
    let (space, tier, profile) = (head[1] >> 6, head[1] & 0x20 != 0, head[1] & 0x1f);
    let compatibility = be32(head, 2)?.reverse_bits();
    let mut name = "hvc1.".to_owned();
    if space != 0 {
        name.push(char::from(b'A' + space - 1));
    }
    // Writing to a String cannot fail.
    let _ = write!(name, "{profile}.{compatibility:X}.{}{}", if tier { 'H' } else { 'L' }, head[12]);
    let constraints = &head[6..12];
    let used = constraints.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        let _ = write!(name, ".{byte:X}");
    }
    let mut arrays = Vec::new();
    let mut at = 23;
    for _ in 0..head[22] {
        let kind = config.get(at)? & 0x3f;
        let count = usize::from(be16(config, at + 1)?);
        at += 3;
        let mut sets = Vec::new();
        take_sets(config, &mut at, count, &mut sets)?;
        arrays.push((kind, sets));
    }
    // 32 VPS, 33 SPS, 34 PPS; suffix SEI (39, 40) are no parameter sets.
    arrays.retain(|(kind, _)| (32..=34).contains(kind));
    arrays.sort_by_key(|(kind, _)| *kind);
    Some((name, arrays.into_iter().flat_map(|(_, sets)| sets).collect()))
}

/// `count` NAL units, each behind a 16-bit length. Bounded by `config`: each takes at least two bytes of it.
fn take_sets(config: &[u8], at: &mut usize, count: usize, sets: &mut Vec<Bytes>) -> Option<()> {
    for _ in 0..count {
        let len = usize::from(be16(config, *at)?);
        sets.push(Bytes::copy_from_slice(config.get(*at + 2..*at + 2 + len)?));
        *at += 2 + len;
    }
    Some(())
}

fn audio(entry: &Box<'_>, codec: AudioCodec) -> Result<TrackFormat, Problem> {
    let short = || entry.damaged("it is too short");
    let version = be16(entry.body, 8).ok_or_else(short)?;
    let channels = be16(entry.body, 16).ok_or_else(short)?;
    let mut sample_rate_hz = be32(entry.body, 24).ok_or_else(short)? >> 16;
    // QuickTime's version 1 has four more numbers before the boxes.
    let inner = entry.children(if version == 1 { 28 + 16 } else { 28 })?;
    let missing = || entry.damaged("it has no decoder configuration");
    let (config, rfc6381) = match codec {
        AudioCodec::Aac => {
            let esds = inner.find(b"esds")?.ok_or_else(missing)?;
            let config = decoder_specific(esds.body.get(4..).ok_or_else(missing)?).ok_or_else(missing)?;
            let kind = match config {
                &[a, b, ..] if a >> 3 == 31 => 32 + ((a & 7) << 3 | b >> 5),
                &[a, ..] => a >> 3,
                [] => return Err(missing()),
            };
            (config, format!("mp4a.40.{kind}"))
        }
        AudioCodec::Flac => {
            let dfla = inner.find(b"dfLa")?.ok_or_else(missing)?;
            let info = dfla.body.get(8..42).ok_or_else(missing)?;
            sample_rate_hz = be32(info, 10).unwrap_or(0) >> 12;
            (info, "flac".to_owned())
        }
        AudioCodec::G711a => (&[][..], "alaw".to_owned()),
        AudioCodec::G711u => (&[][..], "ulaw".to_owned()),
    };
    Ok(TrackFormat::Audio(AudioFormat {
        codec,
        sample_rate_hz,
        channels: u8::try_from(channels).unwrap_or(u8::MAX).max(1),
        config: Bytes::copy_from_slice(config),
        rfc6381,
    }))
}

/// The DecoderSpecificInfo (tag 5) in an ES descriptor: a walk down a fixed path, 3 then 4 then 5.
fn decoder_specific(mut bytes: &[u8]) -> Option<&[u8]> {
    for (tag, skip) in [(3, 3), (4, 13), (5, 0)] {
        let body = loop {
            let (found, body, rest) = descriptor(bytes)?;
            if found == tag {
                break body;
            }
            bytes = rest;
        };
        bytes = if tag == 3 {
            // Optional fields by flags: stream dependence, URL, OCR stream.
            let flags = *body.get(2)?;
            let mut at = skip;
            if flags & 0x80 != 0 {
                at += 2;
            }
            if flags & 0x40 != 0 {
                at += 1 + usize::from(*body.get(at)?);
            }
            if flags & 0x20 != 0 {
                at += 2;
            }
            body.get(at..)?
        } else {
            body.get(skip..)?
        };
    }
    Some(bytes)
}

/// Tag, content and what follows; the length has up to four bytes of seven bits.
fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let tag = *bytes.first()?;
    let mut len = 0usize;
    for at in 1..=4 {
        let b = *bytes.get(at)?;
        len = len << 7 | usize::from(b & 0x7f);
        if b & 0x80 == 0 {
            let body = bytes.get(at + 1..)?;
            return Some((tag, body.get(..len)?, &body[len..]));
        }
    }
    None
}
