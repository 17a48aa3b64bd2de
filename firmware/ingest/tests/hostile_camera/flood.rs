//! Cameras that send without end, beside one that is in order, on the same thread.

use super::*;
use heron_ingest::{ProbeReport, TransportChoice};
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
    add_over(house, url, TransportChoice::Auto)
}

fn add_over(house: &House, url: &str, transport: TransportChoice) -> StreamKey {
    let key = StreamKey::new(CameraId::generate(), StreamKind::Main);
    house.hub.stream(key);
    house.ingest.add_stream(StreamSpec::new(key, url).transport(transport)).unwrap();
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

/// It floods between a request and its answer for as long as it takes the good camera to show twenty pictures more: on
/// a thread that the flood holds there are none, and so never an answer.
#[test]
fn packets_before_every_answer_and_then_an_ordinary_camera() {
    let (count, shown) = (Count::default(), Count::default());
    let (counting, showing) = (Arc::clone(&count), Arc::clone(&shown));
    let url = camera(move |_, mut client| {
        let many = small_packets();
        loop {
            let Some(request) = client.request() else { return };
            let enough = showing.load(Ordering::Relaxed) + 20;
            while showing.load(Ordering::Relaxed) < enough {
                if client.stream.write_all(&many).is_err() {
                    return;
                }
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
        let mut header = header();
        while client.frame(&mut header) {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let house = House::with(&good());
    house.units(3);
    let bad = add(&house, &url);
    let (mut good, mut bad) =
        (house.hub.stream(house.key).pinned_reader(), house.hub.stream(bad).pinned_reader());
    let (mut pictures, mut units) = (Vec::new(), Vec::new());
    until("its own pictures", || {
        good.drain(&mut pictures, 10_000);
        shown.store(pictures.len() as u64, Ordering::Relaxed);
        bad.drain(&mut units, 10_000);
        units.len() >= 10
    });
    assert!(count.load(Ordering::Relaxed) > 0);
    assert!(pictures.windows(2).all(|p| (p[1].pts - p[0].pts).as_nanos() == 20_000_000), "none is missing");
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

/// A camera over UDP that sends as fast as the machine can, from a port of its own.
#[test]
fn datagrams_without_end() {
    let count = Count::default();
    let counting = Arc::clone(&count);
    let url = camera(move |_, mut client| {
        while let Some(request) = client.request() {
            let transport = request.headers.get("Transport").unwrap_or_default();
            let port =
                transport.split("client_port=").nth(1).and_then(|p| p.split('-').next()?.parse::<u16>().ok());
            match (request.method.clone(), port) {
                (Method::Describe, _) => {
                    client.answer(&request, Response::new(200).with_body("application/sdp", SDP));
                }
                (Method::Setup, Some(port)) => {
                    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                    let own = socket.local_addr().unwrap().port();
                    let answer =
                        format!("RTP/AVP;unicast;client_port={port}-{};server_port={own}-{own}", port + 1);
                    client
                        .answer(&request, Response::new(200).with("Session", "1").with("Transport", answer));
                    let Some(play) = client.request() else { return };
                    client.answer(&play, Response::new(200));
                    client.stream.set_nonblocking(true).unwrap();
                    let mut header = header();
                    let gone = |client: &mut Client| matches!(client.stream.read(&mut [0; 512]), Ok(0));
                    while !gone(&mut client) {
                        for _ in 0..1000 {
                            let packet = [&header.encode()[..], &[0x41, 0x9a]].concat();
                            let _ = socket.send_to(&packet, ("127.0.0.1", port));
                            header.sequence = header.sequence.wrapping_add(1);
                            header.timestamp = header.timestamp.wrapping_add(3600);
                        }
                        counting.fetch_add(1, Ordering::Relaxed);
                    }
                    return;
                }
                _ => client.answer(&request, Response::new(200)),
            }
        }
    });
    let house = House::with(&good());
    house.units(3);
    let bad = add_over(&house, &url, TransportChoice::Udp);
    goes_on(&house, &count);
    until("the verdict", || house.ingest.statistics(bad).is_some_and(|r| r.transport == Some("udp")));
}

/// The same camera behind TLS.
fn over_tls(url: &str) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["camera.local".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (from, to) = (url.trim_start_matches("rtsp://"), listener.local_addr().unwrap().to_string());
    let plain = from.split('/').next().unwrap().to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, plain) = (acceptor.clone(), plain.clone());
                tokio::task::spawn_local(async move {
                    let Ok(mut outer) = acceptor.accept(stream).await else { return };
                    let Ok(mut inner) = tokio::net::TcpStream::connect(plain).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
                });
            }
        });
    });
    format!("rtsps://{to}/live")
}

#[test]
fn packets_without_end_over_tls() {
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
    let (reason, text) = flooded(&over_tls(&url), &count, Duration::from_secs(4));
    assert!(reason == FailureReason::TimedOut && text.contains("within 4 s"), "{text}");
}

/// Whole pictures of one byte, as many as fit through: what is passed on is no more than any camera makes.
#[test]
fn pictures_of_a_byte_are_passed_on_at_the_rate_of_a_camera() {
    let count = Count::default();
    let counting = Arc::clone(&count);
    let url = camera(move |_, mut client| {
        let mut header = header();
        if client.set_up().is_none() || !client.frame(&mut header) {
            return;
        }
        let many: Vec<u8> = (0..10_000).flat_map(|_| packet(&mut header, &[0x41, 0x9a])).collect();
        // The same sequence numbers again would be late ones; a new source may begin where it likes.
        while client.stream.write_all(&many).is_ok() {
            counting.fetch_add(10_000, Ordering::Relaxed);
        }
    });
    let house = House::with(&good());
    house.units(3);
    let bad = add(&house, &url);
    let mut reader = house.hub.stream(bad).pinned_reader();
    let mut units = Vec::new();
    until("a million pictures sent", || {
        reader.drain(&mut units, 100_000);
        let over = house.ingest.statistics(bad).unwrap().counters.over_rate;
        count.load(Ordering::Relaxed) >= 1_000_000 && over > 0
    });
    let (Some(first), Some(last)) = (units.first(), units.last()) else { panic!("nothing came") };
    // Ten seconds' worth at once, then 240 a second, by the box's own stamps.
    let seconds = last.arrival.nanos_since(first.arrival) / 1_000_000_000 + 1;
    assert!((units.len() as i64) <= 2400 + 240 * (seconds + 1), "{} in {seconds} s", units.len());
}
