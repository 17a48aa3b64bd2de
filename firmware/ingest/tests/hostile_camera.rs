//! Cameras that break the rules on the wire, over real sockets. Each one is a thread with a few lines of script.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use heron_core::{AccessUnit, CameraId, FailureReason, StreamKey, StreamKind, SystemClock};
use heron_hub::{Hub, HubConfig};
use heron_ingest::{ChannelObserver, Ingest, IngestConfig, Notice, StreamReport, StreamSpec};
use heron_media::rtp::Header;
use heron_media::rtsp::{Item, Method, Request, Response, StreamParser, interleaved_prefix};
use parking_lot::Mutex;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

#[path = "hostile_camera/flood.rs"]
mod flood;

const PATIENCE: Duration = Duration::from_secs(60);
const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAKeKQFAe2AtwEBAaQeJEV,aM48gA==\r\na=control:v\r\n";
const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x00, 0x33, 0xff];

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "gave up waiting for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One connection to the camera.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    parser: StreamParser,
    /// Interleaved packets that the client sent: channel and length.
    packets: Vec<(u8, usize)>,
}

impl Client {
    /// The next request; `None` when the client has gone.
    fn request(&mut self) -> Option<Request> {
        loop {
            let parsed = self.parser.parse(&self.buffer).unwrap();
            match parsed.item {
                Item::Request(request) => {
                    self.buffer.drain(..parsed.consumed);
                    return Some(request);
                }
                Item::Interleaved { channel, payload } => self.packets.push((channel, payload.len())),
                Item::NeedMore { .. } => {
                    self.buffer.drain(..parsed.consumed);
                    let mut chunk = [0; 4096];
                    let n = self.stream.read(&mut chunk).ok().filter(|n| *n > 0)?;
                    self.buffer.extend_from_slice(&chunk[..n]);
                    continue;
                }
                other => panic!("{other:?}"),
            }
            self.buffer.drain(..parsed.consumed);
        }
    }
    fn answer(&mut self, request: &Request, response: Response) {
        let response = response.with("CSeq", request.cseq().unwrap().to_string());
        let _ = self.stream.write_all(&response.to_bytes());
    }
    /// Answers everything up to PLAY as an ordinary camera does.
    fn set_up(&mut self) -> Option<()> {
        self.set_up_with(SDP)
    }
    fn set_up_with(&mut self, sdp: &str) -> Option<()> {
        loop {
            let request = self.request()?;
            let response = match request.method {
                Method::Describe => Response::new(200).with_body("application/sdp", sdp.to_owned()),
                Method::Setup => Response::new(200)
                    .with("Session", "42;timeout=10")
                    .with("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1"),
                _ => Response::new(200),
            };
            self.answer(&request, response);
            if request.method == Method::Play {
                return Some(());
            }
        }
    }
    /// Sends a key frame in one packet; false when the client has gone.
    fn frame(&mut self, header: &mut Header) -> bool {
        let mut wire = interleaved_prefix(0, (12 + IDR.len()) as u16).to_vec();
        wire.extend_from_slice(&header.encode());
        wire.extend_from_slice(IDR);
        header.sequence = header.sequence.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(1800);
        self.stream.write_all(&wire).is_ok()
    }
}

fn header() -> Header {
    Header { marker: true, payload_type: 96, sequence: 100, timestamp: 5000, ssrc: 7 }
}

/// A camera that runs `script` for each connection, with its number from 0.
fn camera(script: impl Fn(usize, Client) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/live", listener.local_addr().unwrap());
    let script = Arc::new(script);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let client =
                Client { stream, buffer: Vec::new(), parser: StreamParser::new(), packets: Vec::new() };
            let script = Arc::clone(&script);
            std::thread::spawn(move || script(number, client));
        }
    });
    url
}

struct House {
    ingest: Ingest,
    hub: Arc<Hub>,
    notices: mpsc::Receiver<Notice>,
    key: StreamKey,
}

