//! The client side of an RTSP session, without sockets and clocks.
//!
//! ```text
//!  OPTIONS ─> DESCRIBE ─> SETUP (each track) ─> PLAY ─> playing: keep-alives ─> TEARDOWN
//!     └──── 401: again with an answer ────┘
//! ```
//!
//! Give it responses, the time, and ports; take [`Output`]s until there are none. Time is a `Duration` on any clock
//! that does not go back.

mod error;
mod keep_alive;
mod tracks;

pub use error::SessionError;
pub use tracks::{Codec, TrackPlan, TrackTransport, choose_tracks};

use crate::STEP_TIMEOUT;
use heron_core::TrackKind;
use heron_media::rtsp::auth::{Authenticator, Outcome, parse_challenges};
use heron_media::rtsp::{
    LowerTransport, Method, PortPair, Request, Response, SessionHeader, Transport, base_url, join_control,
    parse_public,
};
use heron_media::sdp::{self, SessionDescription};
use keep_alive::KeepAlive;
use std::collections::VecDeque;
use std::time::Duration;

/// What a session is to do.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The URL without credentials, exactly as it goes on the wire.
    pub url: String,
    /// How packets are to travel.
    pub lower: LowerTransport,
    /// Answers challenges. Carry it from one connection to the next when the camera closes after its 401.
    pub authenticator: Authenticator,
}

/// What the driver of a session has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write this request.
    Send(Request),
    /// Bind two UDP ports, even and odd, for track `track` and call [`Session::ports_bound`].
    BindPorts {
        /// Index into [`Session::tracks`].
        track: usize,
    },
    /// Every track is set up, its transport is in [`Session::tracks`]; packets may come from now on, even before
    /// `Playing`. For UDP: punch the holes now.
    Ready,
    /// The camera has agreed to play.
    Playing,
}

/// Responses to one request at most that do not answer it: provisional ones, late ones, ones that nobody asked for.
const MAX_STRAYS: u32 = 16;
/// Requests of the camera at most between two of ours, of which there is one every 30 s while it plays.
const MAX_ASKED: u32 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Options,
    Describe,
    Setup(usize),
    Play { with_range: bool },
    Playing,
    Over,
}

#[derive(Clone, Debug)]
struct Pending {
    cseq: u32,
    request: Request,
    /// A keep-alive: an answer is nice to have.
    optional: bool,
    deadline: Duration,
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    step: Step,
    cseq: u32,
    pending: Option<Pending>,
    outputs: VecDeque<Output>,
    public: Vec<Method>,
    server: Option<String>,
    description: Option<SessionDescription>,
    play_url: String,
    tracks: Vec<TrackPlan>,
    id: Option<String>,
    keep_alive: KeepAlive,
    /// A 401 was answered with a new request; the camera may close the connection instead of reading it.
    answering_challenge: bool,
    /// Responses since the newest request that did not answer it.
    strays: u32,
    /// Requests of the camera since our newest.
    asked: u32,
}

impl Session {
    /// A session that begins with `OPTIONS` at `now`.
    pub fn new(config: SessionConfig, now: Duration) -> Self {
        let play_url = config.url.clone();
        let mut session = Self {
            config,
            step: Step::Options,
            cseq: 0,
            pending: None,
            outputs: VecDeque::new(),
            public: Vec::new(),
            server: None,
            description: None,
            play_url,
            tracks: Vec::new(),
            id: None,
            keep_alive: KeepAlive::default(),
            answering_challenge: false,
            strays: 0,
            asked: 0,
        };
        session.request(Request::new(Method::Options, session.config.url.clone()), false, now);
        session
    }

    /// What to do next; `None` when there is nothing but to wait.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The tracks that were chosen; empty before the camera has described them. A track that the camera then
    /// refuses to set up disappears, unless it is the video.
    pub fn tracks(&self) -> &[TrackPlan] {
        &self.tracks
    }
    /// What the camera described.
    pub fn description(&self) -> Option<&SessionDescription> {
        self.description.as_ref()
    }
    /// The camera's `Server` header.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }
    /// The camera has agreed to play.
    pub fn is_playing(&self) -> bool {
        self.step == Step::Playing
    }
    /// The camera has been asked for its password and may close the connection rather than read the answer on
    /// it: connect once more with [`Session::into_authenticator`].
    pub fn is_answering_challenge(&self) -> bool {
        self.answering_challenge && self.pending.is_some()
    }
    /// Keeps what was learnt of the camera's challenges.
    pub fn into_authenticator(self) -> Authenticator {
        self.config.authenticator
    }

