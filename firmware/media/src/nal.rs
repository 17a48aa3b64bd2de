//! What H.264 and H.265 share: NAL units in a byte stream, with start codes (Annex B) or with lengths
//! (ISO 14496-15), and emulation prevention.

use crate::bits::OutOfBits;
use heron_core::ErrorKind;
use std::borrow::Cow;
use thiserror::Error;

/// Longest parameter set that is accepted, in bytes. An SPS with all scaling lists and a full VUI is under 1 KiB.
pub const MAX_PARAMETER_SET_BYTES: usize = 4096;

/// Why a bitstream could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BitstreamError {
    /// The syntax went on after the bytes had ended.
    #[error("{what} ends in the middle, after {bytes} bytes")]
    Truncated {
        /// The syntax structure, for example `SPS`.
        what: &'static str,
        /// How many bytes there were.
        bytes: usize,
    },
    /// A value that the standard does not allow, or that Heron does not take.
    #[error("{what}: {field} is {value}, which is out of range")]
    OutOfRange {
        /// The syntax structure.
        what: &'static str,
        /// The syntax element.
        field: &'static str,
        /// What was read.
        value: u64,
    },
    /// Something that has to be there is not.
    #[error("{what} is missing")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
    /// A length field points behind the end.
    #[error("{what} says it is {said} bytes long, but only {left} follow")]
    Length {
        /// What carries the length.
        what: &'static str,
        /// The length field's value.
        said: u64,
        /// Bytes that were there.
        left: usize,
    },
}

impl BitstreamError {
    /// All of these are damaged or unacceptable input.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    pub(crate) fn truncated(what: &'static str, bytes: usize) -> impl Fn(OutOfBits) -> Self {
        move |OutOfBits| Self::Truncated { what, bytes }
    }
}

/// The position of the next `00 00 01` at or after `from`, if any.
pub fn find_start_code(bytes: &[u8], from: usize) -> Option<usize> {
    // Look at every third byte: only a byte below 2 can be part of a start code, and in coded video few are.
    let mut i = from.checked_add(2)?;
    while i < bytes.len() {
        match bytes[i] {
            0 => i += 1,
            1 => {
                if bytes[i - 1] == 0 && bytes[i - 2] == 0 {
                    return Some(i - 2);
                }
                i += 3;
            }
            _ => i += 3,
        }
    }
    None
}

/// Iterates over the NAL units of an Annex B byte stream (H.264 and H.265 annex B), without start codes and
/// without trailing zero bytes. Bytes before the first start code are skipped; empty units are left out.
pub fn annex_b(bytes: &[u8]) -> AnnexB<'_> {
    let at = find_start_code(bytes, 0).map_or(bytes.len(), |at| at + 3);
    AnnexB { bytes, at }
}

/// As [`annex_b`], but bytes before the first start code are a NAL unit too.
pub(crate) fn units_in(bytes: &[u8]) -> AnnexB<'_> {
    AnnexB { bytes, at: 0 }
}

/// See [`annex_b`].
#[derive(Clone, Debug)]
pub struct AnnexB<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for AnnexB<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while self.at < self.bytes.len() {
            let end = find_start_code(self.bytes, self.at);
            let mut unit = &self.bytes[self.at..end.unwrap_or(self.bytes.len())];
            self.at = end.map_or(self.bytes.len(), |end| end + 3);
            // trailing_zero_8bits, and the zero_byte of a following four-byte start code
            while let [head @ .., 0] = unit {
                unit = head;
            }
            if !unit.is_empty() {
                return Some(unit);
            }
        }
        None
    }
}

/// Iterates over NAL units that each have a 4-byte big-endian length (ISO 14496-15 §5.3.2 with
/// `lengthSizeMinusOne` 3). Empty units are left out. After an error the iterator is at its end.
pub fn length_prefixed(bytes: &[u8]) -> LengthPrefixed<'_> {
    LengthPrefixed { bytes }
}

