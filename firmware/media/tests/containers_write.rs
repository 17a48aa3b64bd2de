//! Fragmented MP4 written by us, read by ffmpeg, by mp4-atom and by ourselves.
#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod containers_common;

use containers_common::*;
use heron_core::{MediaTime, TrackKind};
use heron_media::mp4::scan::samples;
use heron_media::mp4::write::{MAX_BYTES, MAX_SAMPLES, PushError, single_sample_fragment};
use heron_media::mp4::{FragmentBuilder, Sample, init_segment};
use mp4_atom::{Any, Decode};
use std::io::Cursor;

fn atoms(file: &[u8]) -> Vec<Any> {
    let mut cursor = Cursor::new(file);
    let mut atoms = Vec::new();
    while (cursor.position() as usize) < file.len() {
        atoms.push(Any::decode(&mut cursor).unwrap());
    }
    atoms
}

#[test]
fn real_footage_survives_and_plays() {
    if !has("ffmpeg") {
        return;
    }
    for (name, codec, fps) in [
        ("car_main_1080p25_h264_aac.mp4", "h264", "25/1"),
        ("car_main_1080p12_h265.mp4", "hevc", "25/2"),
        ("car_sub_360p12_h264_g711a.mkv", "h264", "25/2"),
        ("car_sub_360p12_mjpeg.mkv", "mjpeg", "25/2"),
    ] {
        let Some(path) = footage(name) else { continue };
        let mut clip = extract(&path);
        clip.samples.retain(|s| s.dts < MediaTime(6 * 90_000));
        assert!(clip.of(TrackKind::Video).count() > 50, "{name}");
        let file = record(&clip, MediaTime(0));
        let seen = judge(&file, true);
        assert_eq!(seen.stream(0, "codec_name"), codec, "{name}");
        assert_eq!(seen.stream(0, "r_frame_rate"), fps, "{name}");
        let sizes: Vec<String> = clip.of(TrackKind::Video).map(|s| s.payload.len().to_string()).collect();
        assert_eq!(seen.packets(0, "size"), sizes, "{name}");
        let pts: Vec<String> = clip.of(TrackKind::Video).map(|s| s.pts.0.to_string()).collect();
        assert_eq!(seen.packets(0, "pts"), pts, "{name}");
        let back = from_file(&file);
        assert_eq!(back.tracks, clip.tracks, "{name}");
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let a: Vec<_> = clip.of(kind).map(|s| (s.pts, s.dts, s.sync, s.payload.clone())).collect();
            let b: Vec<_> = back.of(kind).map(|s| (s.pts, s.dts, s.sync, s.payload.clone())).collect();
            assert_eq!(a, b, "{name} {kind:?}");
        }
        if name.contains("g711a") {
            assert_eq!(seen.stream(1, "codec_name"), "pcm_alaw");
            let raw: Vec<u8> = clip.of(TrackKind::Audio).flat_map(|s| s.payload.to_vec()).collect();
            let pcm: Vec<i16> = raw.iter().map(|b| heron_media::g711::Law::A.decode(*b)).collect();
            assert_eq!(decode_sound(&file, "mp4"), pcm, "A-law as ffmpeg reads it");
        }
    }
}

