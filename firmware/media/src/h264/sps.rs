//! Sequence parameter set (H.264 §7.3.2.1.1, annex E.1.1).

use crate::bits::{BitReader, OutOfBits};
use crate::nal::{BitstreamError, MAX_PARAMETER_SET_BYTES, unescape};
use crate::vui;

/// What a sequence parameter set says.
#[derive(Clone, Debug, PartialEq)]
pub struct Sps {
    /// `seq_parameter_set_id`, 0 to 31.
    pub id: u8,
    /// `profile_idc`: 66 baseline, 77 main, 100 high.
    pub profile_idc: u8,
    /// `constraint_set0_flag` (highest bit) to `constraint_set5_flag` and the two reserved bits.
    pub constraint_flags: u8,
    /// `level_idc`: ten times the level.
    pub level_idc: u8,
    /// `chroma_format_idc`: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits per luma sample, 8 to 14.
    pub luma_bits: u8,
    /// Bits per chroma sample, 8 to 14.
    pub chroma_bits: u8,
    /// Width in pixels after cropping.
    pub width: u16,
    /// Height in pixels after cropping, of a whole frame.
    pub height: u16,
    /// Pictures can be fields (`frame_mbs_only_flag` is zero).
    pub interlaced: bool,
    /// `max_num_ref_frames`.
    pub reference_frames: u8,
    /// Sample aspect ratio, when the VUI has one.
    pub pixel_aspect: Option<(u16, u16)>,
    /// Frames per second, when the VUI has timing.
    pub nominal_fps: Option<f32>,
    /// Greatest number of frames that precede another in decoding order and follow it in output order, when
    /// known: from `bitstream_restriction`; zero for the baseline profile, for intra-only profiles (E.2.1) and with
    /// `pic_order_cnt_type` 2 (output order is decoding order, §8.2.1.3).
    pub reorder_frames: Option<u8>,
}

/// Largest picture side in pixels; level 6.2 ends at 16,888.
const MAX_SIDE: u64 = 16_888;

const WHAT: &str = "H.264 SPS";

