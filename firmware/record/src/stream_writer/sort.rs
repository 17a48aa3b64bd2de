//! Where a unit goes: to the file, into memory, or nowhere.

use super::{Refusal, StreamWriter};
use crate::gate::Wish;
use crate::lookout::Lookout;
use crate::policy::PlainMode;
use crate::pre_roll::box_time;
use crate::shared::{Desired, Shared, Volume};
use crate::volume::Mount;
use heron_core::{AccessUnit, WallTime};
use std::sync::Arc;
use std::time::Duration;

impl StreamWriter {
    /// Takes the triggers that came.
    pub(super) fn listen(&mut self, now: WallTime) {
        let triggers = std::mem::take(&mut *self.control.triggers.lock());
        self.look |= !triggers.is_empty();
        let gate = &mut self.control.lookout.lock().gate;
        for trigger in &triggers {
            gate.trigger(trigger, now);
        }
    }

    /// Goes over to the policy that is desired, if it is another.
    pub(super) fn adopt(&mut self, desired: &Desired) {
        let mut lookout = self.control.lookout.lock();
        let Lookout { gate, pre_roll } = &mut *lookout;
        if *gate.policy() == *desired.policy {
            return;
        }
        gate.adopt(desired.policy.as_ref().clone());
        if gate.mode(desired.since) == PlainMode::Continuous {
            // Everything is due from then on, and not the pre-roll of what did not happen.
            pre_roll.trim(desired.since);
        }
        self.look = true;
    }

    /// Takes a unit to where it belongs.
    pub(super) fn sort(
        &mut self,
        unit: Arc<AccessUnit>,
        shared: &Shared,
        volume: &Volume,
        mount: &Arc<Mount>,
        mono: Duration,
    ) -> Result<(), Refusal> {
        let control = Arc::clone(&self.control);
        let mut lookout = control.lookout.lock();
        let Lookout { gate, pre_roll } = &mut *lookout;
        match gate.wish(box_time(&unit)) {
            Wish::Record if pre_roll.is_quiet() => {}
            Wish::Record => {
                // It is due with the frames of its group, which are held.
                if pre_roll.push(Arc::clone(&unit), gate.policy().pre_roll) {
                    drop(lookout);
                    return self.write_due(shared, volume, mount, mono);
                }
                drop(lookout);
                self.end_file();
            }
            Wish::Hold(keep) => {
                if !pre_roll.joins() && !self.segmenter.is_idle() {
                    // The last frame that was due. Its file stays open, since more may be due yet.
                    self.segmenter.flush(&mut self.outputs);
                    if !self.segmenter.is_idle() {
                        pre_roll.join();
                    }
                }
                pre_roll.push(unit, keep);
                if !pre_roll.joins() {
                    drop(lookout);
                    self.end_file();
                }
                return Ok(());
            }
            Wish::Nothing => {
                pre_roll.clear();
                drop(lookout);
                self.end_file();
                return Ok(());
            }
        }
        self.segmenter.push(unit, &mut self.outputs);
        Ok(())
    }

    /// Writes what is held in memory and due.
    pub(super) fn write_due(
        &mut self,
        shared: &Shared,
        volume: &Volume,
        mount: &Arc<Mount>,
        mono: Duration,
    ) -> Result<(), Refusal> {
        let Some((units, joins)) = self.control.lookout.lock().due() else { return Ok(()) };
        if joins {
            self.goes_on = true;
        } else {
            self.close_file();
        }
        for unit in &units {
            self.segmenter.push(Arc::clone(unit), &mut self.outputs);
        }
        // They stay in memory until they are written.
        self.perform(shared, volume, mount, mono)?;
        let rest = self.control.lookout.lock().pre_roll.written(units.len());
        if rest {
            self.segmenter.flush(&mut self.outputs);
            if self.segmenter.is_idle() {
                self.control.lookout.lock().pre_roll.part();
            }
        }
        Ok(())
    }

    /// Lets go of what is too old to be wanted.
    pub(super) fn age(&mut self, now: WallTime) {
        let mut lookout = self.control.lookout.lock();
        let Lookout { gate, pre_roll } = &mut *lookout;
        if pre_roll.is_quiet() {
            return;
        }
        pre_roll.age(now, gate.policy().pre_roll);
        let parted = !pre_roll.joins();
        drop(lookout);
        if parted {
            self.close_file();
        }
    }

    /// Writes what is held back and completes the file; what is held in memory does not go on from it any more.
    pub(super) fn end_file(&mut self) {
        self.close_file();
        self.control.lookout.lock().pre_roll.part();
    }

    fn close_file(&mut self) {
        self.goes_on = false;
        if !self.segmenter.is_idle() {
            self.segmenter.finish(&mut self.outputs);
        }
        self.segmenter.forget_connection();
    }

    /// Frames are being written, or are about to be.
    pub(super) fn is_active(&self) -> bool {
        self.segmenter.has_pending()
            || (!self.segmenter.is_idle() && !self.control.lookout.lock().pre_roll.joins())
    }
}
