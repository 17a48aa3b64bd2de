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
            .field("url", &heron_media::rtsp::shown(&self.url))
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
    /// The shard's tick. A plain TCP stream that nobody watches live is read on ticks only, and all such streams of
    /// a shard on the same ones: one wake-up of the thread for all of them. At every tick while much comes (more than
    /// [`crate::BUSY_BYTES`] in one reading) and in a connection's first moments; 20 ms of a 16 Mbit/s stream are
    /// 40 kB, far below a socket's buffer.
    pub tick: Duration,
    /// One in so many ticks reads the streams that bring little, 1 to 50. 4, which makes 80 ms: 4 Mbit/s are 40 kB
    /// in that time and a socket takes 64 KiB to begin with. A picture waits 200 ms for the recorder anyway, and who
    /// watches live has every byte read as it comes.
    pub rest: u32,
    /// The most streams one ingest takes.
    pub max_streams: usize,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self { shards: 1, tick: Duration::from_millis(20), rest: 4, max_streams: 256 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heron_core::{CameraId, StreamKind};

    #[test]
    fn debug_shows_no_password() {
        let key = StreamKey::new(CameraId::generate(), StreamKind::Main);
        for url in [
            "rtsp://u:hidden@h/x",
            "rtsp://h/x?password=hidden",
            "rtsp://h/user=u_password=hidden.sdp",
            "u:hidden@h/x",
        ] {
            let spec = StreamSpec::new(key, url).credentials("anna", "hidden");
            let text = format!(
                "{spec:?} {:?} {:?}",
                crate::Address::of(&spec),
                crate::Address::of(&spec).map_err(|e| e.to_string())
            );
            assert!(!text.contains("hidden"), "{text}");
        }
    }
}
