//! Reading bits, most significant first, with the Exp-Golomb codes of H.264 §9.1 and H.265 §9.2.

/// The bytes ended before the syntax did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfBits;

/// A cursor over bits. Emulation prevention has to be removed beforehand ([`crate::nal::unescape`]).
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Position in bits.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bits not yet read.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }

    /// The next `n` bits, at most 32.
    pub(crate) fn bits(&mut self, n: u32) -> Result<u32, OutOfBits> {
        debug_assert!(n <= 32);
        if self.left() < n as usize {
            return Err(OutOfBits);
        }
        let mut value = 0u64;
        let mut wanted = n;
        while wanted > 0 {
            let in_byte = 8 - (self.at % 8) as u32;
            let take = in_byte.min(wanted);
            let byte = u64::from(self.bytes[self.at / 8]);
            let piece = (byte >> (in_byte - take)) & ((1 << take) - 1);
            value = (value << take) | piece;
            self.at += take as usize;
            wanted -= take;
        }
        Ok(value as u32)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, OutOfBits> {
        Ok(self.bits(1)? == 1)
    }

    pub(crate) fn skip(&mut self, n: usize) -> Result<(), OutOfBits> {
        if self.left() < n {
            return Err(OutOfBits);
        }
        self.at += n;
        Ok(())
    }

    /// `ue(v)`. Codes longer than 32 leading zeroes do not occur in either standard.
    pub(crate) fn ue(&mut self) -> Result<u32, OutOfBits> {
        let mut zeroes = 0u32;
        while !self.flag()? {
            zeroes += 1;
            if zeroes > 31 {
                return Err(OutOfBits);
            }
        }
        let rest = self.bits(zeroes)?;
        Ok(((1u64 << zeroes) - 1 + u64::from(rest)) as u32)
    }

    /// `se(v)`.
    pub(crate) fn se(&mut self) -> Result<i32, OutOfBits> {
        let k = i64::from(self.ue()?);
        Ok((if k % 2 == 1 { (k + 1) / 2 } else { -(k / 2) }) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_read_as_the_standard_tabulates_them() {
        // 1, 010, 011, 00100, 00101 = 0, 1, 2, 3, 4 (H.264 table 9-2)
        let mut r = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!((0..5).map(|_| r.ue().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let mut r = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!((0..5).map(|_| r.se().unwrap()).collect::<Vec<_>>(), [0, 1, -1, 2, -2]);
    }

    #[test]
    fn the_end_is_an_error() {
        let mut r = BitReader::new(&[0xff]);
        assert_eq!(r.bits(9), Err(OutOfBits));
        assert_eq!(r.bits(8), Ok(0xff));
        assert_eq!(r.flag(), Err(OutOfBits));
        assert_eq!(BitReader::new(&[0; 16]).ue(), Err(OutOfBits));
    }
}
