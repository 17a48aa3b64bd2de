//! The handle that the daemon holds.

use crate::RecordError;
use crate::catalogue::{self, VolumeId};
use crate::copies;
use crate::disk_health::{DiskHealth, DiskReport, KernelHealth};
use crate::down_time;
use crate::events::Outlet;
use crate::evidence::{self, Notary};
use crate::ledger::{GapTracker, LedgerStep};
use crate::locks::Locks;
use crate::lookout::Lookout;
use crate::meter::Latency;
use crate::playback::Playback;
use crate::policy::{Pressure, RecordPolicy, StreamSituation, StreamStatus};
use crate::pre_roll::{self, Budget};
use crate::recover;
use crate::rules::{RetentionRules, Rules};
use crate::scribe::{NoteQueue, Scribe};
use crate::shared::{Desired, Shared, StreamControl, Volume, VolumeState};
use crate::storage::{self, StorageReport};
use crate::stream_writer::{StreamWriter, write_steps};
use crate::thin;
use crate::trigger::{self, Trigger, TriggerOutcome};
use crate::volume::VolumeConfig;
use crate::volume_writer::{TICK, VolumeWriter};
use crate::{summariser, sweeper};
use heron_core::{CameraId, Clock, EventDraft, GapReason, PlainMode, StreamKey, StreamKind};
use heron_evidence::Signer;
use heron_hub::Hub;
use heron_store::Store;
use parking_lot::{Condvar, Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;

/// How long [`Recorder::shutdown`] waits for disks: closing takes a write and a sync per stream, 64 x 10 ms on a hard
/// disk; a disk that hangs must not hold up the machine's power-off.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// How long the start waits for volumes: a hard disk that has to spin up takes 10 s. One that does not answer is opened
/// when it does; the others must not wait for it.
const MOUNT_PATIENCE: Duration = Duration::from_secs(15);

/// How the recorder is set up.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// Where to record; at least one.
    pub volumes: Vec<VolumeConfig>,
    /// How long footage of streams is kept for which [`Recorder::set_retention`] has said nothing: cameras that were
    /// removed.
    pub rules: RetentionRules,
    /// The database was damaged or lost, so that rows may be missing on any day: every volume is compared with the
    /// catalogue in the background, while recording goes on.
    pub lost_rows: bool,
    /// Seals what is recorded, so that it can be proven; `None`: recordings are unsigned.
    pub signer: Option<Arc<dyn Signer>>,
    /// What knows how disks are.
    pub disk_health: Vec<Arc<dyn DiskHealth>>,
    /// How often each volume's thread drains the rings: 200 ms.
    pub tick: Duration,
    /// The most that all streams together hold in memory in case something happens: 256 MiB.
    pub pre_roll_bytes: usize,
}

impl RecorderConfig {
    /// Recording to `volumes`, everything else as usual.
    pub fn new(volumes: Vec<VolumeConfig>) -> Self {
        Self {
            volumes,
            rules: RetentionRules::default(),
            lost_rows: false,
            signer: None,
            disk_health: vec![Arc::new(KernelHealth::default())],
            tick: TICK,
            pre_roll_bytes: pre_roll::TOTAL_BYTES,
        }
    }
}

/// A volume and how it is.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeStatus {
    /// Its identity, once it has been seen.
    pub id: Option<VolumeId>,
    /// Its configured path.
    pub path: PathBuf,
    /// How it is.
    pub state: VolumeState,
    /// What is wrong, in words.
    pub problem: Option<String>,
    /// Streams recorded to it.
    pub streams: u64,
    /// Failed writes and syncs since the start.
    pub write_errors: u64,
    /// Failed syncs since the start.
    pub sync_errors: u64,
    /// How long writes and syncs took in the last minute.
    pub latency: Latency,
    /// What is known of its disk.
    pub health: Option<DiskReport>,
}

