//! Footage that a camera kept on its own card while it could not be reached, fetched afterwards and put where it is missing.
//!
//! Whoever speaks to the camera asks [`Recorder::holes`] what is missing, fetches it, and pushes the access units in order
//! of time into a [`Backfill`]. Only what falls into a hole is kept: what is recorded already is passed over by its time,
//! so that fetching twice stores once. The files say in their name that they came afterwards ([`Origin::Backfill`]), so does
//! the timeline, and the ledger's gaps shrink to what is still missing.
//!
//! ## What is true
//! 1. A hole is filled from the key frame at or before its beginning (a picture needs it), so a backfilled file overlaps the
//!    footage before it by at most one group of pictures, and ends where the footage goes on.
//! 2. Nothing is deleted to make room for it: a volume that is full refuses.
//! 3. A crash costs the file that is being written and nothing else: its row is made when it is complete, and recovery
//!    finds a file without a row.
//! 4. It runs on the caller's thread, which blocks on the disk; recording has threads of its own.

use crate::RecordError;
use crate::catalogue::{self, Segment, SegmentState};
use crate::file::SegmentFile;
use crate::gap_rows;
use crate::layout::{Origin, SegmentPlace};
use crate::recorder::Recorder;
use crate::scribe::Note;
use crate::segmenter::{Output, Segmenter};
use crate::shared::{Shared, Volume};
use crate::summary;
use crate::timeline::Covered;
use crate::volume::Mount;
use heron_core::{AccessUnit, EventDraft, Severity, StreamKey, TrackKind, WallTime};
use heron_evidence::{Beginning, Ending, Sealer, Source};
use heron_media::mp4::{Fragment, TrackSpec};
use std::collections::VecDeque;
use std::sync::Arc;

/// A hole shorter than this is a lost picture, and not worth asking a camera for.
const LEAST_NANOS: i64 = 500_000_000;
/// The newest footage may not be written yet: a fragment of a second, a tick, and the sweep of a slow disk.
const UNSETTLED_NANOS: i64 = 10_000_000_000;
/// Longest range that is looked at for holes at once.
const LONGEST_NANOS: i64 = 32 * 86_400 * 1_000_000_000;
/// Most bytes of the group of pictures that is held until it is known whether a hole begins in it: 16 s of 32 Mbit/s.
const MOST_LEAD_BYTES: usize = 64 << 20;

/// A span without footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Where the footage before it ends.
    pub start: WallTime,
    /// Where the footage after it begins.
    pub end: WallTime,
}

/// What was filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Spans that are covered now, in order.
    pub spans: Vec<Hole>,
    /// Bytes written.
    pub bytes: u64,
    /// Access units that were passed over: they are recorded already, or no picture could be made of them.
    pub passed_over: u64,
}

/// A file being filled.
#[derive(Debug)]
struct Open {
    init: Vec<u8>,
    file: Option<SegmentFile>,
    segment: Segment,
    sealer: Option<Sealer>,
}

/// Takes fetched footage of one stream. Blocks on the disk. Dropping it without [`Backfill::finish`] gives up the file that
/// is not complete.
#[derive(Debug)]
pub struct Backfill {
    shared: Arc<Shared>,
    volume: Arc<Volume>,
    mount: Arc<Mount>,
    stream: StreamKey,
    holes: VecDeque<Hole>,
    segmenter: Segmenter,
    /// The group of pictures that the newest unit belongs to.
    lead: Vec<Arc<AccessUnit>>,
    lead_bytes: usize,
    /// Units of the hole at the front have been taken.
    inside: bool,
    open: Option<Open>,
    outputs: Vec<Output>,
    filled: Filled,
}

impl Recorder {
    /// Where footage of `stream` is missing between `start` and `end` (at most 32 days), in order; not the newest ten seconds.
    /// Blocks on the database.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] naming `end`, [`RecordError::Store`].
    pub fn holes(&self, stream: StreamKey, start: WallTime, end: WallTime) -> Result<Vec<Hole>, RecordError> {
        let shared = &self.shared;
        if end <= start || end.nanos_since(start) > LONGEST_NANOS {
            return Err(RecordError::invalid("end", "must be after start, and at most 32 days after it"));
        }
        let end = end.min(shared.clock.now().plus_nanos(-UNSETTLED_NANOS));
        let mut covered: Vec<Covered> = shared
            .store
            .read_blocking(|c| catalogue::covered(c, stream, start, end))?
            .into_iter()
            .map(|run| run.covered)
            .collect();
        // The row of a file that is being written says where it began.
        covered.extend(
            shared.live.lock().values().filter(|l| l.segment.stream == stream).map(|l| l.segment.covered()),
        );
        covered.sort_by_key(|c| c.start);
        Ok(between(&covered, start, end))
    }

