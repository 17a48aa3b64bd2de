//! One stream on its way to the disk. Lives on the thread of its volume and moves to another volume's thread whole.

use crate::duty::Handover;
use crate::evidence::Lineage;
use crate::gate::Wish;
use crate::ledger::{GapTracker, LedgerStep};
use crate::open_segment::OpenSegment;
use crate::policy::{RecordMode, StreamSituation};
use crate::segmenter::{self, Output, Segmenter};
use crate::shared::{Desired, Shared, StreamControl, Volume, VolumeState};
use crate::volume::Mount;
use heron_core::{AccessUnit, GapReason, StreamKey, WallTime};
use std::sync::Arc;
use std::time::Duration;

mod account;
mod disk;
mod sort;

pub(crate) use account::write_steps;

/// A fragment whose next frame does not come is written after this: with the tick it is on the disk within the 2 s
/// that a crash may cost.
const STALL: Duration = Duration::from_millis(1500);
/// No unit for this long: the camera is silent (ingest says so too, after the same time).
const SILENCE: Duration = Duration::from_secs(5);
/// Units taken from the ring under one lock.
const BATCH: usize = 512;
/// Batches of one stream in one tick: 32,768 units are 20 minutes of 25 fps, more than a ring ever holds.
const MOST_BATCHES: usize = 64;

/// How long a stream waits for a volume with what the ring can hold (16 MiB: 33 s of 4 Mbit/s), so that one that is back
/// by then has no gap at all. After that its units are let go and the memory with them.
const HOLD: Duration = Duration::from_secs(30);
/// After a schedule has switched recording off its stream is read for so long, for the frames that were still on their way.
const LINGER: Duration = Duration::from_secs(2);

/// Why a write failed.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No room, and none could be made.
    Full,
    /// The volume gave an error.
    Failed(std::io::Error),
    /// The disk hung, and another volume has the stream now: this writer must not do anything any more.
    Superseded,
}

/// What became of a stream in a tick.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays here.
    Stays,
    /// It is not recorded any more at all.
    Gone,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    pub(crate) control: Arc<StreamControl>,
    /// Spreads rotation.
    number: u64,
    segmenter: Segmenter,
    tracker: GapTracker,
    open: Option<OpenSegment>,
    batch: Vec<Arc<AccessUnit>>,
    outputs: Vec<Output>,
    steps: Vec<LedgerStep>,
    pending_since: Option<Duration>,
    last_unit: Duration,
    /// Since when there is no volume to write to.
    waiting_since: Option<Duration>,
    /// What made the hole that the next segment ends, when it is known.
    hole: Option<GapReason>,
    ever_recorded: bool,
    /// What the next segment's evidence says of what was before it.
    pub(crate) lineage: Lineage,
    /// Something has happened that may make frames due that are held in memory.
    look: bool,
    /// The next frames go on where the open file ends, after a pause in which nothing was due.
    goes_on: bool,
    /// Since when nothing has been due.
    off_since: Option<Duration>,
    /// Since when frames have been due and none is written.
    due_since: Option<(Duration, WallTime)>,
}

impl StreamWriter {
    /// A stream whose ledger stands at `tracker`; `number` spreads rotation.
    pub(crate) fn new(
        control: Arc<StreamControl>,
        tracker: GapTracker,
        ever_recorded: bool,
        number: u64,
        now: Duration,
    ) -> Self {
        Self {
            control,
            number,
            segmenter: Segmenter::new(segmenter::phase(number)),
            tracker,
            open: None,
            batch: Vec::new(),
            outputs: Vec::new(),
            steps: Vec::new(),
            pending_since: None,
            last_unit: now,
            waiting_since: None,
            hole: None,
            ever_recorded,
            lineage: Lineage::default(),
            look: true,
            goes_on: false,
            off_since: None,
            due_since: None,
        }
    }

