//! How well a stream is doing.

use heron_core::{AccessUnit, BitRate, Grade, LinkStatistics, MediaTime, TrackKind};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What has gone wrong with a stream's packets without ending it, since the stream was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// RTP packets, or payloads in them, that could not be read.
    pub malformed_packets: u64,
    /// Changes of the synchronisation source.
    pub ssrc_changes: u64,
    /// Packets of a payload type that was not described.
    pub other_payload_types: u64,
    /// Packets on a channel that was not set up.
    pub unknown_channel: u64,
    /// New sequences begun by the camera.
    pub sequence_restarts: u64,
    /// Jumps of the camera's time line.
    pub time_jumps: u64,
    /// Format changes in mid-stream.
    pub format_changes: u64,
    /// Frames with something missing in them.
    pub damaged_frames: u64,
    /// Access units dropped because no key frame had come yet.
    pub before_key_frame: u64,
    /// Access units dropped because more came than any camera makes: 240 a second and track.
    pub over_rate: u64,
    /// Bytes between messages and packets that were neither.
    pub garbage_bytes: u64,
    /// Datagrams from elsewhere than the camera.
    pub strangers: u64,
}

impl StreamCounters {
    /// The sum of both.
    pub(crate) fn plus(self, o: Self) -> Self {
        Self {
            malformed_packets: self.malformed_packets + o.malformed_packets,
            ssrc_changes: self.ssrc_changes + o.ssrc_changes,
            other_payload_types: self.other_payload_types + o.other_payload_types,
            unknown_channel: self.unknown_channel + o.unknown_channel,
            sequence_restarts: self.sequence_restarts + o.sequence_restarts,
            time_jumps: self.time_jumps + o.time_jumps,
            format_changes: self.format_changes + o.format_changes,
            damaged_frames: self.damaged_frames + o.damaged_frames,
            before_key_frame: self.before_key_frame + o.before_key_frame,
            over_rate: self.over_rate + o.over_rate,
            garbage_bytes: self.garbage_bytes + o.garbage_bytes,
            strangers: self.strangers + o.strangers,
        }
    }
}

/// A verdict on a link, from its share of packets lost (0 to 1) and interarrival jitter over the last ten seconds.
///
/// Jitter under 30 ms counts as steady: the network's own, since what reading on ticks hides is not counted as jitter.
pub fn grade(online: bool, loss: f64, jitter_ms: f32, reconnected_lately: bool) -> Grade {
    if !online || loss > 0.02 || jitter_ms > 300.0 {
        Grade::Unusable
    } else if reconnected_lately || loss >= 0.001 || jitter_ms >= 50.0 {
        Grade::Poor
    } else if loss > 0.0 || jitter_ms >= 30.0 {
        Grade::Fair
    } else {
        Grade::Excellent
    }
}

/// Totals of a connection, as they stand once a second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) bytes: u64,
    pub(crate) packets_received: u64,
    pub(crate) packets_lost: u64,
    pub(crate) jitter_ms: f32,
    pub(crate) clock_offset_ms: Option<i64>,
    pub(crate) counters: StreamCounters,
}

/// Totals at one moment.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Duration,
    bytes: u64,
    frames: u64,
    received: u64,
    lost: u64,
}

/// The window that rates are measured over.
const WINDOW: Duration = Duration::from_secs(10);
/// A reconnect counts against the grade for so long.
const LATELY: Duration = Duration::from_secs(600);

/// Measures a stream over all its connections.
#[derive(Debug, Default)]
pub(crate) struct LinkMeter {
    link: LinkStatistics,
    frames: u64,
    /// One per second, of this connection.
    marks: VecDeque<Mark>,
    key_frame: Option<(MediaTime, u64)>,
    connections: u32,
    connected_at: Option<Duration>,
    reconnected_at: Option<Duration>,
    snapshot: Snapshot,
    /// Counters of the connections before this one.
    before: StreamCounters,
}

