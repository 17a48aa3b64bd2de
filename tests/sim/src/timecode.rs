//! The machine-readable time code: 40 blocks of 16 by 16 pixels in the first 16 rows, from the left edge, white
//! for one and black for zero. 32 bits are the wall clock in milliseconds since 1970 (its low 32 bits, most
//! significant bit first), 8 bits are a checksum: the sum of those four bytes modulo 256.
//!
//! At a width of 640 the code fills the row; at greater widths the blocks stay 16 pixels wide at the left.

use heron_core::WallTime;

/// Blocks in the code.
pub const BLOCKS: usize = 40;
/// Width and height of a block in pixels.
pub const BLOCK: usize = 16;
/// Width of the whole code in pixels: the narrowest picture that can carry it.
pub const WIDTH: usize = BLOCKS * BLOCK;

const BLACK: u8 = 16;
const WHITE: u8 = 235;
const THRESHOLD: u32 = 126;

/// The 40 bits for an instant, in the low bits, most significant first.
fn bits(millis: u32) -> u64 {
    let sum = millis.to_be_bytes().iter().fold(0u8, |a, b| a.wrapping_add(*b));
    u64::from(millis) << 8 | u64::from(sum)
}

/// Writes the code for an instant into the first 16 rows of a luma plane. `stride` is the length of a row in
/// bytes. Does nothing when the plane is narrower than [`WIDTH`] or has fewer than 16 rows.
pub fn write(luma: &mut [u8], stride: usize, at: WallTime) {
    if stride < WIDTH || luma.len() < stride * BLOCK {
        return;
    }
    let code = bits(at.as_millis() as u32);
    for (block, x) in (0..WIDTH).step_by(BLOCK).enumerate() {
        let one = code >> (BLOCKS - 1 - block) & 1 == 1;
        luma[x..x + BLOCK].fill(if one { WHITE } else { BLACK });
    }
    let (first, rest) = luma.split_at_mut(stride);
    for row in rest.chunks_exact_mut(stride).take(BLOCK - 1) {
        row[..WIDTH].copy_from_slice(&first[..WIDTH]);
    }
}

/// Reads the code from a luma plane: the low 32 bits of the milliseconds since 1970, or `None` when there is no
/// code there or its checksum is wrong. Only the middle 8 by 8 pixels of a block count, so that compression does
/// no harm.
pub fn read(luma: &[u8], stride: usize) -> Option<u32> {
    if stride < WIDTH || luma.len() < stride * BLOCK {
        return None;
    }
    let mut code = 0u64;
    for x in (0..WIDTH).step_by(BLOCK) {
        let mut sum = 0u32;
        for row in BLOCK / 4..BLOCK * 3 / 4 {
            let at = row * stride + x;
            sum += luma[at + BLOCK / 4..at + BLOCK * 3 / 4].iter().map(|&p| u32::from(p)).sum::<u32>();
        }
        code = code << 1 | u64::from(sum / (BLOCK * BLOCK / 4) as u32 > THRESHOLD);
    }
    let millis = (code >> 8) as u32;
    (bits(millis) == code).then_some(millis)
}

/// The instant that a code names, given an instant within 24 days of it.
pub fn resolve(code: u32, near: WallTime) -> WallTime {
    let near_millis = near.as_millis();
    WallTime::from_millis(near_millis + i64::from(code.wrapping_sub(near_millis as u32) as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back_through_noise(millis in 0i64..4_000_000_000_000, seed in any::<u32>()) {
            let at = WallTime::from_millis(millis);
            let stride = 672;
            let mut luma = vec![128u8; stride * 20];
            write(&mut luma, stride, at);
            let mut state = seed;
            for p in &mut luma {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *p = (i32::from(*p) + (state >> 24) as i32 % 90 - 45).clamp(0, 255) as u8;
            }
            let code = read(&luma, stride);
            prop_assert_eq!(code, Some(millis as u32));
            let later = WallTime::from_millis(millis + 86_400_000 * 20);
            prop_assert_eq!(resolve(millis as u32, later), at);
        }

        #[test]
        fn other_pictures_carry_no_code_or_a_checked_one(luma in prop::collection::vec(any::<u8>(), 0..640 * 17)) {
            if let Some(millis) = read(&luma, 640) {
                prop_assert_eq!(bits(millis) >> 8, u64::from(millis));
            }
        }
    }

    #[test]
    fn a_flipped_block_is_noticed() {
        let mut luma = vec![0u8; 640 * 16];
        write(&mut luma, 640, WallTime::from_millis(1_795_000_123_456));
        for row in 0..16 {
            for p in &mut luma[row * 640 + 32..row * 640 + 48] {
                *p = 251 - *p;
            }
        }
        assert_eq!(read(&luma, 640), None);
        assert_eq!(read(&luma, 320), None);
    }
}