impl House {
    fn with(url: &str) -> Self {
        let hub = Hub::new(HubConfig::default());
        let (observer, notices) = ChannelObserver::new(1024);
        let ingest =
            Ingest::start(IngestConfig::default(), Arc::clone(&hub), Arc::new(SystemClock), observer)
                .unwrap();
        let key = StreamKey::new(CameraId::generate(), StreamKind::Main);
        hub.stream(key);
        ingest.add_stream(StreamSpec::new(key, url).credentials("admin", "secret")).unwrap();
        Self { ingest, hub, notices, key }
    }
    fn report(&self) -> StreamReport {
        self.ingest.statistics(self.key).unwrap()
    }
    fn units(&self, count: usize) -> Vec<Arc<AccessUnit>> {
        let mut reader = self.hub.stream(self.key).pinned_reader();
        let mut units = Vec::new();
        until("access units", || {
            reader.drain(&mut units, 10_000);
            units.len() >= count
        });
        units
    }
    fn next_notice(&mut self) -> Notice {
        let mut next = None;
        until("a notice", || {
            next = self.notices.try_recv().ok();
            next.is_some()
        });
        next.unwrap()
    }
    fn first_failure(&mut self) -> (FailureReason, String) {
        match self.next_notice() {
            Notice::AttemptFailed { failure, failed_attempts: 1, .. } => (failure.reason, failure.detail),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn garbage_between_packets_and_a_sequence_that_jumps() {
    let url = camera(|_, mut client| {
        let mut header = header();
        if client.set_up().is_none() {
            return;
        }
        for n in 0..u32::MAX {
            match n % 50 {
                10 => drop(client.stream.write_all(b"\x00\x17garbage $ and $$ more\r\n")),
                20 => header.sequence = header.sequence.wrapping_add(7),
                30 => header.timestamp = header.timestamp.wrapping_add(0x4000_0000),
                40 => header.ssrc = header.ssrc.wrapping_add(1),
                _ => {}
            }
            // An old session's packets on a channel that nobody asked for.
            let mut stray = interleaved_prefix(6, 12).to_vec();
            stray.extend_from_slice(&header.encode());
            if client.stream.write_all(&stray).is_err() || !client.frame(&mut header) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let mut house = House::with(&url);
    let units = house.units(200);
    for pair in units.windows(2) {
        assert!(pair[0].dts < pair[1].dts && pair[0].wall <= pair[1].wall);
    }
    until("counters", || {
        let c = house.report().counters;
        c.garbage_bytes > 20 && c.time_jumps > 0 && c.ssrc_changes > 0 && c.unknown_channel > 0
    });
    assert!(house.report().link.packets_lost > 0);
    assert!(matches!(house.next_notice(), Notice::Online { .. }));
    assert!(house.notices.try_recv().is_err(), "nothing of that ends the stream");
}

#[test]
fn two_seconds_in_store_lie_in_the_past() {
    let url = camera(|_, mut client| {
        if client.set_up().is_none() {
            return;
        }
        let mut header = header();
        for n in 0.. {
            if !client.frame(&mut header) {
                return;
            }
            // 100 frames of 20 ms at once, then as they are made.
            if n >= 100 {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let units = House::with(&url).units(120);
    assert_eq!((units[119].pts - units[0].pts).as_nanos(), 119 * 20_000_000, "nothing is missing");
    for unit in &units[..100] {
        let ahead = unit.wall.nanos_since(unit.arrival);
        assert!(ahead <= 50_000_000, "{} ms in the future", ahead / 1_000_000);
    }
    let told = units[99].wall.nanos_since(units[0].wall);
    assert!((told - 99 * 20_000_000).abs() < 2_000_000, "{told}");
}

#[test]
fn a_camera_that_hangs_up_after_its_401_is_answered_on_the_next_connection() {
    let url = camera(|number, mut client| {
        if number == 0 {
            let Some(request) = client.request() else { return };
            let challenge = "Digest realm=\"r\", nonce=\"n\"";
            client.answer(&request, Response::new(401).with("WWW-Authenticate", challenge));
            return;
        }
        let Some(request) = client.request() else { return };
        assert!(request.headers.get("Authorization").is_some_and(|a| a.contains("nonce=\"n\"")));
        client.answer(&request, Response::new(200));
        if client.set_up().is_some() {
            let mut header = header();
            while client.frame(&mut header) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    let mut house = House::with(&url);
    house.units(3);
    assert!(matches!(house.next_notice(), Notice::Online { .. }), "it was one try");
}

#[test]
fn the_camera_hears_reports_and_keep_alives_and_a_goodbye() {
    let heard = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let log = Arc::clone(&heard);
    let url = camera(move |_, mut client| {
        if client.set_up().is_none() {
            return;
        }
        let playing = Arc::new(AtomicBool::new(true));
        let (mut sender, flag) = (client.stream.try_clone().unwrap(), Arc::clone(&playing));
        std::thread::spawn(move || {
            let mut header = header();
            while flag.load(Ordering::Relaxed) {
                let mut wire = interleaved_prefix(0, (12 + IDR.len()) as u16).to_vec();
                wire.extend_from_slice(&header.encode());
                wire.extend_from_slice(IDR);
                header.sequence = header.sequence.wrapping_add(1);
                header.timestamp = header.timestamp.wrapping_add(3600);
                let _ = sender.write_all(&wire);
                std::thread::sleep(Duration::from_millis(40));
            }
        });
        while let Some(request) = client.request() {
            if request.method == Method::Teardown {
                playing.store(false, Ordering::Relaxed);
            }
            client.answer(&request, Response::new(200));
            let mut log = log.lock();
            log.0.push((request.method, request.headers.get("Session").unwrap_or_default().to_owned()));
            log.1.append(&mut client.packets);
        }
        log.lock().1.append(&mut client.packets);
    });
    let house = House::with(&url);
    house.units(3);
    // The session's timeout is ten seconds: a sign of life comes every five.
    until("a keep-alive", || heard.lock().0.iter().any(|(m, _)| *m == Method::GetParameter));
    house.ingest.remove_stream(house.key);
    until("a teardown", || heard.lock().0.iter().any(|(m, _)| *m == Method::Teardown));
    let requests = heard.lock().0.clone();
    assert!(requests.iter().all(|(_, session)| session == "42"), "{requests:?}");
    until("a receiver report", || heard.lock().1.iter().any(|(channel, len)| *channel == 1 && *len >= 32));
}

#[test]
fn a_camera_that_goes_silent_is_noticed() {
    let url = camera(|_, mut client| {
        let mut header = header();
        if client.set_up().is_some() && client.frame(&mut header) {
            // Nothing more, and the connection stays.
            while client.request().is_some() {}
        }
    });
    let mut house = House::with(&url);
    assert!(matches!(house.next_notice(), Notice::Online { .. }));
    let Notice::Lost { failure, .. } = house.next_notice() else { panic!() };
    assert_eq!(failure.reason, FailureReason::NoPackets, "{failure:?}");
    assert!(matches!(house.next_notice(), Notice::Online { .. }), "and it is tried again");
    until("the reconnect in the statistics", || house.report().link.reconnects >= 1);
}

#[test]
fn interleaving_refused_leads_to_udp() {
    let url = camera(|_, mut client| {
        loop {
            let Some(request) = client.request() else { return };
            let transport = request.headers.get("Transport").unwrap_or_default().to_owned();
            let ports = heron_media::rtsp::Transport::parse(&transport).ok().and_then(|t| t.client_port);
            match (&request.method, ports) {
                (Method::Describe, _) => {
                    client.answer(&request, Response::new(200).with_body("application/sdp", SDP))
                }
                (Method::Setup, None) => client.answer(&request, Response::new(461)),
                (Method::Setup, Some(ports)) => {
                    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                    let port = socket.local_addr().unwrap().port();
                    let answer = format!(
                        "RTP/AVP;unicast;client_port={}-{};server_port={port}-{port}",
                        ports.0, ports.1
                    );
                    client
                        .answer(&request, Response::new(200).with("Session", "1").with("Transport", answer));
                    let Some(play) = client.request() else { return };
                    client.answer(&play, Response::new(200));
                    let mut header = header();
                    // Every two packets change places.
                    for n in 0..60_000u16 {
                        header.sequence = n ^ 1;
                        header.timestamp = u32::from(n ^ 1) * 900;
                        let packet = [&header.encode()[..], IDR].concat();
                        let _ = socket.send_to(&packet, ("127.0.0.1", ports.0));
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
                _ => client.answer(&request, Response::new(200)),
            }
        }
    });
    let house = House::with(&url);
    let units = house.units(50);
    assert!(units[1..].iter().all(|u| !u.discontinuity), "nothing is torn by packets out of order");
    assert_eq!(house.report().transport, Some("udp"));
}

#[test]
fn failures_are_told_in_plain_words() {
    let web = camera(|_, mut client| {
        let _ = client.request();
        let _ = client.stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    let (reason, text) = House::with(&web).first_failure();
    assert!(reason == FailureReason::Protocol && text.contains("web server"), "{text}");

    let closes = camera(|_, client| drop(client));
    let (reason, text) = House::with(&closes).first_failure();
    assert!(reason == FailureReason::Closed, "{text}");

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (reason, text) = House::with(&format!("rtsp://{nobody}/")).first_failure();
    assert!(reason == FailureReason::Refused && text.contains("nothing listens at 127.0.0.1 port"), "{text}");

    let huge = camera(|_, mut client| {
        let Some(request) = client.request() else { return };
        client.answer(&request, Response::new(200));
        let _ = client.request();
        let _ = client.stream.write_all(b"RTSP/1.0 200 OK\r\nContent-Length: 4000000000\r\n\r\n");
        let _ = client.request();
    });
    let (reason, text) = House::with(&huge).first_failure();
    assert!(reason == FailureReason::Protocol && text.contains("4000000000"), "{text}");

    let plain = camera(|_, mut client| {
        let mut byte = [0];
        let _ = client.stream.read(&mut byte);
        let _ = client.stream.write_all(b"RTSP/1.0 400 Bad Request\r\n\r\n");
    });
    let (reason, text) = House::with(&plain.replace("rtsp://", "rtsps://")).first_failure();
    assert!(reason == FailureReason::Tls && text.contains("try rtsp://"), "{text}");
}

#[test]
fn no_room_and_bad_addresses_are_refused() {
    let hub = Hub::new(HubConfig::default());
    let config = IngestConfig { max_streams: 1, ..IngestConfig::default() };
    let ingest = Ingest::start(config, hub, Arc::new(SystemClock), ChannelObserver::new(16).0).unwrap();
    let spec = |url: &str| StreamSpec::new(StreamKey::new(CameraId::generate(), StreamKind::Sub), url);
    assert!(
        ingest
            .add_stream(spec("http://u:secret@10.0.0.9/"))
            .is_err_and(|e| !e.to_string().contains("secret"))
    );
    let first = spec("rtsp://127.0.0.1:1/");
    ingest.add_stream(first.clone()).unwrap();
    assert!(
        ingest
            .add_stream(spec("rtsp://127.0.0.1:1/"))
            .is_err_and(|e| e.to_string().contains("no more than 1"))
    );
    ingest.add_stream(first).unwrap();
    assert_eq!(ingest.streams().len(), 1);
    ingest.stop();
    assert!(ingest.add_stream(spec("rtsp://127.0.0.1:1/")).is_err());
}
