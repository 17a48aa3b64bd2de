//! What a ring can hold.

use heron_core::AccessUnit;

/// An item of a [`crate::Ring`].
pub trait RingItem: Send + Sync + 'static {
    /// How much memory it stands for, bytes. Must not change.
    fn cost_bytes(&self) -> usize;
    /// A reader may start here. Must not change.
    fn is_start(&self) -> bool;
}

/// What an access unit costs beside its payload: the struct, the `Arc`, its slot in the ring. Counted so that
/// a flood of empty units is bounded too.
const UNIT_OVERHEAD_BYTES: usize = 192;

impl RingItem for AccessUnit {
    fn cost_bytes(&self) -> usize {
        self.payload.len() + UNIT_OVERHEAD_BYTES
    }
    /// Video key frames. Audio and metadata of a stream follow its video.
    fn is_start(&self) -> bool {
        self.is_key_frame()
    }
}
