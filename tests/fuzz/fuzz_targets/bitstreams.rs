//! Parameter sets, slice headers, JPEG and AAC headers, RTCP.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    heron_media::fuzz::bitstreams(bytes);
    heron_media::fuzz::control(bytes);
});
