//! Playlists: golden text, and read back by another parser.
#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod containers_common;

use containers_common::*;
use heron_core::{MediaTime, TrackFormat, TrackKind, WallTime};
use heron_media::hls::{ByteRange, Map, MediaPlaylist, PlaylistKind, Recording, Segment, segments};
use heron_media::mp4::{FragmentIndex, Init, TrackSpec};
use m3u8_rs::Playlist;
use std::sync::Arc;

fn parse(text: &str) -> m3u8_rs::MediaPlaylist {
    match m3u8_rs::parse_playlist_res(text.as_bytes()).unwrap() {
        Playlist::MediaPlaylist(list) => list,
        Playlist::MasterPlaylist(_) => panic!("a media playlist was written"),
    }
}

fn seconds(s: i64) -> MediaTime {
    MediaTime(s * MediaTime::HZ)
}

fn map(uri: &str) -> Map {
    Map { uri: uri.to_owned(), byte_range: Some(ByteRange { offset: 0, length: 900 }) }
}

/// The index of a file with fragments of one second, a key frame every `gop` seconds, from `first` seconds of media time.
fn file(
    first: i64,
    count: usize,
    gop: usize,
    wall: WallTime,
    track: TrackSpec,
) -> (Init, Vec<FragmentIndex>) {
    let mut clip = synthetic(count, gop * 25);
    clip.tracks[0] = track;
    for sample in &mut clip.samples {
        sample.pts = sample.pts + seconds(first);
        sample.dts = sample.dts + seconds(first);
        sample.wall = wall.plus_nanos(sample.wall.nanos_since(NOW));
    }
    whole(&record(&clip, MediaTime(0)))
}

#[test]
fn golden() {
    let other = {
        let mut other = h264_format(31);
        other.width = 1280;
        TrackSpec::new(Arc::new(TrackFormat::Video(other)))
    };
    let at = |s: i64| NOW.plus_nanos(s * 1_000_000_000);
    // Five seconds, then three that follow without a seam, then three after ten minutes, then another format.
    let files = [
        file(0, 5, 2, NOW, video_track()),
        file(5, 3, 2, at(5), video_track()),
        file(8, 3, 1, at(608), video_track()),
        file(0, 2, 2, at(611), other),
    ];
    let recordings: Vec<Recording<'_>> = files
        .iter()
        .enumerate()
        .map(|(n, (init, fragments))| Recording {
            uri: format!("segments/{n}.mp4"),
            // The second file needs no init segment of its own.
            map: map(&format!("segments/{}.mp4", if n == 1 { 0 } else { n })),
            init,
            fragments,
        })
        .collect();
    let list = MediaPlaylist::vod(segments(&recordings, seconds(2)));
    let text = list.to_string();
    let lengths: Vec<String> = list
        .segments
        .iter()
        .map(|s| s.byte_range.map(|r| format!("{}@{}", r.length, r.offset)).unwrap())
        .collect();
    let golden = format!(
        "#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI=\"segments/0.mp4\",BYTERANGE=\"900@0\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:44:17.123Z
#EXTINF:2.00000,
#EXT-X-BYTERANGE:{}
segments/0.mp4
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:44:19.123Z
#EXTINF:2.00000,
#EXT-X-BYTERANGE:{}
segments/0.mp4
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:44:21.123Z
#EXTINF:1.00000,
#EXT-X-BYTERANGE:{}
segments/0.mp4
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:44:22.123Z
#EXTINF:2.00000,
#EXT-X-BYTERANGE:{}
segments/1.mp4
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:44:24.123Z
#EXTINF:1.00000,
#EXT-X-BYTERANGE:{}
segments/1.mp4
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI=\"segments/2.mp4\",BYTERANGE=\"900@0\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:54:25.123Z
#EXTINF:2.00000,
#EXT-X-BYTERANGE:{}
segments/2.mp4
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:54:27.123Z
#EXTINF:1.00000,
#EXT-X-BYTERANGE:{}
segments/2.mp4
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI=\"segments/3.mp4\",BYTERANGE=\"900@0\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:54:28.123Z
#EXTINF:2.00000,
#EXT-X-BYTERANGE:{}
segments/3.mp4
#EXT-X-ENDLIST
",
        lengths[0], lengths[1], lengths[2], lengths[3], lengths[4], lengths[5], lengths[6], lengths[7]
    );
    assert_eq!(text, golden);

    // Ranges of a file follow one another and reach its end.
    for ((_, fragments), n) in files.iter().zip(0..) {
        let uri = format!("segments/{n}.mp4");
        let mut at = fragments[0].offset;
        for range in list.segments.iter().filter(|s| s.uri == uri).filter_map(|s| s.byte_range) {
            assert_eq!(range.offset, at);
            at += range.length;
        }
        assert_eq!(at, fragments.last().unwrap().end());
    }

    let read = parse(&text);
    assert!(read.end_list && read.independent_segments);
    assert_eq!(read.version, Some(7));
    assert_eq!(read.segments.len(), 8);
    for (read, wrote) in read.segments.iter().zip(&list.segments) {
        assert_eq!(read.uri, wrote.uri);
        assert_eq!(read.discontinuity, wrote.discontinuity);
        assert!((f64::from(read.duration) - wrote.duration.0 as f64 / 90_000.0).abs() < 1e-4);
        let range = read.byte_range.as_ref().unwrap();
        let wrote_range = wrote.byte_range.unwrap();
        assert_eq!((range.length, range.offset), (wrote_range.length, Some(wrote_range.offset)));
        let wall = read.program_date_time.unwrap().timestamp_millis();
        assert_eq!(wall, wrote.program_date_time.unwrap().as_millis());
    }
    assert_eq!(read.segments[5].map.as_ref().unwrap().uri, "segments/2.mp4");
}

