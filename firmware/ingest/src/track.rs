//! One track of a playing stream: packets in, access units out, both clocks stamped.

use crate::session::TrackPlan;
use heron_core::{AccessUnit, MediaTime, TrackFormat, TrackKind, WallTime};
use heron_media::clock::{CameraClock, DtsEstimator, RtpUnwrapper, WallMapper};
use heron_media::rtcp::{ReportBlock, SenderReport};
use heron_media::rtp::{Arrival, DepacketizeError, Depacketizer, Frame, Packet, SequenceTracker};
use std::sync::Arc;
use std::time::Duration;

/// Sees the packets before they are put together.
pub trait PacketHook: Send + Sync {
    /// A packet with a header extension, such as ONVIF replay's (profile `0xABAC`). Called on an ingest thread: it
    /// must return at once.
    fn extension(&self, track: TrackKind, packet: &Packet<'_>);
}

/// When something came, by both of the box's clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant {
    /// Box time.
    pub(crate) wall: WallTime,
    /// Monotonic time.
    pub(crate) monotonic: Duration,
}

/// The recording's time line stands still for at most this long rather than go back.
const MAX_STANDSTILL_NANOS: i64 = 10_000_000_000;

/// Counters of a track, since the connection began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TrackCounters {
    pub(crate) bytes: u64,
    pub(crate) malformed_packets: u64,
    pub(crate) ssrc_changes: u64,
    pub(crate) other_payload_types: u64,
    pub(crate) time_jumps: u64,
    pub(crate) format_changes: u64,
}

/// See the module.
pub(crate) struct Track {
    pub(crate) kind: TrackKind,
    payload_type: u8,
    /// The payload type that is taken: the described one as soon as it has been seen, else the first that came.
    taken_type: Option<u8>,
    sequence: SequenceTracker,
    depacketizer: Depacketizer,
    unwrapper: Option<RtpUnwrapper>,
    dts: DtsEstimator,
    camera: CameraClock,
    wall: WallMapper,
    last_wall: Option<WallTime>,
    format: Option<Arc<TrackFormat>>,
    ssrc: Option<u32>,
    /// The newest sender report, and when it came.
    report: Option<(SenderReport, Duration)>,
    /// It has not been given to `camera` because no frame has come yet.
    report_waits: bool,
    discontinuity: bool,
    last_error: Option<DepacketizeError>,
    pub(crate) counters: TrackCounters,
}

impl Track {
    /// For a planned track whose codec was checked when it was chosen.
    pub(crate) fn new(plan: &TrackPlan) -> Result<Self, DepacketizeError> {
        let depacketizer = plan.codec.depacketizer()?;
        let rate = depacketizer.clock_rate_hz();
        let format = depacketizer.format().cloned();
        Ok(Self {
            kind: plan.kind,
            payload_type: plan.codec.map.payload_type,
            taken_type: None,
            sequence: SequenceTracker::new(rate),
            depacketizer,
            unwrapper: None,
            dts: estimator(plan.kind, format.as_deref()),
            camera: CameraClock::new(rate),
            wall: WallMapper::new(),
            last_wall: None,
            format,
            ssrc: None,
            report: None,
            report_waits: false,
            discontinuity: true,
            last_error: None,
            counters: TrackCounters::default(),
        })
    }

    /// Takes an RTP packet; appends the access units that it finishes. `origin` is the media time at which the
    /// track's first frame shall lie.
    pub(crate) fn rtp(
        &mut self,
        bytes: &[u8],
        now: Instant,
        origin: MediaTime,
        hook: Option<&dyn PacketHook>,
        out: &mut Vec<Arc<AccessUnit>>,
    ) {
        let Ok(packet) = Packet::parse(bytes) else {
            self.counters.malformed_packets += 1;
            return;
        };
        self.counters.bytes += bytes.len() as u64;
        if !self.takes(packet.payload_type) {
            self.counters.other_payload_types += 1;
            return;
        }
        if let (Some(hook), true) = (hook, packet.extension.is_some()) {
            hook.extension(self.kind, &packet);
        }
        if self.ssrc.is_some_and(|ssrc| ssrc != packet.ssrc) {
            self.counters.ssrc_changes += 1;
        }
        self.ssrc = Some(packet.ssrc);
        let lost_before = match self.sequence.push(&packet, now.monotonic) {
            Arrival::Next { lost } => lost > 0,
            Arrival::Restart => true,
            Arrival::Late | Arrival::Duplicate => return,
        };
        if let Err(error) = self.depacketizer.push(&packet, lost_before) {
            self.counters.malformed_packets += 1;
            self.last_error = Some(error);
        }
        while let Some(frame) = self.depacketizer.pull() {
            let unit = self.stamp(frame, now, origin);
            out.push(Arc::new(unit));
        }
    }

