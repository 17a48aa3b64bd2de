//! Puts UDP packets back in order, bounded in packets and in time.

use std::collections::VecDeque;
use std::time::Duration;

/// What comes out of a [`ReorderBuffer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery<'a> {
    /// The next packet, whole.
    Packet(&'a [u8]),
    /// So many packets before the next one did not come in time.
    Lost(u16),
}

/// Holds packets that came too early until the missing ones come or the time is up. A packet in order passes
/// through without being copied.
#[derive(Debug)]
pub struct ReorderBuffer {
    capacity: usize,
    hold: Duration,
    /// The number that is to be delivered next.
    next: Option<u16>,
    /// `slots[n]`: the packet with number `next + n`. The first one is always empty (or it would be delivered).
    slots: VecDeque<Option<(Duration, Vec<u8>)>>,
    /// Buffers of delivered packets, for reuse.
    spare: Vec<Vec<u8>>,
    /// A packet from far away, and the number after it: if that comes next, a new sequence has begun.
    suspect: Option<(u16, Vec<u8>)>,
    dropped_late: u64,
}

/// A packet at most this far behind the next one is late; farther away it may be a new sequence (RFC 3550 A.1).
const MAX_MISORDER: u16 = 100;

impl ReorderBuffer {
    /// Holds at most `capacity` packets (1 to 1024; 64 packets of 1500 bytes are 190 ms of 4 Mbit/s) and none for
    /// longer than `hold`.
    pub fn new(capacity: usize, hold: Duration) -> Self {
        Self {
            capacity: capacity.clamp(1, 1024),
            hold,
            next: None,
            slots: VecDeque::new(),
            spare: Vec::new(),
            suspect: None,
            dropped_late: 0,
        }
    }

