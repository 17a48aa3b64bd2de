//! Where frames lie in time: whole cameras, in virtual time.

use super::*;
use crate::demux::tests::{IDR, P, plans};
use crate::settle::SETTLE;
use heron_core::MediaTime;
use heron_media::rtcp::SenderReport;
use heron_media::rtp::Header;
use proptest::prelude::*;

const MS: i64 = 1_000_000;
/// Box time at which the connection begins, nanoseconds.
const T0: i64 = 1_795_000_000_000 * MS;

/// A camera with 25 pictures and 50 pieces of sound a second. All times in milliseconds since the connection began.
#[derive(Clone)]
struct Camera {
    /// From when to when there is media. What was captured before zero is sent at once.
    media: (i64, i64),
    sound_in_store: bool,
    /// From capture to arrival: pictures, sound.
    transit: [fn(i64) -> i64; 2],
    /// When reports of each track come, every five seconds from then on.
    reports: Option<[i64; 2]>,
    /// The camera's clock minus the box's, as a report that is sent at this time says it.
    clock: fn(i64, usize) -> i64,
    frame_bytes: usize,
}

/// An access unit and what is true of it.
struct Seen {
    unit: Arc<AccessUnit>,
    captured: i64,
    passed_on: i64,
}

impl Seen {
    /// How far its place in the recording is off from when it was captured, nanoseconds.
    fn wall_error(&self) -> i64 {
        self.unit.wall.0 - (T0 + self.captured * MS)
    }
    fn ahead_of_arrival(&self) -> i64 {
        self.unit.wall.nanos_since(self.unit.arrival)
    }
    /// Where on the line of media time the connection's beginning lies by it, nanoseconds.
    fn zero(&self) -> i64 {
        self.unit.pts.as_nanos() - self.captured * MS
    }
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            media: (0, 60_000),
            sound_in_store: true,
            transit: [|_| 20, |_| 20],
            reports: None,
            clock: |_, _| 0,
            frame_bytes: 100,
        }
    }
}

impl Camera {
    /// When a packet arrives, on which channel, and what it says.
    fn packets(&self) -> Vec<(i64, u8, Vec<u8>)> {
        let (from, to) = self.media;
        let mut packets = Vec::new();
        let base = [u32::MAX - 50_000, 77_000];
        let stamp =
            |track: usize, captured: i64| base[track].wrapping_add((captured * [90, 8][track]) as u32);
        for (track, interval) in [(0, 40), (1, 20)] {
            let mut latest = 0;
            for (n, captured) in (from..to).step_by(interval).enumerate() {
                if track == 1 && captured < 0 && !self.sound_in_store {
                    continue;
                }
                let header = Header {
                    marker: true,
                    payload_type: 96,
                    sequence: n as u16,
                    timestamp: stamp(track, captured),
                    ssrc: track as u32,
                };
                // Its number is at the end of it.
                let body = match track {
                    0 => [if n % 50 == 0 { IDR } else { P }, &vec![7; self.frame_bytes]].concat(),
                    _ => vec![0; 156],
                };
                let body = [&body[..], &(n as u32).to_be_bytes()].concat();
                // Nothing overtakes anything.
                latest = latest.max(captured.max(0) + self.transit[track](captured));
                let arrival = latest;
                packets.push((arrival, 2 * track as u8, [&header.encode()[..], &body].concat()));
            }
            let first = self.reports.map_or(to, |r| r[track]);
            for sent in (first..to).step_by(5000) {
                let report = SenderReport {
                    ssrc: track as u32,
                    ntp: WallTime(T0 + (sent + (self.clock)(sent, track)) * MS).to_ntp(),
                    rtp_timestamp: stamp(track, sent),
                    ..Default::default()
                };
                let mut packet = Vec::new();
                rtcp::push_sender_report(&report, &[], &mut packet);
                packets.push((sent, 2 * track as u8 + 1, packet));
            }
        }
        packets.sort_by_key(|p| p.0);
        packets
    }

    /// What becomes of it, read on a tick of 20 ms.
    fn watch(&self) -> Vec<Seen> {
        let mut demux = Demux::new(&plans(), None, 1, "heron".into(), Duration::ZERO).unwrap();
        let mut packets = self.packets().into_iter().peekable();
        let frames = packets.clone().filter(|p| p.1 % 2 == 0).count();
        let (mut seen, mut out) = (Vec::new(), Vec::new());
        for tick in (0..self.media.1 + 3000).step_by(20) {
            let now =
                Instant { wall: WallTime(T0 + tick * MS), monotonic: Duration::from_millis(tick as u64) };
            while let Some((_, channel, packet)) = packets.next_if(|p| p.0 <= tick) {
                demux.interleaved(channel, &packet, now, &mut out);
            }
            demux.settle(now.monotonic, &mut out);
            for unit in out.drain(..) {
                let number = unit.payload.last_chunk().map_or(0, |c| i64::from(u32::from_be_bytes(*c)));
                let interval = if unit.track() == TrackKind::Audio { 20 } else { 40 };
                seen.push(Seen { unit, captured: self.media.0 + number * interval, passed_on: tick });
            }
        }
        assert_eq!(seen.len() + demux.counters.before_key_frame as usize, frames, "something was dropped");
        seen
    }
}

