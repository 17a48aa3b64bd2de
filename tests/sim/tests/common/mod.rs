//! A plain RTSP client for tests, and the programs of others that they run.
// Each test file uses a part of this; what fails here fails the test that called it.
#![allow(dead_code, unreachable_pub, clippy::should_implement_trait, clippy::unwrap_used)]

use bytes::{Buf, BytesMut};
use heron_media::rtp::Packet;
use heron_media::rtsp::auth::{Authenticator, Credentials, parse_challenges};
use heron_media::rtsp::{Item, Method, Request, Response, StreamParser};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The longest that anything is waited for; only a failing test waits so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so; panics with words when it never is.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < PATIENCE, "never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A command that ends after a minute at the latest, or `None`, said aloud, when the program is missing.
pub fn program(name: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|p| p.join(name).is_file()) {
        eprintln!("skipped: {name} is not installed");
        return None;
    }
    let mut command = Command::new("timeout");
    command.args(["60", name]);
    Some(command)
}

/// Runs a command and asserts that it ended well and had nothing to complain of.
pub fn without_warning(command: Command) -> Output {
    without_warning_but(command, "")
}

/// The same, but lines that hold `known` are no complaint; empty for none.
pub fn without_warning_but(mut command: Command, known: &str) -> Output {
    let output = command.output().expect("the program runs");
    let said = complaints(&output, known);
    assert!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
    assert!(said.is_empty(), "{command:?} said: {said}");
    output
}

/// The first lines that a program wrote to its standard error but those that hold `known`.
pub fn complaints(output: &Output, known: &str) -> String {
    let all = String::from_utf8_lossy(&output.stderr);
    let said = all.lines().filter(|l| !l.trim().is_empty() && (known.is_empty() || !l.contains(known)));
    said.take(8).collect::<Vec<_>>().join("\n")
}

/// A URL with credentials in it.
pub fn with_credentials(url: &str, user: &str, password: &str) -> String {
    url.replacen("://", &format!("://{user}:{password}@"), 1)
}

/// The text of a file's name, for messages.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// An RTP packet that came interleaved.
#[derive(Clone, Debug)]
pub struct Received {
    pub channel: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: Vec<u8>,
}

impl Received {
    /// The H.264 NAL unit type of this packet: of the unit itself, of the first in an aggregate, of a fragment's.
    pub fn nal_type(&self) -> u8 {
        match self.payload[0] & 0x1f {
            24 => self.payload[3] & 0x1f,
            28 => self.payload[1] & 0x1f,
            kind => kind,
        }
    }
}

/// What came from a camera.
#[derive(Clone, Debug)]
pub enum Came {
    Rtp(Received),
    Rtcp(Vec<u8>),
    Answer(Response),
    Garbage(usize),
    /// The connection ended: cleanly, or by a reset.
    End {
        reset: bool,
    },
}

/// A connection to a camera.
pub struct Client {
    stream: TcpStream,
    parser: StreamParser,
    unread: BytesMut,
    url: String,
    cseq: u32,
    session: Option<String>,
    pub authenticator: Authenticator,
}

impl Client {
    pub fn connect(url: &str) -> Self {
        Self::with_password(url, None)
    }

    pub fn with_password(url: &str, password: Option<&str>) -> Self {
        let address = url.split("://").nth(1).unwrap().split('/').next().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let credentials = password.map(|p| Credentials { username: "heron".into(), password: p.to_owned() });
        Self {
            stream,
            parser: StreamParser::new(),
            unread: BytesMut::new(),
            url: url.to_owned(),
            cseq: 0,
            session: None,
            authenticator: Authenticator::new(credentials, 1),
        }
    }

