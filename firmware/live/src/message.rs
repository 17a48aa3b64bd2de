//! What a viewer is sent.

use bytes::Bytes;
use heron_core::{StreamKind, WallTime};
use serde::{Deserialize, Serialize};

/// What a player must know before the first byte of video. Sent again, with a new init segment, whenever the
/// format changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// For `MediaSource.isTypeSupported` and `addSourceBuffer`: `video/mp4; codecs="avc1.64001f,mp4a.40.2"`. For
    /// Motion JPEG `image/jpeg`: each fragment is one picture and there is no init segment.
    pub mime: String,
    /// RFC 6381 string of the video alone: `avc1.64001f`, `mjpg`.
    pub codec: String,
    /// RFC 6381 strings of all tracks, separated by commas.
    pub codecs: String,
    /// Width of the picture in pixels.
    pub width: u16,
    /// Height of the picture in pixels.
    pub height: u16,
    /// Which stream of the camera.
    pub stream: StreamKind,
    /// The box's clock when this was written.
    pub server_time: WallTime,
}

/// Why there are no pictures at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// Nothing has come from the camera yet, or nothing decodable: there is no key frame.
    NoKeyFrame,
    /// It was there, and for a while nothing has come.
    NoPictures,
}

impl WaitReason {
    /// The snake_case name, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKeyFrame => "no_key_frame",
            Self::NoPictures => "no_pictures",
        }
    }
}

/// Why it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The stream was taken away: the camera was removed, or the box is shutting down.
    StreamRemoved,
}

impl EndReason {
    /// The snake_case name, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StreamRemoved => "stream_removed",
        }
    }
}

/// One message to a viewer, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveMessage {
    /// What follows.
    Hello(Box<Hello>),
    /// The init segment (`ftyp`, `moov`).
    Init(Bytes),
    /// One access unit: a fragment (`prft`, `moof`, `mdat`), or one JPEG.
    Fragment(Bytes),
    /// The viewer was too slow: so many video frames were left out, and the next message is a key frame.
    Skipped(u64),
    /// There are no pictures at the moment; they go on by themselves.
    Waiting(WaitReason),
    /// Nothing more will come.
    End(EndReason),
}
