//! What to tell a person about a camera that was just tried: facts of the probe in plain words.

use heron_core::{AudioCodec, TrackKind, VideoCodec};
use heron_ingest::ProbeReport;
use serde::Serialize;
use utoipa::ToSchema;

/// A group of pictures longer than this makes live view start late and playback jump coarsely, milliseconds.
const LONG_GOP_MS: u32 = 4000;
/// More than this for one stream fills disks and networks without being seen, bits per second.
const HIGH_BIT_RATE: u64 = 12_000_000;
/// A camera's clock further off than this shows a wrong time in its own picture, milliseconds.
const CLOCK_OFF_MS: i64 = 5_000;
/// Below this a picture jerks.
const LOW_FRAME_RATE: f32 = 5.0;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AdviceLevel {
    /// Good to know.
    Info,
    /// Better changed.
    Warning,
}

/// Something worth knowing about a camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Advice {
    /// For programs.
    pub(crate) code: &'static str,
    pub(crate) level: AdviceLevel,
    /// For people.
    pub(crate) text: String,
}

fn advice(code: &'static str, level: AdviceLevel, text: impl Into<String>) -> Advice {
    Advice { code, level, text: text.into() }
}

/// What to say of a main stream and, if one was given, a sub stream.
pub(crate) fn on(main: &ProbeReport, sub: Option<&ProbeReport>) -> Vec<Advice> {
    use AdviceLevel::{Info, Warning};
    let mut out = Vec::new();
    if main.failure.is_some() {
        return out;
    }
    for (name, report) in [("main", Some(main)), ("sub", sub)] {
        if let Some(report) = report.filter(|r| r.failure.is_none()) {
            of_stream(name, report, &mut out);
        }
    }
    if sub.is_none() {
        out.push(advice(
            "no_sub_stream",
            Info,
            "Without a sub stream the grid shows the full picture of every camera, which is hard work for phones and \
             old computers. Most cameras offer a small second stream: give its address.",
        ));
    }
    if let Some(off) = main.clock_offset_ms.filter(|ms| ms.abs() > CLOCK_OFF_MS) {
        let (seconds, side) = (off.unsigned_abs() / 1000, if off > 0 { "ahead of" } else { "behind" });
        out.push(advice(
            "clock_offset",
            Warning,
            format!(
                "The camera's clock is {seconds} s {side} this box. Recordings use the box's time, but the time the \
                 camera writes into its picture will be wrong. Give the camera a time server."
            ),
        ));
    }
    if main.transport != Some("tls") {
        out.push(advice(
            "plain_rtsp",
            Info,
            "Pictures travel unencrypted between the camera and this box. If the camera speaks RTSPS, use an address that \
             begins with rtsps://.",
        ));
    }
    out
}

fn of_stream(name: &str, report: &ProbeReport, out: &mut Vec<Advice>) {
    use AdviceLevel::{Info, Warning};
    let video = report.formats.iter().find_map(|f| f.video());
    let audio = report.formats.iter().find_map(|f| f.audio());
    if video.is_some_and(|v| v.codec == VideoCodec::H265) {
        out.push(advice(
            "h265_browser",
            Warning,
            format!(
                "The {name} stream is H.265. It is recorded as it is, but many browsers cannot show it. H.264 shows \
                 everywhere."
            ),
        ));
    }
    if video.and_then(|v| v.reorder_frames).is_some_and(|n| n > 0) {
        out.push(advice(
            "b_frames",
            Info,
            format!(
                "The {name} stream uses B-frames, which delay the live picture by a few frames. Most cameras can switch \
                 them off (\"baseline\" or \"main\" profile without B-frames)."
            ),
        ));
    }
    if let Some(gop) = report.gop_ms.filter(|ms| *ms > LONG_GOP_MS) {
        out.push(advice(
            "long_gop",
            Warning,
            format!(
                "The {name} stream sends a full picture only every {:.1} s. Live view starts late and jumping in \
                 recordings is coarse. Set the key frame interval (GOP, I-frame interval) to 1 or 2 s.",
                f64::from(gop) / 1000.0
            ),
        ));
    }
    if let Some(rate) = report.bit_rate.filter(|r| r.0 > HIGH_BIT_RATE) {
        out.push(advice(
            "high_bit_rate",
            Warning,
            format!(
                "The {name} stream takes {rate}, which is {:.0} GB a day. Half of it seldom looks worse.",
                rate.0 as f64 / 8.0 * 86_400.0 / 1e9
            ),
        ));
    }
    if let Some(rate) = report.frame_rate.filter(|r| *r > 0.0 && *r < LOW_FRAME_RATE) {
        out.push(advice(
            "low_frame_rate",
            Info,
            format!("The {name} stream has {rate:.1} pictures a second. Quick movements will be missed."),
        ));
    }
    if audio.is_some_and(|a| matches!(a.codec, AudioCodec::G711a | AudioCodec::G711u)) {
        out.push(advice(
            "g711_audio",
            Info,
            format!(
                "The sound of the {name} stream is G.711, telephone quality. It is recorded as it is and converted for \
                 browsers when it is played. AAC sounds better."
            ),
        ));
    }
    let has_audio = report.formats.iter().any(|f| f.kind() == TrackKind::Audio);
    if let Some(track) = report.tracks.iter().find(|t| t.kind == "audio" && !t.received && !has_audio) {
        out.push(advice(
            "audio_not_supported",
            Warning,
            format!(
                "The {name} stream offers sound as {}, which cannot be recorded. Pictures are recorded without it. Set \
                 the camera's audio to AAC or G.711.",
                if track.encodings.is_empty() { "an unnamed codec".to_owned() } else { track.encodings.join(", ") }
            ),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heron_core::{BitRate, TrackFormat, VideoFormat};
    use std::sync::Arc;

    fn report(codec: VideoCodec) -> ProbeReport {
        let video = VideoFormat {
            codec,
            width: 1920,
            height: 1080,
            rfc6381: "x".into(),
            config: bytes::Bytes::new(),
            parameter_sets: vec![],
            pixel_aspect: (1, 1),
            reorder_frames: Some(2),
            nominal_fps: None,
        };
        ProbeReport {
            formats: vec![Arc::new(TrackFormat::Video(video))],
            transport: Some("tls"),
            ..ProbeReport::default()
        }
    }

    #[test]
    fn each_oddity_is_named_once() {
        let mut main = report(VideoCodec::H265);
        main.gop_ms = Some(10_000);
        main.bit_rate = Some(BitRate(20_000_000));
        main.clock_offset_ms = Some(-90_000);
        main.transport = Some("tcp");
        let codes: Vec<_> = on(&main, None).iter().map(|a| a.code).collect();
        assert_eq!(
            codes,
            [
                "h265_browser",
                "b_frames",
                "long_gop",
                "high_bit_rate",
                "no_sub_stream",
                "clock_offset",
                "plain_rtsp"
            ]
        );
        assert!(on(&main, None)[5].text.contains("90 s behind"));
        assert!(on(&main, None)[3].text.contains("216 GB a day"));
    }

    #[test]
    fn there_is_nothing_to_say_of_a_good_camera() {
        let mut good = report(VideoCodec::H264);
        let video = Arc::make_mut(&mut good.formats[0]);
        if let TrackFormat::Video(v) = video {
            v.reorder_frames = Some(0);
        }
        assert_eq!(on(&good, Some(&good)), []);
    }
}
