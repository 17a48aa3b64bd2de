//! Whether a stream that plays is alive, and how it is doing.

use crate::connection::Connection;
use crate::demux::Demux;
use crate::failure::End;
use crate::statistics::{Snapshot, StreamCounters};
use crate::track::{Instant, Track};
use crate::udp_media::UdpMedia;
use crate::{SILENCE, STEP_TIMEOUT};
use heron_media::nal::BitstreamError;
use std::ops::ControlFlow;
use std::time::Duration;

/// Packets come, but for so long no picture can be made of them.
const PICTURE_PATIENCE: Duration = Duration::from_secs(30);

/// The camera itself has said in the stream that its pictures are none that can be taken: not worth waiting for more.
const UNUSABLE_PATIENCE: Duration = Duration::from_secs(3);

/// Why no picture will come, if the camera has said so much and no picture has come.
pub(crate) fn obstacle(demux: &Demux) -> Option<End> {
    let (why, _) = demux.video().filter(|_| demux.last_unit.is_none())?.refused_sets()?;
    Some(End::Unusable(why.clone()))
}

/// Whether a stream that plays is still alive.
pub(crate) fn verdict(demux: &Demux, played_at: Duration, now: Instant, udp: bool) -> ControlFlow<End> {
    let now = now.monotonic;
    let since = |moment: Duration| now.saturating_sub(moment);
    let Some(last) = demux.last_packet else {
        return match since(played_at) > STEP_TIMEOUT {
            true => ControlFlow::Break(End::NoPackets { udp }),
            false => ControlFlow::Continue(()),
        };
    };
    // A microphone alone does not keep a camera alive, but pictures may be rarer than sound.
    let video = demux.last_video_packet.unwrap_or(played_at);
    if since(last) > SILENCE || since(video) > 3 * SILENCE {
        return ControlFlow::Break(End::Silence);
    }
    let played = since(played_at);
    if demux.last_unit.is_none() && played > UNUSABLE_PATIENCE {
        // What only the description says may be wrong, and what comes with the first key frame right.
        let refused = demux.video().and_then(Track::refused_sets);
        let final_word = matches!(refused, Some((BitstreamError::OutOfRange { .. }, true)));
        if let Some(end) = obstacle(demux).filter(|_| final_word || played > PICTURE_PATIENCE) {
            return ControlFlow::Break(end);
        }
    }
    if demux.last_unit.is_none() && played > PICTURE_PATIENCE {
        let last = demux.video().and_then(|v| v.last_error());
        return ControlFlow::Break(End::NoPictures { seconds: played.as_secs(), last });
    }
    ControlFlow::Continue(())
}

/// The totals of a connection as they stand.
pub(crate) fn snapshot(demux: &Demux, connection: &Connection, udp: Option<&UdpMedia>) -> Snapshot {
    let mut out = Snapshot::default();
    for track in &demux.tracks {
        out.bytes += track.counters.bytes;
        out.packets_received += track.packets_received();
        out.packets_lost += track.packets_lost();
        out.counters = out.counters.plus(StreamCounters {
            malformed_packets: track.counters.malformed_packets,
            ssrc_changes: track.counters.ssrc_changes,
            other_payload_types: track.counters.other_payload_types,
            sequence_restarts: track.sequence_restarts(),
            time_jumps: track.counters.time_jumps,
            format_changes: track.counters.format_changes,
            damaged_frames: track.frames_damaged(),
            ..StreamCounters::default()
        });
    }
    if let Some(video) = demux.video() {
        out.jitter_ms = video.jitter_ms();
    }
    out.clock_offset_ms = demux.clock_offset_ms();
    out.counters.unknown_channel = demux.counters.unknown_channel;
    out.counters.malformed_packets += demux.counters.malformed_reports;
    out.counters.before_key_frame = demux.counters.before_key_frame;
    out.counters.over_rate = demux.counters.over_rate;
    out.counters.garbage_bytes = connection.garbage_bytes;
    out.counters.strangers = udp.map_or(0, |u| u.strangers);
    out
}
