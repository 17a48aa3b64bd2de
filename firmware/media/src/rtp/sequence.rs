//! Sequence numbers: unwrapping, loss, duplicates, restarts and interarrival jitter (RFC 3550 A.1, A.3, A.8).

use super::packet::Packet;
use crate::rtcp::ReportBlock;
use std::time::Duration;

/// A jump ahead of more than this many packets is a restart of the sender and no loss (RFC 3550 A.1,
/// `MAX_DROPOUT`): 3000 packets are 8 s of 4 Mbit/s.
const MAX_DROPOUT: u16 = 3000;
/// A packet at most this far behind is late or a duplicate (RFC 3550 A.1, `MAX_MISORDER`).
const MAX_MISORDER: u16 = 100;

/// What a packet's sequence number says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// In order, after `lost` missing packets (zero mostly). It is the newest one so far.
    Next {
        /// Packets missing between this one and the newest before it.
        lost: u32,
    },
    /// Older than the newest: late, or a duplicate. On a transport that keeps order it can be dropped.
    Late,
    /// The same number again.
    Duplicate,
    /// Too far away to be loss: the sender has begun a new sequence. Whatever was being assembled is cut.
    Restart,
}

/// Counters of one source since its tracker was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceCounters {
    /// Packets taken, without duplicates.
    pub received: u64,
    /// Packets that never came. A late packet takes one off again.
    pub lost: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that came after a newer one.
    pub reordered: u64,
    /// New sequences begun by the sender.
    pub restarts: u64,
}

/// Follows one RTP source. About 64 bytes, no allocation.
#[derive(Clone, Debug)]
pub struct SequenceTracker {
    clock_rate_hz: u32,
    state: Option<State>,
    counters: SequenceCounters,
    jitter_16ths: u64,
    /// Expected and received at the last report (A.3).
    reported: (u64, u64),
    /// Packets may have come so much before they are pushed.
    unseen: Duration,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// Unwrapped number of the newest packet.
    newest: u64,
    /// Unwrapped number of the first packet of this sequence.
    base: u64,
    /// Bit n: the packet `newest - n` has come.
    seen: u128,
    /// Of the newest packet, for the jitter.
    transit: Transit,
}

/// When a packet was seen, how much sooner it may have come, and its timestamp.
#[derive(Clone, Copy, Debug)]
struct Transit {
    now: Duration,
    unseen: Duration,
    timestamp: u32,
}

impl SequenceTracker {
    /// For a source whose timestamps run at `clock_rate_hz`.
    pub fn new(clock_rate_hz: u32) -> Self {
        Self {
            clock_rate_hz,
            state: None,
            counters: SequenceCounters::default(),
            jitter_16ths: 0,
            reported: (0, 0),
            unseen: Duration::ZERO,
        }
    }

    /// From now on packets may have come up to `unseen` before they are pushed: nobody had looked for so long. What
    /// that explains is not counted as jitter.
    pub fn set_unseen(&mut self, unseen: Duration) {
        self.unseen = unseen;
    }

    /// Takes note of a packet that came at `now` (any monotonic clock).
    pub fn push(&mut self, packet: &Packet<'_>, now: Duration) -> Arrival {
        self.push_raw(packet.sequence, packet.timestamp, now)
    }

    /// As [`Self::push`], from the two fields that matter.
    pub fn push_raw(&mut self, sequence: u16, timestamp: u32, now: Duration) -> Arrival {
        let transit = Transit { now, unseen: self.unseen, timestamp };
        let Some(state) = &mut self.state else {
            self.begin(sequence, transit);
            return Arrival::Next { lost: 0 };
        };
        let ahead = sequence.wrapping_sub(state.newest as u16);
        if ahead != 0 && ahead < MAX_DROPOUT {
            let lost = u32::from(ahead) - 1;
            state.newest += u64::from(ahead);
            state.seen = state.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.counters.received += 1;
            self.counters.lost += u64::from(lost);
            let old = std::mem::replace(&mut state.transit, transit);
            self.measure_jitter(old, transit);
            return Arrival::Next { lost };
        }
        if ahead == 0 {
            self.counters.duplicates += 1;
            return Arrival::Duplicate;
        }
        let behind = (state.newest as u16).wrapping_sub(sequence);
        if behind <= MAX_MISORDER {
            let bit = 1u128 << behind;
            if state.seen & bit != 0 {
                self.counters.duplicates += 1;
                return Arrival::Duplicate;
            }
            state.seen |= bit;
            self.counters.received += 1;
            self.counters.reordered += 1;
            // Packets from before the first one were never counted as lost.
            if state.newest - u64::from(behind) >= state.base {
                self.counters.lost = self.counters.lost.saturating_sub(1);
            }
            return Arrival::Late;
        }
        // No probation as in A.1: strays are a matter of UDP, and the reorder buffer has dropped them.
        self.counters.restarts += 1;
        self.begin(sequence, transit);
        Arrival::Restart
    }

