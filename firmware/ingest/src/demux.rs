//! All tracks of a playing stream: which packet belongs to which, and what to tell the camera.

use crate::session::{TrackPlan, TrackTransport};
use crate::track::{Instant, PacketHook, Track};
use heron_core::{AccessUnit, MediaTime, TrackKind, WallTime};
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
}

/// See the module.
pub(crate) struct Demux {
    pub(crate) tracks: Vec<Track>,
    /// `channels[c]`: track and whether it is RTCP. Indexed by interleaved channel.
    channels: Vec<Option<(usize, bool)>>,
    hook: Option<Arc<dyn PacketHook>>,
    /// The common origin of media time: every track's first frame lies as far from it as it came later.
    began: Duration,
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
        let first_new = out.len();
        let Some(track) = self.tracks.get_mut(track) else { return };
        self.last_packet = Some(now.monotonic);
        if track.kind == TrackKind::Video {
            self.last_video_packet = Some(now.monotonic);
        }
        let origin = MediaTime::from_nanos(
            i64::try_from(now.monotonic.saturating_sub(self.began).as_nanos()).unwrap_or(i64::MAX),
        );
        track.rtp(bytes, now, origin, self.hook.as_deref(), out);
        if out.len() > first_new {
            self.last_unit = Some(now.wall);
            if !self.key_frame_seen {
                self.await_key_frame(first_new, now, out);
            }
        }
    }

    /// Drops the units that came before the first key frame.
    fn await_key_frame(&mut self, first_new: usize, now: Instant, out: &mut Vec<Arc<AccessUnit>>) {
        let key = out[first_new..].iter().position(|u| u.is_key_frame());
        let impatient = now.monotonic.saturating_sub(self.began) > KEY_FRAME_PATIENCE;
        let drop = match key {
            Some(at) => at,
            None if impatient => 0,
            None => out.len() - first_new,
        };
        self.key_frame_seen = key.is_some() || impatient;
        let dropped: Vec<_> = out.drain(first_new..first_new + drop).collect();
        let Some(last) = dropped.last() else { return };
        self.counters.before_key_frame += dropped.len() as u64;
        // The next one of this track is the first that anybody sees: it may be here already.
        match out.get_mut(first_new).and_then(Arc::get_mut) {
            Some(first) => first.discontinuity = true,
            None => {
                if let Some(track) = self.tracks.iter_mut().find(|t| t.kind == last.track()) {
                    track.mark_discontinuity();
                }
            }
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
mod tests;