/// The recorder. Dropping it without [`Recorder::shutdown`] stops its threads without waiting; what was open is then
/// closed by the recovery of the next start.
#[derive(Debug)]
pub struct Recorder {
    pub(crate) shared: Arc<Shared>,
    threads: Mutex<Vec<(Role, JoinHandle<()>)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Writer,
    Sweeper,
    Syncer,
    Scribe,
}

impl Recorder {
    /// Opens the volumes, closes what a crash left open, and starts the threads. A volume that cannot be used is
    /// reported (event `volume.failed`, [`Recorder::volumes`]) and tried again; it is no error here. Blocks: reads the
    /// disk. `events` takes what people should know; it is bounded and never waited for.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] when there is no volume, [`RecordError::Store`] when the catalogue cannot be read,
    /// [`RecordError::Io`] when no thread can be started.
    pub fn start(
        config: RecorderConfig,
        hub: Arc<Hub>,
        store: Store,
        clock: Arc<dyn Clock>,
        events: Sender<EventDraft>,
    ) -> Result<Self, RecordError> {
        if config.volumes.is_empty() {
            return Err(RecordError::invalid("volumes", "at least one directory to record to is needed"));
        }
        let (segment, gap) = store.read_blocking(catalogue::last_ids)?;
        let locks = Locks::load(&store)?;
        let shared = Arc::new(Shared {
            clock,
            store,
            hub,
            scribe: Scribe::default(),
            events: Outlet::new(events),
            volumes: config.volumes.into_iter().map(|v| Arc::new(Volume::new(v))).collect(),
            streams: RwLock::new(BTreeMap::new()),
            live: Mutex::new(HashMap::new()),
            fresh_gaps: Mutex::new(HashMap::new()),
            unlinked: Mutex::new(HashMap::new()),
            resume: Mutex::new(HashMap::new()),
            notary: config.signer.map(Notary::new),
            checking: Mutex::new(()),
            lineages: Mutex::new(HashMap::new()),
            next_segment: AtomicI64::new(segment + 1),
            next_gap: AtomicI64::new(gap + 1),
            next_stream: AtomicU64::new(0),
            pre_rolls: Budget::new(config.pre_roll_bytes),
            rules: Rules::new(config.rules),
            lost_rows: config.lost_rows,
            locks,
            disk_health: config.disk_health,
            copies_made: AtomicU64::new(0),
            tick: config.tick,
            stopping: AtomicBool::new(false),
            bell: (Mutex::new(0), Condvar::new()),
        });
        let recorder = Self { shared, threads: Mutex::new(Vec::new()) };
        recorder.start_threads()?;
        *recorder.shared.resume.lock() = recover::resume(&recorder.shared)?;
        *recorder.shared.lineages.lock() = evidence::lineages(&recorder.shared)?;
        Ok(recorder)
    }

    /// Starts the threads; returns when every volume has been opened, or has not answered for too long.
    fn start_threads(&self) -> Result<(), RecordError> {
        let shared = Arc::clone(&self.shared);
        self.spawn(Role::Scribe, "record-scribe".into(), move || {
            let done = Arc::clone(&shared);
            shared.scribe.run(&shared.store, |notes| done.written(notes));
        })?;
        let (ready, opened) = std::sync::mpsc::sync_channel(self.shared.volumes.len());
        for (n, volume) in self.shared.volumes.iter().enumerate() {
            let of_syncer = Arc::clone(volume);
            self.spawn(Role::Syncer, format!("record-sync-{n}"), move || of_syncer.syncer.run())?;
            let writer = VolumeWriter::new(Arc::clone(&self.shared), Arc::clone(volume));
            let ready = ready.clone();
            self.spawn(Role::Writer, format!("record-{n}"), move || writer.run(ready))?;
        }
        drop(ready);
        let deadline = Instant::now() + MOUNT_PATIENCE;
        for _ in &self.shared.volumes {
            if opened.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_err() {
                break;
            }
        }
        for (n, volume) in self.shared.volumes.iter().enumerate() {
            if volume.state() == VolumeState::Missing && volume.health.lock().problem.is_none() {
                self.shared.volume_failed(volume, VolumeState::Missing, &silent(volume));
            }
            let (shared, volume) = (Arc::clone(&self.shared), Arc::clone(volume));
            self.spawn(Role::Sweeper, format!("record-keep-{n}"), move || {
                sweeper::keep_volume(&shared, &volume);
            })?;
        }
        let shared = Arc::clone(&self.shared);
        self.spawn(Role::Sweeper, "record-keep".into(), move || sweeper::run(&shared))?;
        let shared = Arc::clone(&self.shared);
        self.spawn(Role::Sweeper, "record-copy".into(), move || copies::run(&shared))?;
        let shared = Arc::clone(&self.shared);
        self.spawn(Role::Sweeper, "record-thin".into(), move || thin::run(&shared))?;
        let shared = Arc::clone(&self.shared);
        self.spawn(Role::Sweeper, "record-days".into(), move || summariser::run(&shared))
    }

