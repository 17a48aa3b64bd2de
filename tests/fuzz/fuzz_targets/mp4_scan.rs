//! Files that claim to be recordings.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let scan = heron_media::mp4::scan::scan(bytes);
    assert!(scan.valid_len <= bytes.len() as u64);
});
