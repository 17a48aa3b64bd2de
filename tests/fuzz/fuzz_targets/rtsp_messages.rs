//! What a camera writes to an RTSP connection.

#![no_main]

use heron_media::rtsp::StreamParser;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parser = StreamParser::new();
    let mut rest = bytes;
    while let Ok(parsed) = parser.parse(rest) {
        assert!(parsed.consumed <= rest.len());
        if parsed.consumed == 0 {
            break;
        }
        rest = &rest[parsed.consumed..];
    }
});