    /// When [`Session::timeout`] has to be called, at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        let answer = self.pending.as_ref().map(|p| p.deadline);
        let keep_alive =
            (self.step == Step::Playing && self.pending.is_none()).then(|| self.keep_alive.due());
        [answer, keep_alive].into_iter().flatten().min()
    }

    /// It is `now`.
    ///
    /// # Errors
    /// [`SessionError::Unanswered`] when the camera took too long.
    pub fn timeout(&mut self, now: Duration) -> Result<(), SessionError> {
        if let Some(pending) = self.pending.take_if(|p| now >= p.deadline) {
            if !pending.optional {
                self.step = Step::Over;
                return Err(SessionError::Unanswered { method: pending.request.method });
            }
            self.keep_alive.unanswered(now);
        }
        if self.step == Step::Playing && self.pending.is_none() && now >= self.keep_alive.due() {
            let method = self.keep_alive.method(&self.public);
            self.keep_alive.sent(now);
            self.request(Request::new(method, self.play_url.clone()), true, now);
        }
        Ok(())
    }

    /// The UDP ports of track `track`: RTP, RTCP.
    pub fn ports_bound(&mut self, track: usize, ports: (u16, u16), now: Duration) {
        let transport =
            Transport { client_port: Some(PortPair(ports.0, ports.1)), ..Transport::udp(ports.0) };
        if let Some(plan) = self.tracks.get_mut(track) {
            plan.client_ports = Some(ports);
        }
        self.setup(track, &transport, now);
    }

    /// The camera asks something. The answer to write, and whether the camera says that it is over.
    ///
    /// # Errors
    /// [`SessionError::Chatter`] when it does nothing but ask.
    pub fn asked(&mut self, request: &Request) -> Result<(Response, bool), SessionError> {
        self.asked += 1;
        if self.asked > MAX_ASKED {
            self.step = Step::Over;
            return Err(SessionError::Chatter { what: "requests of its own", count: self.asked });
        }
        let over = matches!(request.method, Method::Teardown | Method::Redirect);
        let status = match request.method {
            Method::Options | Method::GetParameter | Method::SetParameter => 200,
            Method::Teardown | Method::Redirect => 200,
            _ => 501,
        };
        let cseq = request.headers.get("CSeq").unwrap_or("0").to_owned();
        Ok((Response::new(status).with("CSeq", cseq), over))
    }

    /// Ends the session politely. Returns the request to write, if there is a session to end.
    pub fn teardown(&mut self) -> Option<Request> {
        self.step = Step::Over;
        self.pending = None;
        self.outputs.clear();
        self.id.as_ref()?;
        let request = Request::new(Method::Teardown, self.play_url.clone());
        Some(self.dress(request))
    }

    /// Takes a response.
    ///
    /// # Errors
    /// [`SessionError`] when the session cannot go on.
    pub fn response(&mut self, response: &Response, now: Duration) -> Result<(), SessionError> {
        let Some(pending) = self.pending.as_ref() else { return self.stray() };
        // An older number answers something given up; any other is meant for the one request in flight, because
        // some cameras count on their own.
        if response.cseq().is_some_and(|cseq| cseq < pending.cseq) || response.status < 200 {
            return self.stray();
        }
        let Some(pending) = self.pending.take() else { return Ok(()) };
        if let Some(server) = response.headers.get("Server") {
            self.server = Some(server.chars().take(128).collect());
        }
        if response.status == 401 {
            return self.challenged(response, pending, now);
        }
        if response.status != 403 {
            self.answering_challenge = false;
            self.config.authenticator.accepted();
        }
        match self.step {
            Step::Options => {
                // Whatever it answers: some do not know OPTIONS and play all the same.
                self.public = response.headers.get("Public").map(parse_public).unwrap_or_default();
                self.step = Step::Describe;
                let describe = Request::new(Method::Describe, self.config.url.clone());
                self.request(describe.with("Accept", "application/sdp"), false, now);
                Ok(())
            }
            Step::Describe => self.described(response, now),
            Step::Setup(track) => self.set_up(track, response, now),
            Step::Play { with_range } => self.play_answered(with_range, response, now),
            Step::Playing => self.kept_alive(response, &pending),
            Step::Over => Ok(()),
        }
    }

    /// A response that answers nothing.
    fn stray(&mut self) -> Result<(), SessionError> {
        self.strays += 1;
        if self.strays > MAX_STRAYS {
            self.step = Step::Over;
            let count = self.strays;
            return Err(SessionError::Chatter { what: "responses that answer nothing", count });
        }
        Ok(())
    }

    fn challenged(
        &mut self,
        response: &Response,
        pending: Pending,
        now: Duration,
    ) -> Result<(), SessionError> {
        let challenges = parse_challenges(response.headers.get_all("WWW-Authenticate"));
        match self.config.authenticator.challenged(challenges) {
            Outcome::Retry => {
                self.answering_challenge = true;
                self.request(pending.request, pending.optional, now);
                Ok(())
            }
            _ if pending.optional => Ok(()),
            outcome => {
                self.step = Step::Over;
                Err(match outcome {
                    Outcome::NoCredentials => SessionError::PasswordNeeded,
                    Outcome::Unsupported(offered) => SessionError::AuthenticationUnsupported { offered },
                    _ => SessionError::WrongPassword,
                })
            }
        }
    }

    fn described(&mut self, response: &Response, now: Duration) -> Result<(), SessionError> {
        if (300..400).contains(&response.status)
            && let Some(location) = response.headers.get("Location")
        {
            return Err(SessionError::Redirected { location: location.to_owned() });
        }
        if !response.is_success() {
            return Err(refused(&Method::Describe, response));
        }
        let description = sdp::parse(&response.body)?;
        let headers = &response.headers;
        let base = base_url(headers.get("Content-Base"), headers.get("Content-Location"), &self.config.url);
        self.play_url = join_control(&base, description.control.as_deref());
        self.tracks = choose_tracks(&description, &base)?;
        self.description = Some(description);
        self.begin_setup(0, now);
        Ok(())
    }

    fn begin_setup(&mut self, track: usize, now: Duration) {
        self.step = Step::Setup(track);
        match self.config.lower {
            LowerTransport::Udp => self.outputs.push_back(Output::BindPorts { track }),
            // Two channels per track, at most three tracks.
            LowerTransport::Tcp => self.setup(track, &Transport::interleaved((track * 2) as u8), now),
        }
    }

    fn setup(&mut self, track: usize, transport: &Transport, now: Duration) {
        let Some(plan) = self.tracks.get(track) else { return };
        let request = Request::new(Method::Setup, plan.url.clone()).with("Transport", transport.to_string());
        self.request(request, false, now);
    }

    fn set_up(&mut self, track: usize, response: &Response, now: Duration) -> Result<(), SessionError> {
        let is_video = self.tracks.get(track).is_some_and(|t| t.kind == TrackKind::Video);
        self.take_session_header(response);
        if response.is_success() {
            match TrackTransport::agreed(&self.tracks, track, self.config.lower, response) {
                Ok(transport) => self.tracks[track].transport = Some(transport),
                Err(error) if is_video => return Err(error),
                Err(_) => drop(self.tracks.remove(track)),
            }
        } else if is_video {
            return Err(refused(&Method::Setup, response));
        } else {
            // Pictures matter more than a microphone that cannot be set up.
            drop(self.tracks.remove(track));
        }
        let next = self.tracks.iter().position(|t| t.transport.is_none());
        match next {
            Some(next) => self.begin_setup(next, now),
            None => {
                self.outputs.push_back(Output::Ready);
                self.play(true, now);
            }
        }
        Ok(())
    }

    fn play(&mut self, with_range: bool, now: Duration) {
        self.step = Step::Play { with_range };
        let request = Request::new(Method::Play, self.play_url.clone());
        let request = if with_range { request.with("Range", "npt=0.000-") } else { request };
        self.request(request, false, now);
    }

    fn play_answered(
        &mut self,
        with_range: bool,
        response: &Response,
        now: Duration,
    ) -> Result<(), SessionError> {
        if response.is_success() {
            self.take_session_header(response);
            self.step = Step::Playing;
            self.keep_alive.sent(now);
            self.outputs.push_back(Output::Playing);
            Ok(())
        } else if with_range && matches!(response.status, 400 | 406 | 456 | 457) {
            self.play(false, now);
            Ok(())
        } else {
            Err(refused(&Method::Play, response))
        }
    }

    fn kept_alive(&mut self, response: &Response, pending: &Pending) -> Result<(), SessionError> {
        match response.status {
            // Session not found: whatever still comes will soon end.
            454 => Err(SessionError::Forgotten),
            200..300 => Ok(()),
            _ => {
                self.keep_alive.refused(&pending.request.method);
                Ok(())
            }
        }
    }

    fn take_session_header(&mut self, response: &Response) {
        if let Some(header) = response.headers.get("Session").and_then(SessionHeader::parse) {
            self.keep_alive.session_timeout(header.timeout);
            self.id.get_or_insert(header.id);
        }
    }

    fn request(&mut self, request: Request, optional: bool, now: Duration) {
        let request = self.dress(request);
        let deadline = now + STEP_TIMEOUT;
        (self.strays, self.asked) = (0, 0);
        self.pending = Some(Pending { cseq: self.cseq, request: request.clone(), optional, deadline });
        self.outputs.push_back(Output::Send(request));
    }

    /// Adds, or renews, the headers that every request has.
    fn dress(&mut self, mut request: Request) -> Request {
        self.cseq += 1;
        let method = request.method.as_str().to_owned();
        let fields = std::mem::take(&mut request.headers);
        request.headers.push("CSeq", &self.cseq.to_string());
        if let Some(authorization) = self.config.authenticator.authorization(&method, &request.uri) {
            request.headers.push("Authorization", &authorization);
        }
        request.headers.push("User-Agent", "Heron");
        if let Some(id) = &self.id {
            request.headers.push("Session", id);
        }
        let ours = ["CSeq", "Authorization", "User-Agent", "Session"];
        for (name, value) in fields.iter().filter(|(n, _)| !ours.iter().any(|o| o.eq_ignore_ascii_case(n))) {
            request.headers.push(name, value);
        }
        request
    }
}

fn refused(method: &Method, response: &Response) -> SessionError {
    SessionError::Refused { method: method.clone(), status: response.status, reason: response.reason.clone() }
}
