//! What the segmenter wants, carried out on the volume; and what happens when the volume refuses.

use super::{Refusal, StreamWriter, rewind, volume_reason};
use crate::duty::{self, Handover};
use crate::ledger::{Gap, LedgerStep};
use crate::open_segment::OpenSegment;
use crate::segmenter::Output;
use crate::shared::{Shared, Volume};
use crate::sweeper;
use crate::volume::Mount;
use heron_core::{GapReason, WallTime};
use heron_media::mp4::{Fragment, TrackSpec};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Tries of a write that was refused for want of room, with retention between them.
const MOST_ATTEMPTS: usize = 3;
/// How long one try waits for rows and syncs. The ring holds several seconds meanwhile.
const SETTLE: Duration = Duration::from_secs(1);
/// What a new file needs beside its content: folders, blocks of metadata.
const NEW_FILE_BYTES: u64 = 64 << 10;

impl StreamWriter {
    /// Carries out what the segmenter wants.
    pub(super) fn perform(
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
            // Also when all of it had been cut and nothing was held back.
            rewind(&self.control);
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
        if std::mem::take(&mut self.goes_on) && !written.is_first {
            self.tracker.goes_on(&mut self.steps);
            self.write_ledger(shared);
        }
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
            self.steps.push(LedgerStep::Close { gap, told: false, next: None });
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

    /// The volume has failed: the file is let go as it is. What was not written is still in the ring: it is read again
    /// from its key frame on, so that the next volume, or this one when it is back, goes on without a gap.
    pub(crate) fn abandon(&mut self, shared: &Shared, volume: &Volume) {
        let idle = self.segmenter.is_idle();
        if self.is_active() {
            self.hole = volume_reason(&volume.state());
        }
        self.outputs.clear();
        self.segmenter.abandon();
        self.segmenter.forget_connection();
        self.pending_since = None;
        if let Some(open) = self.open.take() {
            self.lineage.let_go(open.let_go(shared));
        }
        self.goes_on = false;
        self.look = true;
        self.control.lookout.lock().pre_roll.part();
        if !idle {
            rewind(&self.control);
        }
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
