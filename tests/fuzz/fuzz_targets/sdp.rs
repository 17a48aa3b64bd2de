//! Session descriptions.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = heron_media::sdp::parse(bytes);
});
