//! One try: connect, ask, play until the end.

use crate::address::Address;
use crate::connection::{Connection, Incoming, Scratch};
use crate::demux::Demux;
use crate::failure::End;
use crate::pace::{Pace, Stop};
use crate::session::{Output, Session, SessionConfig, SessionError};
use crate::share::TURNS_PER_TICK;
use crate::spec::{StreamSpec, TransportChoice};
use crate::statistics::Snapshot;
use crate::status::LinkFacts;
use crate::track::Instant;
use crate::udp_media::UdpMedia;
use crate::{STEP_TIMEOUT, vital_signs};
use heron_core::{AccessUnit, Clock};
use heron_media::rtsp::auth::Authenticator;
use heron_media::rtsp::{LowerTransport, Request, Response, split_credentials};
use heron_media::sdp::SessionDescription;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait for a camera to have read the TEARDOWN.
const FAREWELL: Duration = Duration::from_millis(500);
/// How soon to try again to write what could not be written at once.
const RETRY_WRITE: Duration = Duration::from_millis(20);
/// Redirections, changes of transport and answers to a camera that hangs up after its 401: so many connections per
/// try at most.
const MAX_ROUNDS: usize = 5;

/// Who gets what a try brings.
pub(crate) trait Player {
    /// The camera has agreed to play.
    fn playing(&mut self, facts: &LinkFacts, description: Option<&SessionDescription>, now: Instant);
    /// Access units have come.
    fn units(&mut self, units: &[Arc<AccessUnit>], now: Instant);
    /// Packets come that no picture will be made of, for this reason. Told once a second.
    fn obstacle(&mut self, _why: &End) {}
    /// A second has passed since `playing` or since the last call.
    fn second(&mut self, snapshot: Snapshot, now: Instant);
    /// Somebody waits for every frame: read as soon as bytes come.
    fn hurry(&self) -> bool;
    /// It has had enough.
    fn finished(&self, now: Instant) -> bool;
}

/// What a try needs of its shard.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) scratch: Scratch,
    pub(crate) pace: Pace,
}

impl Surroundings {
    pub(crate) fn now(&self) -> Instant {
        Instant { wall: self.clock.now(), monotonic: self.clock.monotonic() }
    }
}

/// What is remembered of a stream from one try to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// [`TransportChoice::Auto`] has found that the camera takes no TCP.
    prefers_udp: bool,
}

/// Tries once; returns when that has failed, or when playing has ended.
pub(crate) async fn attempt(
    spec: &StreamSpec,
    around: &Surroundings,
    memory: &mut Memory,
    stop: &Stop,
    player: &mut impl Player,
) -> End {
    let mut address = match Address::of(spec) {
        Ok(address) => address,
        Err(error) => return error.into(),
    };
    let mut authenticator = Authenticator::new(address.credentials.clone(), random());
    for _ in 0..MAX_ROUNDS {
        let lower = match spec.transport {
            TransportChoice::Udp => LowerTransport::Udp,
            TransportChoice::Auto if memory.prefers_udp && !address.tls => LowerTransport::Udp,
            _ => LowerTransport::Tcp,
        };
        let (end, carried) = once(spec, &address, lower, authenticator, around, stop, player).await;
        let changeable = spec.transport == TransportChoice::Auto && !address.tls;
        authenticator = match (&end, carried) {
            (End::Session(SessionError::Redirected { location }), _) => {
                match redirected(&address, location) {
                    Some(elsewhere) => {
                        address = elsewhere;
                        Authenticator::new(address.credentials.clone(), random())
                    }
                    None => return end,
                }
            }
            (End::Session(error), _)
                if error.suggests_udp() && changeable && lower == LowerTransport::Tcp =>
            {
                memory.prefers_udp = true;
                Authenticator::new(address.credentials.clone(), random())
            }
            (End::Closed | End::Broken(_), Some(carried)) => carried,
            _ => {
                // What UDP could not do TCP may.
                memory.prefers_udp &= !matches!(end, End::NoPackets { udp: true } | End::Silence);
                return end;
            }
        };
        if stop.is_set() {
            return End::Stopped;
        }
    }
    End::Closed
}

/// Where a redirection leads. The password goes along within the same host only: a camera may move to another port, but
/// does not get to hand its password to somebody else.
fn redirected(from: &Address, location: &str) -> Option<Address> {
    let mut to = Address::parse(&split_credentials(location).0).ok()?;
    // Never from TLS to plain text: the password would follow.
    if to.url == from.url || (from.tls && !to.tls) {
        return None;
    }
    if to.host == from.host {
        to.credentials = from.credentials.clone();
    }
    Some(to)
}

