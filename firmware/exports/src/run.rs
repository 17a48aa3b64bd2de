//! Writing one export, from where it is to its end.
//!
//! ```text
//!  for each part: plan ─> local header ─> bytes (paced, hashed) ─> every 32 MiB: sync, then the row ─> CRC into the header
//!  all parts: manifest, signatures, page, central directory ─> read all of it back, compare ─> rename ─> done
//! ```

use crate::ExportError;
use crate::footage::{Missing, Part, PartSpan, Wanted};
use crate::house::{Halt, House};
use crate::job::{Export, ExportFormat, ExportedFile};
use crate::manifest::small_files;
use crate::output::Output;
use crate::pace::{LOOK_AGAIN, Pace};
use crate::plan::{file_name, whole_millis};
use crate::recorded::footage_is_gone;
use crate::room::{human, least_free};
use crate::shelf::{self, Shelf};
use crate::table::{self, PartInfo, PartRow, PartState};
use crate::zip::{self, Entry};
use heron_core::{StreamKey, WallTime};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

/// Bytes read and written at a time.
const CHUNK: u64 = 1 << 20;
/// A checkpoint after so many bytes: a second or two at the usual rate; what a crash makes it write again.
const CHECKPOINT: u64 = 32 << 20;
/// Or after so much time.
const CHECKPOINT_TIME: Duration = Duration::from_secs(2);
/// Footage of the last moments may still grow: a fragment is a second, a tick and a sync one more.
const SETTLED: Duration = Duration::from_secs(10);
/// How long it waits for retention to make room.
const ROOM_PATIENCE: Duration = Duration::from_secs(60);
/// Times a part is planned anew because footage went away beneath it. Retention takes the oldest first and the files of a
/// part are held open, so once is rare.
const TRIES: usize = 3;
/// Stretches of one file that are listed; an hour with a gap every two seconds has as many.
const MOST_SPANS: usize = 2000;
/// Holes shorter than this are between two pictures.
const LEAST_GAP_NANOS: i64 = 1_000_000_000;

/// One export being written.
pub(crate) struct Run<'h> {
    house: &'h House,
    pub(crate) export: Export,
    parts: Vec<PartRow>,
    shelf: Shelf,
    reserve: u64,
    out: Output,
    name: String,
    pace: Pace,
    saved: Instant,
}

impl<'h> Run<'h> {
    /// Opens what there is of the export on `shelf`, whose volume keeps `reserve` bytes free.
    pub(crate) fn open(
        house: &'h House,
        export: Export,
        shelf: Shelf,
        reserve: u64,
    ) -> Result<Self, ExportError> {
        let mut parts = house.store.read_blocking(|c| table::parts(c, export.id))?;
        let all_done = parts.iter().all(|p| p.state == PartState::Done);
        let finished = shelf::finished(export.id, export.request.format);
        // Between renaming and the last row the box may have stopped.
        let renamed = all_done && shelf.read(&finished)?.is_some();
        let name = if renamed { finished } else { shelf::unfinished(export.id) };
        let out = Output::new(shelf.write(&name)?, shelf.path(&name))?;
        if out.at() < parts.iter().map(|p| end_of(&export, p)).max().unwrap_or(0) {
            // Not the file that the rows speak of: the disk lost it, or it is another disk.
            for part in &mut parts {
                forget(part);
            }
        }
        let pace = Pace::new(house.clock.monotonic(), house.footage.pressure());
        Ok(Self { house, export, parts, shelf, reserve, out, name, pace, saved: Instant::now() })
    }

    /// Writes what is missing. The export is done when this returns `Ok`; otherwise what is written is noted, for resuming.
    pub(crate) fn go(&mut self) -> Result<(), Halt> {
        let done = self.all();
        if matches!(done, Err(Halt::ShutDown | Halt::Failed(_)))
            && let Some(n) = self.parts.iter().position(|p| p.state == PartState::Open)
            && self.out.sync().is_ok()
        {
            self.save(Some(n));
        }
        done
    }

