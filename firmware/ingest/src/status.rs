//! What is known of a stream, shared between its task and whoever asks.

use crate::statistics::StreamCounters;
use crate::tls::Fingerprint;
use heron_core::{Grade, LinkStatistics, StreamState};
use heron_media::rtsp::LowerTransport;
use parking_lot::Mutex;
use std::net::IpAddr;

/// What a connection turned out to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkFacts {
    pub(crate) lower: Option<LowerTransport>,
    pub(crate) tls: bool,
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) server: Option<String>,
    pub(crate) peer: Option<IpAddr>,
}

/// What a stream's task has last said of itself.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) state: StreamState,
    pub(crate) link: LinkStatistics,
    pub(crate) grade: Grade,
    pub(crate) counters: StreamCounters,
    pub(crate) facts: LinkFacts,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            state: StreamState::Connecting { failed_attempts: 0, last_failure: None },
            link: LinkStatistics::default(),
            grade: Grade::Unusable,
            counters: StreamCounters::default(),
            facts: LinkFacts::default(),
        }
    }
}

/// Locked for as long as a copy takes, once a second and when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct StreamStatus(Mutex<Status>);

impl StreamStatus {
    pub(crate) fn get(&self) -> Status {
        self.0.lock().clone()
    }
    pub(crate) fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.lock());
    }
}

/// A fingerprint as people compare it: hexadecimal bytes with colons.
pub(crate) fn show_fingerprint(fingerprint: &Fingerprint) -> String {
    let bytes: Vec<String> = fingerprint.iter().map(|b| format!("{b:02X}")).collect();
    bytes.join(":")
}

/// `tcp`, `udp` or `tls`.
pub(crate) fn show_transport(facts: &LinkFacts) -> Option<&'static str> {
    facts.lower.map(|lower| match (lower, facts.tls) {
        (LowerTransport::Tcp, true) => "tls",
        (LowerTransport::Tcp, false) => "tcp",
        (LowerTransport::Udp, _) => "udp",
    })
}
