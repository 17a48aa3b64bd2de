//! What the container tests share: real footage as samples, synthetic samples, a recorder in a few lines, and ffmpeg as
//! a judge.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "every test file uses its own part, and stops where something is missing"
)]

use bytes::Bytes;
use heron_core::{
    AudioCodec, AudioFormat, MediaTime, TrackFormat, TrackKind, VideoCodec, VideoFormat, WallTime,
};
use heron_media::mp4::scan::{samples, scan};
use heron_media::mp4::{Fragment, FragmentBuilder, Init, Sample, TrackSpec, init_segment};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

pub(crate) const NOW: WallTime = WallTime::from_millis(1_795_167_857_123);

/// A file of the test footage; `None` (and a line that says so) when this machine has none.
pub(crate) fn footage(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("HERON_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = folder.join("footage").join(name);
    if !path.is_file() {
        println!("skipped: no footage ({name})");
        return None;
    }
    Some(path)
}

/// Whether a program can be run here.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("-version").output().is_ok();
    if !found {
        println!("skipped: no {program}");
    }
    found
}

/// Samples of some tracks, in order of their decoding times.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    pub(crate) tracks: Vec<TrackSpec>,
    pub(crate) samples: Vec<Sample>,
}

impl Clip {
    pub(crate) fn of(&self, kind: TrackKind) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |s| s.track == kind)
    }
    pub(crate) fn sort(&mut self) {
        self.samples.sort_by_key(|s| s.dts);
    }
}

/// The access units of a file, by way of ffmpeg's own fragmented MP4 (so the scanner meets a foreign writer) and, for
/// sound that MP4 cannot hold, raw G.711 cut into packets of 20 ms.
pub(crate) fn extract(path: &Path) -> Clip {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.mp4");
    let g711 = path.to_string_lossy().contains("g711a");
    let mjpeg = path.to_string_lossy().contains("mjpeg");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-i"]).arg(path).args(["-c", "copy", "-map", "0:v"]);
    if !g711 && !mjpeg {
        command.args(["-map", "0:a?"]);
    }
    command.args(["-tag:v", if mjpeg { "jpeg" } else { "0" }]);
    if path.to_string_lossy().contains("h265") {
        command.args(["-tag:v", "hvc1"]);
    }
    let format = if mjpeg { "mov" } else { "mp4" };
    command.args(["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", format]).arg(&out);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let bytes = std::fs::read(&out).unwrap();
    let mut clip = from_file(&bytes);
    if g711 {
        let raw = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(path)
            .args(["-map", "0:a", "-c", "copy", "-f", "alaw", "-"])
            .output()
            .unwrap();
        assert!(raw.status.success());
        let format = g711_format(AudioCodec::G711a);
        clip.tracks.push(TrackSpec::new(Arc::new(TrackFormat::Audio(format))));
        for (n, packet) in raw.stdout.chunks(160).enumerate() {
            let t = MediaTime(n as i64 * 1_800);
            clip.samples.push(Sample {
                track: TrackKind::Audio,
                payload: Bytes::copy_from_slice(packet),
                pts: t,
                dts: t,
                sync: true,
                audio_samples: packet.len() as u32,
                wall: NOW.plus_nanos(t.as_nanos()),
            });
        }
        clip.sort();
    }
    clip
}

/// All samples of a fragmented file in memory.
pub(crate) fn from_file(bytes: &[u8]) -> Clip {
    let found = scan(bytes);
    assert!(found.problem.is_none(), "{:?}", found.problem);
    let init = found.init.unwrap();
    let mut clip = Clip { tracks: init.specs(), samples: Vec::new() };
    for fragment in &found.fragments {
        let at = fragment.offset as usize;
        for track in samples(&init, fragment, &bytes[at..]).unwrap() {
            let scale = init.track(track.kind).unwrap().timescale;
            let mut dts = track.first_dts as i64;
            for s in track.samples {
                let from = at + s.offset as usize;
                let pts = MediaTime::from_rate(dts + i64::from(s.cto), scale);
                clip.samples.push(Sample {
                    track: track.kind,
                    payload: Bytes::copy_from_slice(&bytes[from..from + s.size as usize]),
                    pts,
                    dts: MediaTime::from_rate(dts, scale),
                    sync: s.sync,
                    audio_samples: if track.kind == TrackKind::Audio { s.duration } else { 0 },
                    wall: NOW.plus_nanos(pts.as_nanos()),
                });
                dts += i64::from(s.duration);
            }
        }
    }
    clip.sort();
    clip
}

