//! Programs that no one here wrote play every codec by every transport and have nothing to complain of.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    Came, Client, complaints, name, program, with_credentials, without_warning, without_warning_but,
};
use heron_core::{Clock as _, StreamKind, SystemClock};
use heron_sim::{Audio, Auth, Pace, SimConfig, Simulator, footage, timecode};
use std::path::PathBuf;
use std::process::{Command, Output};

const MAIN: StreamKind = StreamKind::Main;
const SUB: StreamKind = StreamKind::Sub;

/// Every codec that is in the footage: file, and the audio it holds.
const FILMS: [(&str, Option<&str>); 4] = [
    ("car_main_1080p25_h264_aac.mp4", Some("aac")),
    ("car_main_1080p12_h265.mp4", None),
    ("car_sub_360p12_mjpeg.mkv", None),
    ("car_sub_360p12_h264_g711a.mkv", Some("pcm_alaw")),
];

fn films() -> Option<Vec<PathBuf>> {
    FILMS.iter().map(|(file, _)| footage::file(file)).collect()
}

fn ffmpeg(url: &str, transport: &str) -> Option<Command> {
    let mut command = program("ffmpeg")?;
    command.args(["-nostdin", "-v", "warning", "-rtsp_transport", transport, "-i", url]);
    Some(command)
}

#[test]
fn ffmpeg_plays_every_codec_over_tcp_and_udp() {
    let Some(films) = films() else { return };
    let sim =
        Simulator::start(SimConfig { cameras: films.len(), footage: films.clone(), ..SimConfig::default() })
            .unwrap();
    for transport in ["tcp", "udp"] {
        for (n, film) in films.iter().enumerate() {
            let Some(mut command) = ffmpeg(&sim.rtsp_url(n + 1, MAIN), transport) else { return };
            // ffmpeg reads no socket while it decodes, and a key frame of 1080p fills the receive buffer that the
            // system grants; so over UDP it only takes these apart.
            let decode = transport == "tcp" || n >= 2;
            let codec: &[&str] = if decode { &["-fps_mode", "passthrough"] } else { &["-c", "copy"] };
            command.args(["-t", "1.5"]).args(codec).args(["-f", "framemd5", "-"]);
            let known = match (n, decode) {
                // ffmpeg 5.1 says this of any JPEG whose scan has no escaped 0xff, of its own making too.
                (2, _) => "EOI missing, emulating",
                // And this of the first picture of any H.264 or H.265 that it takes from RTSP without decoding.
                (_, false) => "Timestamps are unset in a packet",
                _ => "",
            };
            let output = patiently(transport, command, known);
            let frames =
                String::from_utf8_lossy(&output.stdout).lines().filter(|l| l.starts_with("0,")).count();
            assert!(frames >= 12, "{} over {transport}: {frames} pictures", name(film));
        }
    }
}

/// Runs a player that must not complain. Datagrams that come while a busy machine does not run the player overflow its
/// socket, and that is no fault of the sender: over UDP the best of three counts.
fn patiently(transport: &str, mut command: Command, known: &str) -> Output {
    for _ in 0..if transport == "udp" { 2 } else { 0 } {
        let output = command.output().unwrap();
        if output.status.success() && complaints(&output, known).is_empty() {
            return output;
        }
    }
    without_warning_but(command, known)
}

#[test]
fn ffprobe_sees_what_is_in_the_films() {
    let Some(films) = films() else { return };
    let config =
        SimConfig { cameras: films.len(), footage: films, pace: Pace::Packet, ..SimConfig::default() };
    let sim = Simulator::start(config).unwrap();
    for (n, (film, audio)) in FILMS.iter().enumerate() {
        let Some(mut command) = program("ffprobe") else { return };
        command.args(["-v", "warning", "-rtsp_transport", "tcp", "-of", "csv=p=0"]);
        command.args(["-show_entries", "stream=codec_name,width,height,sample_rate"]);
        command.arg(sim.rtsp_url(n + 1, MAIN));
        let output = without_warning(command);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let codec = ["h264", "hevc", "mjpeg", "h264"][n];
        let size = if n < 2 { "1920,1080" } else { "640,360" };
        assert!(said.contains(&format!("{codec},{size}")), "{film}: {said}");
        assert_eq!(audio.is_some_and(|a| said.contains(a)), audio.is_some(), "{film}: {said}");
    }
}