    fn begin(&mut self, sequence: u16, transit: Transit) {
        self.counters.received += 1;
        // One cycle up, so that late packets from before the first do not underflow.
        let newest = (1 << 16) | u64::from(sequence);
        self.state = Some(State { newest, base: newest, seen: 1, transit });
        self.reported = (self.expected(), self.counters.received);
    }

    fn measure_jitter(&mut self, old: Transit, new: Transit) {
        // Timestamps of one frame's packets are equal and bursts are normal on TCP; only frames are compared.
        if old.timestamp == new.timestamp {
            return;
        }
        let ticks = |d: Duration| {
            (d.as_nanos().min(3_600_000_000_000) * u128::from(self.clock_rate_hz) / 1_000_000_000) as i64
        };
        let arrived = ticks(new.now.saturating_sub(old.now));
        let meant = i64::from(new.timestamp.wrapping_sub(old.timestamp) as i32);
        // Too late only as far as the new one cannot have come sooner, too soon only as far as the old one cannot.
        let hidden = ticks(if arrived > meant { new.unseen } else { old.unseen });
        let d = arrived.abs_diff(meant).saturating_sub(hidden as u64);
        // A time line that jumps by more than ten seconds is no jitter.
        if d > u64::from(self.clock_rate_hz) * 10 {
            return;
        }
        // J += (|D| - J) / 16, scaled by 16 as in A.8.
        self.jitter_16ths = (self.jitter_16ths + d).saturating_sub((self.jitter_16ths + 8) >> 4);
    }

    fn expected(&self) -> u64 {
        self.state.map_or(0, |s| s.newest - s.base + 1)
    }

    /// Counters since the tracker was made.
    pub fn counters(&self) -> SequenceCounters {
        self.counters
    }

    /// Interarrival jitter in timestamp units (RFC 3550 §6.4.1, A.8), between frames.
    pub fn jitter_ticks(&self) -> u32 {
        (self.jitter_16ths >> 4) as u32
    }

    /// Interarrival jitter in milliseconds.
    pub fn jitter_ms(&self) -> f32 {
        self.jitter_16ths as f32 / 16.0 * 1000.0 / self.clock_rate_hz.max(1) as f32
    }

