//! From fragments to playlist segments: key frame to key frame.

use super::{ByteRange, Map, Segment};
use crate::mp4::{FragmentIndex, Init};
use heron_core::{MediaTime, TrackKind, WallTime};

/// A hole or an overlap up to this long is played through; anything longer is a discontinuity. Half a second is more than
/// a lost picture and less than what a person calls a gap.
pub const SEAM: MediaTime = MediaTime(MediaTime::HZ / 2);

/// One recorded file, or the part of it that is wanted.
#[derive(Clone, Debug)]
pub struct Recording<'a> {
    /// Where the file is, relative to the playlist.
    pub uri: String,
    /// Where a player gets its init segment. Two recordings with [`Init::same_formats`] may name the same one.
    pub map: Map,
    /// Its tracks.
    pub init: &'a Init,
    /// Wanted fragments, in order. With video, those before the first that starts with a key frame are left out.
    pub fragments: &'a [FragmentIndex],
}

/// Groups fragments into segments that start with a key frame and play for `target` or a little longer, with
/// discontinuities where the time line, the format or the wall clock jumps.
///
/// Every segment has a byte range of its recording's `uri`. A caller that serves changed bytes (see
/// [`crate::mp4::rewrite`]) puts the range into the `uri` instead and sets `byte_range` to `None`.
pub fn segments(recordings: &[Recording<'_>], target: MediaTime) -> Vec<Segment> {
    let mut out: Vec<Segment> = Vec::new();
    let mut before: Option<End<'_>> = None;
    for recording in recordings {
        let Some(lead) = Lead::of(recording.init) else { continue };
        let mut open = false;
        for fragment in recording.fragments {
            let Some(span) = lead.span(fragment) else { continue };
            let seam = before.as_ref().map(|end| end.seam_to(recording.init, span, fragment.wall));
            let segment_start = span.key && {
                // A jump starts a new segment even when the one before is short.
                let jumped = !matches!(seam, Some(Seam::Smooth));
                !open || jumped || out.last().is_none_or(|s| s.duration >= target)
            };
            if segment_start {
                // A small hole belongs to the segment before it, so that the durations add up to the time line.
                if let (Some(Seam::Smooth), Some(end), Some(last)) = (&seam, &before, out.last_mut()) {
                    last.duration = MediaTime((last.duration + (span.start - end.at)).0.max(0));
                }
                out.push(Segment {
                    uri: recording.uri.clone(),
                    byte_range: Some(ByteRange { offset: fragment.offset, length: fragment.length }),
                    duration: span.duration,
                    program_date_time: fragment.wall,
                    discontinuity: matches!(seam, Some(Seam::Jump)),
                    map: recording.map.clone(),
                });
                open = true;
            } else if let (true, Some(last)) = (open, out.last_mut()) {
                let hole = before.as_ref().map_or(MediaTime(0), |end| span.start - end.at);
                let hole = MediaTime(hole.0.clamp(0, SEAM.0));
                last.duration = last.duration + hole + span.duration;
                if let Some(range) = &mut last.byte_range {
                    range.length = fragment.end().saturating_sub(range.offset);
                }
            } else {
                continue;
            }
            before = Some(End {
                init: recording.init,
                at: span.start + span.duration,
                wall: fragment.wall.map(|w| w.plus_nanos(span.duration.as_nanos())),
            });
        }
    }
    out
}

/// The track whose time counts: video, or what there is without it.
struct Lead {
    kind: TrackKind,
    timescale: u32,
}

#[derive(Clone, Copy)]
struct Span {
    start: MediaTime,
    duration: MediaTime,
    key: bool,
}

impl Lead {
    fn of(init: &Init) -> Option<Self> {
        let track = init.track(TrackKind::Video).or(init.tracks.first())?;
        Some(Self { kind: track.spec.kind(), timescale: track.timescale })
    }

    /// `None` for a fragment without the leading track: it only adds sound to what is open, and has no time of its own.
    fn span(&self, fragment: &FragmentIndex) -> Option<Span> {
        let track = fragment.track(self.kind)?;
        let ticks = |t: u64| MediaTime::from_rate(i64::try_from(t).unwrap_or(i64::MAX), self.timescale);
        let start = ticks(track.first_dts);
        Some(Span {
            start,
            duration: ticks(track.first_dts.saturating_add(track.duration)) - start,
            key: track.sync_first || self.kind != TrackKind::Video,
        })
    }
}

/// Where the fragment before ended.
struct End<'a> {
    init: &'a Init,
    at: MediaTime,
    wall: Option<WallTime>,
}

enum Seam {
    Smooth,
    Jump,
}

impl End<'_> {
    fn seam_to(&self, init: &Init, next: Span, wall: Option<WallTime>) -> Seam {
        let media = (next.start - self.at).0.unsigned_abs() <= SEAM.0 as u64;
        let clock = match (self.wall, wall) {
            (Some(end), Some(start)) => start.nanos_since(end).unsigned_abs() <= SEAM.as_nanos() as u64,
            _ => true,
        };
        let formats = std::ptr::eq(self.init, init) || self.init.same_formats(init);
        if media && clock && formats { Seam::Smooth } else { Seam::Jump }
    }
}
