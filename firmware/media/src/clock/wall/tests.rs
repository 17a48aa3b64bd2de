use super::*;
use proptest::prelude::*;

const T0: i64 = 1_795_000_000_000_000_000;
const MS: i64 = 1_000_000;
const HOUR: i64 = 3_600_000 * MS;

/// A camera at 25 frames per second whose media clock runs at `1 + ppm / 10^6`, seen over a network with the
/// given transit per frame; its wall clock is `camera_offset` off from the box's. Yields (true box time of
/// capture, stamp) per frame.
fn simulate(
    frames: i64,
    ppm: i64,
    transit: impl Fn(i64) -> i64,
    camera_offset: impl Fn(i64) -> Option<i64>,
) -> Vec<(i64, i64, WallStamp)> {
    let mut mapper = WallMapper::new();
    (0..frames)
        .map(|n| {
            let media = MediaTime(n * 3600);
            let captured =
                T0 + (i128::from(media.as_nanos()) * 1_000_000 / i128::from(1_000_000 + ppm)) as i64;
            let stamp = mapper.map(
                media,
                WallTime(captured + transit(n)),
                camera_offset(n).map(|o| WallTime(captured + o)),
                false,
            );
            (captured, media.as_nanos(), stamp)
        })
        .collect()
}

fn assert_slewed(run: &[(i64, i64, WallStamp)]) {
    for w in run.windows(2) {
        let (media, wall) = (w[1].1 - w[0].1, w[1].2.wall.0 - w[0].2.wall.0);
        assert!(!w[1].2.anchored);
        assert!(wall >= 0, "went back by {}", -wall);
        assert!((wall - media).abs() <= media * MAX_SLEW_PPM / 1_000_000 + 1, "stepped: {media} -> {wall}");
    }
}

#[test]
fn a_drifting_camera_is_followed_by_arrival() {
    for ppm in [200, -200] {
        let run = simulate(25 * 3600, ppm, |n| (20 + n * 7919 % 37) * MS, |_| None);
        assert_slewed(&run);
        let (captured, _, stamp) = run.last().unwrap();
        let late = stamp.wall.0 - captured;
        assert!((5 * MS..45 * MS).contains(&late), "{ppm} ppm: {} ms after an hour", late / MS);
    }
}

#[test]
fn a_trusted_camera_clock_takes_the_network_out() {
    // 300 ms of transit that no arrival can reveal; the camera's clock is right.
    let run = simulate(25 * 1200, 50, |_| 300 * MS, |n| (n > 100).then_some(0));
    assert_slewed(&run);
    let (captured, _, stamp) = run.last().unwrap();
    assert!((stamp.wall.0 - captured).abs() < MS, "{}", stamp.wall.0 - captured);
}

#[test]
fn a_camera_clock_that_jumps_an_hour_moves_nothing() {
    for jump in [HOUR, -HOUR] {
        let plain = simulate(25 * 600, 0, |n| (20 + n % 5) * MS, |_| Some(0));
        let jumpy = simulate(25 * 600, 0, |n| (20 + n % 5) * MS, |n| Some(if n > 7000 { jump } else { 0 }));
        assert_slewed(&jumpy);
        let apart = plain.iter().zip(&jumpy).map(|(a, b)| (a.2.wall.0 - b.2.wall.0).abs()).max().unwrap();
        assert!(apart <= 25 * MS, "{} ms apart", apart / MS);
    }
}

#[test]
fn a_camera_with_a_wrong_clock_is_not_trusted_until_it_is_set_right() {
    let run = simulate(25 * 600, 0, |_| 100 * MS, |n| Some(if n < 25 * 60 { -8 * HOUR } else { 0 }));
    assert_slewed(&run);
    let (captured, _, stamp) = run[25 * 59];
    assert!((stamp.wall.0 - captured - 100 * MS).abs() < MS);
    let (captured, _, stamp) = run.last().unwrap();
    assert!((stamp.wall.0 - captured).abs() < MS);
}

#[test]
fn a_stall_of_the_network_moves_nothing() {
    // Frames 1000 to 1500 are held for up to 20 s and come in one burst.
    let held = |n: i64| if (1000..1500).contains(&n) { (1500 - n) * 40 * MS } else { 0 };
    let run = simulate(5000, 0, |n| 10 * MS + held(n), |_| None);
    assert_slewed(&run);
    assert!(run.iter().all(|(captured, _, s)| (s.wall.0 - captured - 10 * MS).abs() < MS));
}

/// Two seconds at once, then as they are made, `transit_ms` after they were captured.
fn burst(frames: i64, transit_ms: i64) -> Vec<(i64, Sighting)> {
    (0..frames)
        .map(|n| {
            let captured = T0 + n * 40 * MS;
            let arrival = WallTime(captured.max(T0 + 2000 * MS) + transit_ms * MS);
            let media = MediaTime(n * 3600);
            (captured, Sighting { media, presented: media, arrival, camera_time: None })
        })
        .collect()
}

