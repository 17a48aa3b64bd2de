//! Why a stream was not recorded while the recorder was not running. Pure.
//!
//! Only what was due is missing because of the restart. What was due is what the stream's policy says, as it is now: the
//! schedule is asked for the time that has passed. In the modes that wait for something, what might have happened is
//! nobody's knowledge: what was being recorded when the recorder stopped was due for the post-roll still, the rest was not.

use crate::ledger::Gap;
use crate::policy::{PlainMode, RecordPolicy};
use heron_core::{GapReason, WallTime};

/// Changes of a schedule that are looked at: a month of a day in eight parts.
const MOST_CHANGES: usize = 256;

/// The reasons between `from`, when the stream's ledger ended, and `now`, each with its begin; in order, the first one at
/// `from`. `open`: the gap that was open then.
pub(crate) fn reasons(
    policy: &RecordPolicy,
    open: Option<&Gap>,
    from: WallTime,
    now: WallTime,
) -> Vec<(WallTime, GapReason)> {
    let mut out: Vec<(WallTime, GapReason)> = Vec::new();
    let mut add = |at: WallTime, reason: GapReason| {
        if out.last().is_none_or(|last| last.1 != reason) {
            out.push((at, reason));
        }
    };
    let was_recorded = open.is_none();
    let mut at = from;
    for _ in 0..MOST_CHANGES {
        let in_force = policy.in_force(at);
        let until = in_force.until.unwrap_or(now).min(now);
        match in_force.mode {
            PlainMode::Continuous => add(at, GapReason::Restart),
            PlainMode::Motion | PlainMode::Event if was_recorded && at == from => {
                add(at, GapReason::Restart);
                let roll = at + policy.post_roll;
                if roll < until {
                    add(roll, GapReason::NotScheduled);
                }
            }
            PlainMode::Off if policy.mode == crate::policy::RecordMode::Off => add(at, GapReason::Disabled),
            PlainMode::Motion | PlainMode::Event | PlainMode::Off => add(at, GapReason::NotScheduled),
        }
        if until >= now {
            break;
        }
        at = until;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{RecordMode, WeekPlan};
    use heron_core::Schedule;
    use heron_core::schedule::{ScheduleSpan, Weekday};
    use std::sync::Arc;

    fn at(text: &str) -> WallTime {
        format!("2026-11-18T{text}:00Z").parse().unwrap()
    }

    fn office() -> RecordPolicy {
        let week = vec![ScheduleSpan {
            days: Weekday::ALL.to_vec(),
            from: "08:00".parse().unwrap(),
            to: "18:00".parse().unwrap(),
            mode: PlainMode::Continuous,
        }];
        let schedule = Schedule { week, ..Schedule::default() };
        let plan = Some(Arc::new(WeekPlan { schedule, zone: jiff::tz::TimeZone::UTC }));
        RecordPolicy { plan, ..RecordPolicy::of(RecordMode::Schedule) }
    }

    #[test]
    fn only_what_was_due_is_missing_because_of_the_restart() {
        use GapReason::{NotScheduled, Restart};
        let quiet = Gap { id: 1, start: at("00:00"), end: None, reason: NotScheduled };
        assert_eq!(
            reasons(&office(), Some(&quiet), at("07:00"), at("09:00")),
            [(at("07:00"), NotScheduled), (at("08:00"), Restart)]
        );
        assert_eq!(
            reasons(&office(), None, at("17:00"), at("20:00")),
            [(at("17:00"), Restart), (at("18:00"), NotScheduled)]
        );
        let event = RecordPolicy::of(RecordMode::Event);
        assert_eq!(reasons(&event, Some(&quiet), at("07:00"), at("09:00")), [(at("07:00"), NotScheduled)]);
        let clip = reasons(&event, None, at("07:00"), at("09:00"));
        assert_eq!(clip[0], (at("07:00"), Restart));
        assert_eq!(clip[1], (at("07:00").plus_nanos(10_000_000_000), NotScheduled));
        assert_eq!(
            reasons(&RecordPolicy::continuous(), None, at("07:00"), at("09:00")),
            [(at("07:00"), Restart)]
        );
        // The clock was set back while the box was off.
        assert_eq!(reasons(&office(), None, at("17:00"), at("16:00")), [(at("17:00"), Restart)]);
    }
}
