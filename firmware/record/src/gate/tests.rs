use super::*;
use crate::policy::WeekPlan;
use heron_core::schedule::{ScheduleSpan, Weekday};
use heron_core::{CameraId, Schedule};
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn at(seconds: i64) -> WallTime {
    // A Wednesday, 10:00:00 UTC.
    WallTime::from_millis(1_794_996_000_000 + seconds * 1000)
}

fn trigger(kind: &str, start: i64, end: Option<i64>) -> Trigger {
    Trigger {
        camera: CameraId(uuid::Uuid::nil()),
        stream: None,
        kind: kind.into(),
        start: at(start),
        end: end.map(at),
    }
}

fn instant(kind: &str, start: i64) -> Trigger {
    trigger(kind, start, Some(start))
}

/// Seconds of `range` at which frames are wanted, as stretches.
fn wanted(gate: &mut Gate, range: std::ops::Range<i64>) -> Vec<(i64, i64)> {
    let mut out: Vec<(i64, i64)> = Vec::new();
    for s in range {
        if gate.wish(at(s)) == Wish::Record {
            match out.last_mut() {
                Some(last) if last.1 == s => last.1 = s + 1,
                _ => out.push((s, s + 1)),
            }
        }
    }
    out
}

#[test]
fn an_instant_makes_twenty_seconds_and_what_touches_lengthens_them() {
    let mut g = Gate::new(RecordPolicy::of(RecordMode::Event));
    assert_eq!(g.wish(at(0)), Wish::Hold(Duration::from_secs(10)));
    assert_eq!(
        g.trigger(&instant("camera.input", 100), at(100)),
        TriggerOutcome::Recording { until: at(110) }
    );
    assert_eq!(wanted(&mut g, 0..200), [(90, 110)]);
    assert_eq!(g.reason(at(105)), Some(RecordReason::Event("camera.input".into())));
    assert_eq!(g.wanted_since(at(105)), at(90));
    g.trigger(&instant("camera.motion", 108), at(108));
    assert_eq!(wanted(&mut g, 0..200), [(90, 118)]);
    assert_eq!(g.reason(at(110)), Some(RecordReason::Motion));
    g.trigger(&instant("camera.input", 127), at(127));
    assert_eq!(
        wanted(&mut g, 0..200),
        [(90, 137)],
        "its pre-roll reaches back to the end of the clip before"
    );
    g.trigger(&instant("camera.input", 150), at(150));
    assert_eq!(wanted(&mut g, 120..200), [(140, 160)]);
    assert_eq!(g.reason(at(170)), None);
}

#[test]
fn what_lasts_is_recorded_until_its_end_is_told_or_an_hour_has_passed() {
    let mut g = Gate::new(RecordPolicy::of(RecordMode::Motion));
    g.trigger(&trigger("camera.motion", 100, None), at(101));
    assert_eq!(wanted(&mut g, 0..1000), [(90, 1000)]);
    g.trigger(&trigger("camera.motion", 100, Some(300)), at(301));
    assert_eq!(wanted(&mut g, 0..1000), [(90, 310)]);
    g.trigger(&trigger("camera.motion", 1000, None), at(1000));
    assert_eq!(wanted(&mut g, 900..9000), [(990, 1000 + 3600)], "its end was never told");
    g.trigger(&trigger("camera.motion", 4599, None), at(4599));
    assert_eq!(wanted(&mut g, 900..10_000), [(990, 4599 + 3600)], "another word keeps it going");
}

#[test]
fn kinds_that_nobody_waits_for_and_mode_off_record_nothing() {
    let mut g = Gate::new(RecordPolicy::of(RecordMode::Motion));
    assert_eq!(g.trigger(&instant("camera.input", 10), at(10)), TriggerOutcome::NotAwaited);
    assert_eq!(wanted(&mut g, 0..60), []);
    g.adopt(RecordPolicy::off());
    assert_eq!(g.trigger(&instant("recording.trigger", 10), at(10)), TriggerOutcome::Off);
    assert_eq!(g.wish(at(10)), Wish::Nothing);
    g.adopt(RecordPolicy::continuous());
    assert_eq!(g.trigger(&instant("recording.trigger", 10), at(10)), TriggerOutcome::Continuous);
    assert_eq!((g.wish(at(10)), g.reason(at(10))), (Wish::Record, Some(RecordReason::Continuous)));
    let named = RecordPolicy { events: Arc::new(["access.*".into()]), ..RecordPolicy::of(RecordMode::Event) };
    g.adopt(named);
    assert_eq!(g.trigger(&instant("camera.motion", 10), at(10)), TriggerOutcome::NotAwaited);
    assert!(matches!(g.trigger(&instant("access.door", 10), at(10)), TriggerOutcome::Recording { .. }));
}

