//! Which file shows which time, where several hold it.
//!
//! What came as it was recorded is shown whole, also where a clock that was set back makes two files of one time. Anything
//! else is shown only where nothing better is: a second copy where its original is away, what was fetched later in the
//! gaps, and the key frames that thinning left where nothing else is left. So nothing is shown twice.

use crate::catalogue::Segment;
use crate::layout::Origin;
use crate::playback::wanted;
use crate::timeline::{Covered, join, without};
use heron_core::WallTime;
use heron_media::mp4::FragmentIndex;

/// What is left of a file and shorter than this is not worth an entry of its own: a frame of a slow camera.
const LEAST_NANOS: i64 = 200_000_000;

/// The best first; each shows what those before it leave.
const RANKS: [Origin; 4] = [Origin::Live, Origin::Copy, Origin::Backfill, Origin::Keys];

/// A stretch of a file.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) segment: Segment,
    pub(crate) start: WallTime,
    pub(crate) end: WallTime,
}

impl Part {
    fn whole(segment: Segment) -> Self {
        Self { start: segment.start, end: segment.end, segment }
    }

    /// Whether it begins in the middle of its file, where another one ends.
    pub(crate) fn is_cut(&self) -> bool {
        self.start > self.segment.start
    }

    /// Its fragments between `start` and `end`, from a key frame on.
    pub(crate) fn fragments<'a>(
        &self,
        fragments: &'a [FragmentIndex],
        start: WallTime,
        end: WallTime,
    ) -> &'a [FragmentIndex] {
        wanted(fragments, start.max(self.start), end.min(self.end))
    }
}

/// The parts of these segments (in order of start) that are to be shown, in order of start.
pub(crate) fn choose(segments: Vec<Segment>) -> Vec<Part> {
    if segments.iter().all(|s| s.origin == Origin::Live) {
        return segments.into_iter().map(Part::whole).collect();
    }
    let mut volumes: Vec<_> = segments.iter().map(|s| s.volume).collect();
    volumes.sort_unstable();
    volumes.dedup();
    let mut parts: Vec<Part> = Vec::new();
    for origin in RANKS {
        for volume in &volumes {
            // What is better, or the same on a volume before, is taken.
            let taken = taken(&parts);
            for segment in segments.iter().filter(|s| s.origin == origin && s.volume == *volume) {
                if origin == Origin::Live {
                    parts.push(Part::whole(segment.clone()));
                    continue;
                }
                let left = without((segment.start, segment.end), &taken, LEAST_NANOS);
                parts.extend(left.into_iter().map(|(start, end)| Part {
                    segment: segment.clone(),
                    start,
                    end,
                }));
            }
        }
    }
    parts.sort_by_key(|p| (p.start, p.segment.id));
    parts
}

fn taken(parts: &[Part]) -> Vec<(WallTime, WallTime)> {
    let mut covered: Vec<Covered> =
        parts.iter().map(|p| Covered { start: p.start, end: p.end, ..p.segment.covered() }).collect();
    covered.sort_by_key(|c| c.start);
    join(&covered, WallTime(i64::MIN), WallTime(i64::MAX))
}

/// What is left of fragments when those of a part that [begins in the middle of its file](Part::is_cut) follow: its first
/// one is a key frame that may be a moment too early.
pub(crate) fn before<'a>(
    fragments: &'a [FragmentIndex],
    next: Option<&FragmentIndex>,
) -> &'a [FragmentIndex] {
    match next.and_then(|f| f.wall) {
        Some(limit) => &fragments[..fragments.partition_point(|f| f.wall.is_none_or(|w| w < limit))],
        None => fragments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{SegmentFormat, SegmentState, VolumeId};
    use heron_core::{CameraId, StreamKey, StreamKind, VideoCodec};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn segment(id: i64, origin: Origin, volume: u128, start: i64, end: i64) -> Segment {
        let second = |s: i64| WallTime(s * 1_000_000_000);
        Segment {
            id,
            stream: StreamKey::new(CameraId(Uuid::from_u128(1)), StreamKind::Main),
            volume: VolumeId(Uuid::from_u128(volume)),
            start: second(start),
            end: second(end),
            origin,
            suffix: 0,
            bytes: 1,
            init_bytes: 1,
            frames: u32::try_from((end - start) * 25).unwrap_or(0),
            format: SegmentFormat {
                codecs: String::new(),
                video: VideoCodec::H264,
                audio: None,
                metadata: false,
                width: 1,
                height: 1,
            },
            state: SegmentState::Closed,
            locked: false,
        }
    }

    fn shown(parts: &[Part]) -> Vec<(i64, i64, i64)> {
        let seconds = |t: WallTime| t.0 / 1_000_000_000;
        parts.iter().map(|p| (p.segment.id, seconds(p.start), seconds(p.end))).collect()
    }

    #[test]
    fn a_copy_is_shown_only_where_its_original_is_not() {
        // The original's volume failed in the second minute; the copy went on.
        let parts = choose(vec![
            segment(1, Origin::Live, 1, 0, 60),
            segment(2, Origin::Copy, 2, 0, 60),
            segment(3, Origin::Live, 1, 60, 80),
            segment(4, Origin::Copy, 2, 60, 120),
            segment(5, Origin::Copy, 3, 60, 120),
            segment(6, Origin::Live, 2, 120, 180),
        ]);
        assert_eq!(shown(&parts), [(1, 0, 60), (3, 60, 80), (4, 80, 120), (6, 120, 180)]);
        assert!(parts[2].is_cut() && !parts[3].is_cut());
    }

    #[test]
    fn what_was_fetched_later_is_shown_in_the_gap_alone_and_keys_where_nothing_else_is() {
        let parts = choose(vec![
            segment(1, Origin::Keys, 1, 0, 200),
            segment(2, Origin::Live, 1, 10, 60),
            segment(3, Origin::Backfill, 1, 50, 110),
            segment(4, Origin::Live, 1, 100, 160),
        ]);
        assert_eq!(shown(&parts), [(1, 0, 10), (2, 10, 60), (3, 60, 100), (4, 100, 160), (1, 160, 200)]);
    }

    proptest! {
        /// Of what is not live nothing is shown twice, and what any file holds is shown.
        #[test]
        fn nothing_twice_and_nothing_missing(
            files in proptest::collection::vec((0usize..4, 1u128..3, 0i64..1_000, 1i64..120), 0..25),
        ) {
            let mut segments: Vec<Segment> = files.into_iter().enumerate()
                .map(|(id, (origin, volume, start, length))| segment(id as i64, Origin::ALL[origin], volume, start, start + length))
                .collect();
            segments.sort_by_key(|s| (s.start, s.id));
            let parts = choose(segments.clone());
            // Within one volume and origin files do not overlap unless a clock was set back.
            for (n, a) in parts.iter().enumerate() {
                for b in &parts[n + 1..] {
                    let overlap = a.end.min(b.end).nanos_since(a.start.max(b.start));
                    let (a, b) = (&a.segment, &b.segment);
                    let same = a.origin == b.origin && (a.volume == b.volume || a.origin == Origin::Live);
                    prop_assert!(overlap <= 0 || same, "{:?} {:?}", shown(&parts), overlap);
                }
            }
            let all = |covered: Vec<Covered>| {
                let mut covered = covered;
                covered.sort_by_key(|c| c.start);
                join(&covered, WallTime(i64::MIN), WallTime(i64::MAX))
            };
            let of_parts = all(parts.iter().map(|p| Covered { start: p.start, end: p.end, ..p.segment.covered() }).collect());
            prop_assert_eq!(of_parts, all(segments.iter().map(Segment::covered).collect()));
        }
    }
}
