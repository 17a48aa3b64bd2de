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

use super::minimum::{SlidingMinimum, WINDOW_NANOS};
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
mod tests;
