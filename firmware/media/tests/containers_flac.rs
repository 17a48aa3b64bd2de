//! FLAC frames: decoded by ffmpeg to the same samples, bare and in MP4.
#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod containers_common;

use containers_common::*;
use heron_core::{AudioCodec, MediaTime, TrackFormat, TrackKind};
use heron_media::flac::{MAX_BLOCK, StreamInfo, compressed_frame, from_g711, verbatim_frame, verbatim_len};
use heron_media::g711::Law;
use heron_media::mp4::{Sample, TrackSpec};
use proptest::prelude::*;
use std::sync::Arc;

/// A bare FLAC file: marker, STREAMINFO as the last metadata block, frames.
fn flac_file(info: StreamInfo, frames: &[u8]) -> Vec<u8> {
    let mut file = b"fLaC\x80\x00\x00\x22".to_vec();
    file.extend_from_slice(&info.to_bytes());
    file.extend_from_slice(frames);
    file
}

/// Something that sounds: a sweep with noise, quantised as G.711 is.
fn sound(n: usize, channels: usize) -> Vec<i16> {
    let mut noise = 1u32;
    (0..n * channels)
        .map(|i| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let t = (i / channels) as f64 / 8_000.0;
            let tone = (t * 2_000.0 * (1.0 + t)).sin() * 9_000.0 * (1.0 - (i % channels) as f64 * 0.5);
            (tone as i32 + (noise >> 22) as i32) as i16 & !7
        })
        .collect()
}

type FrameWriter = fn(StreamInfo, u64, &[i16], &mut Vec<u8>);

#[test]
fn ffmpeg_hears_the_same_samples() {
    if !has("ffmpeg") {
        return;
    }
    for (rate, channels) in [(8_000, 1), (16_000, 1), (8_000, 2), (11_025, 1), (48_000, 2)] {
        let info = StreamInfo { sample_rate_hz: rate, channels };
        let channels = usize::from(channels);
        let mut pcm = sound(20_000, channels);
        pcm.extend(vec![1_234; 2_000 * channels]); // constant
        pcm.extend((0..1_000 * channels).map(|i| (i as i16).wrapping_mul(25_173))); // noise
        pcm.extend([i16::MIN, i16::MAX].repeat(500 * channels));
        for writer in [verbatim_frame as FrameWriter, compressed_frame] {
            let mut frames = Vec::new();
            let (mut at, mut sizes) = (0, [160, 1_024, 16, 333, 4_608, 20].into_iter().cycle());
            while at < pcm.len() / channels {
                let n = sizes.next().unwrap().min(pcm.len() / channels - at);
                writer(info, at as u64, &pcm[at * channels..(at + n) * channels], &mut frames);
                at += n;
            }
            assert_eq!(decode_sound(&flac_file(info, &frames), "flac"), pcm, "{rate} Hz, {channels}");
        }
    }
}

#[test]
fn compressing_pays() {
    let info = StreamInfo { sample_rate_hz: 8_000, channels: 1 };
    let pcm = sound(8_000, 1);
    let mut out = Vec::new();
    pcm.chunks(160).enumerate().for_each(|(n, p)| compressed_frame(info, n as u64 * 160, p, &mut out));
    assert!(out.len() < pcm.len() * 2 * 7 / 10, "{} of {}", out.len(), pcm.len() * 2);
}

#[test]
fn both_laws_are_what_ffmpeg_takes_them_for() {
    if !has("ffmpeg") {
        return;
    }
    for (law, name) in [(Law::A, "alaw"), (Law::Mu, "mulaw")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all");
        std::fs::write(&path, (0..=255).collect::<Vec<u8>>()).unwrap();
        let done = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-f", name, "-ar", "8000", "-ac", "1", "-i"])
            .arg(&path)
            .args(["-f", "s16le", "-"])
            .output()
            .unwrap();
        let want: Vec<i16> = done.stdout.chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        let ours: Vec<i16> = (0..=255).map(|code| law.decode(code)).collect();
        assert_eq!(ours, want);
        assert!(law.decode(law.silence()).abs() <= 8);
    }
}

