//! The parts of video usability information that H.264 (annex E) and H.265 (annex E) share.

use crate::bits::{BitReader, OutOfBits};

/// `sample_aspect_ratio` by `aspect_ratio_idc` 1 to 16 (H.264 table E-1, H.265 table E.1).
const ASPECTS: [(u16, u16); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

/// From `aspect_ratio_info_present_flag` to `chroma_loc_info` inclusive: the same in both standards. `None` when
/// the aspect ratio is absent, unknown or nonsense.
pub(crate) fn skip_to_timing(r: &mut BitReader<'_>) -> Result<Option<(u16, u16)>, OutOfBits> {
    let mut aspect = None;
    if r.flag()? {
        aspect = match r.bits(8)? {
            255 => Some((r.bits(16)? as u16, r.bits(16)? as u16)),
            idc => (idc as usize).checked_sub(1).and_then(|i| ASPECTS.get(i)).copied(),
        };
    }
    if r.flag()? {
        r.skip(1)?; // overscan_appropriate_flag
    }
    if r.flag()? {
        r.skip(4)?; // video_format, video_full_range_flag
        if r.flag()? {
            r.skip(24)?; // colour_primaries, transfer_characteristics, matrix_coefficients
        }
    }
    if r.flag()? {
        r.ue()?; // chroma_sample_loc_type_top_field
        r.ue()?; // chroma_sample_loc_type_bottom_field
    }
    Ok(aspect.filter(|&(w, h)| w != 0 && h != 0))
}

/// Ticks per second over units per tick, when it is a frame rate that a camera can have.
pub(crate) fn plausible_fps(time_scale: u32, units: f64) -> Option<f32> {
    let fps = f64::from(time_scale) / units;
    (0.1..=240.0).contains(&fps).then_some(fps as f32)
}
