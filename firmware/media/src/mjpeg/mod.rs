//! JPEG images as cameras send them: their size, their tables, and the headers that RTP leaves out (RFC 2435).

mod huffman;
mod image;
mod rfc2435;
mod tables;

pub(crate) use huffman::with_standard_tables;
pub(crate) use image::{Component, Image};
pub use image::{JpegError, image_size};
pub(crate) use rfc2435::{ImageHeaders, push_headers};
pub(crate) use tables::quantisation_tables;

use bytes::Bytes;
use heron_core::{VideoCodec, VideoFormat};

/// The format of a track of JPEG images of this size in pixels.
pub fn video_format(width: u16, height: u16) -> VideoFormat {
    VideoFormat {
        codec: VideoCodec::Mjpeg,
        width,
        height,
        rfc6381: "mjpg".to_owned(),
        config: Bytes::new(),
        parameter_sets: Vec::new(),
        pixel_aspect: (1, 1),
        reorder_frames: Some(0),
        nominal_fps: None,
    }
}
