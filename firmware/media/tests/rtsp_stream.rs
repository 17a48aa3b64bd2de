//! The stream parser against what cameras put on the wire, whole, in pieces and damaged.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use heron_media::rtsp::{Item, Method, Request, Response, StreamParser, WireError, interleaved_prefix};
use heron_media::{rtsp, sdp};
use proptest::prelude::*;

/// What came out, with interleaved payloads copied.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Request(Request),
    Response(Response),
    Packet(u8, Vec<u8>),
}

/// Feeds `wire` in pieces of `piece` bytes; returns the items and how many bytes were garbage.
fn read(wire: &[u8], piece: usize, channels: u16) -> Result<(Vec<Seen>, usize), WireError> {
    let mut parser = StreamParser::new();
    parser.limit_channels(channels);
    let (mut buffer, mut seen, mut garbage) = (Vec::new(), Vec::new(), 0);
    for chunk in wire.chunks(piece) {
        buffer.extend_from_slice(chunk);
        loop {
            let parsed = parser.parse(&buffer)?;
            match parsed.item {
                Item::NeedMore { at_least } => {
                    buffer.drain(..parsed.consumed);
                    assert!(at_least > buffer.len(), "asked for {at_least}, has {}", buffer.len());
                    break;
                }
                Item::Request(r) => seen.push(Seen::Request(r)),
                Item::Response(r) => seen.push(Seen::Response(r)),
                Item::Interleaved { channel, payload } => {
                    seen.push(Seen::Packet(channel, buffer[payload].to_vec()))
                }
                Item::Garbage { skipped } => garbage += skipped,
            }
            assert!(parsed.consumed > 0, "no progress");
            buffer.drain(..parsed.consumed);
        }
    }
    Ok((seen, garbage))
}

fn packet(channel: u8, fill: u8, len: usize) -> Vec<u8> {
    let mut out = interleaved_prefix(channel, len as u16).to_vec();
    out.push(0x80);
    out.resize(4 + len, fill);
    out
}

fn one_response(wire: &[u8]) -> Response {
    let (seen, _) = read(wire, wire.len(), 0).unwrap();
    let [Seen::Response(r)] = seen.as_slice() else { panic!("{seen:?}") };
    r.clone()
}

