//! # mp4: fragmented MP4 (CMAF) out and in, and a flat MP4 that exists only as a plan
//!
//! Bytes in, bytes out; sources are ISO/IEC 14496-12 (boxes), 14496-14 (`mp4a`), 14496-15 (`avc1`, `hvc1`), 23000-19
//! (CMAF) and the FLAC-in-ISOBMFF mapping.
//!
//! ```text
//!  AccessUnit ─> write::FragmentBuilder ─> [prft][moof][mdat header] + payloads ─> one writev ─> segment file
//!  segment file ─> scan ─> Init, FragmentIndex… ─┬─> hls::segments ─> playlist over byte ranges
//!                                                ├─> flat::FlatBuilder ─> ftyp moov mdat, as slices of the files
//!                                                └─> rewrite (G.711 becomes FLAC) ─> the same fragment for a browser
//! ```
//!
//! ## Invariants
//! 1. A stream has at most one track of each kind and the track number says which: video 1, audio 2, metadata 3.
//! 2. Video and metadata tracks count 90 kHz ticks, an audio track counts its own samples.
//! 3. A fragment is self-contained: `prft` (wall time of its first video sample), `moof`, `mdat`; every offset in it is
//!    relative to its own `moof`.
//! 4. A reader never believes a length: it is checked against the file and against a bound before anything is read
//!    or allocated, and nesting is walked by fixed paths, not by recursion.
//! 5. One init segment describes one set of formats; a changed parameter set means a new file.
//!
//! ## Non-goals
//! Encryption, several sample descriptions in one recorded file, `sidx`, text tracks.

mod boxes;
mod entry;
pub mod flat;
mod format;
pub mod index_box;
mod init;
mod moof;
mod moov;
mod parse;
mod problem;
mod read_at;
pub mod rewrite;
mod samples;
pub mod scan;
pub mod times;
pub mod write;

use heron_core::{TrackFormat, TrackKind};
use std::sync::Arc;

pub use problem::Problem;
pub use scan::{FragmentIndex, Init, ReadAt, Scan, TrackIndex};
pub use write::{Fragment, FragmentBuilder, Sample, init_segment};

/// One track of a file: its format, and with it its number and time scale.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackSpec {
    /// The track's format.
    pub format: Arc<TrackFormat>,
}

impl TrackSpec {
    /// The track of that format.
    pub fn new(format: Arc<TrackFormat>) -> Self {
        Self { format }
    }
    /// Pictures, sound or metadata.
    pub fn kind(&self) -> TrackKind {
        self.format.kind()
    }
    /// The `track_ID` in the file, see [`track_id`].
    pub fn track_id(&self) -> u32 {
        track_id(self.kind())
    }
    /// Ticks per second of the track's media time line, see [`timescale`].
    pub fn timescale(&self) -> u32 {
        timescale(&self.format)
    }
}

/// The `track_ID` that a track of that kind always has: video 1, audio 2, metadata 3.
pub const fn track_id(kind: TrackKind) -> u32 {
    match kind {
        TrackKind::Video => 1,
        TrackKind::Audio => 2,
        TrackKind::Metadata => 3,
    }
}

/// Ticks per second of a track's media time line: the sample rate for audio, 90 000 for anything else. Never zero.
pub fn timescale(format: &TrackFormat) -> u32 {
    match format {
        TrackFormat::Audio(a) => a.sample_rate_hz.max(1),
        TrackFormat::Video(_) | TrackFormat::Metadata => 90_000,
    }
}

/// The MIME type with RFC 6381 codecs for a file of these tracks, for example
/// `video/mp4; codecs="avc1.64001f,mp4a.40.2"`. Metadata tracks are left out: players do not know them.
pub fn mime_type(tracks: &[TrackSpec]) -> String {
    let mut codecs: Vec<&str> = Vec::with_capacity(2);
    let mut has_video = false;
    for track in tracks {
        match &*track.format {
            TrackFormat::Video(v) => {
                has_video = true;
                codecs.push(&v.rfc6381);
            }
            TrackFormat::Audio(a) => codecs.push(&a.rfc6381),
            TrackFormat::Metadata => {}
        }
    }
    let top = if has_video || codecs.is_empty() { "video" } else { "audio" };
    format!("{top}/mp4; codecs=\"{}\"", codecs.join(","))
}
