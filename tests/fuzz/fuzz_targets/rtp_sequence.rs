//! Sequence numbers and the reorder buffer.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| heron_media::fuzz::sequence(bytes));
