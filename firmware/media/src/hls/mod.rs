//! # hls: media playlists over recorded files (RFC 8216, protocol version 7)
//!
//! Plain fields in, text out; nothing is looked up.
//!
//! ```text
//!  scan::FragmentIndex of each file ─> segments(key frame to key frame) ─> MediaPlaylist ─> text
//! ```
//!
//! ## Invariants
//! 1. Every segment starts with a key frame (`EXT-X-INDEPENDENT-SEGMENTS`) and is one byte range of one file.
//! 2. A gap, a jump of the time line or a change of format is an `EXT-X-DISCONTINUITY`; each segment says its wall time, so
//!    a player's clock is right on both sides of it.
//! 3. The same list gives the same text.
//!
//! ## Non-goals
//! Multivariant playlists, low-latency parts, `EXT-X-GAP`.

mod group;
mod playlist;

pub use group::{Recording, SEAM, segments};
pub use playlist::{ByteRange, Map, MediaPlaylist, PlaylistKind, Segment};
