//! Cameras that send without end, beside one that is in order, on the same thread.

use super::*;
use heron_ingest::ProbeReport;
use std::sync::atomic::AtomicU64;

/// Counts what floods.
type Count = Arc<AtomicU64>;

/// A camera of 50 pictures a second.
fn good() -> String {
    camera(|_, mut client| {
        let mut header = header();
        if client.set_up().is_some() {
            while client.frame(&mut header) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    })
}

/// An interleaved packet.
fn packet(header: &mut Header, payload: &[u8]) -> Vec<u8> {
    let mut wire = interleaved_prefix(0, (12 + payload.len()) as u16).to_vec();
    wire.extend_from_slice(&header.encode());
    wire.extend_from_slice(payload);
    header.sequence = header.sequence.wrapping_add(1);
    header.timestamp = header.timestamp.wrapping_add(3600);
    wire
}

/// The smallest packets that there are, as many as there are sequence numbers: to send them costs a fraction of what it
/// costs to read them.
fn small_packets() -> Vec<u8> {
    let mut header = header();
    (0..=u16::MAX).flat_map(|_| packet(&mut header, &[0x41, 0x9a])).collect()
}

/// The good camera's next 150 pictures come, without a gap, while the flood goes on.
fn goes_on(house: &House, count: &Count) {
    let mut reader = house.hub.stream(house.key).pinned_reader();
    until("the flood", || count.load(Ordering::Relaxed) > 0);
    let (before, mut units) = (count.load(Ordering::Relaxed), Vec::new());
    until("the good camera's pictures and the flood", || {
        reader.drain(&mut units, 10_000);
        units.len() >= 150 && count.load(Ordering::Relaxed) > before
    });
    for pair in units.windows(2) {
        assert_eq!((pair[1].pts - pair[0].pts).as_nanos(), 20_000_000, "none is missing");
    }
}

fn add(house: &House, url: &str) -> StreamKey {
    let key = StreamKey::new(CameraId::generate(), StreamKind::Main);
    house.hub.stream(key);
    house.ingest.add_stream(StreamSpec::new(key, url)).unwrap();
    key
}

fn probe(house: &House, url: &str, timeout: Duration) -> ProbeReport {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let probing = house.ingest.probe(StreamSpec::new(house.key, url), timeout);
        tokio::time::timeout(PATIENCE, probing).await.expect("the probe ends").unwrap()
    })
}

/// The flooding camera as a stream and under a probe.
fn flooded(url: &str, count: &Count, timeout: Duration) -> (FailureReason, String) {
    let house = House::with(&good());
    house.units(3);
    add(&house, url);
    let failure = std::thread::scope(|scope| {
        let probe = scope.spawn(|| probe(&house, url, timeout));
        goes_on(&house, count);
        probe.join().unwrap().failure.unwrap()
    });
    (failure.reason, failure.detail)
}

#[test]
fn pictures_without_end() {
    let count = Count::default();
    let counting = Arc::clone(&count);
    let url = camera(move |_, mut client| {
        if client.set_up().is_none() {
            return;
        }
        let stap = [&[0x78][..], &[0, 2, 0x41, 0x9a].repeat(15_000)].concat();
        let mut header = header();
        while client.stream.write_all(&packet(&mut header, &stap)).is_ok() {
            counting.fetch_add(1, Ordering::Relaxed);
        }
    });
    let (reason, text) = flooded(&url, &count, Duration::from_secs(4));
    assert!(reason == FailureReason::TimedOut && text.contains("within 4 s"), "{text}");
}