    fn spawn(
        &self,
        role: Role,
        name: String,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), RecordError> {
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(body)
            .map_err(|e| RecordError::io("start a thread for", "recording", e))?;
        self.threads.lock().push((role, thread));
        Ok(())
    }

    /// Records `stream` from now on as `policy` says. Takes effect at the next tick.
    pub fn set_policy(&self, stream: StreamKey, policy: RecordPolicy) {
        let mut streams = self.shared.streams.write();
        if let Some(control) = streams.get(&stream) {
            let mut desired = control.desired.lock();
            if desired.removed {
                // Added again before its writer has let go of it.
                desired.situation = StreamSituation::default();
            }
            if *desired.policy != policy {
                (desired.policy, desired.since) = (Arc::new(policy), self.shared.clock.now());
            }
            desired.removed = false;
            return;
        }
        let desired = Desired {
            policy: Arc::new(policy.clone()),
            since: self.shared.clock.now(),
            situation: StreamSituation::default(),
            removed: false,
        };
        let control = Arc::new(StreamControl {
            key: stream,
            desired: Mutex::new(desired),
            status: Mutex::new(StreamStatus::default()),
            bytes_written: AtomicU64::new(0),
            reader: Mutex::new(None),
            move_to: Mutex::new(None),
            lookout: Mutex::new(Lookout::new(policy, Arc::clone(&self.shared.pre_rolls))),
            triggers: Mutex::new(Vec::new()),
        });
        streams.insert(stream, Arc::clone(&control));
        drop(streams);
        self.admit(control);
    }

    fn admit(&self, control: Arc<StreamControl>) {
        let shared = &self.shared;
        let now = shared.clock.now();
        let (until, open) = shared.resume.lock().remove(&control.key).unwrap_or_default();
        let mut tracker = GapTracker::new(until, open);
        let mut steps = Vec::new();
        if let Some(from) = until
            && open.is_none_or(|gap| gap.reason == GapReason::NotScheduled)
        {
            // The daemon was not there since then; the last reason lasts until pictures come, or until something else is
            // why.
            let policy = Arc::clone(&control.desired.lock().policy);
            for (at, reason) in down_time::reasons(&policy, open.as_ref(), from, now) {
                tracker.missing(reason, at.min(now), &mut || shared.gap_id(), &mut steps);
            }
        }
        let number = shared.next_stream.fetch_add(1, Ordering::Relaxed);
        let mut writer = StreamWriter::new(
            Arc::clone(&control),
            tracker,
            until.is_some(),
            number,
            shared.clock.monotonic(),
        );
        writer.lineage = shared.lineages.lock().remove(&control.key).unwrap_or_default();
        for step in &steps {
            if let LedgerStep::Close { gap, .. } = step {
                writer.lineage.missed(gap);
            }
        }
        write_steps(shared, control.key, steps);
        let volume = shared.best_volume(None).or_else(|| shared.volumes.first().cloned());
        if let Some(volume) = volume {
            volume.streams.fetch_add(1, Ordering::Relaxed);
            volume.shelf.lock().push_back(writer);
        }
        shared.ring();
    }

