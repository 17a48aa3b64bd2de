//! From fragments to playlist segments: key frame to key frame.

use super::{Map, Segment};
use crate::mp4::{FragmentIndex, Init};
use heron_core::MediaTime;

/// One recorded file (or the part of it that is wanted).
#[derive(Clone, Debug)]
pub struct Recording<'a> {
    /// Where the file is, relative to the playlist.
    pub uri: String,
    /// Its init segment: where a player gets it.
    pub map: Map,
    /// Its tracks.
    pub init: &'a Init,
    /// Wanted fragments, in order, starting with a key frame.
    pub fragments: &'a [FragmentIndex],
    /// `false` when the file is served rewritten, so that byte ranges of it mean nothing: `uri` then has to be made for
    /// each segment by `segment_uri`.
    pub byte_ranges: bool,
}

/// Groups fragments into segments of about `target` (at least one group of pictures each), with discontinuities
/// where the time line, the format or the wall clock jumps.
pub fn segments(recordings: &[Recording<'_>], target: MediaTime) -> Vec<Segment> {
    let _ = (recordings, target);
    unimplemented!()
}