    /// The camera's payload type for this track, or, when that never comes, whatever does: some describe one number
    /// and send another.
    fn takes(&mut self, payload_type: u8) -> bool {
        if payload_type == self.payload_type || self.taken_type.is_none() {
            self.taken_type = Some(payload_type);
        }
        self.taken_type == Some(payload_type)
    }

    fn stamp(&mut self, frame: Frame, now: Instant, origin: MediaTime) -> AccessUnit {
        let rate = self.depacketizer.clock_rate_hz();
        let unwrapper = self.unwrapper.get_or_insert_with(|| RtpUnwrapper::new(rate, origin));
        let instant = unwrapper.push(frame.rtp_timestamp, now.monotonic);
        if instant.jumped {
            self.counters.time_jumps += 1;
            self.dts.discontinuity();
            self.camera.reset();
        }
        if self.report_waits || instant.jumped {
            self.apply_report();
        }
        if !self.format.as_ref().is_some_and(|f| Arc::ptr_eq(f, &frame.format)) {
            if self.format.is_some() {
                self.counters.format_changes += 1;
            }
            if let Some(video) = frame.format.video() {
                self.dts.set_reorder_frames(video.reorder_frames);
            }
            self.format = Some(Arc::clone(&frame.format));
        }
        let stamps = self.dts.push(instant.media);
        let camera_time = self.camera.at(instant.ticks);
        let camera_at_dts = self.camera.at(stamps.dts.to_rate(rate));
        let stamp = self.wall.map(stamps.dts, now.wall, camera_at_dts, instant.jumped);
        // Begun anew after a jump it may lie a little behind what was said before; then it stands still until it
        // has caught up. Farther behind the box's own clock was set back, and there is no hiding that.
        let wall = match self.last_wall {
            Some(last) if last > stamp.wall && last.nanos_since(stamp.wall) < MAX_STANDSTILL_NANOS => last,
            _ => stamp.wall,
        };
        self.last_wall = Some(wall);
        AccessUnit {
            format: frame.format,
            pts: stamps.pts,
            dts: stamps.dts,
            audio_samples: frame.audio_samples,
            arrival: now.wall,
            camera_time,
            wall,
            random_access: frame.random_access,
            discontinuity: std::mem::take(&mut self.discontinuity)
                || frame.lost_before
                || instant.jumped
                || stamp.anchored,
            payload: frame.payload,
        }
    }

    /// The units that are being dropped before the stream's first key frame leave a hole.
    pub(crate) fn mark_discontinuity(&mut self) {
        self.discontinuity = true;
    }

    /// Takes a sender report of this track.
    pub(crate) fn sender_report(&mut self, report: SenderReport, now: Duration) {
        self.report = Some((report, now));
        self.apply_report();
    }

    fn apply_report(&mut self) {
        let Some((report, _)) = self.report else { return };
        let ticks = self.unwrapper.as_ref().and_then(|u| u.locate(report.rtp_timestamp));
        self.report_waits = ticks.is_none();
        if let Some(ticks) = ticks {
            self.camera.sender_report(report.ntp, ticks);
        }
    }

    /// What a receiver report says of this track; nothing before the first packet.
    pub(crate) fn report_block(&mut self, now: Duration) -> Option<ReportBlock> {
        let ssrc = self.ssrc?;
        let last = self.report.map(|(report, came)| (report.middle_ntp(), now.saturating_sub(came)));
        Some(self.sequence.report(ssrc, last))
    }

    pub(crate) fn packets_received(&self) -> u64 {
        self.sequence.counters().received
    }
    pub(crate) fn packets_lost(&self) -> u64 {
        self.sequence.counters().lost
    }
    pub(crate) fn sequence_restarts(&self) -> u64 {
        self.sequence.counters().restarts
    }
    pub(crate) fn frames_damaged(&self) -> u64 {
        self.depacketizer.counters().damaged
    }
    pub(crate) fn jitter_ms(&self) -> f32 {
        self.sequence.jitter_ms()
    }
    pub(crate) fn clock_offset_ms(&self) -> Option<i64> {
        self.wall.camera_offset_nanos().map(|n| n / 1_000_000)
    }
    /// What was wrong with the last packet that could not be used.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.as_ref().map(ToString::to_string)
    }
}

fn estimator(kind: TrackKind, format: Option<&TrackFormat>) -> DtsEstimator {
    match format.and_then(TrackFormat::video) {
        Some(video) => DtsEstimator::new(video.reorder_frames, video.nominal_fps),
        None if kind == TrackKind::Video => DtsEstimator::new(None, None),
        None => DtsEstimator::new(Some(0), None),
    }
}
