//! G.711 (ITU-T G.711): eight-bit logarithmic samples to 16-bit linear ones and back.

use heron_core::{AudioCodec, AudioFormat};

/// Which of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law (`PCMA`).
    A,
    /// µ-law (`PCMU`).
    Mu,
}

static A_TABLE: [i16; 256] = table(Law::A);
static MU_TABLE: [i16; 256] = table(Law::Mu);

impl Law {
    /// The law of a codec; `None` when it is not G.711.
    pub fn of(codec: AudioCodec) -> Option<Self> {
        match codec {
            AudioCodec::G711a => Some(Self::A),
            AudioCodec::G711u => Some(Self::Mu),
            AudioCodec::Aac | AudioCodec::Flac => None,
        }
    }

    /// The code of silence.
    pub fn silence(self) -> u8 {
        match self {
            Self::A => 0xd5,
            Self::Mu => 0xff,
        }
    }

    /// One sample to linear, full scale 16 bits (13 bits used by A-law, 14 by µ-law).
    pub fn decode(self, sample: u8) -> i16 {
        match self {
            Self::A => A_TABLE[usize::from(sample)],
            Self::Mu => MU_TABLE[usize::from(sample)],
        }
    }

    /// Samples to linear, appended to `out`.
    pub fn decode_all(self, samples: &[u8], out: &mut Vec<i16>) {
        out.extend(samples.iter().map(|&s| self.decode(s)));
    }

    /// The nearest code below a linear sample.
    pub fn encode(self, linear: i16) -> u8 {
        match self {
            Self::A => {
                // 13 bits; negative values are mirrored at -0.5.
                let (mask, magnitude) = if linear >= 0 { (0xd5, linear >> 3) } else { (0x55, !linear >> 3) };
                let segment = (16 - (magnitude as u16 >> 5).leading_zeros()) as u8;
                let mantissa = (magnitude >> segment.max(1)) as u8 & 0x0f;
                (segment << 4 | mantissa) ^ mask
            }
            Self::Mu => {
                let sign = if linear < 0 { 0x80 } else { 0 };
                let magnitude = linear.unsigned_abs().min(32_635) + 0x84;
                let exponent = 8 - magnitude.leading_zeros() as u8;
                let mantissa = (magnitude >> (exponent + 3)) as u8 & 0x0f;
                !(sign | exponent << 4 | mantissa)
            }
        }
    }

    /// The format of a track of this law.
    pub fn audio_format(self, sample_rate_hz: u32, channels: u8) -> AudioFormat {
        let (codec, rfc6381) = match self {
            Self::A => (AudioCodec::G711a, "alaw"),
            Self::Mu => (AudioCodec::G711u, "ulaw"),
        };
        AudioFormat {
            codec,
            sample_rate_hz,
            channels,
            config: bytes::Bytes::new(),
            rfc6381: rfc6381.to_owned(),
        }
    }
}

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match law {
            Law::A => {
                let code = code as i32 ^ 0x55;
                let (segment, mantissa) = (code >> 4 & 7, code & 0x0f);
                let magnitude = if segment == 0 {
                    (mantissa << 4) + 8
                } else {
                    ((mantissa << 4) + 0x108) << (segment - 1)
                };
                (if code & 0x80 != 0 { magnitude } else { -magnitude }) as i16
            }
            Law::Mu => {
                let code = !(code as i32);
                let magnitude = ((((code & 0x0f) << 3) + 0x84) << (code >> 4 & 7)) - 0x84;
                (if code & 0x80 != 0 { -magnitude } else { magnitude }) as i16
            }
        };
        code += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_are_where_the_standard_has_them() {
        assert_eq!((Law::A.decode(0xd5), Law::A.decode(0x55)), (8, -8));
        assert_eq!((Law::A.decode(0xaa), Law::A.decode(0x2a)), (32_256, -32_256));
        assert_eq!((Law::Mu.decode(0xff), Law::Mu.decode(0x7f)), (0, 0));
        assert_eq!((Law::Mu.decode(0x80), Law::Mu.decode(0x00)), (32_124, -32_124));
    }

    #[test]
    fn every_code_comes_back_and_every_sample_is_near() {
        for law in [Law::A, Law::Mu] {
            for code in 0..=255u8 {
                let back = law.encode(law.decode(code));
                assert!(
                    back == code || (law == Law::Mu && code == 0x7f && back == 0xff),
                    "{law:?} {code:#x}"
                );
            }
            for linear in i16::MIN..=i16::MAX {
                let error = (i32::from(law.decode(law.encode(linear))) - i32::from(linear)).abs();
                assert!(error <= 16 + i32::from(linear.unsigned_abs()) / 16, "{law:?} {linear}: {error}");
            }
        }
    }
}