#[test]
fn live_packets_in_mp4_play() {
    if !has("ffmpeg") {
        return;
    }
    let g711 = g711_format(AudioCodec::G711u);
    let info = StreamInfo::of_g711(&g711).unwrap();
    let track = TrackSpec::new(Arc::new(TrackFormat::Audio(info.audio_format())));
    let codes: Vec<u8> = (0..40_000u32).map(|i| (i * i / 77) as u8).collect();
    let samples = codes.chunks(160).enumerate().map(|(n, packet)| Sample {
        track: TrackKind::Audio,
        payload: from_g711(&g711, n as u64 * 160, packet).unwrap(),
        pts: MediaTime(n as i64 * 1_800),
        dts: MediaTime(n as i64 * 1_800),
        sync: true,
        audio_samples: 160,
        wall: NOW,
    });
    let clip = Clip { tracks: vec![track], samples: samples.collect() };
    let mut file = heron_media::mp4::init_segment(&clip.tracks, NOW);
    for (n, sample) in clip.samples.iter().enumerate() {
        let fragment = heron_media::mp4::write::single_sample_fragment(
            &clip.tracks[0],
            MediaTime(0),
            n as u32 + 1,
            sample,
            160,
        );
        file.extend_from_slice(&fragment);
    }
    let seen = judge(&file, true);
    assert_eq!(seen.stream(0, "codec_name"), "flac");
    assert_eq!(seen.stream(0, "sample_rate"), "8000");
    let want: Vec<i16> = codes.iter().map(|c| Law::Mu.decode(*c)).collect();
    assert_eq!(decode_sound(&file, "mp4"), want);
}

#[test]
fn what_flac_cannot_say_is_refused() {
    let mut format = g711_format(AudioCodec::G711a);
    assert!(from_g711(&format, 0, &[]).is_none());
    format.channels = 3;
    assert!(from_g711(&format, 0, &[1, 2, 3]).is_none());
    format.channels = 1;
    format.sample_rate_hz = 0;
    assert!(from_g711(&format, 0, &[1]).is_none());
    format.codec = AudioCodec::Aac;
    format.sample_rate_hz = 8_000;
    assert!(from_g711(&format, 0, &[1]).is_none());
}

#[test]
fn golden() {
    let info = StreamInfo { sample_rate_hz: 8_000, channels: 1 };
    let mut out = Vec::new();
    verbatim_frame(info, 0, &[1, -1, 0x7fff], &mut out);
    // Sync and variable block size, 16-bit block size and 8 kHz, mono and 16 bits, sample 0, 3 samples, CRC-8; verbatim
    // subframe; CRC-16.
    assert_eq!(out[..8], [0xff, 0xf9, 0x74, 0x08, 0x00, 0x00, 0x02, out[7]]);
    assert_eq!(out[8..15], [0x02, 0x00, 0x01, 0xff, 0xff, 0x7f, 0xff]);
    compressed_frame(info, 1 << 35, &sound(1_000, 1), &mut out);
    assert_eq!((out.len(), hash(&out)), (1154, 7487576722949971584));
}

proptest! {
    #[test]
    fn verbatim_length_is_foretold(first in any::<u64>(), n in 1usize..3_000, two in any::<bool>()) {
        let info = StreamInfo { sample_rate_hz: 8_000, channels: 1 + u8::from(two) };
        let pcm = vec![7; n * usize::from(info.channels)];
        let mut out = Vec::new();
        verbatim_frame(info, first, &pcm, &mut out);
        prop_assert_eq!(out.len(), verbatim_len(info, first, n));
    }

    #[test]
    fn compressed_is_never_much_larger(pcm in proptest::collection::vec(any::<i16>(), 0..700)) {
        let info = StreamInfo { sample_rate_hz: 8_000, channels: 1 };
        let mut out = Vec::new();
        compressed_frame(info, 0, &pcm, &mut out);
        prop_assert_eq!(out.is_empty(), pcm.is_empty());
        prop_assert!(out.len() <= 16 + 2 * pcm.len());
    }
}

#[test]
fn a_frame_has_at_most_the_largest_block() {
    let info = StreamInfo { sample_rate_hz: 8_000, channels: 1 };
    let mut out = Vec::new();
    verbatim_frame(info, 0, &vec![0; MAX_BLOCK + 100], &mut out);
    assert_eq!(out.len(), verbatim_len(info, 0, MAX_BLOCK));
}
