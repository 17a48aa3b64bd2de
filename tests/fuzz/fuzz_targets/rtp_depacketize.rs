//! RTP payloads of every codec, in any order, with any loss.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| heron_media::fuzz::depacketizer(bytes));
