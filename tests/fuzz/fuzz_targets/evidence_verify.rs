//! Files that claim to be sealed.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| heron_evidence::fuzz::verify(bytes));
