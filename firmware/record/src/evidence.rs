//! Recording with evidence: what the recorder's threads need to seal segments, and to seal after a crash what it left.
//!
//! The formats and the proof are `heron-evidence`'s; here is when they are made and from what.

use crate::catalogue::{self, Segment};
use crate::gap_rows;
use crate::layout::{Origin, SegmentPlace};
use crate::ledger::Gap;
use crate::open_segment::Closed;
use crate::shared::Shared;
use crate::volume::Mount;
use heron_core::{StreamKey, WallTime};
use heron_evidence::{
    Beginning, DeclaredGap, Ending, MOST_GAPS, MacKey, Previous, Sealer, Signer, Source, Statement, previous,
    read_head, read_opening,
};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::sync::Arc;

/// Fragments that are hashed again when a crash left their segment open: files are synced twice a second, so three
/// fragments of half a second and more are all that a power cut can have left without their content.
const SUSPECTS: usize = 3;

/// Seals for the recorder. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Notary {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) mac_key: MacKey,
}

impl Notary {
    pub(crate) fn new(signer: Arc<dyn Signer>) -> Self {
        Self { mac_key: signer.mac_key(), signer }
    }

    /// Begins to seal a segment with init segment `init`; also gives the init segment with the opening in it.
    pub(crate) fn begin(&self, beginning: Beginning, init: &[u8]) -> (Sealer, Vec<u8>) {
        Sealer::begin(beginning, init, self.signer.as_ref(), &self.mac_key)
    }

    /// The head's box of a completed segment, and how the next one names it; `None` (said in the log) when the key
    /// cannot be used.
    pub(crate) fn head(
        &self,
        sealer: &Sealer,
        end: WallTime,
        ending: Ending,
        now: WallTime,
    ) -> Option<(Vec<u8>, Previous)> {
        match sealer.finish(end, ending, now, self.signer.as_ref()) {
            Ok((head, previous)) => Some((head.to_box(), previous)),
            Err(error) => {
                tracing::error!(%error, "a segment could not be sealed: the box's key does not sign");
                None
            }
        }
    }

    /// Seals what a crash left of a segment of this box: `bytes` are its whole fragments, `end` the end of its footage.
    /// Cuts off fragments at its end whose content a power cut did not let reach the disk. Returns whether the file was
    /// changed: then it has to be looked at again.
    pub(crate) fn seal_recovered(
        &self,
        mount: &Mount,
        place: &SegmentPlace,
        bytes: u64,
        end: WallTime,
        now: WallTime,
    ) -> std::io::Result<bool> {
        let file = mount.open_file(place, true)?;
        let resumed = Sealer::resume(&file, bytes, SUSPECTS, self.signer.as_ref(), &self.mac_key);
        let Some((sealer, sound)) = resumed.filter(|(s, _)| s.fragments() > 0) else { return Ok(false) };
        if sound < bytes {
            rustix::fs::ftruncate(&file, sound)?;
            rustix::fs::fdatasync(&file)?;
            // Its end is another one now: the caller looks again and comes back.
            return Ok(true);
        }
        let Some((head, _)) = self.head(&sealer, end, Ending::Recovered, now) else { return Ok(false) };
        if let Err(error) = std::os::unix::fs::FileExt::write_all_at(&file, &head, bytes) {
            let _ = rustix::fs::ftruncate(&file, bytes);
            return Err(error);
        }
        rustix::fs::fdatasync(&file)?;
        Ok(true)
    }
}

/// How what is made of a sealed segment is sealed itself.
#[derive(Debug)]
pub(crate) struct Derived<'a> {
    pub(crate) notary: &'a Notary,
    beginning: Beginning,
    end: WallTime,
    now: WallTime,
}

impl Notary {
    /// For the key frames of the segment in `file`. Reads and hashes all of it: the box puts its name only to what it has
    /// recorded itself and found whole. `None` for anything else; what is made of that has no seal.
    pub(crate) fn derived(&self, file: &File, now: WallTime) -> Option<Derived<'_>> {
        let report = heron_evidence::verify(file, Some(self.signer.public_key()));
        let whole = report.verdict() == heron_evidence::Verdict::Whole && report.unreadable.is_none();
        let segment = report.segments.into_iter().next().filter(|_| whole && report.export.is_none())?;
        let (opening, statement) = (segment.opening?, segment.statement?);
        let beginning = Beginning {
            stream: opening.stream,
            source: Source::Keys,
            start: opening.start,
            number: opening.number,
            previous: opening.previous,
            made_from: Some(statement.id()),
            gaps: opening.gaps,
        };
        Some(Derived { notary: self, beginning, end: statement.end, now })
    }
}

