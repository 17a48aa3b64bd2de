//! ONVIF metadata over RTP (ONVIF Streaming Specification §5.1.2.1): an XML document in packets of one timestamp, the
//! last one with the marker bit.

use super::DepacketizeError;
use super::chunk::Chunk;
use super::output::{Finished, Output};
use crate::rtp::Packet;
use heron_core::TrackFormat;

/// Longest document in bytes. A frame of a hundred objects is under 100 KB.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Metadata {
    chunk: Chunk,
    timestamp: Option<u32>,
    /// A part of the document is missing.
    incomplete: bool,
    pub(super) output: Output,
}

impl Metadata {
    pub(super) fn new() -> Self {
        Self {
            chunk: Chunk::new(16 << 10, 64 << 10),
            timestamp: None,
            incomplete: false,
            output: Output::with_format(TrackFormat::Metadata),
        }
    }

    pub(super) fn push(&mut self, packet: &Packet<'_>, lost_before: bool) -> Result<(), DepacketizeError> {
        self.output.loss |= lost_before;
        if lost_before && self.timestamp.is_some() {
            self.incomplete = true;
        }
        if self.timestamp.is_some_and(|t| t != packet.timestamp) {
            self.end_unmarked();
        }
        if self.timestamp.is_none() {
            // After a loss only what looks like a beginning is one.
            let text = packet.payload.trim_ascii_start();
            let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            self.incomplete = lost_before && text.first() != Some(&b'<');
            self.timestamp = Some(packet.timestamp);
        }
        let mut result = Ok(());
        if !self.incomplete {
            if self.chunk.len() + packet.payload.len() > MAX_DOCUMENT_BYTES {
                self.incomplete = true;
                self.chunk.truncate(0);
                self.output.counters.dropped_too_large += 1;
                result = Err(DepacketizeError::FrameTooLarge { limit: MAX_DOCUMENT_BYTES });
            } else {
                self.chunk.put(packet.payload);
            }
        }
        if packet.marker {
            self.end();
        }
        result
    }

    /// Ends a document of which no marker said that it is whole: some cameras set none. Then it must at least end as a
    /// document does.
    pub(super) fn end_unmarked(&mut self) {
        self.incomplete |= self.chunk.frame().trim_ascii_end().last() != Some(&b'>');
        self.end();
    }

    fn end(&mut self) {
        let Some(rtp_timestamp) = self.timestamp.take() else { return };
        if self.incomplete {
            self.chunk.truncate(0);
            self.output.drop_incomplete();
        } else if self.chunk.len() > 0 {
            self.output.deliver(Finished {
                rtp_timestamp,
                payload: self.chunk.take(),
                random_access: true,
                audio_samples: 0,
                damaged: false,
                reference: true,
            });
        }
    }
}
