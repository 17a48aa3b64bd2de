//! The `Range` header (RFC 9110 §14).

/// What part of a representation is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: there was no range, or one that a server may ignore (another unit, bad syntax, several
    /// ranges at once, which no player sends and which RFC 9110 §14.2 lets a server answer in full).
    Whole,
    /// Bytes `start..end`, within the length, not empty.
    Part {
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
    },
    /// Nothing that exists: answer 416.
    Nothing,
}

/// Reads a `Range` header against a representation of `len` bytes.
pub(crate) fn wanted(header: Option<&str>, len: u64) -> Wanted {
    let Some(specs) = header.map(str::trim).and_then(|h| {
        let (unit, specs) = h.split_once('=')?;
        unit.trim().eq_ignore_ascii_case("bytes").then_some(specs)
    }) else {
        return Wanted::Whole;
    };
    let mut specs = specs.split(',').map(str::trim).filter(|s| !s.is_empty());
    let (Some(spec), None) = (specs.next(), specs.next()) else {
        return Wanted::Whole;
    };
    let Some((first, last)) = spec.split_once('-') else {
        return Wanted::Whole;
    };
    match (number(first), number(last)) {
        // `-500`: the last 500 bytes.
        (None, Some(suffix)) if first.is_empty() => match suffix.min(len) {
            0 => Wanted::Nothing,
            n => Wanted::Part { start: len - n, end: len },
        },
        (Some(start), None) if last.is_empty() => {
            if start < len {
                Wanted::Part { start, end: len }
            } else {
                Wanted::Nothing
            }
        }
        (Some(start), Some(last)) if start <= last => {
            if start < len {
                Wanted::Part { start, end: last.saturating_add(1).min(len) }
            } else {
                Wanted::Nothing
            }
        }
        _ => Wanted::Whole,
    }
}

/// Digits alone; a number too large for a `u64` is as good as the largest one.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(start: u64, end: u64) -> Wanted {
        Wanted::Part { start, end }
    }

    #[test]
    fn single_ranges_are_understood() {
        for (header, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=0-", part(0, 1000)),
            ("bytes=10-19", part(10, 20)),
            ("Bytes = 10-19", part(10, 20)),
            ("bytes=990-5000", part(990, 1000)),
            ("bytes=990-99999999999999999999999", part(990, 1000)),
            ("bytes=-1", part(999, 1000)),
            ("bytes=-5000", part(0, 1000)),
            ("bytes=1000-", Wanted::Nothing),
            ("bytes=1000-1001", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=20-10", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(header), 1000), expected, "{header}");
        }
        assert_eq!(wanted(None, 1000), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
        assert_eq!(wanted(Some("bytes=-1"), 0), Wanted::Nothing);
    }

    proptest! {
        #[test]
        fn a_part_always_lies_within_the_whole(header in "(bytes=)?[0-9,\\- ]{0,40}", len in any::<u64>()) {
            if let Wanted::Part { start, end } = wanted(Some(&header), len) {
                prop_assert!(start < end && end <= len);
            }
        }
    }
}
