//! JPEG over RTP (RFC 2435): types 0, 1 and 64, 65, quantisation tables in band or by Q.

use super::chunk::Chunk;
use super::output::{Finished, Output};
use super::{DepacketizeError, MAX_FRAME_BYTES, malformed};
use crate::mjpeg::{ImageHeaders, image_size, push_headers, quantisation_tables, video_format};
use crate::rtp::Packet;
use bytes::BytesMut;
use heron_core::TrackFormat;

/// Header extension of ONVIF for images wider or higher than 2040 pixels (Streaming Specification §5.1.5): the real
/// JPEG headers.
const ONVIF_JPEG_EXTENSION: u16 = 0xffd8;

const WHAT: &str = "JPEG payload";

#[derive(Debug)]
pub(super) struct Mjpeg {
    chunk: Chunk,
    image: Option<Image>,
    /// Tables sent in band for a Q of 128 to 254, which need not be sent again: Q, precision and bytes.
    known_tables: Option<(u8, u8, Vec<u8>)>,
    size: (u16, u16),
    headers: BytesMut,
    pub(super) output: Output,
}

#[derive(Clone, Copy, Debug)]
struct Image {
    timestamp: u32,
    /// Offset of the next fragment.
    next: usize,
    /// Where the scan begins in the chunk.
    scan_at: usize,
    /// A later part is missing: the picture ends there.
    damaged: bool,
    /// The first part is missing, or the image cannot be used.
    dropped: bool,
}

/// The main header, §3.1, with the restart interval of §3.1.7.
struct MainHeader<'a> {
    offset: usize,
    sampling_type: u8,
    q: u8,
    size: (u16, u16),
    restart_interval: u16,
    rest: &'a [u8],
}

impl<'a> MainHeader<'a> {
    fn parse(payload: &'a [u8]) -> Result<Self, DepacketizeError> {
        let [_, o2, o1, o0, kind, q, width, height, rest @ ..] = payload else {
            return Err(malformed(WHAT, "shorter than the main header", payload));
        };
        let (restart_interval, rest) = match (kind, rest) {
            (64..=127, [high, low, _, _, rest @ ..]) => (u16::from_be_bytes([*high, *low]), rest),
            (64..=127, _) => return Err(malformed(WHAT, "shorter than the restart header", payload)),
            _ => (0, rest),
        };
        if !matches!(kind & !64, 0 | 1) {
            return Err(DepacketizeError::UnsupportedType { what: "JPEG payload", value: *kind });
        }
        Ok(Self {
            offset: u32::from_be_bytes([0, *o2, *o1, *o0]) as usize,
            sampling_type: kind & 1,
            q: *q,
            size: (u16::from(*width) * 8, u16::from(*height) * 8),
            restart_interval,
            rest,
        })
    }
}

impl Mjpeg {
    pub(super) fn new() -> Self {
        Self {
            chunk: Chunk::new(64 << 10, 256 << 10),
            image: None,
            known_tables: None,
            size: (0, 0),
            headers: BytesMut::new(),
            output: Output::default(),
        }
    }

    pub(super) fn push(&mut self, packet: &Packet<'_>, lost_before: bool) -> Result<(), DepacketizeError> {
        self.output.loss |= lost_before;
        if self.image.is_some_and(|i| i.timestamp != packet.timestamp) {
            // The last part had no marker or is lost.
            self.end(lost_before);
            self.output.loss |= lost_before;
        }
        let result = self.push_part(packet);
        self.output.counters.malformed +=
            u64::from(result.as_ref().is_err_and(|e| !matches!(e, DepacketizeError::FrameTooLarge { .. })));
        if packet.marker {
            self.end(false);
        }
        result
    }

    fn push_part(&mut self, packet: &Packet<'_>) -> Result<(), DepacketizeError> {
        let header = match MainHeader::parse(packet.payload) {
            Ok(header) => header,
            Err(error) => {
                self.drop_image(packet.timestamp);
                return Err(error);
            }
        };
        if header.offset == 0 {
            if self.image.is_some() {
                self.end(true);
            }
            return self.begin(&header, packet);
        }
        let Some(image) = &mut self.image else {
            self.drop_image(packet.timestamp);
            return Ok(());
        };
        image.damaged |= image.next != header.offset;
        if image.dropped || image.damaged {
            return Ok(());
        }
        image.next += header.rest.len();
        self.put(header.rest)
    }