    /// A stream that hung with its volume goes on here, from the key frame of what was not written.
    pub(crate) fn take_over(handover: Handover, now: Duration) -> Self {
        let Handover { control, standing, number, segments } = handover;
        rewind(&control);
        let ever_recorded = standing.0.is_some();
        let tracker = GapTracker::new(standing.0, standing.1);
        let mut writer = Self::new(control, tracker, ever_recorded, number, now);
        writer.hole = Some(GapReason::VolumeFailed);
        writer.lineage = Lineage::after(segments);
        writer
    }

    pub(crate) fn key(&self) -> StreamKey {
        self.control.key
    }

    /// Where it is to go now that no file of it is open.
    pub(crate) fn wants_to_move(&self) -> Option<usize> {
        if self.open.is_some() {
            return None;
        }
        self.control.move_to.lock().take()
    }

    /// Takes what the hub has, writes what is due, keeps the ledger.
    pub(crate) fn tick(&mut self, shared: &Shared, volume: &Volume) -> Result<Fate, Refusal> {
        let (now, mono) = (shared.clock.now(), shared.clock.monotonic());
        let desired = self.control.desired.lock().clone();
        if desired.removed {
            // A volume that refuses its last fragment is no reason to keep a stream that nobody wants.
            let closed = self.finish(shared, volume);
            if matches!(closed, Err(Refusal::Superseded)) {
                return closed.map(|()| Fate::Gone);
            }
            self.let_reader_go();
            self.control.lookout.lock().pre_roll.clear();
            let fate = self.farewell(shared, now);
            return if fate == Fate::Gone { Ok(fate) } else { closed.map(|()| fate) };
        }
        self.listen(now);
        // What has been read is still for the policy of before: so a change loses no frame that was due.
        let reads = self.control.reader.lock().is_some();
        if !reads {
            self.adopt(&desired);
        }
        let wanted = self.is_wanted(&desired, now, mono);
        let result = match volume.writable() {
            Some(mount) if wanted => {
                self.waiting_since = None;
                let mut reader = self.control.reader.lock();
                if reader.is_none() {
                    *reader = Some(shared.hub.stream(self.control.key).pinned_reader());
                    self.last_unit = mono;
                }
                drop(reader);
                self.record(shared, volume, &mount, &desired, mono)
            }
            Some(_) => {
                let done = self.finish(shared, volume);
                if done.is_ok() {
                    self.let_reader_go();
                    self.control.lookout.lock().pre_roll.clear();
                }
                done
            }
            None => {
                self.abandon(shared, volume);
                self.hold(wanted, mono);
                Ok(())
            }
        };
        if result.is_ok() {
            if reads {
                self.adopt(&desired);
            }
            self.account(shared, volume, &desired, now, mono);
        }
        result.map(|()| Fate::Stays)
    }

    /// Whether the stream must be read.
    fn is_wanted(&mut self, desired: &Desired, now: WallTime, mono: Duration) -> bool {
        let mut lookout = self.control.lookout.lock();
        if desired.situation == StreamSituation::Disabled || lookout.gate.policy().mode == RecordMode::Off {
            return false;
        }
        if lookout.gate.wish(now) != Wish::Nothing {
            self.off_since = None;
            return true;
        }
        mono.saturating_sub(*self.off_since.get_or_insert(mono)) < LINGER
    }

