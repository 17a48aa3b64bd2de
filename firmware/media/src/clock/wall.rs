//! From media time to box time: the recording's time line.
//!
//! The first unit lies where it arrived, or, begun with hindsight ([`WallMapper::begin`]), where the target below
//! has it by all that came in a connection's first moments: a recorder that passes a camera on begins with seconds of
//! media at once, and by its first unit's arrival everything after it would lie in the future. After that, wall time
//! advances with media time, bent by at most [`MAX_SLEW_PPM`] toward a target:
//!
//! - the camera's own time, when the camera's clock is within [`TRUST_CAMERA_NANOS`] of the box's. Clocks are
//!   compared by the smallest `arrival - camera time` of the last one to two windows, because the network can only
//!   make a unit late. Never later than the other target: nothing was captured after it arrived;
//! - else media time plus the smallest transit (`arrival - media time`) of the last one to two windows. A window
//!   that slides lets a camera whose clock is slow be followed: at 200 ppm, two windows of 30 s are 12 ms.
//!
//! Nothing ever waits for a sender report.

use heron_core::{MediaTime, WallTime};

/// The rate at which the time line may be bent, in millionths. 500 ppm is 1.8 s an hour: faster than any crystal
/// drifts, slower than anybody sees.
pub const MAX_SLEW_PPM: i64 = 500;

/// A camera clock that differs by less than this from the box's is kept by a time server and trusted.
pub const TRUST_CAMERA_NANOS: i64 = 2_000_000_000;

/// A camera whose clock moves against its own media time by more than this between two units has set its clock;
/// what was known of it is forgotten. Sender reports' own rounding and jitter is a few milliseconds.
const CAMERA_STEP_NANOS: i64 = 250_000_000;

/// When even the quickest unit of a whole window came this much later than the time line says, the box's clock was
/// set forward (typically at boot, without a clock battery); no buffer is that deep.
const BOX_STEP_NANOS: i64 = 30_000_000_000;

/// Length of one window of the minimum filters.
const WINDOW_NANOS: i64 = 30_000_000_000;

/// Where an access unit lies on the recording's time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallStamp {
    /// Box time. Never before the access unit before it, unless `anchored`.
    pub wall: WallTime,
    /// The mapping was begun (first unit, unless [`WallMapper::begin`] was called) or begun anew (a jump of the time
    /// line) at this unit: a discontinuity.
    pub anchored: bool,
}

/// A unit that has come, before it is mapped; the fields as in [`WallMapper::map`].
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// Its decoding time.
    pub media: MediaTime,
    /// Its presentation time, which is when it was captured: it came after that too.
    pub presented: MediaTime,
    /// When its last byte came, by the box's clock.
    pub arrival: WallTime,
    /// When the camera says that `media` was.
    pub camera_time: Option<WallTime>,
}

/// The smallest value of the last one to two windows.
#[derive(Clone, Copy, Debug)]
struct SlidingMinimum {
    since: i64,
    current: i64,
    previous: i64,
}

impl SlidingMinimum {
    fn new(at: i64, value: i64) -> Self {
        Self { since: at, current: value, previous: value }
    }

    fn push(&mut self, at: i64, value: i64) -> i64 {
        // An arrival before the window (the box's clock was set back) begins a new one as well.
        if !(0..WINDOW_NANOS).contains(&at.saturating_sub(self.since)) {
            *self = Self { since: at, current: value, previous: self.current };
        }
        self.current = self.current.min(value);
        self.get()
    }

    fn get(&self) -> i64 {
        self.current.min(self.previous)
    }
}

#[derive(Clone, Copy, Debug)]
struct State {
    media: i64,
    wall: i64,
    anchored_at: i64,
    /// `arrival - media`.
    transit: SlidingMinimum,
    camera: Option<Camera>,
    /// Wall minus target at the last unit.
    error: i64,
}

#[derive(Clone, Copy, Debug)]
struct Camera {
    /// `camera time - media time` at the last unit that had one.
    minus_media: i64,
    /// `arrival - camera time`.
    offset: SlidingMinimum,
}

/// Maps a connection's media time to box time, led by one track. About 150 bytes, no allocation.
#[derive(Clone, Debug, Default)]
pub struct WallMapper {
    state: Option<State>,
}

impl WallMapper {
    /// A mapper that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with hindsight: `seen` are the first units of a connection, of all tracks on one line of media time,
    /// before any of them is mapped. Nothing happens when it is empty.
    pub fn begin(&mut self, seen: impl IntoIterator<Item = Sighting>) {
        let mut begun: Option<State> = None;
        for Sighting { media, presented, arrival, camera_time } in seen {
            let (media, arrival) = (media.as_nanos(), arrival.0);
            let transit = arrival.saturating_sub(presented.as_nanos());
            let state = begun.get_or_insert_with(|| State::new(media, arrival));
            state.media = state.media.min(media);
            state.transit.push(arrival, transit);
            if let Some(camera) = camera_time {
                state.see_camera(camera.0, media, arrival);
            }
        }
        let Some(mut state) = begun else { return };
        let transit = state.transit.get();
        let offset = match state.camera {
            Some(camera) if is_trusted(camera.offset.get()) => camera.minus_media.min(transit),
            _ => transit,
        };
        state.wall = state.media.saturating_add(offset);
        self.state = Some(state);
    }

