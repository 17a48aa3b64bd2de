//! A camera's own clocks: the crystal that its RTP timestamps count, and the wall clock its sender reports tell.

use heron_core::WallTime;
use std::time::Duration;

/// The crystal and the wall clock of one camera, as functions of the machine's monotonic clock.
///
/// The crystal starts at zero with the simulator. Drift changes how fast it runs from now on; it never jumps. The
/// wall clock is the crystal plus an offset, and the offset can jump.
#[derive(Clone, Copy, Debug)]
pub struct CameraClock {
    /// Monotonic time of the last change of drift.
    since: Duration,
    /// What the crystal said then, in nanoseconds.
    crystal_nanos: i64,
    /// How much faster than the machine it runs, in parts per million.
    drift_ppm: f64,
    /// The camera's wall clock when its crystal was at zero.
    wall_at_zero: WallTime,
}

impl CameraClock {
    /// A clock that starts now. `offset_nanos` is how far its wall clock is ahead of the machine's.
    pub fn new(monotonic: Duration, wall: WallTime, offset_nanos: i64, drift_ppm: f64) -> Self {
        Self { since: monotonic, crystal_nanos: 0, drift_ppm, wall_at_zero: wall.plus_nanos(offset_nanos) }
    }

    /// Nanoseconds the crystal has counted at a monotonic time.
    pub fn crystal_nanos(&self, monotonic: Duration) -> i64 {
        let passed = monotonic.as_nanos() as i64 - self.since.as_nanos() as i64;
        self.crystal_nanos + passed + (passed as f64 * self.drift_ppm / 1e6) as i64
    }

    /// When the crystal will have counted so many nanoseconds, on the monotonic clock; zero when that was before
    /// the clock began.
    pub fn monotonic_at(&self, crystal_nanos: i64) -> Duration {
        let ahead = (crystal_nanos - self.crystal_nanos) as f64 / (1.0 + self.drift_ppm / 1e6);
        let at = self.since.as_nanos() as i64 + ahead as i64;
        Duration::from_nanos(at.max(0) as u64)
    }

    /// The camera's wall clock when its crystal has counted so many nanoseconds.
    pub fn wall(&self, crystal_nanos: i64) -> WallTime {
        self.wall_at_zero.plus_nanos(crystal_nanos)
    }

    /// Runs at another speed from now on.
    pub fn set_drift(&mut self, monotonic: Duration, drift_ppm: f64) {
        self.crystal_nanos = self.crystal_nanos(monotonic);
        self.since = monotonic;
        self.drift_ppm = drift_ppm;
    }

    /// Steps the wall clock.
    pub fn jump(&mut self, nanos: i64) {
        self.wall_at_zero = self.wall_at_zero.plus_nanos(nanos);
    }
}

/// Nanoseconds of a crystal in ticks of an RTP clock, rounded to nearest.
pub fn ticks(nanos: i64, hz: u32) -> i64 {
    ((i128::from(nanos) * i128::from(hz) + 500_000_000).div_euclid(1_000_000_000)) as i64
}

/// Ticks of an RTP clock in nanoseconds, rounded to nearest.
pub fn nanos(ticks: i64, hz: u32) -> i64 {
    let hz = i128::from(hz.max(1));
    ((i128::from(ticks) * 1_000_000_000 + hz / 2).div_euclid(hz)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn drift_bends_the_crystal_and_never_jumps_it() {
        let mut c = CameraClock::new(Duration::from_secs(5), WallTime::from_millis(1_000_000), 0, 100.0);
        assert_eq!(c.crystal_nanos(Duration::from_secs(5)), 0);
        assert_eq!(c.crystal_nanos(Duration::from_secs(15)), 10 * S + 1_000_000);
        c.set_drift(Duration::from_secs(15), -200.0);
        assert_eq!(c.crystal_nanos(Duration::from_secs(15)), 10 * S + 1_000_000);
        assert_eq!(c.crystal_nanos(Duration::from_secs(25)), 20 * S - 1_000_000);
        let back = c.monotonic_at(20 * S - 1_000_000);
        assert!(back.abs_diff(Duration::from_secs(25)) < Duration::from_nanos(100), "{back:?}");
    }

    #[test]
    fn a_jump_moves_the_wall_clock_alone() {
        let mut c = CameraClock::new(Duration::ZERO, WallTime(0), 3 * S, 0.0);
        assert_eq!(c.wall(S), WallTime(4 * S));
        c.jump(-10 * S);
        assert_eq!(c.wall(S), WallTime(-6 * S));
        assert_eq!(c.crystal_nanos(Duration::from_secs(1)), S);
    }

    #[test]
    fn ticks_and_nanoseconds_round_to_nearest() {
        assert_eq!(ticks(S / 3, 90_000), 30_000);
        assert_eq!(nanos(ticks(123_456_789, 90_000), 90_000), 123_455_556);
        assert_eq!(ticks(-S, 8000), -8000);
    }
}
