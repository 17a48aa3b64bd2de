//! A flat MP4 (`moov` first) over pieces of recorded files, without a temporary file.

use super::{FragmentIndex, Init, Problem};
use bytes::Bytes;
use heron_core::{ErrorKind, WallTime};
use std::ops::Range;

/// What to make.
#[derive(Clone, Debug)]
pub struct FlatOptions {
    /// First instant wanted. Playing starts exactly there (edit list); the data starts at the key frame before it.
    pub start: WallTime,
    /// End, exclusive.
    pub end: WallTime,
    /// `false` (default): a gap is closed up. `true`: the last picture before a gap is held for as long as the gap was,
    /// so that the clip's clock stays the wall clock.
    pub keep_gaps: bool,
}

/// Why no clip could be made.
#[derive(Debug, thiserror::Error)]
pub enum FlatError {
    /// Nothing was recorded in the range.
    #[error("nothing was recorded between {start} and {end}")]
    Empty {
        /// First instant wanted.
        start: WallTime,
        /// End.
        end: WallTime,
    },
    /// More samples than a plan may hold; ask for a shorter range.
    #[error("the range holds more than {0} samples: ask for a shorter one")]
    TooLong(usize),
    /// A fragment's table cannot be read.
    #[error("source {source_id}: {problem}")]
    Source {
        /// Which source.
        source_id: u64,
        /// What is wrong.
        problem: Problem,
    },
}

impl FlatError {
    /// How the rim should answer.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Empty { .. } => ErrorKind::NotFound,
            Self::TooLong(_) => ErrorKind::TooLarge,
            Self::Source { .. } => ErrorKind::Damaged,
        }
    }
}

/// A stretch of the clip that maps straight to wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSpan {
    /// Nanoseconds from the start of the clip.
    pub clip_nanos: i64,
    /// Wall time at that instant.
    pub wall: WallTime,
    /// How long it lasts, nanoseconds.
    pub nanos: i64,
}

/// Collects the fragments of consecutive segments of one stream, in time order.
///
/// ```text
/// for each segment file:   builder.source(id, &init)
///   for each fragment:       builder.fragment(&index, &header_bytes)
/// builder.finish() -> FlatMp4
/// ```
///
/// Start with the fragment that holds the last key frame at or before `start` (earlier ones are thrown away again
/// as soon as a better start comes); fragments at or after `end` are ignored.
#[derive(Debug)]
pub struct FlatBuilder {}

impl FlatBuilder {
    /// A plan of nothing yet.
    pub fn new(options: FlatOptions) -> Self {
        let _ = options;
        unimplemented!()
    }
    /// From here on fragments are of this file. `id` is the caller's name for it and comes back in the slices.
    pub fn source(&mut self, id: u64, init: &Init) {
        let _ = (id, init);
        unimplemented!()
    }
    /// Adds a fragment; `header` is its first `header_len` bytes.
    pub fn fragment(&mut self, index: &FragmentIndex, header: &[u8]) -> Result<(), FlatError> {
        let _ = (index, header);
        unimplemented!()
    }
    /// Makes the plan.
    pub fn finish(self) -> Result<FlatMp4, FlatError> {
        unimplemented!()
    }
}

/// A planned file: its length, its identity, and where each byte comes from.
#[derive(Clone, Debug)]
pub struct FlatMp4 {}

impl FlatMp4 {
    /// Length of the file in bytes.
    pub fn total_len(&self) -> u64 {
        unimplemented!()
    }
    /// A strong entity tag, quotes included: the same plan always gives the same bytes.
    pub fn etag(&self) -> &str {
        unimplemented!()
    }
    /// The MIME type with codecs.
    pub fn mime_type(&self) -> &str {
        unimplemented!()
    }
    /// How long it plays, nanoseconds.
    pub fn duration_nanos(&self) -> i64 {
        unimplemented!()
    }
    /// Which instant of the clip is which wall time; more than one span when there are gaps.
    pub fn time_map(&self) -> &[TimeSpan] {
        unimplemented!()
    }
    /// Where the bytes `range` of the file come from, in order. The range is cut to the file.
    pub fn slices(&self, range: Range<u64>) -> Slices<'_> {
        let _ = range;
        unimplemented!()
    }
}

/// See [`FlatMp4::slices`].
#[derive(Debug)]
pub struct Slices<'a> {
    plan: &'a FlatMp4,
}

impl Iterator for Slices<'_> {
    type Item = Slice;
    fn next(&mut self) -> Option<Slice> {
        let _ = self.plan;
        unimplemented!()
    }
}

/// Where some bytes of the file come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slice {
    /// These bytes.
    Inline(Bytes),
    /// These bytes of a recorded file.
    File {
        /// The id given to [`FlatBuilder::source`].
        source: u64,
        /// Byte range in it.
        range: Range<u64>,
    },
    /// G.711 in a recorded file, to be converted: read `flac.range()` of `flac.source()`, then [`FlacSlice::encode`].
    Flac(FlacSlice),
}

impl Slice {
    /// How many bytes of the file it stands for.
    pub fn len(&self) -> u64 {
        unimplemented!()
    }
    /// Whether that is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// G.711 samples that become FLAC frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlacSlice {}

impl FlacSlice {
    /// The id given to [`FlatBuilder::source`].
    pub fn source(&self) -> u64 {
        unimplemented!()
    }
    /// Which bytes of it to read.
    pub fn range(&self) -> Range<u64> {
        unimplemented!()
    }
    /// Converts them. The result is as long as the slice says, whatever `g711` holds; missing input counts as silence.
    pub fn encode(&self, g711: &[u8]) -> Bytes {
        let _ = g711;
        unimplemented!()
    }
}