    /// The first part of an image.
    fn begin(&mut self, header: &MainHeader<'_>, packet: &Packet<'_>) -> Result<(), DepacketizeError> {
        self.drop_image(packet.timestamp);
        let mut rest = header.rest;
        let computed;
        let (precision, tables): (u8, &[u8]) = match header.q {
            1..=99 => {
                computed = quantisation_tables(header.q);
                (0, &computed)
            }
            128..=255 => {
                // §3.1.8.
                let [_, precision, high, low, tail @ ..] = rest else {
                    return Err(malformed(
                        WHAT,
                        "shorter than the quantisation table header",
                        packet.payload,
                    ));
                };
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                let Some((tables, tail)) = tail.split_at_checked(len) else {
                    return Err(malformed(WHAT, "the tables are longer than what is left", packet.payload));
                };
                rest = tail;
                match &mut self.known_tables {
                    Some((q, known, bytes)) if len == 0 && *q == header.q => (*known, &bytes[..]),
                    _ if len == 0 => {
                        return Err(malformed(
                            WHAT,
                            "quantisation tables have not been sent",
                            packet.payload,
                        ));
                    }
                    slot => {
                        let same = matches!(slot, Some((q, p, b)) if (*q, *p, &b[..]) == (header.q, *precision, tables));
                        if header.q != 255 && !same {
                            *slot = Some((header.q, *precision, tables.to_vec()));
                        }
                        (*precision, tables)
                    }
                }
            }
            _ => return Err(malformed(WHAT, "Q is 0 or 100 to 127, which are reserved", packet.payload)),
        };
        let size = match packet.extension {
            Some((ONVIF_JPEG_EXTENSION, content)) => extension_size(content).unwrap_or(header.size),
            _ => header.size,
        };
        if size.0 == 0 || size.1 == 0 {
            return Err(malformed(
                WHAT,
                "width or height is zero and no header extension says more",
                packet.payload,
            ));
        }
        let headers = ImageHeaders {
            sampling_type: header.sampling_type,
            width: size.0,
            height: size.1,
            restart_interval: header.restart_interval,
            precision,
            tables,
        };
        self.headers.clear();
        if !push_headers(&headers, &mut self.headers) {
            return Err(malformed(WHAT, "the quantisation tables have a wrong length", packet.payload));
        }
        self.chunk.put(&self.headers);
        if self.size != size {
            self.size = size;
            self.output.set_format(TrackFormat::Video(video_format(size.0, size.1)));
        }
        self.image = Some(Image {
            timestamp: packet.timestamp,
            next: rest.len(),
            scan_at: self.chunk.len(),
            damaged: false,
            dropped: false,
        });
        self.put(rest)
    }

    fn put(&mut self, part: &[u8]) -> Result<(), DepacketizeError> {
        if self.chunk.len() + part.len() <= MAX_FRAME_BYTES {
            self.chunk.put(part);
            return Ok(());
        }
        self.chunk.truncate(0);
        if let Some(image) = &mut self.image {
            image.dropped = true;
        }
        self.output.counters.dropped_too_large += 1;
        Err(DepacketizeError::FrameTooLarge { limit: MAX_FRAME_BYTES })
    }

    /// The image of this timestamp cannot be used.
    fn drop_image(&mut self, timestamp: u32) {
        self.chunk.truncate(0);
        self.image = Some(Image { timestamp, next: 0, scan_at: 0, damaged: false, dropped: true });
    }

    pub(super) fn end(&mut self, tail_lost: bool) {
        let Some(image) = self.image.take() else { return };
        if image.dropped || self.chunk.len() <= image.scan_at {
            self.chunk.truncate(0);
            self.output.drop_incomplete();
            return;
        }
        let damaged = image.damaged || tail_lost;
        if !self.chunk.frame().ends_with(&[0xff, 0xd9]) {
            self.chunk.put(&[0xff, 0xd9]);
        }
        self.output.deliver(Finished {
            rtp_timestamp: image.timestamp,
            payload: self.chunk.take(),
            random_access: true,
            audio_samples: 0,
            damaged,
            reference: true,
        });
    }
}

/// The size in the frame header inside the extension, which begins after its SOI.
fn extension_size(content: &[u8]) -> Option<(u16, u16)> {
    image_size(&[&[0xff, 0xd8], content].concat()).ok()
}
