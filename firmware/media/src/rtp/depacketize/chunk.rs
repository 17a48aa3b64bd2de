//! Where payload is assembled: one piece of memory that many frames share.
//!
//! A frame is written behind the frame before it and split off without a copy. When the room is used up and all
//! frames in it have been let go, the same memory is used again; else a new piece is taken and only the bytes of the
//! frame that is being assembled move.

use bytes::{Bytes, BytesMut};

#[derive(Debug)]
pub(super) struct Chunk {
    bytes: BytesMut,
    least: usize,
    most: usize,
    largest_frame: usize,
}

impl Chunk {
    /// Pieces of `least` to `most` bytes, four times the largest frame seen. A piece stays until its last frame is
    /// let go, so a small stream must not have large ones: a sub stream's 15 KB key frames make 64 KiB pieces, a
    /// main stream's make 128 KiB. The smaller they are the less lies idle at both ends of what a stream holds, and
    /// the more often the beginning of a frame has to move to the next one: of 20 KB pictures half of one in 128 KiB.
    pub(super) fn new(least: usize, most: usize) -> Self {
        Self { bytes: BytesMut::new(), least, most, largest_frame: 0 }
    }

    /// Bytes of the frame being assembled.
    pub(super) fn frame(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < bytes.len() {
            self.make_room(bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
    }

    #[cold]
    fn make_room(&mut self, additional: usize) {
        let need = self.bytes.len() + additional;
        let size = (self.largest_frame * 4).next_power_of_two().clamp(self.least, self.most);
        if need <= size && self.bytes.try_reclaim(size - self.bytes.len()) {
            return;
        }
        // A frame that outgrows the piece doubles it.
        let mut bigger = BytesMut::with_capacity(size.max(need.next_power_of_two()));
        bigger.extend_from_slice(&self.bytes);
        self.bytes = bigger;
    }

    /// The frame is complete.
    pub(super) fn take(&mut self) -> Bytes {
        self.largest_frame = self.largest_frame.max(self.bytes.len());
        self.bytes.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_when_its_frames_are_gone() {
        let mut chunk = Chunk::new(1024, 4096);
        let mut addresses = std::collections::HashSet::new();
        for n in 0..1000u32 {
            chunk.put(&[n as u8; 100]);
            let frame = chunk.take();
            addresses.insert(frame.as_ptr() as usize);
            assert_eq!(frame[..], [n as u8; 100]);
        }
        assert!(addresses.len() <= 20, "{} places", addresses.len());
    }

    #[test]
    fn frames_that_are_kept_stay_as_they_are() {
        let mut chunk = Chunk::new(1024, 4096);
        let kept: Vec<_> = (0..100u32)
            .map(|n| {
                for _ in 0..n {
                    chunk.put(&[n as u8; 90]);
                }
                chunk.take()
            })
            .collect();
        for (n, frame) in kept.iter().enumerate() {
            assert!(frame.len() == n * 90 && frame.iter().all(|&b| b == n as u8));
        }
    }
}
