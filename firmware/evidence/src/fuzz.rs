//! The entry point for fuzzers: any bytes as a file, alone and with a sealed segment's boxes around parts of them. Panics only
//! when a promise is broken.

use crate::report::Verdict;
use crate::wire::{Kind, boxed};

/// Checks `bytes` as a file, and as the content of each of our boxes.
pub fn verify(bytes: &[u8]) {
    let report = crate::verify(bytes, None);
    let _ = (report.headline(), crate::sequence(&report.segments));
    if report.verdict() == Verdict::Whole {
        assert!(report.key().is_some(), "whole without a signature");
    }
    for kind in [Kind::Opening, Kind::Seal, Kind::Head, Kind::Proof] {
        let file = [&b"\0\0\0\x08ftyp"[..], &boxed(kind, bytes), b"\0\0\0\x08moov"].concat();
        let report = crate::verify(file.as_slice(), None);
        assert!(report.verdict() != Verdict::Whole, "whole without a fragment of a known key");
        let _ = (crate::read_opening(file.as_slice()), crate::read_head(file.as_slice(), file.len() as u64));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            super::verify(&bytes);
        }
    }
}
