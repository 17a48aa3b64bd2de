//! One simulated camera: its clock, its faults, its two streams and what they have sent.

use crate::clock::CameraClock;
use crate::counters::StreamCounters;
use crate::drawn::DrawnStream;
use crate::faults::{Faults, Shocks};
use crate::packets::{PacketClip, PacketTrack};
use heron_core::{Clock, StreamKind, SystemClock, WallTime};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Where a stream's pictures come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Films, the first in use unless a fault says otherwise; never empty.
    Film(Arc<[Arc<PacketClip>]>),
    /// The drawn scene, with its sound.
    Drawn(Arc<DrawnStream>, Option<Arc<PacketTrack>>),
}

/// One stream of a camera.
#[derive(Debug)]
pub struct Stream {
    /// Main or sub.
    pub kind: StreamKind,
    /// Where its pictures come from.
    pub source: Source,
    counters: Mutex<StreamCounters>,
}

/// What a camera's sessions have to know of its faults, in one place that can be waited on.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    /// What lasts.
    pub faults: Arc<Faults>,
    /// What happens once.
    pub shocks: Shocks,
    /// When a stall ends, on the monotonic clock; `None` when it ends by being cleared.
    pub stall_until: Option<Duration>,
}

/// One simulated camera.
#[derive(Debug)]
pub struct Camera {
    /// Its number, from 1.
    pub number: usize,
    /// The main stream and the sub stream.
    pub streams: [Stream; 2],
    /// What its random numbers are made from.
    pub seed: u64,
    clock: Mutex<CameraClock>,
    own_drift_ppm: f64,
    trouble: watch::Sender<Trouble>,
    sessions: AtomicU64,
    stopped: AtomicBool,
}

impl Stream {
    /// A stream that has sent nothing yet.
    pub fn new(kind: StreamKind, source: Source) -> Self {
        Self { kind, source, counters: Mutex::default() }
    }
    /// What it has sent until now.
    pub fn counters(&self) -> StreamCounters {
        self.counters.lock().clone()
    }
    /// Changes the counters.
    pub(crate) fn count<T>(&self, f: impl FnOnce(&mut StreamCounters) -> T) -> T {
        f(&mut self.counters.lock())
    }
}