    /// Begins to fill the holes of `stream` between `start` and `end`; `None` when there are none.
    ///
    /// # Errors
    /// As [`Recorder::holes`]; [`RecordError::Volume`] when no volume can be written.
    pub fn backfill(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
    ) -> Result<Option<Backfill>, RecordError> {
        let holes = self.holes(stream, start, end)?;
        if holes.is_empty() {
            return Ok(None);
        }
        let shared = Arc::clone(&self.shared);
        let volume = shared.best_volume(None);
        let Some((volume, mount)) = volume.and_then(|v| v.writable().map(|m| (v, m))) else {
            let path = shared.volumes.first().map(|v| v.config.path.clone()).unwrap_or_default();
            let problem = "no volume can be written; footage is fetched again when one can".to_owned();
            return Err(RecordError::Volume { path, problem });
        };
        Ok(Some(Backfill {
            shared,
            volume,
            mount,
            stream,
            holes: holes.into(),
            segmenter: Segmenter::new(0),
            lead: Vec::new(),
            lead_bytes: 0,
            inside: false,
            open: None,
            outputs: Vec::new(),
            filled: Filled::default(),
        }))
    }
}

/// What `covered` (in order of start) leaves out of `start..end`.
fn between(covered: &[Covered], start: WallTime, end: WallTime) -> Vec<Hole> {
    let mut holes = Vec::new();
    let mut at = start;
    for c in covered {
        if c.start > at {
            holes.push(Hole { start: at, end: c.start.min(end) });
        }
        at = at.max(c.end);
    }
    holes.push(Hole { start: at, end });
    holes.retain(|h| h.end.nanos_since(h.start) >= LEAST_NANOS);
    holes
}

