//! JPEG (RFC 2435): types 0 and 1 and their variants with restart markers, quantisation tables in band (Q 255).

use super::{PacketList, PacketizeError};
use crate::mjpeg::{Image, with_standard_tables};

/// Main header, restart header, quantisation table header, two tables.
const MOST_HEADER_BYTES: usize = 8 + 4 + 4 + 128;
const LEAST_PAYLOAD: usize = MOST_HEADER_BYTES + 64;

pub(super) fn packetize(jpeg: &[u8], max_payload: usize, out: &mut PacketList) -> Result<(), PacketizeError> {
    if max_payload < LEAST_PAYLOAD {
        return Err(PacketizeError::PacketTooSmall { max_payload, least: LEAST_PAYLOAD });
    }
    let malformed =
        |problem: String| PacketizeError::Malformed { what: "a JPEG image for RFC 2435", problem };
    let image = Image::parse(jpeg).map_err(|error| malformed(error.to_string()))?;
    let sampling_type = sampling_type(&image).ok_or_else(|| {
        malformed(
            "its components are not 4:2:0 or 4:2:2 with one table for both chroma components".to_owned(),
        )
    })?;
    // Eighths of the size in 8 bits; beyond that the size does not fit.
    let (Ok(width), Ok(height)) =
        (u8::try_from(image.width.div_ceil(8)), u8::try_from(image.height.div_ceil(8)))
    else {
        return Err(malformed(format!("{}x{} is larger than 2040x2040", image.width, image.height)));
    };
    let table = |number: usize| -> Result<&[u8], PacketizeError> {
        match image.quantisation[usize::from(image.components[number].quantisation)] {
            Some((1, table)) => Ok(table),
            Some(_) => Err(malformed("a quantisation table of 16 bits in a baseline image".to_owned())),
            None => Err(malformed("a quantisation table is missing".to_owned())),
        }
    };
    let (luma, chroma) = (table(0)?, table(1)?);
    let scan = with_standard_tables(&image).map_err(|error| malformed(error.to_string()))?;
    let restart = image.restart_interval;
    if scan.is_empty() || scan.len() >= 1 << 24 {
        return Err(malformed(format!("its scan is {} bytes long", scan.len())));
    }
    let kind = sampling_type | if restart == 0 { 0 } else { 64 };
    let mut offset = 0;
    while offset < scan.len() {
        let at = (offset as u32).to_be_bytes();
        let mut header = [0u8; MOST_HEADER_BYTES];
        header[..8].copy_from_slice(&[0, at[1], at[2], at[3], kind, 255, width, height]);
        let mut len = 8;
        if restart != 0 {
            // First and last bit set, count all ones: whole frames (§3.1.7).
            header[len..len + 2].copy_from_slice(&restart.to_be_bytes());
            header[len + 2..len + 4].copy_from_slice(&[0xff, 0xff]);
            len += 4;
        }
        if offset == 0 {
            header[len..len + 4].copy_from_slice(&[0, 0, 0, 128]);
            header[len + 4..len + 68].copy_from_slice(luma);
            header[len + 68..len + 132].copy_from_slice(chroma);
            len += 132;
        }
        let part = (max_payload - len).min(scan.len() - offset);
        let last = offset + part == scan.len();
        out.push(&[&header[..len], &scan[offset..offset + part]], last, 0);
        offset += part;
    }
    Ok(())
}

/// §4.1: 0 for 4:2:2, 1 for 4:2:0.
fn sampling_type(image: &Image<'_>) -> Option<u8> {
    let [y, cb, cr] = image.components[..] else { return None };
    let single = |c: &crate::mjpeg::Component| (c.horizontal, c.vertical) == (1, 1);
    let same_table =
        image.quantisation[usize::from(cb.quantisation)] == image.quantisation[usize::from(cr.quantisation)];
    if !single(&cb) || !single(&cr) || !same_table {
        return None;
    }
    match (y.horizontal, y.vertical) {
        (2, 1) => Some(0),
        (2, 2) => Some(1),
        _ => None,
    }
}