/// A number that nobody can guess; for nonces and identifiers.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// One connection. The authenticator comes back when the camera hung up after asking for the password, so that the
/// answer can be given on the next connection.
async fn once(
    spec: &StreamSpec,
    address: &Address,
    lower: LowerTransport,
    authenticator: Authenticator,
    around: &Surroundings,
    stop: &Stop,
    player: &mut impl Player,
) -> (End, Option<Authenticator>) {
    let opening = Connection::open(address, spec.tls, around.scratch.clone());
    let opened = tokio::select! {
        biased;
        () = stop.wait() => return (End::Stopped, None),
        opened = opening => opened,
    };
    let connection = match opened {
        Ok(connection) => connection,
        Err(end) => return (end, None),
    };
    let config = SessionConfig { url: address.url.clone(), lower, authenticator };
    let udp =
        (lower == LowerTransport::Udp).then(|| UdpMedia::new(connection.local_ip(), connection.peer_ip()));
    let mut running = Running {
        spec,
        around,
        facts: LinkFacts {
            lower: Some(lower),
            tls: address.tls,
            fingerprint: connection.fingerprint(),
            server: None,
            peer: Some(connection.peer_ip()),
        },
        session: Session::new(config, around.clock.monotonic()),
        connection,
        udp,
        demux: None,
        units: Vec::with_capacity(16),
        messages: Vec::new(),
        played_at: None,
        next_second: Duration::MAX,
        turns: 0,
    };
    let end = match running.drive(stop, player).await {
        Ok(()) => End::Stopped,
        Err(end) => end,
    };
    running.release(player);
    running.farewell(&end).await;
    let carried = running.session.is_answering_challenge().then(|| running.session.into_authenticator());
    (end, carried)
}

enum Message {
    Response(Response),
    Request(Request),
}

struct Running<'a> {
    spec: &'a StreamSpec,
    around: &'a Surroundings,
    facts: LinkFacts,
    session: Session,
    connection: Connection,
    udp: Option<UdpMedia>,
    demux: Option<Demux>,
    /// What one wake-up has brought; empty between two.
    units: Vec<Arc<AccessUnit>>,
    messages: Vec<Message>,
    played_at: Option<Duration>,
    next_second: Duration,
    /// Turns in a row after which something was left to read.
    turns: u32,
}

