//! A camera, and the bodies that make and change one.

use crate::{RecordPatch, RecordPolicy};
use heron_core::{CameraId, WallTime};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

/// How media travels from the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// By the setting `ingest.transport`; TLS when the address is `rtsps`.
    #[default]
    Auto,
    /// RTP interleaved in the RTSP connection.
    Tcp,
    /// RTP over UDP unicast.
    Udp,
    /// RTP interleaved in a TLS connection; needs an `rtsps` address.
    Tls,
}

impl Transport {
    const ALL: [Self; 4] = [Self::Auto, Self::Tcp, Self::Udp, Self::Tls];
    /// The lower-case name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
        }
    }
}

impl FromStr for Transport {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|t| t.as_str() == s)
            .ok_or_else(|| format!("transport must be auto, tcp, udp or tls, not {s:?}"))
    }
}

/// A camera. Serialises as the API's `Camera` without its `status`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Camera {
    /// Its identity.
    pub id: CameraId,
    /// What people call it: 1 to 100 characters, unlike any other camera's.
    pub name: String,
    /// Address of the main stream: `rtsp` or `rtsps`, never with credentials: a password in its query or path reads
    /// `***`. The address to connect to is [`crate::CameraRegister::address`]'s.
    pub source: Url,
    /// Address of the sub stream, likewise.
    pub sub_source: Option<Url>,
    /// Who logs in, for both streams.
    pub username: Option<String>,
    /// Whether a password is stored.
    pub has_password: bool,
    /// How media travels.
    pub transport: Transport,
    /// Whether it is meant to run.
    pub enabled: bool,
    /// The site it belongs to.
    pub site: Uuid,
    /// Short words it is found by, sorted.
    pub tags: Vec<String>,
    /// What is recorded of it.
    pub record: RecordPolicy,
    /// When it was added.
    pub created: WallTime,
}

/// Body of `POST /cameras`. No `Debug`: it may hold a password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCamera {
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// `rtsp://…` or `rtsps://…`; credentials before the host are moved to `username` and `password`, those in the
    /// query are sealed.
    pub source: String,
    /// Likewise.
    #[serde(default)]
    pub sub_source: Option<String>,
    /// At most 128 characters; beats one in the address.
    #[serde(default)]
    pub username: Option<String>,
    /// At most 256 characters; beats one in the address.
    #[serde(default)]
    pub password: Option<String>,
    /// `auto` when absent.
    #[serde(default)]
    pub transport: Transport,
    /// True when absent.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The default site when absent.
    #[serde(default)]
    pub site: Option<Uuid>,
    /// At most 16 of at most 32 characters.
    #[serde(default)]
    pub tags: Vec<String>,
    /// As the settings say, with the sub stream, when absent.
    #[serde(default)]
    pub record: RecordPolicy,
}

impl NewCamera {
    /// A camera at `source` with everything else as when absent.
    pub fn new(name: &str, source: &str) -> Self {
        Self {
            name: name.to_owned(),
            source: source.to_owned(),
            sub_source: None,
            username: None,
            password: None,
            transport: Transport::Auto,
            enabled: true,
            site: None,
            tags: Vec::new(),
            record: RecordPolicy::default(),
        }
    }
}

fn yes() -> bool {
    true
}

/// Body of `PATCH /cameras/{id}`: absent = unchanged, null = cleared (where that makes sense; elsewhere null
/// is refused). No `Debug`: it may hold a password.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraPatch {
    /// See [`NewCamera::name`].
    #[serde(deserialize_with = "present")]
    pub name: Option<String>,
    /// See [`NewCamera::source`]. Credentials in it replace the stored ones; `***` in the query stands for what is
    /// stored there. Where it leads to another host or port and a password is stored, one must be given too.
    #[serde(deserialize_with = "present")]
    pub source: Option<String>,
    /// Null: no sub stream.
    #[serde(deserialize_with = "present")]
    pub sub_source: Option<Option<String>>,
    /// Null: no user name, and with it no password.
    #[serde(deserialize_with = "present")]
    pub username: Option<Option<String>>,
    /// Null: no password.
    #[serde(deserialize_with = "present")]
    pub password: Option<Option<String>>,
    /// See [`Camera::transport`].
    #[serde(deserialize_with = "present")]
    pub transport: Option<Transport>,
    /// See [`Camera::enabled`].
    #[serde(deserialize_with = "present")]
    pub enabled: Option<bool>,
    /// See [`Camera::site`].
    #[serde(deserialize_with = "present")]
    pub site: Option<Uuid>,
    /// All of them from now on.
    #[serde(deserialize_with = "present")]
    pub tags: Option<Vec<String>>,
    /// What changes of the recording.
    #[serde(deserialize_with = "present")]
    pub record: Option<RecordPatch>,
}

/// A field that is there is `Some`, even when it says null: then `T` decides whether null makes sense.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// How to log in to a camera. Wiped from memory when dropped; never shown.
#[derive(Clone)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password; may be empty.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, …)", self.username)
    }
}
