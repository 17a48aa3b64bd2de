//! Checking one file: every byte of it is hashed once.

use crate::digest::{DataHasher, Digest, leaf, link};
use crate::export::{self, Part, Proof, Shift};
use crate::head::{Head, Statement, chain_over};
use crate::key::PublicKey;
use crate::opening::Opening;
use crate::report::{FileReport, Finding, Gap, MOST_FINDINGS, SegmentReport};
use crate::walk::{Found, Walk, walk};
use heron_core::{GapReason, MediaTime, TrackKind, WallTime};
use heron_media::mp4::scan::{self, read_exact_at, scan};
use heron_media::mp4::{FragmentIndex, ReadAt};
use std::collections::HashMap;
use std::io;

/// Bytes read at once.
const READ: u64 = 1 << 20;
/// A fragment's header that is moved back before hashing; ours have some kilobytes.
const MOST_HEADER: u64 = 1 << 20;
/// Pictures missing for longer than this inside a segment are a hole: what the recorder too calls one.
const HOLE_NANOS: i64 = 500_000_000;

/// Checks a recorded file or an export. `trust` is the box's public key; without it the file's own key is used, and then
/// the answer is only as good as a comparison of that key's fingerprint with the box's. Whatever the file holds, the answer
/// is a report: at most 32 MiB and 300 bytes per fragment are held.
pub fn verify<R: ReadAt + ?Sized>(file: &R, trust: Option<&PublicKey>) -> FileReport {
    let mut report =
        FileReport { segments: Vec::new(), export: None, findings: Vec::new(), unreadable: None };
    let length = match file.len() {
        Ok(length) => length,
        Err(error) => {
            report.unreadable = Some(error.to_string());
            return report;
        }
    };
    let walk = walk(file, length);
    report.unreadable.clone_from(&walk.unreadable);
    let indexes = scan(file).fragments;
    let mut check = Check { file, trust, walk: &walk, indexes, unreadable: None };
    match &walk.proof {
        Some(proof) => check.export(proof, &mut report),
        None => report.segments.push(check.recording()),
    }
    report.unreadable = report.unreadable.or(check.unreadable);
    report
}

struct Check<'a, R: ReadAt + ?Sized> {
    file: &'a R,
    trust: Option<&'a PublicKey>,
    walk: &'a Walk,
    indexes: Vec<FragmentIndex>,
    unreadable: Option<String>,
}

/// What a segment's fragments are compared with.
struct Claim<'a> {
    opening: &'a Opening,
    head: Option<&'a Head>,
    first: u32,
    before: Digest,
    shifts: &'a [Shift],
    /// All fragments from `first` to the segment's end should be there.
    to_the_end: bool,
}

