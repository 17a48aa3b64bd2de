//! One recorded key frame as a tiny MP4, for a picture while scrubbing.

use crate::RecordError;
use crate::catalogue::Segment;
use crate::index_cache::SegmentIndex;
use crate::playback::{Playback, StillFrame};
use heron_core::{MediaTime, TrackKind};
use heron_media::mp4::write::single_sample_fragment;
use heron_media::mp4::{FragmentIndex, Sample, TrackSpec, init_segment, mime_type, scan};
use std::sync::Arc;

/// How long the one picture lasts, in ticks of 90 kHz: 40 ms.
const DURATION: u32 = 3600;

/// The picture that `fragment` starts with.
pub(crate) fn of(
    playback: &Playback,
    segment: &Segment,
    index: &SegmentIndex,
    fragment: &FragmentIndex,
) -> Result<StillFrame, RecordError> {
    let wrong = |what: &str| playback.damaged(segment, what.to_owned());
    let file = playback.open(segment)?;
    let header = playback.read(segment, &file, fragment.offset, u64::from(fragment.header_len))?;
    let tracks = scan::samples(&index.init, fragment, &header)
        .map_err(|p| playback.damaged(segment, p.to_string()))?;
    let entry = tracks
        .iter()
        .find(|t| t.kind == TrackKind::Video)
        .and_then(|t| t.samples.first())
        .ok_or_else(|| wrong("a fragment has no picture"))?;
    let wall = fragment.wall.ok_or_else(|| wrong("a fragment has no wall time"))?;
    let spec = index.init.track(TrackKind::Video).ok_or_else(|| wrong("it has no video track"))?;
    let spec = TrackSpec::new(Arc::clone(&spec.spec.format));
    let at = fragment.offset + entry.offset;
    let picture = playback.read(segment, &file, at, u64::from(entry.size))?;
    let sample = Sample {
        track: TrackKind::Video,
        payload: picture.clone(),
        pts: MediaTime(0),
        dts: MediaTime(0),
        sync: true,
        audio_samples: 0,
        wall,
    };
    let tracks = [spec];
    let [spec] = &tracks;
    Ok(StillFrame {
        wall,
        mime_type: mime_type(&tracks),
        init: init_segment(&tracks, wall).into(),
        fragment: single_sample_fragment(spec, MediaTime(0), 1, &sample, DURATION),
        picture,
    })
}
