//! H.265 (ITU-T H.265, ISO 23008-2) as far as a recorder has to know it.

use crate::nal::BitstreamError;
use bytes::Bytes;
use heron_core::VideoFormat;

/// The format of a track with these parameter sets (NAL units without start codes). The first SPS counts.
pub fn video_format(vps: &[Bytes], sps: &[Bytes], pps: &[Bytes]) -> Result<VideoFormat, BitstreamError> {
    let _ = (vps, sps, pps);
    Err(BitstreamError::Missing { what: "SPS" })
}
