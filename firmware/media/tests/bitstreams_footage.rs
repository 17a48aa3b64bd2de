//! Real access units through packetiser and depacketiser: what goes in has to come out, at any packet size, and
//! whatever is lost on the way.

#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

use bytes::Bytes;
use heron_core::{TrackFormat, VideoCodec};
use heron_media::rtp::{Depacketizer, DepacketizerParams, Frame, Header, Packet, PacketList, Packetizer};
use heron_media::{aac, g711, h264, h265, mjpeg, nal};
use std::path::PathBuf;
use std::process::Command;

/// A file of the test footage; `None` where there is none.
fn footage(name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("HERON_DATA").map_or_else(beside, PathBuf::from).join("footage").join(name);
    if !path.exists() {
        println!("skipped: no footage ({name})");
        return None;
    }
    Some(path)
}

/// What ffmpeg makes of the first seconds of a file; `None` without ffmpeg.
fn ffmpeg(name: &str, options: &[&str]) -> Option<Vec<u8>> {
    let path = footage(name)?;
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-t", "4", "-i"])
        .arg(path)
        .args(options)
        .arg("pipe:1")
        .output();
    match output {
        Ok(output) if output.status.success() => Some(output.stdout),
        Ok(output) => panic!("ffmpeg {options:?}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            println!("skipped: no footage (ffmpeg: {error})");
            None
        }
    }
}

struct Track {
    format: TrackFormat,
    /// Payload and whether decoding can start there.
    units: Vec<(Vec<u8>, bool)>,
}

/// Cuts an Annex B stream with access unit delimiters into access units.
fn video(stream: &[u8], codec: VideoCodec) -> Track {
    let h264 = codec == VideoCodec::H264;
    let unit_type = |unit: &[u8]| if h264 { unit[0] & 0x1f } else { (unit[0] >> 1) & 0x3f };
    let (aud, sets) = if h264 { (9, [99, 7, 8]) } else { (35, [32, 33, 34]) };
    let mut parameter_sets: [Vec<Bytes>; 3] = Default::default();
    let mut units = Vec::new();
    for unit in nal::annex_b(stream) {
        if unit_type(unit) == aud {
            units.push((Vec::new(), false));
        } else if let Some(which) = sets.iter().position(|&s| s == unit_type(unit)) {
            let unit = Bytes::copy_from_slice(unit);
            if !parameter_sets[which].contains(&unit) {
                parameter_sets[which].push(unit);
            }
        } else if let Some((payload, _)) = units.last_mut() {
            nal::push_length_prefixed(unit, payload);
        }
    }
    for (payload, random_access) in &mut units {
        *random_access = if h264 { h264::is_key_frame(payload) } else { h265::is_key_frame(payload) };
    }
    let [vps, sps, pps] = parameter_sets;
    let format = if h264 { h264::video_format(&sps, &pps) } else { h265::video_format(&vps, &sps, &pps) };
    Track { format: TrackFormat::Video(format.unwrap()), units }
}

fn h264_track(name: &str) -> Option<Track> {
    let options =
        ["-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb,h264_metadata=aud=insert", "-f", "h264"];
    ffmpeg(name, &options).map(|stream| video(&stream, VideoCodec::H264))
}

fn h265_track() -> Option<Track> {
    let options =
        ["-map", "0:v", "-c", "copy", "-bsf:v", "hevc_mp4toannexb,hevc_metadata=aud=insert", "-f", "hevc"];
    ffmpeg("car_main_1080p12_h265.mp4", &options).map(|stream| video(&stream, VideoCodec::H265))
}

fn mjpeg_track(options: &[&str]) -> Option<Track> {
    let options = [&["-map", "0:v"], options, &["-f", "image2pipe"]].concat();
    let stream = ffmpeg("car_sub_360p12_mjpeg.mkv", &options)?;
    let starts: Vec<_> = (0..stream.len() - 2).filter(|&i| stream[i..i + 3] == [0xff, 0xd8, 0xff]).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let units: Vec<_> =
        starts.iter().zip(ends).map(|(&from, to)| (stream[from..to].to_vec(), true)).collect();
    let (width, height) = mjpeg::image_size(&units[0].0).unwrap();
    Some(Track { format: TrackFormat::Video(mjpeg::video_format(width, height)), units })
}

