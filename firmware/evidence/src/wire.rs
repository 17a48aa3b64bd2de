//! The boxes: `uuid` boxes (ISO/IEC 14496-12 §4.2) of one user type, which players pass over.
//!
//! ```text
//! size u32 · 'uuid' · USER_TYPE · kind u8 · version u8 = 1 · algorithm u8 · 0 · content
//! ```

use crate::digest::{Digest, Mac, leaf, link};

/// Marks our boxes: 72664a8c-db00-4489-ae60-a54bd40ad4b9, made for them at random.
pub const USER_TYPE: [u8; 16] = *b"\x72\x66\x4a\x8c\xdb\x00\x44\x89\xae\x60\xa5\x4b\xd4\x0a\xd4\xb9";
/// Box header, user type, and four bytes of ours.
pub(crate) const PREFIX: usize = 8 + 16 + 4;
const VERSION: u8 = 1;
/// Hash algorithm 1: BLAKE3.
const BLAKE3: u8 = 1;
/// Largest box that is read: the proof of a day's export has 1440 segments of some 6 KB, 9 MB.
pub(crate) const MOST_BYTES: u64 = 32 << 20;

/// What a box holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`crate::Opening`], between `ftyp` and `moov`.
    Opening,
    /// [`Seal`], before each fragment.
    Seal,
    /// [`crate::Head`], after the last fragment.
    Head,
    /// [`crate::export::Proof`], at the end of an export.
    Proof,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Opening, Self::Seal, Self::Head, Self::Proof];

    fn code(self) -> u8 {
        match self {
            Self::Opening => 1,
            Self::Seal => 2,
            Self::Head => 3,
            Self::Proof => 4,
        }
    }
}

/// The box around `content`. The caller keeps it under [`MOST_BYTES`].
pub fn boxed(kind: Kind, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(PREFIX + content.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(size as usize);
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(b"uuid");
    out.extend_from_slice(&USER_TYPE);
    out.extend_from_slice(&[kind.code(), VERSION, BLAKE3, 0]);
    out.extend_from_slice(content);
    out
}

/// What is in a whole box (header included) of ours; `None` for any other, also of a version that we do not know.
pub(crate) fn unboxed(bytes: &[u8]) -> Option<(Kind, &[u8])> {
    let (prefix, content) = bytes.split_at_checked(PREFIX)?;
    let ours =
        prefix[4..8] == *b"uuid" && prefix[8..24] == USER_TYPE && prefix[25..28] == [VERSION, BLAKE3, 0];
    let sized = u32::from_be_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]) as usize == bytes.len();
    let kind = Kind::ALL.into_iter().find(|k| k.code() == prefix[24])?;
    (ours && sized).then_some((kind, content))
}

/// Takes numbers and slices off the front of bytes that nobody vouches for.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }
    pub(crate) fn digest(&mut self) -> Option<Digest> {
        self.array().map(Digest)
    }
    /// `n` digests; never makes room for more than there are bytes.
    pub(crate) fn digests(&mut self, n: u32) -> Option<Vec<Digest>> {
        let bytes = self.bytes(usize::try_from(n).ok()?.checked_mul(32)?)?;
        Some(bytes.chunks_exact(32).filter_map(|c| c.try_into().ok().map(Digest)).collect())
    }
    /// Bytes behind a 32-bit length.
    pub(crate) fn counted(&mut self) -> Option<&'a [u8]> {
        let n = self.u32()?;
        self.bytes(usize::try_from(n).ok()?)
    }
}

/// Puts `bytes` behind their 32-bit length.
pub(crate) fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Bytes of a seal's box.
pub const SEAL_LEN: usize = PREFIX + 4 + 32 + 16 + 32;

/// Stands before each fragment and is written with it in one call: a crash leaves both or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The fragment's place in the segment, from 1.
    pub number: u32,
    /// Hash of the fragment: from the first byte after the seal to the last of its `mdat`.
    pub data: Digest,
    /// The box's mark.
    pub mac: Mac,
    /// The chain with this fragment in it.
    pub chain: Digest,
}

impl Seal {
    /// What it puts into the chain.
    pub fn leaf(&self) -> Digest {
        leaf(self.number, &self.data, &self.mac)
    }

    /// Whether it goes on where the chain stood at `before`.
    pub fn follows(&self, before: &Digest) -> bool {
        link(before, &self.leaf()) == self.chain
    }

    /// The whole box.
    pub fn to_box(&self) -> [u8; SEAL_LEN] {
        let mut content = Vec::with_capacity(SEAL_LEN - PREFIX);
        content.extend_from_slice(&self.number.to_be_bytes());
        content.extend_from_slice(&self.data.0);
        content.extend_from_slice(&self.mac);
        content.extend_from_slice(&self.chain.0);
        let made = boxed(Kind::Seal, &content);
        let mut out = [0; SEAL_LEN];
        out.copy_from_slice(&made);
        out
    }

    pub(crate) fn parse(content: &[u8]) -> Option<Self> {
        let mut f = Fields(content);
        let seal = Self { number: f.u32()?, data: f.digest()?, mac: f.array()?, chain: f.digest()? };
        f.0.is_empty().then_some(seal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_a_box_of_a_fixed_size_and_every_byte_of_it_counts() {
        let seal = Seal { number: 9, data: Digest::of(b"d"), mac: [7; 16], chain: Digest::of(b"c") };
        let bytes = seal.to_box();
        assert_eq!(bytes.len(), 112);
        let back =
            |bytes: &[u8]| unboxed(bytes).and_then(|(k, c)| (k == Kind::Seal).then(|| Seal::parse(c))?);
        assert_eq!(back(&bytes), Some(seal));
        for at in 0..bytes.len() {
            let mut other = bytes;
            other[at] ^= 0x10;
            assert_ne!(back(&other), Some(seal), "byte {at}");
        }
        assert_eq!(back(&bytes[..111]), None);
    }
}
