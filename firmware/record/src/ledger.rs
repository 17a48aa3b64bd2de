//! The gap ledger of one stream: when it was not recorded, and why. Pure: times in, steps out.
//!
//! At most one gap of a stream is open at a time. A gap begins where the footage ends, not when it was noticed;
//! when the cause changes while nothing is recorded (the camera was away, then recording was switched off) the
//! open gap ends and another begins at that moment, so that every part carries its own true reason.

use crate::timeline::touches;
use heron_core::{GapReason, WallTime};
use std::time::Duration;

/// A gap that lasts longer than this is told to people while it lasts (`recording.stopped`); a shorter one is
/// told once, when it is over (`recording.gap`). A reconnect after a camera's hiccup takes 1 to 3 s, and ingest
/// calls a silent stream dead after 5 s.
pub const TELL_AFTER: Duration = Duration::from_secs(5);

/// One row of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Row id, given by the recorder.
    pub id: i64,
    /// End of the footage before it.
    pub start: WallTime,
    /// Start of the footage (or of the next reason) after it; `None` while it lasts.
    pub end: Option<WallTime>,
    /// Why.
    pub reason: GapReason,
}

/// What to write into the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LedgerStep {
    /// A gap has begun.
    Open(Gap),
    /// The open gap has ended. `told` when people had been told that recording stopped; `next` when another gap follows
    /// at once, for this reason.
    Close { gap: Gap, told: bool, next: Option<GapReason> },
    /// The open gap turned out to have no length: the footage goes on without a hole. `told` as of [`LedgerStep::Close`].
    Forget { gap: Gap, told: bool },
    /// The open gap has lasted [`TELL_AFTER`]: people should know.
    Tell(Gap),
}

/// Keeps the ledger of one stream truthful.
#[derive(Debug)]
pub(crate) struct GapTracker {
    covered_until: Option<WallTime>,
    open: Option<Gap>,
    told: bool,
}

impl GapTracker {
    /// Of a stream whose footage ends at `covered_until` (`None`: never recorded) and whose ledger has `open`.
    pub(crate) fn new(covered_until: Option<WallTime>, open: Option<Gap>) -> Self {
        Self { covered_until, open, told: open.is_some() }
    }

    /// The gap that is open now.
    pub(crate) fn open_gap(&self) -> Option<Gap> {
        self.open
    }

    /// Where the footage ends, and the gap that is open now: what [`GapTracker::new`] wants to go on from here.
    pub(crate) fn standing(&self) -> (Option<WallTime>, Option<Gap>) {
        (self.covered_until, self.open)
    }

    /// Footage now reaches to `to`. It may lie earlier than before when the box's clock was set back.
    pub(crate) fn covered(&mut self, to: WallTime) {
        self.covered_until = Some(to);
    }

    /// The hole that [`GapTracker::begins`] with the same arguments would close: its end is `at`, its id 0.
    pub(crate) fn hole_before(&self, at: WallTime, frame_nanos: i64, otherwise: GapReason) -> Option<Gap> {
        let (start, reason) = match (self.open, self.covered_until) {
            (Some(gap), _) => (gap.start, gap.reason),
            (None, Some(end)) if at > end && !touches(end, at, frame_nanos) => (end, otherwise),
            _ => return None,
        };
        (at > start).then_some(Gap { id: 0, start, end: Some(at), reason })
    }

    /// Nothing is being recorded, because of `reason`, and it is `now`. `ids` gives row ids.
    pub(crate) fn missing(
        &mut self,
        reason: GapReason,
        now: WallTime,
        ids: &mut impl FnMut() -> i64,
        steps: &mut Vec<LedgerStep>,
    ) {
        match self.open {
            Some(gap) if gap.reason == reason => {
                // That nothing is to be recorded is nothing to tell people.
                if !self.told
                    && reason != GapReason::NotScheduled
                    && now.saturating_since(gap.start) >= TELL_AFTER
                {
                    self.told = true;
                    steps.push(LedgerStep::Tell(gap));
                }
            }
            Some(gap) => {
                let at = now.max(gap.start);
                self.close(gap, at, Some(reason), steps);
                self.begin(reason, at, ids, steps);
            }
            None => {
                // Footage may reach a little past `now` (its last frame's duration), or an hour past it when the
                // clock was set back; then the gap starts now and never has a negative length.
                let start = match self.covered_until {
                    Some(end) if end <= now => end,
                    _ => now,
                };
                self.begin(reason, start, ids, steps);
            }
        }
    }

    /// Footage begins again at `at`; its frames are `frame_nanos` apart. A hole that nobody had noticed gets
    /// `otherwise` as its reason.
    pub(crate) fn begins(
        &mut self,
        at: WallTime,
        frame_nanos: i64,
        otherwise: GapReason,
        ids: &mut impl FnMut() -> i64,
        steps: &mut Vec<LedgerStep>,
    ) {
        match (self.open.take(), self.covered_until) {
            (Some(gap), _) => self.close(gap, at, None, steps),
            (None, Some(end)) if at > end && !touches(end, at, frame_nanos) => {
                let gap = Gap { id: ids(), start: end, end: None, reason: otherwise };
                steps.push(LedgerStep::Open(gap));
                self.told = false;
                self.close(gap, at, None, steps);
            }
            _ => {}
        }
        self.covered_until = Some(at);
    }

    fn begin(
        &mut self,
        reason: GapReason,
        start: WallTime,
        ids: &mut impl FnMut() -> i64,
        steps: &mut Vec<LedgerStep>,
    ) {
        let gap = Gap { id: ids(), start, end: None, reason };
        self.open = Some(gap);
        self.told = false;
        steps.push(LedgerStep::Open(gap));
    }

