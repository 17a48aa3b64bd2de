//! What every depacketiser keeps besides the payload: the format, finished frames, counters.

use super::{DepacketizerCounters, Frame};
use bytes::Bytes;
use heron_core::TrackFormat;
use std::collections::VecDeque;
use std::sync::Arc;

/// Finished frames that are kept at most. One packet finishes at most 64 (AAC; 16 of H.264 and H.265),
/// and the caller pulls them after each.
const MAX_READY: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) format: Option<Arc<TrackFormat>>,
    pub(super) counters: DepacketizerCounters,
    /// Something was lost since the last frame was delivered.
    pub(super) loss: bool,
    ready: VecDeque<Frame>,
}

/// A frame without what [`Output`] knows.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) rtp_timestamp: u32,
    pub(super) payload: Bytes,
    pub(super) random_access: bool,
    pub(super) audio_samples: u32,
    pub(super) damaged: bool,
    pub(super) reference: bool,
}

impl Output {
    pub(super) fn with_format(format: TrackFormat) -> Self {
        Self { format: Some(Arc::new(format)), ..Self::default() }
    }

    pub(super) fn set_format(&mut self, format: TrackFormat) {
        match &self.format {
            Some(old) if **old == format => return,
            Some(_) => self.counters.format_changes += 1,
            None => {}
        }
        self.format = Some(Arc::new(format));
    }

    pub(super) fn deliver(&mut self, frame: Finished) {
        let Some(format) = &self.format else {
            self.counters.dropped_before_format += 1;
            return;
        };
        if self.ready.len() >= MAX_READY {
            self.ready.pop_front();
            self.counters.dropped_not_pulled += 1;
            if let Some(next) = self.ready.front_mut() {
                next.lost_before = true;
            }
        }
        self.counters.frames += 1;
        self.counters.damaged += u64::from(frame.damaged);
        self.ready.push_back(Frame {
            rtp_timestamp: frame.rtp_timestamp,
            payload: frame.payload,
            random_access: frame.random_access,
            audio_samples: frame.audio_samples,
            lost_before: std::mem::take(&mut self.loss) || frame.damaged,
            reference: frame.reference,
            format: Arc::clone(format),
        });
    }

    /// A frame had to be dropped because something of it is missing.
    pub(super) fn drop_incomplete(&mut self) {
        self.counters.dropped_incomplete += 1;
        self.loss = true;
    }

    pub(super) fn pull(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }
}
