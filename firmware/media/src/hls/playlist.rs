//! The playlist as data, and its text.

use heron_core::{MediaTime, WallTime};
use std::fmt;

/// A byte range of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// An init segment (`EXT-X-MAP`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Where it is, relative to the playlist.
    pub uri: String,
    /// Which bytes; the whole resource when `None`.
    pub byte_range: Option<ByteRange>,
}

/// A media segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it is, relative to the playlist.
    pub uri: String,
    /// Which bytes; the whole resource when `None`.
    pub byte_range: Option<ByteRange>,
    /// How long it plays.
    pub duration: MediaTime,
    /// Wall time of its first picture.
    pub program_date_time: Option<WallTime>,
    /// Something is missing before it, or its time line or format is another: `EXT-X-DISCONTINUITY`.
    pub discontinuity: bool,
    /// The init segment it needs; written when it differs from the one before.
    pub map: Map,
}

/// Whether the list will change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaylistKind {
    /// Complete: `PLAYLIST-TYPE:VOD` and `ENDLIST`.
    Vod,
    /// Still growing at its end, nothing is ever taken away: `PLAYLIST-TYPE:EVENT`.
    Event,
    /// A window that slides: no type, no `ENDLIST`.
    Sliding,
}

/// A media playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPlaylist {
    /// Whether it will change.
    pub kind: PlaylistKind,
    /// Number of the first segment.
    pub media_sequence: u64,
    /// Number of discontinuities taken away at the front; written when not zero.
    pub discontinuity_sequence: u64,
    /// The segments in order.
    pub segments: Vec<Segment>,
}

impl fmt::Display for MediaPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        unimplemented!()
    }
}