    fn all(&mut self) -> Result<(), Halt> {
        let unsettled = (self.export.request.end + SETTLED).saturating_since(self.house.clock.now());
        self.house.rest(unsettled.min(SETTLED))?;
        self.export.bytes_checked = 0;
        for n in 0..self.parts.len() {
            if self.parts[n].state != PartState::Done {
                self.part(n)?;
            }
        }
        if self.parts.iter().all(|p| p.bytes == 0) {
            return Err(ExportError::NothingRecorded.into());
        }
        let footage_end = self.parts.iter().map(|p| end_of(&self.export, p)).max().unwrap_or(0);
        self.out.cut(footage_end)?;
        if self.export.request.format == ExportFormat::Zip {
            self.tail()?;
        }
        self.out.sync()?;
        self.export.bytes_total = self.out.at();
        self.export.bytes_done = self.out.at();
        self.save(None);
        let sha256 = self.read_back()?;
        let finished = shelf::finished(self.export.id, self.export.request.format);
        if self.name != finished {
            self.shelf.rename(&self.name, &finished)?;
        }
        self.export.file =
            Some(ExportedFile { name: file_name(&self.export.request), bytes: self.out.at(), sha256 });
        Ok(())
    }

    /// Waits for its share of the disk, for `bytes`.
    fn breathe(&mut self, bytes: u64) -> Result<(), Halt> {
        self.house.may_go_on()?;
        while self.pace.must_stand(self.house.footage.pressure()) {
            self.house.rest(LOOK_AGAIN)?;
        }
        let wait = self.pace.take(self.house.clock.monotonic(), bytes, self.house.rate());
        if wait.is_zero() { Ok(()) } else { self.house.rest(wait) }
    }

    /// Waits until `bytes` can be written without touching what recording needs.
    fn wait_for_room(&self, bytes: u64) -> Result<(), Halt> {
        let until = Instant::now() + ROOM_PATIENCE;
        loop {
            let free = self.shelf.free()?;
            if free >= least_free(self.reserve).saturating_add(bytes) {
                return Ok(());
            }
            if Instant::now() >= until {
                let why = format!(
                    "the volume has {} free, of which {} are kept for recording; delete exports or footage, then resume",
                    human(free),
                    human(self.reserve)
                );
                return Err(ExportError::NoRoom { needed: human(bytes), why }.into());
            }
            self.house.rest(LOOK_AGAIN)?;
        }
    }

    fn part(&mut self, n: usize) -> Result<(), Halt> {
        for _ in 1..TRIES {
            match self.try_part(n) {
                Err(Halt::Failed(error)) if footage_is_gone(&error) => {
                    tracing::info!(export = %self.export.id, %error, "footage went away; the file is planned anew");
                    self.house.rest(LOOK_AGAIN)?;
                }
                other => return other,
            }
        }
        self.try_part(n)
    }

    fn try_part(&mut self, n: usize) -> Result<(), Halt> {
        let plan = self.parts[n].plan.clone();
        let camera = self.export.request.cameras[plan.camera].id;
        let stream = StreamKey::new(camera, self.export.request.stream);
        let evidence = self.export.request.evidence;
        let wanted = Wanted { stream, start: plan.start, end: plan.end, evidence };
        let part = self.house.footage.part(&wanted)?;
        let before = (self.parts[n].state == PartState::Open).then_some(self.parts[n].bytes);
        if before.is_some_and(|bytes| part.as_ref().map_or(0, |p| p.bytes()) < bytes) {
            let name = &self.export.request.cameras[plan.camera].name;
            let remark = format!(
                "Footage of {name} between {} and {} was deleted while it was being exported.",
                plan.start, plan.end
            );
            if !self.export.remarks.contains(&remark) {
                self.export.remarks.push(remark);
            }
        }
        let Some(part) = part else {
            self.out.cut(self.start_of(n))?;
            forget(&mut self.parts[n]);
            let gaps = self.gaps(stream, plan.start, plan.end, &[])?;
            self.finish_part(n, PartInfo { gaps, ..PartInfo::default() });
            return Ok(());
        };
        let header = match self.export.request.format {
            ExportFormat::Zip => zip::local_header(&plan.name, part.bytes(), 0, self.export.created),
            ExportFormat::Mp4 => Vec::new(),
        };
        let mut sums = match self.resumed(n, part.as_ref(), header.len() as u64)? {
            Some(sums) => sums,
            None => {
                let at = self.start_of(n);
                self.out.cut(at)?;
                self.out.append(&header)?;
                let row = &mut self.parts[n];
                forget(row);
                (row.state, row.at) = (PartState::Open, at);
                (row.bytes, row.etag) = (part.bytes(), part.etag());
                self.save(Some(n));
                Sums::default()
            }
        };
        self.copy(n, part.as_ref(), &mut sums)?;
        let row = &mut self.parts[n];
        (row.crc, row.sha256) = (sums.crc.finalize(), Some(hex::encode(sums.sha.finalize())));
        if !header.is_empty() {
            let (at, bytes) = zip::crc_patch(row.at, row.crc);
            self.out.patch(at, &bytes)?;
        }
        self.out.sync()?;
        part.finished();
        let mut spans = part.spans();
        spans.truncate(MOST_SPANS);
        spans.iter_mut().for_each(|s| s.wall = whole_millis(s.wall));
        let gaps = self.gaps(stream, plan.start, plan.end, &spans)?;
        self.finish_part(n, PartInfo { spans, gaps, evidence: part.evidence() });
        Ok(())
    }

