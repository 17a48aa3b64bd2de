//! Recorded fragments with G.711 sound, as a browser can play them: the sound becomes FLAC, the pictures stay untouched.

use super::{FragmentIndex, Init, Problem, TrackSpec};
use bytes::Bytes;

/// Whether the file's sound is G.711, which browsers do not play in MP4.
pub fn needs_rewrite(init: &Init) -> bool {
    let _ = init;
    unimplemented!()
}

/// The tracks as the rewritten file has them: G.711 replaced by FLAC of the same rate and channels.
pub fn tracks(init: &Init) -> Vec<TrackSpec> {
    let _ = init;
    unimplemented!()
}

/// The init segment that goes with [`fragment`]. Same bytes for the same `Init`.
pub fn init_segment(init: &Init) -> Vec<u8> {
    let _ = init;
    unimplemented!()
}

/// The fragment with its G.711 samples as FLAC. `bytes` are the `index.length` bytes of the fragment; video payload is
/// copied once. Output length depends on sample counts only, see [`fragment_len`].
pub fn fragment(init: &Init, index: &FragmentIndex, bytes: &Bytes) -> Result<Bytes, Problem> {
    let _ = (init, index, bytes);
    unimplemented!()
}
