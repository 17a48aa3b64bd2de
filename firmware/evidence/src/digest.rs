//! The hashes: of a fragment, of its seal, and of the chain that ties them together.
//!
//! BLAKE3 throughout. `data` is the plain hash of the bytes (`b3sum` gives the same); what is computed from other
//! hashes begins with a name of its own, so that no value of one kind can be passed off as one of another.

use std::fmt;
use std::str::FromStr;

/// Four times what the widest SIMD takes at once (16 chunks of 1 KiB), and little enough to stay in the nearest cache.
const BLOCK: usize = 64 << 10;

/// 32 bytes of BLAKE3.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The plain BLAKE3 hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The plain BLAKE3 hash of slices that follow one another.
    ///
    /// They are gathered into blocks of [`BLOCK`] first: hashed as they come, access units of 20 KB leave the widest SIMD
    /// idle at each of their edges (1.7 GB/s against 2.7 GB/s with AVX-512, copy included).
    pub fn of_slices<'a>(slices: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = DataHasher::default();
        let mut block = Vec::with_capacity(BLOCK);
        for mut slice in slices {
            while !slice.is_empty() {
                let (now, later) = slice.split_at(slice.len().min(BLOCK - block.len()));
                block.extend_from_slice(now);
                slice = later;
                if block.len() == BLOCK {
                    hasher.update(&block);
                    block.clear();
                }
            }
        }
        hasher.update(&block);
        hasher.finish()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Digest {
    type Err = String;
    /// 64 lower-case hexadecimal digits and nothing else.
    fn from_str(text: &str) -> Result<Self, String> {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        let wrong = || format!("{text:?} is not 64 hexadecimal digits");
        let mut out = [0; 32];
        if text.len() != 64 {
            return Err(wrong());
        }
        for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0]).zip(digit(pair[1])).map(|(a, b)| a << 4 | b).ok_or_else(wrong)?;
        }
        Ok(Self(out))
    }
}

/// Pieces are gathered to so many bytes before they are hashed: BLAKE3 is a tree, and its vector code is at its best
/// when it gets whole branches of it. A second of 4 Mbit/s in 26 pieces takes 86 µs so, copy included, and 151 µs
/// piece by piece (AVX-512, one core).
const GATHER_BYTES: usize = 64 << 10;

/// Hashes data that comes in pieces.
#[derive(Debug, Default)]
pub struct DataHasher {
    hasher: blake3::Hasher,
    /// Less than [`GATHER_BYTES`] that wait for more.
    gathered: Vec<u8>,
}

impl DataHasher {
    /// The next piece.
    pub fn update(&mut self, mut bytes: &[u8]) {
        if self.gathered.is_empty() {
            let (whole, _) = bytes.split_at(bytes.len() / GATHER_BYTES * GATHER_BYTES);
            self.hasher.update(whole);
            bytes = &bytes[whole.len()..];
        }
        while !bytes.is_empty() {
            if self.gathered.capacity() == 0 {
                self.gathered.reserve_exact(GATHER_BYTES);
            }
            let (now, later) = bytes.split_at(bytes.len().min(GATHER_BYTES - self.gathered.len()));
            self.gathered.extend_from_slice(now);
            if self.gathered.len() == GATHER_BYTES {
                self.hasher.update(&self.gathered);
                self.gathered.clear();
            }
            bytes = later;
        }
    }
    /// The hash of all pieces.
    pub fn finish(mut self) -> Digest {
        self.hasher.update(&self.gathered);
        Digest(*self.hasher.finalize().as_bytes())
    }
}

fn named(name: &[u8; 16], parts: &[&[u8]]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name);
    for part in parts {
        hasher.update(part);
    }
    Digest(*hasher.finalize().as_bytes())
}

/// 16 bytes that only the box can compute: they tell it after a crash that a seal is its own.
pub type Mac = [u8; 16];

/// What one fragment puts into the chain: its number, the hash of its bytes, and its mark.
pub fn leaf(number: u32, data: &Digest, mac: &Mac) -> Digest {
    named(b"heron-leaf-1\0\0\0\0", &[&number.to_be_bytes(), &data.0, mac])
}

/// The chain after a fragment.
pub fn link(chain: &Digest, leaf: &Digest) -> Digest {
    named(b"heron-link-1\0\0\0\0", &[&chain.0, &leaf.0])
}

/// The secret behind [`Mac`]s; never leaves the box.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct MacKey([u8; 32]);

impl MacKey {
    /// Derived from a secret of the box, for this purpose alone.
    pub fn derive(secret: &[u8]) -> Self {
        Self(blake3::derive_key("heron evidence 2026-11 fragment mark", secret))
    }

    /// The mark of fragment `number` with hash `data` after `chain`.
    pub fn mark(&self, chain: &Digest, number: u32, data: &Digest) -> Mac {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&chain.0).update(&number.to_be_bytes()).update(&data.0);
        let mut mac = [0; 16];
        mac.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        mac
    }

    /// Whether `mac` is that mark; takes the same time whatever it is.
    pub fn is_mark(&self, mac: &Mac, chain: &Digest, number: u32, data: &Digest) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.mark(chain, number, data), mac).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_plain_blake3_and_reads_back() {
        let empty = Digest::of(b"");
        assert_eq!(empty.to_string(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
        assert_eq!(empty.to_string().parse(), Ok(empty));
        assert_eq!(Digest::of_slices([&b"ab"[..], b"", b"c"]), Digest::of(b"abc"));
        let long: Vec<u8> = (0..200_001u32).map(|i| i as u8).collect();
        for step in [1000, BLOCK - 1, BLOCK, BLOCK + 1, 150_000] {
            assert_eq!(Digest::of_slices(long.chunks(step)), Digest::of(&long), "{step}");
        }
        for bad in ["", "AF", &"0".repeat(63), &"g".repeat(64), &"A".repeat(64), &"é".repeat(32)] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn marks_depend_on_all_they_are_made_of() {
        let key = MacKey::derive(b"secret");
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let mark = key.mark(&a, 1, &b);
        assert!(key.is_mark(&mark, &a, 1, &b));
        assert!(!key.is_mark(&mark, &b, 1, &b) && !key.is_mark(&mark, &a, 2, &b));
        assert!(!key.is_mark(&mark, &a, 1, &a) && !MacKey::derive(b"other").is_mark(&mark, &a, 1, &b));
        assert_ne!(leaf(1, &a, &mark), leaf(2, &a, &mark));
        assert_ne!(link(&a, &b), link(&b, &a));
    }

    #[test]
    fn pieces_of_any_size_make_the_hash_of_the_whole() {
        let whole: Vec<u8> = (0..400_000u32).map(|n| ((n * 7919) >> 5) as u8).collect();
        for sizes in
            [&[1][..], &[20_000, 317, 86_000], &[GATHER_BYTES], &[200_000, 1], &[65_535, 2], &[0, 70_000]]
        {
            let mut hasher = DataHasher::default();
            let (mut rest, mut sizes) = (&whole[..], sizes.iter().cycle());
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                hasher.update(piece);
                rest = later;
            }
            assert_eq!(hasher.finish(), Digest::of(&whole));
        }
    }
}
