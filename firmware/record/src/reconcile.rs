//! Compares the files of a volume with the catalogue, a day at a time, and makes the catalogue true.
//!
//! Files are never deleted and never changed but for cutting off what follows the last whole fragment.

use crate::RecordError;
use crate::catalogue::{self, Segment, SegmentState};
use crate::evidence::Notary;
use crate::gap_rows;
use crate::inspect::{Finding, inspect};
use crate::layout::{self, RECORDINGS, SegmentPlace};
use crate::ledger::Gap;
use crate::lock_files;
use crate::report::FsckReport;
use crate::volume::Mount;
use heron_core::{GapReason, WallTime};
use heron_store::Store;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Only names; files are read when they have no row, or an open one.
    Names,
    /// Every file's structure.
    Files,
}

/// What reconciling needs.
pub(crate) struct Reconciler<'a> {
    pub(crate) store: &'a Store,
    pub(crate) mount: &'a Mount,
    pub(crate) depth: Depth,
    pub(crate) repair: bool,
    /// Closed segments that end after this are read too: their last second may not have reached the disk.
    pub(crate) doubt_after: Option<WallTime>,
    /// Seals what a crash left open, and the time that it is; `None`: it stays without a seal.
    pub(crate) notary: Option<(&'a Notary, WallTime)>,
    pub(crate) next_segment: &'a AtomicI64,
    pub(crate) next_gap: &'a AtomicI64,
    /// Segments that are being written at this moment.
    pub(crate) in_use: &'a dyn Fn(&SegmentPlace) -> bool,
}

/// Rows written in one transaction: 64 files are read in a tenth of a second on flash and in one on a hard disk, and after
/// that retention knows them.
const ROWS_AT_ONCE: usize = 64;

/// Changes for the catalogue.
#[derive(Default)]
struct Changes {
    put: Vec<Segment>,
    gaps: Vec<(heron_core::StreamKey, Gap)>,
    /// Rows of segments of which nothing reached the disk.
    remove: Vec<i64>,
    /// What the ledger called damaged and what is there again.
    healed: Vec<(heron_core::StreamKey, WallTime, WallTime)>,
}

/// What names and rows of a day say: files that must be looked into, with their rows, and rows without a file.
#[derive(Default)]
pub(crate) struct Compared {
    files: Vec<(SegmentPlace, PathBuf, Option<Segment>)>,
    missing: Vec<Segment>,
}

