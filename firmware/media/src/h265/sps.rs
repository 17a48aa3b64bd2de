//! Sequence parameter set (H.265 §7.3.2.2, §7.3.3, annex E.2.1).

use super::ref_pic_set::{skip_scaling_lists, skip_short_term_sets};
use crate::bits::{BitReader, OutOfBits};
use crate::nal::{BitstreamError, unescape};
use crate::vui;

/// The general part of `profile_tier_level()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfileTierLevel {
    /// `general_profile_space`, 0 to 3.
    pub profile_space: u8,
    /// `general_tier_flag`.
    pub high_tier: bool,
    /// `general_profile_idc`: 1 Main, 2 Main 10.
    pub profile_idc: u8,
    /// `general_profile_compatibility_flag[0]` in the highest bit, down to `[31]`.
    pub compatibility_flags: u32,
    /// The 48 bits from `general_progressive_source_flag` on.
    pub constraint_flags: [u8; 6],
    /// `general_level_idc`: thirty times the level.
    pub level_idc: u8,
}

/// What a sequence parameter set says.
#[derive(Clone, Debug, PartialEq)]
pub struct Sps {
    /// `sps_video_parameter_set_id`, 0 to 15.
    pub vps_id: u8,
    /// `sps_seq_parameter_set_id`, 0 to 15.
    pub id: u8,
    /// Temporal sub-layers, 1 to 7.
    pub sub_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub temporal_id_nesting: bool,
    /// Profile, tier and level.
    pub profile_tier_level: ProfileTierLevel,
    /// `chroma_format_idc`: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits per luma sample, 8 to 16.
    pub luma_bits: u8,
    /// Bits per chroma sample, 8 to 16.
    pub chroma_bits: u8,
    /// Width in pixels of the conformance window.
    pub width: u16,
    /// Height in pixels of the conformance window.
    pub height: u16,
    /// `sps_max_num_reorder_pics` of the highest sub-layer.
    pub reorder_frames: u8,
    /// Sample aspect ratio, when the VUI has one.
    pub pixel_aspect: Option<(u16, u16)>,
    /// Frames per second, when the VUI has timing.
    pub nominal_fps: Option<f32>,
}

/// Largest picture side in pixels; level 6.2 ends at 16,888.
const MAX_SIDE: u64 = 16_888;

const WHAT: &str = "H.265 SPS";

impl Sps {
    /// Reads a NAL unit of type 33, header included. What comes after the reorder depth and cannot be read counts
    /// as absent.
    pub fn parse(unit: &[u8]) -> Result<Self, BitstreamError> {
        let rbsp = unescape(super::expect(unit, 33, WHAT)?);
        let mut r = BitReader::new(&rbsp);
        let (mut sps, poc_bits) =
            Self::parse_head(&mut r).map_err(BitstreamError::truncated(WHAT, unit.len()))??;
        if let Ok(Some((aspect, fps))) = parse_vui(&mut r, poc_bits) {
            sps.pixel_aspect = aspect;
            sps.nominal_fps = fps;
        }
        Ok(sps)
    }