#[test]
fn messages_and_packets_alternate() {
    let mut wire = packet(0, 1, 40);
    wire.extend_from_slice(b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 4\r\n\r\nbody");
    wire.extend(packet(1, 2, 28));
    wire.extend_from_slice(b"OPTIONS rtsp://10.0.0.9/ RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    wire.extend(packet(0, 3, 1400));
    for piece in [1, 7, 64, wire.len()] {
        let (seen, garbage) = read(&wire, piece, 2).unwrap();
        assert_eq!(garbage, 0);
        let [Seen::Packet(0, a), Seen::Response(r), Seen::Packet(1, b), Seen::Request(q), Seen::Packet(0, c)] =
            seen.as_slice()
        else {
            panic!("{seen:?}")
        };
        assert_eq!((a.len(), b.len(), c.len()), (40, 28, 1400));
        assert_eq!((r.status, r.cseq(), &r.body[..]), (200, Some(3), &b"body"[..]));
        assert_eq!((&q.method, q.uri.as_str()), (&Method::Options, "rtsp://10.0.0.9/"));
    }
}

#[test]
fn sloppy_heads_are_read() {
    let r = one_response(b"RTSP/1.0 200\nCSeq:1\nContent-Length:  2 \n\nok");
    assert_eq!((r.status, r.reason.as_str(), &r.body[..]), (200, "", &b"ok"[..]));
    let r = one_response(b"\r\n\r\nrtsp/1.0  401   Unauthorized here \r\nCSEQ :  2\r\nno colon\r\nWWW-Authenticate: Digest\r\n realm=\"x\"\r\n\r\n");
    assert_eq!((r.status, r.reason.as_str(), r.cseq()), (401, "Unauthorized here", Some(2)));
    assert_eq!(r.headers.get("www-authenticate"), Some("Digest realm=\"x\""));
    let r = one_response(b"RTSP/1.0 454Session Not Found\r\nContent-Length: none\r\n\r\n");
    assert_eq!((r.status, r.reason.as_str()), (454, "Session Not Found"));
}

#[test]
fn garbage_between_packets_is_skipped_and_counted() {
    let mut wire = packet(0, 1, 100);
    wire.extend_from_slice(b"\x01\x02$\x09garbage$ and $$$ more RTS \xff\xfe");
    let junk = wire.len() - 104;
    wire.extend(packet(0, 2, 200));
    wire.extend_from_slice(b"\x00\x01\x02");
    wire.extend_from_slice(b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n");
    for piece in [1, 5, wire.len()] {
        let (seen, garbage) = read(&wire, piece, 2).unwrap();
        let [Seen::Packet(0, a), Seen::Packet(0, b), Seen::Response(r)] = seen.as_slice() else {
            panic!("{seen:?}")
        };
        assert_eq!((a.len(), b.len(), r.cseq()), (100, 200, Some(9)));
        assert!(garbage >= junk && garbage <= junk + 3, "{garbage} of {junk}");
    }
}

#[test]
fn a_wrong_packet_length_costs_little() {
    let mut wire = Vec::new();
    for i in 0..20 {
        let mut p = packet(0, i, 100);
        if i == 5 {
            p[3] = 60; // forty bytes too short
        }
        wire.extend(p);
    }
    let (seen, garbage) = read(&wire, 64, 2).unwrap();
    assert_eq!(seen.len(), 20);
    assert_eq!(garbage, 40);
}

#[test]
fn other_protocols_are_named() {
    for (wire, hint) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "web server"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "rtsps"),
        (b"SSH-2.0-dropbear\r\n", "SSH"),
    ] {
        let text = read(wire, wire.len(), 0).unwrap_err().to_string();
        assert!(text.contains(hint), "{text}");
    }
}

#[test]
fn too_much_is_refused_with_its_beginning_quoted() {
    let head = format!("RTSP/1.0 200 OK\r\nX: {}", "y".repeat(rtsp::MAX_HEAD_BYTES));
    let error = read(head.as_bytes(), 1000, 0).unwrap_err();
    assert!(
        matches!(error, WireError::HeadTooLarge { .. })
            && error.to_string().contains("RTSP/1.0 200 OK\\r\\n")
    );
    let body = b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n";
    assert!(matches!(read(body, 64, 0), Err(WireError::BodyTooLarge { announced: 99_999_999, .. })));
    let fields = format!("RTSP/1.0 200 OK\r\n{}\r\n", "A: b\r\n".repeat(rtsp::MAX_HEADERS + 1));
    assert!(matches!(read(fields.as_bytes(), 64, 0), Err(WireError::TooManyHeaders { .. })));
    let junk = vec![0xa5; rtsp::MAX_GARBAGE_BYTES + 1000];
    assert!(matches!(read(&junk, 5000, 0), Err(WireError::Garbage { .. })));
    let zeros = vec![0; rtsp::MAX_GARBAGE_BYTES + 1000];
    assert!(matches!(read(&zeros, 5000, 0), Err(WireError::Garbage { .. })));
}

#[test]
fn what_is_written_cannot_smuggle_a_header() {
    let r = Request::new(Method::Describe, "rtsp://h/a b\r\nEvil: 1").with("CSeq", "1\r\nEvil: 2");
    let wire = r.to_bytes();
    assert_eq!(wire.iter().filter(|b| **b == b'\n').count(), 3);
    let (seen, _) = read(&wire, 10, 0).unwrap();
    let [Seen::Request(q)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(q.headers.get("Evil"), None);
    assert_eq!(q.uri, "rtsp://h/a%20b%0D%0AEvil:%201");
}

fn header_text() -> impl Strategy<Value = String> {
    "[!-~]([ -~]{0,30}[!-~])?"
}

proptest! {
    #[test]
    fn any_bytes_end_in_items_or_an_error(
        wire in prop::collection::vec(any::<u8>(), 0..4000), piece in 1usize..500, channels in 0u16..5,
    ) {
        let _ = read(&wire, piece, channels);
    }

    /// Bytes that look like RTSP in places reach deeper.
    #[test]
    fn fragments_of_rtsp_in_any_order_never_panic(
        parts in prop::collection::vec(prop_oneof![
            Just(b"RTSP/1.0 200 OK\r\n".to_vec()), Just(b"CSeq: 1\r\n".to_vec()), Just(b"\r\n".to_vec()),
            Just(b"Content-Length: 10\r\n".to_vec()), Just(b"OPTIONS * RTSP/1.0\r\n".to_vec()), Just(b"$".to_vec()),
            Just(b"$\x00\x00\x10".to_vec()), Just(b"$\x01\xff\xff".to_vec()), Just(b" \t\n\0".to_vec()),
            prop::collection::vec(any::<u8>(), 0..30),
        ], 0..60),
        piece in 1usize..200,
    ) {
        let _ = read(&parts.concat(), piece, 2);
    }

    #[test]
    fn the_cut_does_not_matter(
        sizes in prop::collection::vec((0u8..4, 8usize..3000), 1..12), piece in 1usize..4000,
    ) {
        let mut wire = Vec::new();
        for (channel, len) in &sizes {
            wire.extend(packet(*channel, 7, *len));
            wire.extend_from_slice(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n");
        }
        let (seen, garbage) = read(&wire, piece, 4).unwrap();
        prop_assert_eq!(garbage, 0);
        prop_assert_eq!(seen.len(), sizes.len() * 2);
    }

    #[test]
    fn written_messages_read_back(
        status in 100u16..1000, reason in "[A-Za-z]([ -~]{0,20}[!-~])?", names in prop::collection::vec("[A-Za-z-]{1,20}", 0..10),
        value in header_text(), body in prop::collection::vec(any::<u8>(), 0..200), piece in 1usize..100,
    ) {
        let mut response = Response::new(status).with("CSeq", "5");
        response.reason = reason;
        for name in names.iter().filter(|n| !n.eq_ignore_ascii_case("content-length")) {
            response.headers.push(name, &value);
        }
        response.body = body.into();
        let (seen, garbage) = read(&response.to_bytes(), piece, 0).unwrap();
        prop_assert_eq!(garbage, 0);
        let [Seen::Response(read)] = seen.as_slice() else { panic!("{seen:?}") };
        let mut read = read.clone();
        read.headers.remove("Content-Length");
        prop_assert_eq!(&read, &response);
    }

    #[test]
    fn header_values_never_panic(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = rtsp::Transport::parse(&format!("RTP/AVP;{text}"));
        let _ = rtsp::Transport::parse_list(&text);
        let _ = rtsp::SessionHeader::parse(&text);
        let _ = rtsp::parse_rtp_info(&format!("url={text}"));
        let _ = rtsp::parse_public(&text);
        let _ = rtsp::auth::parse_challenges([text.as_str()].into_iter());
        let _ = rtsp::split_credentials(&format!("rtsp://{text}"));
        let base = rtsp::base_url(Some(&text), None, "rtsp://10.0.0.9/live");
        let _ = rtsp::join_control(&base, Some(&text));
        let _ = sdp::parse(&bytes);
        let _ = sdp::decode_parameter_sets(&text);
        let _ = sdp::decode_config_hex(&text);
    }

    #[test]
    fn challenges_of_any_shape_are_read(
        parts in prop::collection::vec(prop_oneof![
            Just("Digest "), Just("Basic "), Just("realm="), Just("\"a b\""), Just(","), Just("nonce"), Just("="),
            Just("\""), Just("\\"), Just("x"), Just(" "), Just("é"),
        ], 0..40),
    ) {
        let text = parts.concat();
        prop_assert!(rtsp::auth::parse_challenges([text.as_str()].into_iter()).len() <= 16);
    }
}
