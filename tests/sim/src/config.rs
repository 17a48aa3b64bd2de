//! What a simulator is made of.

use std::net::SocketAddr;
use std::path::PathBuf;

/// How clients prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Auth {
    /// They need not.
    #[default]
    None,
    /// Basic.
    Basic,
    /// Digest with MD5 and qop=auth.
    DigestMd5,
    /// Digest with SHA-256 and qop=auth.
    DigestSha256,
}

/// How the packets of an access unit are handed to a TCP socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// One send for all of them, as cameras with a big buffer do.
    #[default]
    Burst,
    /// One send for each, as simple cameras do.
    Packet,
}

/// The sound of drawn cameras.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Audio {
    /// G.711 µ-law on the main stream of every other camera, from the first on.
    #[default]
    Alternate,
    /// None.
    None,
    /// G.711 A-law on every main stream.
    G711a,
    /// G.711 µ-law on every main stream.
    G711u,
}

/// A drawn stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// Width and height in pixels, even, at least 640 by 64.
    pub size: (u16, u16),
    /// Frames a second.
    pub fps: f32,
    /// Greatest bit rate in bits a second.
    pub bit_rate: u32,
}

/// What a simulator is made of. The default is one drawn camera on a free port of the loopback interface.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Where RTSP is served; port 0 takes a free one.
    pub rtsp: SocketAddr,
    /// Where RTSP over TLS is served, with a certificate that the simulator signs itself.
    pub rtsps: Option<SocketAddr>,
    /// Where the HTTP API for faults is served.
    pub control: Option<SocketAddr>,
    /// Number of cameras.
    pub cameras: usize,
    /// Films for the main streams; camera n shows file n modulo their number. Without any the scene is drawn.
    pub footage: Vec<PathBuf>,
    /// Films for the sub streams. Without any: the scene if that is what main shows, else the films of main.
    pub sub_footage: Vec<PathBuf>,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// How clients prove who they are.
    pub auth: Auth,
    /// How packets are handed to TCP sockets.
    pub pace: Pace,
    /// Drawn main streams.
    pub drawn_main: Drawn,
    /// Drawn sub streams.
    pub drawn_sub: Drawn,
    /// Seconds from key frame to key frame of drawn streams.
    pub gop_seconds: f32,
    /// Sound of drawn cameras.
    pub audio: Audio,
    /// How far each camera's wall clock is ahead of the machine's, in milliseconds, times the camera's number.
    pub clock_offset_millis: i64,
    /// How much faster each camera's clock runs, in parts per million, times the camera's number.
    pub drift_ppm: f64,
    /// What SSRCs, first sequence numbers and timestamps, phases, losses and garbage are made from.
    pub seed: u64,
    /// How long a session lives without a sign of life from its client, in seconds.
    pub session_timeout_seconds: u32,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            rtsp: SocketAddr::from(([127, 0, 0, 1], 0)),
            rtsps: None,
            control: None,
            cameras: 1,
            footage: Vec::new(),
            sub_footage: Vec::new(),
            user: "heron".into(),
            password: "heron".into(),
            auth: Auth::None,
            pace: Pace::Burst,
            drawn_main: Drawn { size: (1280, 720), fps: 15.0, bit_rate: 1_500_000 },
            drawn_sub: Drawn { size: (640, 360), fps: 10.0, bit_rate: 400_000 },
            gop_seconds: 2.0,
            audio: Audio::Alternate,
            clock_offset_millis: 0,
            drift_ppm: 0.0,
            seed: 1,
            session_timeout_seconds: 60,
        }
    }
}
