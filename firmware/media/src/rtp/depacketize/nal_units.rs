//! Access units out of NAL units: what H.264 (RFC 6184) and H.265 (RFC 7798) share.
//!
//! ```text
//!   packet -> unit()      whole NAL units (single, aggregated)    \
//!          -> fragment()  parts of one (FU)                        +-> chunk: length + NAL unit, length + NAL unit ...
//!          -> marker, or another timestamp -> end of the access unit ----> Frame
//! ```
//!
//! Quirks that are taken here, because cameras have them:
//! - marker bit on parameter sets, SEI or delimiters: a marker ends an access unit only when it has a slice;
//! - marker bit on every slice: seen when a slice that does not begin a picture follows under the same timestamp;
//!   from then on only the timestamp, or a slice that begins a picture, ends an access unit;
//! - no marker at all: the timestamp ends the access unit;
//! - Annex B inside the payload (several NAL units with start codes in one RTP "NAL unit"): searched for at the
//!   beginning of every NAL unit, in everything that is no slice, and, once seen, everywhere;
//! - fragments whose headers differ: the first counts; a fragment without an end: what follows ends it;
//! - empty NAL units, parameter sets in one RTP packet with slices, fillers.

use super::chunk::Chunk;
use super::output::{Finished, Output};
use super::syntax::{Class, ParameterSets, Syntax};
use super::{DepacketizeError, MAX_FRAME_BYTES, MAX_PICTURE_SIDE, malformed};
use crate::nal::{self, BitstreamError};
use bytes::Bytes;
use heron_core::TrackFormat;

/// The access unit being assembled.
#[derive(Clone, Copy, Debug, Default)]
struct Unit {
    timestamp: u32,
    /// Packets were lost right before it, or in it before its first slice.
    after_loss: bool,
    has_slice: bool,
    /// It promises that decoding can start at its slices if they are intra.
    recovery_point: bool,
    random_access: bool,
    reference: bool,
    /// Something inside is missing.
    damaged: bool,
    /// Its first part is missing.
    headless: bool,
    too_large: bool,
}

/// The NAL unit being put together from fragments.
#[derive(Clone, Copy, Debug)]
struct Fragment {
    /// Where its length lies in the chunk.
    at: usize,
    class: Class,
}

#[derive(Debug)]
pub(super) struct NalUnits<S: Syntax> {
    chunk: Chunk,
    sets: S::Sets,
    sets_changed: bool,
    pub(super) output: Output,
    unit: Option<Unit>,
    fragment: Option<Fragment>,
    /// Annex B has been seen inside the payload.
    annex_b: bool,
    /// A marker does not end an access unit on this stream.
    distrust_marker: bool,
    /// Timestamp of the access unit that a marker ended last.
    marked: Option<u32>,
    error: Option<DepacketizeError>,
    /// Why the newest parameter sets that could not be used cannot, and whether they came in the stream.
    pub(super) refused: Option<(BitstreamError, bool)>,
    /// The SDP's parameter sets have been taken.
    in_stream: bool,
    /// NAL units taken, and access units finished, of this packet.
    taken: usize,
    finished: usize,
    /// This packet has more of either than can be meant: the rest of it is not looked at.
    full: bool,
}

/// Access units that one packet finishes at most. Two fields under one timestamp are two; a sender that puts several
/// pictures into one packet has few, because they would all come late.
const MAX_FINISHED: usize = 16;
/// NAL units that are taken of one packet at most, or of one NAL unit that is in truth several. A slice for each row
/// of macroblocks of an 8K picture is 270.
const MAX_TAKEN: usize = 512;

/// Bytes at the beginning of a NAL unit that tell what it is and which parameter sets it uses.
const HEAD_BYTES: usize = 16;

