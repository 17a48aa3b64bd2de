use super::*;
use proptest::prelude::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(text: &str) -> WallTime {
    text.parse().unwrap()
}

fn span(days: &[Weekday], from: &str, to: &str, mode: PlainMode) -> ScheduleSpan {
    ScheduleSpan { days: days.to_vec(), from: from.parse().unwrap(), to: to.parse().unwrap(), mode }
}

fn every_day(from: &str, to: &str) -> Schedule {
    Schedule {
        week: vec![span(&Weekday::ALL, from, to, PlainMode::Continuous)],
        holidays: vec![],
        otherwise: PlainMode::Off,
    }
}

/// Begins and ends of continuous recording from `start`, as instants.
fn changes(schedule: &Schedule, zone: &TimeZone, start: &str, count: usize) -> Vec<String> {
    let mut now = at(start);
    let mut out = Vec::new();
    for _ in 0..count {
        let Some(until) = schedule.in_force(now, zone).until else { break };
        out.push(format!("{until} {}", schedule.mode_at(until, zone)));
        now = until;
    }
    out
}

#[test]
fn office_hours_begin_and_end_by_the_clock_on_the_wall() {
    let weekdays = &Weekday::ALL[..5];
    let s = Schedule {
        week: vec![span(weekdays, "08:00", "18:00", PlainMode::Event)],
        holidays: vec![Holiday { date: "2026-12-25".parse().unwrap(), mode: PlainMode::Motion }],
        otherwise: PlainMode::Continuous,
    };
    assert_eq!(s.check(), Ok(()));
    // Thursday the 24th, 20:00 in Berlin.
    assert_eq!(
        changes(&s, &zone("Europe/Berlin"), "2026-12-24T19:00:00Z", 4),
        [
            "2026-12-24T23:00:00.000Z motion",
            "2026-12-25T23:00:00.000Z continuous",
            "2026-12-28T07:00:00.000Z event",
            "2026-12-28T17:00:00.000Z continuous",
        ]
    );
}

#[test]
fn a_span_over_the_hour_that_is_skipped_begins_and_ends_at_its_wall_times() {
    // 2026-03-29 in Berlin: 01:59:59+01:00 is followed by 03:00:00+02:00.
    let berlin = zone("Europe/Berlin");
    assert_eq!(
        changes(&every_day("01:00", "04:00"), &berlin, "2026-03-28T12:00:00Z", 4),
        [
            "2026-03-29T00:00:00.000Z continuous",
            "2026-03-29T02:00:00.000Z off",
            "2026-03-29T23:00:00.000Z continuous",
            "2026-03-30T02:00:00.000Z off",
        ],
        "two hours long"
    );
    assert_eq!(
        changes(&every_day("02:15", "02:45"), &berlin, "2026-03-28T12:00:00Z", 2),
        ["2026-03-30T00:15:00.000Z continuous", "2026-03-30T00:45:00.000Z off"],
        "there is no 02:15 on the 29th"
    );
    assert_eq!(
        changes(&every_day("02:30", "05:00"), &berlin, "2026-03-28T12:00:00Z", 2),
        ["2026-03-29T01:00:00.000Z continuous", "2026-03-29T03:00:00.000Z off"],
        "it begins when the clock jumps"
    );
}

#[test]
fn a_span_over_the_hour_that_comes_twice_begins_and_ends_at_its_wall_times() {
    // 2026-10-25 in Berlin: 02:59:59+02:00 is followed by 02:00:00+01:00.
    let berlin = zone("Europe/Berlin");
    assert_eq!(
        changes(&every_day("01:00", "04:00"), &berlin, "2026-10-24T12:00:00Z", 2),
        ["2026-10-24T23:00:00.000Z continuous", "2026-10-25T03:00:00.000Z off"],
        "four hours long"
    );
    assert_eq!(
        changes(&every_day("02:15", "02:45"), &berlin, "2026-10-24T12:00:00Z", 4),
        [
            "2026-10-25T00:15:00.000Z continuous",
            "2026-10-25T00:45:00.000Z off",
            "2026-10-25T01:15:00.000Z continuous",
            "2026-10-25T01:45:00.000Z off",
        ],
        "the clock shows it twice"
    );
}