    fn finish_part(&mut self, n: usize, info: PartInfo) {
        let row = &mut self.parts[n];
        (row.state, row.info, row.done) = (PartState::Done, info, row.bytes);
        self.save(Some(n));
    }

    /// Copies the rest of a part.
    fn copy(&mut self, n: usize, part: &dyn Part, sums: &mut Sums) -> Result<(), Halt> {
        let total = part.bytes();
        let mut room = 0;
        while self.parts[n].done < total {
            let from = self.parts[n].done;
            let to = total.min(from + CHUNK);
            if room < to - from {
                self.wait_for_room(CHECKPOINT)?;
                room = CHECKPOINT;
            }
            self.breathe(to - from)?;
            let bytes = part.read(from..to)?;
            self.write(&bytes)?;
            sums.add(&bytes);
            room -= to - from;
            (self.parts[n].done, self.parts[n].crc) = (to, sums.crc.clone().finalize());
            if self.out.unsynced() >= CHECKPOINT || self.saved.elapsed() >= CHECKPOINT_TIME {
                let begun = Instant::now();
                self.out.sync()?;
                self.pace.synced(begun.elapsed());
                self.save(Some(n));
            }
        }
        Ok(())
    }

    /// Writes, waiting for retention when the volume is full.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Halt> {
        match self.out.append(bytes) {
            Err(error) if error.is_full() => {
                self.wait_for_room(CHECKPOINT)?;
                Ok(self.out.append(bytes)?)
            }
            other => Ok(other?),
        }
    }

    /// Where a part begins: at the end of the one before it.
    fn start_of(&self, n: usize) -> u64 {
        self.parts[..n].iter().map(|p| end_of(&self.export, p)).max().unwrap_or(0)
    }

    /// The sums of what is there of a part, when it is of the same plan and is what was written.
    fn resumed(&mut self, n: usize, part: &dyn Part, header: u64) -> Result<Option<Sums>, Halt> {
        let row = self.parts[n].clone();
        let same = row.state == PartState::Open
            && row.etag == part.etag()
            && row.bytes == part.bytes()
            && row.at == self.start_of(n);
        if !same || self.out.at() < row.at + header + row.done {
            return Ok(None);
        }
        let mut sums = Sums::default();
        let mut buffer = vec![0; CHUNK as usize];
        let mut at = 0;
        while at < row.done {
            let step = CHUNK.min(row.done - at);
            self.breathe(step)?;
            let buffer = &mut buffer[..step as usize];
            self.out.read(row.at + header + at, buffer)?;
            sums.add(buffer);
            at += step;
        }
        self.out.forget(row.at, row.at + header + row.done);
        if sums.crc.clone().finalize() != row.crc {
            tracing::warn!(export = %self.export.id, part = row.plan.name, "what was written is not there; it is written anew");
            return Ok(None);
        }
        self.out.cut(row.at + header + row.done)?;
        Ok(Some(sums))
    }

    /// What is missing of a part: the holes in what is there, with the ledger's reasons.
    fn gaps(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
        spans: &[PartSpan],
    ) -> Result<Vec<Missing>, ExportError> {
        let ledger = self.house.footage.gaps(stream, start, end)?;
        let missing = holes(start, end, spans).into_iter().flat_map(|(from, to)| reasons(from, to, &ledger));
        // As they are written: after a restart they are read back.
        let whole = |m: Missing| Missing { start: whole_millis(m.start), end: whole_millis(m.end), ..m };
        Ok(missing.map(whole).collect())
    }

    /// Everything after the footage of a ZIP.
    fn tail(&mut self) -> Result<(), Halt> {
        let created = self.export.created;
        let mut entries: Vec<Entry> = self
            .parts
            .iter()
            .filter(|p| p.sha256.is_some())
            .map(|p| Entry { name: p.plan.name.clone(), bytes: p.bytes, crc: p.crc, at: p.at })
            .collect();
        let house = self.house;
        let files = small_files(&self.export, &self.parts, &house.identity, house.signer.as_deref())?;
        for (name, bytes) in files {
            let entry = Entry {
                name: name.to_owned(),
                bytes: bytes.len() as u64,
                crc: crc32fast::hash(&bytes),
                at: self.out.at(),
            };
            let mut whole = zip::local_header(name, entry.bytes, entry.crc, created);
            whole.extend_from_slice(&bytes);
            self.write(&whole)?;
            entries.push(entry);
        }
        let directory = zip::directory(&entries, self.out.at(), created);
        self.write(&directory)
    }

    /// Reads the whole file, compares the footage with what was written, and answers the file's SHA-256.
    fn read_back(&mut self) -> Result<String, Halt> {
        self.out.forget(0, self.out.at());
        let mut sha = Sha256::new();
        let mut buffer = vec![0; CHUNK as usize];
        let mut parts: Vec<(u64, u64, u32)> = self
            .parts
            .iter()
            .filter(|p| p.bytes > 0)
            .map(|p| (end_of(&self.export, p) - p.bytes, end_of(&self.export, p), p.crc))
            .collect();
        parts.reverse();
        let mut crc = crc32fast::Hasher::new();
        let mut at = 0;
        while at < self.out.at() {
            // Never over the beginning or the end of a part, so that each has its own sum.
            let edge = parts.last().map_or(u64::MAX, |(from, to, _)| if at < *from { *from } else { *to });
            let step = CHUNK.min(self.out.at() - at).min(edge - at);
            self.breathe(step)?;
            let bytes = &mut buffer[..step as usize];
            self.out.read(at, bytes)?;
            sha.update(&*bytes);
            at += step;
            if let Some((from, to, expected)) = parts.last().copied()
                && at > from
            {
                crc.update(bytes);
                if at == to {
                    if std::mem::take(&mut crc).finalize() != expected {
                        let path = self.shelf.path(&self.name);
                        // What is there is not to be trusted: a resumed export begins anew.
                        self.parts.iter_mut().for_each(forget);
                        self.save_all();
                        return Err(ExportError::ReadBack(path).into());
                    }
                    parts.pop();
                }
            }
            self.export.bytes_checked = at;
            if self.saved.elapsed() >= CHECKPOINT_TIME {
                self.out.forget(0, at);
                self.save(None);
            }
        }
        self.out.forget(0, at);
        Ok(hex::encode(sha.finalize()))
    }

    /// Writes the export's row and that of a part. A database that does not take it costs work after a crash, no more.
    fn save(&mut self, part: Option<usize>) {
        self.saved = Instant::now();
        self.export.bytes_done = self.out.at();
        let planned = |p: &PartRow| if p.state == PartState::Waiting { p.estimate } else { p.bytes };
        let all: u64 = self.parts.iter().map(planned).sum();
        self.export.bytes_total = all.max(self.out.at());
        let (export, part) = (self.export.clone(), part.map(|n| self.parts[n].clone()));
        let saved = self.house.store.write_blocking(move |tx| {
            table::update(tx, &export)?;
            part.map_or(Ok(()), |p| table::update_part(tx, export.id, &p))
        });
        if let Err(error) = saved {
            tracing::warn!(export = %self.export.id, %error, "how far the export is could not be noted");
        }
    }

    fn save_all(&mut self) {
        let (id, parts) = (self.export.id, self.parts.clone());
        let saved = self
            .house
            .store
            .write_blocking(move |tx| parts.iter().try_for_each(|p| table::update_part(tx, id, p)));
        if let Err(error) = saved {
            tracing::warn!(export = %id, %error, "how far the export is could not be noted");
        }
    }
}

