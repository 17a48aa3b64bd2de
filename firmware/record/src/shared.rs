//! What the recorder's threads share.

use crate::RecordError;
use crate::catalogue::{self, Segment, SegmentState, VolumeId};
use crate::disk_health::{DiskHealth, DiskReport};
use crate::duty::Duty;
use crate::events::Outlet;
use crate::evidence::{Lineage, Notary};
use crate::ledger::Gap;
use crate::locks::Locks;
use crate::lookout::Lookout;
use crate::meter::Meter;
use crate::placement::{self, Berth};
use crate::policy::{RecordPolicy, StreamSituation, StreamStatus};
use crate::pre_roll::Budget;
use crate::recover::Standing;
use crate::retention;
use crate::rules::Rules;
use crate::scribe::{Note, Scribe};
use crate::stream_writer::StreamWriter;
use crate::syncer::Syncer;
use crate::trigger::Trigger;
use crate::volume::{Mount, VolumeConfig};
use heron_core::{AccessUnit, CameraId, Clock, EventDraft, Severity, StreamKey, WallTime};
use heron_hub::{Hub, PinnedReader};
use heron_media::mp4::{FragmentIndex, Init};
use heron_store::Store;
use parking_lot::{Condvar, Mutex, RwLock};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// How a volume is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeState {
    /// Recording can go to it.
    Ok,
    /// Nothing can be deleted and the room is used up.
    Full,
    /// It gave an error; it is tried again.
    Failed,
    /// It is not there; it is looked for again.
    Missing,
}

impl VolumeState {
    /// `ok`, `full`, `failed` or `missing`, as in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Full => "full",
            Self::Failed => "failed",
            Self::Missing => "missing",
        }
    }
}

/// A volume's changing part.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) state: VolumeState,
    /// What is wrong, in words.
    pub(crate) problem: Option<String>,
    pub(crate) mount: Option<Arc<Mount>>,
    /// Identity, also while it is away.
    pub(crate) id: Option<VolumeId>,
}

/// A configured volume.
#[derive(Debug)]
pub(crate) struct Volume {
    pub(crate) config: VolumeConfig,
    pub(crate) health: Mutex<Health>,
    pub(crate) syncer: Syncer,
    /// Streams that are recorded here, but for the one that the thread has in hand. When the volume cannot be used, the
    /// threads of others take them from here.
    pub(crate) shelf: Mutex<VecDeque<StreamWriter>>,
    /// The stream that the thread has taken to the disk.
    pub(crate) duty: Duty,
    /// Size of the file system and what is free, bytes, as it last said: a disk that hangs must not hold up who asks.
    room: Mutex<Option<(u64, u64)>>,
    pub(crate) streams: AtomicU64,
    /// One makes room at a time.
    pub(crate) sweeping: Mutex<()>,
    pub(crate) write_errors: AtomicU64,
    /// Recordings are being added of which the oldest is not known yet: no room is made meanwhile.
    pub(crate) oldest_unknown: AtomicBool,
    /// What kept the sweeper from making room, in words.
    pub(crate) full_because: Mutex<String>,
    /// Cameras whose locks are to be written beside their recordings. At most one entry a camera.
    pub(crate) locks_due: Mutex<BTreeSet<CameraId>>,
    /// How long writes and syncs take.
    pub(crate) meter: Arc<Meter>,
    /// Failed syncs, also counted among the failed writes.
    pub(crate) sync_errors: AtomicU64,
    /// What is known of its disk.
    pub(crate) disk_report: Mutex<Option<DiskReport>>,
}

impl Volume {
    pub(crate) fn new(config: VolumeConfig) -> Self {
        let meter = Arc::new(Meter::default());
        Self {
            config,
            health: Mutex::new(Health { state: VolumeState::Missing, problem: None, mount: None, id: None }),
            syncer: Syncer::metered(Arc::clone(&meter)),
            shelf: Mutex::new(VecDeque::new()),
            duty: Duty::default(),
            room: Mutex::new(None),
            streams: AtomicU64::new(0),
            sweeping: Mutex::new(()),
            write_errors: AtomicU64::new(0),
            oldest_unknown: AtomicBool::new(false),
            full_because: Mutex::new(String::new()),
            locks_due: Mutex::default(),
            meter,
            sync_errors: AtomicU64::new(0),
            disk_report: Mutex::new(None),
        }
    }