fn aac_track() -> Option<Track> {
    let options = ["-map", "0:a", "-c", "copy", "-f", "adts"];
    let stream = ffmpeg("car_main_1080p25_h264_aac.mp4", &options)?;
    let mut units = Vec::new();
    let mut rest = &stream[..];
    while rest.len() > 7 {
        // ADTS (ISO 14496-3 annex 1.A): 13 bits of frame length, header included.
        let length = usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5] >> 5);
        units.push((rest[7..length].to_vec(), true));
        rest = &rest[length..];
    }
    let config = aac::AudioSpecificConfig::lc(16_000, 1).unwrap().encode();
    Some(Track { format: TrackFormat::Audio(aac::audio_format(config.into(), 1).unwrap()), units })
}

fn g711_track() -> Option<Track> {
    let stream = ffmpeg("car_sub_360p12_h264_g711a.mkv", &["-map", "0:a", "-c", "copy", "-f", "alaw"])?;
    let units = stream.chunks(1000).map(|samples| (samples.to_vec(), true)).collect();
    Some(Track { format: TrackFormat::Audio(g711::Law::A.audio_format(8000, 1)), units })
}

fn depacketizer(packetizer: &Packetizer) -> Depacketizer {
    let fmtp: Vec<_> = packetizer
        .fmtp()
        .iter()
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Depacketizer::new(&DepacketizerParams {
        encoding: packetizer.encoding(),
        clock_rate_hz: packetizer.clock_rate_hz(),
        channels: packetizer.channels().unwrap_or(1),
        fmtp: &fmtp,
    })
    .unwrap()
}

/// Sends the track and returns the frames. `lose(n)`: packet number n does not arrive.
fn send(
    track: &Track,
    max_payload: usize,
    with_sprop: bool,
    lose: impl Fn(usize) -> bool,
) -> (Vec<Frame>, usize) {
    let packetizer = Packetizer::new(&track.format).unwrap();
    let mut depacketizer = match with_sprop {
        true => depacketizer(&packetizer),
        false => Depacketizer::new(&DepacketizerParams {
            encoding: packetizer.encoding(),
            clock_rate_hz: 90_000,
            channels: 1,
            fmtp: &[],
        })
        .unwrap(),
    };
    let (mut list, mut frames) = (PacketList::new(), Vec::new());
    let (mut number, mut lost) = (0, false);
    for (n, (payload, random_access)) in track.units.iter().enumerate() {
        list.clear();
        packetizer.packetize(payload, *random_access, max_payload, &mut list).unwrap();
        for piece in list.iter() {
            assert!(piece.payload.len() <= max_payload);
            number += 1;
            if lose(number) {
                lost = true;
                continue;
            }
            let timestamp = n as u32 * 10_000 + piece.timestamp_offset;
            let header = Header {
                marker: piece.marker,
                payload_type: 96,
                sequence: number as u16,
                timestamp,
                ssrc: 7,
            };
            let bytes = [&header.encode()[..], piece.payload].concat();
            let packet = Packet::parse(&bytes).unwrap();
            depacketizer.push(&packet, std::mem::take(&mut lost)).unwrap();
            frames.extend(std::iter::from_fn(|| depacketizer.pull()));
        }
    }
    depacketizer.flush();
    frames.extend(std::iter::from_fn(|| depacketizer.pull()));
    (frames, number)
}

fn round_trip(track: &Track) {
    assert!(track.units.len() > 20, "{} units", track.units.len());
    for max_payload in [300, 1200, 1460, 65_000] {
        for with_sprop in [true, false] {
            // AAC cannot do without.
            if !with_sprop && track.format.audio().is_some() {
                continue;
            }
            let (frames, _) = send(track, max_payload, with_sprop, |_| false);
            assert_eq!(frames.len(), track.units.len());
            for (n, (frame, (payload, random_access))) in frames.iter().zip(&track.units).enumerate() {
                assert!(frame.payload[..] == payload[..], "unit {n} of {} bytes differs", payload.len());
                assert_eq!((frame.random_access, frame.lost_before), (*random_access, false));
                assert_eq!(frame.rtp_timestamp, n as u32 * 10_000);
                assert_eq!(*frame.format, track.format);
            }
        }
    }
}