#[test]
fn gstreamer_plays_every_codec_over_tcp_and_udp() {
    let Some(films) = films() else { return };
    let sim =
        Simulator::start(SimConfig { cameras: films.len(), footage: films, ..SimConfig::default() }).unwrap();
    let chains = [
        (1, "rtph264depay ! h264parse ! avdec_h264", "video"),
        (1, "rtpmp4gdepay ! aacparse ! avdec_aac", "audio"),
        (2, "rtph265depay ! h265parse ! avdec_h265", "video"),
        (3, "rtpjpegdepay ! jpegdec", "video"),
        (4, "rtppcmadepay ! alawdec", "audio"),
    ];
    for protocols in ["tcp", "udp"] {
        for (camera, chain, media) in chains {
            let Some(mut command) = program("gst-launch-1.0") else { return };
            let url = sim.rtsp_url(camera, MAIN);
            let pipeline = format!(
                "rtspsrc location={url} protocols={protocols} latency=100 ! application/x-rtp,media={media} ! {chain} ! fakesink num-buffers=12"
            );
            command.arg("-q").args(pipeline.split(' '));
            patiently(protocols, command, "");
        }
    }
}

#[test]
fn others_know_our_passwords() {
    for auth in [Auth::Basic, Auth::DigestMd5] {
        let sim = Simulator::start(SimConfig { auth, audio: Audio::None, ..SimConfig::default() }).unwrap();
        let url = sim.rtsp_url(1, SUB);
        if let Some(mut command) = ffmpeg(&with_credentials(&url, "heron", "heron"), "tcp") {
            command.args(["-frames:v", "5", "-f", "null", "-"]);
            without_warning(command);
        }
        if let Some(mut command) = ffmpeg(&with_credentials(&url, "heron", "wrong"), "tcp") {
            let output = command.args(["-frames:v", "5", "-f", "null", "-"]).output().unwrap();
            assert!(
                !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("401"),
                "{auth:?}"
            );
        }
        if let Some(mut command) = program("gst-launch-1.0") {
            let pipeline = format!(
                "rtspsrc location={url} protocols=tcp user-id=heron user-pw=heron ! rtph264depay ! h264parse ! fakesink num-buffers=5"
            );
            command.arg("-q").args(pipeline.split(' '));
            without_warning(command);
        }
    }
}

#[test]
fn ffmpeg_plays_over_tls() {
    let rtsps = Some(([127, 0, 0, 1], 0).into());
    let sim = Simulator::start(SimConfig { rtsps, auth: Auth::DigestMd5, ..SimConfig::default() }).unwrap();
    let url = with_credentials(&sim.rtsps_url(1, SUB).unwrap(), "heron", "heron");
    let Some(mut command) = ffmpeg(&url, "tcp") else { return };
    command.args(["-frames:v", "10", "-f", "null", "-"]);
    without_warning(command);
}

/// The pictures that ffmpeg decodes, each as (time code, when it was read here), in milliseconds since 1970.
fn time_codes(
    url: &str,
    transport: &str,
    (width, height): (usize, usize),
    frames: usize,
) -> Option<Vec<i64>> {
    let mut command = ffmpeg(url, transport)?;
    let count = frames.to_string();
    command.args([
        "-frames:v",
        &count,
        "-an",
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
        "-",
    ]);
    let output = patiently(transport, command, "");
    let now = SystemClock.now();
    let pictures = output.stdout.chunks_exact(width * height * 3 / 2);
    let codes = pictures.map(|p| timecode::read(p, width).expect("every picture has a time code"));
    Some(codes.map(|code| timecode::resolve(code, now).as_millis()).collect())
}

