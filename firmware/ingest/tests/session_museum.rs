//! The session against a museum of cameras' odd answers (`museum/`), in virtual time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use heron_core::{FailureReason, TrackKind};
use heron_ingest::session::{Output, Session, SessionConfig, SessionError, TrackTransport};
use heron_media::rtsp::auth::{Authenticator, Credentials};
use heron_media::rtsp::{Item, LowerTransport, Method, Request, Response, StreamParser};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;

const START: Duration = Duration::from_secs(1000);

/// One camera's side of a conversation.
struct Exhibit {
    steps: VecDeque<(String, String)>,
}

impl Exhibit {
    fn open(name: &str) -> Self {
        let path = format!("{}/tests/museum/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut steps: VecDeque<(String, String)> = VecDeque::new();
        for line in text.lines() {
            if let Some(expected) = line.strip_prefix("? ") {
                steps.push_back((expected.to_owned(), String::new()));
            } else if let Some((_, answer)) = steps.back_mut() {
                answer.push_str(line);
                answer.push_str("\r\n");
            }
        }
        Self { steps }
    }

    /// The answer to `request`, through the wire parser; `None` at the end.
    fn answer(&mut self, request: &Request) -> Option<Response> {
        let (expected, answer) = self.steps.pop_front()?;
        let (method, url) = expected.split_once(' ').unwrap_or((&expected, ""));
        assert_eq!(request.method.as_str(), method);
        if !url.is_empty() {
            assert_eq!(request.uri, url);
        }
        let answer = answer.replace("{cseq}", &request.cseq().unwrap().to_string());
        let body = answer.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        let wire = answer.replace("{length}", &body.to_string());
        match StreamParser::new().parse(wire.as_bytes()).unwrap().item {
            Item::Response(response) => Some(response),
            other => panic!("the exhibit is broken: {other:?} from {wire}"),
        }
    }
}

fn session_of(url: &str, lower: LowerTransport) -> Session {
    let credentials = Credentials { username: "admin".into(), password: "secret".into() };
    let authenticator = Authenticator::new(Some(credentials), 1);
    Session::new(SessionConfig { url: url.into(), lower, authenticator }, START)
}

/// Plays an exhibit to its end. The session, the requests it sent, and how it ended.
fn play(name: &str, url: &str) -> (Session, Vec<Request>, Result<(), SessionError>) {
    let mut exhibit = Exhibit::open(name);
    let mut session = session_of(url, LowerTransport::Tcp);
    let mut sent = Vec::new();
    let mut events = Vec::new();
    while let Some(output) = session.poll_output() {
        let Output::Send(request) = output else {
            events.push(output);
            continue;
        };
        sent.push(request.clone());
        let Some(response) = exhibit.answer(&request) else { break };
        if let Err(error) = session.response(&response, START) {
            return (session, sent, Err(error));
        }
    }
    assert!(exhibit.steps.is_empty(), "{name}: the camera waits for {:?}", exhibit.steps);
    assert_eq!(events, [Output::Ready, Output::Playing], "{name}");
    (session, sent, Ok(()))
}

const LIVE: &str = "rtsp://10.0.0.9:554/live";

/// Kind, encoding and RTP channel of each track.
fn tracks(session: &Session) -> Vec<(TrackKind, &str, u8)> {
    let of = |t: &TrackTransport| t.rtp_channel().unwrap();
    session
        .tracks()
        .iter()
        .map(|t| (t.kind, t.codec.map.encoding.as_str(), t.transport.as_ref().map(of).unwrap()))
        .collect()
}

#[test]
fn digest_is_preferred_to_basic() {
    let (session, sent, end) = play("digest-and-basic", LIVE);
    assert_eq!(end, Ok(()));
    assert!(session.is_playing());
    assert_eq!(tracks(&session), [(TrackKind::Video, "H264", 0)]);
    assert_eq!(sent[1].headers.get("Authorization"), None);
    for request in &sent[2..] {
        let authorization = request.headers.get("Authorization").unwrap();
        assert!(authorization.starts_with("Digest ") && authorization.contains("username=\"admin\""));
        assert!(!authorization.contains("secret"));
        assert!(authorization.contains(&format!("uri=\"{}\"", request.uri)), "{authorization}");
    }
    assert_eq!(sent[4].headers.get("Session"), Some("1185345263"));
    assert_eq!(sent[4].headers.get("Range"), Some("npt=0.000-"));
}

#[test]
fn sha_256_is_preferred_to_md5() {
    let (session, sent, end) = play("sha256", LIVE);
    assert_eq!(end, Ok(()));
    assert!(sent[1].headers.get("Authorization").unwrap().contains("algorithm=SHA-256"));
    assert_eq!(tracks(&session), [(TrackKind::Video, "JPEG", 0)]);
}

#[test]
fn a_base_without_scheme_and_blanks_everywhere() {
    let (session, _, end) = play("schemeless-content-base", LIVE);
    assert_eq!(end, Ok(()));
    assert_eq!(tracks(&session), [(TrackKind::Video, "H265", 0), (TrackKind::Audio, "PCMA", 2)]);
    assert_eq!(session.deadline(), Some(START + Duration::from_secs(10)), "half of the 20 s that it said");
}

#[test]
fn one_track_of_each_kind_and_no_back_channel() {
    let (session, _, end) = play("query-url", "rtsp://10.0.0.9:554/cam/realmonitor?channel=1&subtype=0");
    assert_eq!(end, Ok(()));
    let wanted = [
        (TrackKind::Video, "H264", 0),
        (TrackKind::Audio, "PCMA", 2),
        (TrackKind::Metadata, "vnd.onvif.metadata", 4),
    ];
    assert_eq!(tracks(&session), wanted);
    assert_eq!(session.server(), Some("Rtsp Server/3.0"));
}

#[test]
fn channels_that_collide_are_taken_as_asked() {
    let (session, _, end) = play("same-channels-twice", LIVE);
    assert_eq!(end, Ok(()));
    assert_eq!(tracks(&session), [(TrackKind::Video, "H264", 0), (TrackKind::Audio, "PCMU", 2)]);
}

#[test]
fn pictures_without_the_microphone() {
    let (session, sent, end) = play("audio-refused", LIVE);
    assert_eq!(end, Ok(()));
    assert_eq!(
        tracks(&session),
        [(TrackKind::Video, "H264", 0), (TrackKind::Metadata, "VND.ONVIF.METADATA", 2)]
    );
    assert_eq!(sent.last().unwrap().headers.get("Range"), None);
}

#[test]
fn a_nonce_for_each_request_is_no_refusal() {
    let (session, _, end) = play("nonce-per-request", LIVE);
    assert_eq!(end, Ok(()));
    assert_eq!(session.deadline(), Some(START + Duration::from_secs(30)), "a timeout of zero means nothing");
}

#[test]
fn a_wrong_password_is_sent_twice_at_most() {
    let (_, sent, end) = play("wrong-password", LIVE);
    let error = end.unwrap_err();
    assert_eq!((&error, error.reason()), (&SessionError::WrongPassword, FailureReason::WrongPassword));
    assert_eq!(sent.iter().filter(|r| r.headers.get("Authorization").is_some()).count(), 2);
}

#[test]
fn refused_interleaving_suggests_udp() {
    let (_, _, end) = play("udp-only", LIVE);
    assert!(end.unwrap_err().suggests_udp());
}

#[test]
fn unsupported_codecs_are_named() {
    let (_, _, end) = play("mpeg4-only", LIVE);
    let error = end.unwrap_err();
    assert_eq!(error.reason(), FailureReason::CodecNotSupported);
    assert!(error.to_string().starts_with("codec not supported: offered MP4V-ES"), "{error}");
}

/// A session that plays; what it sends from then on is in the outputs.
fn playing() -> Session {
    play("digest-and-basic", LIVE).0
}

fn next_request(session: &mut Session) -> Request {
    match session.poll_output() {
        Some(Output::Send(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn reply(request: &Request, status: u16) -> Response {
    Response::new(status).with("CSeq", request.cseq().unwrap().to_string())
}

#[test]
fn keep_alives_fall_back_until_one_is_taken() {
    let mut session = playing();
    let mut now = START;
    for (method, status) in [
        (Method::GetParameter, 405),
        (Method::SetParameter, 501),
        (Method::Options, 200),
        (Method::Options, 200),
    ] {
        let due = session.deadline().unwrap();
        assert_eq!(due, now + Duration::from_secs(30));
        now = due;
        session.timeout(now).unwrap();
        let request = next_request(&mut session);
        assert_eq!(request.method, method);
        assert_eq!(request.headers.get("Session"), Some("1185345263"));
        session.response(&reply(&request, status), now).unwrap();
    }
}

#[test]
fn an_unanswered_keep_alive_is_forgiven_but_a_forgotten_session_is_not() {
    let mut session = playing();
    let mut now = session.deadline().unwrap();
    session.timeout(now).unwrap();
    let lost = next_request(&mut session);
    now = session.deadline().unwrap();
    session.timeout(now).unwrap();
    assert!(session.is_playing());
    now = session.deadline().unwrap();
    session.timeout(now).unwrap();
    let second = next_request(&mut session);
    // The answer to the first one comes late, and means nothing.
    session.response(&reply(&lost, 454), now).unwrap();
    assert_eq!(session.response(&reply(&second, 454), now), Err(SessionError::Forgotten));
}

#[test]
fn a_camera_that_does_not_answer_is_given_up() {
    let mut session = session_of(LIVE, LowerTransport::Tcp);
    assert_eq!(next_request(&mut session).method, Method::Options);
    let deadline = session.deadline().unwrap();
    assert_eq!(session.timeout(deadline - Duration::from_millis(1)), Ok(()));
    let error = session.timeout(deadline).unwrap_err();
    assert_eq!(error.reason(), FailureReason::TimedOut);
    assert!(error.to_string().contains("OPTIONS"), "{error}");
}

#[test]
fn teardown_is_sent_only_when_there_is_something_to_end() {
    let mut session = playing();
    let request = session.teardown().unwrap();
    assert_eq!((request.method, request.uri.as_str()), (Method::Teardown, "rtsp://10.0.0.9:554/live/"));
    assert_eq!(session.deadline(), None);
    assert_eq!(session_of(LIVE, LowerTransport::Tcp).teardown(), None);
}

#[test]
fn what_the_camera_asks_is_answered() {
    let mut session = playing();
    let ask = |method| Request::new(method, "*").with("CSeq", "77");
    let (response, over) = session.asked(&ask(Method::Options)).unwrap();
    assert_eq!((response.status, response.cseq(), over), (200, Some(77), false));
    assert_eq!(session.asked(&ask(Method::Announce)).unwrap().0.status, 501);
    assert!(session.asked(&ask(Method::Teardown)).unwrap().1);
}

#[test]
fn a_camera_that_only_talks_is_given_up() {
    let mut session = session_of(LIVE, LowerTransport::Tcp);
    let options = next_request(&mut session);
    // Some say "in a moment" a few times; the answer counts all the same.
    for _ in 0..16 {
        session.response(&reply(&options, 100), START).unwrap();
    }
    session.response(&reply(&options, 200), START).unwrap();
    let describe = next_request(&mut session);
    for _ in 0..16 {
        session.response(&reply(&describe, 100), START).unwrap();
    }
    let error = session.response(&reply(&describe, 100), START).unwrap_err();
    assert_eq!(error.reason(), FailureReason::Protocol);
    assert!(error.to_string().contains("17 responses"), "{error}");

    let mut session = playing();
    let ask = Request::new(Method::GetParameter, "*").with("CSeq", "1");
    assert_eq!((1..).find(|_| session.asked(&ask).is_err()), Some(257));
    let mut session = playing();
    assert_eq!((1..).find(|_| session.response(&Response::new(200), START).is_err()), Some(17));
}

#[test]
fn a_redirection_says_where_to() {
    let mut session = session_of(LIVE, LowerTransport::Tcp);
    let options = next_request(&mut session);
    session.response(&reply(&options, 200), START).unwrap();
    let describe = next_request(&mut session);
    let response = reply(&describe, 302).with("Location", "rtsp://10.0.0.10/live");
    let location = "rtsp://10.0.0.10/live".to_owned();
    assert_eq!(session.response(&response, START), Err(SessionError::Redirected { location }));
}

const TWO_TRACKS: &str =
    "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:v\nm=audio 0 RTP/AVP 0\na=control:a\n";

/// Brings a session to its first SETUP over UDP, with ports 5000 and 5001.
fn udp_setup() -> (Session, Request) {
    let mut session = session_of(LIVE, LowerTransport::Udp);
    let options = next_request(&mut session);
    session.response(&reply(&options, 200), START).unwrap();
    let describe = next_request(&mut session);
    session.response(&reply(&describe, 200).with_body("application/sdp", TWO_TRACKS), START).unwrap();
    assert_eq!(session.poll_output(), Some(Output::BindPorts { track: 0 }));
    session.ports_bound(0, (5000, 5001), START);
    let setup = next_request(&mut session);
    assert_eq!(setup.headers.get("Transport"), Some("RTP/AVP;unicast;client_port=5000-5001"));
    (session, setup)
}

#[test]
fn udp_asks_for_ports_track_by_track() {
    let (mut session, setup) = udp_setup();
    let answer = "RTP/AVP/UDP;unicast;source=10.0.0.10;client_port=5000-5001;server_port=6000";
    session.response(&reply(&setup, 200).with("Transport", answer).with("Session", "1"), START).unwrap();
    let wanted =
        TrackTransport::Udp { server_ports: Some((6000, 6001)), source: Some("10.0.0.10".parse().unwrap()) };
    assert_eq!(session.tracks()[0].transport, Some(wanted));
    assert_eq!(session.poll_output(), Some(Output::BindPorts { track: 1 }));
}

#[test]
fn multicast_where_unicast_was_asked_is_refused() {
    let (mut session, setup) = udp_setup();
    let answer = "RTP/AVP;multicast;destination=239.0.0.1;port=5000-5001";
    let error = session.response(&reply(&setup, 200).with("Transport", answer), START).unwrap_err();
    assert!(
        matches!(error, SessionError::Transport { .. }) && error.to_string().contains("multicast"),
        "{error}"
    );
}

fn any_response() -> impl Strategy<Value = Response> {
    let status = prop_oneof![
        6 => Just(200u16), 2 => Just(401), 1 => Just(461), 1 => Just(302), 1 => Just(457), 1 => 100u16..999,
    ];
    let header = prop_oneof![
        Just(("Session", "1;timeout=1")),
        Just(("Session", ";")),
        Just(("Transport", "RTP/AVP/TCP;interleaved=0-1")),
        Just(("Transport", "RTP/AVP/TCP;interleaved=254-255")),
        Just(("Transport", "RTP/AVP;client_port=1-2;server_port=0-0")),
        Just(("Transport", "nonsense")),
        Just(("Content-Base", "//")),
        Just(("Location", "x")),
        Just(("Public", "PLAY")),
        Just(("CSeq", "0")),
        Just(("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"")),
        Just(("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", stale=true")),
        Just(("WWW-Authenticate", "Basic")),
    ];
    let body = prop_oneof![
        5 => Just(TWO_TRACKS.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ];
    (status, prop::collection::vec(header, 0..5), body).prop_map(|(status, headers, body)| {
        let mut response = Response::new(status);
        for (name, value) in headers {
            response.headers.push(name, value);
        }
        response.body = body.into();
        response
    })
}

proptest! {
    /// Whatever a camera answers, and whenever, a session asks a bounded number of things and then plays or ends.
    #[test]
    fn no_answer_confuses_a_session(
        answers in prop::collection::vec((any_response(), 0u64..40), 1..60), udp: bool,
    ) {
        let mut session = session_of(LIVE, if udp { LowerTransport::Udp } else { LowerTransport::Tcp });
        let mut now = START;
        for (answer, seconds) in answers {
            let mut outputs = 0;
            while let Some(output) = session.poll_output() {
                outputs += 1;
                prop_assert!(outputs < 10);
                if let Output::BindPorts { track } = output {
                    session.ports_bound(track, (5000, 5001), now);
                }
            }
            now += Duration::from_secs(seconds);
            if session.timeout(now).is_err() || session.response(&answer, now).is_err() {
                break;
            }
            prop_assert!(session.tracks().len() <= 3);
            if let Some(deadline) = session.deadline() {
                prop_assert!(deadline <= now + Duration::from_secs(30));
            }
        }
        session.teardown();
        prop_assert_eq!(session.poll_output(), None);
    }
}
