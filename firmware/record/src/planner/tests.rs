//! The plan against a simulation of retention day by day, and what must hold of any plan.

use super::*;
use heron_core::CameraId;
use proptest::prelude::*;
use uuid::Uuid;

const NOW: WallTime = WallTime(1_794_996_000_000_000_000);
const ONE_DAY: Duration = Duration::from_secs(86_400);
const GIB: u64 = 1 << 30;

fn stream(n: u128, gib_per_day: f64, rules: RetentionRules) -> PlanStream {
    PlanStream {
        stream: StreamKey::new(CameraId(Uuid::from_u128(n)), StreamKind::Main),
        bytes_per_second: (gib_per_day * GIB as f64 / DAY) as u64,
        rules: Arc::new(rules),
        event_shares: Vec::new(),
        has_sub: false,
        is_recorded: true,
        stored_bytes: 0,
        oldest: None,
    }
}

fn room(gib: u64) -> PlanRoom {
    PlanRoom { spread_bytes: gib * GIB, spread_volumes: 1, ..PlanRoom::default() }
}

fn plan_of(streams: &[PlanStream], room: &PlanRoom) -> RetentionPlan {
    plan(streams, room, NOW, |s, before| evenly_older(s, NOW, before))
}

fn days(n: u32) -> Duration {
    ONE_DAY * n
}

fn codes(plan: &RetentionPlan) -> Vec<&'static str> {
    plan.warnings.iter().map(|w| w.code).collect()
}

#[track_caller]
fn near(found: Option<f64>, expected: f64) {
    assert!(found.is_some_and(|f| (f - expected).abs() < 0.01), "{found:?} is not {expected}");
}

#[test]
fn room_is_shared_and_age_limits_what_has_one() {
    let plain = RetentionRules::default();
    let p = plan_of(&[stream(1, 10.0, plain.clone()), stream(2, 30.0, plain.clone())], &room(400));
    near(p.days_expected, 10.0);
    assert_eq!(p.limited_by, Some(LimitedBy::Room));
    assert_eq!(codes(&p), [""; 0]);

    // What one gives up the other gets.
    let short = RetentionRules::at_most(days(4));
    let p = plan_of(&[stream(1, 10.0, plain.clone()), stream(2, 30.0, short)], &room(400));
    near(p.streams[0].days_expected, 28.0);
    near(p.streams[1].days_expected, 4.0);
    near(p.days_expected, 4.0);
    assert_eq!(p.limited_by, Some(LimitedBy::Age));

    // Bytes of its own.
    let small = RetentionRules { max_bytes: Some(60 * GIB), ..plain.clone() };
    let p = plan_of(&[stream(1, 10.0, plain), stream(2, 30.0, small)], &room(400));
    near(p.streams[1].days_expected, 2.0);
    near(p.streams[0].days_expected, 34.0);
    assert_eq!(p.limited_by, Some(LimitedBy::Room));
}

#[test]
fn a_least_age_is_taken_from_the_others_and_said_when_it_does_not_fit() {
    let kept = RetentionRules { min_age: days(20), ..RetentionRules::default() };
    let streams = [stream(1, 10.0, kept), stream(2, 10.0, RetentionRules::default())];
    let p = plan_of(&streams, &room(300));
    near(p.streams[0].days_expected, 20.0);
    near(p.streams[1].days_expected, 10.0);
    assert_eq!(codes(&p), [""; 0]);
    let p = plan_of(&streams, &room(150));
    assert_eq!(codes(&p), ["min_days_do_not_fit"]);
    near(p.streams[0].days_expected, 15.0);
    near(p.days_expected, 0.0);
}

#[test]
fn events_take_room_from_the_continuous_footage() {
    let rules = RetentionRules { event_age: days(100), ..RetentionRules::default() };
    let s = PlanStream { event_shares: vec![("manual".into(), 0.1)], ..stream(1, 10.0, rules) };
    // 10 a day for d days, and a tenth of it for the rest of a hundred: 10 d + (100 - d) = 280.
    near(plan_of(std::slice::from_ref(&s), &room(280)).days_expected, 20.0);
    let law = RetentionRules { max_age: Some(days(30)), ..(*s.rules).clone() };
    let p = plan_of(&[PlanStream { rules: Arc::new(law), ..s }], &room(1000));
    near(p.days_expected, 30.0);
    assert_eq!(codes(&p), ["max_below_events"]);
}

