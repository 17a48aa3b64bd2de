//! A simulator in this process.

use crate::camera::{Camera, Source, Stream};
use crate::clip::{Clip, ClipError, Codec};
use crate::config::{Audio, Auth, Drawn, SimConfig};
use crate::control;
use crate::counters::StreamCounters;
use crate::drawn::{Descriptions, DrawnStream};
use crate::faults::Faults;
use crate::packets::{PacketClip, PacketTrack};
use crate::seed::Dice;
use crate::server::{House, listener};
use crate::tone;
use heron_core::StreamKind;
use heron_media::rtsp::auth::{Algorithm, Gatekeeper, Scheme};
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A film cannot be shown.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// A film holds something that RTP has no format for.
    #[error("cannot send {path} over RTP: {why}")]
    Packets {
        /// The film.
        path: PathBuf,
        /// What it holds.
        why: String,
    },
    /// An address cannot be listened on.
    #[error(
        "cannot listen on {address} for {what}: {source}; choose another address or end what listens there"
    )]
    Listen {
        /// RTSP, RTSP over TLS, or control.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A value makes no sense.
    #[error("{0}")]
    Config(String),
    /// The machine does not give what is needed.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// Simulated cameras, served until this is dropped.
#[derive(Debug)]
pub struct Simulator {
    cameras: Vec<Arc<Camera>>,
    rtsp: SocketAddr,
    rtsps: Option<SocketAddr>,
    control: Option<SocketAddr>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts cameras on a thread of their own.
    ///
    /// # Errors
    /// [`SimError`] when a film cannot be shown, an address cannot be listened on or a value makes no sense.
    pub fn start(config: SimConfig) -> Result<Self, SimError> {
        check(&config)?;
        let cameras = Library::default().cameras(&config)?;
        let house = Arc::new(house(&config, cameras.clone()));
        let (rtsp_listener, rtsp) = listen(config.rtsp, "RTSP")?;
        let tls = config.rtsps.map(|a| listen(a, "RTSP over TLS")).transpose()?;
        let control = config.control.map(|a| listen(a, "control")).transpose()?;
        let rtsps = tls.as_ref().map(|(_, a)| *a);
        let control_address = control.as_ref().map(|(_, a)| *a);
        let acceptor = rtsps.map(listener::self_signed).transpose().map_err(SimError::Config)?;

        let stop = CancellationToken::new();
        let (stopped, api) = (stop.clone(), control::router(cameras.clone(), reachable(rtsp)));
        let serve = async move {
            tokio::spawn(listener::run(TcpListener::from_std(rtsp_listener)?, None, house.clone()));
            if let Some((listener, _)) = tls {
                tokio::spawn(listener::run(TcpListener::from_std(listener)?, acceptor, house.clone()));
            }
            if let Some((listener, _)) = control {
                let listener = TcpListener::from_std(listener)?;
                tokio::spawn(async move { axum::serve(listener, api).await });
            }
            stopped.cancelled().await;
            Ok::<_, std::io::Error>(())
        };
        // The runtime lives and dies on its own thread, so that a simulator can be started from an async test.
        let thread = std::thread::Builder::new().name("heron-sim".into()).spawn(move || {
            let served =
                tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
                    let served = runtime.block_on(serve);
                    // A description that is being made on another thread ends by itself in a moment.
                    runtime.shutdown_timeout(Duration::from_secs(2));
                    served
                });
            if let Err(why) = served {
                tracing::error!("the simulator ended: {why}");
            }
        })?;
        Ok(Self { cameras, rtsp, rtsps, control: control_address, stop, thread: Some(thread) })
    }

    /// Number of cameras.
    pub fn cameras(&self) -> usize {
        self.cameras.len()
    }
    /// Where RTSP is served.
    pub fn rtsp(&self) -> SocketAddr {
        self.rtsp
    }
    /// Where RTSP over TLS is served, if it is.
    pub fn rtsps(&self) -> Option<SocketAddr> {
        self.rtsps
    }
    /// Where the HTTP API for faults is served, if it is.
    pub fn control(&self) -> Option<SocketAddr> {
        self.control
    }
    /// The URL of a stream, without credentials. Cameras count from 1.
    pub fn rtsp_url(&self, camera: usize, kind: StreamKind) -> String {
        format!("rtsp://{}/cam{camera}/{kind}", reachable(self.rtsp))
    }
    /// The URL of a stream over TLS, if that is served.
    pub fn rtsps_url(&self, camera: usize, kind: StreamKind) -> Option<String> {
        self.rtsps.map(|a| format!("rtsps://{}/cam{camera}/{kind}", reachable(a)))
    }

    /// What goes wrong with a camera; cameras count from 1.
    ///
    /// # Panics
    /// When there is no such camera.
    pub fn faults(&self, camera: usize) -> FaultHandle {
        FaultHandle { camera: self.camera(camera).clone() }
    }
    /// What a stream has sent until now; cameras count from 1.
    ///
    /// # Panics
    /// When there is no such camera.
    pub fn counters(&self, camera: usize, kind: StreamKind) -> StreamCounters {
        self.camera(camera).stream(kind).counters()
    }

    fn camera(&self, number: usize) -> &Arc<Camera> {
        let camera = number.checked_sub(1).and_then(|n| self.cameras.get(n));
        camera.unwrap_or_else(|| panic!("there is no camera {number}; they are 1 to {}", self.cameras.len()))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.cameras.iter().for_each(|c| c.stop());
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // It cannot fail but by a panic, which has been printed.
            let _ = thread.join();
        }
    }
}