#[test]
fn a_plan_that_never_changes_has_no_next_change_and_a_far_holiday_is_found() {
    let berlin = zone("Europe/Berlin");
    let mut s = Schedule { otherwise: PlainMode::Event, ..Schedule::default() };
    assert_eq!(
        s.in_force(at("2026-06-01T12:00:00Z"), &berlin),
        InForce { mode: PlainMode::Event, until: None }
    );
    for year in 2030..2033 {
        s.holidays.push(Holiday { date: Date::new(year, 1, 1).unwrap(), mode: PlainMode::Off });
    }
    assert_eq!(
        changes(&s, &berlin, "2026-06-01T12:00:00Z", 10),
        [
            "2029-12-31T23:00:00.000Z off",
            "2030-01-01T23:00:00.000Z event",
            "2030-12-31T23:00:00.000Z off",
            "2031-01-01T23:00:00.000Z event",
            "2031-12-31T23:00:00.000Z off",
            "2032-01-01T23:00:00.000Z event",
        ]
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_the_field_to_blame() {
    let mon = &[Weekday::Mon][..];
    let good = span(mon, "08:00", "18:00", PlainMode::Continuous);
    let blame = |week: Vec<ScheduleSpan>| {
        let s = Schedule { week, ..Schedule::default() };
        s.check().unwrap_err()
    };
    assert_eq!(blame(vec![good.clone(), span(mon, "18:00", "18:00", PlainMode::Off)]).field, "week[1].to");
    assert_eq!(blame(vec![span(&[], "01:00", "02:00", PlainMode::Off)]).field, "week[0].days");
    assert_eq!(
        blame(vec![span(&[Weekday::Mon; 2], "01:00", "02:00", PlainMode::Off)]).field,
        "week[0].days[1]"
    );
    let over = blame(vec![good.clone(), span(&Weekday::ALL, "17:59", "24:00", PlainMode::Off)]);
    assert_eq!(over.field, "week[1].from");
    assert_eq!(over.detail, "17:59-24:00 overlaps week[0] (08:00-18:00) on mon");
    assert_eq!(blame(vec![good; MOST_SPANS + 1]).field, "week");
    let day = Holiday { date: "2026-12-25".parse().unwrap(), mode: PlainMode::Off };
    let s = Schedule { holidays: vec![day, day], ..Schedule::default() };
    assert_eq!(s.check().unwrap_err().field, "holidays[1].date");
    let early = Holiday { date: "0026-12-25".parse().unwrap(), ..day };
    let s = Schedule { holidays: vec![early], ..Schedule::default() };
    assert_eq!(s.check().unwrap_err().field, "holidays[0].date");
}

#[test]
fn it_reads_and_writes_the_wire_shape() {
    let json = serde_json::json!({
        "week": [{"days": ["mon", "sun"], "from": "08:00", "to": "24:00", "mode": "motion"}],
        "holidays": [{"date": "2026-12-25", "mode": "off"}],
        "otherwise": "event",
    });
    let s: Schedule = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&s).unwrap(), json);
    assert_eq!(serde_json::from_str::<Schedule>("{}").unwrap().otherwise, PlainMode::Off);
    for bad in ["8:00", "24:01", "08:60", "ab:cd", "", "08:00:00", "-1:00", "+8:00", "٠٨:٠٠"] {
        assert!(bad.parse::<ClockTime>().is_err(), "{bad}");
    }
}

const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Pacific/Chatham",
    "America/St_Johns",
    "Africa/Cairo",
];

fn mode() -> impl Strategy<Value = PlainMode> {
    prop_oneof![
        Just(PlainMode::Continuous),
        Just(PlainMode::Motion),
        Just(PlainMode::Event),
        Just(PlainMode::Off)
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let days = proptest::sample::subsequence(Weekday::ALL.to_vec(), 1..7);
    // Quarters of an hour, often in the hours in which clocks change.
    let edge = prop_oneof![0u16..=96, 0u16..=20];
    let spans = proptest::collection::vec((days, edge.clone(), edge, mode()), 0..6);
    let holidays = proptest::collection::vec((2009i16..2028, 1i8..=12, 1i8..=28, mode()), 0..6);
    (spans, holidays, mode()).prop_map(|(spans, holidays, otherwise)| Schedule {
        // Where spans overlap the first one holds; the search for the next change must agree with that too.
        week: spans
            .into_iter()
            .filter(|(_, a, b, _)| a != b)
            .map(|(days, a, b, mode)| ScheduleSpan {
                days,
                from: ClockTime::from_minutes(a.min(b) * 15).unwrap(),
                to: ClockTime::from_minutes(a.max(b) * 15).unwrap(),
                mode,
            })
            .collect(),
        holidays: holidays
            .into_iter()
            .map(|(y, m, d, mode)| Holiday { date: Date::new(y, m, d).unwrap(), mode })
            .collect(),
        otherwise,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Against looking at every minute of ten days: nothing changes before `until`, and at `until` another mode holds. Anywhere in twenty years, with half the starts on
    /// days near a change of clocks.
    #[test]
    fn the_next_change_is_what_looking_at_every_instant_finds(
        s in schedule(), z in 0..ZONES.len(), day in 0i64..7000, near in any::<bool>(), minute in 0i64..1440,
    ) {
        let zone = zone(ZONES[z]);
        let step = 60_000_000_000;
        let mut start = at("2009-01-01T00:00:00Z").plus_nanos(day * 86_400_000_000_000);
        if near && let Some(t) = zone.following(start.to_timestamp()).next() {
            start = WallTime(t.timestamp().as_nanosecond() as i64 - 86_400_000_000_000);
        }
        let start = WallTime(start.0.div_euclid(step) * step).plus_nanos(minute * step);
        let found = s.in_force(start, &zone);
        prop_assert_eq!(found.mode, s.mode_at(start, &zone));
        let mut now = start;
        // Every weekday once, and some twice.
        for _ in 0..10 * 1440 {
            now = now.plus_nanos(step);
            if s.mode_at(now, &zone) != found.mode {
                prop_assert_eq!(found.until, Some(now), "{:?}", ZONES[z]);
                return Ok(());
            }
        }
        if let Some(until) = found.until {
            prop_assert!(until >= now);
            prop_assert!(s.mode_at(until, &zone) != found.mode);
            prop_assert!(s.mode_at(until.plus_nanos(-1), &zone) == found.mode);
            // Day by day in between, at noon and just after midnight.
            let mut day = now;
            while day < until {
                prop_assert_eq!(s.mode_at(day, &zone), found.mode);
                day = day.plus_nanos(12 * 3_600_000_000_000);
            }
        }
    }

    #[test]
    fn any_text_as_a_time_is_a_time_or_words(text in ".{0,12}") {
        match text.parse::<ClockTime>() {
            Ok(t) => prop_assert_eq!(t.to_string(), text),
            Err(words) => prop_assert!(words.contains("time of day")),
        }
    }
}
