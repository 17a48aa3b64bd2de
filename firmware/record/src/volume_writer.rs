//! The thread of a volume: a tick, five times a second, that drains the rings of all its streams and writes.

use crate::RecordError;
use crate::catalogue;
use crate::recover;
use crate::shared::{Shared, Volume, VolumeState};
use crate::stream_writer::{Fate, Refusal, StreamWriter};
use crate::sweeper;
use crate::volume::Mount;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Ticks of the thread unless the configuration says otherwise: 200 ms. At 64 streams of 25 fps a tick finds 320
/// units; a fragment is late by at most this; and five wake-ups a second are nothing beside 1600 frames.
pub(crate) const TICK: Duration = Duration::from_millis(200);
/// First wait before a failed volume is tried again; doubles up to [`MOST_PATIENCE`].
const PATIENCE: Duration = Duration::from_secs(1);
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// What the thread owns.
pub(crate) struct VolumeWriter {
    shared: Arc<Shared>,
    volume: Arc<Volume>,
    streams: Vec<StreamWriter>,
    try_again: Duration,
    patience: Duration,
}

impl VolumeWriter {
    pub(crate) fn new(shared: Arc<Shared>, volume: Arc<Volume>) -> Self {
        let try_again = shared.clock.monotonic() + PATIENCE;
        Self { shared, volume, streams: Vec::new(), try_again, patience: PATIENCE }
    }

    /// The thread's body.
    pub(crate) fn run(mut self) {
        let mut heard = 0;
        while !self.shared.is_stopping() {
            self.tick();
            self.shared.wait(&mut heard, self.shared.tick);
        }
        self.stop();
    }

    /// One tick.
    pub(crate) fn tick(&mut self) {
        self.streams.append(&mut self.volume.inbox.lock());
        self.look_after_volume();
        self.move_away();
        let mut i = 0;
        while i < self.streams.len() {
            match self.streams[i].tick(&self.shared, &self.volume) {
                Ok(Fate::Stays) => i += 1,
                Ok(Fate::Gone) => {
                    self.streams.swap_remove(i);
                    self.volume.streams.fetch_sub(1, Ordering::Relaxed);
                }
                Err(refusal) => {
                    self.refused(refusal);
                    i += 1;
                }
            }
        }
    }

    fn stop(&mut self) {
        self.streams.append(&mut self.volume.inbox.lock());
        for i in 0..self.streams.len() {
            if let Err(refusal) = self.streams[i].last_tick(&self.shared, &self.volume) {
                self.refused(refusal);
            }
        }
        self.streams.clear();
    }

    fn refused(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Full => {
                self.shared.volume_failed(
                    &self.volume,
                    VolumeState::Full,
                    &sweeper::full(&self.volume, 1 << 20),
                );
            }
            Refusal::Failed(e) => self.failed(&RecordError::io("write to", &self.volume.config.path, e)),
        }
    }

    fn failed(&mut self, problem: &RecordError) {
        self.volume.write_errors.fetch_add(1, Ordering::Relaxed);
        self.shared.volume_failed(&self.volume, VolumeState::Failed, problem);
        self.volume.syncer.drop_all();
        for stream in &mut self.streams {
            stream.abandon(&self.shared, &self.volume);
        }
        self.try_again = self.shared.clock.monotonic() + self.patience;
        self.patience = (self.patience * 2).min(MOST_PATIENCE);
    }

    fn look_after_volume(&mut self) {
        if let Some(e) = self.volume.syncer.take_failure()
            && self.volume.writable().is_some()
        {
            self.failed(&RecordError::io("sync the files of", &self.volume.config.path, e));
        }
        let now = self.shared.clock.monotonic();
        if matches!(self.volume.state(), VolumeState::Failed | VolumeState::Missing) && now >= self.try_again
        {
            match mount(&self.shared, &self.volume) {
                Ok(unknown) => {
                    self.patience = PATIENCE;
                    if unknown {
                        import(&self.shared, &self.volume);
                    }
                }
                Err(problem) => {
                    let state = match self.volume.state() {
                        VolumeState::Missing => VolumeState::Missing,
                        _ => VolumeState::Failed,
                    };
                    self.shared.volume_failed(&self.volume, state, &problem);
                    self.try_again = now + self.patience;
                    self.patience = (self.patience * 2).min(MOST_PATIENCE);
                }
            }
        }
    }

    /// Streams do not wait for a volume when another one can take them.
    fn move_away(&mut self) {
        if self.streams.is_empty() || self.volume.state() == VolumeState::Ok {
            return;
        }
        while let Some(other) = self.shared.best_volume(Some(&self.volume)) {
            let Some(mut stream) = self.streams.pop() else { return };
            tracing::warn!(stream = %stream.key(), from = %self.volume.config.path.display(), to = %other.config.path.display(), "the stream moves to another volume");
            stream.abandon(&self.shared, &self.volume);
            self.volume.streams.fetch_sub(1, Ordering::Relaxed);
            other.streams.fetch_add(1, Ordering::Relaxed);
            other.inbox.lock().push(stream);
        }
    }
}

/// Opens a volume, looks after what a crash left on it, and says that it can be used. Returns whether it has older
/// recordings that the catalogue does not know.
pub(crate) fn mount(shared: &Shared, volume: &Volume) -> Result<bool, RecordError> {
    let path = &volume.config.path;
    let known = shared.store.read_blocking(|c| catalogue::volumes_at(c, path))?;
    let mount = Arc::new(Mount::open(path, &known)?);
    let twin = shared.volumes.iter().any(|v| v.mount().is_some_and(|m| m.id == mount.id));
    if twin {
        return Err(RecordError::Volume {
            path: path.clone(),
            problem: format!("it is volume {}, which is in use already; the path is listed twice", mount.id),
        });
    }
    mount.probe()?;
    let (id, at) = (mount.id, path.clone());
    shared.store.write_blocking(move |tx| catalogue::volume_number(tx, id, Some(&at)))?;
    let unknown = recover::after_crash(shared, &mount)?;
    shared.volume_ok(volume, Some(mount));
    Ok(unknown)
}

/// Brings the recordings of a volume that the catalogue does not know into it, on a thread of its own: it may be
/// terabytes.
pub(crate) fn import(shared: &Arc<Shared>, volume: &Arc<Volume>) {
    let (shared, volume) = (Arc::clone(shared), Arc::clone(volume));
    let path = volume.config.path.clone();
    let begun = std::thread::Builder::new().name("record-import".into()).spawn(move || {
        let Some(mount) = volume.mount() else { return };
        let path = volume.config.path.display();
        tracing::info!(volume = %path, "recordings that the catalogue does not know are being added to it");
        match recover::import(&shared, &volume, &mount) {
            Ok(report) => tracing::info!(volume = %path, "added: {report}"),
            Err(error) => tracing::error!(volume = %path, %error, "recordings could not be added; `herond fsck --repair` tries again"),
        }
    });
    if let Err(error) = begun {
        tracing::error!(volume = %path.display(), %error, "no thread for adding recordings; `herond fsck --repair` does it");
    }
}
