//! A drawn stream: a thread that draws, encodes and cuts while somebody watches, and ends when nobody does.

use crate::camera::Camera;
use crate::clip::Codec;
use crate::config::Drawn;
use crate::encoder::{self, SceneEncoder, Settings, Unit};
use crate::packets::{MAX_PAYLOAD, PacketTrack};
use crate::scene::Scene;
use heron_core::StreamKind;
use heron_media::rtp::PacketList;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// Frames that a viewer may be behind before it loses some: more than 4 s at 15 frames a second.
const QUEUE: usize = 64;

/// How long a stream goes on without a viewer, so that a reconnecting one finds it running.
const LINGER: Duration = Duration::from_secs(1);

/// One frame of a drawn stream.
#[derive(Debug)]
pub struct LiveFrame {
    /// What the camera's crystal said when it was drawn, in nanoseconds.
    pub crystal_nanos: i64,
    /// Decoding can start here.
    pub key: bool,
    /// The RTP payloads.
    pub packets: PacketList,
}

/// Descriptions of drawn streams by how they are encoded; making one starts an encoder, so they are kept.
#[derive(Debug, Default)]
pub struct Descriptions(Mutex<HashMap<Variant, Arc<PacketTrack>>>);

/// What of the settings shows in a description: the size, and whether the profile is Main.
type Variant = ((u16, u16), bool);

impl Descriptions {
    /// The description of a stream with these settings.
    ///
    /// # Errors
    /// What the encoder says, in words.
    pub fn of(&self, settings: &Settings) -> Result<Arc<PacketTrack>, String> {
        let key = settings.variant();
        if let Some(known) = self.0.lock().get(&key) {
            return Ok(known.clone());
        }
        let made = Arc::new(PacketTrack::live(&encoder::codec_of(settings)?, 90_000, settings.size)?);
        self.0.lock().insert(key, made.clone());
        Ok(made)
    }
}

/// A drawn stream of one camera.
#[derive(Debug)]
pub struct DrawnStream {
    kind: StreamKind,
    drawn: Drawn,
    gop_seconds: f32,
    descriptions: Arc<Descriptions>,
    running: Mutex<Option<broadcast::Sender<Arc<LiveFrame>>>>,
    key_frames_wanted: AtomicU64,
}

impl DrawnStream {
    /// A stream that nobody watches yet.
    pub fn new(kind: StreamKind, drawn: Drawn, gop_seconds: f32, descriptions: Arc<Descriptions>) -> Self {
        let (running, key_frames_wanted) = (Mutex::new(None), AtomicU64::new(0));
        Self { kind, drawn, gop_seconds, descriptions, running, key_frames_wanted }
    }

    /// How a camera encodes it now.
    pub fn settings(&self, camera: &Camera) -> Settings {
        let faults = camera.faults();
        let size = if self.kind == StreamKind::Main { faults.main_size } else { faults.sub_size };
        let gop = if faults.endless_gop { 0 } else { (self.gop_seconds * self.drawn.fps).round() as u32 };
        let Drawn { fps, bit_rate, .. } = self.drawn;
        let size = size.unwrap_or(self.drawn.size);
        Settings { size, fps, bit_rate, gop, parameter_sets: faults.parameter_sets }
    }

    /// The description of what a camera encodes now.
    ///
    /// # Errors
    /// What the encoder says, in words.
    pub fn description(&self, camera: &Camera) -> Result<Arc<PacketTrack>, String> {
        self.descriptions.of(&self.settings(camera))
    }

    /// Frames from now on, the first a key frame.
    pub fn watch(self: &Arc<Self>, camera: &Arc<Camera>) -> broadcast::Receiver<Arc<LiveFrame>> {
        let mut running = self.running.lock();
        if let Some(sender) = &*running {
            let receiver = sender.subscribe();
            self.want_key_frame();
            return receiver;
        }
        let (sender, receiver) = broadcast::channel(QUEUE);
        *running = Some(sender.clone());
        let (stream, camera) = (self.clone(), camera.clone());
        std::thread::spawn(move || {
            if let Err(why) = stream.run(&camera, &sender) {
                tracing::error!(camera = camera.number, "the drawn stream ended: {why}");
                *stream.running.lock() = None;
            }
        });
        receiver
    }