impl<R: ReadAt + ?Sized> Check<'_, R> {
    /// A file as the recorder wrote it.
    fn recording(&mut self) -> SegmentReport {
        let walk = self.walk;
        let mut report = empty();
        let any_seal = walk.fragments.iter().any(|f| f.seal.is_some());
        let damaged = walk.foreign.iter().any(|(_, what)| what.contains("seal"));
        report.has_evidence = walk.opening.is_some() || walk.head.is_some() || any_seal || damaged;
        self.extent(&mut report, 0..walk.fragments.len());
        if !report.has_evidence {
            return report;
        }
        let Some((_, opening)) = &walk.opening else {
            let what =
                "the opening at its beginning, where the box says what this is, was removed or altered";
            report.find(None, None, what.to_owned());
            if let Some((_, head)) = &walk.head {
                self.signature(head, None, &mut report);
            }
            return report;
        };
        report.opening = Some(opening.clone());
        self.init(opening, &mut report);
        let head = walk.head.as_ref().map(|(_, head)| head);
        let claim = Claim { opening, head, first: 1, before: opening.id(), shifts: &[], to_the_end: true };
        self.segment(&claim, 0..walk.fragments.len(), &mut report);
        self.foreign(&mut report, 0);
        if let Some(cut) = &walk.cut
            && head.is_some()
        {
            report.find(None, None, format!("something was added after its end ({cut})"));
        }
        report
    }

    fn export(&mut self, proof: &Proof, report: &mut FileReport) {
        report.export = proof.statement();
        let statement = report.export.clone();
        let mut wrong = |what: &str| {
            report.findings.push(Finding { fragment: None, time: None, what: what.to_owned() });
        };
        match &statement {
            None => wrong("what the box said of this export was altered"),
            Some(s) => {
                let signed = proof.signed.is_sound() && s.key == proof.signed.key.fingerprint();
                if !signed || self.trust.is_some_and(|t| *t != proof.signed.key) {
                    wrong("the signature of the export is not that of the box");
                }
                if s.list != export::list(&proof.parts) || s.parts as usize != proof.parts.len() {
                    wrong("the list of what is in this export was altered");
                }
            }
        }
        if let Some((_, opening)) = &self.walk.opening
            && proof.parts.first().is_some_and(|p| p.opening == *opening)
        {
        } else {
            wrong("its beginning is not that of the first segment in it");
        }
        if let Some(cut) = &self.walk.cut {
            wrong(&format!("something was added after its end ({cut})"));
        }
        let mut from = 0;
        let mut played = MediaTime(0);
        for (n, part) in proof.parts.iter().enumerate() {
            let to = from + part.count as usize;
            let mut segment = self.part(part, n == 0, from..to.min(self.walk.fragments.len()));
            if to > self.walk.fragments.len() {
                let here = self.walk.fragments.len().saturating_sub(from) as u32;
                let what = "it and what follows it are missing: the export ends early".to_owned();
                segment.find(Some(part.first.saturating_add(here)), None, what);
            }
            if statement.as_ref().is_some_and(|s| s.stream != part.opening.stream) {
                segment.find(None, None, "it is of another stream than the export".to_owned());
            }
            if let Some(what) = self.order(from..to.min(self.walk.fragments.len()), &mut played) {
                segment.find(None, None, what);
            }
            report.segments.push(segment);
            from = to;
        }
        if from < self.walk.fragments.len() {
            let more = self.walk.fragments.len() - from;
            report.findings.push(Finding {
                fragment: None,
                time: None,
                what: format!("{more} fragments were added that are no part of it"),
            });
        }
        if let Some(last) = report.segments.last_mut() {
            self.foreign(last, 0);
        }
    }

    fn part(&mut self, part: &Part, is_first: bool, range: std::ops::Range<usize>) -> SegmentReport {
        let mut report = empty();
        (report.has_evidence, report.first) = (true, part.first);
        report.opening = Some(part.opening.clone());
        self.extent(&mut report, range.clone());
        if Digest::of(&part.init) != part.opening.init {
            report.find(None, None, "what it says of its codecs and tracks was altered".to_owned());
        }
        if is_first {
            self.init(&part.opening, &mut report);
        } else {
            // Another moment of making, the same formats: the first segment's init segment does for all.
            let same = scan::read_init(self.file)
                .ok()
                .zip(scan::read_init(part.init.as_slice()).ok())
                .is_some_and(|(a, b)| a.same_formats(&b));
            if !same {
                report.find(None, None, "its pictures are not of the format that the file says".to_owned());
            }
        }
        if part.first == 1 && part.before != part.opening.id() {
            report.find(None, None, "its chain does not begin with its opening".to_owned());
        }
        let claim = Claim {
            opening: &part.opening,
            head: Some(&part.head),
            first: part.first,
            before: part.before,
            shifts: &part.shifts,
            to_the_end: false,
        };
        self.segment(&claim, range, &mut report);
        report
    }

    /// In an export one segment begins where the one before ended: nothing is hidden behind anything. (Inside a segment
    /// the times are part of what is hashed.)
    fn order(&self, range: std::ops::Range<usize>, played: &mut MediaTime) -> Option<String> {
        let found = self.walk.fragments.get(range)?;
        let video = |found: &Found| {
            let n = self.indexes.binary_search_by_key(&found.data.end, FragmentIndex::end).ok()?;
            let video = self.indexes[n].track(TrackKind::Video)?;
            let at = i64::try_from(video.first_dts).unwrap_or(i64::MAX);
            Some((at, at.saturating_add(i64::try_from(video.duration).unwrap_or(i64::MAX))))
        };
        let (begins, _) = found.iter().find_map(video)?;
        let expected = std::mem::replace(played, MediaTime(found.iter().rev().find_map(video)?.1));
        let apart = begins.saturating_sub(expected.0).saturating_abs();
        (apart > MediaTime::HZ).then(|| "its place in the time of the export was altered".to_owned())
    }

    fn init(&mut self, opening: &Opening, report: &mut SegmentReport) {
        let Some((at, _)) = &self.walk.opening else { return };
        let mut hasher = DataHasher::default();
        let read = hash(self.file, 0..at.start, &mut hasher)
            .and_then(|()| hash(self.file, at.end..self.walk.init_end, &mut hasher));
        match read {
            Ok(()) if hasher.finish() == opening.init => {}
            Ok(()) => report.find(
                None,
                None,
                "what it says of its codecs and tracks at its beginning was altered".to_owned(),
            ),
            Err(error) => self.unreadable = Some(error.to_string()),
        }
    }

    fn foreign(&self, report: &mut SegmentReport, offset: u32) {
        for (after, what) in &self.walk.foreign {
            let fragment = u32::try_from(*after).ok().map(|n| n.saturating_add(1 + offset));
            let time = self.walk.fragments.get(*after).and_then(|f| f.wall);
            report.find(fragment, time, what.clone());
        }
    }

    /// Start, end and holes of some fragments.
    fn extent(&self, report: &mut SegmentReport, range: std::ops::Range<usize>) {
        let found = self.walk.fragments.get(range).unwrap_or_default();
        report.fragments = u32::try_from(found.len()).unwrap_or(u32::MAX);
        report.start = found.iter().find_map(|f| f.wall);
        let mut end: Option<WallTime> = None;
        let mut indexes = self.indexes.iter().peekable();
        for fragment in found {
            while indexes.next_if(|i| i.end() < fragment.data.end).is_some() {}
            let Some(index) = indexes.peek().filter(|i| i.end() == fragment.data.end) else { continue };
            let Some((wall, video)) = index.wall.zip(index.track(TrackKind::Video)) else { continue };
            if let Some(end) = end
                && wall.nanos_since(end) > HOLE_NANOS
            {
                let reason = Some(GapReason::StreamDiscontinuity);
                report.holes.push(Gap { start: end, end: wall, reason });
            }
            let ticks = i64::try_from(video.duration).unwrap_or(0);
            end = Some(wall.plus_nanos(MediaTime(ticks).as_nanos()));
        }
        report.end = end;
    }

    /// The signature of a head; the statement when it can be believed.
    fn signature(
        &self,
        head: &Head,
        opening: Option<&Opening>,
        report: &mut SegmentReport,
    ) -> Option<Statement> {
        report.key = Some(head.signed.key.clone());
        let Some(statement) = head.statement() else {
            report.find(None, None, "what the box signed was altered".to_owned());
            return None;
        };
        if !head.signed.is_sound() || statement.key != head.signed.key.fingerprint() {
            report.find(
                None,
                None,
                "the signature is not valid: what was signed, or the signature, was altered".to_owned(),
            );
            return None;
        }
        if let Some(trust) = self.trust.filter(|t| **t != head.signed.key) {
            let what = format!(
                "it was sealed by another box, with key {}, and not with {}",
                statement.key,
                trust.fingerprint()
            );
            report.find(None, None, what);
            return None;
        }
        if let Some(opening) = opening {
            let same = opening.stream == statement.stream
                && opening.start == statement.start
                && opening.source == statement.source
                && opening.key == statement.key
                && opening.id() == statement.opening;
            if !same {
                report.find(None, None, "its opening is not the one that the box signed".to_owned());
                return None;
            }
        }
        Some(statement)
    }

    fn segment(&mut self, claim: &Claim<'_>, range: std::ops::Range<usize>, report: &mut SegmentReport) {
        let found: &[Found] = self.walk.fragments.get(range).unwrap_or_default();
        let mut hashes = Vec::with_capacity(found.len());
        for fragment in found {
            match self.data(fragment, claim.shifts) {
                Ok(hash) => hashes.push(hash),
                Err(error) => {
                    self.unreadable = Some(format!("byte {} cannot be read: {error}", fragment.data.start));
                    return;
                }
            }
        }
        let statement = claim.head.and_then(|h| self.signature(h, Some(claim.opening), report));
        let truth = match (&statement, claim.head) {
            (Some(statement), Some(head)) => self.truth(claim, statement, head, found, &hashes, report),
            _ => None,
        };
        match &truth {
            Some(truth) => compare(claim, found, &hashes, truth, report),
            None => by_seals(claim, found, &hashes, report),
        }
        if statement.is_some() && truth.is_none() && report.findings.is_empty() {
            report.find(None, None, "its fragments do not lead to what the box signed".to_owned());
        }
        if let Some(statement) = &statement
            && report.findings.is_empty()
        {
            if report.first == 1 {
                report.start = Some(statement.start);
            }
            if report.first.saturating_add(report.fragments) > statement.fragments {
                report.end = Some(statement.end);
            }
        }
        report.statement = statement;
    }

    /// The leaves that lead to the signed chain: those in the head, or else those of the fragments' own seals.
    fn truth(
        &self,
        claim: &Claim<'_>,
        statement: &Statement,
        head: &Head,
        found: &[Found],
        hashes: &[Digest],
        report: &mut SegmentReport,
    ) -> Option<Vec<Digest>> {
        let expected = statement.fragments.checked_sub(claim.first.wrapping_sub(1)).map(|n| n as usize);
        let leads = |leaves: &[Digest]| {
            Some(leaves.len()) == expected && chain_over(claim.before, leaves) == statement.chain
        };
        if leads(&head.leaves) {
            return Some(head.leaves.clone());
        }
        report.find(None, None, "the list of its fragments in its seal was altered".to_owned());
        let of_seals: Vec<Digest> = found.iter().filter_map(|f| f.seal.map(|s| s.leaf())).collect();
        if leads(&of_seals) {
            return Some(of_seals);
        }
        let actual: Vec<Digest> = found.iter().zip(hashes).filter_map(|(f, h)| actual_leaf(f, h)).collect();
        leads(&actual).then_some(actual)
    }

    fn data(&self, found: &Found, shifts: &[Shift]) -> io::Result<Digest> {
        let mut hasher = DataHasher::default();
        let mut from = found.data.start;
        if !shifts.is_empty() && found.header <= MOST_HEADER {
            let mut header = read_exact_at(self.file, from, found.header as usize)?.to_vec();
            // A header whose times cannot be moved is hashed as it is, and found altered.
            let _ = export::shift(&mut header, shifts, true);
            hasher.update(&header);
            from += found.header;
        }
        hash(self.file, from..found.data.end, &mut hasher)?;
        Ok(hasher.finish())
    }
}