fn of(seen: &[Seen], kind: TrackKind) -> Vec<&Seen> {
    seen.iter().filter(|s| s.unit.track() == kind).collect()
}

fn check_order(seen: &[Seen]) {
    for kind in [TrackKind::Video, TrackKind::Audio] {
        for pair in of(seen, kind).windows(2) {
            let (a, b) = (&pair[0].unit, &pair[1].unit);
            assert!(a.dts < b.dts && b.pts >= b.dts && a.wall <= b.wall && a.arrival <= b.arrival);
            assert!(!b.discontinuity, "{kind:?} is torn");
        }
    }
}

/// How far sound is from pictures, on the line of media time, in the last second: milliseconds.
fn apart(seen: &[Seen]) -> f64 {
    let zero = |kind| {
        let track = of(seen, kind);
        let end = track.last().unwrap().captured;
        let last: Vec<_> = track.iter().filter(|s| s.captured > end - 1000).map(|s| s.zero()).collect();
        last.iter().sum::<i64>() as f64 / last.len() as f64
    };
    (zero(TrackKind::Audio) - zero(TrackKind::Video)) / MS as f64
}

/// The same, on the recording's time line.
fn walls_apart(seen: &[Seen]) -> i64 {
    let last = |kind| of(seen, kind).last().unwrap().wall_error();
    (last(TrackKind::Audio) - last(TrackKind::Video)) / MS
}

#[test]
fn a_burst_never_lies_in_the_future() {
    for (clock, within) in [
        (None::<fn(i64, usize) -> i64>, 100),
        (Some((|_, _| 0) as fn(i64, usize) -> i64), 25),
        (Some(|_, _| 1500), 100),
        (Some(|_, _| -3_600_000), 100),
    ] {
        let mut camera = Camera { media: (-2000, 60_000), ..Camera::default() };
        if let Some(clock) = clock {
            (camera.clock, camera.reports) = (clock, Some([0, 0]));
        }
        let seen = camera.watch();
        check_order(&seen);
        let ahead = seen.iter().map(Seen::ahead_of_arrival).max().unwrap();
        assert!(ahead <= 50 * MS, "{} ms ahead of its arrival", ahead / MS);
        let off = seen.iter().map(|s| s.wall_error().abs()).max().unwrap();
        assert!(off <= within * MS, "{} ms off", off / MS);
        assert!(apart(&seen).abs() < 10.0);
    }
}

/// Sound is often not in the store: it begins where the connection does, and pictures two seconds before.
#[test]
fn a_burst_of_pictures_alone_has_its_sound_in_the_right_place() {
    let camera = Camera { media: (-2000, 20_000), sound_in_store: false, ..Camera::default() };
    let seen = camera.watch();
    check_order(&seen);
    assert!(seen.iter().all(|s| s.ahead_of_arrival() <= 50 * MS));
    assert!(apart(&seen).abs() < 10.0, "{} ms apart", apart(&seen));
}

#[test]
fn without_a_burst_the_first_picture_waits_for_the_settle_time_at_most() {
    let seen = Camera { media: (0, 3000), ..Camera::default() }.watch();
    let waited = |s: &Seen| s.passed_on - s.unit.arrival.nanos_since(WallTime(T0)) / MS;
    assert!(seen.iter().map(waited).max().unwrap() <= SETTLE.as_millis() as i64 + 20);
    let batch = seen.iter().filter(|s| s.passed_on == seen[0].passed_on).count();
    assert!(batch > 10, "one batch at the end");
    assert!(seen[batch..].iter().all(|s| waited(s) == 0), "after that nothing waits");
    check_order(&seen);
}

#[test]
fn a_key_frame_that_comes_later_than_that_does_not_wait() {
    let mut demux = Demux::new(&plans(), None, 1, "heron".into(), Duration::ZERO).unwrap();
    let mut out = Vec::new();
    for n in 0..10i64 {
        let header = Header {
            marker: true,
            payload_type: 96,
            sequence: n as u16,
            timestamp: n as u32 * 3600,
            ssrc: 1,
        };
        let now =
            Instant { wall: WallTime(T0 + n * 40 * MS), monotonic: Duration::from_millis(n as u64 * 40) };
        let packet = [&header.encode()[..], if n == 9 { IDR } else { P }].concat();
        demux.interleaved(0, &packet, now, &mut out);
    }
    assert_eq!((out.len(), demux.counters.before_key_frame), (1, 9));
}

