//! One connection while it lasts: what comes, what is said, what is due.

use crate::attempt::{Player, Surroundings, random};
use crate::connection::{Connection, Incoming};
use crate::demux::Demux;
use crate::failure::End;
use crate::pace::{Rhythm, Stop};
use crate::session::{Output, Session, SessionConfig, SessionError, TrackTransport};
use crate::share::TURNS_PER_TICK;
use crate::spec::StreamSpec;
use crate::status::LinkFacts;
use crate::track::Instant;
use crate::udp_media::UdpMedia;
use crate::{BUSY_BYTES, STEP_TIMEOUT, vital_signs};
use heron_core::AccessUnit;
use heron_media::rtsp::auth::Authenticator;
use heron_media::rtsp::{LowerTransport, Request, Response};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait for a camera to have read the TEARDOWN.
const FAREWELL: Duration = Duration::from_millis(500);
/// How soon to try again to write what could not be written at once.
const RETRY_WRITE: Duration = Duration::from_millis(20);
enum Message {
    Response(Response),
    Request(Request),
}

/// See the module.
pub(crate) struct Running<'a> {
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
    /// When it was last read, by the monotonic clock.
    read_at: Duration,
    /// The last reading brought much.
    busy: bool,
}

impl<'a> Running<'a> {
    /// A connection on which nothing has been said yet.
    pub(crate) fn new(
        spec: &'a StreamSpec,
        around: &'a Surroundings,
        config: SessionConfig,
        connection: Connection,
    ) -> Self {
        let (lower, now) = (config.lower, around.clock.monotonic());
        Self {
            spec,
            around,
            facts: LinkFacts {
                lower: Some(lower),
                tls: connection.is_tls(),
                fingerprint: connection.fingerprint(),
                server: None,
                peer: Some(connection.peer_ip()),
            },
            session: Session::new(config, now),
            udp: (lower == LowerTransport::Udp)
                .then(|| UdpMedia::new(connection.local_ip(), connection.peer_ip())),
            connection,
            demux: None,
            units: Vec::with_capacity(16),
            messages: Vec::new(),
            played_at: None,
            next_second: Duration::MAX,
            turns: 0,
            read_at: now,
            busy: false,
        }
    }

    /// What is to be said on the next connection when the camera hung up after asking for the password.
    pub(crate) fn into_carried(self) -> Option<Authenticator> {
        self.session.is_answering_challenge().then(|| self.session.into_authenticator())
    }

    /// Goes round until the stream ends, or `stop` or the player end it.
    pub(crate) async fn drive(&mut self, stop: &Stop, player: &mut impl Player) -> Result<(), End> {
        let sleep = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(sleep);
        let mut now = self.around.now();
        loop {
            self.outputs(now, player).await?;
            if stop.is_set() || player.finished(now) {
                return Ok(());
            }
            self.connection.flush()?;
            // UDP media is event driven (a socket's buffer does not hold a key frame for a tick), and so is talking.
            let tickable = self.session.is_playing() && self.udp.is_none();
            let watched = self.connection.watch(!tickable || player.hurry())?;
            let more = self.connection.has_more() || self.udp.as_ref().is_some_and(UdpMedia::has_more);
            // Between two readings on ticks nobody knows when the bytes came.
            let mut unseen = !watched;
            if more && self.turns < TURNS_PER_TICK {
                // Every deadline is looked at after every turn, as is `stop`.
                self.turns += 1;
                unseen = false;
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
                self.around.pace.tick(self.rhythm(more)).await;
            }
            now = self.around.now();
            let received = self.receive(now, unseen);
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

    /// How soon to read again what nobody watches. The time line begins by the arrivals of a connection's first
    /// moments, so these are seen to the tick.
    fn rhythm(&self, more: bool) -> Rhythm {
        let settled = self.demux.as_ref().is_some_and(Demux::is_settled);
        if more || self.busy || !settled { Rhythm::Busy } else { Rhythm::Calm }
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

    /// Reads what is there into `units` and `messages`. `unseen`: it may have come at any time since the last reading.
    fn receive(&mut self, now: Instant, unseen: bool) -> Result<(), End> {
        let since = std::mem::replace(&mut self.read_at, now.monotonic);
        let Self { connection, demux, units, messages, udp, .. } = self;
        if let Some(demux) = demux.as_mut() {
            demux.set_unseen(if unseen { now.monotonic.saturating_sub(since) } else { Duration::ZERO });
        }
        let before = connection.received_bytes;
        let received = connection.receive(|incoming| match incoming {
            Incoming::Packet { channel, payload } => {
                if let Some(demux) = demux.as_mut() {
                    demux.interleaved(channel, payload, now, units);
                }
            }
            Incoming::Response(response) => messages.push(Message::Response(response)),
            Incoming::Request(request) => messages.push(Message::Request(request)),
        });
        self.busy = connection.received_bytes - before > BUSY_BYTES;
        if let (Some(udp), Some(demux)) = (udp.as_mut(), demux.as_mut()) {
            udp.receive(demux, now, units);
        }
        if let Some(demux) = demux.as_mut() {
            demux.settle(now.monotonic, units);
        }
        received
    }

    /// Passes on what a connection that ended in its first moments has held back.
    pub(crate) fn release(&mut self, player: &mut impl Player) {
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
                (None, Some(TrackTransport::Interleaved { rtcp, .. })) => {
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
    pub(crate) async fn farewell(&mut self, end: &End) {
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