impl Reconciler<'_> {
    /// The days (UTC, `YYYY-MM-DD`) that have a folder, over all cameras; things that are not ours are noted.
    pub(crate) fn days(&self, report: &mut FsckReport) -> Result<BTreeSet<String>, RecordError> {
        let mut days = BTreeSet::new();
        for (camera, path) in list(&self.mount.root().join(RECORDINGS))? {
            if camera.parse::<heron_core::CameraId>().is_err() || !path.is_dir() {
                report.foreign(path, "it is not a camera's folder");
                continue;
            }
            for (day, path) in list(&path)? {
                if lock_files::is_ours(&day) {
                    continue;
                }
                match format!("{day}T00:00:00Z").parse::<WallTime>() {
                    Ok(at) if layout::day_name(at) == day && path.is_dir() => drop(days.insert(day)),
                    _ => report.foreign(path, "it is not a day's folder"),
                }
            }
        }
        Ok(days)
    }

    /// Compares one day.
    pub(crate) fn day(&self, day: &str, report: &mut FsckReport) -> Result<(), RecordError> {
        let compared = self.compare(day, report)?;
        self.carry_out(compared, report, &|| true)
    }

    /// Compares the names of one day with its rows. Quick; nothing may be deleted by retention meanwhile.
    pub(crate) fn compare(&self, day: &str, report: &mut FsckReport) -> Result<Compared, RecordError> {
        let mut rows = self.rows(day)?;
        let mut compared = Compared::default();
        for (camera, path) in list(&self.mount.root().join(RECORDINGS))? {
            if !path.is_dir() || camera.parse::<heron_core::CameraId>().is_err() {
                continue;
            }
            for (name, path) in list(&path.join(day))? {
                match SegmentPlace::parse(&camera, day, &name) {
                    Some(place) if (self.in_use)(&place) => drop(rows.remove(&place)),
                    Some(place) => {
                        report.files += 1;
                        let row = rows.remove(&place);
                        if !row.as_ref().is_some_and(|r| self.trusts(r)) {
                            compared.files.push((place, path, row));
                        }
                    }
                    None => report.foreign(path, "its name is not one that Heron gives"),
                }
            }
        }
        compared.missing = rows.into_values().filter(|row| !(self.in_use)(&row.place())).collect();
        compared.files.sort_by_key(|(place, ..)| (place.start_ms, *place));
        Ok(compared)
    }

    /// Looks into the files that were found, the oldest first, and writes what they say. `go_on` is asked each time that
    /// something was written.
    pub(crate) fn carry_out(
        &self,
        compared: Compared,
        report: &mut FsckReport,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(), RecordError> {
        let mut changes = Changes::default();
        for row in compared.missing {
            self.missing(row, report, &mut changes);
        }
        for (place, path, row) in compared.files {
            self.file(place, path, row, report, &mut changes);
            if changes.put.len() >= ROWS_AT_ONCE {
                self.write(std::mem::take(&mut changes))?;
                if !go_on() {
                    return Ok(());
                }
            }
        }
        self.write(changes)?;
        go_on();
        Ok(())
    }

    /// Reads the newest file of each stream, so that it is known until when it was recorded. For a catalogue that knows
    /// nothing: a few files now, the others when there is time.
    pub(crate) fn newest(&self, report: &mut FsckReport) -> Result<(), RecordError> {
        let mut compared = Compared::default();
        let mut rows = HashMap::new();
        for (camera, path) in list(&self.mount.root().join(RECORDINGS))? {
            // Beside the days' folders there may be the locks, and what is not ours.
            let is_day = |(name, path): &(String, PathBuf)| SegmentPlace::is_day(name) && path.is_dir();
            if !path.is_dir() {
                continue;
            }
            let Some((day, path)) = list(&path)?.into_iter().rfind(is_day) else { continue };
            let mut newest: BTreeMap<_, (SegmentPlace, PathBuf)> = BTreeMap::new();
            for (name, path) in list(&path)? {
                if let Some(place) = SegmentPlace::parse(&camera, &day, &name)
                    && place.origin == layout::Origin::Live
                {
                    newest.insert(place.stream, (place, path));
                }
            }
            if !newest.is_empty() && !rows.contains_key(&day) {
                rows.insert(day.clone(), self.rows(&day)?);
            }
            for (place, path) in newest.into_values() {
                let row = rows.get_mut(&day).and_then(|of_day| of_day.remove(&place));
                if !row.as_ref().is_some_and(|r| self.trusts(r)) {
                    compared.files.push((place, path, row));
                }
            }
        }
        self.carry_out(compared, report, &|| true)
    }

    fn rows(&self, day: &str) -> Result<HashMap<SegmentPlace, Segment>, RecordError> {
        let start: WallTime =
            format!("{day}T00:00:00Z").parse().map_err(|e: String| RecordError::invalid("day", e))?;
        let end = start.plus_nanos(86_400_000_000_000);
        let id = self.mount.id;
        let rows = self.store.read_blocking(|c| catalogue::on_volume(c, id, start, end))?;
        Ok(rows.into_iter().map(|s| (s.place(), s)).collect())
    }

    /// Whether the file of a row need not be read.
    fn trusts(&self, row: &Segment) -> bool {
        row.state == SegmentState::Closed
            && self.depth == Depth::Names
            && self.doubt_after.is_none_or(|at| row.end < at)
    }

    fn write(&self, changes: Changes) -> Result<(), RecordError> {
        let nothing = changes.put.is_empty() && changes.gaps.is_empty() && changes.remove.is_empty();
        if !self.repair || nothing {
            return Ok(());
        }
        self.store.write_blocking(move |tx| {
            changes.put.iter().try_for_each(|s| catalogue::put(tx, s))?;
            changes.remove.iter().try_for_each(|id| catalogue::remove(tx, *id))?;
            changes
                .healed
                .iter()
                .try_for_each(|(s, from, to)| gap_rows::forget_damaged(tx, *s, *from, *to))?;
            changes.gaps.iter().try_for_each(|(stream, gap)| gap_rows::put(tx, *stream, gap))
        })?;
        Ok(())
    }

    fn file(
        &self,
        place: SegmentPlace,
        path: PathBuf,
        row: Option<Segment>,
        report: &mut FsckReport,
        changes: &mut Changes,
    ) {
        let was_open = row.as_ref().is_none_or(|r| r.state == SegmentState::Open);
        let file = match self.mount.open_file(&place, false) {
            Ok(file) => file,
            Err(e) => {
                report.unusable(path, format!("it cannot be opened: {e}"));
                return;
            }
        };
        match inspect(&file, place, self.mount.id) {
            Finding::Stub { length, why } if was_open && self.repair => {
                report.stub(path, length, &why);
                match self.clear_away(&place, length) {
                    Ok(()) => changes.remove.extend(row.map(|r| r.id)),
                    Err(e) => {
                        tracing::warn!(place = %place.relative_path().display(), error = %e, "what a crash left could not be cleared away")
                    }
                }
            }
            Finding::Stub { why, .. } | Finding::Unusable(why) => {
                report.unusable(path, why);
                // Its row, if any, must not promise footage.
                if let Some(row) = row.filter(|r| r.state != SegmentState::Damaged) {
                    let bytes = file.metadata().map_or(row.bytes, |m| m.len());
                    self.lost(Segment { bytes, ..row }, changes);
                }
            }
            Finding::Recording { mut segment, cut } => {
                report.bytes += segment.bytes;
                let was_cut = cut.is_some();
                if let Some(cut) = cut {
                    report.cut(path.clone(), cut.bytes, cut.why);
                }
                // Also without a cut: gives back what a crash left preallocated beyond the end.
                if self.repair
                    && (was_open || was_cut)
                    && let Err(e) = self.truncate(&place, segment.bytes)
                {
                    report.unusable(path, format!("it could not be cut to its whole fragments: {e}"));
                    return;
                }
                if self.repair && (was_open || self.depth == Depth::Names) {
                    segment = self.seal(&place, segment);
                }
                match row {
                    None => {
                        report.unlisted(path);
                        segment.id = self.next_segment.fetch_add(1, Ordering::Relaxed);
                        changes.put.push(segment);
                    }
                    Some(row) => {
                        segment.id = row.id;
                        segment.locked = row.locked;
                        if row.state == SegmentState::Open {
                            report.left_open(path);
                            changes.put.push(segment);
                        } else if segment != row {
                            if row.state == SegmentState::Damaged {
                                changes.healed.push((row.stream, row.start, row.end));
                            }
                            report.differing(path);
                            changes.put.push(segment);
                        }
                    }
                }
            }
        }
    }

    fn missing(&self, row: Segment, report: &mut FsckReport, changes: &mut Changes) {
        if row.state == SegmentState::Damaged {
            return;
        }
        if row.state == SegmentState::Open {
            // Its first second never reached the disk: a power cut. The gap of the restart begins before it.
            report.left_open(row.path(self.mount.root()));
            changes.remove.push(row.id);
            return;
        }
        report.missing(row.path(self.mount.root()));
        self.lost(Segment { bytes: 0, ..row }, changes);
    }

    /// The row stays, as damaged, and the ledger says what is missing.
    fn lost(&self, row: Segment, changes: &mut Changes) {
        if row.end > row.start {
            let id = self.next_gap.fetch_add(1, Ordering::Relaxed);
            let gap = Gap { id, start: row.start, end: Some(row.end), reason: GapReason::Damaged };
            changes.gaps.push((row.stream, gap));
        }
        changes.put.push(Segment { state: SegmentState::Damaged, ..row });
    }

    /// A recording that was begun and of which no whole fragment reached the disk: an empty file goes, one with bytes
    /// in it is set aside under a name that is no recording's.
    fn clear_away(&self, place: &SegmentPlace, length: u64) -> std::io::Result<()> {
        if length == 0 { self.mount.unlink(place) } else { self.mount.set_aside(place) }
    }

    /// Seals what a crash left of a segment; the segment as it is then.
    fn seal(&self, place: &SegmentPlace, mut segment: Segment) -> Segment {
        let Some((notary, now)) = self.notary else { return segment };
        // Once to cut off what never reached the disk, if anything, and once to seal what did.
        for _ in 0..2 {
            let sealed = notary.seal_recovered(self.mount, place, segment.bytes, segment.end, now);
            match sealed.and_then(|changed| changed.then(|| self.mount.open_file(place, false)).transpose()) {
                Ok(None) => break,
                Ok(Some(file)) => match inspect(&file, *place, self.mount.id) {
                    Finding::Recording { segment: anew, .. } => segment = anew,
                    Finding::Unusable(_) | Finding::Stub { .. } => break,
                },
                Err(error) => {
                    tracing::warn!(file = %place.relative_path().display(), %error, "a segment stays without its seal");
                    break;
                }
            }
        }
        segment
    }

    fn truncate(&self, place: &SegmentPlace, length: u64) -> std::io::Result<()> {
        let file = self.mount.open_file(place, true)?;
        rustix::fs::ftruncate(&file, length)?;
        rustix::fs::fdatasync(&file)?;
        Ok(())
    }
}

/// Names and paths in a folder, sorted; none when the folder is not there.
fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, RecordError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(RecordError::io("list", folder, e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| RecordError::io("list", folder, e))?;
        names.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    names.sort();
    Ok(names)
}