impl LinkMeter {
    /// The first picture of a connection has come.
    pub(crate) fn connected(&mut self, now: Duration) {
        self.connections += 1;
        self.link.reconnects = self.connections - 1;
        if self.connections > 1 {
            self.reconnected_at = Some(now);
        }
        self.connected_at = Some(now);
        // So that there is a rate after the first second.
        self.marks.push_back(Mark { at: now, bytes: 0, frames: self.frames, received: 0, lost: 0 });
    }

    /// A connection is over.
    pub(crate) fn disconnected(&mut self) {
        self.before = self.before.plus(self.snapshot.counters);
        self.snapshot = Snapshot::default();
        self.marks.clear();
        self.key_frame = None;
        self.connected_at = None;
        self.link.bit_rate = BitRate(0);
        self.link.frame_rate = 0.0;
        self.link.jitter_ms = 0.0;
    }

    /// Access units have come.
    pub(crate) fn units(&mut self, units: &[Arc<AccessUnit>]) {
        self.link.access_units += units.len() as u64;
        for unit in units {
            self.link.last_arrival = Some(unit.arrival);
            if unit.track() != TrackKind::Video {
                continue;
            }
            if unit.random_access {
                if let Some((pts, frames)) = self.key_frame.filter(|_| !unit.discontinuity) {
                    self.link.gop_ms = u32::try_from((unit.pts - pts).as_nanos() / 1_000_000).ok();
                    self.link.gop_frames = u32::try_from(self.frames - frames).ok();
                }
                self.key_frame = Some((unit.pts, self.frames));
            }
            self.frames += 1;
        }
    }

    /// A second has passed.
    pub(crate) fn second(&mut self, now: Duration, snapshot: Snapshot) {
        self.snapshot = snapshot;
        self.marks.push_back(Mark {
            at: now,
            bytes: snapshot.bytes,
            frames: self.frames,
            received: snapshot.packets_received,
            lost: snapshot.packets_lost,
        });
        while self.marks.len() > 2 && self.marks.front().is_some_and(|m| now.saturating_sub(m.at) > WINDOW) {
            self.marks.pop_front();
        }
        if let (Some(first), Some(last)) = (self.marks.front(), self.marks.back()) {
            let seconds = last.at.saturating_sub(first.at).as_secs_f64();
            if seconds > 0.5 {
                self.link.bit_rate = BitRate(((last.bytes - first.bytes) as f64 * 8.0 / seconds) as u64);
                self.link.frame_rate = ((last.frames - first.frames) as f64 / seconds) as f32;
            }
        }
        self.link.packets_received = snapshot.packets_received;
        self.link.packets_lost = snapshot.packets_lost;
        self.link.jitter_ms = snapshot.jitter_ms;
        self.link.clock_offset_ms = snapshot.clock_offset_ms.or(self.link.clock_offset_ms);
    }

    /// The statistics as they stand.
    pub(crate) fn link(&self) -> &LinkStatistics {
        &self.link
    }
    /// The counters as they stand.
    pub(crate) fn counters(&self) -> StreamCounters {
        self.before.plus(self.snapshot.counters)
    }
    /// The verdict as it stands.
    pub(crate) fn grade(&self, now: Duration) -> Grade {
        let lately = self.reconnected_at.is_some_and(|at| now.saturating_sub(at) < LATELY);
        grade(self.connected_at.is_some(), self.recent_loss(), self.link.jitter_ms, lately)
    }

