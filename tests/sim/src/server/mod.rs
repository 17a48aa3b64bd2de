//! The RTSP server: listeners, connections, sessions.

mod connection;
pub(crate) mod listener;
mod outbox;
mod respond;
mod session;
mod track;
mod udp;

use crate::camera::Camera;
use crate::config::Pace;
use heron_core::StreamKind;
use heron_media::rtsp::auth::Gatekeeper;
use std::sync::Arc;
use std::time::Duration;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct House {
    /// The cameras, number 1 first.
    pub(crate) cameras: Vec<Arc<Camera>>,
    /// Who asks for passwords; none when nobody does.
    pub(crate) gatekeeper: Option<Gatekeeper>,
    /// Who asks for a password that no answer fits.
    pub(crate) refuser: Gatekeeper,
    /// User name.
    pub(crate) user: String,
    /// Password.
    pub(crate) password: String,
    /// How packets are handed to sockets.
    pub(crate) pace: Pace,
    /// How long a session lives without a sign of life.
    pub(crate) session_timeout: Duration,
}

impl House {
    /// The camera, stream and track that a URL's path names: `/cam1/main/trackID=0`.
    pub(crate) fn find(&self, url: &str) -> Option<(Arc<Camera>, StreamKind, Option<usize>)> {
        let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = after_scheme.split_once('/').map_or("", |(_, path)| path);
        let path = path.split('?').next().unwrap_or_default();
        let mut parts = path.split('/').filter(|p| !p.is_empty());
        let number: usize = parts.next()?.strip_prefix("cam")?.parse().ok()?;
        let kind = parts.next()?.parse().ok()?;
        let track = match parts.next() {
            Some(part) => Some(part.strip_prefix("trackID=")?.parse().ok()?),
            None => None,
        };
        let camera = self.cameras.get(number.checked_sub(1)?)?.clone();
        Some((camera, kind, track))
    }
}