impl Backfill {
    /// The holes that are not filled yet, in order: what to fetch next.
    pub fn holes(&self) -> impl Iterator<Item = Hole> + '_ {
        self.holes.iter().copied()
    }

    /// Takes the next unit, in order of time. Its `wall` is the camera's time, brought to the box's clock.
    ///
    /// # Errors
    /// [`RecordError::Io`] when the disk refuses: what is complete stays, the rest is missing still.
    pub fn push(&mut self, unit: Arc<AccessUnit>) -> Result<(), RecordError> {
        while let Some(hole) = self.holes.front().copied() {
            if unit.wall < hole.end {
                break;
            }
            self.leave()?;
        }
        let Some(hole) = self.holes.front().copied() else {
            self.filled.passed_over += 1;
            return Ok(());
        };
        let is_picture = unit.track() == TrackKind::Video;
        if !self.inside {
            if is_picture && unit.random_access {
                self.drop_lead();
            }
            if unit.wall < hole.start {
                self.hold(unit);
                return Ok(());
            }
            // The first picture in the hole: with what it is made from.
            self.inside = true;
            for held in std::mem::take(&mut self.lead) {
                self.segmenter.push(held, &mut self.outputs);
            }
            self.lead_bytes = 0;
        }
        self.segmenter.push(unit, &mut self.outputs);
        self.perform()
    }

    fn hold(&mut self, unit: Arc<AccessUnit>) {
        if self.lead_bytes + unit.payload.len() > MOST_LEAD_BYTES {
            self.drop_lead();
            self.filled.passed_over += 1;
            return;
        }
        self.lead_bytes += unit.payload.len();
        self.lead.push(unit);
    }

    fn drop_lead(&mut self) {
        self.filled.passed_over += self.lead.len() as u64;
        self.lead.clear();
        self.lead_bytes = 0;
    }

    /// The hole at the front is over.
    fn leave(&mut self) -> Result<(), RecordError> {
        self.holes.pop_front();
        self.drop_lead();
        if std::mem::take(&mut self.inside) {
            self.segmenter.finish(&mut self.outputs);
            self.segmenter.forget_connection();
            self.perform()?;
        }
        Ok(())
    }

    /// Completes what is open and says what was filled.
    ///
    /// # Errors
    /// As [`Backfill::push`].
    pub fn finish(mut self) -> Result<Filled, RecordError> {
        self.segmenter.finish(&mut self.outputs);
        self.perform()?;
        self.drop_lead();
        self.filled.passed_over += self.segmenter.passed_over;
        let seconds: f64 =
            self.filled.spans.iter().map(|s| s.end.saturating_since(s.start).as_secs_f64()).sum();
        if let (Some(first), Some(last)) = (self.filled.spans.first(), self.filled.spans.last()) {
            let text = format!(
                "{seconds:.0} s of the {} stream that were missing were fetched from the camera's own storage",
                self.stream.kind
            );
            let draft = EventDraft::new("recording.backfilled", Severity::Standard, first.start, "record")
                .camera(self.stream.camera)
                .end(last.end)
                .text(text)
                .detail(serde_json::json!({ "stream": self.stream.kind.as_str(), "seconds": seconds }));
            self.shared.events.tell(draft);
        }
        Ok(std::mem::take(&mut self.filled))
    }

    fn perform(&mut self) -> Result<(), RecordError> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let mut result = Ok(());
        for output in outputs.drain(..) {
            result = match output {
                Output::Open { start, init, tracks } => self.begin(start, init, &tracks),
                Output::Fragment(fragment) => {
                    let written = self.append(&fragment);
                    self.segmenter.recycle(fragment);
                    written
                }
                Output::Close => self.close(),
                // The camera's card has it not either: the ledger says so still.
                Output::Hole { .. } => Ok(()),
            };
            if result.is_err() {
                break;
            }
        }
        self.outputs = outputs;
        if result.is_err() {
            self.give_up();
            self.segmenter.abandon();
            self.segmenter.forget_connection();
        }
        result
    }

    fn io(&self, action: &'static str, e: std::io::Error) -> RecordError {
        RecordError::io(action, &self.volume.config.path, e)
    }

    fn begin(&mut self, start: WallTime, init: Vec<u8>, tracks: &[TrackSpec]) -> Result<(), RecordError> {
        let Some(format) = summary::format_of(tracks) else { return Ok(()) };
        let beginning = Beginning {
            stream: self.stream,
            source: Source::Backfill,
            start,
            number: 0,
            previous: None,
            made_from: None,
            gaps: Vec::new(),
        };
        let (sealer, init) = match &self.shared.notary {
            None => (None, init),
            Some(notary) => {
                let (sealer, init) = notary.begin(beginning, &init);
                (Some(sealer), init)
            }
        };
        let segment = Segment {
            id: self.shared.segment_id(),
            stream: self.stream,
            volume: self.mount.id,
            start,
            end: start,
            origin: Origin::Backfill,
            suffix: 0,
            bytes: 0,
            init_bytes: u32::try_from(init.len()).unwrap_or(u32::MAX),
            frames: 0,
            format,
            state: SegmentState::Closed,
            locked: false,
        };
        self.open = Some(Open { init, file: None, segment, sealer });
        Ok(())
    }

    fn append(&mut self, fragment: &Fragment) -> Result<(), RecordError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let payloads = || fragment.payloads.iter().map(|p| &p[..]);
        let whole = || std::iter::once(&fragment.header[..]).chain(payloads());
        let seal = open.sealer.as_ref().map(|sealer| sealer.next(whole()));
        let sealed = seal.as_ref().map(heron_evidence::Seal::to_box);
        let mut parts: Vec<&[u8]> = Vec::with_capacity(fragment.payloads.len() + 3);
        if open.file.is_none() {
            parts.push(&open.init);
        }
        parts.extend(sealed.iter().map(|s| &s[..]));
        parts.extend(whole());
        let written = (|| {
            let file = match &mut open.file {
                Some(file) => file,
                None => {
                    self.mount.still_there().map_err(std::io::Error::other)?;
                    let place = SegmentPlace { origin: Origin::Backfill, ..open.segment.place() };
                    let new = self.mount.create(place)?;
                    open.segment.suffix = new.place.suffix;
                    let file = open.file.insert(SegmentFile::new(new.file));
                    self.volume.syncer.begin(open.segment.id, file.handle(), new.folders);
                    file
                }
            };
            file.append(&parts)?;
            Ok(file.length())
        })();
        let length: u64 = written.map_err(|e| self.io("write fetched footage to", e))?;
        let Some(open) = &mut self.open else { return Ok(()) };
        if let (Some(sealer), Some(seal)) = (&mut open.sealer, &seal) {
            sealer.commit(seal);
        }
        self.filled.bytes += length - open.segment.bytes;
        open.segment.bytes = length;
        open.segment.frames = open.segment.frames.saturating_add(summary::frames_of(&fragment.index));
        open.segment.end = summary::end_of(&fragment.index).unwrap_or(open.segment.end);
        self.volume.syncer.grown(open.segment.id, length);
        Ok(())
    }

    fn close(&mut self) -> Result<(), RecordError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let Open { file: Some(mut file), mut segment, sealer, .. } = open else { return Ok(()) };
        let head = self.shared.notary.as_ref().zip(sealer.as_ref()).and_then(|(notary, sealer)| {
            notary.head(sealer, segment.end, Ending::Closed, self.shared.clock.now())
        });
        if let Some((head, _)) = head
            && let Err(error) = file.append(&[&head])
        {
            tracing::warn!(stream = %self.stream, %error, "a backfilled segment stays without its seal");
        }
        segment.bytes = file.length();
        self.volume.syncer.end(segment.id, file.length());
        let (start, end) = (segment.start, segment.end);
        self.shared.scribe.note(Note::Segment(Box::new(segment)));
        let (shared, stream) = (Arc::clone(&self.shared), self.stream);
        self.shared
            .store
            .write_blocking(move |tx| gap_rows::fill(tx, stream, start, end, &mut || shared.gap_id()))?;
        match self.filled.spans.last_mut() {
            Some(last) if start.nanos_since(last.end) < LEAST_NANOS => last.end = last.end.max(end),
            _ => self.filled.spans.push(Hole { start, end }),
        }
        Ok(())
    }

    /// The file that is not complete goes: what it holds would be fetched again.
    fn give_up(&mut self) {
        let Some(open) = self.open.take() else { return };
        if open.file.is_some() {
            self.volume.syncer.forget(open.segment.id);
            if let Err(error) = self.mount.unlink(&open.segment.place()) {
                tracing::warn!(stream = %self.stream, %error, "an unfinished backfilled file could not be removed");
            }
        }
    }
}

