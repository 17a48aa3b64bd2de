//! What cameras' faults do to the recording's time line: whole cameras, in virtual time.
//!
//! Of every one: no unit lies before the one before it, none farther ahead of its arrival than the tick, and none
//! farther behind when it was captured than is written beside it.

use super::*;
use crate::demux::tests::{IDR, P, plans};
use heron_core::TrackFormat;
use heron_media::rtcp::SenderReport;
use heron_media::rtp::Header;

const MS: i64 = 1_000_000;
const SECOND: i64 = 1000 * MS;
const HOUR: i64 = 3600 * SECOND;
/// Box time at which the connection begins, nanoseconds.
const T0: i64 = 1_795_000_000_000 * MS;

/// What a camera of 25 pictures a second does otherwise than it should, by the number of the picture.
struct Camera {
    seconds: i64,
    /// How much faster than true its clocks run, millionths.
    drift_ppm: i64,
    /// Its RTP time line is off by so much, nanoseconds.
    line: fn(i64) -> i64,
    /// Its wall clock is off by so much, nanoseconds, as its reports say.
    clock: fn(i64) -> i64,
    /// NAL units of the picture.
    picture: fn(i64) -> Vec<Vec<u8>>,
}

impl Default for Camera {
    fn default() -> Self {
        Self { seconds: 120, drift_ppm: 0, line: |_| 0, clock: |_| 0, picture: usual }
    }
}

fn usual(n: i64) -> Vec<Vec<u8>> {
    vec![if n % 50 == 0 { IDR.to_vec() } else { P.to_vec() }]
}

/// A picture that came out.
struct Seen {
    unit: Arc<AccessUnit>,
    /// When it was captured, true time.
    captured: i64,
}

impl Seen {
    fn off(&self) -> i64 {
        self.unit.wall.0 - self.captured
    }
}

impl Camera {
    /// Read every 20 ms, 10 ms after each picture was captured at the soonest.
    fn watch(&self) -> Vec<Seen> {
        let plans = &plans()[..1];
        let mut demux = Demux::new(plans, None, 1, "heron".into(), Duration::ZERO).unwrap();
        let (mut seen, mut out) = (Vec::new(), Vec::new());
        let mut captures = std::collections::VecDeque::new();
        let mut sequence = 0u16;
        for n in 0..self.seconds * 25 {
            // The camera's 40 ms are a little less of true time when it is fast.
            let own = n * 40 * MS;
            let captured = T0 + (i128::from(own) * 1_000_000 / i128::from(1_000_000 + self.drift_ppm)) as i64;
            let arrival = ((captured + 10 * MS - T0) as u64).next_multiple_of(20 * MS as u64) as i64 + T0;
            let now =
                Instant { wall: WallTime(arrival), monotonic: Duration::from_nanos((arrival - T0) as u64) };
            let stamp = |nanos: i64| (nanos / 1000 * 9 / 100) as u32;
            let timestamp = stamp(own + (self.line)(n));
            if n % 125 == 60 {
                let report = SenderReport {
                    ssrc: 7,
                    ntp: WallTime(T0 + own + (self.clock)(n)).to_ntp(),
                    rtp_timestamp: timestamp,
                    ..Default::default()
                };
                let mut packet = Vec::new();
                rtcp::push_sender_report(&report, &[], &mut packet);
                demux.interleaved(1, &packet, now, &mut out);
            }
            let units = (self.picture)(n);
            captures.push_back((timestamp, captured));
            for (i, nal) in units.iter().enumerate() {
                let marker = i + 1 == units.len();
                let header = Header { marker, payload_type: 96, sequence, timestamp, ssrc: 7 };
                sequence = sequence.wrapping_add(1);
                demux.interleaved(0, &[&header.encode()[..], nal].concat(), now, &mut out);
            }
            demux.settle(now.monotonic, &mut out);
            for unit in out.drain(..) {
                let (_, captured) = captures.pop_front().unwrap();
                seen.push(Seen { unit, captured });
            }
        }
        assert_eq!(demux.counters.over_rate, 0);
        seen
    }
}

/// Order, and the bounds. Returns the places at which something is torn.
fn check(seen: &[Seen], behind: i64) -> Vec<usize> {
    for (n, pair) in seen.windows(2).enumerate() {
        let (a, b) = (&pair[0].unit, &pair[1].unit);
        assert!(a.wall <= b.wall && a.dts < b.dts && b.pts >= b.dts, "picture {n}: {a:?} {b:?}");
    }
    for (n, s) in seen.iter().enumerate() {
        let ahead = s.unit.wall.nanos_since(s.unit.arrival);
        assert!(ahead <= 20 * MS, "picture {n} lies {} ms after its arrival", ahead / MS);
        assert!(s.off() >= -behind, "picture {n} lies {} ms too early", -s.off() / MS);
    }
    (1..seen.len()).filter(|n| seen[*n].unit.discontinuity).collect()
}

#[test]
fn a_wall_clock_set_by_an_hour_moves_nothing() {
    for clock in [|n| if n > 1500 { HOUR } else { 0 }, |n| if n > 1500 { -HOUR } else { 0 }] {
        let seen = Camera { clock, ..Camera::default() }.watch();
        assert_eq!(check(&seen, 20 * MS), Vec::<usize>::new(), "nothing is torn");
        // It is told all the same.
        let last = seen.last().unwrap();
        let told = last.unit.camera_time.unwrap().nanos_since(WallTime(last.captured));
        assert!((told - clock(2000)).abs() < 5 * MS, "{} ms", told / MS);
    }
}