    /// Takes a packet with RTP sequence number `sequence` that came at `now`, and delivers what is now in order.
    pub fn push(
        &mut self,
        sequence: u16,
        packet: &[u8],
        now: Duration,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) {
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next);
        if ahead == 0 {
            self.suspect = None;
            deliver(Delivery::Packet(packet));
            self.advance(1);
            self.deliver_ready(deliver);
        } else if usize::from(ahead) < self.capacity {
            self.suspect = None;
            let at = usize::from(ahead);
            if self.slots.len() <= at {
                self.slots.resize_with(at + 1, || None);
            }
            if self.slots[at].is_none() {
                let mut copy = self.spare.pop().unwrap_or_default();
                copy.clear();
                copy.extend_from_slice(packet);
                self.slots[at] = Some((now, copy));
            } else {
                self.dropped_late += 1;
            }
        } else if next.wrapping_sub(sequence) <= MAX_MISORDER {
            self.dropped_late += 1;
        } else if usize::from(ahead) < self.capacity * 4 {
            // A long gap: give up on what is missing, up to this packet.
            self.skip_to(sequence, deliver);
            deliver(Delivery::Packet(packet));
            self.advance(1);
            self.deliver_ready(deliver);
        } else if let Some((_, first)) = self.suspect.take_if(|(number, _)| *number == sequence) {
            // Two in a row from far away: the sender has begun anew (RFC 3550 A.1).
            self.flush(deliver);
            self.next = Some(sequence.wrapping_add(1));
            deliver(Delivery::Packet(&first));
            deliver(Delivery::Packet(packet));
        } else if self.suspect.replace((sequence.wrapping_add(1), packet.to_vec())).is_some() {
            self.dropped_late += 1;
        }
        self.poll(now, deliver);
    }

    /// Gives up on packets whose successors have been held for too long. To be called at [`Self::deadline`].
    pub fn poll(&mut self, now: Duration, deliver: &mut impl FnMut(Delivery<'_>)) {
        while let Some(deadline) = self.deadline() {
            if now < deadline {
                break;
            }
            self.skip_gap(deliver);
        }
    }

    /// When [`Self::poll`] has to be called, if something is held.
    pub fn deadline(&self) -> Option<Duration> {
        self.slots.iter().flatten().map(|(came, _)| came.saturating_add(self.hold)).min()
    }

    /// Delivers everything held, for the end of a connection.
    pub fn flush(&mut self, deliver: &mut impl FnMut(Delivery<'_>)) {
        while !self.slots.is_empty() {
            self.skip_gap(deliver);
        }
    }

    /// Packets dropped since the beginning because they were late, duplicates or strays.
    pub fn dropped_late(&self) -> u64 {
        self.dropped_late
    }

    /// Packets held now.
    pub fn held(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    fn advance(&mut self, by: u16) {
        self.next = self.next.map(|n| n.wrapping_add(by));
        for _ in 0..by {
            if let Some(Some((_, buffer))) = self.slots.pop_front() {
                self.keep(buffer);
            }
        }
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < 16 {
            self.spare.push(buffer);
        }
    }

    fn deliver_ready(&mut self, deliver: &mut impl FnMut(Delivery<'_>)) {
        while let Some(Some(_)) = self.slots.front() {
            let Some(Some((_, buffer))) = self.slots.pop_front() else { break };
            deliver(Delivery::Packet(&buffer));
            self.keep(buffer);
            self.next = self.next.map(|n| n.wrapping_add(1));
        }
    }

    /// Declares the packets before the first held one lost.
    fn skip_gap(&mut self, deliver: &mut impl FnMut(Delivery<'_>)) {
        match self.slots.iter().position(Option::is_some) {
            Some(0) => {}
            Some(missing) => {
                self.advance(missing as u16);
                deliver(Delivery::Lost(missing as u16));
            }
            None => self.slots.clear(),
        }
        self.deliver_ready(deliver);
    }

    /// Delivers what is held before `sequence` and declares the rest lost.
    fn skip_to(&mut self, sequence: u16, deliver: &mut impl FnMut(Delivery<'_>)) {
        self.flush(deliver);
        if let Some(next) = self.next {
            let missing = sequence.wrapping_sub(next);
            if missing > 0 {
                deliver(Delivery::Lost(missing));
            }
        }
        self.next = Some(sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOLD: Duration = Duration::from_millis(100);

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Out {
        Packet(u16),
        Lost(u16),
    }
    use Out::{Lost, Packet};

    struct Receiver {
        buffer: ReorderBuffer,
        out: Vec<Out>,
    }

    impl Receiver {
        fn new(capacity: usize) -> Self {
            Self { buffer: ReorderBuffer::new(capacity, HOLD), out: Vec::new() }
        }
        fn note(out: &mut Vec<Out>) -> impl FnMut(Delivery<'_>) {
            |delivery| {
                out.push(match delivery {
                    Delivery::Packet(bytes) => Packet(u16::from_be_bytes([bytes[0], bytes[1]])),
                    Delivery::Lost(n) => Lost(n),
                });
            }
        }
        fn push(&mut self, sequence: u16, at_ms: u64) -> Vec<Out> {
            let now = Duration::from_millis(at_ms);
            self.buffer.push(sequence, &sequence.to_be_bytes(), now, &mut Self::note(&mut self.out));
            std::mem::take(&mut self.out)
        }
        fn poll(&mut self, at_ms: u64) -> Vec<Out> {
            self.buffer.poll(Duration::from_millis(at_ms), &mut Self::note(&mut self.out));
            std::mem::take(&mut self.out)
        }
    }

    #[test]
    fn what_is_in_order_passes_and_what_is_not_waits() {
        let mut r = Receiver::new(16);
        assert_eq!(r.push(65_534, 0), [Packet(65_534)]);
        assert_eq!(r.push(0, 1), []);
        assert_eq!(r.push(1, 2), []);
        assert_eq!(r.push(0, 2), [], "a duplicate");
        assert_eq!(r.push(65_535, 3), [Packet(65_535), Packet(0), Packet(1)]);
        assert_eq!(r.push(0, 4), [], "late");
        assert_eq!((r.buffer.dropped_late(), r.buffer.held(), r.buffer.deadline()), (2, 0, None));
    }

    #[test]
    fn a_gap_is_given_up_in_time() {
        let mut r = Receiver::new(16);
        r.push(1, 0);
        assert_eq!(r.push(4, 10), []);
        assert_eq!(r.push(6, 20), []);
        assert_eq!(r.buffer.deadline(), Some(Duration::from_millis(110)));
        assert_eq!(r.poll(109), []);
        assert_eq!(r.poll(110), [Lost(2), Packet(4)]);
        assert_eq!(r.push(7, 121), [Lost(1), Packet(6), Packet(7)]);
    }

    #[test]
    fn a_gap_longer_than_the_buffer_is_given_up_at_once() {
        let mut r = Receiver::new(4);
        r.push(1, 0);
        assert_eq!(r.push(3, 0), []);
        assert_eq!(r.push(9, 0), [Lost(1), Packet(3), Lost(5), Packet(9)]);
    }

    #[test]
    fn a_new_sequence_is_taken_up_with_its_second_packet_and_a_stray_is_not() {
        let mut r = Receiver::new(4);
        r.push(1, 0);
        assert_eq!(r.push(20_000, 0), []);
        assert_eq!(r.push(2, 0), [Packet(2)]);
        assert_eq!(r.push(40_000, 0), []);
        assert_eq!(r.push(40_001, 0), [Packet(40_000), Packet(40_001)]);
        assert_eq!(r.push(40_002, 0), [Packet(40_002)]);
    }

    proptest! {
        /// Packets swapped within a window come out in order; each is delivered or reported lost, once.
        #[test]
        fn all_are_accounted_for(fates in proptest::collection::vec((0u64..60, 0u8..10), 1..300), start: u16) {
            let mut r = Receiver::new(64);
            // Sent every 5 ms, up to 60 ms late, one in ten lost.
            let mut arrivals: Vec<_> = fates.iter().enumerate()
                .filter(|(n, (_, fate))| *fate > 0 || *n == 0)
                .map(|(n, (late, _))| (n as u64 * 5 + if n == 0 { 0 } else { 60 + late }, n))
                .collect();
            arrivals.sort();
            let mut out = Vec::new();
            for (at, n) in &arrivals {
                out.extend(r.push(start.wrapping_add(*n as u16), *at));
            }
            out.extend(r.poll(1_000_000));
            let mut expected = start;
            for o in &out {
                match o {
                    Lost(n) => expected = expected.wrapping_add(*n),
                    Packet(s) => {
                        prop_assert_eq!(*s, expected);
                        expected = expected.wrapping_add(1);
                    }
                }
            }
            let packets = out.iter().filter(|o| matches!(o, Packet(_))).count();
            prop_assert_eq!(packets, arrivals.len());
        }
    }
}