#[test]
fn reordered_pictures_keep_their_times() {
    if !has("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=4", "-c:v", "libx264"])
        .args(["-preset", "fast", "-bf", "3", "-g", "50", "-pix_fmt", "yuv420p"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let clip = extract(&path);
    assert!(clip.samples.iter().any(|s| s.pts != s.dts), "the encoder made B pictures");
    // A camera's estimated decoding times can lie after the presentation times: signed offsets.
    let mut late = clip.clone();
    late.samples.iter_mut().for_each(|s| s.pts = s.pts - MediaTime(7_200));
    let origin = late.samples.iter().map(|s| s.pts).min().unwrap();
    for (clip, origin) in [(&clip, MediaTime(0)), (&late, origin)] {
        let file = record(clip, origin);
        let seen = judge(&file, true);
        let mut pts: Vec<i64> = seen.packets(0, "pts").iter().map(|t| t.parse().unwrap()).collect();
        let want: Vec<i64> = clip.samples.iter().map(|s| (s.pts - origin).0).collect();
        let shift = pts[0] - want[0];
        pts.iter_mut().for_each(|t| *t -= shift);
        assert_eq!(pts, want);
        let back = from_file(&file);
        assert!(back.samples.iter().zip(&clip.samples).all(|(a, b)| a.pts == b.pts - origin));
    }
}

#[test]
fn boxes_are_what_an_independent_reader_expects() {
    let clip = synthetic(3, 50);
    let file = record(&clip, MediaTime(0));
    let atoms = atoms(&file);
    let Any::Ftyp(ftyp) = &atoms[0] else { panic!("{:?}", atoms[0]) };
    assert_eq!(ftyp.major_brand, b"iso6".into());
    let Any::Moov(moov) = &atoms[1] else { panic!("{:?}", atoms[1]) };
    assert_eq!(moov.trak.len(), 3);
    assert_eq!(moov.mvhd.creation_time, 1_795_167_857 + 2_082_844_800);
    let mvex = moov.mvex.as_ref().unwrap();
    assert_eq!(mvex.trex.iter().map(|t| t.track_id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(moov.trak[0].mdia.mdhd.timescale, 90_000);
    assert_eq!(moov.trak[1].mdia.mdhd.timescale, 8_000);
    assert_eq!(moov.trak[0].mdia.mdhd.language, "und");
    // Cut at key frames and each second: 0, 1, 2 s; in each prft, moof, mdat.
    let mut video_samples = 0;
    for (n, group) in atoms[2..].chunks(3).enumerate() {
        let [Any::Prft(prft), Any::Moof(moof), Any::Mdat(mdat)] = group else { panic!("{group:?}") };
        assert_eq!(prft.reference_track_id, 1);
        assert_eq!(prft.media_time, n as u64 * 90_000);
        assert_eq!(prft.ntp_timestamp, NOW.plus_nanos(n as i64 * 1_000_000_000).to_ntp());
        assert_eq!(moof.mfhd.sequence_number, n as u32 + 1);
        let mut expected = 0;
        for traf in &moof.traf {
            let trun = &traf.trun[0];
            let first = trun.data_offset.unwrap();
            let size: u32 = trun.samples.iter().map(|e| e.size.unwrap()).sum();
            if expected != 0 {
                assert_eq!(first, expected, "runs follow one another");
            }
            expected = first + size as i32;
        }
        let total: u32 = moof.traf.iter().flat_map(|t| &t.trun[0].samples).map(|e| e.size.unwrap()).sum();
        assert_eq!(total as usize, mdat.data.len());
        video_samples += moof.traf[0].trun[0].samples.len();
    }
    assert_eq!(video_samples, 75);
}

#[test]
fn the_scanner_agrees_with_the_builder() {
    let clip = synthetic(5, 50);
    let mut file = init_segment(&clip.tracks, NOW);
    let mut builder = FragmentBuilder::new(&clip.tracks, MediaTime(0));
    let mut told = Vec::new();
    for (n, chunk) in clip.samples.chunks(90).enumerate() {
        for sample in chunk {
            builder.push(sample.clone()).unwrap();
        }
        let mut fragment = builder.finish(n as u32 + 1, None).unwrap();
        fragment.index.offset = file.len() as u64;
        append(&mut file, &fragment);
        told.push(fragment.index);
    }
    let (init, found) = whole(&file);
    assert_eq!(found, told);
    assert_eq!(init.specs(), clip.tracks);
    assert_eq!(init.created.unwrap().as_millis(), NOW.as_millis() / 1000 * 1000);
    let header = found[1].header_len as usize;
    let at = found[1].offset as usize;
    let tables = samples(&init, &found[1], &file[at..at + header]).unwrap();
    assert_eq!(tables.iter().map(|t| t.samples.len()).sum::<usize>(), 90);
}

#[test]
fn a_full_builder_says_so_and_loses_nothing() {
    let track = [video_track()];
    let mut builder = FragmentBuilder::new(&track, MediaTime(0));
    let sample = |n: i64, size: usize| Sample {
        track: TrackKind::Video,
        payload: vec![0; size].into(),
        pts: MediaTime(n),
        dts: MediaTime(n),
        sync: n == 0,
        audio_samples: 0,
        wall: NOW,
    };
    for n in 0..MAX_SAMPLES as i64 {
        builder.push(sample(n, 1)).unwrap();
    }
    assert_eq!(builder.push(sample(600, 1)), Err(PushError::Full));
    assert_eq!(builder.finish(1, None).unwrap().index.track(TrackKind::Video).unwrap().samples, 600);
    builder.push(sample(601, MAX_BYTES + 1)).unwrap();
    assert_eq!(builder.push(sample(602, 1)), Err(PushError::Full));
    assert_eq!(builder.finish(2, None).unwrap().payloads[0].len(), MAX_BYTES + 1);
    assert!(builder.finish(3, None).is_none());
    let mut sound = sample(603, 1);
    sound.track = TrackKind::Audio;
    assert_eq!(builder.push(sound), Err(PushError::NoSuchTrack(TrackKind::Audio)));
}

#[test]
fn decoding_times_that_go_back_still_rise_in_the_file() {
    let track = [video_track()];
    let mut builder = FragmentBuilder::new(&track, MediaTime(10_000));
    for t in [0, 20_000, 15_000, 15_000, 30_000] {
        builder
            .push(Sample {
                track: TrackKind::Video,
                payload: vec![1].into(),
                pts: MediaTime(t),
                dts: MediaTime(t),
                sync: true,
                audio_samples: 0,
                wall: NOW,
            })
            .unwrap();
    }
    let fragment = builder.finish(1, None).unwrap();
    let mut file = init_segment(&track, NOW);
    append(&mut file, &fragment);
    let back = from_file(&file);
    let times: Vec<i64> = back.samples.iter().map(|s| s.dts.0).collect();
    assert_eq!(times, [0, 10_000, 10_001, 10_002, 20_000]);
    assert_eq!(back.samples[2].pts, MediaTime(5_000), "the presentation time stays true");
}

#[test]
fn sound_packets_join_without_a_seam_and_gaps_stay() {
    let track = [g711_track()];
    let mut builder = FragmentBuilder::new(&track, MediaTime(0));
    // 20 ms apart with a jitter of some ticks, then half a second lost.
    let mut t = [0, 1_803, 3_597, 5_400, 52_200, 54_010];
    let push = |builder: &mut FragmentBuilder, t: &mut [i64]| {
        for dts in t {
            builder
                .push(Sample {
                    track: TrackKind::Audio,
                    payload: vec![0xff; 160].into(),
                    pts: MediaTime(*dts),
                    dts: MediaTime(*dts),
                    sync: true,
                    audio_samples: 160,
                    wall: NOW,
                })
                .unwrap();
            *dts += 55_800;
        }
    };
    let mut file = init_segment(&track, NOW);
    for sequence in 1..3 {
        push(&mut builder, &mut t);
        append(&mut file, &builder.finish(sequence, None).unwrap());
    }
    let back = from_file(&file);
    let at: Vec<i64> = back.samples.iter().map(|s| s.dts.to_rate(8_000)).collect();
    assert_eq!(at, [0, 160, 320, 480, 4_640, 4_800, 4_960, 5_120, 5_280, 5_440, 9_600, 9_760]);
}

#[test]
fn live_fragments_play() {
    if !has("ffmpeg") {
        return;
    }
    let Some(path) = footage("car_main_1080p25_h264_aac.mp4") else { return };
    let mut clip = extract(&path);
    clip.samples.retain(|s| s.dts < MediaTime(4 * 90_000));
    let mut file = init_segment(&clip.tracks, NOW);
    for (n, sample) in clip.samples.iter().enumerate() {
        let track = clip.tracks.iter().find(|t| t.kind() == sample.track).unwrap();
        let duration = match sample.track {
            TrackKind::Audio => sample.audio_samples,
            _ => 3_600,
        };
        file.extend_from_slice(&single_sample_fragment(track, MediaTime(0), n as u32 + 1, sample, duration));
    }
    let seen = judge(&file, true);
    assert_eq!(seen.packets(0, "pts").len(), clip.of(TrackKind::Video).count());
    assert_eq!(seen.packets(1, "pts").len(), clip.of(TrackKind::Audio).count());
    let (_, fragments) = whole(&file);
    assert_eq!(fragments.len(), clip.samples.len());
    assert!(fragments.iter().all(|f| f.tracks.len() == 1 && f.wall.is_some()));
}

#[test]
fn golden() {
    let clip = synthetic(2, 50);
    let file = record(&clip, MediaTime(0));
    assert_eq!((file.len(), hash(&file)), (38596, 5119755568734870721));
}