/// What goes wrong with one camera.
#[derive(Clone, Debug)]
pub struct FaultHandle {
    camera: Arc<Camera>,
}

impl FaultHandle {
    pub(crate) fn of(camera: Arc<Camera>) -> Self {
        Self { camera }
    }
    /// The faults it has now.
    pub fn get(&self) -> Faults {
        (*self.camera.faults()).clone()
    }
    /// Replaces the faults.
    ///
    /// # Errors
    /// What is wrong with the values, in words.
    pub fn set(&self, faults: Faults) -> Result<(), String> {
        self.camera.set_faults(faults)
    }
    /// Changes some of the faults.
    ///
    /// # Errors
    /// What is wrong with the values, in words.
    pub fn change(&self, f: impl FnOnce(&mut Faults)) -> Result<(), String> {
        let mut faults = self.get();
        f(&mut faults);
        self.set(faults)
    }
    /// Ends all faults that last.
    pub fn clear(&self) {
        // The default values are always in order.
        let _ = self.set(Faults::default());
    }
    /// Resets all its connections that have a session.
    pub fn drop_connections(&self) {
        self.camera.shock(|s| s.drops += 1);
    }
    /// Leaves out sequence numbers in all its sessions.
    pub fn sequence_gap(&self, packets: u16) {
        self.camera.shock(|s| s.sequence_gap += u64::from(packets));
    }
    /// Moves the RTP timestamps of all its sessions, sender reports included.
    pub fn timestamp_jump(&self, millis: i64) {
        self.camera.shock(|s| s.timestamp_jump_millis = s.timestamp_jump_millis.saturating_add(millis));
    }
    /// Steps its wall clock, as a time server or an installer does.
    pub fn clock_jump(&self, millis: i64) {
        self.camera.jump_clock(millis);
    }
}

/// Listens on an address; what it is for goes into the error.
fn listen(address: SocketAddr, what: &'static str) -> Result<(std::net::TcpListener, SocketAddr), SimError> {
    std::net::TcpListener::bind(address)
        .and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        })
        .map_err(|source| SimError::Listen { what, address, source })
}

/// An address that a client on this machine can use: the loopback's where all interfaces are listened on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

fn check(config: &SimConfig) -> Result<(), SimError> {
    let wrong = |why: String| Err(SimError::Config(why));
    if config.cameras == 0 || config.cameras > 1000 {
        return wrong(format!("{} cameras cannot be simulated; choose 1 to 1000", config.cameras));
    }
    for (name, d) in [("main", config.drawn_main), ("sub", config.drawn_sub)] {
        let sizes = Faults { main_size: Some(d.size), ..Faults::default() };
        if sizes.check().is_err() {
            let (w, h) = d.size;
            return wrong(format!("the drawn {name} size {w}x{h} must be even and from 640x64 to 3840x2160"));
        }
        if !(1.0..=60.0).contains(&d.fps) || !(50_000..=50_000_000).contains(&d.bit_rate) {
            return wrong(format!(
                "the drawn {name} stream takes 1 to 60 frames and 50000 to 50000000 bits a second"
            ));
        }
    }
    if !(0.1..=60.0).contains(&config.gop_seconds) {
        return wrong(format!("a GOP of {} s cannot be drawn; choose 0.1 to 60", config.gop_seconds));
    }
    if config.session_timeout_seconds == 0 {
        return wrong("a session timeout of 0 s would end every session at once".into());
    }
    Ok(())
}

