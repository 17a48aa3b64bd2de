//! Bits into bytes, most significant first.

/// Collects bits and appends whole bytes to a buffer.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    acc: u64,
    filled: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, acc: 0, filled: 0 }
    }

    /// The low `bits` (up to 32) of `value`.
    pub(super) fn put(&mut self, value: u32, bits: u32) {
        let mask = if bits == 32 { u32::MAX } else { (1 << bits) - 1 };
        self.acc = (self.acc << bits) | u64::from(value & mask);
        self.filled += bits;
        while self.filled >= 8 {
            self.filled -= 8;
            self.out.push((self.acc >> self.filled) as u8);
        }
    }

    /// `n` zeros, then a one.
    pub(super) fn unary(&mut self, mut n: u32) {
        while n >= 24 {
            self.put(0, 24);
            n -= 24;
        }
        self.put(1, n + 1);
    }

    /// Fills the last byte with zeros.
    pub(super) fn align(mut self) {
        if self.filled > 0 {
            let pad = 8 - self.filled;
            self.put(0, pad);
        }
    }
}
