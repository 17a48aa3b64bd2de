//! One try: connect, ask, play until the end.

use crate::address::Address;
use crate::connection::{Connection, Scratch};
use crate::failure::End;
use crate::pace::{Pace, Stop};
use crate::running::Running;
use crate::session::{SessionConfig, SessionError};
use crate::spec::{StreamSpec, TransportChoice};
use crate::statistics::Snapshot;
use crate::status::LinkFacts;
use crate::track::Instant;
use heron_core::{AccessUnit, Clock};
use heron_media::rtsp::auth::Authenticator;
use heron_media::rtsp::{LowerTransport, split_credentials};
use heron_media::sdp::SessionDescription;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

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
    let mut running = Running::new(spec, around, config, connection);
    let end = match running.drive(stop, player).await {
        Ok(()) => End::Stopped,
        Err(end) => end,
    };
    running.release(player);
    running.farewell(&end).await;
    (end, running.into_carried())
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
