//! `heron-sim`: simulated cameras from the command line.

use clap::Parser;
use heron_core::StreamKind;
use heron_sim::{Audio, Auth, Drawn, Pace, SimConfig, Simulator};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Simulated RTSP cameras: loops films, or draws a yard with people and cars, and misbehaves when told to.
#[derive(Debug, Parser)]
#[command(name = "heron-sim", version)]
struct Args {
    /// Where RTSP is served; cameras are rtsp://ADDR/cam1/main, rtsp://ADDR/cam1/sub and so on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8554")]
    rtsp: SocketAddr,
    /// Where RTSP over TLS is served, with a self-signed certificate
    #[arg(long, value_name = "ADDR")]
    rtsps: Option<SocketAddr>,
    /// Where the HTTP API for faults and counters is served
    #[arg(long, value_name = "ADDR")]
    control: Option<SocketAddr>,
    /// Number of cameras
    #[arg(long, value_name = "N", default_value_t = 4)]
    cameras: usize,
    /// Films for the main streams (MP4 or Matroska); camera n shows the n-th, counted round. Without any, a scene is
    /// drawn
    #[arg(long, value_name = "FILE", num_args = 1..)]
    footage: Vec<PathBuf>,
    /// Films for the sub streams; without any, those of the main streams
    #[arg(long, value_name = "FILE", num_args = 1..)]
    sub_footage: Vec<PathBuf>,
    /// User name
    #[arg(long, default_value = "heron")]
    user: String,
    /// Password
    #[arg(long, default_value = "heron")]
    password: String,
    /// How clients prove who they are
    #[arg(long, value_enum, default_value_t)]
    auth: Auth,
    /// One send for the packets of a frame (the default)
    #[arg(long, conflicts_with = "packet")]
    burst: bool,
    /// One send for each packet
    #[arg(long)]
    packet: bool,
    /// The scene that is drawn
    #[arg(long, default_value = "yard", value_parser = ["yard"])]
    scene: String,
    /// Size of drawn main streams
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = size)]
    drawn_size: (u16, u16),
    /// Frames a second of drawn main streams
    #[arg(long, default_value_t = 15.0)]
    fps: f32,
    /// Greatest bit rate of drawn main streams, in kbit/s
    #[arg(long, value_name = "KBIT", default_value_t = 1500)]
    bit_rate: u32,
    /// Seconds from key frame to key frame of drawn streams
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    gop: f32,
    /// Sound of drawn main streams
    #[arg(long, value_enum, default_value_t)]
    audio: Audio,
    /// Wall clock of camera n is n times so many milliseconds ahead
    #[arg(long, value_name = "MS", default_value_t = 0, allow_negative_numbers = true)]
    clock_offset: i64,
    /// Clock of camera n runs n times so many parts per million too fast
    #[arg(long, value_name = "PPM", default_value_t = 0.0, allow_negative_numbers = true)]
    drift: f64,
    /// What SSRCs, first sequence numbers, phases, losses and garbage are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds that a session lives without a sign of life from its client
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    session_timeout: u32,
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let parsed = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    parsed.ok_or_else(|| "must be like 1280x720".to_owned())
}

impl From<Args> for SimConfig {
    fn from(a: Args) -> Self {
        let default = Self::default();
        Self {
            rtsp: a.rtsp,
            rtsps: a.rtsps,
            control: a.control,
            cameras: a.cameras,
            footage: a.footage,
            sub_footage: a.sub_footage,
            user: a.user,
            password: a.password,
            auth: a.auth,
            pace: if a.packet { Pace::Packet } else { Pace::Burst },
            drawn_main: Drawn { size: a.drawn_size, fps: a.fps, bit_rate: a.bit_rate.saturating_mul(1000) },
            drawn_sub: Drawn { fps: default.drawn_sub.fps.min(a.fps), ..default.drawn_sub },
            gop_seconds: a.gop,
            audio: a.audio,
            clock_offset_millis: a.clock_offset,
            drift_ppm: a.drift,
            seed: a.seed,
            session_timeout_seconds: a.session_timeout,
        }
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::INFO).init();
    match run(Args::parse().into()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("heron-sim: {why:#}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the process is told to end.
fn run(config: SimConfig) -> anyhow::Result<()> {
    let simulator = Simulator::start(config)?;
    let mut out = std::io::stdout().lock();
    for camera in 1..=simulator.cameras() {
        let (main, sub) = (StreamKind::Main, StreamKind::Sub);
        writeln!(out, "{} {}", simulator.rtsp_url(camera, main), simulator.rtsp_url(camera, sub))?;
    }
    if let Some(address) = simulator.rtsps() {
        writeln!(out, "TLS: rtsps://{address}/cam1/main")?;
    }
    if let Some(address) = simulator.control() {
        writeln!(out, "control: http://{address}/cameras")?;
    }
    out.flush()?;
    drop(out);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    })?;
    Ok(())
}