/// The sums of a part's bytes so far.
#[derive(Default)]
struct Sums {
    crc: crc32fast::Hasher,
    sha: Sha256,
}

impl Sums {
    fn add(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.sha.update(bytes);
    }
}

/// Back to before it was planned.
fn forget(row: &mut PartRow) {
    (row.state, row.at, row.bytes, row.done, row.crc) = (PartState::Waiting, 0, 0, 0, 0);
    (row.etag, row.sha256, row.info) = (String::new(), None, PartInfo::default());
}

/// Where a part's bytes end in the file, as far as they are written; zero for one that has not begun.
fn end_of(export: &Export, p: &PartRow) -> u64 {
    if p.state == PartState::Waiting || p.bytes == 0 {
        return 0;
    }
    let header = match export.request.format {
        ExportFormat::Zip => zip::local_header(&p.plan.name, p.bytes, 0, export.created).len() as u64,
        ExportFormat::Mp4 => 0,
    };
    p.at + header + p.done
}

/// The stretches of `start..end` that no span covers.
fn holes(start: WallTime, end: WallTime, spans: &[PartSpan]) -> Vec<(WallTime, WallTime)> {
    let mut sorted: Vec<(WallTime, WallTime)> =
        spans.iter().map(|s| (s.wall, s.wall.plus_nanos(s.ms.saturating_mul(1_000_000)))).collect();
    sorted.sort_unstable();
    let mut holes = Vec::new();
    let mut until = start;
    for (from, to) in sorted.into_iter().chain([(end, end)]) {
        if from.nanos_since(until) >= LEAST_GAP_NANOS {
            holes.push((until, from));
        }
        until = until.max(to);
    }
    holes
}