#[test]
fn times_of_bad_clocks_are_bounded() {
    let mut g = Gate::new(RecordPolicy::of(RecordMode::Event));
    let far =
        Trigger { start: WallTime(i64::MAX), end: Some(WallTime(i64::MAX)), ..instant("camera.input", 0) };
    let until = at(100) + LONGEST;
    assert_eq!(g.trigger(&far, at(100)), TriggerOutcome::Recording { until });
    let mut g = Gate::new(RecordPolicy::of(RecordMode::Event));
    let old = Trigger { start: WallTime(i64::MIN), end: Some(WallTime(i64::MIN)), ..far };
    g.trigger(&old, at(100));
    assert_eq!(wanted(&mut g, 0..200), []);
}

fn office(mode: PlainMode) -> RecordPolicy {
    let from_to = |from: &str, to: &str| ScheduleSpan {
        days: Weekday::ALL.to_vec(),
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        mode,
    };
    let schedule = Schedule {
        week: vec![from_to("10:01", "10:02"), from_to("10:05", "10:06")],
        holidays: vec![],
        otherwise: PlainMode::Off,
    };
    let plan = Some(Arc::new(WeekPlan { schedule, zone: TimeZone::UTC }));
    RecordPolicy { plan, ..RecordPolicy::of(RecordMode::Schedule) }
}

#[test]
fn a_schedule_opens_and_closes_the_gate_at_its_times() {
    let mut g = Gate::new(office(PlainMode::Continuous));
    assert_eq!(wanted(&mut g, 0..600), [(60, 120), (300, 360)]);
    assert_eq!(g.wish(at(10)), Wish::Nothing);
    assert_eq!(g.wish(at(55)), Wish::Hold(Duration::ZERO), "the key frame that the first frame due needs");
    assert_eq!(g.reason(at(60)), Some(RecordReason::Schedule));
    assert_eq!(g.wanted_since(at(61)), at(60));
    assert_eq!(g.trigger(&instant("recording.trigger", 200), at(200)), TriggerOutcome::Off);
}

#[test]
fn what_is_triggered_ends_where_the_schedule_says_off() {
    let mut g = Gate::new(office(PlainMode::Event));
    assert_eq!(g.wish(at(61)), Wish::Hold(Duration::from_secs(10)));
    g.trigger(&instant("camera.input", 62), at(62));
    assert_eq!(wanted(&mut g, 0..100), [(60, 72)], "nothing before ten o'clock and one minute");
    g.trigger(&instant("camera.input", 118), at(118));
    assert_eq!(wanted(&mut g, 100..200), [(108, 120)]);
}

#[test]
fn a_schedule_without_a_plan_records_all_the_time() {
    let mut g = Gate::new(RecordPolicy::of(RecordMode::Schedule));
    assert_eq!(g.wish(at(0)), Wish::Record);
}

proptest! {
    /// Any triggers in order of hearing: everything between each one's start less the pre-roll and its end plus the
    /// post-roll is wanted after it was heard, and nothing that is in no such stretch or between two that touch.
    #[test]
    fn every_stretch_that_was_triggered_is_wanted(
        mut times in proptest::collection::vec((0i64..2000, 0i64..60), 1..20), pre in 0u64..30, post in 0u64..30,
    ) {
        times.sort_unstable();
        let policy = RecordPolicy {
            pre_roll: Duration::from_secs(pre),
            post_roll: Duration::from_secs(post),
            ..RecordPolicy::of(RecordMode::Event)
        };
        let mut g = Gate::new(policy);
        let (pre, post) = (pre as i64, post as i64);
        let mut whole: Vec<(i64, i64)> = Vec::new();
        for (start, length) in times {
            g.trigger(&trigger("camera.input", start, Some(start + length)), at(start));
            let (from, until) = (start - pre, start + length + post);
            match whole.last_mut() {
                Some(last) if from <= last.1 => *last = (last.0.min(from), last.1.max(until)),
                _ => whole.push((from, until)),
            }
            let (from, until) = whole[whole.len() - 1];
            for s in from - 5..until + 5 {
                let wish = g.wish(at(s)) == Wish::Record;
                prop_assert_eq!(wish, (from..until).contains(&s), "{} of {}..{}", s, from, until);
            }
        }
    }
}