    fn record(
        &mut self,
        shared: &Shared,
        volume: &Volume,
        mount: &Arc<Mount>,
        desired: &Desired,
        mono: Duration,
    ) -> Result<(), Refusal> {
        if std::mem::take(&mut self.look) {
            self.write_due(shared, volume, mount, mono)?;
        }
        let mut found = 0;
        for _ in 0..MOST_BATCHES {
            self.batch.clear();
            let drained = {
                let mut reader = self.control.reader.lock();
                let Some(reader) = &mut *reader else { break };
                reader.take(&mut self.batch, BATCH)
            };
            if let Some(overrun) = drained.overrun {
                self.overrun(shared, volume, mount, overrun.units)?;
            }
            if !self.batch.is_empty() {
                self.last_unit = mono;
            }
            let mut batch = std::mem::take(&mut self.batch);
            let sorted = batch.drain(..).try_for_each(|unit| self.sort(unit, shared, volume, mount, mono));
            self.batch = batch;
            sorted?;
            self.perform(shared, volume, mount, mono)?;
            found += drained.units as u64;
            if drained.closed && drained.remaining == 0 {
                // The stream was taken out of the hub; if it comes back it is a new one there.
                self.end_file();
                self.perform(shared, volume, mount, mono)?;
                self.let_reader_go();
            }
            if drained.remaining == 0 {
                break;
            }
        }
        self.control.status.lock().queue_depth = found;
        let silent = mono.saturating_sub(self.last_unit) >= SILENCE;
        if desired.situation != StreamSituation::Online && desired.situation != StreamSituation::Connecting
            || silent
        {
            self.end_file();
        } else if self.pending_since.is_some_and(|since| mono.saturating_sub(since) >= STALL) {
            self.segmenter.flush(&mut self.outputs);
        }
        self.age(shared.clock.now());
        self.perform(shared, volume, mount, mono)
    }

    fn let_reader_go(&self) {
        *self.control.reader.lock() = None;
    }

    fn overrun(
        &mut self,
        shared: &Shared,
        volume: &Volume,
        mount: &Arc<Mount>,
        units: u64,
    ) -> Result<(), Refusal> {
        tracing::warn!(stream = %self.control.key, units, "the disk was slower than the camera for too long; frames were lost");
        self.control.status.lock().overrun_units += units;
        self.hole = Some(GapReason::Overrun);
        self.control.lookout.lock().pre_roll.clear();
        self.segmenter.finish(&mut self.outputs);
        let mono = shared.clock.monotonic();
        self.perform(shared, volume, mount, mono)
    }

    /// Writes what is held back and completes the file.
    pub(crate) fn finish(&mut self, shared: &Shared, volume: &Volume) -> Result<(), Refusal> {
        self.end_file();
        let mono = shared.clock.monotonic();
        match volume.writable() {
            Some(mount) => self.perform(shared, volume, &mount, mono),
            None => {
                self.abandon(shared, volume);
                Ok(())
            }
        }
    }

    /// Takes what the hub still has and completes the file: the daemon goes down.
    pub(crate) fn last_tick(&mut self, shared: &Shared, volume: &Volume) -> Result<(), Refusal> {
        self.tick(shared, volume)?;
        self.control.lookout.lock().pre_roll.clear();
        self.finish(shared, volume)
    }

    /// Without a volume: waits with what the ring holds for [`HOLD`], then lets units go, so that the ring does not
    /// report them as overrun later.
    fn hold(&mut self, wanted: bool, mono: Duration) {
        let mut slot = self.control.reader.lock();
        if !wanted {
            *slot = None;
        }
        let Some(reader) = &mut *slot else { return };
        if mono.saturating_sub(*self.waiting_since.get_or_insert(mono)) < HOLD {
            return;
        }
        // What is held in memory would not go on with what comes after this.
        self.control.lookout.lock().pre_roll.clear();
        for _ in 0..MOST_BATCHES {
            self.batch.clear();
            let drained = reader.drain(&mut self.batch, BATCH);
            if drained.closed && drained.remaining == 0 {
                *slot = None;
                break;
            }
            if drained.remaining == 0 {
                break;
            }
        }
        self.batch.clear();
    }
}

/// Goes back in the ring to the key frame of what was not written. What is held in memory and will be read again is let
/// go.
fn rewind(control: &StreamControl) {
    let mut reader = control.reader.lock();
    let Some(reader) = &mut *reader else { return };
    reader.rewind();
    control.lookout.lock().pre_roll.rewind_to(reader.next_unread().as_ref());
}

fn volume_reason(state: &VolumeState) -> Option<GapReason> {
    match state {
        VolumeState::Ok => None,
        VolumeState::Full => Some(GapReason::VolumeFull),
        VolumeState::Failed | VolumeState::Missing => Some(GapReason::VolumeFailed),
    }
}