    /// The report block about source `ssrc` for a receiver report (RFC 3550 §6.4.1), and begins the next interval.
    /// `last_sender_report` is the middle 32 bits of its NTP time and the delay since it came.
    pub fn report(&mut self, ssrc: u32, last_sender_report: Option<(u32, Duration)>) -> ReportBlock {
        let (expected, received) = (self.expected(), self.counters.received);
        let expected_interval = expected.saturating_sub(self.reported.0);
        let received_interval = received.saturating_sub(self.reported.1);
        self.reported = (expected, received);
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction_lost = match expected_interval {
            0 => 0,
            n => ((lost_interval << 8) / n).min(255) as u8,
        };
        let (last_sr, delay) = last_sender_report.unwrap_or_default();
        ReportBlock {
            ssrc,
            fraction_lost,
            cumulative_lost: self.counters.lost.min(0x7f_ffff) as i32,
            highest_sequence: self.state.map_or(0, |s| (s.newest - (1 << 16)) as u32),
            jitter_ticks: self.jitter_ticks(),
            last_sender_report: last_sr,
            delay_since_last_sender_report: ((delay.as_micros() << 16) / 1_000_000) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn loss_lateness_and_duplicates_are_told_apart_over_a_wrap() {
        let mut t = SequenceTracker::new(90_000);
        let arrivals: Vec<_> =
            [65_534, 65_535, 2, 0, 0, 1, 3, 3].into_iter().map(|s| t.push_raw(s, 0, ms(0))).collect();
        use Arrival::*;
        assert_eq!(
            arrivals,
            [
                Next { lost: 0 },
                Next { lost: 0 },
                Next { lost: 2 },
                Late,
                Duplicate,
                Late,
                Next { lost: 0 },
                Duplicate
            ]
        );
        let counters = t.counters();
        assert_eq!((counters.received, counters.lost, counters.duplicates, counters.reordered), (6, 0, 2, 2));
    }

    #[test]
    fn a_far_jump_is_a_restart_and_no_loss() {
        let mut t = SequenceTracker::new(90_000);
        t.push_raw(10, 0, ms(0));
        assert_eq!(t.push_raw(30_000, 0, ms(1)), Arrival::Restart);
        assert_eq!(t.push_raw(30_001, 0, ms(2)), Arrival::Next { lost: 0 });
        assert_eq!(t.push_raw(11, 0, ms(3)), Arrival::Restart);
        assert_eq!((t.counters().restarts, t.counters().lost), (2, 0));
        // A packet from before the first one was never missed.
        assert_eq!(t.push_raw(9, 0, ms(4)), Arrival::Late);
        assert_eq!(t.counters().lost, 0);
    }

    #[test]
    fn jitter_is_that_of_the_standard() {
        let mut t = SequenceTracker::new(90_000);
        // Frames every 40 ms, every other one 8 ms late: |D| is 720 ticks each time.
        for n in 0..400u64 {
            for packet in 0..3 {
                t.push_raw((n * 3 + packet) as u16, n as u32 * 3600, ms(n * 40 + 8 * (n % 2)));
            }
        }
        assert!((700..=720).contains(&t.jitter_ticks()), "{}", t.jitter_ticks());
        assert!((7.7..8.1).contains(&t.jitter_ms()));
        let before = t.jitter_ticks();
        t.push_raw(1200, 3_000_000_000, ms(16_000));
        assert_eq!(t.jitter_ticks(), before, "a jump of the time line is no jitter");
    }

    #[test]
    fn what_nobody_could_see_is_no_jitter() {
        // Frames every 33 ms that are read every 80 ms, in twos and threes.
        let read = |n: u64, late: u64| (n * 33 + late).next_multiple_of(80);
        let mut plain = SequenceTracker::new(90_000);
        let mut unseen = SequenceTracker::new(90_000);
        let mut late = SequenceTracker::new(90_000);
        unseen.set_unseen(ms(80));
        late.set_unseen(ms(80));
        for n in 0..400u64 {
            let timestamp = n as u32 * 2970;
            plain.push_raw(n as u16, timestamp, ms(read(n, 0)));
            unseen.push_raw(n as u16, timestamp, ms(read(n, 0)));
            // Every tenth frame comes a quarter of a second late, with those behind it.
            late.push_raw(n as u16, timestamp, ms(read(n, if n % 10 == 0 { 250 } else { 0 })));
        }
        assert!(
            plain.jitter_ms() > 30.0 && unseen.jitter_ms() < 1.0,
            "{} {}",
            plain.jitter_ms(),
            unseen.jitter_ms()
        );
        assert!(late.jitter_ms() > 5.0, "{}", late.jitter_ms());
    }

    #[test]
    fn report_blocks_count_from_report_to_report() {
        let mut t = SequenceTracker::new(90_000);
        for s in [65_535u16, 0, 1, 2] {
            t.push_raw(s, 0, ms(0));
        }
        let block = t.report(7, Some((0x1234_5678, ms(500))));
        assert_eq!((block.ssrc, block.fraction_lost, block.cumulative_lost), (7, 0, 0));
        assert_eq!((block.highest_sequence, block.last_sender_report), (0x1_0002, 0x1234_5678));
        assert_eq!(block.delay_since_last_sender_report, 0x8000);
        t.push_raw(6, 0, ms(0));
        let block = t.report(7, None);
        assert_eq!((block.fraction_lost, block.cumulative_lost), (192, 3));
        assert_eq!(t.report(7, None).fraction_lost, 0);
    }
}
