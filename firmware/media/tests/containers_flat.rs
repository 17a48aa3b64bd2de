//! The flat MP4 that exists only as a plan: every byte of it, and how players take it.
#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod containers_common;

use bytes::Bytes;
use containers_common::*;
use heron_core::{MediaTime, TrackFormat, TrackKind, WallTime};
use heron_media::g711::Law;
use heron_media::mp4::flat::{FlatBuilder, FlatError, FlatMp4, FlatOptions, Slice, TimeSpan};
use heron_media::mp4::{FragmentBuilder, TrackSpec, init_segment, rewrite};
use mp4_atom::{Any, Decode};
use proptest::prelude::*;
use std::io::Cursor;
use std::process::Command;
use std::sync::Arc;

/// Wall time `s` seconds after the clip's beginning.
fn at(s: f64) -> WallTime {
    NOW.plus_nanos((s * 1e9).round() as i64)
}

fn options(start: f64, end: f64) -> FlatOptions {
    FlatOptions { start: at(start), end: at(end), keep_gaps: false }
}

fn plan(files: &[Vec<u8>], options: FlatOptions) -> Result<FlatMp4, FlatError> {
    let mut builder = FlatBuilder::new(options);
    for (id, file) in files.iter().enumerate() {
        let (init, fragments) = whole(file);
        builder.source(id as u64 + 100, &init);
        for fragment in &fragments {
            let header = &file[fragment.offset as usize..][..fragment.header_len as usize];
            builder.fragment(fragment, header)?;
        }
    }
    builder.finish()
}

/// The bytes that a server would send.
fn bytes(plan: &FlatMp4, files: &[Vec<u8>], range: std::ops::Range<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    for slice in plan.slices(range) {
        let before = out.len();
        match &slice {
            Slice::Inline(bytes) => out.extend_from_slice(bytes),
            Slice::File { source, range } => {
                out.extend_from_slice(
                    &files[*source as usize - 100][range.start as usize..range.end as usize],
                );
            }
            Slice::Flac(flac) => {
                let range = flac.range();
                let g711 = &files[flac.source() as usize - 100][range.start as usize..range.end as usize];
                out.extend_from_slice(&flac.encode(g711));
            }
        }
        assert_eq!((out.len() - before) as u64, slice.len());
    }
    out
}

fn all(plan: &FlatMp4, files: &[Vec<u8>]) -> Vec<u8> {
    let out = bytes(plan, files, 0..u64::MAX);
    assert_eq!(out.len() as u64, plan.total_len());
    out
}

/// A clip's samples with decoding times in `from..to` seconds.
fn part(clip: &Clip, from: f64, to: f64) -> Clip {
    let ticks = |s: f64| MediaTime((s * 90_000.0) as i64);
    let mut part = clip.clone();
    part.samples.retain(|s| s.dts >= ticks(from) && s.dts < ticks(to));
    part
}

/// Moves a clip by wall time and by media time.
fn shift(clip: &mut Clip, wall_s: f64, media_s: f64) {
    for s in &mut clip.samples {
        s.wall = s.wall.plus_nanos((wall_s * 1e9) as i64);
        s.pts = s.pts + MediaTime((media_s * 90_000.0) as i64);
        s.dts = s.dts + MediaTime((media_s * 90_000.0) as i64);
    }
}