#[test]
fn a_time_line_that_jumps_by_an_hour_is_torn_once_and_loses_no_time() {
    for line in [|n| if n > 1500 { HOUR } else { 0 }, |n| if n > 1500 { -HOUR } else { 0 }] {
        let seen = Camera { line, ..Camera::default() }.watch();
        assert_eq!(check(&seen, 20 * MS), [1501]);
        for s in &seen[1501..] {
            // The report of before the jump says nothing of after it; the next one does.
            let told = s.unit.camera_time.map_or(0, |t| t.nanos_since(WallTime(s.captured)));
            assert!(told.abs() < 5 * MS, "camera time is {} ms off", told / MS);
        }
        let without = seen[1501..].iter().take_while(|s| s.unit.camera_time.is_none()).count();
        assert!((1..=125).contains(&without), "{without} pictures until the next report");
    }
}

#[test]
fn a_report_of_the_new_time_line_that_comes_before_its_first_picture_counts() {
    // The jump is at a picture whose report comes just before it.
    let seen = Camera { line: |n| if n >= 1560 { HOUR } else { 0 }, ..Camera::default() }.watch();
    assert_eq!(check(&seen, 20 * MS), [1560]);
    assert!(seen[1560].unit.camera_time.is_some());
}

#[test]
fn a_crystal_that_is_off_is_followed_for_hours() {
    for (drift_ppm, clock_is_right) in [(200, false), (-200, false), (200, true), (-200, true)] {
        // A clock that no server keeps runs with the crystal; one that one keeps is right at every report.
        let clock: fn(i64) -> i64 = match (drift_ppm, clock_is_right) {
            (200, true) => |n| -n * 40 * MS / 1_000_000 * 200,
            (-200, true) => |n| n * 40 * MS / 1_000_000 * 200,
            _ => |_| -12 * HOUR,
        };
        let seen = Camera { seconds: 2 * 3600, drift_ppm, clock, ..Camera::default() }.watch();
        assert_eq!(check(&seen, 50 * MS), Vec::<usize>::new());
        let off = seen.iter().map(|s| s.off().abs()).max().unwrap();
        assert!(off <= 60 * MS, "{drift_ppm} ppm, {clock_is_right}: {} ms off", off / MS);
    }
}

/// For ten seconds every picture's timestamp is 40 ms before that of the one before it.
#[test]
fn timestamps_that_run_backward_cost_four_seconds_at_most() {
    let line = |n: i64| match n {
        ..1000 => 0,
        1000..1250 => -2 * (n - 1000) * 40 * MS,
        _ => -2 * 250 * 40 * MS,
    };
    let seen = Camera { line, ..Camera::default() }.watch();
    // Two seconds back are what pictures out of order may be, and two more pass until the line is where it was; that is
    // bent away at 500 ppm.
    let torn = check(&seen, 4100 * MS);
    assert!(torn.iter().all(|n| (1000..1260).contains(n)) && (2..8).contains(&torn.len()), "{torn:?}");
}

/// Once a minute the time line goes back by a second: too little to be told from pictures out of order.
#[test]
fn a_time_line_that_slips_back_again_and_again_is_not_lost_for_ever() {
    let seen = Camera { seconds: 7200, line: |n| -(n / 1500) * SECOND, ..Camera::default() }.watch();
    // It is begun anew when it lies half a minute behind what a whole window says.
    let torn = check(&seen, 33 * SECOND);
    assert!((1..=6).contains(&torn.len()), "{torn:?}");
}

/// 1280x720 and its picture parameters, in the stream.
const OTHER_SETS: [&[u8]; 2] = [
    &[
        0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xba, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00,
        0x03, 0x03, 0xc8, 0xf1, 0x83, 0x24, 0x80,
    ],
    &[0x68, 0xcb, 0x83, 0xcb, 0x20],
];

#[test]
fn a_change_of_resolution_changes_the_format_and_no_time() {
    let picture = |n: i64| match n {
        1500 => vec![OTHER_SETS[0].to_vec(), OTHER_SETS[1].to_vec(), IDR.to_vec()],
        _ => usual(n),
    };
    let seen = Camera { picture, ..Camera::default() }.watch();
    check(&seen, 20 * MS);
    let size = |s: &Seen| match &*s.unit.format {
        TrackFormat::Video(v) => (v.width, v.height),
        _ => (0, 0),
    };
    let (before, after) = (size(&seen[1499]), size(&seen[1500]));
    assert!(before != after && after == (1280, 720), "{before:?} {after:?}");
    assert_eq!(seen.iter().filter(|s| size(s) == after).count(), seen.len() - 1500);
}

#[test]
fn an_endless_group_and_a_burst_of_bits_move_nothing() {
    let endless = |n: i64| vec![if n == 0 { IDR.to_vec() } else { P.to_vec() }];
    let burst = |n: i64| {
        let size = if (1000..1500).contains(&n) { 40_000 } else { 400 };
        let mut nal = usual(n).remove(0);
        nal.resize(size, 7);
        vec![nal]
    };
    for picture in [endless as fn(i64) -> _, burst] {
        let camera = Camera { picture, ..Camera::default() };
        let seen = camera.watch();
        assert_eq!(check(&seen, 20 * MS), Vec::<usize>::new());
        assert_eq!(seen.len(), 120 * 25);
    }
}