/// Hashes a range of a file.
pub(crate) fn hash<R: ReadAt + ?Sized>(
    file: &R,
    range: std::ops::Range<u64>,
    hasher: &mut DataHasher,
) -> io::Result<()> {
    let mut at = range.start;
    while at < range.end {
        let bytes = read_exact_at(file, at, (range.end - at).min(READ) as usize)?;
        hasher.update(&bytes);
        at += bytes.len() as u64;
    }
    Ok(())
}

/// What a fragment puts into the chain as it lies there; `None` without a seal.
fn actual_leaf(found: &Found, hash: &Digest) -> Option<Digest> {
    found.seal.map(|s| leaf(s.number, hash, &s.mac))
}

fn empty() -> SegmentReport {
    SegmentReport {
        opening: None,
        statement: None,
        key: None,
        first: 1,
        fragments: 0,
        start: None,
        end: None,
        findings: Vec::new(),
        holes: Vec::new(),
        has_evidence: false,
    }
}

impl SegmentReport {
    pub(crate) fn find(&mut self, fragment: Option<u32>, time: Option<WallTime>, what: String) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { fragment, time, what });
        }
    }
}

/// Against the leaves that the box signed.
fn compare(
    claim: &Claim<'_>,
    found: &[Found],
    hashes: &[Digest],
    truth: &[Digest],
    report: &mut SegmentReport,
) {
    let places: HashMap<&Digest, usize> = truth.iter().enumerate().map(|(n, l)| (l, n)).collect();
    let number = |place: usize| claim.first.saturating_add(u32::try_from(place).unwrap_or(u32::MAX));
    let actual: Vec<Option<Digest>> = found.iter().zip(hashes).map(|(f, h)| actual_leaf(f, h)).collect();
    let place_of = |n: usize| actual.get(n).copied().flatten().and_then(|l| places.get(&l).copied());
    let mut chain = claim.before;
    let links: Vec<Digest> = truth
        .iter()
        .map(|leaf| {
            chain = link(&chain, leaf);
            chain
        })
        .collect();
    let mut place = 0;
    for (n, fragment) in found.iter().enumerate() {
        match place_of(n) {
            Some(p) if p == place => {
                // What the leaf does not hold: the seal's own copy of the hash, and the link.
                let own = fragment.seal.is_none_or(|s| s.data == hashes[n] && s.chain == links[p]);
                if !own {
                    let what = "its seal was altered; its content is as it was recorded".to_owned();
                    report.find(Some(number(place)), fragment.wall, what);
                }
                place += 1;
            }
            Some(p) if p > place => {
                let what = if p == place + 1 {
                    format!("it is missing: fragment {} follows at once", number(p))
                } else {
                    format!("it and the others up to {} are missing", number(p - 1))
                };
                report.find(Some(number(place)), fragment.wall, what);
                place = p + 1;
            }
            Some(p) => {
                let what = format!("fragment {} stands there again, or out of its order", number(p));
                report.find(Some(number(place)), fragment.wall, what);
            }
            None if place_of(n + 1) == Some(place) || place >= truth.len() => {
                let what = "a fragment that the box did not record was put before it".to_owned();
                report.find(Some(number(place)), fragment.wall, what);
            }
            None => {
                let at = number(place);
                report.find(Some(at), fragment.wall, altered(fragment, &hashes[n], at).to_owned());
                place += 1;
            }
        }
    }
    if claim.to_the_end && place < truth.len() {
        let what =
            format!("it and the others up to {} are missing: the end was cut off", number(truth.len() - 1));
        report.find(Some(number(place)), None, what);
    }
}

