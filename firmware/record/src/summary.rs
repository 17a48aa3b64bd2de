//! What a segment's row says, from its fragments: the same sums whether they were just written or read back after a
//! crash, so that a rebuilt catalogue equals the original.

use crate::catalogue::SegmentFormat;
use heron_core::{MediaTime, TrackFormat, TrackKind, WallTime};
use heron_media::mp4::{FragmentIndex, TrackSpec};

/// What is in a file with these tracks; `None` without a video track.
pub(crate) fn format_of<'a>(tracks: impl IntoIterator<Item = &'a TrackSpec>) -> Option<SegmentFormat> {
    let mut format = None;
    let mut codecs = Vec::new();
    let (mut audio, mut metadata) = (None, false);
    for track in tracks {
        match &*track.format {
            TrackFormat::Video(v) => {
                codecs.push(v.rfc6381.clone());
                format = Some((v.codec, v.width, v.height));
            }
            TrackFormat::Audio(a) => {
                codecs.push(a.rfc6381.clone());
                audio = Some(a.codec);
            }
            TrackFormat::Metadata => metadata = true,
        }
    }
    let (video, width, height) = format?;
    Some(SegmentFormat { codecs: codecs.join(","), video, audio, metadata, width, height })
}

/// End of a fragment's pictures, if it has any and says when they were.
pub(crate) fn end_of(fragment: &FragmentIndex) -> Option<WallTime> {
    let video = fragment.track(TrackKind::Video)?;
    let ticks = i64::try_from(video.duration).ok()?;
    Some(fragment.wall?.plus_nanos(MediaTime(ticks).as_nanos()))
}

/// Video frames of a fragment.
pub(crate) fn frames_of(fragment: &FragmentIndex) -> u32 {
    fragment.track(TrackKind::Video).map_or(0, |t| t.samples)
}

/// First instant, last instant and frames of a whole file; `None` when it has no dated picture.
pub(crate) fn extent_of(fragments: &[FragmentIndex]) -> Option<(WallTime, WallTime, u32)> {
    let start = fragments.iter().find(|f| frames_of(f) > 0)?.wall?;
    let end = fragments.iter().rev().find_map(end_of)?;
    let frames = fragments.iter().fold(0u32, |n, f| n.saturating_add(frames_of(f)));
    Some((start, end, frames))
}
