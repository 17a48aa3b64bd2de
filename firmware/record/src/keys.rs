//! Key frames alone, for looking through hours at many times real time: one picture of each group instead of fifty.
//!
//! A playlist of them is an ordinary one. Its time line is that of the recording, each picture stands until the next, and
//! there is no sound; any player plays it, at any rate. An entry covers about ten seconds of recording, so that at sixteen
//! times real time fewer than two requests a second are made, for a tenth of the bytes.

use crate::RecordError;
use crate::catalogue::Segment;
use crate::index_cache::SegmentIndex;
use crate::playback::Playback;
use bytes::{Bytes, BytesMut};
use heron_core::{MediaTime, TrackKind};
use heron_media::mp4::write::single_sample_fragment;
use heron_media::mp4::{FragmentIndex, Init, Sample, TrackSpec, init_segment, scan};
use std::fs::File;
use std::sync::Arc;

/// About how long one entry of a playlist of key frames lasts.
pub(crate) const TARGET: MediaTime = MediaTime(10 * MediaTime::HZ);

/// The init segment of the pictures alone.
pub(crate) fn init(init: &Init) -> Option<Bytes> {
    let track = TrackSpec::new(Arc::clone(&init.track(TrackKind::Video)?.spec.format));
    Some(init_segment(&[track], init.created.unwrap_or_default()).into())
}

/// The key frames that `fragments` begin with, each as a fragment of its own that lasts until the next, the last one to the
/// end of all.
pub(crate) fn fragments(
    playback: &Playback,
    segment: &Segment,
    file: &File,
    index: &SegmentIndex,
    fragments: &[FragmentIndex],
) -> Result<Bytes, RecordError> {
    let wrong = |what: &str| playback.damaged(segment, what.to_owned());
    let track = index.init.track(TrackKind::Video).ok_or_else(|| wrong("it has no video track"))?;
    let spec = TrackSpec::new(Arc::clone(&track.spec.format));
    let times = |f: &FragmentIndex| {
        f.track(TrackKind::Video).map(|t| (t.first_dts, t.first_dts.saturating_add(t.duration)))
    };
    let keyed: Vec<&FragmentIndex> = fragments.iter().filter(|f| f.starts_with_key_frame()).collect();
    let end = fragments.iter().rev().find_map(times).map_or(0, |t| t.1);
    let mut out = BytesMut::new();
    for (n, fragment) in keyed.iter().enumerate() {
        let (start, _) = times(fragment).ok_or_else(|| wrong("a fragment has no picture"))?;
        let until = keyed.get(n + 1).and_then(|f| times(f)).map_or(end, |t| t.0);
        let header = playback.read(segment, file, fragment.offset, u64::from(fragment.header_len))?;
        let tracks = scan::samples(&index.init, fragment, &header)
            .map_err(|p| playback.damaged(segment, p.to_string()))?;
        let first = tracks.iter().find(|t| t.kind == TrackKind::Video).and_then(|t| t.samples.first());
        let first = first.ok_or_else(|| wrong("a fragment has no picture"))?;
        let payload = playback.read(segment, file, fragment.offset + first.offset, u64::from(first.size))?;
        let ticks = |t: u64| MediaTime::from_rate(i64::try_from(t).unwrap_or(i64::MAX), track.timescale);
        let dts = ticks(start);
        let sample = Sample {
            track: TrackKind::Video,
            payload,
            pts: MediaTime::from_rate(dts.to_rate(track.timescale) + i64::from(first.cto), track.timescale),
            dts,
            sync: true,
            audio_samples: 0,
            wall: fragment.wall.unwrap_or(segment.start),
        };
        let lasts = ticks(until.max(start)) - dts;
        let lasts = u32::try_from(lasts.to_rate(spec.timescale())).unwrap_or(u32::MAX);
        out.extend_from_slice(&single_sample_fragment(
            &spec,
            MediaTime(0),
            fragment.sequence,
            &sample,
            lasts,
        ));
    }
    Ok(out.freeze())
}
