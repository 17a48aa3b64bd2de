//! One track of a playing stream: packets in, access units out, both clocks stamped.
//!
//! A frame is timed on its track's own line when it comes ([`Track::pull`]) and placed on the connection's line when it
//! is passed on ([`Track::place`]): between the two, [`crate::settle`] may hold it.

use crate::rate::RateLimit;
use crate::session::TrackPlan;
use heron_core::{AccessUnit, MediaTime, TrackFormat, TrackKind, WallTime};
use heron_media::clock::{Alignment, CameraClock, DtsEstimator, RtpUnwrapper, Sighting, Stamps, WallMapper};
use heron_media::nal::BitstreamError;
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

/// A frame with its times on its track's own line.
#[derive(Clone, Debug)]
pub(crate) struct TimedFrame {
    pub(crate) frame: Frame,
    pub(crate) came: Instant,
    ticks: i64,
    stamps: Stamps,
    jumped: bool,
}

/// Whose line the connection's is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// This track's own.
    Leads,
    /// Another's: when, by the camera's clock, that one was at zero, when its reports say so.
    Follows(Option<WallTime>),
}

/// The recording's time line stands still for at most this long rather than go back.
const MAX_STANDSTILL_NANOS: i64 = 10_000_000_000;

/// A sender report lies beside the frames that come with it to within a second: a jump of the time line is of ten
/// seconds ahead or two back at least ([`RtpUnwrapper`]), what a network holds back is less.
const REPORT_OFF_NANOS: u64 = 1_000_000_000;

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
    /// The smallest `arrival - presentation time` of the frames before the first was placed, nanoseconds.
    transit: Option<i64>,
    /// From its own line to the connection's; since its first frame was placed.
    alignment: Option<Alignment>,
    /// When the reports were last asked where it is.
    measured_at: Option<Duration>,
    /// Of the last frame that was placed: on its own line, and on the recording's.
    last_dts: Option<MediaTime>,
    last_wall: Option<WallTime>,
    format: Option<Arc<TrackFormat>>,
    ssrc: Option<u32>,
    /// The newest sender report, and when it came.
    report: Option<(SenderReport, Duration)>,
    /// It has not been given to `camera` because no frame has come yet.
    report_waits: bool,
    discontinuity: bool,
    rate: RateLimit,
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
            transit: None,
            alignment: None,
            measured_at: None,
            last_dts: None,
            last_wall: None,
            format,
            ssrc: None,
            report: None,
            report_waits: false,
            discontinuity: true,
            rate: RateLimit::default(),
            last_error: None,
            counters: TrackCounters::default(),
        })
    }

    /// Takes an RTP packet; [`Track::pull`] has the frames that it finishes.
    pub(crate) fn rtp(&mut self, bytes: &[u8], now: Instant, hook: Option<&dyn PacketHook>) {
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
    }

    /// The camera's payload type for this track, or, when that never comes, whatever does: some describe one number
    /// and send another.
    fn takes(&mut self, payload_type: u8) -> bool {
        if payload_type == self.payload_type || self.taken_type.is_none() {
            self.taken_type = Some(payload_type);
        }
        self.taken_type == Some(payload_type)
    }

    /// What comes next may have come sooner by `unseen`.
    pub(crate) fn set_unseen(&mut self, unseen: Duration) {
        self.sequence.set_unseen(unseen);
    }

    /// Whether a frame that came at `now` is one of no more than a camera makes. If not it is to be dropped; the next
    /// one says that something is missing.
    pub(crate) fn admits(&mut self, now: Duration) -> bool {
        let admitted = self.rate.admit(now);
        self.discontinuity |= !admitted;
        admitted
    }

    /// The next frame that has become whole.
    pub(crate) fn pull(&mut self, now: Instant) -> Option<TimedFrame> {
        let frame = self.depacketizer.pull()?;
        let rate = self.depacketizer.clock_rate_hz();
        let unwrapper = self.unwrapper.get_or_insert_with(|| RtpUnwrapper::new(rate, MediaTime(0)));
        let instant = unwrapper.push(frame.rtp_timestamp, now.monotonic);
        if instant.jumped {
            self.counters.time_jumps += 1;
            self.dts.discontinuity();
            self.camera.reset();
        }
        // A report may come before the first frame that it speaks of; one of the line before a jump says nothing.
        if self.report_waits || (instant.jumped && self.report_is_of_line_at(instant.ticks, now.monotonic)) {
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
        if self.alignment.is_none() {
            let transit = nanos(now.monotonic).saturating_sub(instant.media.as_nanos());
            self.transit = Some(self.transit.map_or(transit, |t| t.min(transit)));
        }
        let stamps = self.dts.push(instant.media);
        Some(TimedFrame { frame, came: now, ticks: instant.ticks, stamps, jumped: instant.jumped })
    }

    /// Before its first frame is placed: lays it on the connection's line, whose zero is `began` of the monotonic
    /// clock, by the arrivals so far and by the reports, if there are any.
    pub(crate) fn align(&mut self, began: Duration, now: Duration, role: Role) {
        let Some(transit) = self.transit.filter(|_| self.alignment.is_none()) else { return };
        let by_arrivals = MediaTime::from_nanos(transit.saturating_sub(nanos(began)));
        let alignment = self.alignment.insert(Alignment::new(by_arrivals));
        if let (Role::Follows(Some(leader)), Some(own)) = (role, self.camera.zero()) {
            self.measured_at = Some(now);
            alignment.measure(MediaTime::from_nanos(own.nanos_since(leader)));
            alignment.jump();
        }
    }

    /// Reports of this track and of the leading one, the older of which came at `came`, say where its line lies:
    /// `leader` as in [`Role::Follows`].
    pub(crate) fn measure(&mut self, leader: WallTime, came: Duration, now: Duration) {
        let (Some(alignment), Some(own)) = (self.alignment.as_mut(), self.camera.zero()) else { return };
        // One that is older was there when the last was taken: if the camera's clock was set since, the two are of
        // different clocks.
        if self.measured_at.is_none_or(|at| came > at) {
            self.measured_at = Some(now);
            alignment.measure(MediaTime::from_nanos(own.nanos_since(leader)));
        }
    }

    /// When, by the camera's clock, the connection's line was at zero, by this track.
    pub(crate) fn line_zero(&self) -> Option<WallTime> {
        Some(self.camera.zero()?.plus_nanos(self.alignment.as_ref()?.shift().as_nanos().saturating_neg()))
    }

    /// What is known of an aligned track's frame before it is placed. Whether the camera's clock can be trusted is
    /// the leading track's to say.
    pub(crate) fn sighting(&self, timed: &TimedFrame, leads: bool) -> Option<Sighting> {
        let shift = self.alignment.as_ref()?.shift();
        let own = timed.stamps.dts;
        let camera_time =
            if leads { self.camera.at(own.to_rate(self.depacketizer.clock_rate_hz())) } else { None };
        Some(Sighting {
            media: own + shift,
            presented: timed.stamps.pts + shift,
            arrival: timed.came.wall,
            camera_time,
        })
    }

    /// Makes an access unit of an aligned track's next frame.
    pub(crate) fn place(&mut self, timed: TimedFrame, role: Role, wall: &mut WallMapper) -> AccessUnit {
        let TimedFrame { frame, came, ticks, stamps, jumped } = timed;
        let step = stamps.dts - self.last_dts.replace(stamps.dts).unwrap_or(stamps.dts);
        let (shift, in_place) = match &mut self.alignment {
            Some(alignment) => (alignment.advance(step), alignment.is_in_place()),
            None => (MediaTime(0), false),
        };
        let dts = stamps.dts + shift;
        let pts = stamps.pts + shift;
        if in_place || matches!(role, Role::Leads) {
            wall.witness(pts, came.wall);
        }
        let (line, anchored) = match role {
            Role::Leads => {
                let camera_at_dts = self.camera.at(stamps.dts.to_rate(self.depacketizer.clock_rate_hz()));
                let stamp = wall.map(dts, came.wall, camera_at_dts, jumped);
                (stamp.wall, stamp.anchored)
            }
            Role::Follows(_) => (wall.at(dts).unwrap_or(came.wall), false),
        };
        // Begun anew after a jump it may lie a little behind what was said before; then it stands still until it
        // has caught up. Farther behind the box's own clock was set back, and there is no hiding that.
        let wall = match self.last_wall {
            Some(last) if last > line && last.nanos_since(line) < MAX_STANDSTILL_NANOS => last,
            _ => line,
        };
        self.last_wall = Some(wall);
        AccessUnit {
            format: frame.format,
            pts,
            dts,
            audio_samples: frame.audio_samples,
            arrival: came.wall,
            camera_time: self.camera.at(ticks),
            wall,
            random_access: frame.random_access,
            discontinuity: std::mem::take(&mut self.discontinuity) || frame.lost_before || jumped || anchored,
            payload: frame.payload,
        }
    }

    /// Takes a sender report of this track.
    pub(crate) fn sender_report(&mut self, report: SenderReport, now: Duration) {
        self.report = Some((report, now));
        self.apply_report();
    }

    /// Whether the newest report is of the line on which `ticks` came at `now`: then it lies as far before it as it
    /// came earlier.
    fn report_is_of_line_at(&self, ticks: i64, now: Duration) -> bool {
        let Some((report, came)) = self.report else { return false };
        let rate = self.depacketizer.clock_rate_hz();
        let located = self.unwrapper.as_ref().and_then(|u| u.locate(report.rtp_timestamp));
        let before = located.map(|l| MediaTime::from_rate(ticks.saturating_sub(l), rate).as_nanos());
        let earlier = nanos(now.saturating_sub(came));
        before.is_some_and(|before| before.abs_diff(earlier) < REPORT_OFF_NANOS)
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
    /// Why the parameter sets that came cannot be used, and whether they came in the stream or only with the
    /// description; nothing once there are some that can.
    pub(crate) fn refused_sets(&self) -> Option<(&BitstreamError, bool)> {
        self.depacketizer.refused_sets()
    }
    /// When the newest report came.
    pub(crate) fn reported_at(&self) -> Option<Duration> {
        self.report.map(|(_, came)| came)
    }
    /// What was wrong with the last packet that could not be used.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.as_ref().map(ToString::to_string)
    }
}

fn nanos(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)
}

fn estimator(kind: TrackKind, format: Option<&TrackFormat>) -> DtsEstimator {
    match format.and_then(TrackFormat::video) {
        Some(video) => DtsEstimator::new(video.reorder_frames, video.nominal_fps),
        None if kind == TrackKind::Video => DtsEstimator::new(None, None),
        None => DtsEstimator::new(Some(0), None),
    }
}
