//! What to connect to, and how.

use crate::track::PacketHook;
use heron_core::StreamKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How packets travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportChoice {
    /// Interleaved over TCP; UDP when the camera answers 461 to that. TLS for `rtsps://`.
    #[default]
    Auto,
    /// Interleaved over TCP, nothing else.
    Tcp,
    /// UDP unicast.
    Udp,
    /// Interleaved over TLS, also for an `rtsp://` address.
    Tls,
}

/// Which certificates are good enough. Cameras have self-signed ones, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsPolicy {
    /// Any; its fingerprint is reported, so that it can be pinned.
    #[default]
    Any,
    /// Only the one with this SHA-256 fingerprint (of the DER form).
    Fingerprint([u8; 32]),
}

/// One stream to take in.
#[derive(Clone)]
pub struct StreamSpec {
    /// Whose.
    pub key: StreamKey,
    /// `rtsp://` or `rtsps://` address. A user name and password in it count when `username` is empty.
    pub url: String,
    /// User name; empty for none.
    pub username: String,
    /// Password.
    pub password: String,
    /// How packets travel.
    pub transport: TransportChoice,
    /// Which certificates are good enough.
    pub tls: TlsPolicy,
    /// Sees RTP header extensions before the packets are put together; ONVIF replay needs that.
    pub packet_hook: Option<Arc<dyn PacketHook>>,
}

impl StreamSpec {
    /// With everything else as it is by default.
    pub fn new(key: StreamKey, url: impl Into<String>) -> Self {
        Self {
            key,
            url: url.into(),
            username: String::new(),
            password: String::new(),
            transport: TransportChoice::Auto,
            tls: TlsPolicy::Any,
            packet_hook: None,
        }
    }
    /// With a user name and a password.
    pub fn credentials(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.username = username.into();
        self.password = password.into();
        self
    }
    /// Over `transport`.
    pub fn transport(mut self, transport: TransportChoice) -> Self {
        self.transport = transport;
        self
    }
}

impl fmt::Debug for StreamSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSpec")
            .field("key", &self.key)
            .field("url", &heron_media::rtsp::split_credentials(&self.url).0)
            .field("username", &self.username)
            .field("transport", &self.transport)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// How ingest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestConfig {
    /// OS threads, 1 to 8. One thread takes 64 cameras of 4 Mbit/s at a few per cent of a core; a second one keeps
    /// half of the cameras undisturbed by whatever befalls the other half.
    pub shards: usize,
    /// How often a plain TCP stream that nobody watches live is read. All streams of a shard wake up together, on
    /// multiples of it. 20 ms of a 16 Mbit/s stream are 40 kB: far below a socket's buffer.
    pub tick: Duration,
    /// The most streams one ingest takes.
    pub max_streams: usize,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self { shards: 1, tick: Duration::from_millis(20), max_streams: 256 }
    }
}