/// A hole, cut where the ledger's reason changes. What the ledger does not speak of is not available: it was never recorded,
/// or retention has deleted it.
fn reasons(from: WallTime, to: WallTime, ledger: &[Missing]) -> Vec<Missing> {
    let mut out: Vec<Missing> = Vec::new();
    let mut until = from;
    for gap in ledger {
        let (start, end) = (gap.start.max(until), gap.end.min(to));
        if start >= end {
            continue;
        }
        if start.nanos_since(until) >= LEAST_GAP_NANOS {
            out.push(Missing { start: until, end: start, reason: NOT_AVAILABLE.into() });
        }
        let start = if start.nanos_since(until) < LEAST_GAP_NANOS { until } else { start };
        out.push(Missing { start, end, reason: gap.reason.clone() });
        until = end;
    }
    match out.last_mut() {
        // Crumbs belong to what is before them.
        Some(last) if to.nanos_since(until) < LEAST_GAP_NANOS => last.end = to,
        _ if to > until => out.push(Missing { start: until, end: to, reason: NOT_AVAILABLE.into() }),
        _ => {}
    }
    out
}

/// The reason of a hole that the ledger says nothing of.
const NOT_AVAILABLE: &str = "not_available";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> WallTime {
        WallTime::from_millis(s * 1000)
    }

    fn span(from: i64, to: i64) -> PartSpan {
        PartSpan { at_ms: 0, wall: at(from), ms: (to - from) * 1000 }
    }

    fn gap(from: i64, to: i64, reason: &str) -> Missing {
        Missing { start: at(from), end: at(to), reason: reason.into() }
    }

    #[test]
    fn holes_are_what_no_span_covers() {
        let of = |spans: &[PartSpan]| holes(at(0), at(100), spans);
        assert_eq!(of(&[]), [(at(0), at(100))]);
        assert_eq!(of(&[span(0, 100)]), []);
        // Overlapping, out of order: a clock that was set back.
        assert_eq!(of(&[span(50, 80), span(10, 60)]), [(at(0), at(10)), (at(80), at(100))]);
        assert_eq!(
            of(&[span(0, 50), PartSpan { at_ms: 0, wall: at(50).plus_nanos(40_000_000), ms: 50_000 }]),
            []
        );
    }

    #[test]
    fn reasons_are_the_ledgers_and_nothing_is_guessed() {
        let ledger = [gap(10, 20, "restart"), gap(20, 30, "camera_unreachable"), gap(60, 70, "disabled")];
        assert_eq!(
            reasons(at(10), at(30), &ledger),
            [gap(10, 20, "restart"), gap(20, 30, "camera_unreachable")]
        );
        assert_eq!(reasons(at(40), at(50), &ledger), [gap(40, 50, NOT_AVAILABLE)]);
        assert_eq!(
            reasons(at(0), at(100), &ledger),
            [
                gap(0, 10, NOT_AVAILABLE),
                gap(10, 20, "restart"),
                gap(20, 30, "camera_unreachable"),
                gap(30, 60, NOT_AVAILABLE),
                gap(60, 70, "disabled"),
                gap(70, 100, NOT_AVAILABLE)
            ]
        );
    }
}
