//! One track of a session: where it is in its loop, and its RTP state.

use super::outbox::Outbox;
use super::udp::{Fate, UdpPair};
use crate::camera::Camera;
use crate::clip::Codec;
use crate::clock::{nanos, ticks};
use crate::counters::{RtpRange, TrackCounters};
use crate::faults::Faults;
use crate::packets::{MAX_PAYLOAD, PacketTrack};
use crate::seed::Dice;
use heron_core::TrackKind;
use heron_media::rtcp::{self, SenderReport};
use heron_media::rtp::{Header, PacketList};
use heron_media::rtsp::interleaved_prefix;
use std::sync::Arc;
use std::time::Duration;

/// How a track's packets travel.
#[derive(Debug)]
pub(crate) enum Route {
    /// On the RTSP connection: RTP on this channel, RTCP on the next.
    Interleaved(u8),
    /// By datagrams.
    Udp(Box<UdpPair>),
}

/// One track of a session.
#[derive(Debug)]
pub(crate) struct SessionTrack {
    /// What it shows.
    pub(crate) source: Arc<PacketTrack>,
    /// How its packets travel.
    pub(crate) route: Route,
    /// Synchronisation source.
    pub(crate) ssrc: u32,
    /// Next sequence number, not wrapped.
    pub(crate) sequence: u64,
    /// Timestamp when the camera's crystal is at zero.
    pub(crate) timestamp_base: u32,
    /// Ticks by which faults have moved the timestamps.
    shift_ticks: i64,
    /// Next frame of the loop.
    pub(crate) next: usize,
    /// Crystal time of the loop's beginning, in ticks.
    pub(crate) origin_ticks: i64,
    /// Frames are left out until a key frame comes.
    pub(crate) need_key: bool,
    packets: u32,
    octets: u32,
    garbage_in: u32,
    dice: Dice,
    next_report: Option<Duration>,
}

impl SessionTrack {
    pub(crate) fn new(source: Arc<PacketTrack>, route: Route, mut dice: Dice) -> Self {
        let need_key = source.kind == TrackKind::Video;
        Self {
            source,
            route,
            ssrc: dice.next() as u32,
            // In the lower half, as RFC 3550 §5.1 advises for ciphers and clients with a short memory like.
            sequence: dice.below(0x8000),
            timestamp_base: dice.next() as u32,
            shift_ticks: 0,
            next: 0,
            origin_ticks: 0,
            need_key,
            packets: 0,
            octets: 0,
            garbage_in: 0,
            dice,
            next_report: None,
        }
    }

    /// Timestamp at a crystal time in ticks.
    pub(crate) fn timestamp(&self, crystal_ticks: i64) -> u32 {
        self.timestamp_base.wrapping_add((crystal_ticks + self.shift_ticks) as u32)
    }

    /// Crystal time at which the next frame of the loop is due, in nanoseconds; `None` for tracks without a loop.
    pub(crate) fn due(&self) -> Option<i64> {
        let frame = self.source.frames.get(self.next)?;
        Some(nanos(self.origin_ticks + frame.dts, self.source.clock_hz))
    }

    /// Goes on to the next frame of the loop.
    pub(crate) fn advance(&mut self) {
        self.next += 1;
        if self.next >= self.source.frames.len() {
            self.next = 0;
            self.origin_ticks += self.source.period;
        }
    }

    /// Shows another film from here on, without a break in time.
    pub(crate) fn switch(&mut self, source: Arc<PacketTrack>) {
        let at = self.source.frames.get(self.next).map_or(0, |f| f.dts);
        self.origin_ticks += at - source.frames.first().map_or(0, |f| f.dts);
        self.next = 0;
        self.source = source;
    }

    /// Lets faults move the numbers.
    pub(crate) fn shock(&mut self, sequence_gap: u64, timestamp_jump_millis: i64) {
        self.sequence += sequence_gap;
        self.shift_ticks += ticks(timestamp_jump_millis.saturating_mul(1_000_000), self.source.clock_hz);
    }

    /// Counts a frame's packets as if they had been sent, so that a receiver notices the loss.
    pub(crate) fn skip(&mut self, packets: &PacketList) {
        self.sequence += packets.len() as u64;
        self.need_key |= self.source.kind == TrackKind::Video;
    }

    /// Sends a frame with a crystal time in ticks. Returns the bytes of its packets.
    pub(crate) fn send(
        &mut self,
        packets: &PacketList,
        crystal_ticks: i64,
        faults: &Faults,
        out: &mut Outbox,
        counters: &mut TrackCounters,
        session: u64,
    ) -> u64 {
        let timestamp = self.timestamp(crystal_ticks);
        let before = counters.bytes;
        let (filler, filler_packets) = self.filler(packets, faults);
        for p in packets.iter() {
            let marker = p.marker && filler_packets == 0;
            self.packet(
                p.payload,
                marker,
                timestamp.wrapping_add(p.timestamp_offset),
                faults,
                out,
                counters,
                session,
            );
        }
        for n in 0..filler_packets {
            self.packet(&filler, n + 1 == filler_packets, timestamp, faults, out, counters, session);
        }
        counters.frames += 1;
        if let Some(range) = counters.session_mut(session) {
            range.frames += 1;
        }
        counters.bytes - before
    }

