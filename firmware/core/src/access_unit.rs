//! The access unit: one coded picture, one audio frame, or one metadata document, on its way through the house.

use crate::{MediaTime, TrackFormat, TrackKind, WallTime};
use bytes::Bytes;
use std::sync::Arc;

/// One access unit with both clocks stamped. Built by `ingest`, then shared as `Arc<AccessUnit>` and never
/// copied or changed again.
#[derive(Clone, Debug)]
pub struct AccessUnit {
    /// The track's format; the same `Arc` until the format changes.
    pub format: Arc<TrackFormat>,
    /// Presentation time.
    pub pts: MediaTime,
    /// Decoding time; strictly increasing within a track of one connection, equal to `pts` without B-frames.
    pub dts: MediaTime,
    /// Number of audio samples (per channel) in the unit; zero for other tracks.
    pub audio_samples: u32,
    /// When its last byte reached the box.
    pub arrival: WallTime,
    /// When the camera says it was captured (RTCP sender report), by the camera's clock. `None` until the first
    /// report.
    pub camera_time: Option<WallTime>,
    /// Where it lies on the recording's time line: box time, slewed (at most 500 ppm) and never stepped back
    /// within a connection. This is the time that timelines, playlists and file names use.
    pub wall: WallTime,
    /// Decoding can start here: IDR (H.264), IRAP (H.265), any JPEG, any audio frame.
    pub random_access: bool,
    /// Something was lost or the time line jumped between the previous unit of this track and this one.
    pub discontinuity: bool,
    /// The payload. H.264/H.265: NAL units each with a 4-byte big-endian length, parameter sets and access unit
    /// delimiters removed (they are in `format`). MJPEG: one JFIF image. AAC: one raw frame. G.711: samples.
    /// Metadata: XML.
    pub payload: Bytes,
}

impl AccessUnit {
    /// Which track it belongs to.
    pub fn track(&self) -> TrackKind {
        self.format.kind()
    }
    /// Whether it is a video unit at which decoding can start.
    pub fn is_key_frame(&self) -> bool {
        self.random_access && self.track() == TrackKind::Video
    }
}