    /// Stops recording `stream` for good: its camera was deleted. What was recorded stays until retention takes it.
    pub fn remove(&self, stream: StreamKey) {
        if let Some(control) = self.shared.streams.read().get(&stream) {
            control.desired.lock().removed = true;
            self.shared.ring();
        }
    }

    /// Something happened at a camera: records what happened around it where a stream's mode waits for that. Never waits;
    /// takes effect at the next tick, from the frames held in memory on. Of several streams the outcome is that of the
    /// first that is recorded; `None` when the camera has no stream here.
    pub fn trigger(&self, trigger: &Trigger) -> Option<TriggerOutcome> {
        let now = self.shared.clock.now();
        let streams = self.shared.streams.read();
        let of_camera = StreamKind::ALL
            .into_iter()
            .filter(|kind| trigger.stream.is_none_or(|s| s == *kind))
            .filter_map(|kind| streams.get(&StreamKey::new(trigger.camera, kind)));
        let mut outcomes = Vec::with_capacity(2);
        for control in of_camera {
            let (policy, situation, removed) = {
                let desired = control.desired.lock();
                (Arc::clone(&desired.policy), desired.situation, desired.removed)
            };
            if removed {
                continue;
            }
            // The writer decides for itself, and knows more: this is what it will say, unless the mode changes.
            let mode = policy.mode_at(now);
            outcomes.push(match mode {
                _ if situation == StreamSituation::Disabled => TriggerOutcome::Off,
                PlainMode::Off => TriggerOutcome::Off,
                PlainMode::Continuous => TriggerOutcome::Continuous,
                _ if !policy.awaits(mode, &trigger.kind) => TriggerOutcome::NotAwaited,
                _ => {
                    let start = trigger.start.min(now);
                    let end = trigger.end.unwrap_or(start).max(start);
                    TriggerOutcome::Recording { until: end + policy.post_roll }
                }
            });
            trigger::post(&mut control.triggers.lock(), trigger.clone());
        }
        let is_recorded =
            |o: &&TriggerOutcome| matches!(o, TriggerOutcome::Recording { .. } | TriggerOutcome::Continuous);
        outcomes.iter().find(is_recorded).or(outcomes.first()).copied()
    }

    /// Bytes of frames held in memory in case something happens, and the most there may be, all streams together.
    pub fn pre_roll_bytes(&self) -> (usize, usize) {
        (self.shared.pre_rolls.held(), self.shared.pre_rolls.limit())
    }

    /// What ingest knows of a stream; without it gaps could not say why.
    pub fn stream_state(&self, stream: StreamKey, situation: StreamSituation) {
        if let Some(control) = self.shared.streams.read().get(&stream) {
            control.desired.lock().situation = situation;
        }
    }

    /// How the recording of `stream` is doing; `None` for a stream without a policy.
    pub fn status(&self, stream: StreamKey) -> Option<StreamStatus> {
        let streams = self.shared.streams.read();
        let control = streams.get(&stream).filter(|c| !c.desired.lock().removed)?;
        Some(control.status.lock().clone())
    }

    /// Who seals the recordings; `None` when there is no key.
    pub fn signer(&self) -> Option<Arc<dyn Signer>> {
        self.shared.notary.as_ref().map(|n| Arc::clone(&n.signer))
    }

    /// How hard recording is pressed at this moment. Cheap: from memory.
    pub fn pressure(&self) -> Pressure {
        let streams = self.shared.streams.read();
        streams.values().fold(Pressure::default(), |sum, control| {
            let status = control.status.lock();
            Pressure {
                deepest_queue: sum.deepest_queue.max(status.queue_depth),
                overrun_units: sum.overrun_units + status.overrun_units,
            }
        })
    }

