//! What was recorded is there at once: playlists, clips and stills that other programs play.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Box, Camera, START, ffprobe, frames, g711, key, wait};
use heron_core::{StreamKey, WallTime};
use heron_media::mp4::flat::Slice;
use heron_media::mp4::{index_box, scan};
use m3u8_rs::{MediaPlaylist, Playlist};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn after(seconds: f64) -> WallTime {
    START.plus_nanos((seconds * 1e9) as i64)
}

fn recorded(camera: &mut Camera, seconds: f64) -> (Box, StreamKey) {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    b.feed(stream, camera, seconds);
    b.wait_recorded(stream, camera.wall);
    (b, stream)
}

fn parse(text: &str) -> MediaPlaylist {
    match m3u8_rs::parse_playlist_res(text.as_bytes()) {
        Ok(Playlist::MediaPlaylist(p)) => p,
        other => panic!("{other:?}\n{text}"),
    }
}

/// Writes a playlist and everything it names into a folder, as a browser would fetch it.
fn fetch(b: &Box, text: &str, dir: &Path) -> PathBuf {
    let playback = b.recorder.playback();
    let list = parse(text);
    let maps = list.segments.iter().filter_map(|s| s.map.as_ref().map(|m| m.uri.clone()));
    let uris = list.segments.iter().map(|s| s.uri.clone());
    for uri in maps.chain(uris) {
        let path = dir.join(&uri);
        if path.exists() {
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let rest = uri.strip_prefix("segments/").unwrap();
        match rest.split_once('/') {
            None => {
                let id = rest.strip_suffix(".mp4").unwrap().parse().unwrap();
                let source = playback.segment_source(id).unwrap();
                let mut bytes = vec![0; source.length as usize];
                std::os::unix::fs::FileExt::read_exact_at(&source.file, &mut bytes, 0).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
            Some((id, "init.mp4")) => {
                std::fs::write(path, playback.rewritten_init(id.parse().unwrap()).unwrap()).unwrap();
            }
            Some((id, "keys.mp4")) => {
                std::fs::write(path, playback.keys_init(id.parse().unwrap()).unwrap()).unwrap();
            }
            Some((id, range)) if range.starts_with("keys-") => {
                let range = range.strip_prefix("keys-").unwrap().strip_suffix(".m4s").unwrap();
                let (offset, length) = range.split_once('-').unwrap();
                let (offset, length) = (offset.parse().unwrap(), length.parse().unwrap());
                std::fs::write(path, playback.keys(id.parse().unwrap(), offset, length).unwrap()).unwrap();
            }
            Some((id, range)) => {
                let (offset, length) = range.strip_suffix(".m4s").unwrap().split_once('-').unwrap();
                let (offset, length) = (offset.parse().unwrap(), length.parse().unwrap());
                let bytes = playback.rewritten(id.parse().unwrap(), offset, length).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
        }
    }
    let path = dir.join("playback.m3u8");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_playlist_plays_every_frame_across_files_and_gaps() {
    let mut camera = Camera::new();
    let (b, stream) = recorded(&mut camera, 130.0);
    camera.reconnect(10_000_000_000);
    b.feed(stream, &mut camera, 20.0);
    b.wait_recorded(stream, camera.wall);
    assert!(b.recorder.shutdown());
    let text = b.recorder.playback().playlist(stream, START, camera.wall, "segments").unwrap();
    let list = parse(&text);
    assert!(list.end_list);
    assert_eq!(
        list.segments.iter().filter(|s| s.discontinuity).count(),
        1,
        "at the gap, not between files: {text}"
    );
    let total: f32 = list.segments.iter().map(|s| s.duration).sum();
    assert!((total - 150.0).abs() < 0.1, "{total}");
    assert!(list.segments.iter().all(|s| s.duration <= 6.1), "{text}");
    let dates: Vec<_> = list.segments.iter().filter_map(|s| s.program_date_time).collect();
    assert_eq!(dates[0].to_utc().timestamp_millis(), START.as_millis(), "true to the camera");
    let dir = tempfile::tempdir().unwrap();
    let file = fetch(&b, &text, dir.path());
    // Packets, because this player drops decoded pictures whose clock jumps back at a discontinuity.
    let args = ["-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "default=nk=1:nw=1"];
    assert_eq!(ffprobe(&args, &file).lines().next(), Some("3750"));
}

#[test]
fn a_playlist_begins_with_the_key_frame_before_its_start() {
    let mut camera = Camera::new();
    let (b, stream) = recorded(&mut camera, 100.0);
    let text = b.recorder.playback().playlist(stream, after(71.3), after(80.0), "segments").unwrap();
    let first = parse(&text).segments[0].program_date_time.unwrap().to_utc().timestamp_millis();
    assert_eq!(first, after(70.0).as_millis());
    let nothing = b.recorder.playback().playlist(key(9), START, after(10.0), "segments").unwrap_err();
    assert_eq!(nothing.kind(), heron_core::ErrorKind::NotFound);
}

#[test]
fn a_growing_playlist_only_grows() {
    let mut camera = Camera::new();
    let (b, stream) = recorded(&mut camera, 31.0);
    let end = after(3600.0);
    let before = b.recorder.playback().playlist(stream, START, end, "segments").unwrap();
    b.feed(stream, &mut camera, 42.0);
    b.wait_recorded(stream, camera.wall);
    let later = b.recorder.playback().playlist(stream, START, end, "segments").unwrap();
    assert!(!parse(&before).end_list && !parse(&later).end_list);
    assert!(later.starts_with(before.trim_end()), "{before}\n---\n{later}");
    assert!(later.len() > before.len());
}

#[test]
fn what_is_newest_waits_for_one_group_of_pictures_and_for_nothing_when_its_file_is_complete() {
    let mut camera = Camera::new();
    let (b, stream) = recorded(&mut camera, 31.0);
    let end = after(3600.0);
    let growing = parse(&b.recorder.playback().playlist(stream, START, end, "segments").unwrap());
    let total: f32 = growing.segments.iter().map(|s| s.duration).sum();
    let until = b.recorded_until(stream).unwrap().nanos_since(START) as f32 / 1e9;
    assert!(until - total < 2.1, "{total} of {until} s with groups of 2 s");
    assert!(b.recorder.shutdown());
    let whole = parse(&b.recorder.playback().playlist(stream, START, end, "segments").unwrap());
    assert!(!whole.end_list, "more may come");
    let total: f32 = whole.segments.iter().map(|s| s.duration).sum();
    assert!((total - 31.0).abs() < 0.1, "{total}");
    assert!(whole.segments.len() > growing.segments.len());
    for (a, b) in growing.segments.iter().zip(&whole.segments) {
        assert_eq!(a, b, "nothing that was said changes");
    }
}

#[test]
fn key_frames_alone_keep_the_time_line_and_take_a_fraction_of_the_bytes() {
    let mut camera = Camera::new();
    camera.audio = Some(g711());
    camera.filler = 3_000;
    let (b, stream) = recorded(&mut camera, 130.0);
    camera.reconnect(10_000_000_000);
    b.feed(stream, &mut camera, 20.0);
    b.wait_recorded(stream, camera.wall);
    assert!(b.recorder.shutdown());
    let p = b.recorder.playback();
    let all = parse(&p.playlist(stream, START, camera.wall, "segments").unwrap());
    let text = p.keys_playlist(stream, START, camera.wall, "segments").unwrap();
    let keys = parse(&text);
    let sum = |list: &MediaPlaylist| list.segments.iter().map(|s| s.duration).sum::<f32>();
    assert!((sum(&keys) - sum(&all)).abs() < 0.01, "{} {}", sum(&keys), sum(&all));
    assert_eq!(keys.segments.iter().filter(|s| s.discontinuity).count(), 1, "{text}");
    assert!(keys.segments.len() * 2 < all.segments.len(), "entries of ten seconds: {text}");
    let dir = tempfile::tempdir().unwrap();
    let file = fetch(&b, &text, dir.path());
    let args = ["-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0"];
    assert_eq!(ffprobe(&args, &file).lines().next(), Some("h264,75"), "150 s in groups of 2 s, and no sound");
    let bytes = |files: Vec<PathBuf>| files.iter().map(|f| f.metadata().unwrap().len()).sum::<u64>();
    let (of_keys, of_all) = (bytes(common::files_under(dir.path())), bytes(b.files()));
    assert!(of_keys * 5 < of_all, "{of_keys} of {of_all}");
    let e = p.keys(1, 3, 100).unwrap_err();
    assert_eq!(e.kind(), heron_core::ErrorKind::NotFound, "{e}");
}

#[test]
fn g711_is_played_as_flac() {
    let mut camera = Camera::new();
    camera.audio = Some(g711());
    let (b, stream) = recorded(&mut camera, 30.0);
    assert!(b.recorder.shutdown());
    let text = b.recorder.playback().playlist(stream, START, camera.wall, "segments").unwrap();
    assert!(!text.contains("BYTERANGE"), "{text}");
    let dir = tempfile::tempdir().unwrap();
    let file = fetch(&b, &text, dir.path());
    let codecs = ffprobe(&["-show_entries", "stream=codec_name", "-of", "csv=p=0"], &file);
    assert!(codecs.starts_with("h264\nflac"), "{codecs}");
    assert_eq!(frames(&file), 750);
    let e = b.recorder.playback().rewritten(1, 3, 100).unwrap_err();
    assert_eq!(e.kind(), heron_core::ErrorKind::NotFound, "{e}");
}

#[test]
fn a_clip_is_exact_and_every_byte_can_be_asked_for_alone() {
    let mut camera = Camera::new();
    camera.audio = Some(g711());
    let (b, stream) = recorded(&mut camera, 130.0);
    let playback = b.recorder.playback();
    let clip = playback.flat_mp4(stream, after(50.5), after(75.5)).unwrap();
    let length = clip.plan_of().total_len();
    let whole = clip.read(0..u64::MAX).unwrap();
    assert_eq!(whole.len() as u64, length);
    let mut pieces = Vec::new();
    for at in (0..length).step_by(997) {
        pieces.extend_from_slice(&clip.read(at..at + 997).unwrap());
    }
    assert!(pieces == whole, "ranges give the same bytes");
    assert!(clip.plan_of().slices(0..length).any(|s| matches!(s, Slice::File { .. })));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clip.mp4");
    std::fs::write(&file, &whole).unwrap();
    let seconds: f64 =
        ffprobe(&["-show_entries", "format=duration", "-of", "csv=p=0"], &file).parse().unwrap();
    assert!((seconds - 25.0).abs() < 0.1, "{seconds}");
    assert_eq!(ffprobe(&["-show_entries", "stream=codec_name", "-of", "csv=p=0"], &file), "h264\nflac");
    let again = playback.flat_mp4(stream, after(50.5), after(75.5)).unwrap();
    assert_eq!(again.plan_of().etag(), clip.plan_of().etag());
}

#[test]
fn a_still_is_the_key_frame_before_the_instant() {
    let mut camera = Camera::new();
    camera.audio = Some(g711());
    let (b, stream) = recorded(&mut camera, 100.0);
    let playback = b.recorder.playback();
    let dir = tempfile::tempdir().unwrap();
    for (asked, shown) in [(0.0, 0.0), (1.99, 0.0), (2.0, 2.0), (71.3, 70.0), (98.9, 98.0)] {
        let still = playback.key_frame_at(stream, after(asked)).unwrap();
        assert_eq!(still.wall, after(shown), "{asked}");
        let file = dir.path().join("still.mp4");
        std::fs::write(&file, [still.init, still.fragment].concat()).unwrap();
        assert_eq!(frames(&file), 1);
        assert!(still.mime_type.contains("avc1") && !still.mime_type.contains("alaw"), "{}", still.mime_type);
    }
    // In a gap it is the last one before.
    b.clock.advance(Duration::from_secs(500));
    assert_eq!(playback.key_frame_at(stream, after(400.0)).unwrap().wall, after(98.0));
    let before_all = playback.key_frame_at(stream, after(-10.0)).unwrap_err();
    assert_eq!(before_all.kind(), heron_core::ErrorKind::NotFound);
    assert_eq!(playback.key_frame_at(stream, after(90_000.0)).unwrap_err().field(), Some("time"));
}

#[test]
fn absurd_ranges_name_their_field() {
    let mut camera = Camera::new();
    let (b, stream) = recorded(&mut camera, 5.0);
    let p = b.recorder.playback();
    let day = 86_400.0;
    assert_eq!(p.playlist(stream, after(2.0), after(1.0), "s").unwrap_err().field(), Some("end"));
    assert_eq!(p.playlist(stream, after(100.0), after(200.0), "s").unwrap_err().field(), Some("start"));
    assert_eq!(p.flat_mp4(stream, after(-day), after(2.0)).unwrap_err().field(), Some("end"));
    let bin = Some(Duration::from_millis(1));
    assert_eq!(p.timeline(stream.camera, START, after(5.0), bin).unwrap_err().field(), Some("bin"));
    assert_eq!(
        p.timeline(stream.camera, after(-101.0 * day), after(5.0), None).unwrap_err().field(),
        Some("end")
    );
}

#[test]
fn the_timeline_has_bins_and_the_storage_page_its_numbers() {
    let mut camera = Camera::new();
    camera.filler = 2_000;
    let (b, stream) = recorded(&mut camera, 100.0);
    let bin = Some(Duration::from_secs(10));
    let t = b.recorder.playback().timeline(stream.camera, after(-20.0), after(60.0), bin).unwrap();
    let bins = t.bins.unwrap();
    assert_eq!(bins.coverage.len(), 1);
    assert_eq!(bins.coverage[0].1, [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    wait("a measured rate", || {
        b.feed(stream, &mut camera, 12.0);
        b.wait_recorded(stream, camera.wall);
        b.recorder.storage().unwrap().streams[0].bit_rate.0 > 0
    });
    let s = b.recorder.storage().unwrap();
    assert_eq!((s.streams.len(), s.streams[0].oldest), (1, Some(START)));
    assert!(s.days_expected.unwrap() > 0.0 && s.volumes[0].total_bytes > s.volumes[0].free_bytes);
    let on_disk: u64 = b.files().iter().map(|f| f.metadata().unwrap().len()).sum();
    assert!(s.volumes[0].recordings_bytes <= on_disk && s.volumes[0].recordings_bytes * 2 > on_disk);
}

#[test]
fn a_damaged_file_does_not_hide_the_others() {
    let mut camera = Camera::new();
    let (b, stream) = recorded(&mut camera, 200.0);
    assert!(b.recorder.shutdown());
    std::fs::write(&b.files()[1], b"not an mp4 at all, not any more").unwrap();
    let b = b.restart(false, Duration::from_secs(1));
    let p = b.recorder.playback();
    let text = p.playlist(stream, START, camera.wall, "segments").unwrap();
    assert_eq!(parse(&text).segments.iter().filter(|s| s.discontinuity).count(), 1, "{text}");
    assert!(p.flat_mp4(stream, START, camera.wall).unwrap().plan_of().total_len() > 0);
}

#[test]
fn the_index_at_the_end_of_a_file_says_what_reading_all_of_it_says() {
    let mut camera = Camera::new();
    camera.audio = Some(g711());
    let (b, stream) = recorded(&mut camera, 150.0);
    assert!(b.recorder.shutdown());
    let files = b.files();
    assert!(files.len() > 1);
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        let tail = &bytes[bytes.len().saturating_sub(index_box::TAIL)..];
        let (init, fragments) = index_box::read_index(tail, bytes.len() as u64).unwrap();
        let scan = scan::scan(&bytes);
        assert_eq!((Some(init), fragments, scan.problem.is_none()), (scan.init, scan.fragments, true));
        assert_eq!(scan.valid_len, bytes.len() as u64, "the index is a whole box");
        assert!(ffprobe(&["-show_entries", "format=nb_streams", "-of", "csv=p=0"], path).starts_with('2'));
    }
    let whole = b.recorder.playback().playlist(stream, START, camera.wall, "segments").unwrap();
    // Damaged, so that it is not believed: the file is read as before, and says the same.
    for path in &files {
        let mut bytes = std::fs::read(path).unwrap();
        let at = bytes.windows(16).rposition(|w| *w == index_box::INDEX_TYPE).unwrap();
        bytes[at + 60] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
    let b = b.restart(false, Duration::from_secs(1));
    assert_eq!(b.recorder.playback().playlist(stream, START, camera.wall, "segments").unwrap(), whole);
}
