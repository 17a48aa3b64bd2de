//! What is wanted of a stream at an instant: its policy, its schedule, and the triggers that came. Pure.
//!
//! Times are the box's. Triggers make one stretch of time, from the first one's start less the pre-roll to the last one's
//! end plus the post-roll; triggers that touch it lengthen it. A trigger whose end is not known yet holds it open.

use crate::policy::{PlainMode, RecordMode, RecordPolicy, RecordReason};
use crate::trigger::{MOTION, Trigger, TriggerOutcome};
use heron_core::WallTime;
use heron_core::schedule::InForce;
use std::sync::Arc;
use std::time::Duration;

/// A trigger that lasts and of which nothing more is heard ends after this. A camera says of motion that it begins and
/// that it ends; when the second word is lost, an hour too much is recorded rather than a minute too little.
pub(crate) const LONGEST: Duration = Duration::from_secs(3600);
/// Kinds that may last at the same time: more than a camera has inputs and rules.
const MOST_LASTING: usize = 32;
/// Before a schedule begins to record, the stream is read and its newest group of pictures held, so that the frames due
/// have their key frame. With groups longer than this the hub's ring begins with the one that is due.
const LEAD: Duration = Duration::from_secs(10);

/// What is wanted at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Every frame.
    Record,
    /// No frame now; they are held in memory for so long, since they may be wanted later.
    Hold(Duration),
    /// Nothing; the stream need not be read.
    Nothing,
}

#[derive(Debug)]
struct Stretch {
    from: WallTime,
    /// Without what lasts.
    until: WallTime,
    kind: Arc<str>,
}

/// The gate of one stream.
#[derive(Debug)]
pub(crate) struct Gate {
    policy: RecordPolicy,
    /// What the schedule says, and from when on it is known to say so.
    planned: Option<(WallTime, InForce)>,
    stretch: Option<Stretch>,
    /// Kinds that last, and until when at most.
    lasting: Vec<(Arc<str>, WallTime)>,
}

impl Gate {
    pub(crate) fn new(policy: RecordPolicy) -> Self {
        Self { policy, planned: None, stretch: None, lasting: Vec::new() }
    }

    pub(crate) fn policy(&self) -> &RecordPolicy {
        &self.policy
    }

    /// From now on this policy holds. What was triggered goes on as long as the mode cares for triggers.
    pub(crate) fn adopt(&mut self, policy: RecordPolicy) {
        self.policy = policy;
        self.planned = None;
    }

    /// The mode in force at `at`.
    pub(crate) fn mode(&mut self, at: WallTime) -> PlainMode {
        match self.policy.mode.plain() {
            Some(mode) => mode,
            None => self.planned(at).mode,
        }
    }

    fn planned(&mut self, at: WallTime) -> InForce {
        match self.planned {
            Some((from, now)) if at >= from && now.until.is_none_or(|u| at < u) => now,
            before => {
                let now = self.policy.in_force(at);
                // Known to have begun at the change that was expected.
                let begun = before.and_then(|(_, b)| b.until).filter(|u| {
                    *u <= at && at.saturating_since(*u) < LEAD && self.policy.mode_at(*u) == now.mode
                });
                self.planned = Some((begun.unwrap_or(at), now));
                now
            }
        }
    }

    /// What is wanted at `at`.
    pub(crate) fn wish(&mut self, at: WallTime) -> Wish {
        match self.mode(at) {
            PlainMode::Continuous => Wish::Record,
            PlainMode::Motion | PlainMode::Event if self.is_triggered(at) => Wish::Record,
            PlainMode::Motion | PlainMode::Event => Wish::Hold(self.policy.pre_roll),
            PlainMode::Off => match self.planned.and_then(|(_, now)| now.until) {
                Some(until) if self.policy.mode == RecordMode::Schedule && until <= at + LEAD => {
                    Wish::Hold(Duration::ZERO)
                }
                _ => Wish::Nothing,
            },
        }
    }

    fn is_triggered(&self, at: WallTime) -> bool {
        self.stretch.as_ref().is_some_and(|s| s.from <= at && at < self.until(s))
    }

    fn until(&self, stretch: &Stretch) -> WallTime {
        self.lasting.iter().map(|(_, until)| *until).fold(stretch.until, WallTime::max)
    }

    /// Since when what is wanted at `at` has been wanted, as far as that is known; `at` when nothing is.
    pub(crate) fn wanted_since(&mut self, at: WallTime) -> WallTime {
        if self.wish(at) != Wish::Record {
            return at;
        }
        match (self.mode(at), &self.stretch, self.planned) {
            (PlainMode::Motion | PlainMode::Event, Some(stretch), _) => stretch.from,
            (_, _, Some((from, _))) if self.policy.mode == RecordMode::Schedule => from,
            _ => at,
        }
    }

    /// Why frames are wanted at `at`.
    pub(crate) fn reason(&mut self, at: WallTime) -> Option<RecordReason> {
        if self.wish(at) != Wish::Record {
            return None;
        }
        match (self.mode(at), &self.stretch) {
            (PlainMode::Motion | PlainMode::Event, Some(s)) if &*s.kind == MOTION => {
                Some(RecordReason::Motion)
            }
            (PlainMode::Motion | PlainMode::Event, Some(s)) => Some(RecordReason::Event(Arc::clone(&s.kind))),
            _ if self.policy.mode == RecordMode::Schedule => Some(RecordReason::Schedule),
            _ => Some(RecordReason::Continuous),
        }
    }

    /// Takes a trigger that is heard of at `now`.
    pub(crate) fn trigger(&mut self, trigger: &Trigger, now: WallTime) -> TriggerOutcome {
        let mode = self.mode(now);
        let lasts = self.lasting.iter().any(|(kind, _)| **kind == *trigger.kind);
        if mode == PlainMode::Off {
            return TriggerOutcome::Off;
        }
        // The end of what is recorded already is heard, whatever the policy has become.
        if !lasts && !self.policy.awaits(mode, &trigger.kind) {
            return TriggerOutcome::NotAwaited;
        }
        // Whatever a camera's clock says: nothing begins in the future, and nothing lasts for ever.
        let start = trigger.start.min(now);
        let latest = now + LONGEST;
        let from = start - self.policy.pre_roll;
        self.lasting.retain(|(kind, until)| **kind != *trigger.kind && *until > now);
        let kind: Arc<str> = trigger.kind.as_str().into();
        if trigger.end.is_none() && self.lasting.len() < MOST_LASTING {
            self.lasting.push((Arc::clone(&kind), (start + LONGEST).max(now + self.policy.post_roll)));
        }
        let until = (trigger.end.unwrap_or(start).max(start) + self.policy.post_roll).min(latest);
        let stretch = match self.stretch.take() {
            Some(before) if from <= before.until || lasts => Stretch {
                from: before.from.min(from),
                until: before.until.max(until),
                kind: if trigger.end.is_some() && lasts { before.kind } else { kind },
            },
            _ => Stretch { from, until, kind },
        };
        let until = self.until(&stretch);
        self.stretch = Some(stretch);
        match mode {
            PlainMode::Continuous => TriggerOutcome::Continuous,
            _ => TriggerOutcome::Recording { until },
        }
    }
}

#[cfg(test)]
mod tests;
