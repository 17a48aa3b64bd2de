//! The camera's own clock, by its sender reports.

use heron_core::WallTime;

/// Maps one track's unwrapped RTP time to the camera's wall clock.
#[derive(Clone, Debug)]
pub struct CameraClock {
    clock_rate_hz: u32,
    anchor: Option<(i64, WallTime)>,
}

impl CameraClock {
    /// For a track of `clock_rate_hz`.
    pub fn new(clock_rate_hz: u32) -> Self {
        Self { clock_rate_hz: clock_rate_hz.max(1), anchor: None }
    }

    /// Takes a sender report: its NTP time and its RTP timestamp, unwrapped ([`super::RtpUnwrapper::locate`]).
    /// An NTP time of zero says that the camera has no clock (RFC 3550 §6.4.1) and is ignored. Returns whether it
    /// was used.
    pub fn sender_report(&mut self, ntp: u64, ticks: i64) -> bool {
        if ntp == 0 {
            return false;
        }
        self.anchor = Some((ticks, WallTime::from_ntp(ntp)));
        true
    }

    /// When, by the camera's clock, the track's time line was at zero: by it, tracks are laid on one line.
    pub fn zero(&self) -> Option<WallTime> {
        self.at(0)
    }

    /// When, by the camera's clock, the instant `ticks` was. `None` before the first report.
    pub fn at(&self, ticks: i64) -> Option<WallTime> {
        let (anchor_ticks, anchor) = self.anchor?;
        let delta = i128::from(ticks) - i128::from(anchor_ticks);
        let nanos = delta * 1_000_000_000 / i128::from(self.clock_rate_hz);
        Some(anchor.plus_nanos(nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64))
    }

    /// Forgets the reports, after a jump of the sender's time line.
    pub fn reset(&mut self) {
        self.anchor = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_both_ways_from_the_report() {
        let mut c = CameraClock::new(90_000);
        assert_eq!(c.at(0), None);
        assert!(!c.sender_report(0, 0));
        let t = WallTime::from_millis(1_763_631_857_000);
        assert!(c.sender_report(t.to_ntp(), 90_000));
        assert_eq!(c.at(180_000), Some(t.plus_nanos(1_000_000_000)));
        assert_eq!(c.zero(), Some(t.plus_nanos(-1_000_000_000)));
        c.reset();
        assert_eq!(c.at(0), None);
    }
}
