//! Rewrites an image's entropy-coded bytes with the standard Huffman tables, which are the only ones that RFC 2435
//! can say. The coefficients stay as they are.

use super::image::{Image, JpegError};
use super::tables::{AC_CHROMA, AC_LUMA, DC_CHROMA, DC_LUMA, HuffmanTable};
use std::borrow::Cow;

/// Code and length by symbol; length zero where there is no code.
type Codes = [(u16, u8); 256];

static CODES: [(Codes, Codes); 2] =
    [(codes(&DC_LUMA), codes(&AC_LUMA)), (codes(&DC_CHROMA), codes(&AC_CHROMA))];

const fn codes(table: &HuffmanTable<'static>) -> Codes {
    let mut out = [(0, 0); 256];
    let (mut code, mut length, mut at) = (0u16, 1u8, 0);
    while length <= 16 {
        let mut n = table.counts[length as usize - 1];
        while n > 0 {
            out[table.symbols[at] as usize] = (code, length);
            code += 1;
            at += 1;
            n -= 1;
        }
        code <<= if length < 16 { 1 } else { 0 };
        length += 1;
    }
    out
}

/// Canonical decoding (T.81 annex F.2.2.3): for each length the first code, the first index, and the count.
struct Decoder<'a> {
    first: [u32; 17],
    index: [usize; 17],
    table: &'a HuffmanTable<'a>,
}

impl<'a> Decoder<'a> {
    fn new(table: &'a HuffmanTable<'a>) -> Self {
        let (mut first, mut index) = ([0; 17], [0; 17]);
        let (mut code, mut at) = (0u32, 0);
        for length in 1..=16 {
            first[length] = code;
            index[length] = at;
            let count = table.counts[length - 1];
            code = (code + u32::from(count)) << 1;
            at += usize::from(count);
        }
        Self { first, index, table }
    }

    fn symbol(&self, bits: &mut ScanBits<'_>) -> Result<u8, JpegError> {
        let mut code = 0u32;
        for length in 1..=16 {
            code = code << 1 | bits.read(1)?;
            let offset = code.wrapping_sub(self.first[length]);
            if offset < u32::from(self.table.counts[length - 1]) {
                return Ok(self.table.symbols[self.index[length] + offset as usize]);
            }
        }
        Err(JpegError::Segment { segment: "scan", problem: "a code that is in no Huffman table" })
    }
}

/// Bits of one restart interval, stuffing taken out.
struct ScanBits<'a> {
    rest: &'a [u8],
    held: u32,
    count: u32,
    len: usize,
}

impl ScanBits<'_> {
    fn read(&mut self, n: u32) -> Result<u32, JpegError> {
        while self.count < n {
            let (byte, skip) = match self.rest {
                [0xff, 0, ..] => (0xff, 2),
                [0xff, ..] | [] => return Err(JpegError::Truncated { len: self.len, segment: "its scan" }),
                [byte, ..] => (*byte, 1),
            };
            self.rest = &self.rest[skip..];
            self.held = self.held << 8 | u32::from(byte);
            self.count += 8;
        }
        self.count -= n;
        Ok(self.held >> self.count & ((1u32 << n) - 1))
    }

    /// Goes to the byte after the next restart marker.
    fn restart(&mut self) -> Result<(), JpegError> {
        (self.held, self.count) = (0, 0);
        let marker = self.rest.windows(2).position(|w| w[0] == 0xff && (0xd0..=0xd7).contains(&w[1]));
        let Some(at) = marker else {
            return Err(JpegError::Truncated { len: self.len, segment: "its scan, before a restart marker" });
        };
        self.rest = &self.rest[at + 2..];
        Ok(())
    }
}

#[derive(Default)]
struct ScanWriter {
    out: Vec<u8>,
    held: u32,
    count: u32,
}

impl ScanWriter {
    /// At most 16 bits.
    fn write(&mut self, value: u32, n: u32) {
        self.held = self.held << n | (value & ((1u32 << n) - 1));
        self.count += n;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.held >> self.count) as u8;
            self.out.push(byte);
            if byte == 0xff {
                self.out.push(0);
            }
        }
    }
    /// Fills the last byte with ones (T.81 §F.1.2.3).
    fn align(&mut self) {
        if self.count > 0 {
            let n = 8 - self.count;
            self.write((1 << n) - 1, n);
        }
    }
}

/// The image's scan as it has to be for standard tables: borrowed when the image uses them already.
pub(crate) fn with_standard_tables<'a>(image: &Image<'a>) -> Result<Cow<'a, [u8]>, JpegError> {
    let missing =
        JpegError::Segment { segment: "SOS", problem: "refers to a Huffman table that is not there" };
    let tables: Vec<_> = image
        .components
        .iter()
        .map(|c| Some((image.dc[usize::from(c.dc)]?, image.ac[usize::from(c.ac)]?)))
        .collect::<Option<_>>()
        .ok_or(missing)?;
    let standard = |i: usize| if i == 0 { (DC_LUMA, AC_LUMA) } else { (DC_CHROMA, AC_CHROMA) };
    if tables.iter().enumerate().all(|(i, t)| *t == standard(i)) {
        return Ok(Cow::Borrowed(image.scan));
    }
    let decoders: Vec<_> = tables.iter().map(|(dc, ac)| (Decoder::new(dc), Decoder::new(ac))).collect();
    let most = |side: fn(&super::image::Component) -> u8| {
        u32::from(image.components.iter().map(side).max().unwrap_or(1))
    };
    let across = u32::from(image.width).div_ceil(8 * most(|c| c.horizontal));
    let down = u32::from(image.height).div_ceil(8 * most(|c| c.vertical));
    let mut bits = ScanBits { rest: image.scan, held: 0, count: 0, len: image.scan.len() };
    let mut writer =
        ScanWriter { out: Vec::with_capacity(image.scan.len() * 5 / 4), ..ScanWriter::default() };
    for mcu in 0..across * down {
        let interval = u32::from(image.restart_interval);
        if interval != 0 && mcu != 0 && mcu % interval == 0 {
            bits.restart()?;
            writer.align();
            writer.out.extend_from_slice(&[0xff, 0xd0 | ((mcu / interval - 1) & 7) as u8]);
        }
        for (i, component) in image.components.iter().enumerate() {
            for _ in 0..component.horizontal * component.vertical {
                copy_block(&decoders[i], &CODES[usize::from(i != 0)], &mut bits, &mut writer)?;
            }
        }
    }
    writer.align();
    Ok(Cow::Owned(writer.out))
}

fn copy_block(
    (dc, ac): &(Decoder<'_>, Decoder<'_>),
    (dc_codes, ac_codes): &(Codes, Codes),
    bits: &mut ScanBits<'_>,
    writer: &mut ScanWriter,
) -> Result<(), JpegError> {
    let mut copy = |symbol: u8, codes: &Codes, bits: &mut ScanBits<'_>| {
        let (code, length) = codes[usize::from(symbol)];
        if length == 0 {
            return Err(JpegError::Segment {
                segment: "scan",
                problem: "a symbol beyond the standard tables",
            });
        }
        writer.write(u32::from(code), u32::from(length));
        let extra = u32::from(symbol & 0x0f);
        writer.write(bits.read(extra)?, extra);
        Ok(())
    };
    let symbol = dc.symbol(bits)?;
    copy(symbol, dc_codes, bits)?;
    let mut coefficient = 1;
    while coefficient < 64 {
        let symbol = ac.symbol(bits)?;
        copy(symbol, ac_codes, bits)?;
        match symbol {
            0 => break,
            _ => coefficient += 1 + usize::from(symbol >> 4),
        }
    }
    Ok(())
}
