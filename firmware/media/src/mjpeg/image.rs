//! The segments of a JPEG image (ITU-T T.81 annex B).

use super::tables::HuffmanTable;
use heron_core::ErrorKind;
use thiserror::Error;

/// Why a JPEG image cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JpegError {
    /// It does not begin with SOI.
    #[error("JPEG image begins with {first:02x?}, expected ff d8")]
    NoStart {
        /// The first two bytes, zero filled.
        first: [u8; 2],
    },
    /// A segment, or the image, ends too early.
    #[error("JPEG image of {len} bytes ends in {segment}")]
    Truncated {
        /// Length of the image.
        len: usize,
        /// Where it ended.
        segment: &'static str,
    },
    /// A segment says what it must not.
    #[error("JPEG {segment}: {problem}")]
    Segment {
        /// The segment.
        segment: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// Progressive, lossless, arithmetic or twelve-bit images.
    #[error("JPEG image is of kind SOF{kind}; only baseline (SOF0, SOF1) can be sent over RTP")]
    NotBaseline {
        /// The number after SOF.
        kind: u8,
    },
    /// RFC 2435 has no type for its components.
    #[error("JPEG image has a sampling that RFC 2435 has no type for (only 4:2:0 and 4:2:2)")]
    Sampling,
}

impl JpegError {
    /// All of these are damaged or unacceptable input.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

/// One component of the frame header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) id: u8,
    pub(crate) horizontal: u8,
    pub(crate) vertical: u8,
    pub(crate) quantisation: u8,
    pub(crate) dc: u8,
    pub(crate) ac: u8,
}

