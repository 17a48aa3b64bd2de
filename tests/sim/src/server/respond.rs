//! Answers to RTSP requests.

use super::House;
use super::session::Session;
use super::track::Route;
use super::udp::UdpPair;
use crate::camera::{Camera, Source};
use heron_core::{Clock as _, StreamKind, SystemClock};
use heron_media::rtsp::auth::Verdict;
use heron_media::rtsp::{LowerTransport, Method, PortPair, Request, Response, Transport};
use std::net::SocketAddr;
use std::sync::Arc;

/// What is done with a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It is answered.
    Send(Response),
    /// It is answered and the session is over.
    SendAndEnd(Response),
    /// The connection is reset without a word.
    Reset,
}

/// One client's conversation.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) house: Arc<House>,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// Its session, from the first SETUP on.
    pub(crate) session: Option<Session>,
}

const PUBLIC: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

impl Conversation {
    /// Answers a request.
    pub(crate) async fn answer(&mut self, request: &Request) -> Answer {
        let mut answer = self.decide(request).await;
        if let Answer::Send(response) | Answer::SendAndEnd(response) = &mut answer {
            if let Some(cseq) = request.headers.get("CSeq") {
                response.headers.set("CSeq", cseq);
            }
            response.headers.set("Server", "heron-sim");
        }
        answer
    }

    async fn decide(&mut self, request: &Request) -> Answer {
        let named = self.house.find(&request.uri);
        if let Some((camera, ..)) = &named
            && let Some(refusal) = camera.faults().refuse
        {
            return refusal.status.map_or(Answer::Reset, |status| Answer::Send(Response::new(status)));
        }
        if request.method == Method::Options {
            return Answer::Send(Response::new(200).with("Public", PUBLIC));
        }
        let Some((camera, kind, track)) = named else {
            return Answer::Send(Response::new(404));
        };
        if let Some(challenge) = self.challenge(request, &camera, kind) {
            return Answer::Send(challenge);
        }
        match request.method {
            Method::Describe => Answer::Send(describe(&request.uri, &camera, kind).await),
            Method::Setup => Answer::Send(self.set_up(request, camera, kind, track).await),
            _ => self.in_session(request),
        }
    }

    /// A 401, unless the client has shown who it is.
    fn challenge(&self, request: &Request, camera: &Camera, kind: StreamKind) -> Option<Response> {
        let house = &self.house;
        let never = camera.faults().reject_credentials;
        let keeper = if never { Some(&house.refuser) } else { house.gatekeeper.as_ref() }?;
        let now = SystemClock.monotonic();
        let password_of = |user: &str| (user == house.user && !never).then(|| house.password.clone());
        let verdict = request
            .headers
            .get("Authorization")
            .map(|value| keeper.verify(value, request.method.as_str(), now, password_of));
        if matches!(verdict, Some(Verdict::Accepted { .. })) {
            return None;
        }
        camera.stream(kind).count(|c| c.unauthorized += 1);
        let challenges = keeper.challenges(now, verdict == Some(Verdict::Stale));
        Some(challenges.iter().fold(Response::new(401), |r, c| r.with("WWW-Authenticate", c)))
    }

    async fn set_up(
        &mut self,
        request: &Request,
        camera: Arc<Camera>,
        kind: StreamKind,
        track: Option<usize>,
    ) -> Response {
        let Ok((video, audio)) = tracks(&camera, kind).await else { return Response::new(500) };
        let index = track.unwrap_or(0);
        let source = match (index, audio) {
            (0, _) => video,
            (1, Some(audio)) => audio,
            _ => return Response::new(404),
        };
        if let Some(session) = &self.session {
            let same = Arc::ptr_eq(&session.camera, &camera) && session.kind == kind;
            if session.playing || !same {
                return Response::new(455);
            }
        }
        let offers = request.headers.get("Transport").map(Transport::parse_list).unwrap_or_default();
        let Some(mut transport) = offers.into_iter().find(|t| !t.multicast && usable(t)) else {
            return Response::new(461);
        };
        let mut session = self.session.take().unwrap_or_else(|| Session::new(camera, kind));
        let route = match transport.lower {
            LowerTransport::Tcp => {
                let PortPair(channel, _) =
                    transport.interleaved.unwrap_or(PortPair(index as u16 * 2, index as u16 * 2 + 1));
                transport.interleaved = Some(PortPair(channel, channel + 1));
                Route::Interleaved(channel as u8)
            }
            LowerTransport::Udp => {
                let ports = transport.client_port.unwrap_or(PortPair(0, 0));
                let dice = session.dice(1000 + index);
                match UdpPair::bind(self.local.ip(), self.remote.ip(), ports, dice).await {
                    Ok(pair) => {
                        transport.server_port = Some(pair.ports);
                        transport.source = Some(self.local.ip());
                        Route::Udp(Box::new(pair))
                    }
                    Err(e) => {
                        tracing::warn!("no UDP ports for a session: {e}");
                        self.session = Some(session);
                        return Response::new(500);
                    }
                }
            }
        };
        transport.destination = None;
        transport.mode = None;
        transport.ssrc = Some(session.set_up(index, source, route));
        let timeout = self.house.session_timeout.as_secs();
        let response = Response::new(200)
            .with("Transport", transport.to_string())
            .with("Session", format!("{};timeout={timeout}", session.id));
        self.session = Some(session);
        response
    }