    /// The mount, when recording can go to it.
    pub(crate) fn writable(&self) -> Option<Arc<Mount>> {
        let health = self.health.lock();
        (health.state == VolumeState::Ok).then(|| health.mount.clone()).flatten()
    }

    /// The mount, when it can be read.
    pub(crate) fn mount(&self) -> Option<Arc<Mount>> {
        self.health.lock().mount.clone()
    }

    /// Asks the file system for its size and what is free. May wait for the disk.
    pub(crate) fn measure(&self) -> Result<(u64, u64), RecordError> {
        let mount = self.mount().ok_or_else(|| self.not_there())?;
        let room = mount.space()?;
        *self.room.lock() = Some(room);
        Ok(room)
    }

    /// What [`Volume::measure`] last found. Never waits.
    pub(crate) fn room(&self) -> Option<(u64, u64)> {
        *self.room.lock()
    }

    fn not_there(&self) -> RecordError {
        RecordError::Volume { path: self.config.path.clone(), problem: "it is not there".into() }
    }

    pub(crate) fn state(&self) -> VolumeState {
        self.health.lock().state.clone()
    }
}

/// What is wanted of a stream and how it is doing.
#[derive(Debug)]
pub(crate) struct StreamControl {
    pub(crate) key: StreamKey,
    pub(crate) desired: Mutex<Desired>,
    pub(crate) status: Mutex<StreamStatus>,
    pub(crate) bytes_written: AtomicU64,
    /// Follows the hub while the stream is recorded. Here and not in its writer, so that a writer which hangs with its
    /// disk does not take it along.
    pub(crate) reader: Mutex<Option<PinnedReader<AccessUnit>>>,
    /// The volume (by its place in the configuration) to which it moves between two files.
    pub(crate) move_to: Mutex<Option<usize>>,
    /// What is due, and frames held in memory meanwhile. Locked for moments only, never while a disk works.
    pub(crate) lookout: Mutex<Lookout>,
    /// Triggers that the writer has not seen yet, at most [`crate::trigger::MOST_WAITING`].
    pub(crate) triggers: Mutex<Vec<Trigger>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Desired {
    pub(crate) policy: Arc<RecordPolicy>,
    /// When the policy was set.
    pub(crate) since: WallTime,
    pub(crate) situation: StreamSituation,
    pub(crate) removed: bool,
}

/// A segment that is open, or whose closing row is not in the database yet: playback looks here first.
#[derive(Clone, Debug)]
pub(crate) struct LiveSegment {
    pub(crate) segment: Segment,
    pub(crate) init: Arc<Init>,
    pub(crate) fragments: Vec<FragmentIndex>,
}

/// Everything the threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) hub: Arc<Hub>,
    pub(crate) scribe: Scribe,
    pub(crate) events: Outlet,
    pub(crate) volumes: Vec<Arc<Volume>>,
    pub(crate) streams: RwLock<BTreeMap<StreamKey, Arc<StreamControl>>>,
    pub(crate) live: Mutex<HashMap<i64, LiveSegment>>,
    /// Ledger rows that are not in the database yet (`None`: removed): playback looks here first.
    pub(crate) fresh_gaps: Mutex<HashMap<i64, (StreamKey, Option<Gap>)>>,
    /// Segments whose files are gone and whose rows are not yet, and where they were.
    pub(crate) unlinked: Mutex<HashMap<i64, VolumeId>>,
    /// Where the ledger of each known stream stood when the daemon started.
    pub(crate) resume: Mutex<HashMap<StreamKey, Standing>>,
    /// Seals segments; absent without a key.
    pub(crate) notary: Option<Notary>,
    /// Held while footage is being checked: one at a time, it reads gigabytes.
    pub(crate) checking: Mutex<()>,
    /// What was recorded last of each known stream that is not being recorded.
    pub(crate) lineages: Mutex<HashMap<StreamKey, Lineage>>,
    pub(crate) next_segment: AtomicI64,
    pub(crate) next_gap: AtomicI64,
    pub(crate) next_stream: AtomicU64,
    /// What all streams hold in memory before anything happens.
    pub(crate) pre_rolls: Arc<Budget>,
    pub(crate) rules: Rules,
    /// The database was damaged or lost: rows may be missing anywhere.
    pub(crate) lost_rows: bool,
    pub(crate) locks: Locks,
    pub(crate) disk_health: Vec<Arc<dyn DiskHealth>>,
    /// Second copies made since the start.
    pub(crate) copies_made: AtomicU64,
    pub(crate) tick: Duration,
    pub(crate) stopping: AtomicBool,
    pub(crate) bell: (Mutex<u64>, Condvar),
}