fn house(config: &SimConfig, cameras: Vec<Arc<Camera>>) -> House {
    let mut secret = [0u8; 32];
    let mut dice = Dice::new(config.seed, &[0x5ec7]);
    secret.chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&dice.next().to_le_bytes()));
    let keeper = |scheme| Gatekeeper::new("heron-sim", &[scheme], secret, Duration::from_secs(600));
    let gatekeeper = match config.auth {
        Auth::None => None,
        Auth::Basic => Some(keeper(Scheme::Basic)),
        Auth::DigestMd5 => Some(keeper(Scheme::Digest(Algorithm::Md5))),
        Auth::DigestSha256 => Some(keeper(Scheme::Digest(Algorithm::Sha256))),
    };
    House {
        cameras,
        refuser: gatekeeper.clone().unwrap_or_else(|| keeper(Scheme::Digest(Algorithm::Md5))),
        gatekeeper,
        user: config.user.clone(),
        password: config.password.clone(),
        pace: config.pace,
        session_timeout: Duration::from_secs(config.session_timeout_seconds.into()),
    }
}

/// Films and descriptions that cameras share.
#[derive(Default)]
struct Library {
    films: HashMap<PathBuf, Arc<PacketClip>>,
    descriptions: Arc<Descriptions>,
}

impl Library {
    fn cameras(mut self, config: &SimConfig) -> Result<Vec<Arc<Camera>>, SimError> {
        (1..=config.cameras)
            .map(|number| {
                let main = self.stream(config, number, StreamKind::Main)?;
                let sub = self.stream(config, number, StreamKind::Sub)?;
                let times = number as i64;
                let offset = config.clock_offset_millis.saturating_mul(times);
                let drift = config.drift_ppm * number as f64;
                Ok(Arc::new(Camera::new(number, [main, sub], config.seed, offset, drift)))
            })
            .collect()
    }

    fn stream(&mut self, config: &SimConfig, number: usize, kind: StreamKind) -> Result<Stream, SimError> {
        let files = match (kind, config.sub_footage.is_empty()) {
            (StreamKind::Sub, false) => &config.sub_footage,
            _ => &config.footage,
        };
        if !files.is_empty() {
            let films: Result<Vec<_>, _> =
                (0..files.len()).map(|n| self.film(&files[(number - 1 + n) % files.len()])).collect();
            return Ok(Stream::new(kind, Source::Film(films?.into())));
        }
        let drawn: Drawn = if kind == StreamKind::Main { config.drawn_main } else { config.drawn_sub };
        let audio = self.audio(config, number, kind)?;
        let stream = DrawnStream::new(kind, drawn, config.gop_seconds, self.descriptions.clone());
        Ok(Stream::new(kind, Source::Drawn(Arc::new(stream), audio)))
    }

    fn film(&mut self, path: &Path) -> Result<Arc<PacketClip>, SimError> {
        if let Some(film) = self.films.get(path) {
            return Ok(film.clone());
        }
        let clip = Clip::open(path)?;
        let film = PacketClip::new(&clip).map_err(|why| SimError::Packets { path: path.to_owned(), why })?;
        let film = Arc::new(film);
        self.films.insert(path.to_owned(), film.clone());
        Ok(film)
    }

    fn audio(
        &self,
        config: &SimConfig,
        number: usize,
        kind: StreamKind,
    ) -> Result<Option<Arc<PacketTrack>>, SimError> {
        let codec = match config.audio {
            Audio::None => return Ok(None),
            Audio::Alternate if number.is_multiple_of(2) => return Ok(None),
            Audio::Alternate | Audio::G711u => Codec::G711u,
            Audio::G711a => Codec::G711a,
        };
        if kind != StreamKind::Main {
            return Ok(None);
        }
        PacketTrack::new(&tone::track(codec, number)).map(|t| Some(Arc::new(t))).map_err(SimError::Config)
    }
}
