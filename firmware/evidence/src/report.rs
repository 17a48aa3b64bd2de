//! What was found out about a file, a segment, a sequence of segments.

use crate::export::ExportStatement;
use crate::head::{Ending, Statement};
use crate::key::PublicKey;
use crate::opening::Opening;
use heron_core::{GapReason, WallTime};

/// One thing that is not as the box left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The fragment, from 1; `None` when it is not about one.
    pub fragment: Option<u32>,
    /// When that fragment was recorded, as far as anything says so.
    pub time: Option<WallTime>,
    /// What is wrong, as the end of a sentence.
    pub what: String,
}

/// What is to be thought of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Every fragment is as the box recorded it, and the box's signature says that it is all of them.
    Whole,
    /// What is there is in order in itself, but the box has not signed it: it is still being written, or its end was
    /// cut off.
    NotSealed,
    /// Something is not as the box recorded it.
    Altered,
    /// It was recorded without evidence: nothing can be said.
    Unsigned,
}

/// A stretch without footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// End of the footage before it.
    pub start: WallTime,
    /// Start of the footage after it.
    pub end: WallTime,
    /// Why, when the box said so at the time.
    pub reason: Option<GapReason>,
}

/// One segment, or the part of it that an export has.
#[derive(Clone, Debug)]
pub struct SegmentReport {
    /// What it says of itself at its beginning. Part of what is signed.
    pub opening: Option<Opening>,
    /// What the box signed; `None` when there is no sound signature.
    pub statement: Option<Statement>,
    /// The key that signed it.
    pub key: Option<PublicKey>,
    /// First fragment that is here, from 1.
    pub first: u32,
    /// How many fragments are here.
    pub fragments: u32,
    /// First instant of what is here.
    pub start: Option<WallTime>,
    /// End of what is here.
    pub end: Option<WallTime>,
    /// What is wrong; at most [`MOST_FINDINGS`].
    pub findings: Vec<Finding>,
    /// Holes inside it.
    pub holes: Vec<Gap>,
    /// Whether it was recorded with evidence at all.
    pub has_evidence: bool,
}

/// Findings that are kept of one segment.
pub const MOST_FINDINGS: usize = 32;

impl SegmentReport {
    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        if !self.findings.is_empty() {
            Verdict::Altered
        } else if !self.has_evidence {
            Verdict::Unsigned
        } else if self.statement.is_none() {
            Verdict::NotSealed
        } else {
            Verdict::Whole
        }
    }

    /// The first thing that is wrong with a fragment, or else with anything.
    pub fn first_altered(&self) -> Option<&Finding> {
        let by_fragment = self.findings.iter().filter(|f| f.fragment.is_some());
        by_fragment.min_by_key(|f| f.fragment).or(self.findings.first())
    }

    /// How it ended.
    pub fn ending(&self) -> Option<Ending> {
        self.statement.as_ref().map(|s| s.ending)
    }
}

/// One file.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// Its segments: one, or those of an export.
    pub segments: Vec<SegmentReport>,
    /// What the box says of the export, when it is one.
    pub export: Option<ExportStatement>,
    /// What is wrong with the file as a whole.
    pub findings: Vec<Finding>,
    /// Bytes could not be read: nothing is to be concluded from what follows them.
    pub unreadable: Option<String>,
}

impl FileReport {
    /// The worst that was found in it.
    pub fn verdict(&self) -> Verdict {
        if !self.findings.is_empty() {
            return Verdict::Altered;
        }
        let verdicts = || self.segments.iter().map(SegmentReport::verdict);
        [Verdict::Altered, Verdict::Unsigned, Verdict::NotSealed]
            .into_iter()
            .find(|bad| verdicts().any(|v| v == *bad))
            .unwrap_or(if self.segments.is_empty() { Verdict::Unsigned } else { Verdict::Whole })
    }

    /// The key that signed it, when all signatures are of one.
    pub fn key(&self) -> Option<&PublicKey> {
        let mut keys = self.segments.iter().filter_map(|s| s.key.as_ref());
        let first = keys.next()?;
        keys.all(|k| k == first).then_some(first)
    }
}