pub(crate) fn g711_format(codec: AudioCodec) -> AudioFormat {
    AudioFormat {
        codec,
        sample_rate_hz: 8_000,
        channels: 1,
        config: Bytes::new(),
        rfc6381: if codec == AudioCodec::G711a { "alaw" } else { "ulaw" }.to_owned(),
    }
}

/// A plausible H.264 format; `level` makes one differ from another.
pub(crate) fn h264_format(level: u8) -> VideoFormat {
    let sps = Bytes::from(vec![0x67, 0x64, 0x00, level, 0xac, 0xd9, 0x40, 0x50]);
    let pps = Bytes::from_static(&[0x68, 0xeb, 0xec, 0xb2, 0x2c]);
    let mut config = vec![1, 0x64, 0, level, 0xff, 0xe1, 0, sps.len() as u8];
    config.extend_from_slice(&sps);
    config.extend_from_slice(&[1, 0, pps.len() as u8]);
    config.extend_from_slice(&pps);
    VideoFormat {
        codec: VideoCodec::H264,
        width: 1920,
        height: 1080,
        rfc6381: format!("avc1.6400{level:02x}"),
        config: config.into(),
        parameter_sets: vec![sps, pps],
        pixel_aspect: (1, 1),
        reorder_frames: None,
        nominal_fps: None,
    }
}

pub(crate) fn video_track() -> TrackSpec {
    TrackSpec::new(Arc::new(TrackFormat::Video(h264_format(40))))
}

pub(crate) fn g711_track() -> TrackSpec {
    TrackSpec::new(Arc::new(TrackFormat::Audio(g711_format(AudioCodec::G711u))))
}

pub(crate) fn metadata_track() -> TrackSpec {
    TrackSpec::new(Arc::new(TrackFormat::Metadata))
}

/// `seconds` of invented 25 fps video with a key frame every `gop` frames, G.711 in 20 ms packets and a document a second.
/// Every payload is recognisable.
pub(crate) fn synthetic(seconds: usize, gop: usize) -> Clip {
    let mut clip = Clip { tracks: vec![video_track(), g711_track(), metadata_track()], samples: Vec::new() };
    let mut push = |track, n: usize, t: i64, payload: Vec<u8>, sync| {
        let audio_samples = if track == TrackKind::Audio { payload.len() as u32 } else { 0 };
        let _ = n;
        clip.samples.push(Sample {
            track,
            payload: payload.into(),
            pts: MediaTime(t),
            dts: MediaTime(t),
            sync,
            audio_samples,
            wall: NOW.plus_nanos(MediaTime(t).as_nanos()),
        });
    };
    for n in 0..seconds * 25 {
        let key = n % gop == 0;
        let size = if key { 4_000 } else { 300 + n % 100 };
        push(TrackKind::Video, n, n as i64 * 3_600, vec![n as u8; size], key);
    }
    for n in 0..seconds * 50 {
        let packet = (0..160).map(|i| (n * 160 + i) as u8).collect();
        push(TrackKind::Audio, n, n as i64 * 1_800, packet, true);
    }
    for n in 0..seconds {
        let text = format!("<tt:MetadataStream n=\"{n}\"/>").into_bytes();
        push(TrackKind::Metadata, n, n as i64 * 90_000, text, true);
    }
    clip.sort();
    clip
}

/// Appends a fragment to a file in memory, as the recorder does with one `writev`.
pub(crate) fn append(file: &mut Vec<u8>, fragment: &Fragment) {
    file.extend_from_slice(&fragment.header);
    for payload in &fragment.payloads {
        file.extend_from_slice(payload);
    }
}

/// A segment file of the clip: fragments cut at key frames and at most a second long.
pub(crate) fn record(clip: &Clip, origin: MediaTime) -> Vec<u8> {
    let mut file = init_segment(&clip.tracks, NOW);
    let mut builder = FragmentBuilder::new(&clip.tracks, origin);
    let mut sequence = 1;
    for sample in &clip.samples {
        if sample.track == TrackKind::Video
            && let Some(first) = builder.first_video_dts()
            && (sample.sync || (sample.dts - first).0 >= MediaTime::HZ)
        {
            let fragment = builder.finish(sequence, Some(sample.dts)).unwrap();
            append(&mut file, &fragment);
            builder.recycle(fragment);
            sequence += 1;
        }
        builder.push(sample.clone()).unwrap();
    }
    if let Some(fragment) = builder.finish(sequence, None) {
        append(&mut file, &fragment);
    }
    file
}