#[test]
fn thinning_stretches_the_room() {
    let keys = RetentionRules { thin_after: Some(days(10)), ..RetentionRules::default() };
    // Ten days whole, then a fifth of it.
    near(plan_of(&[stream(1, 10.0, keys.clone())], &room(200)).days_expected, 60.0);
    let sub = RetentionRules { thin_to: ThinTo::Sub, ..keys };
    let p = plan_of(&[stream(1, 10.0, sub.clone())], &room(200));
    near(p.days_expected, 20.0);
    assert_eq!(codes(&p), ["no_sub_stream"]);
    let with_sub = PlanStream { has_sub: true, ..stream(1, 10.0, sub) };
    near(plan_of(&[with_sub], &room(200)).days_expected, 10.0);
}

#[test]
fn second_copies_take_room_where_they_lie() {
    let mirror = RetentionRules { mirror: true, event_copy: true, ..RetentionRules::default() };
    let streams = [stream(1, 10.0, mirror)];
    assert_eq!(codes(&plan_of(&streams, &room(200))), ["no_mirror_volume", "no_events_volume"]);
    let two = PlanRoom { spread_volumes: 2, events_bytes: Some(GIB), ..room(200) };
    let p = plan_of(&streams, &two);
    near(p.days_expected, 10.0);
    assert_eq!(codes(&p), [""; 0]);
    let p = plan_of(&streams, &PlanRoom { mirror_bytes: Some(50 * GIB), ..two });
    near(p.days_expected, 20.0);
    assert_eq!(codes(&p), ["mirror_shorter"]);
    assert!(p.warnings[0].text.contains("5.0 days"), "{}", p.warnings[0].text);
}

#[test]
fn what_would_go_at_once_is_said() {
    let of = |rules| PlanStream {
        stored_bytes: 300 * GIB,
        oldest: Some(NOW - days(30)),
        ..stream(1, 10.0, rules)
    };
    let p = plan_of(&[of(RetentionRules::at_most(days(20)))], &room(1000));
    assert_eq!((p.deletes_bytes / GIB, p.deletes_before), (100, Some(NOW - days(20))));
    let p = plan_of(&[of(RetentionRules::at_most(days(40)))], &room(1000));
    assert_eq!((p.deletes_bytes, p.deletes_before), (0, None));
    let bytes = RetentionRules { max_bytes: Some(150 * GIB), ..RetentionRules::default() };
    let p = plan_of(&[of(bytes.clone())], &room(1000));
    assert_eq!(p.deletes_bytes / GIB, 150);
    let kept = RetentionRules { min_age: days(25), ..bytes };
    let p = plan_of(&[of(kept)], &room(1000));
    assert_eq!(p.deletes_bytes / GIB, 50, "what must be kept stays");
    assert_eq!(codes(&p), ["bytes_below_min"]);
}

#[test]
fn nothing_written_is_no_plan() {
    let p = plan_of(&[stream(1, 0.0, RetentionRules::at_most(days(3)))], &room(10));
    assert_eq!((p.days_expected, p.limited_by), (None, None));
    assert_eq!(p.streams[0].days_expected, None);
    assert_eq!(codes(&p), ["not_measured"]);
    assert_eq!(plan_of(&[], &room(10)).days_expected, None);
}

/// Retention as it is carried out, an hour at a time: each stream a list of hours with their bytes, oldest first.
fn simulate(streams: &[PlanStream], room: f64, hours: usize) -> Vec<f64> {
    const HOUR: f64 = 3600.0;
    let mut kept: Vec<Vec<(usize, f64)>> = vec![Vec::new(); streams.len()];
    for now in 0..hours {
        for (i, s) in streams.iter().enumerate() {
            kept[i].push((now, s.bytes_per_second as f64 * HOUR));
            let age = |begun: usize| (now - begun) as f64 * HOUR;
            if let Some(max) = s.rules.max_age {
                kept[i].retain(|(begun, _)| age(*begun) < max.as_secs_f64());
            }
            if let Some(most) = s.rules.max_bytes {
                while kept[i].iter().map(|k| k.1).sum::<f64>() > most as f64
                    && age(kept[i][0].0) >= s.rules.min_age.as_secs_f64()
                {
                    kept[i].remove(0);
                }
            }
        }
        while kept.iter().flatten().map(|k| k.1).sum::<f64>() > room {
            let old_enough = |i: &usize| {
                let least = streams[*i].rules.min_age.as_secs_f64();
                kept[*i].first().is_some_and(|k| (now - k.0) as f64 * HOUR >= least)
            };
            let oldest = (0..streams.len()).filter(old_enough).min_by_key(|i| kept[*i][0].0);
            let Some(i) = oldest else { break };
            kept[i].remove(0);
        }
    }
    kept.iter().map(|k| k.len() as f64 / 24.0).collect()
}

