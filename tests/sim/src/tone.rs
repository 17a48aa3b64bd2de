//! The sound of a drawn camera: a soft tone with a tick at the top of each second, in G.711.

use crate::clip::{Codec, Sample, Track};
use bytes::Bytes;

/// Samples per second of G.711.
const RATE: u32 = 8000;
/// 20 ms.
const PACKET: usize = 160;

/// One second of sound that loops. The tick is its first 40 ms; `camera` picks the pitch.
pub fn track(codec: Codec, camera: usize) -> Track {
    let pitch = 220.0 + 20.0 * (camera % 12) as f32;
    let encode = if codec == Codec::G711a { a_law } else { u_law };
    let second: Vec<u8> = (0..RATE)
        .map(|n| {
            let t = n as f32 / RATE as f32;
            let hum = (t * pitch * std::f32::consts::TAU).sin() * 900.0;
            let fade = (1.0 - t / 0.04).max(0.0);
            let tick = (t * 1000.0 * std::f32::consts::TAU).sin() * 9000.0 * fade;
            encode((hum + tick) as i16)
        })
        .collect();
    let second = Bytes::from(second);
    let samples = (0..second.len() / PACKET)
        .map(|n| n * PACKET)
        .map(|at| Sample {
            dts: at as i64,
            pts: at as i64,
            key: true,
            payload: second.slice(at..at + PACKET),
        })
        .collect();
    Track { codec, clock_hz: RATE, size: (0, 0), samples, period: i64::from(RATE) }
}

/// ITU-T G.711 §3.2: the sign, three bits of segment, four of mantissa, all inverted.
fn u_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(32_635) + 132;
    let segment = (31 - (magnitude as u32).leading_zeros()).clamp(7, 14) - 7;
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | (segment as u8) << 4 | mantissa as u8)
}

/// ITU-T G.711 §3.1: the sign, three bits of segment, four of mantissa, even bits inverted.
fn a_law(sample: i16) -> u8 {
    let sign = if sample >= 0 { 0x80 } else { 0 };
    let magnitude = if sample >= 0 { i32::from(sample) } else { -1 - i32::from(sample) };
    let code = if magnitude < 256 {
        magnitude >> 4
    } else {
        let segment = (31 - (magnitude as u32).leading_zeros()) - 7;
        (segment as i32) << 4 | (magnitude >> (segment + 3)) & 0x0f
    };
    (sign | code as u8) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_agree_with_the_tables_of_the_standard() {
        // The ends and the middle of ITU-T G.711 tables 1a, 1b, 2a and 2b.
        assert_eq!((u_law(0), u_law(-1), u_law(32_124), u_law(-32_124)), (0xff, 0x7f, 0x80, 0x00));
        assert_eq!((a_law(0), a_law(-1), a_law(32_256), a_law(-32_768)), (0xd5, 0x55, 0xaa, 0x2a));
    }

    #[test]
    fn a_second_is_fifty_packets() {
        let t = track(Codec::G711u, 1);
        assert_eq!(t.samples.len(), 50);
        assert_eq!(t.period, 8000);
    }
}