/// MD5 of every decoded picture.
fn pictures(file: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.mp4");
    std::fs::write(&path, file).unwrap();
    let done = Command::new("ffmpeg")
        .args(["-v", "warning", "-xerror", "-i"])
        .arg(&path)
        .args(["-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| l.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

#[test]
fn a_clip_over_three_segments_starts_and_ends_at_the_frame() {
    if !has("ffmpeg") {
        return;
    }
    let Some(path) = footage("car_main_1080p25_h264_aac.mp4") else { return };
    let clip = part(&extract(&path), 0.0, 10.0);
    let origin = MediaTime(0);
    let files =
        [(0.0, 4.0), (4.0, 8.0), (8.0, 99.0)].map(|(a, b)| record(&part(&clip, a, b), origin)).to_vec();
    let video: Vec<_> = clip.of(TrackKind::Video).collect();
    let wanted = FlatOptions { start: video[82].wall, end: video[232].wall, keep_gaps: false };
    let plan = plan(&files, wanted).unwrap();
    let file = all(&plan, &files);
    assert_eq!(plan.duration_nanos(), 6_000_000_000);
    let key = video[..83].iter().rfind(|s| s.sync).unwrap().pts;
    assert_eq!(plan.mime_type(), "video/mp4; codecs=\"avc1.4d4028,mp4a.40.2\"");
    assert_eq!(
        plan.time_map(),
        [TimeSpan { clip_nanos: 0, wall: wanted.start, nanos: 6_000_000_000 }],
        "segments of one connection join without a seam"
    );
    let seen = judge(&file, true);
    assert_eq!(seen.format("duration"), "6.000000");
    assert_eq!(seen.stream(0, "duration"), "6.000000");
    // What lies between the key frame and the start is decoded and not shown.
    let pts = seen.packets(0, "pts");
    assert_eq!((pts[0].as_str(), pts.len()), ((key - video[82].pts).0.to_string().as_str(), 150 + 32));
    let source = pictures(&record(&clip, origin));
    assert_eq!(pictures(&file), source[82..232]);
    // Sound keeps its distance from the pictures.
    let audio: Vec<f64> = seen.packets(1, "pts_time").iter().map(|t| t.parse().unwrap()).collect();
    let first = clip.of(TrackKind::Audio).find(|s| s.pts >= key).unwrap();
    let away = audio[0] - (first.pts - video[82].pts).0 as f64 / 90_000.0;
    // ffmpeg leaves out packets that are more than a second early; what it keeps is a whole number of packets later.
    assert!((away / 0.064 - (away / 0.064).round()).abs() < 0.005, "{away}");
}

#[test]
fn reordered_pictures_are_exact_too() {
    if !has("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=6", "-c:v", "libx264"])
        .args(["-preset", "fast", "-bf", "3", "-g", "50", "-sc_threshold", "0", "-pix_fmt", "yuv420p"])
        .args(["-x264-params", "open-gop=0"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let source = pictures(&std::fs::read(&path).unwrap());
    let mut clip = extract(&path);
    // The wall time of a picture is that of its presentation, from zero.
    let first = clip.samples.iter().map(|s| s.pts).min().unwrap();
    clip.samples.iter_mut().for_each(|s| s.wall = NOW.plus_nanos((s.pts - first).as_nanos()));
    // As ffmpeg gives them, and with decoding times after presentation times.
    for late in [0, 10_800] {
        let mut clip = clip.clone();
        clip.samples.iter_mut().for_each(|s| s.pts = s.pts - MediaTime(late));
        let files = [record(&clip, MediaTime(-20_000))].to_vec();
        let plan = plan(&files, options(2.4, 5.2)).unwrap();
        let file = all(&plan, &files);
        let seen = judge(&file, true);
        assert_eq!(seen.stream(0, "duration"), "2.800000");
        assert_eq!(pictures(&file), source[60..130], "late {late}");
    }
}

#[test]
fn g711_is_heard_as_flac_to_the_sample() {
    if !has("ffmpeg") {
        return;
    }
    let Some(path) = footage("car_sub_360p12_h264_g711a.mkv") else { return };
    let clip = extract(&path);
    let files = [(0.0, 5.0), (5.0, 99.0)].map(|(a, b)| record(&part(&clip, a, b), MediaTime(0))).to_vec();
    let start = clip.of(TrackKind::Video).find(|s| s.sync && s.pts.0 > 2 * 90_000).unwrap().pts;
    let start_s = start.0 as f64 / 90_000.0;
    let plan = plan(&files, options(start_s, start_s + 6.0)).unwrap();
    let file = all(&plan, &files);
    assert!(plan.mime_type().contains("flac"), "{}", plan.mime_type());
    let seen = judge(&file, true);
    assert_eq!(seen.stream(1, "codec_name"), "flac");
    let raw: Vec<u8> = clip.of(TrackKind::Audio).flat_map(|s| s.payload.to_vec()).collect();
    let pcm: Vec<i16> = raw.iter().map(|b| Law::A.decode(*b)).collect();
    let from = start.to_rate(8_000) as usize;
    let heard = decode_sound(&file, "mp4");
    // ffmpeg plays whole frames at the end.
    assert!(heard.len() >= 48_000, "{}", heard.len());
    assert!(heard[..] == pcm[from..from + heard.len()], "the same samples from the same instant on");
}

#[test]
fn a_gap_is_closed_up_or_kept() {
    let clip = synthetic(10, 25);
    let before = part(&clip, 0.0, 4.0);
    // The camera came back after ten minutes on a new connection that counts from somewhere else.
    let mut after = part(&clip, 4.0, 10.0);
    shift(&mut after, 600.0, 77_777.0);
    let origin = after.samples[0].dts;
    let files = vec![record(&before, MediaTime(0)), record(&after, origin)];
    let closed = plan(&files, options(1.5, 607.0)).unwrap();
    assert_eq!(closed.duration_nanos(), 5_500_000_000);
    assert_eq!(
        closed.time_map(),
        [
            TimeSpan { clip_nanos: 0, wall: at(1.5), nanos: 2_500_000_000 },
            TimeSpan { clip_nanos: 2_500_000_000, wall: at(604.0), nanos: 3_000_000_000 },
        ]
    );
    let kept = plan(&files, FlatOptions { keep_gaps: true, ..options(1.5, 607.0) }).unwrap();
    assert_eq!(kept.duration_nanos(), 605_500_000_000);
    assert_eq!(
        kept.time_map(),
        [
            TimeSpan { clip_nanos: 0, wall: at(1.5), nanos: 2_500_000_000 },
            TimeSpan { clip_nanos: 602_500_000_000, wall: at(604.0), nanos: 3_000_000_000 },
        ]
    );
    assert_ne!(closed.etag(), kept.etag());
    if has("ffprobe") {
        let seen = judge(&all(&kept, &files), false);
        let mut durations = seen.packets(0, "duration");
        // ffprobe guesses the last one's anew when it has not understood the pictures.
        durations.pop();
        assert_eq!(durations.iter().filter(|d| *d == "3600").count(), durations.len() - 1);
        assert!(durations.contains(&(3_600 + 600 * 90_000).to_string()), "the last picture is held");
        let seen = judge(&all(&closed, &files), false);
        let durations = seen.packets(0, "duration");
        assert!(durations[..durations.len() - 1].iter().all(|d| d == "3600"));
        let (video, audio) = (seen.stream(0, "duration"), seen.stream(1, "duration"));
        assert_eq!((video.as_str(), audio.as_str()), ("5.500000", "5.500000"));
    }
}

#[test]
fn sound_is_lined_up_again_after_a_gap() {
    let clip = synthetic(6, 25);
    let mut before = part(&clip, 0.0, 3.0);
    // Sound stops 300 ms before the pictures do, or goes on 300 ms longer.
    for extra in [-0.3, 0.3] {
        before.samples = part(&clip, 0.0, 3.0).samples;
        if extra < 0.0 {
            before.samples.retain(|s| s.track == TrackKind::Video || s.dts < MediaTime(243_000));
        } else {
            let more = part(&clip, 3.0, 3.3);
            before.samples.extend(more.of(TrackKind::Audio).cloned());
            before.sort();
        }
        let mut after = part(&clip, 3.0, 6.0);
        shift(&mut after, 100.0, 0.0);
        let files = vec![record(&before, MediaTime(0)), record(&after, MediaTime(0))];
        let plan = plan(&files, options(0.0, 200.0)).unwrap();
        if !has("ffprobe") {
            return;
        }
        let file = all(&plan, &files);
        let seen = judge(&file, false);
        let starts: Vec<i64> = seen.packets(1, "pts").iter().map(|t| t.parse().unwrap()).collect();
        assert!(starts.is_sorted());
        // Wherever the join is, the end of the sound is the end of the pictures.
        assert_eq!(seen.stream(1, "duration"), "6.000000", "extra {extra}");
        // The last sample of the sound is at its true place: 3 s after the join.
        let heard = decode_sound_beside_nonsense(&file);
        let last: Vec<u8> = clip.of(TrackKind::Audio).last().unwrap().payload.to_vec();
        let want: Vec<i16> = last.iter().map(|c| Law::Mu.decode(*c)).collect();
        assert!(heard.ends_with(&want));
    }
}

#[test]
fn changed_parameter_sets_are_several_descriptions() {
    if !has("ffmpeg") {
        return;
    }
    let (Some(a), Some(b)) = (footage("car_sub_360p12_h264.mp4"), footage("person_sub_360p10_h264.mp4"))
    else {
        return;
    };
    let (a_clip, mut b_clip) = (part(&extract(&a), 0.0, 8.0), part(&extract(&b), 0.0, 8.0));
    shift(&mut b_clip, 8.0, 0.0);
    let files = vec![record(&a_clip, MediaTime(0)), record(&b_clip, MediaTime(0)), {
        let mut again = a_clip.clone();
        shift(&mut again, 16.0, 0.0);
        record(&again, MediaTime(0))
    }];
    let plan = plan(&files, options(0.0, 30.0)).unwrap();
    let file = all(&plan, &files);
    let mut cursor = Cursor::new(&file[..]);
    let ftyp = Any::decode(&mut cursor).unwrap();
    assert!(matches!(ftyp, Any::Ftyp(_)));
    let Any::Moov(moov) = Any::decode(&mut cursor).unwrap() else { panic!("moov comes second") };
    let stbl = &moov.trak[0].mdia.minf.stbl;
    assert_eq!(stbl.stsd.codecs.len(), 2, "the third file's is the first's");
    let descriptions: Vec<u32> = stbl.stsc.entries.iter().map(|e| e.sample_description_index).collect();
    let mut changes = descriptions.clone();
    changes.dedup();
    assert_eq!(changes, [1, 2, 1]);
    let shown: Vec<String> = pictures(&file);
    let mut want = pictures(&files[0]);
    want.extend(pictures(&files[1]));
    want.extend(pictures(&files[0]));
    assert!(shown == want, "{} pictures, {} wanted", shown.len(), want.len());
}

#[test]
fn an_independent_reader_finds_every_sample() {
    let clip = synthetic(6, 50);
    let files =
        vec![record(&part(&clip, 0.0, 4.0), MediaTime(0)), record(&part(&clip, 4.0, 6.0), MediaTime(0))];
    let plan = plan(&files, options(0.0, 60.0)).unwrap();
    let file = all(&plan, &files);
    let mut cursor = Cursor::new(&file[..]);
    let _ = Any::decode(&mut cursor).unwrap();
    let Any::Moov(moov) = Any::decode(&mut cursor).unwrap() else { panic!() };
    let stbl = &moov.trak[0].mdia.minf.stbl;
    let mp4_atom::StszSamples::Different { sizes } = &stbl.stsz.samples else { panic!() };
    assert_eq!(stbl.stss.as_ref().unwrap().entries, [1, 51, 101]);
    let offsets = &stbl.stco.as_ref().unwrap().entries;
    let mut video = clip.of(TrackKind::Video).zip(sizes);
    for (n, offset) in offsets.iter().enumerate() {
        let entry = stbl.stsc.entries.iter().rfind(|e| e.first_chunk as usize <= n + 1).unwrap();
        let mut from = *offset as usize;
        for _ in 0..entry.samples_per_chunk {
            let (sample, size) = video.next().unwrap();
            let to = from + *size as usize;
            assert_eq!(file[from..to], sample.payload[..]);
            from = to;
        }
    }
    assert!(video.next().is_none());
}

#[test]
fn where_nothing_is_there_is_nothing() {
    let files = vec![record(&synthetic(4, 25), MediaTime(0))];
    for (start, end) in [(100.0, 200.0), (-10.0, -5.0), (-10.0, 0.0), (2.0, 2.0), (3.0, 1.0)] {
        let error = plan(&files, options(start, end)).unwrap_err();
        assert!(matches!(error, FlatError::Empty { .. }), "{start} {end} {error}");
    }
    let error = plan(&files, options(100.0, 101.0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing was recorded between 2026-11-20T09:45:57.123Z and 2026-11-20T09:45:58.123Z"
    );
    // A range that only begins before the recording does gives what there is.
    let early = plan(&files, options(-10.0, 1.0)).unwrap();
    assert_eq!(early.duration_nanos(), 1_000_000_000);
    assert_eq!(early.time_map()[0].wall, NOW);
}

#[test]
fn beyond_4_gib_offsets_are_wide() {
    let tracks = [video_track()];
    let mut builder = FragmentBuilder::new(&tracks, MediaTime(0));
    let mut flat = FlatBuilder::new(options(0.0, 10_000.0));
    let init_bytes = init_segment(&tracks, NOW);
    let init = heron_media::mp4::scan::read_init(&init_bytes[..]).unwrap();
    flat.source(100, &init);
    let payload = Bytes::from(vec![0; 8 << 20]);
    let mut offset = init_bytes.len() as u64;
    for n in 0..600 {
        let t = MediaTime(n * 90_000);
        builder
            .push(heron_media::mp4::Sample {
                track: TrackKind::Video,
                payload: payload.clone(),
                pts: t,
                dts: t,
                sync: true,
                audio_samples: 0,
                wall: at(n as f64),
            })
            .unwrap();
        let mut fragment = builder.finish(n as u32 + 1, Some(MediaTime((n + 1) * 90_000))).unwrap();
        fragment.index.offset = offset;
        offset += fragment.index.length;
        flat.fragment(&fragment.index, &fragment.header).unwrap();
    }
    let plan = flat.finish().unwrap();
    assert!(plan.total_len() > u64::from(u32::MAX));
    let Some(Slice::Inline(head)) = plan.slices(0..1 << 20).next() else { panic!("the head is inline") };
    let mut cursor = Cursor::new(&head[..]);
    let _ = Any::decode(&mut cursor).unwrap();
    let Any::Moov(moov) = Any::decode(&mut cursor).unwrap() else { panic!() };
    let co64 = moov.trak[0].mdia.minf.stbl.co64.as_ref().unwrap();
    assert_eq!(co64.entries.len(), 600);
    assert_eq!(co64.entries[0], head.len() as u64);
    assert_eq!(*co64.entries.last().unwrap() + (8 << 20), plan.total_len());
    // mdat with a 64-bit size.
    assert_eq!(head[head.len() - 16..head.len() - 8], [0, 0, 0, 1, b'm', b'd', b'a', b't']);
    let last = plan.slices(plan.total_len() - 5..plan.total_len()).next();
    assert_eq!(last, Some(Slice::File { source: 100, range: offset - 5..offset }));
}

#[test]
fn sound_alone_makes_a_clip() {
    let mut clip = synthetic(4, 25);
    clip.samples.retain(|s| s.track == TrackKind::Audio);
    clip.tracks = vec![g711_track()];
    let files = vec![record(&clip, MediaTime(0))];
    // 200 packets and no key frame to cut at: one fragment.
    let plan = plan(&files, options(1.0, 2.0)).unwrap();
    assert_eq!(plan.duration_nanos(), 1_000_000_000);
    assert_eq!(plan.mime_type(), "audio/mp4; codecs=\"flac\"");
    if has("ffmpeg") {
        let file = all(&plan, &files);
        judge(&file, true);
        let want: Vec<i16> = clip.samples[50..100]
            .iter()
            .flat_map(|s| s.payload.iter().map(|c| Law::Mu.decode(*c)).collect::<Vec<_>>())
            .collect();
        assert_eq!(decode_sound(&file, "mp4"), want);
    }
}

#[test]
fn rewritten_fragments_play_as_flac() {
    if !has("ffmpeg") {
        return;
    }
    let Some(path) = footage("car_sub_360p12_h264_g711a.mkv") else { return };
    let clip = extract(&path);
    let file = record(&clip, MediaTime(0));
    let (init, fragments) = whole(&file);
    assert!(rewrite::needs_rewrite(&init));
    let mut out = rewrite::init_segment(&init);
    for fragment in &fragments {
        let bytes = &file[fragment.offset as usize..fragment.end() as usize];
        let rewritten = rewrite::fragment(&init, fragment, bytes).unwrap();
        let header = &bytes[..fragment.header_len as usize];
        assert_eq!(rewrite::fragment_len(&init, fragment, header).unwrap(), rewritten.len() as u64);
        out.extend_from_slice(&rewritten);
    }
    let seen = judge(&out, true);
    assert_eq!(seen.stream(1, "codec_name"), "flac");
    let sizes: Vec<String> = clip.of(TrackKind::Video).map(|s| s.payload.len().to_string()).collect();
    assert_eq!(seen.packets(0, "size"), sizes);
    let raw: Vec<u8> = clip.of(TrackKind::Audio).flat_map(|s| s.payload.to_vec()).collect();
    let pcm: Vec<i16> = raw.iter().map(|b| Law::A.decode(*b)).collect();
    assert_eq!(decode_sound(&out, "mp4"), pcm);
    let (new_init, new_fragments) = whole(&out);
    assert!(!rewrite::needs_rewrite(&new_init));
    assert_eq!(new_fragments.len(), fragments.len());
    for (a, b) in fragments.iter().zip(&new_fragments) {
        assert_eq!(
            (a.wall, a.sequence, a.track(TrackKind::Video)),
            (b.wall, b.sequence, b.track(TrackKind::Video))
        );
        let (a, b) = (a.track(TrackKind::Audio).unwrap(), b.track(TrackKind::Audio).unwrap());
        assert_eq!((a.first_dts, a.duration), (b.first_dts, b.duration));
    }
}

#[test]
fn golden() {
    let files = vec![record(&synthetic(4, 25), MediaTime(0))];
    let plan = plan(&files, options(0.52, 3.0)).unwrap();
    let file = all(&plan, &files);
    assert_eq!((file.len(), hash(&file)), (86233, 488068033761106579));
    assert_eq!(plan.etag().len(), 34);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_pieces_make_the_whole(
        start in 0.0f64..5.0,
        length in 0.1f64..4.0,
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..30),
        aac in any::<bool>(),
        loss in proptest::collection::vec(0usize..300, 0..4),
    ) {
        let mut clip = synthetic(6, 25);
        if aac {
            let format = heron_core::AudioFormat {
                codec: heron_core::AudioCodec::Aac,
                sample_rate_hz: 8_000,
                channels: 1,
                config: Bytes::from_static(&[0x15, 0x88]),
                rfc6381: "mp4a.40.2".to_owned(),
            };
            clip.tracks[1] = TrackSpec::new(Arc::new(TrackFormat::Audio(format)));
        }
        // Some packets of sound are lost.
        for n in loss {
            let audio: Vec<usize> = (0..clip.samples.len()).filter(|i| clip.samples[*i].track == TrackKind::Audio).collect();
            clip.samples.remove(audio[n % audio.len()]);
        }
        let files = vec![record(&part(&clip, 0.0, 3.0), MediaTime(0)), record(&part(&clip, 3.0, 6.0), MediaTime(0))];
        let plan = plan(&files, options(start, start + length)).unwrap();
        let file = all(&plan, &files);
        let mut cuts: Vec<u64> = cuts.iter().map(|c| c.index(file.len()) as u64).collect();
        cuts.extend([0, file.len() as u64]);
        cuts.sort_unstable();
        let mut joined = Vec::new();
        for pair in cuts.windows(2) {
            joined.extend(bytes(&plan, &files, pair[0]..pair[1]));
        }
        prop_assert!(joined == file);
        // Another reader agrees with the tables.
        let mut cursor = Cursor::new(&file[..]);
        let _ = Any::decode(&mut cursor).unwrap();
        let Any::Moov(moov) = Any::decode(&mut cursor).unwrap() else { panic!() };
        for trak in &moov.trak {
            let stbl = &trak.mdia.minf.stbl;
            let counted: u32 = stbl.stts.entries.iter().map(|e| e.sample_count).sum();
            let samples = match &stbl.stsz.samples {
                mp4_atom::StszSamples::Identical { count, .. } => *count,
                mp4_atom::StszSamples::Different { sizes } => sizes.len() as u32,
            };
            prop_assert_eq!(counted, samples);
            let lasts: u64 = stbl.stts.entries.iter().map(|e| u64::from(e.sample_count) * u64::from(e.sample_delta)).sum();
            prop_assert_eq!(lasts, trak.mdia.mdhd.duration);
        }
    }
}