    /// Where `media` lies, for units of other tracks on the same line of media time. `None` before the first unit.
    pub fn at(&self, media: MediaTime) -> Option<WallTime> {
        let state = self.state?;
        Some(WallTime(state.wall.saturating_add(media.as_nanos().saturating_sub(state.media))))
    }

    /// Something that was captured at `media` came: nothing lies later than it arrived. For the presentation times of
    /// the leading track, and of other tracks that are known to be on the same line of media time.
    pub fn witness(&mut self, media: MediaTime, arrival: WallTime) {
        if let Some(state) = &mut self.state {
            state.transit.push(arrival.0, arrival.0.saturating_sub(media.as_nanos()));
        }
    }

    /// Takes the next access unit in decoding order.
    ///
    /// `media`: its decoding time (it must not go back; if it does, `wall` stands still). `arrival`: when its last
    /// byte came, by the box's clock. `camera_time`: when the camera says that `media` was. `jumped`: the time
    /// line jumped ([`super::RtpInstant::jumped`]); the mapping begins anew at `arrival`.
    pub fn map(
        &mut self,
        media: MediaTime,
        arrival: WallTime,
        camera_time: Option<WallTime>,
        jumped: bool,
    ) -> WallStamp {
        let (media, arrival) = (media.as_nanos(), arrival.0);
        let camera_time = camera_time.map(|t| t.0);
        let Some(state) = self.state.as_mut().filter(|_| !jumped) else {
            return self.anchor(media, arrival, camera_time);
        };
        let transit = state.transit.push(arrival, arrival.saturating_sub(media));
        let camera_offset = camera_time.map(|camera| state.see_camera(camera, media, arrival));
        let by_arrivals = media.saturating_add(transit);
        let target = match (camera_time, camera_offset) {
            (Some(camera), Some(offset)) if is_trusted(offset) => camera.min(by_arrivals),
            _ => by_arrivals,
        };
        let step = media.saturating_sub(state.media).max(0);
        let due = state.wall.saturating_add(step);
        let window_is_full = arrival.saturating_sub(state.anchored_at) > 2 * WINDOW_NANOS;
        if window_is_full && by_arrivals.saturating_sub(due) > BOX_STEP_NANOS {
            return self.anchor(media, arrival, camera_time);
        }
        let most = (i128::from(step) * i128::from(MAX_SLEW_PPM) / 1_000_000) as i64;
        let slew = target.saturating_sub(due).clamp(-most, most);
        state.wall = due.saturating_add(slew);
        state.media = state.media.max(media);
        state.error = state.wall.saturating_sub(target);
        WallStamp { wall: WallTime(state.wall), anchored: false }
    }

    fn anchor(&mut self, media: i64, arrival: i64, camera_time: Option<i64>) -> WallStamp {
        let mut state = State::new(media, arrival);
        if let Some(camera) = camera_time {
            state.see_camera(camera, media, arrival);
        }
        self.state = Some(state);
        WallStamp { wall: WallTime(arrival), anchored: true }
    }

    /// Camera clock minus box clock in nanoseconds (the smallest transit taken as none), once a camera time came.
    pub fn camera_offset_nanos(&self) -> Option<i64> {
        self.state?.camera.map(|c| c.offset.get().saturating_neg())
    }

    /// How far the time line is ahead of its target (negative: behind), in nanoseconds. A box clock that was set
    /// back shows here for good: the time line does not go back within a connection.
    pub fn error_nanos(&self) -> i64 {
        self.state.map_or(0, |s| s.error)
    }
}

fn is_trusted(camera_offset: i64) -> bool {
    (-TRUST_CAMERA_NANOS..=TRUST_CAMERA_NANOS).contains(&camera_offset)
}

impl State {
    /// `media` lies where it arrived.
    fn new(media: i64, arrival: i64) -> Self {
        let transit = SlidingMinimum::new(arrival, arrival.saturating_sub(media));
        Self { media, wall: arrival, anchored_at: arrival, transit, camera: None, error: 0 }
    }

    /// Compares the camera's clock with ours; returns the smallest `arrival - camera time`.
    fn see_camera(&mut self, camera: i64, media: i64, arrival: i64) -> i64 {
        let minus_media = camera.saturating_sub(media);
        let offset = arrival.saturating_sub(camera);
        let known = self.camera.get_or_insert_with(|| Camera::new(arrival, minus_media, offset));
        if known.minus_media.abs_diff(minus_media) > CAMERA_STEP_NANOS as u64 {
            *known = Camera::new(arrival, minus_media, offset);
        }
        known.minus_media = minus_media;
        known.offset.push(arrival, offset)
    }
}

impl Camera {
    fn new(arrival: i64, minus_media: i64, offset: i64) -> Self {
        Self { minus_media, offset: SlidingMinimum::new(arrival, offset) }
    }
}

#[cfg(test)]
mod tests {
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
            assert!(
                (wall - media).abs() <= media * MAX_SLEW_PPM / 1_000_000 + 1,
                "stepped: {media} -> {wall}"
            );
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
            let jumpy =
                simulate(25 * 600, 0, |n| (20 + n % 5) * MS, |n| Some(if n > 7000 { jump } else { 0 }));
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
}