    /// Asks for a key frame as soon as can be.
    pub fn want_key_frame(&self) {
        self.key_frames_wanted.fetch_add(1, Ordering::Relaxed);
    }

    /// Draws until nobody watches. Leaves `running` empty when it ends well.
    fn run(&self, camera: &Camera, sender: &broadcast::Sender<Arc<LiveFrame>>) -> Result<(), String> {
        let mut settings = self.settings(camera);
        let mut scene = self.scene(camera, &settings);
        let mut encoder = SceneEncoder::new(&settings)?;
        let mut track = self.descriptions.of(&settings)?;
        let mut asked = self.key_frames_wanted.load(Ordering::Relaxed);
        // Frames are taken on the camera's own clock, on a grid with the camera's phase.
        let period = (1e9 / f64::from(self.drawn.fps)) as i64;
        let mut next = camera.crystal_now() + 1_000_000;
        let mut unwatched: Option<Instant> = None;
        loop {
            let wait = camera.monotonic_at(next).saturating_sub(camera.monotonic_now());
            std::thread::sleep(wait);
            if sender.receiver_count() > 0 {
                unwatched = None;
            } else if unwatched.get_or_insert_with(Instant::now).elapsed() >= LINGER || camera.stopped() {
                let mut running = self.running.lock();
                if sender.receiver_count() == 0 {
                    *running = None;
                    return Ok(());
                }
            }
            let wanted = self.settings(camera);
            if wanted != settings {
                if wanted.size != settings.size {
                    scene = self.scene(camera, &wanted);
                }
                encoder = SceneEncoder::new(&wanted)?;
                track = self.descriptions.of(&wanted)?;
                settings = wanted;
            }
            let requests = self.key_frames_wanted.load(Ordering::Relaxed);
            if requests != asked {
                asked = requests;
                encoder.want_key_frame();
            }
            // The frame is of the instant at which it was due, not of the one at which this thread woke up.
            let late = camera.crystal_now() - next;
            let picture = scene.draw(camera.machine_now().plus_nanos(-late), camera.wall(next));
            let unit = encoder.encode(picture)?;
            self.publish(&mut track, &settings, unit, next, sender)?;
            next += period;
            let now = camera.crystal_now();
            if now > next {
                // Too slow for the frame rate: frames are left out, not sent late for ever.
                next += (now - next).div_euclid(period) * period;
            }
        }
    }

    fn publish(
        &self,
        track: &mut Arc<PacketTrack>,
        settings: &Settings,
        unit: Unit,
        crystal_nanos: i64,
        sender: &broadcast::Sender<Arc<LiveFrame>>,
    ) -> Result<(), String> {
        if unit.payload.is_empty() {
            return Ok(());
        }
        // The sets in the stream are the truth; the description was made from another encoder of the same settings.
        if let (Codec::H264(known), false) = (&track.codec, unit.parameter_sets.is_empty())
            && *known != unit.parameter_sets
        {
            *track = Arc::new(PacketTrack::live(&Codec::H264(unit.parameter_sets), 90_000, settings.size)?);
        }
        let mut packets = PacketList::new();
        track
            .packetizer
            .packetize(&unit.payload, unit.key, MAX_PAYLOAD, &mut packets)
            .map_err(|e| e.to_string())?;
        // An error means that nobody listens at this moment.
        let _ = sender.send(Arc::new(LiveFrame { crystal_nanos, key: unit.key, packets }));
        Ok(())
    }

    fn scene(&self, camera: &Camera, settings: &Settings) -> Scene {
        let stream = if self.kind == StreamKind::Main { "MAIN" } else { "SUB" };
        let label = format!("CAM {} {stream}", camera.number);
        Scene::new(camera.number, &label, settings.size.0.into(), settings.size.1.into())
    }
}