impl Derived<'_> {
    /// Begins; also gives the init segment to write.
    pub(crate) fn begin(&self, start: WallTime, init: &[u8]) -> (Sealer, Vec<u8>) {
        self.notary.begin(Beginning { start, ..self.beginning.clone() }, init)
    }

    /// The head's box, to be written at the end.
    pub(crate) fn head(&self, sealer: &Sealer) -> Option<Vec<u8>> {
        self.notary.head(sealer, self.end, Ending::Closed, self.now).map(|(head, _)| head)
    }
}

/// What is known of a stream's footage before its next segment.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    /// Its last segment before this start of the daemon; read when it is needed.
    last: Option<Segment>,
    previous: Option<Previous>,
    /// Ledger rows that ended lately, oldest first; at most [`MOST_GAPS`].
    gaps: VecDeque<DeclaredGap>,
    /// Where the footage ended.
    until: Option<WallTime>,
    number: u64,
}

impl Lineage {
    /// A row of the ledger was completed.
    pub(crate) fn missed(&mut self, gap: &Gap) {
        let Some(end) = gap.end else { return };
        if self.gaps.len() >= MOST_GAPS {
            self.gaps.pop_front();
        }
        self.gaps.push_back(DeclaredGap { start: gap.start, end, reason: gap.reason });
    }

    /// Of a stream that was taken from a disk that hung: its next segment has number `number`, and the one before was
    /// not sealed.
    pub(crate) fn after(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    /// Number of the next segment (or of the one that is being written, until it is completed).
    pub(crate) fn next_number(&self) -> u64 {
        self.number + 1
    }

    /// A segment was completed; `None` when it never was more than begun.
    pub(crate) fn closed(&mut self, closed: Option<Closed>) {
        if let Some(closed) = closed {
            (self.until, self.previous) = (Some(closed.end), closed.previous);
            self.number += 1;
        }
    }

    /// A segment was let go with its volume. When the volume is back, recovery has sealed it.
    pub(crate) fn let_go(&mut self, segment: Option<Segment>) {
        if let Some(segment) = segment {
            self.number += 1;
            self.last = Some(segment);
        }
    }

    /// What the segment that begins at `start` says of itself. `hole` is what the ledger knows of the hole that it ends.
    pub(crate) fn beginning(
        &mut self,
        shared: &Shared,
        stream: StreamKey,
        start: WallTime,
        hole: Option<Gap>,
    ) -> Beginning {
        if let Some(last) = self.last.take() {
            self.until = Some(last.end);
            self.previous = read_previous(shared, &last);
            self.number = self.previous.map_or(self.number, |p| p.number + 1);
        }
        let since = self.until;
        let before = |g: &&DeclaredGap| g.start < start && since.is_none_or(|s| g.end > s);
        let mut gaps: Vec<DeclaredGap> = self.gaps.iter().filter(before).copied().collect();
        gaps.extend(hole.map(|g| DeclaredGap { start: g.start, end: start, reason: g.reason }));
        self.gaps.clear();
        Beginning {
            stream,
            source: Source::Live,
            start,
            number: self.number,
            previous: self.previous,
            made_from: None,
            gaps,
        }
    }
}

/// How the next segment names `segment`, read from its file: two small reads on the volume's own thread, once per stream
/// and start.
fn read_previous(shared: &Shared, segment: &Segment) -> Option<Previous> {
    let mount = shared.volumes.iter().find_map(|v| v.mount().filter(|m| m.id == segment.volume))?;
    let file = mount.open_file(&segment.place(), false).ok()?;
    previous_of(&file)
}

fn previous_of(file: &File) -> Option<Previous> {
    let opening = read_opening(file)?;
    let head = read_head(file, file.metadata().ok()?.len())?;
    let statement: Statement = head.statement().filter(|s| s.opening == opening.id())?;
    head.signed.is_sound().then(|| previous(&opening, &statement))
}

/// Looks up the last recorded segment of every known stream, and the gaps since.
pub(crate) fn lineages(shared: &Shared) -> heron_store::Result<HashMap<StreamKey, Lineage>> {
    if shared.notary.is_none() {
        return Ok(HashMap::new());
    }
    shared.store.read_blocking(|c| {
        let mut lineages = HashMap::new();
        for stream in catalogue::streams(c)? {
            let mut last = catalogue::last_before(c, stream, WallTime(i64::MAX))?;
            // What was fetched afterwards is not in the line; a few tries are enough for a file or two of it.
            for _ in 0..8 {
                let Some(fetched) = last.as_ref().filter(|s| s.origin == Origin::Backfill) else { break };
                last = catalogue::last_before(c, stream, fetched.start.plus_nanos(-1))?;
            }
            let mut lineage = Lineage::default();
            if let Some(last) = last {
                for gap in gap_rows::overlapping(c, stream, last.end, WallTime(i64::MAX))? {
                    lineage.missed(&gap);
                }
                lineage.last = Some(last);
            }
            lineages.insert(stream, lineage);
        }
        Ok(lineages)
    })
}