impl<S: Syntax> NalUnits<S> {
    /// `sets`: parameter sets of the SDP. Those that cannot be read are left out.
    pub(super) fn new(sets: impl Iterator<Item = Bytes>) -> Self {
        let mut this = Self {
            chunk: Chunk::new(64 << 10, 128 << 10),
            sets: S::Sets::default(),
            sets_changed: false,
            output: Output::default(),
            unit: None,
            fragment: None,
            annex_b: false,
            distrust_marker: false,
            marked: None,
            error: None,
            refused: None,
            in_stream: false,
            taken: 0,
            finished: 0,
            full: false,
        };
        for set in sets {
            for unit in nal::units_in(&set) {
                if is_set::<S>(unit) {
                    this.take_set(unit);
                }
            }
        }
        this.update_format();
        this.error = None;
        this.in_stream = true;
        this
    }

    /// To be called first for every packet.
    pub(super) fn begin_packet(&mut self, timestamp: u32, lost_before: bool) {
        (self.taken, self.finished, self.full) = (0, 0, false);
        if lost_before {
            self.lose();
        }
        if self.unit.is_some_and(|u| u.timestamp != timestamp) {
            self.end_unit();
            // The loss may be of either side of the boundary.
            self.output.loss |= lost_before;
        }
        if self.unit.is_none() {
            self.unit = Some(Unit { timestamp, after_loss: lost_before, ..Unit::default() });
        }
    }

    /// To be called last for every packet.
    pub(super) fn end_packet(&mut self, marker: bool) -> Result<(), DepacketizeError> {
        if marker {
            if self.fragment.is_some() {
                self.end_fragment();
            }
            if let Some(unit) = self.unit.filter(|u| u.has_slice && !self.distrust_marker) {
                self.end_unit();
                self.marked = Some(unit.timestamp);
            }
        }
        match self.error.take() {
            None => Ok(()),
            Some(error) => {
                self.output.counters.malformed +=
                    u64::from(!matches!(error, DepacketizeError::FrameTooLarge { .. }));
                Err(error)
            }
        }
    }

    /// Something is wrong with the packet; reported by [`Self::end_packet`]. The first error counts.
    pub(super) fn fail(&mut self, error: DepacketizeError) {
        self.error.get_or_insert(error);
    }

    /// The rest of the packet need not be looked at.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// What is more of this packet is not looked at.
    fn fill(&mut self, problem: &'static str, unit: &[u8]) {
        self.full = true;
        self.fail(malformed("NAL units of one packet", problem, unit));
        self.lose();
    }

    fn lose(&mut self) {
        self.output.loss = true;
        if self.fragment.is_some() {
            // Its beginning is worth having: decoders conceal the rest.
            self.end_fragment();
        }
        if let Some(unit) = &mut self.unit {
            unit.damaged |= unit.has_slice;
            unit.after_loss |= !unit.has_slice;
        }
    }

    /// A whole NAL unit, or several with start codes.
    pub(super) fn unit(&mut self, bytes: &[u8]) {
        if self.fragment.is_some() {
            self.end_fragment();
        }
        let is_slice = matches!(classify::<S>(bytes), Some(Class::Slice { .. }));
        let begins_with_start_code = begins_with_start_code(bytes);
        self.annex_b |= begins_with_start_code;
        if begins_with_start_code || ((self.annex_b || !is_slice) && nal::find_start_code(bytes, 0).is_some())
        {
            for unit in nal::units_in(bytes) {
                if self.full {
                    break;
                }
                self.take(unit);
            }
        } else {
            self.take(bytes);
        }
    }

    /// A NAL unit without start codes.
    fn take(&mut self, unit: &[u8]) {
        // Empty ones and ones without content are noise.
        let Some(class) = classify::<S>(unit) else { return };
        self.taken += 1;
        if self.taken > MAX_TAKEN {
            self.fill("more than 512 NAL units", unit);
            return;
        }
        match class {
            Class::ParameterSet => self.take_set(unit),
            Class::Noise => {}
            Class::Slice { .. } | Class::Other => {
                if self.admit(class, &unit[..unit.len().min(HEAD_BYTES)]) && self.has_room(4 + unit.len()) {
                    self.chunk.put(&(unit.len() as u32).to_be_bytes());
                    self.chunk.put(unit);
                    if class == Class::Other
                        && S::is_recovery_point(unit)
                        && let Some(current) = &mut self.unit
                    {
                        current.recovery_point = true;
                    }
                }
            }
        }
    }

