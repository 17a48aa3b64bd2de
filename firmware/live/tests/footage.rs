//! Real footage through live view, judged by ffmpeg.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use common::*;
use heron_core::{AccessUnit, TrackKind};
use heron_live::LiveMessage;
use std::io::Write;
use std::process::{Command, Stdio};

/// What a program says of `bytes` on its standard input.
fn ask(program: &str, arguments: &[&str], bytes: &[u8]) -> (String, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&bytes);
    });
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap();
    (String::from_utf8_lossy(&done.stdout).into_owned(), String::from_utf8_lossy(&done.stderr).into_owned())
}

/// Shows the units to a viewer who joined at the first key frame; in small pushes, as they would come.
async fn show(units: &[AccessUnit]) -> Vec<LiveMessage> {
    let house = House::new();
    let (first, rest) = units.split_at(8);
    house.push(first.iter().cloned());
    let mut viewer = house.join();
    let mut messages = all(&mut viewer).await;
    for some in rest.chunks(5) {
        house.push(some.iter().cloned());
        messages.extend(all(&mut viewer).await);
    }
    messages
}

#[tokio::test(start_paused = true)]
async fn ffmpeg_decodes_every_frame_of_every_codec() {
    if !has("ffprobe") || !has("ffmpeg") {
        return;
    }
    for (name, video, audio) in [
        ("car_main_1080p25_h264_aac.mp4", "h264", Some("aac")),
        ("car_main_1080p12_h265.mp4", "hevc", None),
        ("car_sub_360p12_h264_g711a.mkv", "h264", Some("flac")),
    ] {
        let Some(path) = footage(name) else { continue };
        let units = units_of(&path);
        let messages = show(&units).await;
        let LiveMessage::Hello(hello) = &messages[0] else { panic!("{:?}", messages[0]) };
        assert_eq!(hello.codecs.contains(','), audio.is_some(), "{name}: {}", hello.codecs);
        let bytes = bytes_of(&messages);
        let (streams, errors) = ask(
            "ffprobe",
            &["-v", "warning", "-show_entries", "stream=codec_name", "-of", "csv=p=0", "-"],
            &bytes,
        );
        assert_eq!(errors, "", "{name}");
        let expected: Vec<&str> = [Some(video), audio].into_iter().flatten().collect();
        assert_eq!(streams.split_whitespace().collect::<Vec<_>>(), expected, "{name}");
        let (_, errors) = ask("ffmpeg", &["-v", "warning", "-xerror", "-i", "-", "-f", "null", "-"], &bytes);
        assert_eq!(errors, "", "{name}");
        let seen = seen(&messages);
        assert_playable(&seen);
        let first = units.iter().position(AccessUnit::is_key_frame).unwrap();
        let pictures = units[first..].iter().filter(|u| u.track() == TrackKind::Video).count();
        let shown = seen.iter().filter(|s| s.track == TrackKind::Video).count();
        assert_eq!(shown, pictures, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_that_fills_a_hole_is_silence_to_a_decoder() {
    if !has("ffmpeg") {
        return;
    }
    for format in [aac(), g711()] {
        let house = House::new();
        let video = h264(40);
        // Known before the first key frame, and never heard after it: all of it is silence.
        house.push(sound(&format, 0.0, 0.07).into_iter().take(1));
        house.push(frames(&video, 0, 5, 250, 500));
        let mut viewer = house.join();
        house.push(frames(&video, 5, 200, 250, 500));
        let messages = all(&mut viewer).await;
        let bytes = bytes_of(&messages);
        let arguments = [
            "-v", "error", "-i", "-", "-map", "0:a", "-ss", "1", "-f", "s16le", "-ac", "1", "-ar", "16000",
            "pipe:1",
        ];
        let mut child = Command::new("ffmpeg")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::spawn(move || stdin.write_all(&bytes));
        let done = child.wait_with_output().unwrap();
        // The invented pictures are no pictures; of the sound there must be nothing to say.
        let errors = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!errors.contains("[aac") && !errors.contains("[flac"), "ffmpeg complains of the sound");
        assert!(done.stdout.len() > 5 * 2 * 16_000, "{} bytes", done.stdout.len());
        let loudest =
            done.stdout.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]]).unsigned_abs()).max();
        assert!(loudest.unwrap() <= 1, "{loudest:?}");
    }
}