    /// Up to `sps_max_latency_increase_plus1`, and the bits of `slice_pic_order_cnt_lsb`.
    fn parse_head(r: &mut BitReader<'_>) -> Result<Result<(Self, u32), BitstreamError>, OutOfBits> {
        let vps_id = r.bits(4)? as u8;
        let sub_layers = r.bits(3)? + 1;
        let temporal_id_nesting = r.flag()?;
        if sub_layers > 7 {
            return Ok(out_of_range("sps_max_sub_layers_minus1", sub_layers - 1));
        }
        let profile_tier_level = parse_profile_tier_level(r, sub_layers)?;
        let id = r.ue()?;
        let chroma_format = r.ue()?;
        let separate_planes = chroma_format == 3 && r.flag()?;
        let (full_width, full_height) = (r.ue()?, r.ue()?);
        let mut window = [0u64; 4];
        if r.flag()? {
            for side in &mut window {
                *side = u64::from(r.ue()?);
            }
        }
        let luma_bits = r.ue()?.saturating_add(8);
        let chroma_bits = r.ue()?.saturating_add(8);
        let poc_bits = r.ue()?.saturating_add(4);
        let for_each_sub_layer = r.flag()?;
        let mut reorder_frames = 0;
        for _ in 0..if for_each_sub_layer { sub_layers } else { 1 } {
            r.ue()?; // sps_max_dec_pic_buffering_minus1
            reorder_frames = r.ue()?;
            r.ue()?; // sps_max_latency_increase_plus1
        }
        for (field, value, most) in [
            ("sps_seq_parameter_set_id", id, 15),
            ("chroma_format_idc", chroma_format, 3),
            ("bit_depth_luma", luma_bits, 16),
            ("bit_depth_chroma", chroma_bits, 16),
            ("log2_max_pic_order_cnt_lsb", poc_bits, 16),
            ("sps_max_num_reorder_pics", reorder_frames, 15),
        ] {
            if value > most {
                return Ok(out_of_range(field, value));
            }
        }
        let (unit_x, unit_y) = match chroma_format {
            1 if !separate_planes => (2, 2),
            2 if !separate_planes => (2, 1),
            _ => (1, 1),
        };
        let visible = |full: u32, hidden: u64| {
            u64::from(full).checked_sub(hidden).filter(|v| (1..=MAX_SIDE).contains(v)).map(|v| v as u16)
        };
        let Some(width) = visible(full_width, (window[0] + window[1]) * unit_x) else {
            return Ok(out_of_range("pic_width_in_luma_samples", full_width));
        };
        let Some(height) = visible(full_height, (window[2] + window[3]) * unit_y) else {
            return Ok(out_of_range("pic_height_in_luma_samples", full_height));
        };
        let sps = Self {
            vps_id,
            id: id as u8,
            sub_layers: sub_layers as u8,
            temporal_id_nesting,
            profile_tier_level,
            chroma_format: chroma_format as u8,
            luma_bits: luma_bits as u8,
            chroma_bits: chroma_bits as u8,
            width,
            height,
            reorder_frames: reorder_frames as u8,
            pixel_aspect: None,
            nominal_fps: None,
        };
        Ok(Ok((sps, poc_bits)))
    }
}

fn out_of_range<T>(field: &'static str, value: u32) -> Result<T, BitstreamError> {
    Err(BitstreamError::OutOfRange { what: WHAT, field, value: u64::from(value) })
}

/// `profile_tier_level(1, sub_layers - 1)` (§7.3.3).
fn parse_profile_tier_level(r: &mut BitReader<'_>, sub_layers: u32) -> Result<ProfileTierLevel, OutOfBits> {
    let mut ptl = ProfileTierLevel {
        profile_space: r.bits(2)? as u8,
        high_tier: r.flag()?,
        profile_idc: r.bits(5)? as u8,
        compatibility_flags: r.bits(32)?,
        ..ProfileTierLevel::default()
    };
    for byte in &mut ptl.constraint_flags {
        *byte = r.bits(8)? as u8;
    }
    ptl.level_idc = r.bits(8)? as u8;
    let mut skip = 0;
    if sub_layers > 1 {
        // Two flags for each of eight sub-layers; those that do not exist are reserved and have nothing behind.
        for layer in 1..=8 {
            let (profile, level) = (r.flag()?, r.flag()?);
            if layer < sub_layers {
                skip += if profile { 88 } else { 0 } + if level { 8 } else { 0 };
            }
        }
    }
    r.skip(skip)?;
    Ok(ptl)
}

type Timing = (Option<(u16, u16)>, Option<f32>);

/// From `log2_min_luma_coding_block_size_minus3` to the timing in the VUI. `None` without a VUI.
fn parse_vui(r: &mut BitReader<'_>, poc_bits: u32) -> Result<Option<Timing>, OutOfBits> {
    for _ in 0..6 {
        r.ue()?; // block sizes, transform hierarchy depths
    }
    if r.flag()? && r.flag()? {
        skip_scaling_lists(r)?;
    }
    r.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if r.flag()? {
        r.skip(8)?; // pcm_sample_bit_depth_*
        r.ue()?;
        r.ue()?;
        r.skip(1)?; // pcm_loop_filter_disabled_flag
    }
    skip_short_term_sets(r)?;
    if r.flag()? {
        let count = r.ue()?;
        if count > 32 {
            return Err(OutOfBits);
        }
        r.skip(count as usize * (poc_bits as usize + 1))?; // lt_ref_pic_poc_lsb_sps, used_by_curr_pic_lt_sps_flag
    }
    r.skip(2)?; // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    if !r.flag()? {
        return Ok(None);
    }
    let aspect = vui::skip_to_timing(r)?;
    r.skip(3)?; // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
    if r.flag()? {
        for _ in 0..4 {
            r.ue()?; // default display window
        }
    }
    let mut fps = None;
    if r.flag()? {
        let units = r.bits(32)?;
        fps = vui::plausible_fps(r.bits(32)?, f64::from(units));
    }
    Ok(Some((aspect, fps)))
}