    /// A part of a NAL unit. `header` is the whole NAL unit's, `part` what is behind it in this packet.
    pub(super) fn fragment(&mut self, first: bool, last: bool, header: &[u8], part: &[u8]) {
        if first {
            if self.fragment.is_some() {
                self.end_fragment();
            }
            self.begin_fragment(header, part);
        } else if self.fragment.is_some() {
            if self.has_room(part.len()) {
                self.chunk.put(part);
            }
        } else if matches!(S::classify(header, part.first().copied()), Class::Slice { .. })
            && let Some(unit) = &mut self.unit
        {
            // Its beginning is lost: if nothing of the picture came before, the picture's beginning is.
            unit.headless |= !unit.has_slice;
            unit.damaged = true;
            unit.has_slice = true;
        }
        if last && self.fragment.is_some() {
            self.end_fragment();
        }
    }

    fn begin_fragment(&mut self, header: &[u8], part: &[u8]) {
        let class = S::classify(header, part.first().copied());
        let mut head = [0; HEAD_BYTES + 4];
        let taken = part.len().min(HEAD_BYTES);
        head[..header.len()].copy_from_slice(header);
        head[header.len()..header.len() + taken].copy_from_slice(&part[..taken]);
        if !self.admit(class, &head[..header.len() + taken]) || !self.has_room(4 + header.len() + part.len())
        {
            return;
        }
        self.fragment = Some(Fragment { at: self.chunk.len(), class });
        self.chunk.put(&[0; 4]);
        self.chunk.put(header);
        self.chunk.put(part);
    }

    /// The NAL unit in fragments is complete, or will not get more.
    fn end_fragment(&mut self) {
        let Some(Fragment { at, class }) = self.fragment.take() else { return };
        let whole = &mut self.chunk.frame()[at..];
        let Some((length, unit)) = whole.split_first_chunk_mut::<4>() else { return };
        let has_start_code = begins_with_start_code(unit);
        self.annex_b |= has_start_code;
        let is_slice = matches!(class, Class::Slice { .. });
        if has_start_code || ((self.annex_b || !is_slice) && nal::find_start_code(unit, 0).is_some()) {
            let copy = unit.to_vec();
            self.chunk.truncate(at);
            for unit in nal::units_in(&copy) {
                if self.full {
                    break;
                }
                self.take(unit);
            }
            return;
        }
        match class {
            Class::ParameterSet => {
                let copy = unit.to_vec();
                self.chunk.truncate(at);
                self.take_set(&copy);
            }
            Class::Noise => self.chunk.truncate(at),
            Class::Slice { .. } | Class::Other => *length = (unit.len() as u32).to_be_bytes(),
        }
    }

    /// Takes note of a NAL unit about to be put into the access unit; returns whether it shall be.
    fn admit(&mut self, class: Class, head: &[u8]) -> bool {
        let Class::Slice { begins, random_access, reference } = class else {
            return self.unit.is_some_and(|u| !u.too_large);
        };
        let Some(mut unit) = self.unit else { return false };
        if begins && unit.has_slice {
            // One is left for the marker.
            if self.finished + 1 >= MAX_FINISHED {
                self.fill("more than 16 pictures", head);
                return false;
            }
            // A new picture under the same timestamp: the second field, or a sender without marker and clock.
            self.end_unit();
            unit = Unit { timestamp: unit.timestamp, ..Unit::default() };
        }
        if !unit.has_slice {
            if !begins && self.marked == Some(unit.timestamp) && !unit.after_loss {
                self.distrust_marker = true;
            }
            unit.headless |= !begins && unit.after_loss;
        }
        unit.has_slice = true;
        unit.random_access |= random_access || (unit.recovery_point && begins && S::is_intra(head));
        unit.reference |= reference;
        self.unit = Some(unit);
        if random_access && begins && self.sets.is_ambiguous() && self.sets.activate(head) {
            self.sets_changed = true;
        }
        !unit.headless && !unit.too_large
    }