    /// The next thing that comes.
    pub fn next(&mut self) -> Came {
        loop {
            let parsed = self.parser.parse(&self.unread).unwrap();
            let came = match parsed.item {
                Item::NeedMore { .. } => None,
                Item::Interleaved { channel, payload } if channel % 2 == 0 => {
                    let p = Packet::parse(&self.unread[payload]).unwrap();
                    Some(Came::Rtp(Received {
                        channel,
                        sequence: p.sequence,
                        timestamp: p.timestamp,
                        marker: p.marker,
                        payload: p.payload.to_vec(),
                    }))
                }
                Item::Interleaved { payload, .. } => Some(Came::Rtcp(self.unread[payload].to_vec())),
                Item::Response(response) => Some(Came::Answer(response)),
                Item::Garbage { skipped } => Some(Came::Garbage(skipped)),
                Item::Request(request) => panic!("a camera asked for {request:?}"),
            };
            self.unread.advance(parsed.consumed);
            if let Some(came) = came {
                return came;
            }
            let mut some = [0; 65_536];
            match self.stream.read(&mut some) {
                Ok(0) => return Came::End { reset: false },
                Ok(n) => self.unread.extend_from_slice(&some[..n]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return Came::End { reset: true },
                Err(e) => panic!("nothing came: {e}"),
            }
        }
    }

    /// The next RTP packet.
    pub fn rtp(&mut self) -> Received {
        loop {
            match self.next() {
                Came::Rtp(packet) => return packet,
                Came::End { .. } => panic!("the connection ended"),
                _ => {}
            }
        }
    }

    /// The next video packet.
    pub fn video(&mut self) -> Received {
        loop {
            let packet = self.rtp();
            if packet.channel == 0 {
                return packet;
            }
        }
    }

    /// Sends a request, without waiting.
    pub fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)]) {
        self.cseq += 1;
        let url = format!("{}{path}", self.url);
        let mut request = Request::new(method.clone(), &url).with("CSeq", self.cseq.to_string());
        for (name, value) in headers {
            request = request.with(name, value);
        }
        if let Some(session) = &self.session {
            request = request.with("Session", session);
        }
        if let Some(value) = self.authenticator.authorization(method.as_str(), &url) {
            request = request.with("Authorization", value);
        }
        self.stream.write_all(&request.to_bytes()).unwrap();
    }

    /// Sends a request and waits for its answer; `None` when the connection ends instead.
    pub fn ask(&mut self, method: Method, path: &str, headers: &[(&str, &str)]) -> Option<Response> {
        self.send(method, path, headers);
        loop {
            match self.next() {
                Came::Answer(response) => {
                    assert_eq!(response.cseq(), Some(self.cseq));
                    return Some(response);
                }
                Came::End { .. } => return None,
                _ => {}
            }
        }
    }

    /// Asks for the description, answering a challenge once. The status, and the text when it is 200.
    pub fn describe(&mut self) -> (u16, String) {
        let mut response = self.ask(Method::Describe, "", &[]).unwrap();
        if response.status == 401 {
            let challenges = parse_challenges(response.headers.get_all("WWW-Authenticate"));
            self.authenticator.challenged(challenges);
            response = self.ask(Method::Describe, "", &[]).unwrap();
        }
        (response.status, String::from_utf8_lossy(&response.body).into_owned())
    }

    /// Sets up a track with a transport; the answer's transport.
    pub fn set_up(&mut self, track: usize, transport: &str) -> String {
        let path = format!("/trackID={track}");
        let response = self.ask(Method::Setup, &path, &[("Transport", transport)]).unwrap();
        assert_eq!(response.status, 200);
        let session = response.headers.get("Session").unwrap();
        self.session = Some(session.split(';').next().unwrap().to_owned());
        response.headers.get("Transport").unwrap().to_owned()
    }

    /// Starts playing; the answer's `RTP-Info`.
    pub fn play(&mut self) -> String {
        let response = self.ask(Method::Play, "", &[("Range", "npt=0.000-")]).unwrap();
        assert_eq!(response.status, 200);
        response.headers.get("RTP-Info").unwrap().to_owned()
    }

    /// A client that plays the video of a stream over TCP.
    pub fn playing(url: &str) -> Self {
        let mut client = Self::connect(url);
        assert_eq!(client.describe().0, 200);
        client.set_up(0, "RTP/AVP/TCP;unicast;interleaved=0-1");
        client.play();
        client
    }
}

/// A request to the control API: status and body.
pub fn http(address: std::net::SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
