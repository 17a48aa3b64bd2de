//! A flat MP4 (`moov` first, then one `mdat`) over pieces of recorded files, without a temporary file.
//!
//! ```text
//!  Init + FragmentIndex + moof bytes of each fragment ─> FlatBuilder ─> FlatMp4 { length, ETag, slices(range) }
//!                                                                          │
//!       Slice::Inline (ftyp, moov, mdat header) · Slice::File (bytes of a segment) · Slice::Flac (G.711 to convert)
//! ```
//!
//! ## What is true of the file
//! 1. It plays exactly from `start` to `end`: the data begins at the key frame before `start`, an edit list hides what is too
//!    early. Sound has its own edit list, so it stays in step.
//! 2. A gap is closed up by default: the picture after it follows the picture before it, and [`FlatMp4::time_map`] says which
//!    wall time is where. With [`FlatOptions::keep_gaps`] the last picture is held as long as the gap was (a longer sample
//!    duration). An empty edit in the middle of a track would say the same more plainly, but browsers play the first edit and
//!    ignore the rest.
//! 3. After each gap sound and pictures are lined up again; sound that overlaps the join is left out.
//! 4. A changed parameter set is another sample description. Browsers read the first description only, so in a clip with several
//!    every key frame also carries its parameter sets (20 to 60 bytes each); one description needs none of that.
//! 5. G.711 is presented as verbatim FLAC, whose length is known without looking at the sound. ONVIF metadata is left out.
//!
//! Memory: 16 bytes per sample while planning (1 h of 25 fps and AAC at 16 kHz: 2.3 MB), then `moov` (0.8 MB) and 64 bytes per
//! run of samples.

mod builder;
mod flac_slice;
mod moov;
mod part;
mod payload;
mod slices;
mod sound;
mod table;

use super::Problem;
use heron_core::{ErrorKind, WallTime};

pub use builder::FlatBuilder;
pub(crate) use flac_slice::FlacRun;
pub use flac_slice::FlacSlice;
pub use slices::{FlatMp4, Slice, Slices};

/// Samples that a plan may hold: 33 h of 25 fps video, or 17 h with AAC at 16 kHz; 48 MB while it is made.
pub const MAX_SAMPLES: usize = 3_000_000;

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlatOptions {
    /// First instant wanted. Playing starts exactly there (edit list); the data starts at the key frame before it.
    pub start: WallTime,
    /// End, exclusive.
    pub end: WallTime,
    /// `false` (the usual): a gap is closed up. `true`: the last picture before a gap is held for as long as the gap was,
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
            Self::Source { problem, .. } => problem.kind(),
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
