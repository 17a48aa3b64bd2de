//! Small sealed segments, made as the recorder makes them.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use bytes::Bytes;
use heron_core::{CameraId, GapReason, MediaTime, StreamKey, StreamKind, TrackFormat, TrackKind, WallTime};
use heron_evidence::{
    Beginning, BoxKey, DeclaredGap, Ending, Head, Opening, Previous, Sealer, Signer, Source, verify,
};
use heron_media::mp4::{FragmentBuilder, Sample, TrackSpec, init_segment};
use std::ops::Range;
use std::sync::Arc;

pub const START: WallTime = WallTime(1_794_996_000_000_000_000);

pub fn second(n: i64) -> WallTime {
    START.plus_nanos(n * 1_000_000_000)
}

pub fn key() -> BoxKey {
    BoxKey::from_seed([7; 32].into()).unwrap()
}

/// A segment, and where its fragments lie, seal and all.
pub struct Tape {
    pub bytes: Vec<u8>,
    pub plain_init: Vec<u8>,
    pub init_end: usize,
    pub fragments: Vec<Range<usize>>,
    pub opening: Opening,
    pub head: Head,
    pub previous: Previous,
    pub end: WallTime,
}

/// A segment of `fragments` seconds that begins `at` seconds after [`START`] and follows `before`.
pub fn tape(at: i64, before: Option<&Tape>, fragments: u32) -> Tape {
    let gaps = before.filter(|b| second(at) > b.end).map(|b| DeclaredGap {
        start: b.end,
        end: second(at),
        reason: GapReason::CameraUnreachable,
    });
    let camera: CameraId = "01890000-0000-7000-8000-0000000000aa".parse().unwrap();
    let beginning = Beginning {
        stream: StreamKey::new(camera, StreamKind::Main),
        source: Source::Live,
        start: second(at),
        number: before.map_or(0, |b| b.previous.number + 1),
        previous: before.map(|b| b.previous),
        made_from: None,
        gaps: gaps.into_iter().collect(),
    };
    Tape::make(&key(), beginning, fragments, None)
}

impl Tape {
    pub fn beginning(&self) -> Beginning {
        let o = self.opening.clone();
        Beginning {
            stream: o.stream,
            source: o.source,
            start: o.start,
            number: o.number,
            previous: o.previous,
            made_from: o.made_from,
            gaps: o.gaps,
        }
    }

    /// `altered`: the fragment whose pictures are others.
    pub fn make(key: &BoxKey, beginning: Beginning, count: u32, altered: Option<u32>) -> Self {
        let start = beginning.start;
        let track = TrackSpec::new(Arc::new(TrackFormat::Video(heron_media::mjpeg::video_format(64, 64))));
        let tracks = [track];
        let plain_init = init_segment(&tracks, start);
        let (mut sealer, mut bytes) = Sealer::begin(beginning, &plain_init, key, &key.mac_key());
        let init_end = bytes.len();
        let mut builder = FragmentBuilder::new(&tracks, MediaTime(0));
        let mut fragments = Vec::new();
        for n in 1..=count {
            for picture in 0..2i64 {
                let dts = MediaTime((i64::from(n - 1) * 2 + picture) * MediaTime::HZ / 2);
                let fill = if altered == Some(n) { 0xaa } else { 0x55 };
                let sample = Sample {
                    track: TrackKind::Video,
                    payload: Bytes::from(vec![fill ^ n as u8 ^ picture as u8; 40]),
                    pts: dts,
                    dts,
                    sync: true,
                    audio_samples: 0,
                    wall: start.plus_nanos(dts.as_nanos()),
                };
                builder.push(sample).unwrap();
            }
            let fragment = builder.finish(n, Some(MediaTime(i64::from(n) * MediaTime::HZ))).unwrap();
            let slices =
                || std::iter::once(&fragment.header[..]).chain(fragment.payloads.iter().map(|p| &p[..]));
            let seal = sealer.next(slices());
            let from = bytes.len();
            bytes.extend_from_slice(&seal.to_box());
            slices().for_each(|s| bytes.extend_from_slice(s));
            sealer.commit(&seal);
            fragments.push(from..bytes.len());
        }
        let end = start.plus_nanos(i64::from(count) * 1_000_000_000);
        let (head, previous) = sealer.finish(end, Ending::Closed, end, key).unwrap();
        bytes.extend_from_slice(&head.to_box());
        let opening = sealer.opening().clone();
        assert!(verify(bytes.as_slice(), None).findings.is_empty());
        Self { bytes, plain_init, init_end, fragments, opening, head, previous, end }
    }
}