#[test]
fn a_burst_begun_with_hindsight_never_lies_in_the_future() {
    for (camera_ms, within_ms) in [(None, 80), (Some(0), 1), (Some(1500), 80), (Some(-9000), 80)] {
        let mut m = WallMapper::new();
        let mut seen = burst(25 * 60, 80);
        for (captured, s) in &mut seen {
            s.camera_time = camera_ms.map(|ms| WallTime(*captured + ms * MS));
        }
        m.begin(seen[..55].iter().map(|s| s.1));
        for (captured, s) in seen {
            let stamp = m.map(s.media, s.arrival, s.camera_time, false);
            assert!(!stamp.anchored && stamp.wall <= s.arrival, "{camera_ms:?}: ahead of its arrival");
            let off = (stamp.wall.0 - captured).abs();
            assert!(off <= within_ms * MS, "{camera_ms:?}: {} ms off", off / MS);
        }
    }
}

#[test]
fn pictures_that_wait_for_others_are_not_late() {
    // Decoded 80 ms before they are shown, captured when they are shown, here 20 ms later.
    let mut m = WallMapper::new();
    let seen = |n: i64| Sighting {
        media: MediaTime(n * 3600 - 7200),
        presented: MediaTime(n * 3600),
        arrival: WallTime(T0 + n * 40 * MS + 20 * MS),
        camera_time: None,
    };
    m.begin((0..6).map(seen));
    for s in (0..25 * 600).map(seen) {
        m.witness(s.presented, s.arrival);
        let stamp = m.map(s.media, s.arrival, None, false);
        assert_eq!(s.arrival.nanos_since(stamp.wall), 80 * MS);
        assert_eq!(m.at(s.presented), Some(s.arrival));
    }
}

#[test]
fn other_tracks_lie_on_the_same_line() {
    let mut m = WallMapper::new();
    assert_eq!(m.at(MediaTime(0)), None);
    m.begin([]);
    m.witness(MediaTime(0), WallTime(0));
    m.map(MediaTime(9000), WallTime(T0), None, false);
    assert_eq!(m.at(MediaTime(0)), Some(WallTime(T0 - 100 * MS)));
    // Sound comes 50 ms sooner than pictures do: what was captured then cannot have been later.
    for n in 1..25 * 300 {
        let (media, arrival) = (MediaTime(9000 + n * 3600), T0 + n * 40 * MS);
        m.witness(media, WallTime(arrival - 50 * MS));
        m.map(media, WallTime(arrival), None, false);
    }
    assert_eq!(m.at(MediaTime(0)).unwrap().0, T0 - 150 * MS);
}

#[test]
fn jumps_anchor_anew_and_say_so() {
    let mut m = WallMapper::new();
    assert!(m.map(MediaTime(0), WallTime(T0), None, false).anchored);
    assert!(!m.map(MediaTime(3600), WallTime(T0 + 40 * MS), None, false).anchored);
    let jump = m.map(MediaTime(99_999), WallTime(T0 + 80 * MS), None, true);
    assert_eq!(jump, WallStamp { wall: WallTime(T0 + 80 * MS), anchored: true });
    let back = m.map(MediaTime(0), WallTime(T0 + 90 * MS), None, false);
    assert_eq!(back.wall, jump.wall, "a decoding time that goes back makes it stand still");
}

#[test]
fn a_box_clock_set_forward_is_a_discontinuity_and_set_back_is_not_followed() {
    let forward = simulate(25 * 300, 0, |n| if n > 2500 { HOUR } else { 0 }, |_| None);
    let anchors: Vec<_> = (1..forward.len()).filter(|&n| forward[n].2.anchored).collect();
    assert_eq!(anchors.len(), 1);
    assert_eq!(forward.last().unwrap().2.wall.0 - forward.last().unwrap().0, HOUR);
    assert_slewed(&simulate(25 * 300, 0, |n| if n > 2500 { -HOUR } else { 0 }, |_| None));
}

proptest! {
    #[test]
    fn never_back_and_never_faster_than_the_slew(
        units in proptest::collection::vec(
            (-2000i64..20_000, -500_000_000i64..3_000_000_000, proptest::option::of(-10_000i64..10_000)),
            1..200,
        ),
    ) {
        let mut m = WallMapper::new();
        let (mut media, mut arrival, mut newest) = (0i64, T0, i64::MIN);
        let mut last: Option<(i64, i64)> = None;
        for (ticks, passed, camera_ms) in units {
            media += ticks;
            arrival += passed;
            let camera = camera_ms.map(|ms| WallTime(arrival + ms * MS));
            let stamp = m.map(MediaTime(media), WallTime(arrival), camera, false);
            let nanos = MediaTime(media).as_nanos();
            newest = if stamp.anchored { nanos } else { newest.max(nanos) };
            if let Some((wall, then)) = last.filter(|_| !stamp.anchored) {
                let step = newest - then;
                prop_assert!(stamp.wall.0 >= wall);
                prop_assert!((stamp.wall.0 - wall - step).abs() <= step * MAX_SLEW_PPM / 1_000_000 + 1);
            }
            last = Some((stamp.wall.0, newest));
        }
    }

    #[test]
    fn extremes_do_not_overflow(
        units in proptest::collection::vec((any::<i64>(), any::<i64>(), proptest::option::of(any::<i64>())), 1..20),
    ) {
        let mut m = WallMapper::new();
        for (media, arrival, camera) in units {
            m.map(MediaTime(media), WallTime(arrival), camera.map(WallTime), false);
            let _ = (m.camera_offset_nanos(), m.error_nanos());
        }
    }
}
