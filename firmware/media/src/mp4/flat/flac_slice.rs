//! G.711 that turns into FLAC when it is sent.

use crate::flac::{StreamInfo, verbatim_frame, verbatim_len};
use crate::g711::Law;
use bytes::Bytes;
use std::ops::Range;

/// Samples per frame. 1024 samples of 8 kHz are 128 ms, and cost 16 bytes of frame around 2 KiB of sound.
const BLOCK: usize = 1_024;
/// Shorter blocks are allowed only at the end of a FLAC stream (RFC 9639 §9.1.6): a shorter rest joins its predecessor.
const LEAST: usize = 16;
/// Samples in a run, so that converting one slice takes at most a quarter of a megabyte.
pub(super) const MAX_RUN: usize = 1 << 16;

/// Consecutive G.711 samples in a file, and what they become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlacRun {
    pub(crate) info: StreamInfo,
    pub(crate) law: Law,
    /// Number of the first sample in the output.
    pub(crate) first: u64,
    /// Samples per channel, at most [`MAX_RUN`] in plans.
    pub(crate) samples: usize,
}

impl FlacRun {
    /// First sample and length in samples of every frame.
    pub(crate) fn blocks(self) -> impl Iterator<Item = (usize, usize)> {
        let full = self.samples / BLOCK;
        let rest = self.samples % BLOCK;
        let joined = full > 0 && rest < LEAST;
        let count = if joined || rest == 0 { full } else { full + 1 };
        (0..count).map(move |n| {
            let at = n * BLOCK;
            (at, if n + 1 == count { self.samples - at } else { BLOCK })
        })
    }

    /// Bytes of the frame at `(at, len)`.
    pub(crate) fn frame_len(self, (at, len): (usize, usize)) -> usize {
        verbatim_len(self.info, self.first.wrapping_add(at as u64), len)
    }

    /// Bytes of all frames.
    pub(crate) fn bytes(self) -> u64 {
        self.blocks().map(|b| self.frame_len(b) as u64).sum()
    }

    /// Appends the frames `blocks`; `g711` starts with the first of them, and silence follows where it ends.
    pub(crate) fn encode(self, blocks: impl Iterator<Item = (usize, usize)>, g711: &[u8], out: &mut Vec<u8>) {
        let channels = usize::from(self.info.channels.clamp(1, 2));
        let mut pcm = Vec::with_capacity((BLOCK + LEAST) * channels);
        let mut codes = g711.iter().copied().chain(std::iter::repeat(self.law.silence()));
        for (at, len) in blocks {
            pcm.clear();
            pcm.extend(codes.by_ref().take(len * channels).map(|code| self.law.decode(code)));
            verbatim_frame(self.info, self.first.wrapping_add(at as u64), &pcm, out);
        }
    }
}

/// G.711 samples that become FLAC frames: read [`FlacSlice::range`] of [`FlacSlice::source`], then [`FlacSlice::encode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlacSlice {
    source: u64,
    /// Where the run starts in the source.
    offset: u64,
    run: FlacRun,
    /// Which of its encoded bytes are wanted.
    wanted: Range<u64>,
}

impl FlacSlice {
    pub(super) fn new(source: u64, offset: u64, run: FlacRun, wanted: Range<u64>) -> Self {
        Self { source, offset, run, wanted }
    }

    /// The id given to [`super::FlatBuilder::source`].
    pub fn source(&self) -> u64 {
        self.source
    }

    /// Encoded bytes it stands for.
    pub fn len(&self) -> u64 {
        self.wanted.end - self.wanted.start
    }

    /// Whether that is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The frames that hold the wanted bytes, and how many bytes come before them.
    fn touched(&self) -> (Vec<(usize, usize)>, u64) {
        let mut blocks = Vec::new();
        let (mut at, mut before) = (0, 0);
        for block in self.run.blocks() {
            let end = at + self.run.frame_len(block) as u64;
            if end <= self.wanted.start {
                before = end;
            } else if at < self.wanted.end {
                blocks.push(block);
            }
            at = end;
        }
        (blocks, before)
    }

    /// Which bytes of the source to read.
    pub fn range(&self) -> Range<u64> {
        let channels = u64::from(self.run.info.channels.clamp(1, 2));
        let (blocks, _) = self.touched();
        let first = blocks.first().map_or(0, |(at, _)| *at as u64);
        let end = blocks.last().map_or(0, |(at, len)| (at + len) as u64);
        self.offset + first * channels..self.offset + end * channels
    }

    /// Converts them. The result has [`FlacSlice::len`] bytes whatever `g711` holds; missing input counts as silence.
    pub fn encode(&self, g711: &[u8]) -> Bytes {
        let (blocks, before) = self.touched();
        let mut out = Vec::new();
        self.run.encode(blocks.into_iter(), g711, &mut out);
        let from = (self.wanted.start - before) as usize;
        Bytes::from(out).slice(from..from + self.len() as usize)
    }
}
