//! The ledger of a stream while nothing is written, and what its status says.

use super::{Fate, SILENCE, StreamWriter, volume_reason};
use crate::gap_events;
use crate::gate::Wish;
use crate::ledger::LedgerStep;
use crate::policy::{RecordMode, StreamSituation};
use crate::shared::{Desired, Shared, Volume};
use heron_core::{GapReason, StreamKey, WallTime};
use std::time::Duration;

/// Frames that are due and come, and of which none can be written for want of a key frame, are missing after this:
/// three groups of pictures of 5 s.
const NO_KEY: Duration = Duration::from_secs(15);

impl StreamWriter {
    /// Keeps the ledger when nothing is being recorded.
    pub(super) fn account(
        &mut self,
        shared: &Shared,
        volume: &Volume,
        desired: &Desired,
        now: WallTime,
        mono: Duration,
    ) {
        let active = self.is_active();
        if active {
            self.due_since = None;
        } else if let Some((reason, since)) = self.reason(volume, desired, now, mono) {
            self.tracker.missing(reason, since, &mut || shared.gap_id(), &mut self.steps);
            self.write_ledger(shared);
        }
        let gap = self.tracker.open_gap();
        let (mode, why, held) = {
            let mut lookout = self.control.lookout.lock();
            (lookout.gate.mode(now), lookout.gate.reason(now), lookout.pre_roll.bytes())
        };
        let disabled = desired.situation == StreamSituation::Disabled;
        let mut status = self.control.status.lock();
        status.looked_at = Some(now);
        status.mode = Some(mode);
        status.why = why.filter(|_| !disabled);
        status.pre_roll_bytes = held as u64;
        status.gap = gap.map(|g| g.reason);
        status.gap_since = gap.map(|g| g.start);
        if !active {
            status.recording_since = None;
        }
        status.passed_over_units = self.segmenter.passed_over;
        if status.volume.as_deref() != Some(volume.config.path.as_path()) {
            status.volume = Some(volume.config.path.clone());
        }
    }

    /// Why nothing is being recorded, and since when that has been so; `None` when that is no gap (a new stream that has
    /// not begun).
    fn reason(
        &mut self,
        volume: &Volume,
        desired: &Desired,
        now: WallTime,
        mono: Duration,
    ) -> Option<(GapReason, WallTime)> {
        if desired.policy.mode == RecordMode::Off || desired.situation == StreamSituation::Disabled {
            self.due_since = None;
            return Some((GapReason::Disabled, now));
        }
        let since = {
            let gate = &mut self.control.lookout.lock().gate;
            (gate.wish(now) == Wish::Record).then(|| gate.wanted_since(now))
        };
        // While nothing is due nothing is missing, whatever the camera and the disk do.
        let Some(since) = since else {
            self.due_since = None;
            return Some((GapReason::NotScheduled, now));
        };
        let (waiting_since, due_since) = *self.due_since.get_or_insert((mono, since));
        let before = self.tracker.open_gap();
        let from = match before {
            Some(gap) if gap.reason == GapReason::NotScheduled => due_since,
            _ => now,
        };
        if let Some(reason) = volume_reason(&volume.state()) {
            return Some((reason, from));
        }
        let silent = mono.saturating_sub(self.last_unit) >= SILENCE;
        let no_key = mono.saturating_sub(waiting_since) >= NO_KEY;
        let before = before.map(|g| g.reason);
        let reason = match desired.situation {
            StreamSituation::Unreachable => GapReason::CameraUnreachable,
            StreamSituation::Online if silent => GapReason::CameraUnreachable,
            StreamSituation::Online if no_key && !self.ever_recorded && before.is_none() => {
                return Some((GapReason::StreamDiscontinuity, due_since));
            }
            StreamSituation::Online if no_key && before == Some(GapReason::NotScheduled) => {
                GapReason::StreamDiscontinuity
            }
            // Why it stopped stays the reason until pictures come or something else is known.
            _ if before.is_some() => before?,
            _ if !self.ever_recorded => return None,
            StreamSituation::Online => self.hole.unwrap_or(GapReason::StreamDiscontinuity),
            _ => GapReason::CameraUnreachable,
        };
        Some((reason, from))
    }

    /// The stream is taken away: from now on it is switched off, and stays so in the ledger until it is added again. It
    /// may have been added again already; then it goes on.
    pub(super) fn farewell(&mut self, shared: &Shared, now: WallTime) -> Fate {
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

    pub(super) fn write_ledger(&mut self, shared: &Shared) {
        for step in &self.steps {
            if let LedgerStep::Close { gap, .. } = step {
                self.lineage.missed(gap);
            }
        }
        write_steps(shared, self.control.key, self.steps.drain(..));
    }
}

/// Writes the ledger's rows, and tells people what they should know.
pub(crate) fn write_steps(shared: &Shared, stream: StreamKey, steps: impl IntoIterator<Item = LedgerStep>) {
    for step in steps {
        match step {
            LedgerStep::Open(gap) => shared.note_gap(stream, gap),
            LedgerStep::Forget { gap, told } => {
                shared.forget_gap(stream, gap.id);
                if told && gap.reason != GapReason::NotScheduled {
                    // Whoever was told that recording stopped is told that nothing is missing after all.
                    shared.events.tell(gap_events::ended(stream, &gap, told, None));
                }
            }
            LedgerStep::Tell(gap) => shared.events.tell(gap_events::stopped(stream, &gap)),
            LedgerStep::Close { gap, told, next } => {
                shared.note_gap(stream, gap);
                // That nothing was to be recorded is nothing to tell.
                if gap.reason != GapReason::NotScheduled {
                    shared.events.tell(gap_events::ended(stream, &gap, told, next));
                }
            }
        }
    }
}
