//! One stream on its way to the disk. Lives on the thread of its volume and moves to another volume's thread whole.

use crate::duty::{self, Handover};
use crate::evidence::Lineage;
use crate::gap_events;
use crate::ledger::{Gap, GapTracker, LedgerStep};
use crate::open_segment::OpenSegment;
use crate::policy::{RecordMode, StreamSituation};
use crate::segmenter::{self, Output, Segmenter};
use crate::shared::{Desired, Shared, StreamControl, Volume, VolumeState};
use crate::sweeper;
use crate::volume::Mount;
use heron_core::{AccessUnit, GapReason, StreamKey, WallTime};
use heron_media::mp4::{Fragment, TrackSpec};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
/// Tries of a write that was refused for want of room, with retention between them.
const MOST_ATTEMPTS: usize = 3;
/// How long one try waits for rows and syncs. The ring holds several seconds meanwhile.
const SETTLE: Duration = Duration::from_secs(1);
/// What a new file needs beside its content: folders, blocks of metadata.
const NEW_FILE_BYTES: u64 = 64 << 10;

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
        }
    }

    /// A stream that hung with its volume goes on here, from the key frame of what was not written.
    pub(crate) fn take_over(handover: Handover, now: Duration) -> Self {
        let Handover { control, standing, number, segments } = handover;
        if let Some(reader) = &mut *control.reader.lock() {
            reader.rewind();
        }
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
        let desired = *self.control.desired.lock();
        if desired.removed {
            // A volume that refuses its last fragment is no reason to keep a stream that nobody wants.
            let closed = self.finish(shared, volume);
            if matches!(closed, Err(Refusal::Superseded)) {
                return closed.map(|()| Fate::Gone);
            }
            self.let_reader_go();
            let fate = self.farewell(shared, now);
            return if fate == Fate::Gone { Ok(fate) } else { closed.map(|()| fate) };
        }
        let wanted = desired.policy.mode != RecordMode::Off && desired.situation != StreamSituation::Disabled;
        let result = match volume.writable() {
            Some(mount) if wanted => {
                self.waiting_since = None;
                let mut reader = self.control.reader.lock();
                if reader.is_none() {
                    *reader = Some(shared.hub.stream(self.control.key).pinned_reader());
                    self.last_unit = mono;
                }
                drop(reader);
                self.record(shared, volume, &mount, desired, mono)
            }
            Some(_) => {
                let done = self.finish(shared, volume);
                if done.is_ok() {
                    self.let_reader_go();
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
            self.account(shared, volume, desired, now, mono);
        }
        result.map(|()| Fate::Stays)
    }

    fn record(
        &mut self,
        shared: &Shared,
        volume: &Volume,
        mount: &Arc<Mount>,
        desired: Desired,
        mono: Duration,
    ) -> Result<(), Refusal> {
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
            for unit in batch.drain(..) {
                self.segmenter.push(unit, &mut self.outputs);
            }
            self.batch = batch;
            self.perform(shared, volume, mount, mono)?;
            found += drained.units as u64;
            if drained.closed && drained.remaining == 0 {
                // The stream was taken out of the hub; if it comes back it is a new one there.
                self.segmenter.finish(&mut self.outputs);
                self.segmenter.forget_connection();
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
            self.segmenter.finish(&mut self.outputs);
            self.segmenter.forget_connection();
        } else if self.pending_since.is_some_and(|since| mono.saturating_sub(since) >= STALL) {
            self.segmenter.flush(&mut self.outputs);
        }
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
        self.segmenter.finish(&mut self.outputs);
        let mono = shared.clock.monotonic();
        self.perform(shared, volume, mount, mono)
    }

    /// Carries out what the segmenter wants.
    fn perform(
        &mut self,
        shared: &Shared,
        volume: &Volume,
        mount: &Arc<Mount>,
        mono: Duration,
    ) -> Result<(), Refusal> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let mut result = Ok(());
        let mut cut = false;
        for output in outputs.drain(..) {
            if result.is_err() {
                break;
            }
            match output {
                Output::Open { start, init, tracks } => self.open(shared, start, init, &tracks),
                Output::Fragment(fragment) => {
                    cut = true;
                    result = self.append(shared, volume, mount, &fragment);
                    self.segmenter.recycle(fragment);
                }
                Output::Close => result = self.close(shared, volume),
                Output::Hole { start, end } => self.hole_inside(shared, start, end),
            }
        }
        self.outputs = outputs;
        if matches!(result, Err(Refusal::Superseded)) {
            return result;
        }
        self.pending_since = match (self.segmenter.has_pending(), self.pending_since) {
            (false, _) => None,
            (true, Some(since)) if !cut => Some(since),
            (true, _) => Some(mono),
        };
        if result.is_ok()
            && (cut || !self.segmenter.has_pending())
            && let Some(reader) = &mut *self.control.reader.lock()
        {
            // What is written need not be kept; what is held back must, in case the volume fails.
            reader.release(self.segmenter.oldest_pending());
        }
        if let Err(refusal) = &result {
            match refusal {
                // What is written stays whole and becomes deletable, which is what makes room again.
                Refusal::Full => self.close(shared, volume)?,
                Refusal::Failed(_) | Refusal::Superseded => {}
            }
            self.abandon(shared, volume);
            self.hole = Some(match refusal {
                Refusal::Full => GapReason::VolumeFull,
                Refusal::Failed(_) | Refusal::Superseded => GapReason::VolumeFailed,
            });
        }
        result
    }

    fn append(
        &mut self,
        shared: &Shared,
        volume: &Volume,
        mount: &Arc<Mount>,
        fragment: &Fragment,
    ) -> Result<(), Refusal> {
        match self.try_append(shared, volume, mount, fragment) {
            Err(e) if is_full(&e) => self.append_with_room(shared, volume, mount, fragment),
            other => other.map_err(refusal),
        }
    }

    /// Before anything is called full: deletes what may be deleted, and tries again.
    fn append_with_room(
        &mut self,
        shared: &Shared,
        volume: &Volume,
        mount: &Arc<Mount>,
        fragment: &Fragment,
    ) -> Result<(), Refusal> {
        let needed = fragment.index.length + NEW_FILE_BYTES;
        for attempt in 0..MOST_ATTEMPTS {
            if attempt > 0 {
                // A segment that was closed a moment ago is deletable when its row is written, and its room is free
                // when the syncer has let go of it.
                shared.scribe.settle(SETTLE);
                volume.syncer.settle(SETTLE);
            }
            volume.duty.go(self.handover());
            let made = sweeper::make_room(shared, volume, needed);
            volume.duty.back().map_err(|_| Refusal::Superseded)?;
            if let Err(error) = made {
                tracing::warn!(volume = %volume.config.path.display(), %error, "no room could be made");
            }
            match self.try_append(shared, volume, mount, fragment) {
                Err(e) if is_full(&e) => {}
                other => return other.map_err(refusal),
            }
        }
        Err(Refusal::Full)
    }

    fn try_append(
        &mut self,
        shared: &Shared,
        volume: &Volume,
        mount: &Arc<Mount>,
        fragment: &Fragment,
    ) -> std::io::Result<()> {
        let handover = self.handover();
        let Some(open) = &mut self.open else { return Ok(()) };
        let written = open.append(shared, volume, mount, fragment, handover)?;
        if written.is_first {
            let otherwise = self.hole.take().unwrap_or(GapReason::StreamDiscontinuity);
            let frame = self.segmenter.frame_nanos();
            self.tracker.begins(written.start, frame, otherwise, &mut || shared.gap_id(), &mut self.steps);
            self.ever_recorded = true;
            self.write_ledger(shared);
        }
        self.tracker.covered(written.end);
        self.control.bytes_written.fetch_add(written.bytes, Ordering::Relaxed);
        let mut status = self.control.status.lock();
        status.recording_since.get_or_insert(written.start);
        status.last_write = Some(shared.clock.now());
        status.recorded_until = Some(written.end);
        status.bytes_written += written.bytes;
        Ok(())
    }

    fn handover(&self) -> Handover {
        Handover {
            control: Arc::clone(&self.control),
            standing: self.tracker.standing(),
            number: self.number,
            segments: self.lineage.next_number(),
        }
    }

    fn hole_inside(&mut self, shared: &Shared, start: WallTime, end: WallTime) {
        let reason = GapReason::StreamDiscontinuity;
        let gap = Gap { id: shared.gap_id(), start, end: Some(end), reason };
        if end > start {
            self.steps.push(LedgerStep::Close { gap, told: false });
            self.write_ledger(shared);
        }
    }

    /// Begins a file; it is made when its first fragment is there.
    fn open(&mut self, shared: &Shared, start: WallTime, init: Vec<u8>, tracks: &[TrackSpec]) {
        let open = OpenSegment::new(start, init, tracks);
        self.open = match &shared.notary {
            None => open,
            Some(notary) => {
                let otherwise = self.hole.unwrap_or(GapReason::StreamDiscontinuity);
                let hole = self.tracker.hole_before(start, self.segmenter.frame_nanos(), otherwise);
                let beginning = self.lineage.beginning(shared, self.control.key, start, hole);
                open.map(|o| o.sealed(notary, beginning))
            }
        };
    }

    /// Completes the open file.
    fn close(&mut self, shared: &Shared, volume: &Volume) -> Result<(), Refusal> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let closed = open.close(shared, volume, self.handover()).map_err(refusal)?;
        self.lineage.closed(closed);
        Ok(())
    }

    /// Writes what is held back and completes the file.
    pub(crate) fn finish(&mut self, shared: &Shared, volume: &Volume) -> Result<(), Refusal> {
        self.segmenter.finish(&mut self.outputs);
        self.segmenter.forget_connection();
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
        self.finish(shared, volume)
    }

    /// The volume has failed: the file is let go as it is. What was not written is still in the ring: it is read again
    /// from its key frame on, so that the next volume, or this one when it is back, goes on without a gap.
    pub(crate) fn abandon(&mut self, shared: &Shared, volume: &Volume) {
        if !self.segmenter.is_idle() {
            self.hole = volume_reason(&volume.state());
        }
        self.outputs.clear();
        self.segmenter.abandon();
        self.segmenter.forget_connection();
        self.pending_since = None;
        if let Some(open) = self.open.take() {
            self.lineage.let_go(open.let_go(shared));
        }
        if let Some(reader) = &mut *self.control.reader.lock() {
            reader.rewind();
        }
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

    /// Keeps the ledger when nothing is being recorded.
    fn account(&mut self, shared: &Shared, volume: &Volume, desired: Desired, now: WallTime, mono: Duration) {
        if self.segmenter.is_idle()
            && let Some(reason) = self.reason(volume, desired, mono)
        {
            self.tracker.missing(reason, now, &mut || shared.gap_id(), &mut self.steps);
            self.write_ledger(shared);
        }
        let gap = self.tracker.open_gap();
        let idle = self.segmenter.is_idle();
        let mut status = self.control.status.lock();
        status.gap = gap.map(|g| g.reason);
        status.gap_since = gap.map(|g| g.start);
        if idle {
            status.recording_since = None;
        }
        status.passed_over_units = self.segmenter.passed_over;
        if status.volume.as_deref() != Some(volume.config.path.as_path()) {
            status.volume = Some(volume.config.path.clone());
        }
    }

    /// Why nothing is being recorded; `None` when that is no gap (a new stream that has not begun).
    fn reason(&self, volume: &Volume, desired: Desired, mono: Duration) -> Option<GapReason> {
        if desired.policy.mode == RecordMode::Off || desired.situation == StreamSituation::Disabled {
            return Some(GapReason::Disabled);
        }
        if let Some(reason) = volume_reason(&volume.state()) {
            return Some(reason);
        }
        let silent = mono.saturating_sub(self.last_unit) >= SILENCE;
        let before = self.tracker.open_gap().map(|g| g.reason);
        match desired.situation {
            StreamSituation::Unreachable => Some(GapReason::CameraUnreachable),
            StreamSituation::Online if silent => Some(GapReason::CameraUnreachable),
            // Why it stopped stays the reason until pictures come or something else is known.
            _ if before.is_some() => before,
            _ if !self.ever_recorded => None,
            StreamSituation::Online => Some(self.hole.unwrap_or(GapReason::StreamDiscontinuity)),
            _ => Some(GapReason::CameraUnreachable),
        }
    }

    /// The stream is taken away: from now on it is switched off, and stays so in the ledger until it is added again. It
    /// may have been added again already; then it goes on.
    fn farewell(&mut self, shared: &Shared, now: WallTime) -> Fate {
        let stream = self.control.key;
        if self.ever_recorded {
            self.tracker.missing(GapReason::Disabled, now, &mut || shared.gap_id(), &mut self.steps);
        } else if let Some(gap) = self.tracker.open_gap() {
            self.tracker.begins(now.max(gap.start), 0, gap.reason, &mut || shared.gap_id(), &mut self.steps);
        }
        self.write_ledger(shared);
        let mut streams = shared.streams.write();
        if !self.control.desired.lock().removed {
            return Fate::Stays;
        }
        streams.remove(&stream);
        shared.resume.lock().insert(stream, self.tracker.standing());
        shared.lineages.lock().insert(stream, std::mem::take(&mut self.lineage));
        Fate::Gone
    }

    fn write_ledger(&mut self, shared: &Shared) {
        let stream = self.control.key;
        for step in self.steps.drain(..) {
            match step {
                LedgerStep::Open(gap) => shared.note_gap(stream, gap),
                LedgerStep::Forget { gap, told } => {
                    shared.forget_gap(stream, gap.id);
                    if told {
                        // Whoever was told that recording stopped is told that nothing is missing after all.
                        shared.events.tell(gap_events::ended(stream, &gap, told));
                    }
                }
                LedgerStep::Tell(gap) => shared.events.tell(gap_events::stopped(stream, &gap)),
                LedgerStep::Close { gap, told } => {
                    self.lineage.missed(&gap);
                    shared.note_gap(stream, gap);
                    shared.events.tell(gap_events::ended(stream, &gap, told));
                }
            }
        }
    }
}

fn volume_reason(state: &VolumeState) -> Option<GapReason> {
    match state {
        VolumeState::Ok => None,
        VolumeState::Full => Some(GapReason::VolumeFull),
        VolumeState::Failed | VolumeState::Missing => Some(GapReason::VolumeFailed),
    }
}

fn is_full(e: &std::io::Error) -> bool {
    matches!(e.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

fn refusal(e: std::io::Error) -> Refusal {
    match e {
        e if duty::is_superseded(&e) => Refusal::Superseded,
        e if is_full(&e) => Refusal::Full,
        e => Refusal::Failed(e),
    }
}