#[test]
fn the_time_code_in_decoded_pictures_is_current() {
    let sim = Simulator::start(SimConfig { cameras: 3, ..SimConfig::default() }).unwrap();
    for (camera, kind, size, transport) in
        [(1, MAIN, (1280, 720), "tcp"), (2, SUB, (640, 360), "udp"), (3, MAIN, (1280, 720), "udp")]
    {
        let began = SystemClock.now().as_millis();
        let Some(codes) = time_codes(&sim.rtsp_url(camera, kind), transport, size, 20) else { return };
        let ended = SystemClock.now().as_millis();
        assert_eq!(codes.len(), 20);
        assert!(codes.windows(2).all(|p| p[0] < p[1]), "{codes:?}");
        assert!(codes[0] >= began && codes[19] <= ended, "{began} {codes:?} {ended}");
    }
}

#[test]
fn the_drawn_sound_is_heard() {
    for (audio, codec) in [(Audio::G711u, "pcm_mulaw"), (Audio::G711a, "pcm_alaw")] {
        let sim = Simulator::start(SimConfig { audio, ..SimConfig::default() }).unwrap();
        let Some(mut command) = program("ffprobe") else { return };
        command.args(["-v", "warning", "-rtsp_transport", "tcp", "-select_streams", "a", "-of", "csv=p=0"]);
        command.args(["-show_entries", "stream=codec_name,sample_rate,channels"]).arg(sim.rtsp_url(1, MAIN));
        let said = without_warning(command).stdout;
        assert_eq!(String::from_utf8_lossy(&said).trim(), format!("{codec},8000,1"));
    }
}

/// A seam of the loop leaves no trace in timestamps and numbers, and the new round starts with a key frame.
#[test]
fn the_loop_has_no_seam() {
    let Some(film) = footage::file("classroom_270p15.mp4") else { return };
    let sim = Simulator::start(SimConfig { footage: vec![film], ..SimConfig::default() }).unwrap();
    let mut client = Client::playing(&sim.rtsp_url(1, MAIN));
    let mut last = client.video();
    let first = last.clone();
    assert_eq!(first.nal_type(), 7, "it begins with a key frame");
    let mut frames = 0;
    // The film has 45 frames.
    while frames < 60 {
        let Came::Rtp(p) = client.next() else { continue };
        assert_eq!(p.sequence, last.sequence.wrapping_add(1));
        let step = p.timestamp.wrapping_sub(last.timestamp);
        assert_eq!(step, if last.marker { 6000 } else { 0 }, "15 frames a second of 90000 ticks");
        frames += u32::from(p.marker);
        last = p;
    }
}

#[test]
fn cameras_differ_and_a_seed_repeats_them() {
    let films = footage::file("car_sub_360p12_h264.mp4").into_iter().collect::<Vec<_>>();
    let observe = |seed| {
        let config = SimConfig {
            cameras: 3,
            footage: films.clone(),
            seed,
            audio: Audio::None,
            ..SimConfig::default()
        };
        let sim = Simulator::start(config).unwrap();
        (1..=3)
            .map(|camera| {
                let mut client = Client::connect(&sim.rtsp_url(camera, SUB));
                assert_eq!(client.describe().0, 200);
                let transport = client.set_up(0, "RTP/AVP/TCP;unicast;interleaved=0-1");
                let info = client.play();
                let first = client.video();
                assert!(info.contains(&format!("seq={}", first.sequence)), "{info}");
                let ssrc = transport.split("ssrc=").nth(1).unwrap().to_owned();
                (ssrc, first.sequence)
            })
            .collect::<Vec<_>>()
    };
    let one = observe(1);
    assert!(one[0].0 != one[1].0 && one[1].0 != one[2].0 && one[0].1 != one[1].1, "{one:?}");
    assert_eq!(one, observe(1));
    assert_ne!(one, observe(2));
}

/// Tests of other rooms are async; a simulator starts and ends inside them.
#[tokio::test]
async fn a_simulator_lives_inside_a_runtime() {
    let sim = Simulator::start(SimConfig::default()).unwrap();
    let taken = SimConfig { rtsp: sim.rtsp(), ..SimConfig::default() };
    let said = Simulator::start(taken).unwrap_err().to_string();
    assert!(said.contains("cannot listen on 127.0.0.1") && said.contains("RTSP"), "{said}");
    let url = sim.rtsp_url(1, SUB);
    let first = tokio::task::spawn_blocking(move || Client::playing(&url).video()).await.unwrap();
    assert_eq!(first.nal_type(), 7);
}