fn segment(duration: i64) -> Segment {
    Segment {
        uri: "s.mp4".to_owned(),
        byte_range: None,
        duration: MediaTime(duration),
        program_date_time: None,
        discontinuity: true,
        map: Map { uri: "i.mp4".to_owned(), byte_range: None },
    }
}

#[test]
fn the_target_duration_is_rounded_as_the_standard_wants() {
    for (ticks, target) in
        [(0, 1), (90_000, 1), (134_999, 1), (135_000, 2), (180_000, 2), (224_999, 2), (-5, 1)]
    {
        let list = MediaPlaylist::vod(vec![segment(ticks)]);
        assert_eq!(list.target_duration_s(), target, "{ticks}");
        let read = parse(&list.to_string());
        assert_eq!(read.target_duration, target);
        assert!(f64::from(read.segments[0].duration).round() as u64 <= target);
    }
}

#[test]
fn growing_and_sliding_lists() {
    let mut list = MediaPlaylist {
        kind: PlaylistKind::Event,
        target_duration_s: 10,
        media_sequence: 0,
        discontinuity_sequence: 0,
        segments: vec![segment(90_000), segment(45_001)],
    };
    assert_eq!(
        list.to_string(),
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:1.00000,\ns.mp4\n#EXT-X-DISCONTINUITY\n\
         #EXTINF:0.50001,\ns.mp4\n"
    );
    list.kind = PlaylistKind::Sliding;
    list.media_sequence = 7;
    list.discontinuity_sequence = 3;
    let text = list.to_string();
    assert!(
        text.contains("#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXT-X-INDEPENDENT"),
        "{text}"
    );
    assert!(text.contains("SEGMENTS\n#EXT-X-DISCONTINUITY\n"), "the first keeps its mark");
    let read = parse(&text);
    assert!(!read.end_list && read.playlist_type.is_none());
    assert_eq!((read.media_sequence, read.discontinuity_sequence), (7, 3));
}

#[test]
fn an_address_cannot_write_tags() {
    let mut bad = segment(90_000);
    bad.uri = "#EXT-X-ENDLIST\nx y.mp4".to_owned();
    bad.map.uri = "i\".mp4\r".to_owned();
    let text = MediaPlaylist { kind: PlaylistKind::Event, ..MediaPlaylist::vod(vec![bad]) }.to_string();
    assert!(text.contains("\n%23EXT-X-ENDLIST%0Ax%20y.mp4\n"), "{text}");
    assert!(text.contains("URI=\"i%22.mp4%0D\"\n"), "{text}");
}

#[test]
fn segments_start_with_key_frames_only() {
    // A key frame every three seconds, and the part of the file begins in the middle of a group.
    let (init, fragments) = file(0, 9, 3, NOW, video_track());
    let recording = Recording { uri: "x".to_owned(), map: map("x"), init: &init, fragments: &fragments[1..] };
    let list = segments(&[recording], seconds(2));
    let at: Vec<_> = list.iter().map(|s| (s.duration, s.byte_range.unwrap().offset)).collect();
    assert_eq!(at, [(seconds(3), fragments[3].offset), (seconds(3), fragments[6].offset)]);
    assert!(!list[0].discontinuity && !list[1].discontinuity);
}

#[test]
fn a_small_hole_counts_into_the_segment_before_it() {
    let (init, mut fragments) = file(0, 4, 2, NOW, video_track());
    // 200 ms are missing before the third second.
    for f in &mut fragments[2..] {
        f.wall = f.wall.map(|w| w.plus_nanos(200_000_000));
        f.tracks.iter_mut().filter(|t| t.kind == TrackKind::Video).for_each(|t| t.first_dts += 18_000);
    }
    let recording = Recording { uri: "x".to_owned(), map: map("x"), init: &init, fragments: &fragments };
    let list = segments(&[recording], seconds(2));
    assert_eq!(list.iter().map(|s| s.duration.0).collect::<Vec<_>>(), [198_000, 180_000]);
    assert!(!list[1].discontinuity);
}

#[test]
fn a_real_player_reads_the_list() {
    if !has("ffmpeg") {
        return;
    }
    let Some(path) = footage("car_main_1080p25_h264_aac.mp4") else { return };
    let bytes = record(&extract(&path), MediaTime(0));
    let (init, fragments) = whole(&bytes);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.mp4"), &bytes).unwrap();
    let map =
        Map { uri: "s.mp4".to_owned(), byte_range: Some(ByteRange { offset: 0, length: init.init_len }) };
    let recording = Recording { uri: "s.mp4".to_owned(), map, init: &init, fragments: &fragments };
    let list = MediaPlaylist::vod(segments(&[recording], seconds(4)));
    assert_eq!(list.segments.len(), 8);
    let video = |f: &FragmentIndex| f.track(TrackKind::Video).unwrap().clone();
    let (first, last) = (video(&fragments[0]), video(&fragments[fragments.len() - 1]));
    let total: i64 = list.segments.iter().map(|s| s.duration.0).sum();
    assert_eq!(total as u64, last.first_dts + last.duration - first.first_dts);
    let playlist = folder.path().join("list.m3u8");
    std::fs::write(&playlist, list.to_string()).unwrap();
    let probe = std::process::Command::new("ffprobe")
        .args([
            "-v",
            "warning",
            "-show_entries",
            "stream=codec_name,nb_read_packets",
            "-count_packets",
            "-of",
            "csv",
        ])
        .arg(&playlist)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&probe.stderr), "");
    let text = String::from_utf8_lossy(&probe.stdout).into_owned();
    assert!(text.contains("stream,h264,750"), "{text}");
}