    /// A filler data NAL unit (H.264 type 12, H.265 type 38), and how often it has to be sent after this frame.
    fn filler(&self, packets: &PacketList, faults: &Faults) -> (Vec<u8>, usize) {
        let factor = faults.bit_rate_factor.unwrap_or(1.0);
        let head: &[u8] = match self.source.codec {
            Codec::H264(_) => &[12],
            Codec::H265(_) => &[38 << 1, 1],
            _ => return (Vec::new(), 0),
        };
        if factor <= 1.0 {
            return (Vec::new(), 0);
        }
        let mut filler = vec![0xff; MAX_PAYLOAD];
        filler[..head.len()].copy_from_slice(head);
        filler[MAX_PAYLOAD - 1] = 0x80;
        let more = packets.payload_bytes() as f64 * f64::from(factor - 1.0);
        (filler, (more / MAX_PAYLOAD as f64).ceil() as usize)
    }

    #[allow(clippy::too_many_arguments)]
    fn packet(
        &mut self,
        payload: &[u8],
        marker: bool,
        timestamp: u32,
        faults: &Faults,
        out: &mut Outbox,
        counters: &mut TrackCounters,
        session: u64,
    ) {
        let header = Header {
            marker,
            payload_type: self.source.payload_type,
            sequence: self.sequence as u16,
            timestamp,
            ssrc: self.ssrc,
        }
        .encode();
        let length = header.len() + payload.len();
        match &mut self.route {
            Route::Interleaved(channel) => {
                if let Some(g) = faults.garbage {
                    self.garbage_in = self.garbage_in.checked_sub(1).unwrap_or(g.every_packets - 1);
                    if self.garbage_in == 0 {
                        let dice = &mut self.dice;
                        let mut noise = || match dice.next() as u8 {
                            b'$' => b'#',
                            other => other,
                        };
                        out.push(|b| b.extend((0..g.bytes).map(|_| noise())));
                    }
                }
                out.push(|b| {
                    b.reserve(4 + length);
                    b.extend_from_slice(&interleaved_prefix(*channel, length as u16));
                    b.extend_from_slice(&header);
                    b.extend_from_slice(payload);
                });
            }
            Route::Udp(pair) => {
                let mut datagram = Vec::with_capacity(length);
                datagram.extend_from_slice(&header);
                datagram.extend_from_slice(payload);
                match pair.send(datagram, faults.udp_loss, faults.udp_reorder) {
                    Fate::Sent => {}
                    Fate::Lost => counters.packets_lost += 1,
                    Fate::Held => counters.packets_reordered += 1,
                }
            }
        }
        let first = RtpRange {
            session,
            ssrc: self.ssrc,
            first_sequence: self.sequence,
            first_timestamp: timestamp,
            ..RtpRange::default()
        };
        if self.packets == 0 {
            counters.open(first);
        }
        if let Some(range) = counters.session_mut(session) {
            range.last_sequence = self.sequence;
            range.last_timestamp = timestamp;
            range.packets += 1;
        }
        counters.packets += 1;
        counters.bytes += length as u64;
        self.sequence += 1;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
    }

    /// Sends a sender report when one is due: at once, then every second.
    pub(crate) fn report(
        &mut self,
        camera: &Camera,
        now: Duration,
        out: &mut Outbox,
        counters: &mut TrackCounters,
    ) {
        if self.next_report.is_some_and(|at| now < at) {
            return;
        }
        let crystal = camera.crystal_now();
        // Read after the crystal, so that reports are never less than a second apart.
        self.next_report = Some(camera.monotonic_now() + Duration::from_secs(1));
        let report = SenderReport {
            ssrc: self.ssrc,
            ntp: camera.wall(crystal).to_ntp(),
            rtp_timestamp: self.timestamp(ticks(crystal, self.source.clock_hz)),
            packets: self.packets,
            octets: self.octets,
        };
        let mut bytes = Vec::with_capacity(64);
        rtcp::push_sender_report(&report, &[], &mut bytes);
        rtcp::push_cname(self.ssrc, &format!("cam{}@heron-sim", camera.number), &mut bytes);
        match &self.route {
            Route::Interleaved(channel) => out.push(|b| {
                b.extend_from_slice(&interleaved_prefix(channel + 1, bytes.len() as u16));
                b.extend_from_slice(&bytes);
            }),
            Route::Udp(pair) => pair.send_report(&bytes),
        }
        counters.sender_reports += 1;
    }

    /// Whether so much waits for the client that frames are thrown away.
    pub(crate) fn is_full(&self, out: &Outbox) -> bool {
        match &self.route {
            Route::Interleaved(_) => out.is_full(),
            Route::Udp(pair) => pair.is_full(),
        }
    }

    /// When the next report is due, on the monotonic clock.
    pub(crate) fn report_due(&self) -> Duration {
        self.next_report.unwrap_or_default()
    }
}
