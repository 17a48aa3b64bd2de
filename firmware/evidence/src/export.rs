//! Exports: whole fragments as they were recorded, of one or more segments, and the proof that goes with them.
//!
//! ```text
//! ftyp · opening · moov            of the first segment, as recorded
//! (seal · prft · moof · mdat)…     as recorded, but for the times of decoding (below)
//! proof                            per segment: opening, init segment, signed head, the other fragments' leaves
//! ```
//!
//! Each connection of a camera counts its own time, so that segments put one after another would jump back and forth.
//! The times in `tfdt` and `prft` are therefore moved so that the export plays from zero without a break; the proof says
//! by how much, and the verifier moves them back before it hashes. Nothing else differs from what is on the disk.

use crate::digest::Digest;
use crate::head::{Head, Signed};
use crate::key::{Fingerprint, KeyError, Signer};
use crate::lines::{Nanos, Reader, Writer};
use crate::opening::Opening;
use crate::wire::{Fields, Kind, boxed, put_counted};
use heron_core::{StreamKey, WallTime};
use heron_media::mp4::times::{decode_times, moved};

const TITLE: &str = "heron-evidence 1 export";
/// Segments in one export: a day of minutes, twice.
pub const MOST_PARTS: u32 = 2880;

/// Ticks that were added to the times of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The track.
    pub track_id: u32,
    /// Ticks of that track.
    pub ticks: i64,
}

/// Moves the times in the header of a fragment (`prft`, `moof`) by `shifts`; `back` takes it back. `None` when the header
/// is none, or a time would leave its range.
pub fn shift(header: &mut [u8], shifts: &[Shift], back: bool) -> Option<()> {
    for time in decode_times(header).ok()? {
        let by = shifts.iter().find(|s| s.track_id == time.track_id).map_or(0, |s| s.ticks);
        let by = if back { by.checked_neg()? } else { by };
        moved(header, &time, time.ticks.checked_add_signed(by)?);
    }
    Some(())
}

/// What an export has of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The segment's opening.
    pub opening: Opening,
    /// Its init segment (`ftyp`, `moov`), as recorded but without the opening.
    pub init: Vec<u8>,
    /// Its signed head, with the leaves from fragment `first` on.
    pub head: Head,
    /// The first fragment in the export, from 1.
    pub first: u32,
    /// How many fragments of it are in the export.
    pub count: u32,
    /// The chain before fragment `first`.
    pub before: Digest,
    /// How its times were moved.
    pub shifts: Vec<Shift>,
}

/// The last box of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// [`ExportStatement::to_text`], signed: so that an export that was shortened afterwards is found out.
    pub signed: Signed,
    /// The segments, in the order of the file.
    pub parts: Vec<Part>,
}

/// What the box says of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportStatement {
    /// The stream.
    pub stream: StreamKey,
    /// First instant that was asked for.
    pub start: WallTime,
    /// End that was asked for.
    pub end: WallTime,
    /// When the last of its segments was sealed, by the box's clock. Not when it was made: the same footage gives the same
    /// bytes, so that an interrupted download can be resumed.
    pub sealed: WallTime,
    /// How many segments it has fragments of.
    pub parts: u32,
    /// Which fragments of which segments: [`list`].
    pub list: Digest,
    /// Fingerprint of the key that signs.
    pub key: Fingerprint,
}

impl ExportStatement {
    /// The one way to write it.
    pub fn to_text(&self) -> String {
        let mut text = Writer::new(TITLE);
        text.put("camera", self.stream.camera)
            .put("stream", self.stream.kind)
            .put("start", Nanos(self.start))
            .put("end", Nanos(self.end))
            .put("sealed", Nanos(self.sealed))
            .put("parts", self.parts)
            .put("list", self.list)
            .put("key", self.key);
        text.done()
    }

    /// Reads [`ExportStatement::to_text`]; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = Reader::new(text, TITLE)?;
        let camera = lines.get("camera")?;
        let statement = Self {
            stream: StreamKey::new(camera, lines.get("stream")?),
            start: lines.get::<Nanos>("start")?.0,
            end: lines.get::<Nanos>("end")?.0,
            sealed: lines.get::<Nanos>("sealed")?.0,
            parts: lines.get("parts")?,
            list: lines.get("list")?,
            key: lines.get("key")?,
        };
        (statement.to_text().as_bytes() == text).then_some(statement)
    }
}

/// The hash of which fragments of which segments an export has.
pub fn list(parts: &[Part]) -> Digest {
    let mut bytes = Vec::with_capacity(parts.len() * 40);
    for part in parts {
        bytes.extend_from_slice(&Digest::of(&part.head.signed.text).0);
        bytes.extend_from_slice(&part.first.to_be_bytes());
        bytes.extend_from_slice(&part.count.to_be_bytes());
    }
    Digest::of(&bytes)
}

impl Proof {
    /// Signs an export of `parts`.
    ///
    /// # Errors
    /// What the signer says.
    pub fn new(
        stream: StreamKey,
        (start, end): (WallTime, WallTime),
        parts: Vec<Part>,
        signer: &dyn Signer,
    ) -> Result<Self, KeyError> {
        let sealed = parts.iter().filter_map(|p| p.head.statement()).map(|s| s.sealed);
        let statement = ExportStatement {
            stream,
            start,
            end,
            sealed: sealed.max().unwrap_or(end),
            parts: u32::try_from(parts.len()).unwrap_or(u32::MAX),
            list: list(&parts),
            key: signer.public_key().fingerprint(),
        };
        Ok(Self { signed: Signed::new(statement.to_text(), signer)?, parts })
    }

    /// The statement, if its text is one.
    pub fn statement(&self) -> Option<ExportStatement> {
        ExportStatement::parse(&self.signed.text)
    }

    /// The whole box.
    pub fn to_box(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(self.parts.len() * 4096 + 512);
        self.signed.put(&mut content);
        content.extend_from_slice(&u32::try_from(self.parts.len()).unwrap_or(u32::MAX).to_be_bytes());
        for part in &self.parts {
            put_counted(&mut content, part.opening.to_text().as_bytes());
            put_counted(&mut content, &part.init);
            put_counted(&mut content, &part.head.to_box()[crate::wire::PREFIX..]);
            content.extend_from_slice(&part.first.to_be_bytes());
            content.extend_from_slice(&part.count.to_be_bytes());
            content.extend_from_slice(&part.before.0);
            content.push(u8::try_from(part.shifts.len()).unwrap_or(u8::MAX));
            for shift in &part.shifts {
                content.extend_from_slice(&shift.track_id.to_be_bytes());
                content.extend_from_slice(&shift.ticks.to_be_bytes());
            }
        }
        boxed(Kind::Proof, &content)
    }

    pub(crate) fn parse(content: &[u8]) -> Option<Self> {
        let mut f = Fields(content);
        let signed = Signed::take(&mut f)?;
        let count = f.u32().filter(|n| *n <= MOST_PARTS)?;
        let mut parts = Vec::new();
        for _ in 0..count {
            let opening = Opening::parse(f.counted()?)?;
            let init = f.counted()?.to_vec();
            let head = Head::parse(f.counted()?)?;
            let (first, count, before) = (f.u32()?, f.u32()?, f.digest()?);
            let mut shifts = Vec::new();
            for _ in 0..f.u8()? {
                shifts.push(Shift { track_id: f.u32()?, ticks: f.i64()? });
            }
            parts.push(Part { opening, init, head, first, count, before, shifts });
        }
        f.0.is_empty().then_some(Self { signed, parts })
    }
}