fn rules() -> impl Strategy<Value = RetentionRules> {
    (0u32..8, proptest::option::of(1u32..20), proptest::option::of(1u64..100)).prop_map(|(min, max, gib)| {
        RetentionRules {
            min_age: days(min),
            max_age: max.map(days),
            max_bytes: gib.map(|g| g * GIB),
            ..RetentionRules::default()
        }
    })
}

fn any_rules() -> impl Strategy<Value = RetentionRules> {
    (rules(), 0u32..40, proptest::option::of(1u32..30), any::<bool>(), any::<bool>()).prop_map(
        |(rules, event, thin, to_sub, mirror)| RetentionRules {
            event_age: days(event),
            thin_after: thin.map(days),
            thin_to: if to_sub { ThinTo::Sub } else { ThinTo::Keys },
            mirror,
            ..rules
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// What the plan says is what retention comes to.
    #[test]
    fn the_plan_is_what_happens(
        all in proptest::collection::vec((1.0f64..20.0, rules()), 1..4), gib in 60u64..400,
    ) {
        let streams: Vec<PlanStream> =
            all.into_iter().enumerate().map(|(n, (rate, rules))| stream(n as u128, rate, rules)).collect();
        let p = plan_of(&streams, &room(gib));
        prop_assume!(!codes(&p).contains(&"min_days_do_not_fit"));
        // Long enough for the slowest to fill the room, in vain or not.
        let longest = p.streams.iter().filter_map(|s| s.days_expected).fold(0.0, f64::max);
        prop_assume!(longest < 200.0);
        let happened = simulate(&streams, (gib * GIB) as f64, (longest as usize + 3) * 24 * 2);
        for (planned, happened) in p.streams.iter().zip(happened) {
            let planned = planned.days_expected.unwrap();
            // Whole hours of every stream come and go.
            let grain = 0.1 * streams.len() as f64;
            prop_assert!((planned - happened).abs() < grain + planned * 0.02, "{planned} {happened} {p:?}");
        }
    }

    /// More room never means fewer days; no stream outlasts its greatest age; and the cake fits its room.
    #[test]
    fn plans_are_sound(
        all in proptest::collection::vec((0.0f64..20.0, any_rules(), 0.0f64..1.0), 1..6),
        gib in 0u64..2000, more in 0u64..500, mirror in proptest::option::of(0u64..500),
    ) {
        let streams: Vec<PlanStream> = all
            .into_iter()
            .enumerate()
            .map(|(n, (rate, rules, share))| PlanStream {
                event_shares: vec![("x".into(), share)],
                has_sub: n % 2 == 0,
                ..stream(n as u128, rate, rules)
            })
            .collect();
        let small = PlanRoom { mirror_bytes: mirror.map(|m| m * GIB), spread_volumes: 2, ..room(gib) };
        let (p, q) = (plan_of(&streams, &small), plan_of(&streams, &PlanRoom { spread_bytes: (gib + more) * GIB, ..small }));
        for ((a, b), s) in p.streams.iter().zip(&q.streams).zip(&streams) {
            prop_assert_eq!(a.days_expected.is_some(), s.bytes_per_second > 0);
            let (Some(a), Some(b)) = (a.days_expected, b.days_expected) else { continue };
            prop_assert!(a >= 0.0 && a <= b + 1e-6, "{a} {b}");
            if let Some(max) = s.rules.max_age {
                prop_assert!(b <= max.as_secs_f64() / DAY + 1e-6);
            }
        }
        prop_assert!(p.days_expected.unwrap_or(0.0) <= q.days_expected.unwrap_or(f64::MAX) + 1e-6);
        if !codes(&p).contains(&"min_days_do_not_fit") {
            let sum: f64 = streams
                .iter()
                .zip(&p.streams)
                .map(|(s, p)| Cake::new(s).bytes(p.days_expected.unwrap_or(0.0) * DAY))
                .sum();
            prop_assert!(sum <= (gib * GIB) as f64 + 1e6, "{sum}");
        }
    }
}
