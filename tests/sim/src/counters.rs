//! What was sent, so that a test can compare it with what was recorded.

use heron_core::{TrackKind, WallTime};
use serde::Serialize;
use std::collections::VecDeque;

/// Sessions and key frames kept: an hour of one stream with a key frame every second.
const KEPT: usize = 3600;

/// What one track of one stream has sent since the simulator began, to all clients together.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TrackCounters {
    /// Access units sent whole.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Bytes of RTP packets, headers included, and those that a fault lost.
    pub bytes: u64,
    /// RTP packets, those included that a fault lost.
    pub packets: u64,
    /// Sender reports.
    pub sender_reports: u64,
    /// Access units thrown away because the client's socket stayed full, or because the sender itself came too late.
    pub frames_dropped: u64,
    /// Access units that a fault kept back (stall, endless GOP).
    pub frames_withheld: u64,
    /// RTP packets that a fault lost.
    pub packets_lost: u64,
    /// RTP packets that a fault held back behind later ones.
    pub packets_reordered: u64,
    /// What each session sent, oldest first; the last 3600.
    pub sessions: VecDeque<RtpRange>,
    /// When each key frame was sent, oldest first; the last 3600.
    pub key_frame_times: VecDeque<KeyFrame>,
}

/// The RTP packets of one session's track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RtpRange {
    /// Which session of this camera, counted from 1.
    pub session: u64,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number of the first packet, without wrapping.
    pub first_sequence: u64,
    /// Sequence number of the last packet, counted on beyond 65535 where it wrapped.
    pub last_sequence: u64,
    /// Timestamp of the first packet.
    pub first_timestamp: u32,
    /// Timestamp of the last packet.
    pub last_timestamp: u32,
    /// Access units sent whole.
    pub frames: u64,
    /// RTP packets sent.
    pub packets: u64,
}

/// A key frame that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KeyFrame {
    /// Which session.
    pub session: u64,
    /// Machine time when its packets were handed to the system.
    pub sent: WallTime,
    /// The camera's own wall clock for its picture: what its sender reports say of its timestamp.
    pub camera_time: WallTime,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Bytes of its packets, headers included.
    pub bytes: u64,
}

/// What one stream has sent.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StreamCounters {
    /// Sessions that are playing now.
    pub playing: u64,
    /// Sessions that have ever played.
    pub sessions: u64,
    /// Requests with wrong or missing credentials.
    pub unauthorized: u64,
    /// The video track.
    pub video: TrackCounters,
    /// The audio track.
    pub audio: TrackCounters,
}

impl StreamCounters {
    /// The counters of a track; video's for anything but audio.
    pub fn track(&self, kind: TrackKind) -> &TrackCounters {
        if kind == TrackKind::Audio { &self.audio } else { &self.video }
    }
    /// The same, to be changed.
    pub(crate) fn track_mut(&mut self, kind: TrackKind) -> &mut TrackCounters {
        if kind == TrackKind::Audio { &mut self.audio } else { &mut self.video }
    }
}

impl TrackCounters {
    /// Opens a session's line.
    pub(crate) fn open(&mut self, range: RtpRange) {
        if self.sessions.len() == KEPT {
            self.sessions.pop_front();
        }
        self.sessions.push_back(range);
    }
    /// The line of a session, while it is kept.
    pub(crate) fn session_mut(&mut self, session: u64) -> Option<&mut RtpRange> {
        self.sessions.iter_mut().rev().find(|r| r.session == session)
    }
    /// Notes a key frame.
    pub(crate) fn key_frame(&mut self, frame: KeyFrame) {
        self.key_frames += 1;
        if self.key_frame_times.len() == KEPT {
            self.key_frame_times.pop_front();
        }
        self.key_frame_times.push_back(frame);
    }
}