impl Running<'_> {
    /// Goes round until the stream ends, or `stop` or the player end it.
    async fn drive(&mut self, stop: &Stop, player: &mut impl Player) -> Result<(), End> {
        let sleep = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(sleep);
        loop {
            let now = self.around.now();
            self.outputs(now, player).await?;
            if stop.is_set() || player.finished(now) {
                return Ok(());
            }
            self.connection.flush()?;
            // UDP media is event driven (a socket's buffer does not hold a key frame for a tick), and so is talking.
            let tickable = self.session.is_playing() && self.udp.is_none();
            let watched = self.connection.watch(!tickable || player.hurry())?;
            let more = self.connection.has_more() || self.udp.as_ref().is_some_and(UdpMedia::has_more);
            if more && self.turns < TURNS_PER_TICK {
                // Every deadline is looked at after every turn, as is `stop`.
                self.turns += 1;
                tokio::task::yield_now().await;
            } else if watched && !more {
                self.turns = 0;
                let timer = tokio::time::Instant::now();
                sleep.as_mut().reset(timer + self.deadline(now.monotonic).saturating_sub(now.monotonic));
                tokio::select! {
                    biased;
                    () = stop.wait() => return Ok(()),
                    () = sleep.as_mut() => {}
                    () = self.connection.readable() => {}
                    () = udp_readable(self.udp.as_ref()) => {}
                }
            } else {
                self.turns = 0;
                // Every other deadline is met to the tick.
                self.around.pace.tick().await;
            }
            let now = self.around.now();
            let received = self.receive(now);
            if !self.units.is_empty() {
                player.units(&self.units, now);
                self.units.clear();
            }
            let heard = self.hear(now);
            // What the camera said before it hung up explains more than that it hung up.
            heard?;
            received?;
            self.timers(now, player)?;
        }
    }

    /// Does what the session wants done.
    async fn outputs(&mut self, now: Instant, player: &mut impl Player) -> Result<(), End> {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(request) => self.connection.send_request(&request)?,
                Output::BindPorts { track } => {
                    let Some(udp) = self.udp.as_mut() else { continue };
                    let ports = udp.bind(track).await?;
                    self.session.ports_bound(track, ports, now.monotonic);
                }
                Output::Ready => self.ready(now)?,
                Output::Playing => {
                    self.played_at = Some(now.monotonic);
                    self.next_second = now.monotonic + Duration::from_secs(1);
                    self.facts.server = self.session.server().map(str::to_owned);
                    player.playing(&self.facts, self.session.description(), now);
                }
            }
        }
        Ok(())
    }

    fn ready(&mut self, now: Instant) -> Result<(), End> {
        let hook = self.spec.packet_hook.clone();
        let (ssrc, cname) = (random() as u32, format!("heron-{:08x}", random() as u32));
        let demux = Demux::new(self.session.tracks(), hook, ssrc, cname, now.monotonic)
            .map_err(|e| SessionError::CodecNotSupported { offered: e.to_string() })?;
        self.connection.limit_channels(demux.channel_count());
        if let Some(udp) = self.udp.as_mut() {
            udp.agreed(self.session.tracks());
            udp.punch(&demux.empty_report());
        }
        self.demux = Some(demux);
        Ok(())
    }

    /// Reads what is there into `units` and `messages`.
    fn receive(&mut self, now: Instant) -> Result<(), End> {
        let Self { connection, demux, units, messages, udp, .. } = self;
        let received = connection.receive(|incoming| match incoming {
            Incoming::Packet { channel, payload } => {
                if let Some(demux) = demux.as_mut() {
                    demux.interleaved(channel, payload, now, units);
                }
            }
            Incoming::Response(response) => messages.push(Message::Response(response)),
            Incoming::Request(request) => messages.push(Message::Request(request)),
        });
        if let (Some(udp), Some(demux)) = (udp.as_mut(), demux.as_mut()) {
            udp.receive(demux, now, units);
        }
        if let Some(demux) = demux.as_mut() {
            demux.settle(now.monotonic, units);
        }
        received
    }

    /// Passes on what a connection that ended in its first moments has held back.
    fn release(&mut self, player: &mut impl Player) {
        let Some(demux) = self.demux.as_mut() else { return };
        let now = self.around.now();
        demux.release(now.monotonic, &mut self.units);
        if !self.units.is_empty() {
            player.units(&self.units, now);
            self.units.clear();
        }
    }

    /// Tells the session what the camera said.
    fn hear(&mut self, now: Instant) -> Result<(), End> {
        for message in std::mem::take(&mut self.messages) {
            match message {
                Message::Response(response) => self.session.response(&response, now.monotonic)?,
                Message::Request(request) => {
                    let (response, over) = self.session.asked(&request)?;
                    self.connection.send_response(&response)?;
                    if over {
                        return Err(SessionError::Ended.into());
                    }
                }
            }
        }
        Ok(())
    }

    fn timers(&mut self, now: Instant, player: &mut impl Player) -> Result<(), End> {
        self.session.timeout(now.monotonic)?;
        let (Some(demux), Some(played_at)) = (self.demux.as_mut(), self.played_at) else { return Ok(()) };
        for (track, packet) in demux.reports(now.monotonic) {
            match (&self.udp, self.session.tracks().get(track).and_then(|t| t.transport)) {
                (Some(udp), _) => udp.send_report(track, &packet),
                (None, Some(crate::session::TrackTransport::Interleaved { rtcp, .. })) => {
                    self.connection.send_packet(rtcp, &packet)?;
                }
                (None, _) => {}
            }
        }
        if let ControlFlow::Break(end) = vital_signs::verdict(demux, played_at, now, self.udp.is_some()) {
            return Err(end);
        }
        if now.monotonic >= self.next_second {
            self.next_second = now.monotonic + Duration::from_secs(1);
            if let Some(end) = vital_signs::obstacle(demux) {
                player.obstacle(&end);
            }
            player.second(vital_signs::snapshot(demux, &self.connection, self.udp.as_ref()), now);
        }
        Ok(())
    }

    /// The next time that something has to be done, by the monotonic clock.
    fn deadline(&self, now: Duration) -> Duration {
        let demux = self.demux.as_ref();
        let unsent = self.connection.has_unsent().then(|| now + RETRY_WRITE);
        // Silence is noticed to the second.
        let second = self.played_at.map(|_| self.next_second);
        [
            self.session.deadline(),
            demux.map(Demux::report_due),
            demux.and_then(Demux::settle_due),
            self.udp.as_ref().and_then(UdpMedia::deadline),
            unsent,
            second,
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(now + STEP_TIMEOUT)
    }

    /// Ends the session politely where there is still somebody to be polite to. Goes on reading meanwhile: closing
    /// with unread bytes would reset the connection, and the TEARDOWN would be lost with it.
    async fn farewell(&mut self, end: &End) {
        if matches!(end, End::Closed | End::Broken(_) | End::Deaf) {
            return;
        }
        let Some(request) = self.session.teardown() else { return };
        if self.connection.watch(true).is_err() || self.connection.send_request(&request).is_err() {
            return;
        }
        let answered = async {
            loop {
                tokio::select! {
                    () = self.connection.readable() => {}
                    // A connection that was just put under watch again cannot be written to at once.
                    () = tokio::time::sleep(RETRY_WRITE), if self.connection.has_unsent() => {}
                }
                if self.connection.flush().is_err() {
                    break;
                }
                let mut answered = false;
                let received = self.connection.receive(|i| answered |= matches!(i, Incoming::Response(_)));
                if answered || received.is_err() {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(FAREWELL, answered).await;
    }
}

async fn udp_readable(udp: Option<&UdpMedia>) {
    match udp {
        Some(udp) => udp.readable().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_follow_a_redirection_to_another_host() {
        let from = Address::parse("rtsp://anna:secret@10.0.0.5/main").unwrap();
        let there = redirected(&from, "rtsp://10.0.0.5:8554/main").unwrap();
        assert_eq!(there.credentials, from.credentials);
        let elsewhere = redirected(&from, "rtsp://10.0.0.6/main").unwrap();
        assert_ne!(elsewhere.credentials, from.credentials);
        assert!(redirected(&from, "rtsp://10.0.0.5/main").is_none(), "that leads round in a circle");
    }
}