    fn recent_loss(&self) -> f64 {
        let (Some(first), Some(last)) = (self.marks.front(), self.marks.back()) else { return 0.0 };
        // A late packet takes a loss back: totals may shrink.
        let lost = last.lost.saturating_sub(first.lost) as f64;
        let received = last.received.saturating_sub(first.received) as f64;
        if lost + received > 0.0 { lost / (lost + received) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use heron_core::{TrackFormat, VideoCodec, VideoFormat, WallTime};

    fn units(from: i64, count: i64) -> Vec<Arc<AccessUnit>> {
        let format = Arc::new(TrackFormat::Video(VideoFormat {
            codec: VideoCodec::H264,
            width: 16,
            height: 16,
            rfc6381: String::new(),
            config: Bytes::new(),
            parameter_sets: Vec::new(),
            pixel_aspect: (1, 1),
            reorder_frames: Some(0),
            nominal_fps: None,
        }));
        (from..from + count)
            .map(|n| {
                Arc::new(AccessUnit {
                    format: Arc::clone(&format),
                    pts: MediaTime(n * 3600),
                    dts: MediaTime(n * 3600),
                    audio_samples: 0,
                    arrival: WallTime(n),
                    camera_time: None,
                    wall: WallTime(n),
                    random_access: n % 50 == 0,
                    discontinuity: n == 0,
                    payload: Bytes::new(),
                })
            })
            .collect()
    }

    fn snapshot(second: u64, lost: u64) -> Snapshot {
        Snapshot {
            bytes: second * 500_000,
            packets_received: second * 400,
            packets_lost: lost,
            jitter_ms: 5.0,
            ..Snapshot::default()
        }
    }

    #[test]
    fn grades_follow_their_documented_bounds() {
        for (online, loss, jitter, lately, wanted) in [
            (true, 0.0, 5.0, false, Grade::Excellent),
            (true, 0.0005, 5.0, false, Grade::Fair),
            (true, 0.0, 45.0, false, Grade::Fair),
            (true, 0.01, 5.0, false, Grade::Poor),
            (true, 0.0, 200.0, false, Grade::Poor),
            (true, 0.0, 5.0, true, Grade::Poor),
            (true, 0.03, 5.0, false, Grade::Unusable),
            (true, 0.0, 400.0, false, Grade::Unusable),
            (false, 0.0, 0.0, false, Grade::Unusable),
        ] {
            assert_eq!(grade(online, loss, jitter, lately), wanted, "{loss} {jitter} {lately}");
        }
    }

    #[test]
    fn rates_are_measured_over_ten_seconds() {
        let mut meter = LinkMeter::default();
        meter.connected(Duration::ZERO);
        for second in 0..30u64 {
            meter.second(Duration::from_secs(second), snapshot(second, 0));
            meter.units(&units(second as i64 * 25, 25));
        }
        let link = meter.link();
        assert_eq!(link.bit_rate, BitRate(4_000_000));
        assert!((link.frame_rate - 25.0).abs() < 0.1, "{}", link.frame_rate);
        assert_eq!((link.gop_ms, link.gop_frames, link.access_units), (Some(2000), Some(50), 750));
        assert_eq!(meter.grade(Duration::from_secs(30)), Grade::Excellent);
        meter.disconnected();
        assert_eq!(meter.grade(Duration::from_secs(30)), Grade::Unusable);
        assert_eq!(meter.link().bit_rate, BitRate(0));
    }

    #[test]
    fn old_losses_are_forgiven_and_a_reconnect_after_ten_minutes() {
        let mut meter = LinkMeter::default();
        meter.connected(Duration::ZERO);
        meter.disconnected();
        meter.connected(Duration::ZERO);
        assert_eq!(meter.link().reconnects, 1);
        for second in 0..700u64 {
            meter.second(Duration::from_secs(second), snapshot(second, if second > 5 { 9 } else { 0 }));
            let wanted = match second {
                0..600 => Grade::Poor,
                _ => Grade::Excellent,
            };
            assert_eq!(meter.grade(Duration::from_secs(second)), wanted, "after {second} s");
        }
        assert_eq!(meter.link().packets_lost, 9);
    }

    #[test]
    fn counters_add_up_over_connections() {
        let mut meter = LinkMeter::default();
        let mut snapshot = Snapshot::default();
        snapshot.counters.garbage_bytes = 3;
        meter.connected(Duration::ZERO);
        meter.second(Duration::from_secs(1), snapshot);
        meter.disconnected();
        meter.connected(Duration::from_secs(2));
        meter.second(Duration::from_secs(3), snapshot);
        assert_eq!(meter.counters().garbage_bytes, 6);
    }
}
