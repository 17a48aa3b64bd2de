//! All tracks of a playing stream: which packet belongs to which, and what to tell the camera.

use crate::session::{TrackPlan, TrackTransport};
use crate::settle::Settle;
use crate::track::{Instant, PacketHook, Role, TimedFrame, Track};
use heron_core::{AccessUnit, TrackKind, WallTime};
use heron_media::clock::WallMapper;
use heron_media::rtcp::{self, Rtcp};
use heron_media::rtp::DepacketizeError;
use std::sync::Arc;
use std::time::Duration;

/// How often the camera is told how its packets fare (RFC 3550 §6.2 asks for 5 s on average).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Nothing is passed on before the first key frame, because nothing could be shown; but no longer than this:
/// streams with intra refresh have none at all.
const KEY_FRAME_PATIENCE: Duration = Duration::from_secs(10);

/// What is known of a connection's packets besides [`crate::track::TrackCounters`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DemuxCounters {
    pub(crate) unknown_channel: u64,
    pub(crate) before_key_frame: u64,
    pub(crate) malformed_reports: u64,
    pub(crate) byes: u64,
    pub(crate) over_rate: u64,
}

/// The track on whose line of media time the others are laid: the first, which is the video
/// ([`crate::session`] plans none without).
const LEADER: usize = 0;

/// See the module.
pub(crate) struct Demux {
    pub(crate) tracks: Vec<Track>,
    /// `channels[c]`: track and whether it is RTCP. Indexed by interleaved channel.
    channels: Vec<Option<(usize, bool)>>,
    hook: Option<Arc<dyn PacketHook>>,
    /// Zero of media time: every track lies as far from it as its quickest frame came later, until sender reports
    /// know better.
    began: Duration,
    wall: WallMapper,
    /// The first moments; `None` when they are over.
    settle: Option<Settle>,
    report_due: Duration,
    ssrc: u32,
    cname: String,
    key_frame_seen: bool,
    pub(crate) last_packet: Option<Duration>,
    pub(crate) last_video_packet: Option<Duration>,
    pub(crate) last_unit: Option<WallTime>,
    pub(crate) counters: DemuxCounters,
}

impl Demux {
    /// For the tracks that were set up, from `now` on. `ssrc` and `cname` are ours.
    pub(crate) fn new(
        plans: &[TrackPlan],
        hook: Option<Arc<dyn PacketHook>>,
        ssrc: u32,
        cname: String,
        now: Duration,
    ) -> Result<Self, DepacketizeError> {
        let tracks = plans.iter().map(Track::new).collect::<Result<Vec<_>, _>>()?;
        let mut channels = vec![None; 256];
        for (index, plan) in plans.iter().enumerate() {
            if let Some(TrackTransport::Interleaved { rtp, rtcp }) = plan.transport {
                // RTP wins where a camera uses one channel for both.
                channels[usize::from(rtcp)].get_or_insert((index, true));
                channels[usize::from(rtp)] = Some((index, false));
            }
        }
        Ok(Self {
            tracks,
            channels,
            hook,
            began: now,
            wall: WallMapper::new(),
            settle: Some(Settle::default()),
            report_due: now + REPORT_INTERVAL,
            ssrc,
            cname,
            key_frame_seen: false,
            last_packet: None,
            last_video_packet: None,
            last_unit: None,
            counters: DemuxCounters::default(),
        })
    }

    /// What comes next may have come sooner by `unseen`: nobody has looked for so long.
    pub(crate) fn set_unseen(&mut self, unseen: Duration) {
        for track in &mut self.tracks {
            track.set_unseen(unseen);
        }
    }

    /// Whether the first moments are over.
    pub(crate) fn is_settled(&self) -> bool {
        self.settle.is_none()
    }

    /// One more than the highest channel in use.
    pub(crate) fn channel_count(&self) -> u16 {
        self.channels.iter().rposition(Option::is_some).map_or(0, |at| at as u16 + 1)
    }

    /// Takes an interleaved packet.
    pub(crate) fn interleaved(
        &mut self,
        channel: u8,
        bytes: &[u8],
        now: Instant,
        out: &mut Vec<Arc<AccessUnit>>,
    ) {
        match self.channels[usize::from(channel)] {
            Some((track, false)) if is_rtcp(bytes) => self.rtcp(track, bytes, now),
            Some((track, false)) => self.rtp(track, bytes, now, out),
            Some((track, true)) => self.rtcp(track, bytes, now),
            None => self.counters.unknown_channel += 1,
        }
    }

    /// Takes an RTP packet of `track`.
    pub(crate) fn rtp(&mut self, track: usize, bytes: &[u8], now: Instant, out: &mut Vec<Arc<AccessUnit>>) {
        let index = track;
        let Some(track) = self.tracks.get_mut(index) else { return };
        self.last_packet = Some(now.monotonic);
        if track.kind == TrackKind::Video {
            self.last_video_packet = Some(now.monotonic);
        }
        track.rtp(bytes, now, self.hook.as_deref());
        while let Some(timed) = self.tracks[index].pull(now) {
            self.last_unit = Some(now.wall);
            if self.tracks[index].admits(now.monotonic) {
                self.frame(index, timed, out);
            } else {
                self.counters.over_rate += 1;
            }
        }
    }