#[test]
fn what_is_held_back_is_bounded_and_comes_through() {
    // 20 s at once: 30 MB and 1500 frames.
    let camera = Camera { media: (-20_000, 1000), frame_bytes: 60_000, ..Camera::default() };
    let mut demux = Demux::new(&plans(), None, 1, "heron".into(), Duration::ZERO).unwrap();
    let (mut out, mut most) = (Vec::new(), 0);
    let now = Instant { wall: WallTime(T0), monotonic: Duration::ZERO };
    for (_, channel, packet) in camera.packets() {
        demux.interleaved(channel, &packet, now, &mut out);
        let held = demux.settle.iter().flat_map(|s| s.held());
        most = most.max(held.map(|(_, timed)| timed.frame.payload.len()).sum::<usize>());
    }
    assert!((7 << 20..9 << 20).contains(&most), "{most} bytes were held");
    assert!(demux.settle.is_none() && demux.settle_due().is_none());
    assert_eq!(out.len(), 525 + 1050);
}

#[test]
fn a_connection_that_ends_at_once_gives_up_what_is_held_back() {
    let camera = Camera { media: (0, 200), ..Camera::default() };
    let mut demux = Demux::new(&plans(), None, 1, "heron".into(), Duration::ZERO).unwrap();
    let mut out = Vec::new();
    for (at, channel, packet) in camera.packets() {
        let now = Instant { wall: WallTime(T0 + at * MS), monotonic: Duration::from_millis(at as u64) };
        demux.interleaved(channel, &packet, now, &mut out);
    }
    assert_eq!(out.len(), 0);
    demux.release(Duration::from_millis(200), &mut out);
    assert_eq!(out.len(), 5 + 10);
}

#[test]
fn sound_that_comes_late_is_brought_to_its_pictures() {
    for (late, reports) in [
        ((|_| 320) as fn(i64) -> i64, [900, 1100]),
        (|_| 320, [1100, 900]),
        (|_| 320, [0, 0]),
        (|_| 1500, [900, 4000]),
        (|_| 20, [900, 1100]),
    ] {
        let camera = Camera { transit: [|_| 20, late], reports: Some(reports), ..Camera::default() };
        let without = apart(&Camera { reports: None, ..camera.clone() }.watch());
        let transit = (late(0) - 20) as f64;
        assert!((without - transit).abs() < 21.0, "by arrivals alone: {without} ms");
        let seen = camera.watch();
        check_order(&seen);
        assert!(apart(&seen).abs() < 10.0, "{} ms apart", apart(&seen));
        assert!(walls_apart(&seen).abs() < 30, "{} ms apart", walls_apart(&seen));
        assert!(seen.iter().all(|s| s.ahead_of_arrival() <= 50 * MS));
    }
}

#[test]
fn pictures_that_come_late_take_the_sound_later_at_once() {
    let camera = Camera { transit: [|_| 420, |_| 20], reports: Some([900, 1100]), ..Camera::default() };
    let seen = camera.watch();
    check_order(&seen);
    assert!(apart(&seen).abs() < 10.0, "{} ms apart", apart(&seen));
    let sound = of(&seen, TrackKind::Audio);
    let holes = sound.windows(2).filter(|p| p[1].unit.pts - p[0].unit.pts != MediaTime(1800)).count();
    assert_eq!(holes, 1);
}

#[test]
fn broken_reports_move_nothing() {
    for clock in [
        // The tracks' clocks have nothing to do with each other.
        (|_, track| track as i64 * 86_400_000) as fn(i64, usize) -> i64,
        // The clock is set between the reports of the pictures and of the sound.
        |sent, _| if sent > 25_000 { 1800 } else { 0 },
        // One report is off.
        |sent, track| if track == 1 && sent / 5000 == 4 { 5000 } else { 0 },
    ] {
        let camera = Camera { reports: Some([20_000, 20_100]), clock, ..Camera::default() };
        let seen = camera.watch();
        check_order(&seen);
        let sound = of(&seen, TrackKind::Audio);
        let most = sound.iter().map(|s| (s.zero() - sound[0].zero()).abs()).max().unwrap();
        assert!(most < 10 * MS, "{} ms", most / MS);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is in store, whenever reports come, however right the camera's clock is.
    #[test]
    fn never_in_the_future_of_its_arrival(
        store in 0i64..5000,
        reports in prop::option::of([0i64..8000, 0i64..8000]),
        clock in prop::sample::select(vec![
            (|_, _| 0) as fn(i64, usize) -> i64,
            |_, _| 1900,
            |_, _| -1900,
            |_, _| 3_600_000,
        ]),
        transit in prop::sample::select(vec![
            (|_| 5) as fn(i64) -> i64,
            |t| 20 + (t * 7919).rem_euclid(60),
        ]),
    ) {
        let camera =
            Camera { media: (-store, 15_000), transit: [transit, transit], reports, clock, ..Camera::default() };
        let seen = camera.watch();
        let ahead = seen.iter().map(Seen::ahead_of_arrival).max().unwrap();
        prop_assert!(ahead <= 50 * MS, "{} ms ahead of its arrival", ahead / MS);
        if clock(0, 0) == 0 {
            let off = seen.iter().map(|s| s.wall_error().abs()).max().unwrap();
            prop_assert!(off <= 100 * MS, "{} ms off", off / MS);
        }
    }
}