impl Camera {
    /// A camera without faults whose clock starts now.
    pub fn new(number: usize, streams: [Stream; 2], seed: u64, offset_millis: i64, drift_ppm: f64) -> Self {
        let clock = SystemClock;
        let offset = offset_millis.saturating_mul(1_000_000);
        let clock = CameraClock::new(clock.monotonic(), clock.now(), offset, drift_ppm);
        Self {
            number,
            streams,
            seed,
            clock: Mutex::new(clock),
            own_drift_ppm: drift_ppm,
            trouble: watch::Sender::new(Trouble::default()),
            sessions: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// One of its streams.
    pub fn stream(&self, kind: StreamKind) -> &Stream {
        &self.streams[usize::from(kind != StreamKind::Main)]
    }

    /// The faults it has now.
    pub fn faults(&self) -> Arc<Faults> {
        self.trouble.borrow().faults.clone()
    }
    /// The faults it has and will have.
    pub fn trouble(&self) -> watch::Receiver<Trouble> {
        self.trouble.subscribe()
    }
    /// Whether it is silent at this moment.
    pub fn stalled(&self) -> bool {
        self.trouble.borrow().stalled(self.monotonic_now())
    }

    /// Replaces the faults that last.
    ///
    /// # Errors
    /// What is wrong with the values, in words.
    pub fn set_faults(&self, faults: Faults) -> Result<(), String> {
        faults.check()?;
        let now = self.monotonic_now();
        self.trouble.send_modify(|t| {
            if t.faults.drift_ppm != faults.drift_ppm {
                self.clock.lock().set_drift(now, self.own_drift_ppm + faults.drift_ppm);
            }
            if t.faults.stall != faults.stall {
                let seconds = faults.stall.and_then(|s| s.seconds);
                t.stall_until = seconds.map(|s| now + Duration::from_secs_f64(s));
            }
            t.faults = Arc::new(faults);
        });
        Ok(())
    }

    /// Makes something happen once.
    pub fn shock(&self, f: impl FnOnce(&mut Shocks)) {
        self.trouble.send_modify(|t| f(&mut t.shocks));
    }

    /// Steps its wall clock.
    pub fn jump_clock(&self, millis: i64) {
        self.clock.lock().jump(millis.saturating_mul(1_000_000));
    }

    /// The number of a new session, from 1.
    pub fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The machine's wall clock.
    pub fn machine_now(&self) -> WallTime {
        SystemClock.now()
    }
    /// The machine's monotonic clock.
    pub fn monotonic_now(&self) -> Duration {
        SystemClock.monotonic()
    }
    /// What its crystal says now, in nanoseconds.
    pub fn crystal_now(&self) -> i64 {
        self.clock.lock().crystal_nanos(self.monotonic_now())
    }
    /// When its crystal will say so, on the monotonic clock.
    pub fn monotonic_at(&self, crystal_nanos: i64) -> Duration {
        self.clock.lock().monotonic_at(crystal_nanos)
    }
    /// Its wall clock when its crystal says so.
    pub fn wall(&self, crystal_nanos: i64) -> WallTime {
        self.clock.lock().wall(crystal_nanos)
    }

    /// Tells threads that draw for it to end.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
    /// Whether it was told to end.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl Trouble {
    /// Whether the camera is silent at a monotonic time.
    pub fn stalled(&self, now: Duration) -> bool {
        self.faults.stall.is_some() && self.stall_until.is_none_or(|end| now < end)
    }
}

impl Source {
    /// The tracks as they are described now: video, then audio.
    ///
    /// # Errors
    /// What the encoder says, in words.
    pub fn tracks(&self, camera: &Camera) -> Result<(Arc<PacketTrack>, Option<Arc<PacketTrack>>), String> {
        match self {
            Self::Film(films) => {
                let film = &films[camera.faults().parameter_sets as usize % films.len()];
                Ok((film.video.clone(), film.audio.clone()))
            }
            Self::Drawn(stream, audio) => Ok((stream.description(camera)?, audio.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Drawn;

    fn camera() -> Camera {
        let drawn = Drawn { size: (640, 360), fps: 10.0, bit_rate: 400_000 };
        let stream = |kind| {
            let drawn = DrawnStream::new(kind, drawn, 2.0, Arc::default());
            Stream::new(kind, Source::Drawn(Arc::new(drawn), None))
        };
        Camera::new(1, [stream(StreamKind::Main), stream(StreamKind::Sub)], 1, 0, 500.0)
    }

    #[test]
    fn a_drift_fault_adds_to_the_cameras_own() {
        let camera = camera();
        let second_of = |crystal: i64| {
            let now = camera.crystal_now();
            camera.monotonic_at(now + crystal).saturating_sub(camera.monotonic_at(now))
        };
        let exact =
            |crystal| second_of(crystal).abs_diff(Duration::from_secs(1)) < Duration::from_nanos(1000);
        assert!(exact(1_000_500_000));
        camera.set_faults(Faults { drift_ppm: 99_500.0, ..Faults::default() }).unwrap();
        assert!(exact(1_100_000_000));
        camera.set_faults(Faults::default()).unwrap();
        assert!(exact(1_000_500_000));
    }

    #[test]
    fn a_stall_ends_by_itself_or_by_being_cleared() {
        let camera = camera();
        let stall = |seconds| {
            let stall = Some(crate::faults::Stall { seconds, answers: false });
            camera.set_faults(Faults { stall, ..Faults::default() }).unwrap();
            camera.trouble().borrow().clone()
        };
        let now = camera.monotonic_now();
        let hour = Duration::from_secs(3600);
        let trouble = stall(Some(60.0));
        assert!(trouble.stalled(now) && !trouble.stalled(now + hour));
        assert!(stall(None).stalled(now + hour));
        camera.set_faults(Faults::default()).unwrap();
        assert!(!camera.stalled());
    }
}
