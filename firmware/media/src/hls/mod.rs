//! # hls: media playlists over recorded files (RFC 8216, protocol version 7)
//!
//! Plain data in, text out; nothing is looked up.

mod group;
mod playlist;

pub use group::{Recording, segments};
pub use playlist::{ByteRange, Map, MediaPlaylist, PlaylistKind, Segment};