    fn has_room(&mut self, additional: usize) -> bool {
        if self.chunk.len() + additional <= MAX_FRAME_BYTES {
            return true;
        }
        self.chunk.truncate(0);
        self.fragment = None;
        if let Some(unit) = &mut self.unit {
            unit.too_large = true;
        }
        self.fail(DepacketizeError::FrameTooLarge { limit: MAX_FRAME_BYTES });
        false
    }

    fn take_set(&mut self, set: &[u8]) {
        match self.sets.insert(set) {
            Ok(changed) => self.sets_changed |= changed,
            Err(error) => self.refuse(error),
        }
    }

    fn refuse(&mut self, error: BitstreamError) {
        self.refused = Some((error.clone(), self.in_stream));
        self.fail(error.into());
    }

    fn update_format(&mut self) {
        if !std::mem::take(&mut self.sets_changed) {
            return;
        }
        match self.sets.format() {
            Some(Ok(format)) if format.width > MAX_PICTURE_SIDE || format.height > MAX_PICTURE_SIDE => {
                let (field, value) = match format.width > MAX_PICTURE_SIDE {
                    true => ("width", format.width),
                    false => ("height", format.height),
                };
                self.refuse(BitstreamError::OutOfRange { what: "SPS", field, value: u64::from(value) });
            }
            Some(Ok(format)) => self.output.set_format(TrackFormat::Video(format)),
            Some(Err(error)) => self.refuse(error),
            None => {}
        }
    }

    /// The connection ends. On a stream with markers an access unit without one is not known to be complete.
    pub(super) fn flush(&mut self) {
        if let Some(unit) = &mut self.unit {
            unit.damaged |= self.marked.is_some() && !self.distrust_marker;
        }
        self.end_unit();
    }

    /// The access unit is complete, or will not get more.
    fn end_unit(&mut self) {
        if self.fragment.is_some() {
            self.end_fragment();
        }
        let Some(unit) = self.unit.take() else { return };
        self.finished += 1;
        self.update_format();
        if unit.too_large {
            self.chunk.truncate(0);
            self.output.counters.dropped_too_large += 1;
            self.output.loss = true;
        } else if unit.headless || (unit.has_slice && self.chunk.len() == 0) {
            // (Nothing is left of a slice that consisted of start codes.)
            self.chunk.truncate(0);
            self.output.drop_incomplete();
        } else if unit.has_slice {
            if self.output.format.is_none() {
                self.chunk.truncate(0);
                self.output.counters.dropped_before_format += 1;
                return;
            }
            let payload: Bytes = self.chunk.take();
            self.output.deliver(Finished {
                rtp_timestamp: unit.timestamp,
                payload,
                random_access: unit.random_access,
                audio_samples: 0,
                damaged: unit.damaged,
                reference: unit.reference,
            });
        } else {
            // Parameter sets and the like alone are no access unit.
            self.chunk.truncate(0);
        }
    }
}

fn classify<S: Syntax>(unit: &[u8]) -> Option<Class> {
    let (header, rest) = unit.split_at_checked(S::HEADER_BYTES)?;
    Some(S::classify(header, rest.first().copied()))
}

fn is_set<S: Syntax>(unit: &[u8]) -> bool {
    classify::<S>(unit) == Some(Class::ParameterSet)
}

fn begins_with_start_code(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, 1, ..] | [0, 0, 0, 1, ..])
}
