//! G.711 over RTP (RFC 3551 §4.5.14): the payload is the samples.

use super::chunk::Chunk;
use super::output::{Finished, Output};
use crate::g711::Law;
use crate::rtp::Packet;
use heron_core::TrackFormat;

#[derive(Debug)]
pub(super) struct G711 {
    chunk: Chunk,
    channels: u8,
    pub(super) output: Output,
}

impl G711 {
    pub(super) fn new(law: Law, sample_rate_hz: u32, channels: u8) -> Self {
        let channels = channels.max(1);
        Self {
            // 8 KiB are one second of 64 kbit/s.
            chunk: Chunk::new(8 << 10, 16 << 10),
            channels,
            output: Output::with_format(TrackFormat::Audio(law.audio_format(sample_rate_hz, channels))),
        }
    }

    pub(super) fn push(&mut self, packet: &Packet<'_>, lost_before: bool) {
        self.output.loss |= lost_before;
        let audio_samples = (packet.payload.len() / usize::from(self.channels)) as u32;
        if audio_samples == 0 {
            return;
        }
        self.chunk.put(&packet.payload[..audio_samples as usize * usize::from(self.channels)]);
        self.output.deliver(Finished {
            rtp_timestamp: packet.timestamp,
            payload: self.chunk.take(),
            random_access: true,
            audio_samples,
            damaged: false,
            reference: true,
        });
    }
}