impl Drop for Backfill {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn s(seconds: i64) -> WallTime {
        WallTime(seconds * 1_000_000_000)
    }

    fn covered(spans: &[(i64, i64)]) -> Vec<Covered> {
        spans
            .iter()
            .map(|(a, b)| Covered { start: s(*a), end: s(*b), frame_nanos: 40_000_000, origin: Origin::Live })
            .collect()
    }

    #[test]
    fn holes_are_what_lies_between() {
        let holes = |spans: &[(i64, i64)]| -> Vec<(i64, i64)> {
            let found = between(&covered(spans), s(0), s(100));
            found.iter().map(|h| (h.start.0 / 1_000_000_000, h.end.0 / 1_000_000_000)).collect()
        };
        assert_eq!(holes(&[]), [(0, 100)]);
        assert_eq!(holes(&[(0, 100)]), []);
        assert_eq!(holes(&[(-5, 10), (20, 30), (25, 28), (40, 200)]), [(10, 20), (30, 40)]);
    }

    proptest! {
        /// Holes and footage together cover the range, and holes overlap no footage.
        #[test]
        fn holes_are_the_complement(mut spans in proptest::collection::vec((0i64..1000, 1i64..100), 0..30)) {
            spans.sort_unstable();
            let spans: Vec<_> = spans.into_iter().map(|(a, n)| (a, a + n)).collect();
            let holes = between(&covered(&spans), s(0), s(1000));
            for second in 0..1000 {
                let at = s(second).plus_nanos(500_000_000);
                let recorded = spans.iter().any(|(a, b)| s(*a) <= at && at < s(*b));
                let missing = holes.iter().any(|h| h.start <= at && at < h.end);
                prop_assert!(recorded != missing, "{second}");
            }
        }
    }
}
