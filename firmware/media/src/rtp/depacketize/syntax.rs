//! What the assembly of access units has to know of a codec: the kinds of NAL units and the parameter sets.

use crate::nal::BitstreamError;
use bytes::Bytes;
use heron_core::VideoFormat;

/// What a NAL unit is to the assembly of access units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Goes to the format.
    ParameterSet,
    /// Left out: delimiters, fillers.
    Noise,
    /// Part of a picture.
    Slice {
        /// It is the first of its picture.
        begins: bool,
        random_access: bool,
        reference: bool,
    },
    /// SEI and whatever else; stays in the payload.
    Other,
}

/// The parameter sets of a track.
pub(super) trait ParameterSets: Default + std::fmt::Debug {
    /// Takes one; returns whether it is new or changed.
    fn insert(&mut self, unit: &[u8]) -> Result<bool, BitstreamError>;
    /// The format, when the sets are enough for one.
    fn format(&self) -> Option<Result<VideoFormat, BitstreamError>>;
    /// There is more than one sequence: the slices say which one is in use.
    fn is_ambiguous(&self) -> bool;
    /// Takes note of the sets that this first slice uses; returns whether others were in use before.
    fn activate(&mut self, slice: &[u8]) -> bool;
}

/// The differences between the two codecs.
pub(super) trait Syntax: std::fmt::Debug {
    /// Bytes of the NAL unit header.
    const HEADER_BYTES: usize;
    type Sets: ParameterSets;
    /// What a NAL unit is, by its header and the byte behind it.
    fn classify(header: &[u8], next: Option<u8>) -> Class;
    /// Whether a NAL unit of class [`Class::Other`] says that decoding can start at this access unit if its slices
    /// are intra.
    fn is_recovery_point(_unit: &[u8]) -> bool {
        false
    }
    /// Whether a slice refers to no other picture, by its first bytes.
    fn is_intra(_slice: &[u8]) -> bool {
        false
    }
}

/// Parameter sets of one kind by id, in the order in which they first came.
#[derive(Clone, Debug, Default)]
pub(super) struct SetsById(Vec<(u8, Bytes)>);

impl SetsById {
    /// Whether this very unit is among them: a set that is sent again with every key frame is not read again.
    pub(super) fn contains(&self, unit: &[u8]) -> bool {
        self.0.iter().any(|(_, known)| known[..] == *unit)
    }
    /// Returns whether it is new or changed.
    pub(super) fn insert(&mut self, id: u8, unit: &[u8]) -> bool {
        match self.0.iter_mut().find(|(known, _)| *known == id) {
            Some((_, old)) if old[..] == *unit => false,
            Some((_, old)) => {
                *old = Bytes::copy_from_slice(unit);
                true
            }
            None => {
                self.0.push((id, Bytes::copy_from_slice(unit)));
                true
            }
        }
    }
    pub(super) fn get(&self, id: u8) -> Option<&Bytes> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, unit)| unit)
    }
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
    /// All units, the one with `first` first.
    pub(super) fn units(&self, first: Option<u8>) -> Vec<Bytes> {
        let (mut active, others): (Vec<_>, Vec<_>) = self.0.iter().partition(|(id, _)| Some(*id) == first);
        active.extend(others);
        active.into_iter().map(|(_, unit)| unit.clone()).collect()
    }
}
