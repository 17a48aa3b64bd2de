//! The verdict on a stretch of footage, for the page: reads every byte of it.

use crate::RecordError;
use crate::catalogue::{self, Segment, SegmentState};
use crate::layout::Origin;
use crate::playback::Playback;
use crate::range;
use heron_core::{GapReason, StreamKey, WallTime};
use heron_evidence::{PublicKey, SegmentReport, Sequence, Verdict, sequence, span, verify};
use heron_media::mp4::ReadAt;
use std::fs::File;
use std::io;
use std::time::Duration;

/// Longest range that is checked at once: an hour of 4 Mbit/s is 1.8 GB, 12 s of a hard disk and half a second of a
/// core.
pub const LONGEST_CHECK: Duration = Duration::from_secs(3600);

/// What is to be thought of a stretch of footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvidenceVerdict {
    /// Whole, without a hole.
    Whole,
    /// Whole, with holes.
    WholeWithGaps,
    /// In order as far as it is sealed; the newest part is still being recorded.
    NotSealedYet,
    /// Something is not as the box recorded it.
    Altered,
    /// Segments are missing that the box recorded.
    Cut,
    /// At least a part was recorded without evidence, or by another box.
    Unsigned,
}

impl EvidenceVerdict {
    /// `whole`, `whole_with_gaps`, `not_sealed_yet`, `altered`, `cut` or `unsigned`, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::WholeWithGaps => "whole_with_gaps",
            Self::NotSealedYet => "not_sealed_yet",
            Self::Altered => "altered",
            Self::Cut => "cut",
            Self::Unsigned => "unsigned",
        }
    }
}

/// One segment.
#[derive(Clone, Debug)]
pub struct SegmentEvidence {
    /// Its row.
    pub id: i64,
    /// First instant.
    pub start: WallTime,
    /// End.
    pub end: WallTime,
    /// The verdict: `whole`, `not_sealed_yet`, `altered` or `unsigned`.
    pub verdict: EvidenceVerdict,
    /// In words.
    pub text: String,
    /// The first fragment that is not as it was recorded, from 1, and when that was, as far as is known.
    pub first_altered: Option<(u32, Option<WallTime>)>,
}

/// A stretch without footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapEvidence {
    /// End of the footage before it.
    pub start: WallTime,
    /// Start of the footage after it.
    pub end: WallTime,
    /// Why; `None` when nothing says so.
    pub reason: Option<GapReason>,
    /// Whether the box said so when it happened, under its seal.
    pub declared: bool,
}

/// The verdict, and what it rests on.
#[derive(Clone, Debug)]
pub struct EvidenceReport {
    /// The verdict on all of it.
    pub verdict: EvidenceVerdict,
    /// In words.
    pub text: String,
    /// Segment by segment.
    pub segments: Vec<SegmentEvidence>,
    /// What is missing.
    pub gaps: Vec<GapEvidence>,
    /// This box's key; `None` when it has none.
    pub key: Option<PublicKey>,
}

impl Playback {
    /// This box's public key, with which anybody can verify what it recorded; `None` when it seals nothing.
    pub fn evidence_key(&self) -> Option<PublicKey> {
        self.shared.notary.as_ref().map(|n| n.signer.public_key().clone())
    }

    /// Checks the footage of a stream between `start` and `end`, at most an hour: reads and hashes every byte of the segments
    /// that overlap it. One check at a time. Blocks, for seconds.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] naming `start` or `end`, [`RecordError::NothingRecorded`], [`RecordError::Busy`],
    /// [`RecordError::Store`].
    pub fn evidence(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
    ) -> Result<EvidenceReport, RecordError> {
        range::footage(start, end, self.shared.clock.now())?;
        if end.saturating_since(start) > LONGEST_CHECK {
            return Err(RecordError::invalid("end", "is more than an hour after the start; ask for less"));
        }
        let Some(_turn) = self.shared.checking.try_lock() else {
            return Err(RecordError::Busy("footage is being checked already; try again when that is done"));
        };
        let key = self.evidence_key();
        let (mut reports, mut segments) = (Vec::new(), Vec::new());
        for segment in self.segments(stream, start, end)? {
            let (evidence, report) = self.check(&segment, key.as_ref());
            segments.push(evidence);
            // What was fetched afterwards, and second copies, stand for themselves.
            reports.extend(report.filter(|_| matches!(segment.origin, Origin::Live | Origin::Keys)));
        }
        if segments.is_empty() {
            return Err(RecordError::NothingRecorded { stream, start, end });
        }
        let mut found = sequence(&reports);
        let away = self.explain_cuts(stream, &mut found)?;
        let gaps = gaps(&found, &reports, away, start, end);
        let verdict = overall(&segments, &found, &gaps);
        let text = words(verdict, &segments, &found, &gaps);
        Ok(EvidenceReport { verdict, text, segments, gaps, key })
    }

