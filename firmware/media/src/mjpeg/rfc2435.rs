//! The headers of an image that came over RTP (RFC 2435 appendix B).

use super::tables::{AC_CHROMA, AC_LUMA, DC_CHROMA, DC_LUMA, HuffmanTable};

/// What is known of an image from its RTP payload headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImageHeaders<'a> {
    /// 0: 4:2:2, 1: 4:2:0 (the type without its restart bit).
    pub(crate) sampling_type: u8,
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// MCUs between restart markers, zero for none.
    pub(crate) restart_interval: u16,
    /// One bit per table, the first in the lowest: its elements have 16 bits.
    pub(crate) precision: u8,
    /// One table (all components) or two (luma, chroma), in zigzag order.
    pub(crate) tables: &'a [u8],
}

impl<'a> ImageHeaders<'a> {
    /// The tables one by one with their precision. `None` when the bytes do not divide into one to four tables.
    fn split_tables(&self) -> Option<Vec<(u8, &'a [u8])>> {
        let mut rest = self.tables;
        let mut tables = Vec::with_capacity(2);
        while !rest.is_empty() && tables.len() < 4 {
            let wide = self.precision >> tables.len() & 1;
            let (table, tail) = rest.split_at_checked(64 << wide)?;
            tables.push((wide, table));
            rest = tail;
        }
        (rest.is_empty() && !tables.is_empty()).then_some(tables)
    }
}

/// Appends everything from SOI to SOS. Returns false, with nothing appended, when the quantisation tables make no
/// sense. Under 700 bytes.
pub(crate) fn push_headers(headers: &ImageHeaders<'_>, out: &mut impl bytes::BufMut) -> bool {
    let Some(tables) = headers.split_tables() else { return false };
    out.put_slice(&[0xff, 0xd8]);
    // JFIF 1.01, no unit, aspect 1:1, no thumbnail.
    out.put_slice(&[0xff, 0xe0, 0, 16]);
    out.put_slice(b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    for (number, (wide, table)) in tables.iter().enumerate() {
        out.put_slice(&[0xff, 0xdb]);
        out.put_u16(3 + table.len() as u16);
        out.put_u8(wide << 4 | number as u8);
        out.put_slice(table);
    }
    if headers.restart_interval != 0 {
        out.put_slice(&[0xff, 0xdd, 0, 4]);
        out.put_u16(headers.restart_interval);
    }
    out.put_slice(&[0xff, 0xc0, 0, 17, 8]);
    out.put_u16(headers.height);
    out.put_u16(headers.width);
    let luma = if headers.sampling_type == 0 { 0x21 } else { 0x22 };
    let chroma = u8::from(tables.len() > 1);
    out.put_slice(&[3, 1, luma, 0, 2, 0x11, chroma, 3, 0x11, chroma]);
    put_huffman(0x00, &DC_LUMA, out);
    put_huffman(0x10, &AC_LUMA, out);
    put_huffman(0x01, &DC_CHROMA, out);
    put_huffman(0x11, &AC_CHROMA, out);
    out.put_slice(&[0xff, 0xda, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
    true
}

fn put_huffman(place: u8, table: &HuffmanTable<'_>, out: &mut impl bytes::BufMut) {
    out.put_slice(&[0xff, 0xc4]);
    out.put_u16(3 + 16 + table.symbols.len() as u16);
    out.put_u8(place);
    out.put_slice(&table.counts);
    out.put_slice(table.symbols);
}