impl Shared {
    pub(crate) fn segment_id(&self) -> i64 {
        self.next_segment.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn gap_id(&self) -> i64 {
        self.next_gap.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes a gap's row, new or anew.
    pub(crate) fn note_gap(&self, stream: StreamKey, gap: Gap) {
        self.fresh_gaps.lock().insert(gap.id, (stream, Some(gap)));
        self.scribe.note(Note::Gap(stream, gap));
    }

    /// Removes the row of a gap that turned out to have no length.
    pub(crate) fn forget_gap(&self, stream: StreamKey, id: i64) {
        self.fresh_gaps.lock().insert(id, (stream, None));
        self.scribe.note(Note::NoGap(id));
    }

    /// The database has these notes now.
    pub(crate) fn written(&self, notes: &[Note]) {
        for note in notes {
            match note {
                Note::Segment(s) if s.state != SegmentState::Open => drop(self.live.lock().remove(&s.id)),
                Note::LetGo(s) => drop(self.live.lock().remove(&s.id)),
                Note::Expired(id) => drop(self.unlinked.lock().remove(id)),
                Note::Gap(stream, gap) => {
                    let mut fresh = self.fresh_gaps.lock();
                    if fresh.get(&gap.id) == Some(&(*stream, Some(*gap))) {
                        fresh.remove(&gap.id);
                    }
                }
                Note::NoGap(id) => drop(self.fresh_gaps.lock().remove(id)),
                Note::Segment(_) | Note::Alive(_) | Note::PruneGaps(_) => {}
            }
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Wakes every thread before its tick.
    pub(crate) fn ring(&self) {
        *self.bell.0.lock() += 1;
        self.bell.1.notify_all();
    }

    /// Waits for the bell or `patience`. `heard` is the caller's count of rings.
    pub(crate) fn wait(&self, heard: &mut u64, patience: Duration) {
        let mut rings = self.bell.0.lock();
        if *rings == *heard {
            let _ = self.bell.1.wait_for(&mut rings, patience);
        }
        *heard = *rings;
    }

    /// Waits for `patience`, or until the recorder goes down.
    pub(crate) fn pause(&self, patience: Duration) {
        let deadline = std::time::Instant::now() + patience;
        let mut rings = self.bell.0.lock();
        while !self.is_stopping() && !self.bell.1.wait_until(&mut rings, deadline).timed_out() {}
    }

    /// The mount of a volume that can be read.
    pub(crate) fn mount_of(&self, id: VolumeId) -> Option<Arc<Mount>> {
        self.volumes.iter().find_map(|v| v.mount().filter(|m| m.id == id))
    }

    /// The volumes as placement sees them; those that cannot be used are `None`. `rates` are what is written to each.
    pub(crate) fn berths(&self, load: impl Fn(usize) -> u64) -> Vec<Option<Berth>> {
        let berth = |(i, v): (usize, &Arc<Volume>)| {
            v.writable()?;
            let (total, _) = v.room()?;
            let reserve = v.config.reserve_bytes.unwrap_or_else(|| retention::default_reserve(total, 0));
            let room = v.config.quota_bytes.unwrap_or(total).min(total.saturating_sub(reserve));
            Some(Berth { role: v.config.role, room, load: load(i) })
        };
        self.volumes.iter().enumerate().map(berth).collect()
    }

    /// The volume where a stream does best ([`placement`]); never `but`.
    pub(crate) fn best_volume(&self, but: Option<&Arc<Volume>>) -> Option<Arc<Volume>> {
        // Before anything is measured all streams are alike.
        let mut berths = self.berths(|i| self.volumes[i].streams.load(Ordering::Relaxed));
        for (berth, volume) in berths.iter_mut().zip(&self.volumes) {
            if but.is_some_and(|b| Arc::ptr_eq(volume, b)) {
                *berth = None;
            }
        }
        placement::choose(&berths, 1).map(|i| Arc::clone(&self.volumes[i]))
    }

    /// The open file of a stream is let go as it is: recovery looks at it when its volume is back.
    pub(crate) fn let_go(&self, stream: StreamKey) {
        let live = self.live.lock();
        for l in live.values().filter(|l| l.segment.stream == stream && l.segment.state == SegmentState::Open)
        {
            self.scribe.note(Note::LetGo(Box::new(l.segment.clone())));
        }
    }

    /// A volume cannot be used any more.
    pub(crate) fn volume_failed(&self, volume: &Volume, state: VolumeState, problem: &RecordError) {
        let mut health = volume.health.lock();
        let changed = health.state != state || health.problem.is_none();
        health.problem = Some(problem.to_string());
        health.state = state.clone();
        if state == VolumeState::Missing || state == VolumeState::Failed {
            // Somebody may be reading from it still; that must not keep it from being used again.
            if let Some(mount) = health.mount.take() {
                mount.unlock();
            }
        }
        drop(health);
        if changed {
            tracing::error!(volume = %volume.config.path.display(), %problem, "a recording volume cannot be used");
            let (kind, words) = match state {
                VolumeState::Full => ("volume.full", "is full"),
                _ => ("volume.failed", "cannot be used"),
            };
            self.tell_volume(kind, Severity::Critical, volume, &format!("{words}: {problem}"));
        }
    }

    /// A volume can be used (again).
    pub(crate) fn volume_ok(&self, volume: &Volume, mount: Option<Arc<Mount>>) {
        let mut health = volume.health.lock();
        health.state = VolumeState::Ok;
        let had_a_problem = health.problem.take().is_some();
        if let Some(mount) = mount {
            health.id = Some(mount.id);
            health.mount = Some(mount);
        }
        drop(health);
        if had_a_problem {
            tracing::info!(volume = %volume.config.path.display(), "the recording volume can be used again");
            self.tell_volume("volume.ok", Severity::Standard, volume, "can be used again");
        }
    }

    pub(crate) fn tell_volume(&self, kind: &str, severity: Severity, volume: &Volume, words: &str) {
        let path = volume.config.path.display().to_string();
        let event = EventDraft::new(kind, severity, self.clock.now(), "record")
            .text(format!("Recording volume {path} {words}"))
            .detail(serde_json::json!({ "volume": path }));
        self.events.tell(event);
    }

    /// What all streams write together, bytes per second.
    pub(crate) fn write_rate(&self) -> u64 {
        self.streams.read().values().map(|s| s.status.lock().bytes_per_second).sum()
    }

    /// The space of a volume as the planner sees it, as last measured: never waits for the disk. `recordings_bytes`
    /// from the catalogue.
    pub(crate) fn space(
        &self,
        volume: &Volume,
        recordings_bytes: u64,
    ) -> Result<retention::VolumeSpace, RecordError> {
        volume.mount().ok_or_else(|| volume.not_there())?;
        let (total_bytes, free_bytes) = volume.room().ok_or_else(|| volume.not_there())?;
        let write_bytes_per_second = self.write_rate();
        let reserve_bytes = volume
            .config
            .reserve_bytes
            .unwrap_or_else(|| retention::default_reserve(total_bytes, write_bytes_per_second));
        let quota_bytes = volume.config.quota_bytes;
        Ok(retention::VolumeSpace {
            total_bytes,
            free_bytes,
            recordings_bytes,
            reserve_bytes,
            quota_bytes,
            write_bytes_per_second,
        })
    }

    /// Bytes of our recordings on a volume: rows, but for open segments what their writers know, and without what is
    /// unlinked already.
    pub(crate) fn recordings_bytes(&self, id: VolumeId) -> Result<u64, RecordError> {
        // First what is in memory; what leaves it meanwhile is in the rows then.
        let live: Vec<(i64, u64)> = {
            let live = self.live.lock();
            live.values()
                .filter(|l| l.segment.volume == id)
                .map(|l| (l.segment.id, l.segment.bytes))
                .collect()
        };
        let gone: Vec<i64> =
            self.unlinked.lock().iter().filter(|(_, v)| **v == id).map(|(s, _)| *s).collect();
        let grown: u64 = live.iter().map(|l| l.1).sum();
        let rows = self.store.read_blocking(|c| {
            let totals = catalogue::totals(c)?;
            let all: u64 = totals.iter().filter(|t| t.volume == id).map(|t| t.bytes).sum();
            let better_known = catalogue::bytes_of(c, live.iter().map(|l| l.0).chain(gone.iter().copied()))?;
            Ok(all.saturating_sub(better_known))
        })?;
        Ok(rows + grown)
    }
}
