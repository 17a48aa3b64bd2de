//! G.711 to linear.

use heron_core::AudioCodec;

/// Which of the two laws of ITU-T G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law: 13 bits, in the upper bits of 16.
    A,
    /// µ-law: 14 bits, in the upper bits of 16.
    Mu,
}

const A: [i16; 256] = table(Law::A);
const MU: [i16; 256] = table(Law::Mu);

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match law {
            Law::A => a_law(code as u8),
            Law::Mu => mu_law(code as u8),
        };
        code += 1;
    }
    table
}

/// G.711 table 1: every other bit is inverted, sign set means positive.
const fn a_law(code: u8) -> i16 {
    let code = code ^ 0x55;
    let step = ((code & 0x0f) as i16) << 4;
    let segment = (code & 0x70) >> 4;
    let magnitude = match segment {
        0 => step + 8,
        _ => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

/// G.711 table 2: all bits are inverted, sign set means negative.
const fn mu_law(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((((code & 0x0f) as i16) << 3) + 0x84) << ((code & 0x70) >> 4);
    if code & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 }
}

impl Law {
    /// The law of a codec; `None` when it is not G.711.
    pub fn of(codec: AudioCodec) -> Option<Self> {
        match codec {
            AudioCodec::G711a => Some(Self::A),
            AudioCodec::G711u => Some(Self::Mu),
            AudioCodec::Aac | AudioCodec::Flac => None,
        }
    }

    /// One sample, full scale 16 bits.
    pub fn decode(self, code: u8) -> i16 {
        match self {
            Self::A => A[usize::from(code)],
            Self::Mu => MU[usize::from(code)],
        }
    }

    /// The code of silence.
    pub fn silence(self) -> u8 {
        match self {
            Self::A => 0xd5,
            Self::Mu => 0xff,
        }
    }
}