/// Every undamaged frame is one that was sent; every other one is marked. A frame whose packets all came is there.
fn survives_loss(track: &Track) {
    for seed in 1..6usize {
        let lose = |n: usize| n.wrapping_mul(2_654_435_761).wrapping_mul(seed) >> 7 & 0x1f == 0;
        let (frames, packets) = send(track, 1200, true, lose);
        let dropped = (1..=packets).filter(|&n| lose(n)).count();
        assert!(dropped > 0, "nothing lost of {packets}");
        for frame in frames.iter().filter(|f| !f.lost_before) {
            let (payload, _) = &track.units[frame.rtp_timestamp as usize / 10_000];
            assert!(frame.payload[..] == payload[..], "a damaged frame without its mark");
        }
        assert!(frames.len() + dropped >= track.units.len(), "more frames gone than packets");
    }
}

#[test]
fn h264_comes_out_as_it_went_in() {
    for name in ["car_main_1080p25_h264_aac.mp4", "person_sub_360p10_h264.mp4"] {
        let Some(track) = h264_track(name) else { return };
        round_trip(&track);
        survives_loss(&track);
    }
}

#[test]
fn h265_comes_out_as_it_went_in() {
    let Some(track) = h265_track() else { return };
    round_trip(&track);
    survives_loss(&track);
}

#[test]
fn aac_comes_out_as_it_went_in() {
    let Some(track) = aac_track() else { return };
    round_trip(&track);
    survives_loss(&track);
}

#[test]
fn g711_comes_out_as_it_went_in() {
    let Some(track) = g711_track() else { return };
    let (frames, _) = send(&track, 1200, true, |_| false);
    assert!(frames.iter().zip(&track.units).all(|(f, (payload, _))| f.payload[..] == payload[..]));
    // Cut in four: the timestamps of the parts go on by their samples.
    let (frames, _) = send(&track, 300, true, |_| false);
    let parts: Vec<_> = frames[..4].iter().map(|f| (f.rtp_timestamp, f.audio_samples)).collect();
    assert_eq!(parts, [(0, 300), (300, 300), (600, 300), (900, 100)]);
    assert_eq!(
        frames.iter().flat_map(|f| f.payload.to_vec()).collect::<Vec<_>>(),
        track.units.iter().flat_map(|u| u.0.clone()).collect::<Vec<_>>()
    );
}

/// The pixels of an image, as ffmpeg decodes them.
fn pixels(jpeg: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.jpg");
    std::fs::write(&path, jpeg).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&path)
        .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1"])
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn mjpeg_shows_the_same_picture() {
    // As the file has it, with Huffman tables of its own; with standard tables; with restart markers.
    let variants: [&[&str]; 3] = [
        &["-c", "copy"],
        &["-c:v", "mjpeg", "-huffman", "default", "-q:v", "3"],
        &["-c:v", "mjpeg", "-slices", "4", "-q:v", "8"],
    ];
    for variant in variants {
        let Some(track) = mjpeg_track(variant) else { return };
        let (frames, _) = send(&track, 1200, true, |_| false);
        assert_eq!(frames.len(), track.units.len());
        for n in [0, frames.len() / 2] {
            assert!(
                pixels(&frames[n].payload) == pixels(&track.units[n].0),
                "image {n} of {variant:?} looks different"
            );
        }
        // What came out has the headers of RFC 2435; sent again it comes out the same to the byte.
        let again = Track {
            format: track.format.clone(),
            units: frames.iter().map(|f| (f.payload.to_vec(), true)).collect(),
        };
        round_trip(&again);
        survives_loss(&again);
    }
}

#[test]
fn metadata_comes_out_as_it_went_in() {
    let units = (0..40)
        .map(|n| (format!("<tt:MetadataStream n=\"{n}\">{}</tt:MetadataStream>", "x".repeat(n * 200)), true));
    let track = Track {
        format: TrackFormat::Metadata,
        units: units.map(|(text, random_access)| (text.into_bytes(), random_access)).collect(),
    };
    round_trip(&track);
    survives_loss(&track);
}