    fn check(&self, segment: &Segment, key: Option<&PublicKey>) -> (SegmentEvidence, Option<SegmentReport>) {
        let made = |verdict, text: String, first_altered| SegmentEvidence {
            id: segment.id,
            start: segment.start,
            end: segment.end,
            verdict,
            text,
            first_altered,
        };
        let file = match self.open(segment) {
            Ok(file) => file,
            Err(error) => return (made(EvidenceVerdict::Altered, error.to_string(), None), None),
        };
        let length = file.metadata().map_or(0, |m| m.len());
        // Of a segment that grows, what its writer says is whole.
        let report = verify(&Prefix { file: &file, length: length.min(segment.bytes) }, None);
        // 30 MB that nobody will want again: the page cache is for recording.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        let Some(mut one) = report.segments.into_iter().next() else {
            return (made(EvidenceVerdict::Altered, "It is no recording.".to_owned(), None), None);
        };
        if let Some(problem) = report.unreadable {
            let text = format!("The disk did not give it: {problem}. Nothing can be said of it.");
            return (made(EvidenceVerdict::Altered, text, None), Some(one));
        }
        if length < segment.bytes {
            let what = format!("it has {length} bytes and had {} when it was recorded", segment.bytes);
            one.findings.push(heron_evidence::Finding { fragment: None, time: None, what });
        }
        let foreign = one.key.as_ref().filter(|k| Some(*k) != key).map(PublicKey::fingerprint);
        let first = one.first_altered().and_then(|f| Some((f.fragment?, f.time)));
        let evidence = match (one.verdict(), foreign) {
            (Verdict::Whole, Some(other)) => {
                let text =
                    format!("Not sealed by this box but by another, whose key has the fingerprint {other}.");
                made(EvidenceVerdict::Unsigned, text, None)
            }
            (Verdict::Whole, None) => made(EvidenceVerdict::Whole, one.sentence(), None),
            (Verdict::NotSealed, _) if segment.state == SegmentState::Open => {
                let text = "Being recorded: it is sealed when the minute is over. What is there is in order.";
                made(EvidenceVerdict::NotSealedYet, text.to_owned(), None)
            }
            (Verdict::NotSealed, _) => made(EvidenceVerdict::Unsigned, one.sentence(), None),
            (Verdict::Altered, _) => made(EvidenceVerdict::Altered, one.sentence(), first),
            (Verdict::Unsigned, _) => made(EvidenceVerdict::Unsigned, one.sentence(), None),
        };
        (evidence, Some(one))
    }

    /// Takes out of the cuts what the catalogue knows to be elsewhere: deleted by retention, or on a volume that is not there.
    /// Returns the latter.
    fn explain_cuts(
        &self,
        stream: StreamKey,
        found: &mut Sequence,
    ) -> Result<Vec<(WallTime, WallTime)>, RecordError> {
        if found.cuts.is_empty() {
            return Ok(Vec::new());
        }
        let expired = self.shared.store.read_blocking(|c| catalogue::expired_until(c, stream))?;
        found.cuts.retain(|cut| expired.is_none_or(|until| cut.last.1 > until));
        let here: Vec<_> = self.shared.volumes.iter().filter_map(|v| v.mount().map(|m| m.id)).collect();
        let mut away = Vec::new();
        let mut cuts = Vec::new();
        for cut in found.cuts.drain(..) {
            let rows = self
                .shared
                .store
                .read_blocking(|c| catalogue::overlapping(c, stream, cut.last.0, cut.last.1))?;
            let elsewhere = rows.iter().any(|s| s.start == cut.last.0 && !here.contains(&s.volume));
            if elsewhere {
                away.push((cut.start, cut.end));
            } else {
                cuts.push(cut);
            }
        }
        found.cuts = cuts;
        Ok(away)
    }
}