    fn frame(&mut self, index: usize, timed: TimedFrame, out: &mut Vec<Arc<AccessUnit>>) {
        let now = timed.came.monotonic;
        let Some(settle) = &mut self.settle else {
            let unit = self.place(index, timed);
            out.push(Arc::new(unit));
            return;
        };
        if index == LEADER {
            settle.began(now);
        }
        if !self.key_frame_seen {
            let key = timed.frame.random_access && self.tracks[index].kind == TrackKind::Video;
            self.key_frame_seen = key || now.saturating_sub(self.began) > KEY_FRAME_PATIENCE;
            if !self.key_frame_seen {
                self.counters.before_key_frame += 1;
                return;
            }
        }
        settle.hold(index, timed);
        self.settle(now, out);
    }

    /// Ends the first moments when that is due; appends what was held back.
    pub(crate) fn settle(&mut self, now: Duration, out: &mut Vec<Arc<AccessUnit>>) {
        if self.settle.as_ref().is_some_and(|s| s.is_over(now)) {
            self.release(now, out);
        }
    }

    /// When [`Demux::settle`] is due.
    pub(crate) fn settle_due(&self) -> Option<Duration> {
        self.settle.as_ref().and_then(Settle::due)
    }

    /// Appends what is held back: the first moments, or the connection, are over.
    pub(crate) fn release(&mut self, now: Duration, out: &mut Vec<Arc<AccessUnit>>) {
        let Some(settle) = self.settle.take() else { return };
        for index in 0..self.tracks.len() {
            let role = self.role(index);
            self.tracks[index].align(self.began, now, role);
        }
        let tracks = &self.tracks;
        let seen = settle.held().iter();
        self.wall.begin(seen.filter_map(|(index, timed)| tracks[*index].sighting(timed, *index == LEADER)));
        for (index, timed) in settle.into_held() {
            out.push(Arc::new(self.place(index, timed)));
        }
    }

    fn place(&mut self, index: usize, timed: TimedFrame) -> AccessUnit {
        let role = self.role(index);
        let track = &mut self.tracks[index];
        track.align(self.began, timed.came.monotonic, role);
        track.place(timed, role, &mut self.wall)
    }

    fn role(&self, index: usize) -> Role {
        match index {
            LEADER => Role::Leads,
            _ => Role::Follows(self.tracks[LEADER].line_zero()),
        }
    }

    /// Takes an RTCP packet of `track`.
    pub(crate) fn rtcp(&mut self, track: usize, bytes: &[u8], now: Instant) {
        let Some(track) = self.tracks.get_mut(track) else { return };
        for packet in rtcp::parse(bytes) {
            match packet {
                Ok(Rtcp::SenderReport(report, _)) => track.sender_report(report, now.monotonic),
                Ok(Rtcp::Bye { .. }) => self.counters.byes += 1,
                Ok(_) => {}
                Err(_) => self.counters.malformed_reports += 1,
            }
        }
        self.measure(now.monotonic);
    }

    /// Compares the tracks by their newest reports.
    fn measure(&mut self, now: Duration) {
        let Some((leader, followers)) = self.tracks.split_first_mut() else { return };
        let (Some(zero), Some(came)) = (leader.line_zero(), leader.reported_at()) else { return };
        for track in followers {
            if let Some(own) = track.reported_at() {
                track.measure(zero, came.min(own), now);
            }
        }
    }

    /// When [`Demux::reports`] is due.
    pub(crate) fn report_due(&self) -> Duration {
        self.report_due
    }

    /// The receiver reports that are due at `now`: track and packet.
    pub(crate) fn reports(&mut self, now: Duration) -> Vec<(usize, Vec<u8>)> {
        if now < self.report_due {
            return Vec::new();
        }
        self.report_due = now + REPORT_INTERVAL;
        let (ssrc, cname) = (self.ssrc, &self.cname);
        let tracks = self.tracks.iter_mut().enumerate();
        tracks
            .filter_map(|(index, track)| {
                let block = track.report_block(now)?;
                let mut packet = Vec::with_capacity(64);
                rtcp::push_receiver_report(ssrc, &[block], &mut packet);
                rtcp::push_cname(ssrc, cname, &mut packet);
                Some((index, packet))
            })
            .collect()
    }

    /// A receiver report without blocks, to open a firewall's way for RTCP.
    pub(crate) fn empty_report(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(32);
        rtcp::push_receiver_report(self.ssrc, &[], &mut packet);
        rtcp::push_cname(self.ssrc, &self.cname, &mut packet);
        packet
    }

    /// Camera clock minus box clock, milliseconds, once a sender report has come.
    pub(crate) fn clock_offset_ms(&self) -> Option<i64> {
        self.wall.camera_offset_nanos().map(|n| n / 1_000_000)
    }

    /// The video track.
    pub(crate) fn video(&self) -> Option<&Track> {
        self.tracks.iter().find(|t| t.kind == TrackKind::Video)
    }
}

/// RTCP on a channel of RTP: packet types 200 to 207 would be payload types 72 to 79 with the marker set, which
/// RTP leaves free (RFC 5761 §4).
fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.len() >= 8 && (200..=207).contains(&bytes[1])
}

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod time_tests;

#[cfg(test)]
mod tests;