    /// The volumes, in the order of the configuration.
    pub fn volumes(&self) -> Vec<VolumeStatus> {
        self.shared
            .volumes
            .iter()
            .map(|v| {
                let health = v.health.lock();
                VolumeStatus {
                    id: health.id,
                    path: v.config.path.clone(),
                    state: health.state.clone(),
                    problem: health.problem.clone(),
                    streams: v.streams.load(Ordering::Relaxed),
                    write_errors: v.write_errors.load(Ordering::Relaxed),
                    sync_errors: v.sync_errors.load(Ordering::Relaxed),
                    latency: v.meter.latency(),
                    health: v.disk_report.lock().clone(),
                }
            })
            .collect()
    }

    /// How long the footage of `camera` is kept from now on; `None`: of all for which nothing else was said. Takes effect
    /// within ten seconds.
    pub fn set_retention(&self, camera: Option<CameraId>, rules: RetentionRules) {
        self.shared.rules.set(camera, rules);
    }

    /// The camera is no more: what is left of it is kept as long as is said for all.
    pub fn forget_retention(&self, camera: CameraId) {
        self.shared.rules.forget(camera);
    }

    /// Retention never deletes a locked segment. Blocks on the database.
    ///
    /// # Errors
    /// [`RecordError::NoSuchSegment`], [`RecordError::Store`].
    pub fn set_locked(&self, segment: i64, locked: bool) -> Result<(), RecordError> {
        let found = self.shared.store.write_blocking(move |tx| catalogue::set_locked(tx, segment, locked))?;
        if found { Ok(()) } else { Err(RecordError::NoSuchSegment(segment)) }
    }

    /// How full the volumes are, how old the footage is and how long it will last. Blocks on the database.
    ///
    /// # Errors
    /// [`RecordError::Store`].
    pub fn storage(&self) -> Result<StorageReport, RecordError> {
        storage::report(&self.shared)
    }

    /// What was recorded, for viewers. Shares this recorder's knowledge of segments that are still being written.
    pub fn playback(&self) -> Playback {
        Playback::new(Arc::clone(&self.shared))
    }

    /// How the notes for the catalogue are doing.
    pub fn notes(&self) -> NoteQueue {
        self.shared.scribe.queue()
    }

    /// Writes what the hub still has, completes and syncs all files and rows, and ends the threads. Blocks, a second or
    /// two, and at most five on a disk that hangs; returns whether everything was completed. Later calls do nothing.
    pub fn shutdown(&self) -> bool {
        let deadline = Instant::now() + SHUTDOWN_PATIENCE;
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.ring();
        let mut threads = std::mem::take(&mut *self.threads.lock());
        // A thread that hangs must not take the time of the others: each step leaves some for the next.
        let left = |part: u32| deadline - SHUTDOWN_PATIENCE * part / 10;
        let mut whole = join(&mut threads, Role::Writer, left(5));
        whole &= join(&mut threads, Role::Sweeper, left(4));
        for volume in &self.shared.volumes {
            volume.syncer.close();
        }
        whole &= join(&mut threads, Role::Syncer, left(2));
        self.shared.scribe.close();
        whole &= join(&mut threads, Role::Scribe, deadline);
        for mount in self.shared.volumes.iter().filter_map(|v| v.mount()) {
            mount.unlock();
        }
        whole
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.ring();
        for volume in &self.shared.volumes {
            volume.syncer.close();
        }
        self.shared.scribe.close();
    }
}

fn silent(volume: &Volume) -> RecordError {
    RecordError::Volume {
        path: volume.config.path.clone(),
        problem: format!(
            "it has not answered for {} s; recording to it begins when it does. Check the disk",
            MOUNT_PATIENCE.as_secs()
        ),
    }
}

/// Waits for the threads of a role until the deadline; those that hang are left behind.
fn join(threads: &mut Vec<(Role, JoinHandle<()>)>, role: Role, deadline: Instant) -> bool {
    let mut whole = true;
    let mut i = 0;
    while i < threads.len() {
        if threads[i].0 != role {
            i += 1;
            continue;
        }
        let (_, thread) = threads.swap_remove(i);
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        whole &= thread.is_finished() && thread.join().is_ok();
    }
    whole
}