fn gaps(
    found: &Sequence,
    reports: &[SegmentReport],
    away: Vec<(WallTime, WallTime)>,
    start: WallTime,
    end: WallTime,
) -> Vec<GapEvidence> {
    let mut gaps: Vec<GapEvidence> = found
        .gaps
        .iter()
        .map(|g| GapEvidence { start: g.start, end: g.end, reason: g.reason, declared: g.reason.is_some() })
        .collect();
    // The hole before the first segment, as far as it was asked for.
    let first = reports.iter().filter_map(|r| r.opening.as_ref()).min_by_key(|o| o.start);
    gaps.extend(first.iter().flat_map(|o| &o.gaps).map(|g| GapEvidence {
        start: g.start,
        end: g.end,
        reason: Some(g.reason),
        declared: true,
    }));
    gaps.extend(away.into_iter().map(|(start, end)| GapEvidence {
        start,
        end,
        reason: Some(GapReason::VolumeFailed),
        declared: false,
    }));
    gaps.retain(|g| g.start < end && g.end > start);
    gaps.sort_by_key(|g| (g.start, g.end));
    gaps.dedup();
    gaps
}

fn overall(segments: &[SegmentEvidence], found: &Sequence, gaps: &[GapEvidence]) -> EvidenceVerdict {
    let any = |v| segments.iter().any(|s| s.verdict == v);
    if any(EvidenceVerdict::Altered) {
        EvidenceVerdict::Altered
    } else if !found.cuts.is_empty() {
        EvidenceVerdict::Cut
    } else if any(EvidenceVerdict::Unsigned) {
        EvidenceVerdict::Unsigned
    } else if any(EvidenceVerdict::NotSealedYet) {
        EvidenceVerdict::NotSealedYet
    } else if !gaps.is_empty() || !found.unlinked.is_empty() {
        EvidenceVerdict::WholeWithGaps
    } else {
        EvidenceVerdict::Whole
    }
}

fn words(
    verdict: EvidenceVerdict,
    segments: &[SegmentEvidence],
    found: &Sequence,
    gaps: &[GapEvidence],
) -> String {
    let of = |v| segments.iter().filter(move |s| s.verdict == v);
    let holes = match gaps.len() {
        0 => String::new(),
        1 => " One stretch was not recorded.".to_owned(),
        n => format!(" {n} stretches were not recorded."),
    };
    let unlinked = match found.unlinked.first() {
        None => String::new(),
        Some((a, b)) => format!(
            " Nothing signed says that nothing was recorded from {}: the recorder had been interrupted.",
            span(*a, *b)
        ),
    };
    match verdict {
        EvidenceVerdict::Whole => {
            "Whole: every picture is as this box recorded it, and none is missing.".to_owned()
        }
        EvidenceVerdict::WholeWithGaps => {
            format!(
                "Whole: every picture that was recorded is there, as this box recorded it.{holes}{unlinked}"
            )
        }
        EvidenceVerdict::NotSealedYet => format!(
            "In order: what is sealed is whole, and the newest part is still being recorded; it is sealed within two minutes.{holes}{unlinked}"
        ),
        EvidenceVerdict::Altered => {
            let first = of(verdict).next();
            let which = first.map_or(String::new(), |s| format!(" ({}: {})", span(s.start, s.end), s.text));
            format!(
                "Altered: {} of {} segments are not as this box recorded them{which}.",
                of(verdict).count(),
                segments.len()
            )
        }
        EvidenceVerdict::Cut => match found.cuts.first() {
            Some(cut) => format!(
                "Cut: footage that this box recorded is missing between {}. What is there is as it was recorded.",
                span(cut.start, cut.end).replace(" to ", " and ")
            ),
            None => "Cut: footage that this box recorded is missing.".to_owned(),
        },
        EvidenceVerdict::Unsigned => format!(
            "Not proven: {} of {} segments carry no seal of this box. {}",
            of(verdict).count(),
            segments.len(),
            of(verdict).next().map_or("", |s| s.text.as_str())
        ),
    }
}

/// The first bytes of a file.
struct Prefix<'a> {
    file: &'a File,
    length: u64,
}

impl ReadAt for Prefix<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let most = self.length.saturating_sub(offset).min(buf.len() as u64) as usize;
        ReadAt::read_at(self.file, offset, &mut buf[..most])
    }
    fn len(&self) -> io::Result<u64> {
        Ok(self.length)
    }
}
