//! The thread of a volume: a tick, five times a second, that drains the rings of all its streams and writes.

use crate::RecordError;
use crate::catalogue;
use crate::duty::STALLED;
use crate::lock_files;
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

/// What the thread owns. The streams lie on the volume's shelf, so that others can take them while it hangs.
pub(crate) struct VolumeWriter {
    shared: Arc<Shared>,
    volume: Arc<Volume>,
    try_again: Duration,
    patience: Duration,
}

impl VolumeWriter {
    pub(crate) fn new(shared: Arc<Shared>, volume: Arc<Volume>) -> Self {
        let try_again = shared.clock.monotonic() + PATIENCE;
        Self { shared, volume, try_again, patience: PATIENCE }
    }

    /// The thread's body. `ready` is told when the volume has been opened, or cannot be.
    pub(crate) fn run(mut self, ready: std::sync::mpsc::SyncSender<()>) {
        self.open();
        // Whoever waited may have given up.
        let _ = ready.try_send(());
        let mut heard = 0;
        while !self.shared.is_stopping() {
            self.tick();
            self.shared.wait(&mut heard, self.shared.tick);
        }
        self.stop();
    }

    /// Opens the volume, at the start or when it is tried again.
    fn open(&mut self) {
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
                self.try_again = self.shared.clock.monotonic() + self.patience;
                self.patience = (self.patience * 2).min(MOST_PATIENCE);
            }
        }
    }

    /// One tick.
    pub(crate) fn tick(&mut self) {
        self.look_after_volume();
        rescue(&self.shared);
        let streams = self.volume.shelf.lock().len();
        for _ in 0..streams {
            let Some(mut stream) = self.volume.shelf.lock().pop_front() else { break };
            match stream.tick(&self.shared, &self.volume) {
                Ok(Fate::Stays) => match stream.wants_to_move().and_then(|to| self.shared.volumes.get(to)) {
                    Some(to) if to.writable().is_some() && !Arc::ptr_eq(to, &self.volume) => {
                        hand_over(stream, &self.volume, to);
                    }
                    _ => self.volume.shelf.lock().push_back(stream),
                },
                Ok(Fate::Gone) => drop(self.volume.streams.fetch_sub(1, Ordering::Relaxed)),
                // Whoever took it counts it.
                Err(Refusal::Superseded) => {}
                Err(refusal) => {
                    self.volume.shelf.lock().push_back(stream);
                    self.refused(refusal);
                }
            }
        }
    }

    fn stop(&mut self) {
        while let Some(mut stream) = { self.volume.shelf.lock().pop_front() } {
            if let Err(refusal) = stream.last_tick(&self.shared, &self.volume) {
                self.refused(refusal);
            }
        }
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
            Refusal::Superseded => {}
        }
    }

    fn failed(&mut self, problem: &RecordError) {
        fail(&self.shared, &self.volume, problem);
        for stream in &mut *self.volume.shelf.lock() {
            stream.abandon(&self.shared, &self.volume);
        }
        self.try_again = self.shared.clock.monotonic() + self.patience;
        self.patience = (self.patience * 2).min(MOST_PATIENCE);
    }

    fn look_after_volume(&mut self) {
        if self.volume.writable().is_some() {
            if let Some(e) = self.volume.syncer.take_failure() {
                self.volume.sync_errors.fetch_add(1, Ordering::Relaxed);
                self.failed(&RecordError::io("sync the files of", &self.volume.config.path, e));
            } else if self.volume.syncer.busy_for() > STALLED
                && self.shared.best_volume(Some(&self.volume)).is_some()
            {
                self.failed(&stalled(&self.volume));
            }
        }
        let away = matches!(self.volume.state(), VolumeState::Failed | VolumeState::Missing);
        if away && self.shared.clock.monotonic() >= self.try_again {
            self.open();
        }
    }
}

/// A volume has given an error or does not answer.
fn fail(shared: &Shared, volume: &Volume, problem: &RecordError) {
    volume.write_errors.fetch_add(1, Ordering::Relaxed);
    shared.volume_failed(volume, VolumeState::Failed, problem);
    volume.syncer.drop_all();
}

fn stalled(volume: &Volume) -> RecordError {
    RecordError::Volume {
        path: volume.config.path.clone(),
        problem: format!(
            "it has not answered for {} s; its streams are recorded to another volume. Check the disk and its cable",
            STALLED.as_secs()
        ),
    }
}

/// Streams do not wait for a volume when another one can take them. Every volume's thread looks after all of them,
/// because the thread of a disk that hangs cannot.
fn rescue(shared: &Shared) {
    for volume in &shared.volumes {
        if volume.duty.is_stalled(STALLED)
            && let Some(other) = shared.best_volume(Some(volume))
            && let Some(handover) = volume.duty.take_over(STALLED)
        {
            fail(shared, volume, &stalled(volume));
            shared.let_go(handover.control.key);
            let stream = StreamWriter::take_over(handover, shared.clock.monotonic());
            hand_over(stream, volume, &other);
        }
        while volume.state() != VolumeState::Ok
            && !volume.shelf.lock().is_empty()
            && let Some(other) = shared.best_volume(Some(volume))
        {
            let Some(mut stream) = volume.shelf.lock().pop_front() else { break };
            stream.abandon(shared, volume);
            hand_over(stream, volume, &other);
        }
    }
}

fn hand_over(stream: StreamWriter, from: &Volume, to: &Volume) {
    tracing::info!(stream = %stream.key(), from = %from.config.path.display(), to = %to.config.path.display(), "the stream moves to another volume");
    from.streams.fetch_sub(1, Ordering::Relaxed);
    to.streams.fetch_add(1, Ordering::Relaxed);
    to.shelf.lock().push_back(stream);
}

/// Opens a volume, looks after what a crash left on it, and says that it can be used. Returns whether it has older
/// recordings that the catalogue does not know. May wait for the disk for as long as that takes.
fn mount(shared: &Shared, volume: &Volume) -> Result<bool, RecordError> {
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
    // Before its recordings are looked at: rows that are made anew must know what is locked.
    for lock in lock_files::meet(&shared.store, &mount)? {
        shared.locks.add(lock);
    }
    mount.clear_work();
    let unknown = recover::after_crash(shared, &mount)?;
    volume.oldest_unknown.store(unknown, Ordering::Release);
    shared.volume_ok(volume, Some(mount));
    volume.measure()?;
    Ok(unknown)
}

/// Brings the recordings of a volume that the catalogue does not know into it, on a thread of its own: it may be
/// terabytes.
fn import(shared: &Arc<Shared>, volume: &Arc<Volume>) {
    let path = volume.config.path.clone();
    let (shared, of_thread) = (Arc::clone(shared), Arc::clone(volume));
    let begun = std::thread::Builder::new().name("record-import".into()).spawn(move || {
        let volume = of_thread;
        let Some(mount) = volume.mount() else { return };
        let path = volume.config.path.display();
        tracing::info!(volume = %path, "recordings that the catalogue does not know are being added to it");
        let added = recover::import(&shared, &volume, &mount);
        volume.oldest_unknown.store(false, Ordering::Release);
        match added {
            Ok(report) => tracing::info!(volume = %path, "added: {report}"),
            Err(error) => tracing::error!(volume = %path, %error, "recordings could not be added; `herond fsck --repair` tries again"),
        }
    });
    if let Err(error) = begun {
        volume.oldest_unknown.store(false, Ordering::Release);
        tracing::error!(volume = %path.display(), %error, "no thread for adding recordings; `herond fsck --repair` does it");
    }
}