/// A baseline image with one scan, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Image<'a> {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) components: Vec<Component>,
    /// By destination: bytes per element (1 or 2) and elements in zigzag order.
    pub(crate) quantisation: [Option<(u8, &'a [u8])>; 4],
    pub(crate) dc: [Option<HuffmanTable<'a>>; 4],
    pub(crate) ac: [Option<HuffmanTable<'a>>; 4],
    /// MCUs between restart markers, zero for none.
    pub(crate) restart_interval: u16,
    /// The entropy-coded bytes, without EOI.
    pub(crate) scan: &'a [u8],
}

/// Iterates over (marker, content) from after SOI up to SOS inclusive. The iterator's rest is the scan.
struct Segments<'a> {
    len: usize,
    rest: &'a [u8],
    done: bool,
}

impl<'a> Segments<'a> {
    fn new(jpeg: &'a [u8]) -> Result<Self, JpegError> {
        match jpeg {
            [0xff, 0xd8, rest @ ..] => Ok(Self { len: jpeg.len(), rest, done: false }),
            _ => {
                let byte = |i| jpeg.get(i).copied().unwrap_or(0);
                Err(JpegError::NoStart { first: [byte(0), byte(1)] })
            }
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<(u8, &'a [u8]), JpegError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.done = true;
        let truncated = JpegError::Truncated { len: self.len, segment: "its headers" };
        loop {
            match self.rest {
                // Fill bytes and stray bytes between segments.
                [0xff, 0xff, ..] => self.rest = &self.rest[1..],
                // Markers without content.
                [0xff, 0x00 | 0x01 | 0xd0..=0xd8, rest @ ..] => self.rest = rest,
                [0xff, marker, high, low, rest @ ..] => {
                    let len = usize::from(u16::from_be_bytes([*high, *low]));
                    let Some((content, rest)) = len.checked_sub(2).and_then(|n| rest.split_at_checked(n))
                    else {
                        return Some(Err(truncated));
                    };
                    self.rest = rest;
                    self.done = *marker == 0xda;
                    return Some(Ok((*marker, content)));
                }
                [0xff, ..] | [] => return Some(Err(truncated)),
                [_, rest @ ..] => self.rest = rest,
            }
        }
    }
}

/// Whether a marker begins a frame header (SOF0 to SOF15; C4 is DHT, C8 is JPG, CC is DAC).
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

fn read_size(content: &[u8]) -> Result<(u16, u16), JpegError> {
    let [_, h1, h0, w1, w0, ..] = *content else {
        return Err(JpegError::Segment { segment: "SOF", problem: "shorter than 6 bytes" });
    };
    match (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0])) {
        (0, _) | (_, 0) => Err(JpegError::Segment { segment: "SOF", problem: "width or height is zero" }),
        size => Ok(size),
    }
}

/// Width and height in pixels, from the frame header (T.81 §B.2.2).
pub fn image_size(jpeg: &[u8]) -> Result<(u16, u16), JpegError> {
    for segment in Segments::new(jpeg)? {
        let (marker, content) = segment?;
        if is_frame_header(marker) {
            return read_size(content);
        }
    }
    Err(JpegError::Truncated { len: jpeg.len(), segment: "its headers, without a frame header" })
}

impl<'a> Image<'a> {
    /// Takes a baseline image apart. Missing Huffman tables are the standard ones (T.81 annex K.3), as motion JPEG
    /// in AVI has it.
    pub(crate) fn parse(jpeg: &'a [u8]) -> Result<Self, JpegError> {
        use super::tables::{AC_CHROMA, AC_LUMA, DC_CHROMA, DC_LUMA};
        let mut image = Image {
            width: 0,
            height: 0,
            components: Vec::new(),
            quantisation: [None; 4],
            dc: [Some(DC_LUMA), Some(DC_CHROMA), None, None],
            ac: [Some(AC_LUMA), Some(AC_CHROMA), None, None],
            restart_interval: 0,
            scan: &[],
        };
        let mut segments = Segments::new(jpeg)?;
        let mut has_scan = false;
        for segment in &mut segments {
            let (marker, content) = segment?;
            match marker {
                0xc0 | 0xc1 => image.read_frame(content)?,
                0xc4 => image.read_huffman(content)?,
                0xdb => image.read_quantisation(content)?,
                0xdd => {
                    let [high, low, ..] = *content else {
                        return Err(JpegError::Segment { segment: "DRI", problem: "shorter than 2 bytes" });
                    };
                    image.restart_interval = u16::from_be_bytes([high, low]);
                }
                0xda => {
                    image.read_scan(content)?;
                    has_scan = true;
                }
                m if is_frame_header(m) => return Err(JpegError::NotBaseline { kind: m & 0x0f }),
                _ => {}
            }
        }
        if !has_scan || image.components.is_empty() {
            return Err(JpegError::Truncated { len: jpeg.len(), segment: "its headers" });
        }
        let scan = segments.rest;
        // The scan ends at the first marker that is no restart.
        let end = (0..scan.len().saturating_sub(1))
            .find(|&i| scan[i] == 0xff && !matches!(scan[i + 1], 0x00 | 0xd0..=0xd7 | 0xff));
        image.scan = &scan[..end.unwrap_or(scan.len())];
        Ok(image)
    }

    fn read_frame(&mut self, content: &[u8]) -> Result<(), JpegError> {
        (self.width, self.height) = read_size(content)?;
        if content[0] != 8 {
            return Err(JpegError::Segment { segment: "SOF", problem: "samples are not 8 bits" });
        }
        let count = usize::from(content.get(5).copied().unwrap_or(0));
        let Some(list) = content.get(6..6 + 3 * count).filter(|_| (1..=4).contains(&count)) else {
            return Err(JpegError::Segment { segment: "SOF", problem: "component count does not fit" });
        };
        self.components = list
            .chunks_exact(3)
            .map(|c| Component {
                id: c[0],
                horizontal: c[1] >> 4,
                vertical: c[1] & 0x0f,
                quantisation: c[2] & 3,
                ..Component::default()
            })
            .collect();
        if self.components.iter().any(|c| !(1..=4).contains(&c.horizontal) || !(1..=4).contains(&c.vertical))
        {
            return Err(JpegError::Segment { segment: "SOF", problem: "a sampling factor is not 1 to 4" });
        }
        Ok(())
    }

    fn read_quantisation(&mut self, mut content: &'a [u8]) -> Result<(), JpegError> {
        while let [head, rest @ ..] = content {
            let size = if head >> 4 == 0 { 1 } else { 2 };
            let Some((table, rest)) = rest.split_at_checked(64 * usize::from(size)) else {
                return Err(JpegError::Segment { segment: "DQT", problem: "a table is cut off" });
            };
            self.quantisation[usize::from(head & 3)] = Some((size, table));
            content = rest;
        }
        Ok(())
    }

    fn read_huffman(&mut self, mut content: &'a [u8]) -> Result<(), JpegError> {
        while let [head, rest @ ..] = content {
            let cut = JpegError::Segment { segment: "DHT", problem: "a table is cut off" };
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(cut)?;
            let total = counts.iter().map(|&c| usize::from(c)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or(cut)?;
            let table = HuffmanTable { counts: *counts, symbols };
            let place = usize::from(head & 3);
            if head >> 4 == 0 {
                self.dc[place] = Some(table)
            } else {
                self.ac[place] = Some(table)
            }
            content = rest;
        }
        Ok(())
    }

    fn read_scan(&mut self, content: &[u8]) -> Result<(), JpegError> {
        let count = usize::from(content.first().copied().unwrap_or(0));
        if count != self.components.len() || content.len() < 1 + 2 * count {
            return Err(JpegError::Segment { segment: "SOS", problem: "not all components in one scan" });
        }
        for (component, c) in self.components.iter_mut().zip(content[1..].chunks_exact(2)) {
            if component.id != c[0] {
                return Err(JpegError::Segment { segment: "SOS", problem: "components in another order" });
            }
            component.dc = c[1] >> 4 & 3;
            component.ac = c[1] & 3;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SOI, COM, SOF0 of 640x360, SOS and four bytes of scan.
    const TINY: &[u8] = &[
        0xff, 0xd8, 0xff, 0xfe, 0, 3, 9, 0xff, 0xc0, 0, 17, 8, 1, 0x68, 2, 0x80, 3, 0, 0x22, 0, 1, 0x11, 0,
        2, 0x11, 0, 0xff, 0xda, 0, 12, 3, 0, 0, 1, 0x11, 2, 0x11, 0, 63, 0, 1, 0xff, 0, 2, 0xff, 0xd9,
    ];

    #[test]
    fn size_and_scan_are_found() {
        assert_eq!(image_size(TINY), Ok((640, 360)));
        let image = Image::parse(TINY).unwrap();
        assert_eq!((image.width, image.height, image.scan), (640, 360, &[1, 0xff, 0, 2][..]));
        assert_eq!(image.components[1].ac, 1);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert_eq!(
            image_size(b"GIF89a").unwrap_err().to_string(),
            "JPEG image begins with [47, 49], expected ff d8"
        );
        assert!(matches!(image_size(&TINY[..10]), Err(JpegError::Truncated { len: 10, .. })));
        let mut progressive = TINY.to_vec();
        progressive[8] = 0xc2;
        assert_eq!(Image::parse(&progressive).unwrap_err(), JpegError::NotBaseline { kind: 2 });
        assert_eq!(image_size(&progressive), Ok((640, 360)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), at in 0usize..46, to: u8) {
            let _ = (image_size(&bytes), Image::parse(&bytes).is_ok());
            let mut damaged = TINY.to_vec();
            damaged[at] = to;
            damaged.extend_from_slice(&bytes);
            let _ = (image_size(&damaged), Image::parse(&damaged).is_ok());
        }
    }
}