impl Sps {
    /// Reads a NAL unit of type 7, header byte included. A VUI that ends too early (some cameras cut it) counts
    /// as absent.
    pub fn parse(unit: &[u8]) -> Result<Self, BitstreamError> {
        if unit.len() > MAX_PARAMETER_SET_BYTES {
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "length", value: unit.len() as u64 });
        }
        match unit.first() {
            Some(first) if first & 0x1f == 7 => {}
            Some(first) => {
                let value = u64::from(first & 0x1f);
                return Err(BitstreamError::OutOfRange { what: WHAT, field: "nal_unit_type", value });
            }
            None => return Err(BitstreamError::Missing { what: WHAT }),
        }
        let rbsp = unescape(unit);
        let mut r = BitReader::new(&rbsp[1..]);
        let ended = BitstreamError::truncated(WHAT, unit.len());
        let mut sps = Self::parse_head(&mut r).map_err(&ended)??;
        if r.flag().unwrap_or(false)
            && let Ok(vui) = Vui::parse(&mut r)
        {
            sps.pixel_aspect = vui.pixel_aspect;
            sps.nominal_fps = vui.nominal_fps;
            sps.reorder_frames = sps.reorder_frames.or(vui.reorder_frames);
        }
        Ok(sps)
    }

    /// Everything before the VUI.
    fn parse_head(r: &mut BitReader<'_>) -> Result<Result<Self, BitstreamError>, OutOfBits> {
        let profile_idc = r.bits(8)? as u8;
        let constraint_flags = r.bits(8)? as u8;
        let level_idc = r.bits(8)? as u8;
        let id = r.ue()?;
        let (mut chroma_format, mut luma_bits, mut chroma_bits, mut separate_planes) = (1, 8, 8, false);
        if matches!(profile_idc, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
            chroma_format = r.ue()?;
            if chroma_format == 3 {
                separate_planes = r.flag()?;
            }
            luma_bits = r.ue()?.saturating_add(8);
            chroma_bits = r.ue()?.saturating_add(8);
            r.skip(1)?; // qpprime_y_zero_transform_bypass_flag
            if r.flag()? {
                for i in 0..if chroma_format == 3 { 12 } else { 8 } {
                    if r.flag()? {
                        skip_scaling_list(r, if i < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        let log2_max_frame_num_minus4 = r.ue()?;
        let poc_type = r.ue()?;
        match poc_type {
            0 => {
                r.ue()?; // log2_max_pic_order_cnt_lsb_minus4
            }
            1 => {
                r.skip(1)?; // delta_pic_order_always_zero_flag
                r.se()?; // offset_for_non_ref_pic
                r.se()?; // offset_for_top_to_bottom_field
                let cycle = r.ue()?;
                if cycle > 255 {
                    return Ok(out_of_range("num_ref_frames_in_pic_order_cnt_cycle", cycle));
                }
                for _ in 0..cycle {
                    r.se()?;
                }
            }
            _ => {}
        }
        let reference_frames = r.ue()?;
        r.skip(1)?; // gaps_in_frame_num_value_allowed_flag
        let width_in_mbs = u64::from(r.ue()?) + 1;
        let height_in_map_units = u64::from(r.ue()?) + 1;
        let frame_mbs_only = r.flag()?;
        if !frame_mbs_only {
            r.skip(1)?; // mb_adaptive_frame_field_flag
        }
        r.skip(1)?; // direct_8x8_inference_flag
        let mut crop = [0u64; 4];
        if r.flag()? {
            for side in &mut crop {
                *side = u64::from(r.ue()?);
            }
        }
        for (field, value, most) in [
            ("seq_parameter_set_id", id, 31),
            ("chroma_format_idc", chroma_format, 3),
            ("bit_depth_luma", luma_bits, 14),
            ("bit_depth_chroma", chroma_bits, 14),
            ("log2_max_frame_num_minus4", log2_max_frame_num_minus4, 12),
            ("pic_order_cnt_type", poc_type, 2),
            ("max_num_ref_frames", reference_frames, 32),
        ] {
            if value > most {
                return Ok(out_of_range(field, value));
            }
        }
        // Cropping counts in chroma samples, and in fields' lines when there are fields (7-19 to 7-22).
        let fields = if frame_mbs_only { 1 } else { 2 };
        let (unit_x, unit_y) = match chroma_format {
            1 if !separate_planes => (2, 2 * fields),
            2 if !separate_planes => (2, fields),
            _ => (1, fields),
        };
        let visible =
            |full: u64, cropped: u64| full.checked_sub(cropped).filter(|v| (1..=MAX_SIDE).contains(v));
        let Some(width) = visible(width_in_mbs * 16, (crop[0] + crop[1]) * unit_x) else {
            return Ok(out_of_range("width in macroblocks", width_in_mbs as u32));
        };
        let Some(height) = visible(height_in_map_units * 16 * fields, (crop[2] + crop[3]) * unit_y) else {
            return Ok(out_of_range("height in macroblocks", height_in_map_units as u32));
        };
        let intra_only =
            matches!(profile_idc, 44 | 86 | 100 | 110 | 122 | 244) && constraint_flags & 0x10 != 0;
        Ok(Ok(Self {
            id: id as u8,
            profile_idc,
            constraint_flags,
            level_idc,
            chroma_format: chroma_format as u8,
            luma_bits: luma_bits as u8,
            chroma_bits: chroma_bits as u8,
            width: width as u16,
            height: height as u16,
            interlaced: !frame_mbs_only,
            reference_frames: reference_frames as u8,
            pixel_aspect: None,
            nominal_fps: None,
            reorder_frames: (profile_idc == 66 || poc_type == 2 || intra_only).then_some(0),
        }))
    }
}

fn out_of_range<T>(field: &'static str, value: u32) -> Result<T, BitstreamError> {
    Err(BitstreamError::OutOfRange { what: WHAT, field, value: u64::from(value) })
}

/// `scaling_list()` (§7.3.2.1.1.1).
fn skip_scaling_list(r: &mut BitReader<'_>, size: usize) -> Result<(), OutOfBits> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            next = last.wrapping_add(r.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

struct Vui {
    pixel_aspect: Option<(u16, u16)>,
    nominal_fps: Option<f32>,
    reorder_frames: Option<u8>,
}

impl Vui {
    fn parse(r: &mut BitReader<'_>) -> Result<Self, OutOfBits> {
        let pixel_aspect = vui::skip_to_timing(r)?;
        let mut nominal_fps = None;
        if r.flag()? {
            let units = r.bits(32)?;
            let scale = r.bits(32)?;
            r.skip(1)?; // fixed_frame_rate_flag
            // A tick is a field's time (E.2.1).
            nominal_fps = vui::plausible_fps(scale, 2.0 * f64::from(units));
        }
        let nal_hrd = r.flag()?;
        if nal_hrd {
            skip_hrd(r)?;
        }
        let vcl_hrd = r.flag()?;
        if vcl_hrd {
            skip_hrd(r)?;
        }
        if nal_hrd || vcl_hrd {
            r.skip(1)?; // low_delay_hrd_flag
        }
        r.skip(1)?; // pic_struct_present_flag
        let mut reorder_frames = None;
        if r.flag()? {
            r.skip(1)?; // motion_vectors_over_pic_boundaries_flag
            for _ in 0..4 {
                r.ue()?; // max_bytes_per_pic_denom, max_bits_per_mb_denom, log2_max_mv_length_*
            }
            reorder_frames = Some(r.ue()?).filter(|&n| n <= 16).map(|n| n as u8);
        }
        Ok(Self { pixel_aspect, nominal_fps, reorder_frames })
    }
}

/// `hrd_parameters()` (E.1.2).
fn skip_hrd(r: &mut BitReader<'_>) -> Result<(), OutOfBits> {
    let count = r.ue()?;
    if count > 31 {
        return Err(OutOfBits);
    }
    r.skip(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..=count {
        r.ue()?;
        r.ue()?;
        r.skip(1)?;
    }
    r.skip(20) // four 5-bit lengths
}