#[test]
fn packets_without_end() {
    let count = Count::default();
    let counting = Arc::clone(&count);
    let url = camera(move |_, mut client| {
        let many = small_packets();
        if client.set_up().is_some() {
            while client.stream.write_all(&many).is_ok() {
                counting.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let (reason, text) = flooded(&url, &count, Duration::from_secs(4));
    assert!(reason == FailureReason::TimedOut && text.contains("within 4 s"), "{text}");
}

#[test]
fn an_answer_that_is_always_about_to_come() {
    let count = Count::default();
    let counting = Arc::clone(&count);
    let url = camera(move |_, mut client| {
        let Some(options) = client.request() else { return };
        client.answer(&options, Response::new(200));
        if client.request().is_none() {
            return;
        }
        let many = b"RTSP/1.0 100 Continue\r\n\r\n".repeat(1000);
        while client.stream.write_all(&many).is_ok() {
            counting.fetch_add(1, Ordering::Relaxed);
        }
    });
    let (reason, text) = flooded(&url, &count, Duration::from_secs(30));
    assert!(reason == FailureReason::Protocol && text.contains("responses that answer nothing"), "{text}");
}

#[test]
fn packets_instead_of_an_answer() {
    let count = Count::default();
    let counting = Arc::clone(&count);
    let url = camera(move |_, mut client| {
        let many = small_packets();
        if client.request().is_some() {
            while client.stream.write_all(&many).is_ok() {
                counting.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let (reason, text) = flooded(&url, &count, Duration::from_secs(4));
    assert!(reason == FailureReason::TimedOut && text.contains("within 4 s"), "{text}");
}

#[test]
fn packets_before_every_answer_and_then_an_ordinary_camera() {
    let count = Count::default();
    let counting = Arc::clone(&count);
    let url = camera(move |_, mut client| {
        let mut header = header();
        loop {
            let Some(request) = client.request() else { return };
            for _ in 0..2000 {
                let _ = client.stream.write_all(&packet(&mut header, &[0x41; 1000]));
                counting.fetch_add(1, Ordering::Relaxed);
            }
            let response = match request.method {
                Method::Describe => Response::new(200).with_body("application/sdp", SDP),
                Method::Setup => Response::new(200)
                    .with("Session", "42")
                    .with("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1"),
                _ => Response::new(200),
            };
            client.answer(&request, response);
            if request.method == Method::Play {
                break;
            }
        }
        while client.frame(&mut header) {
            counting.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let house = House::with(&good());
    house.units(3);
    let bad = add(&house, &url);
    let mut reader = house.hub.stream(bad).pinned_reader();
    goes_on(&house, &count);
    let mut units = Vec::new();
    until("its own pictures", || {
        reader.drain(&mut units, 10_000);
        units.len() >= 10
    });
}

/// 65520 by 65520 pixels.
const ABSURD_SPS: &[u8] = &[0x67, 0x42, 0x00, 0x28, 0xda, 0x00, 0x0f, 0xff, 0x00, 0x1f, 0xff, 0x90];

#[test]
fn pictures_that_are_too_large_are_told_as_such() {
    let in_stream = camera(|_, mut client| {
        let mut header = Header { marker: false, ..header() };
        if client.set_up_with(&SDP.replace("sprop", "x")).is_none() {
            return;
        }
        loop {
            for unit in [ABSURD_SPS, &[0x68, 0xce, 0x3c, 0x80], IDR] {
                if client.stream.write_all(&packet(&mut header, unit)).is_err() {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut house = House::with(&in_stream);
    let (reason, text) = house.first_failure();
    assert!(reason == FailureReason::CodecNotSupported && text.contains("width of 65520 pixels"), "{text}");
    let described = camera(|_, mut client| {
        let (mut header, sets) = (header(), "sprop-parameter-sets=Z0IAKNoAD/8AH/+Q,aM48gA==");
        if client
            .set_up_with(&SDP.replace("sprop-parameter-sets=Z0IAKeKQFAe2AtwEBAaQeJEV,aM48gA==", sets))
            .is_some()
        {
            while client.frame(&mut header) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let failure = probe(&house, &described, Duration::from_secs(4)).failure.unwrap();
    assert_eq!(failure.reason, FailureReason::CodecNotSupported);
    assert!(failure.detail.contains("width of 65520 pixels"), "{}", failure.detail);
}