    /// Footage goes on where it ended: what was thought to be missing is not.
    pub(crate) fn goes_on(&mut self, steps: &mut Vec<LedgerStep>) {
        if let Some(gap) = self.open.take() {
            steps.push(LedgerStep::Forget { gap, told: self.told });
        }
    }

    fn close(&mut self, gap: Gap, at: WallTime, next: Option<GapReason>, steps: &mut Vec<LedgerStep>) {
        self.open = None;
        if at <= gap.start {
            steps.push(LedgerStep::Forget { gap, told: self.told });
        } else {
            steps.push(LedgerStep::Close { gap: Gap { end: Some(at), ..gap }, told: self.told, next });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: i64 = 40_000_000;

    fn at(seconds: f64) -> WallTime {
        WallTime((seconds * 1e9) as i64)
    }

    struct Bench {
        tracker: GapTracker,
        next: i64,
        rows: Vec<Gap>,
        told: Vec<i64>,
    }

    impl Bench {
        fn new() -> Self {
            Self { tracker: GapTracker::new(Some(at(100.0)), None), next: 0, rows: vec![], told: vec![] }
        }
        fn apply(&mut self, f: impl FnOnce(&mut GapTracker, &mut dyn FnMut() -> i64, &mut Vec<LedgerStep>)) {
            let mut steps = vec![];
            let next = &mut self.next;
            f(
                &mut self.tracker,
                &mut || {
                    *next += 1;
                    *next
                },
                &mut steps,
            );
            for s in steps {
                match s {
                    LedgerStep::Open(g) => self.rows.push(g),
                    LedgerStep::Close { gap, .. } => {
                        let row = self.rows.iter_mut().find(|r| r.id == gap.id).unwrap();
                        assert_eq!(row.end, None);
                        *row = gap;
                    }
                    LedgerStep::Forget { gap, .. } => self.rows.retain(|r| r.id != gap.id),
                    LedgerStep::Tell(g) => self.told.push(g.id),
                }
            }
        }
        fn missing(&mut self, reason: GapReason, now: WallTime) {
            self.apply(|t, mut ids, s| t.missing(reason, now, &mut ids, s));
        }
        fn begins(&mut self, when: WallTime) {
            self.apply(|t, mut ids, s| t.begins(when, FRAME, GapReason::StreamDiscontinuity, &mut ids, s));
        }
    }

    fn row(id: i64, start: f64, end: f64, reason: GapReason) -> Gap {
        Gap { id, start: at(start), end: Some(at(end)), reason }
    }

    #[test]
    fn a_gap_starts_where_the_footage_ends_and_each_reason_has_its_part() {
        let mut b = Bench::new();
        b.missing(GapReason::CameraUnreachable, at(103.0));
        b.missing(GapReason::CameraUnreachable, at(104.0));
        b.missing(GapReason::Disabled, at(110.0));
        b.missing(GapReason::CameraUnreachable, at(120.0));
        b.begins(at(125.0));
        assert_eq!(
            b.rows,
            [
                row(1, 100.0, 110.0, GapReason::CameraUnreachable),
                row(2, 110.0, 120.0, GapReason::Disabled),
                row(3, 120.0, 125.0, GapReason::CameraUnreachable),
            ]
        );
    }

    #[test]
    fn people_are_told_once_and_only_of_a_gap_that_lasts() {
        let mut b = Bench::new();
        for tenth in 0..200 {
            b.missing(GapReason::CameraUnreachable, at(100.0 + f64::from(tenth) / 10.0));
        }
        assert_eq!(b.told, [1]);
        b.begins(at(120.0));
        b.missing(GapReason::CameraUnreachable, at(121.0));
        b.begins(at(122.0));
        assert_eq!(b.told, [1]);
    }

    #[test]
    fn a_hole_nobody_noticed_is_written_with_the_reason_at_hand() {
        let mut b = Bench::new();
        b.begins(at(100.05));
        assert_eq!(b.rows, [], "one and a half frames is no hole");
        b.tracker.covered(at(160.0));
        b.begins(at(161.0));
        assert_eq!(b.rows, [row(1, 160.0, 161.0, GapReason::StreamDiscontinuity)]);
    }

    #[test]
    fn a_clock_set_back_makes_no_negative_gap() {
        let mut b = Bench::new();
        b.missing(GapReason::CameraUnreachable, at(40.0));
        b.begins(at(45.0));
        b.tracker.covered(at(50.0));
        b.begins(at(20.0));
        assert_eq!(b.rows, [row(1, 40.0, 45.0, GapReason::CameraUnreachable)]);
        b.missing(GapReason::Overrun, at(60.0));
        b.begins(at(10.0));
        assert_eq!(b.rows.len(), 1, "an open gap that ends before it began is forgotten");
    }

    proptest! {
        /// Whatever happens in whatever order, with the clock jumping about: at most one gap is open, none has
        /// zero or negative length, and the tracker never panics.
        #[test]
        fn the_ledger_stays_sound(acts in proptest::collection::vec((0u8..4, 0i64..1_000), 0..60)) {
            let mut b = Bench::new();
            for (act, t) in acts {
                let when = at(t as f64);
                match act {
                    0 => b.missing(GapReason::CameraUnreachable, when),
                    1 => b.missing(GapReason::Disabled, when),
                    2 => b.begins(when),
                    _ => b.tracker.covered(when),
                }
                prop_assert!(b.rows.iter().filter(|r| r.end.is_none()).count() <= 1);
                prop_assert!(b.rows.iter().all(|r| r.end.is_none_or(|e| e > r.start)));
                prop_assert_eq!(b.tracker.open_gap(), b.rows.iter().find(|r| r.end.is_none()).copied());
            }
            prop_assert!(b.tracker.standing().0.is_some());
        }
    }
}