/// The scan of a whole file, which must be whole.
pub(crate) fn whole(file: &[u8]) -> (Init, Vec<heron_media::mp4::FragmentIndex>) {
    let found = scan(file);
    assert!(found.problem.is_none(), "{}", found.problem.unwrap());
    assert_eq!(found.valid_len, file.len() as u64);
    (found.init.unwrap(), found.fragments)
}

/// What ffprobe says of each packet and stream, after ffmpeg has decoded everything without a word.
pub(crate) struct Judged {
    pub(crate) text: String,
}

impl Judged {
    /// The values of `key` in order of appearance, of packets of the stream numbered `stream`.
    pub(crate) fn packets(&self, stream: usize, key: &str) -> Vec<String> {
        self.sections("PACKET")
            .filter(|s| value(s, "stream_index") == Some(&stream.to_string()))
            .map(|s| value(s, key).unwrap_or_default().to_owned())
            .collect()
    }
    /// A value of the stream numbered `stream`.
    pub(crate) fn stream(&self, stream: usize, key: &str) -> String {
        self.sections("STREAM")
            .find(|s| value(s, "index") == Some(&stream.to_string()))
            .and_then(|s| value(s, key))
            .unwrap_or_default()
            .to_owned()
    }
    pub(crate) fn format(&self, key: &str) -> String {
        self.sections("FORMAT").next().and_then(|s| value(s, key)).unwrap_or_default().to_owned()
    }
    fn sections(&self, name: &str) -> impl Iterator<Item = &str> {
        let (open, close) = (format!("[{name}]\n"), format!("[/{name}]"));
        self.text
            .split(&open)
            .skip(1)
            .filter_map(move |s| s.split(&close).next())
            .collect::<Vec<_>>()
            .into_iter()
    }
}

fn value<'a>(section: &'a str, key: &str) -> Option<&'a str> {
    section.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix('='))
}

/// Writes the bytes to a file and has ffprobe and ffmpeg read it. Not one warning of the demuxer and not one error of a
/// decoder is allowed (when `decode`).
pub(crate) fn judge(bytes: &[u8], decode: bool) -> Judged {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("judged.mp4");
    std::fs::write(&path, bytes).unwrap();
    let probe = Command::new("ffprobe")
        .args(["-v", "warning", "-show_streams", "-show_format", "-show_packets"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&probe.stderr).into_owned();
    if decode {
        assert_eq!(said, "", "ffprobe warned");
        let done = Command::new("ffmpeg")
            .args(["-v", "warning", "-xerror", "-i"])
            .arg(&path)
            .args(["-map", "0:v?", "-map", "0:a?", "-f", "null", "-"])
            .output()
            .unwrap();
        assert_eq!(warnings(&done.stderr), "", "ffmpeg warned");
        assert!(done.status.success());
    }
    assert!(probe.status.success(), "{said}");
    Judged { text: String::from_utf8(probe.stdout).unwrap() }
}

/// What ffmpeg said, without the line in which it decides that one channel of PCM is mono.
fn warnings(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    text.lines().filter(|l| !l.starts_with("Guessed Channel Layout")).collect()
}

/// The decoded sound of a file with invented pictures, about which ffmpeg complains at length.
pub(crate) fn decode_sound_beside_nonsense(bytes: &[u8]) -> Vec<i16> {
    sound_of(bytes, "mp4").0
}

/// The decoded sound of a file as 16-bit samples.
pub(crate) fn decode_sound(bytes: &[u8], extension: &str) -> Vec<i16> {
    let (samples, said) = sound_of(bytes, extension);
    assert_eq!(said, "", "ffmpeg warned");
    samples
}

fn sound_of(bytes: &[u8], extension: &str) -> (Vec<i16>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("sound.{extension}"));
    std::fs::write(&path, bytes).unwrap();
    let done = Command::new("ffmpeg")
        .args(["-v", "warning", "-xerror", "-i"])
        .arg(&path)
        .args(["-map", "0:a", "-f", "s16le", "-"])
        .output()
        .unwrap();
    assert!(done.status.success());
    let samples = done.stdout.chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    (samples, warnings(&done.stderr))
}

/// FNV-1a, for golden values.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}