fn altered(found: &Found, hash: &Digest, number: u32) -> &'static str {
    match found.seal {
        None => "its seal was removed or altered",
        Some(seal) if seal.data != *hash => "its content was altered",
        Some(seal) if seal.number != number => "its number was altered",
        Some(_) => "its seal was altered",
    }
}

/// Without anything signed: whether the seals agree with the fragments and with one another.
fn by_seals(claim: &Claim<'_>, found: &[Found], hashes: &[Digest], report: &mut SegmentReport) {
    let mut chain = claim.before;
    let mut number = claim.first;
    for (fragment, hash) in found.iter().zip(hashes) {
        match fragment.seal {
            None => report.find(Some(number), fragment.wall, "its seal was removed or altered".to_owned()),
            Some(seal) => {
                if seal.number != number {
                    let what = format!("fragment {} stands in its place", seal.number);
                    report.find(Some(number), fragment.wall, what);
                } else if seal.data != *hash {
                    report.find(Some(number), fragment.wall, "its content was altered".to_owned());
                } else if link(&chain, &seal.leaf()) != seal.chain {
                    let what =
                        "its seal does not follow the one before: one of the two was altered".to_owned();
                    report.find(Some(number), fragment.wall, what);
                }
                // From here on by its own word, so that one alteration is one finding.
                chain = seal.chain;
                number = seal.number;
            }
        }
        number = number.saturating_add(1);
    }
}