/// See [`length_prefixed`].
#[derive(Clone, Debug)]
pub struct LengthPrefixed<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for LengthPrefixed<'a> {
    type Item = Result<&'a [u8], BitstreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let bytes = std::mem::take(&mut self.bytes);
            let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
                return (!bytes.is_empty()).then_some(Err(BitstreamError::Truncated {
                    what: "NAL unit length",
                    bytes: bytes.len(),
                }));
            };
            let length = u32::from_be_bytes(*length) as usize;
            let Some((unit, rest)) = rest.split_at_checked(length) else {
                let left = rest.len();
                return Some(Err(BitstreamError::Length { what: "NAL unit", said: length as u64, left }));
            };
            self.bytes = rest;
            if !unit.is_empty() {
                return Some(Ok(unit));
            }
        }
    }
}

/// Appends one NAL unit with its 4-byte length to `out`.
pub fn push_length_prefixed(unit: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
    out.extend_from_slice(unit);
}

/// Removes emulation prevention: turns a NAL unit into header plus RBSP (H.264 §7.3.1, H.265 §7.3.1.1). Borrows
/// when there is nothing to remove.
pub fn unescape(unit: &[u8]) -> Cow<'_, [u8]> {
    let escaped = |w: &[u8]| w == [0, 0, 3];
    let Some(first) = unit.windows(3).position(escaped) else { return Cow::Borrowed(unit) };
    let mut out = Vec::with_capacity(unit.len());
    out.extend_from_slice(&unit[..first]);
    let mut zeroes = 0;
    for &b in &unit[first..] {
        if zeroes >= 2 && b == 3 {
            zeroes = 0;
            continue;
        }
        zeroes = if b == 0 { zeroes + 1 } else { 0 };
        out.push(b);
    }
    Cow::Owned(out)
}

/// Puts emulation prevention in: the reverse of [`unescape`].
pub fn escape(rbsp: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rbsp.len() + rbsp.len() / 64);
    let mut zeroes = 0;
    for &b in rbsp {
        if zeroes >= 2 && b <= 3 {
            out.push(3);
            zeroes = 0;
        }
        zeroes = if b == 0 { zeroes + 1 } else { 0 };
        out.push(b);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn annex_b_takes_both_start_codes_and_drops_padding() {
        let stream = [9, 9, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 0, 1, 0, 0, 1, 0x65];
        let units: Vec<_> = annex_b(&stream).collect();
        assert_eq!(units, [&[0x67u8, 1][..], &[0x68, 2], &[0x65]]);
        assert_eq!(annex_b(&[1, 2, 3]).count(), 0);
    }

    #[test]
    fn lengths_that_lie_are_errors() {
        let mut good = Vec::new();
        push_length_prefixed(&[1, 2], &mut good);
        push_length_prefixed(&[], &mut good);
        push_length_prefixed(&[3], &mut good);
        assert_eq!(
            length_prefixed(&good).map(|u| u.unwrap().to_vec()).collect::<Vec<_>>(),
            [vec![1, 2], vec![3]]
        );
        let cut = &good[..good.len() - 1];
        assert!(matches!(
            length_prefixed(cut).last(),
            Some(Err(BitstreamError::Length { said: 1, left: 0, .. }))
        ));
        assert!(matches!(length_prefixed(&[0, 0]).last(), Some(Err(BitstreamError::Truncated { .. }))));
    }

    proptest! {
        #[test]
        fn escaping_hides_start_codes_and_is_undone(rbsp in proptest::collection::vec(0u8..5, 0..200)) {
            let escaped = escape(&rbsp);
            prop_assert_eq!(find_start_code(&escaped, 0), None);
            prop_assert_eq!(&*unescape(&escaped), &rbsp[..]);
        }

        #[test]
        fn start_codes_are_found_where_a_plain_search_finds_them(
            bytes in proptest::collection::vec(0u8..4, 0..100), from in 0usize..110,
        ) {
            let plain = (from..bytes.len()).find(|&i| bytes[i..].starts_with(&[0, 0, 1]));
            prop_assert_eq!(find_start_code(&bytes, from), plain);
        }

        #[test]
        fn iterators_end_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(annex_b(&bytes).count() <= bytes.len());
            prop_assert!(length_prefixed(&bytes).count() <= bytes.len() / 4 + 1);
        }
    }
}