    fn in_session(&mut self, request: &Request) -> Answer {
        let given = request.headers.get("Session").map(|s| s.split(';').next().unwrap_or_default().trim());
        let session = self.session.as_mut().filter(|s| given.is_none_or(|id| id == s.id));
        // A keep-alive needs no session (RFC 2326 §10.8).
        let keeps_alive = matches!(request.method, Method::GetParameter | Method::SetParameter);
        let Some(session) = session else {
            return Answer::Send(Response::new(if keeps_alive && given.is_none() { 200 } else { 454 }));
        };
        let ok = Response::new(200).with("Session", &session.id);
        match request.method {
            Method::Play if session.is_set_up() => {
                let base = request.uri.trim_end_matches('/');
                let base = base.rsplit_once("/trackID=").map_or(base, |(base, _)| base);
                let info: Vec<String> = session
                    .play()
                    .into_iter()
                    .map(|(n, seq, time)| format!("url={base}/trackID={n};seq={seq};rtptime={time}"))
                    .collect();
                Answer::Send(ok.with("Range", "npt=0.000-").with("RTP-Info", info.join(",")))
            }
            Method::Pause => {
                session.pause();
                Answer::Send(ok)
            }
            Method::GetParameter | Method::SetParameter => Answer::Send(ok),
            Method::Teardown => Answer::SendAndEnd(ok),
            Method::Play => Answer::Send(Response::new(455)),
            _ => Answer::Send(Response::new(501).with("Public", PUBLIC)),
        }
    }
}

/// Whether a transport says all that has to be known.
fn usable(t: &Transport) -> bool {
    match t.lower {
        LowerTransport::Tcp => t.interleaved.is_none_or(|PortPair(a, _)| a < 255),
        LowerTransport::Udp => t.client_port.is_some(),
    }
}

type Tracks = (Arc<crate::packets::PacketTrack>, Option<Arc<crate::packets::PacketTrack>>);

/// The tracks of a stream. Describing a drawn one may start an encoder, so it is not done on the runtime's thread.
async fn tracks(camera: &Arc<Camera>, kind: StreamKind) -> Result<Tracks, String> {
    let source = &camera.stream(kind).source;
    if matches!(source, Source::Film(_)) {
        return source.tracks(camera);
    }
    let camera = camera.clone();
    let made = tokio::task::spawn_blocking(move || camera.stream(kind).source.tracks(&camera)).await;
    made.map_err(|e| e.to_string())?
}

async fn describe(url: &str, camera: &Arc<Camera>, kind: StreamKind) -> Response {
    let (video, audio) = match tracks(camera, kind).await {
        Ok(tracks) => tracks,
        Err(why) => {
            tracing::error!(camera = camera.number, "no description: {why}");
            return Response::new(500);
        }
    };
    let mut sdp = format!(
        "v=0\r\no=- {number} 1 IN IP4 127.0.0.1\r\ns=heron-sim camera {number} {kind}\r\nt=0 0\r\na=control:*\r\n\
         a=range:npt=0-\r\n",
        number = camera.number
    );
    video.describe("trackID=0", &mut sdp);
    if let Some(audio) = audio {
        audio.describe("trackID=1", &mut sdp);
    }
    let base = format!("{}/", url.trim_end_matches('/'));
    Response::new(200).with("Content-Base", base).with_body("application/sdp", sdp)
}
