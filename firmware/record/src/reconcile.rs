//! Compares the files of a volume with the catalogue, a day at a time, and makes the catalogue true.
//!
//! Files are never deleted and never changed but for cutting off what follows the last whole fragment.

use crate::RecordError;
use crate::catalogue::{self, Segment, SegmentState};
use crate::gap_rows;
use crate::inspect::{Finding, inspect};
use crate::layout::{self, RECORDINGS, SegmentPlace};
use crate::ledger::Gap;
use crate::report::FsckReport;
use crate::volume::Mount;
use heron_core::{GapReason, WallTime};
use heron_store::Store;
use std::collections::{BTreeSet, HashMap};
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
    pub(crate) next_segment: &'a AtomicI64,
    pub(crate) next_gap: &'a AtomicI64,
    /// Segments that are being written at this moment.
    pub(crate) in_use: &'a dyn Fn(&SegmentPlace) -> bool,
}

/// Changes for the catalogue, written in one transaction per day.
#[derive(Default)]
struct Changes {
    put: Vec<Segment>,
    gaps: Vec<(heron_core::StreamKey, Gap)>,
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
        let start: WallTime =
            format!("{day}T00:00:00Z").parse().map_err(|e: String| RecordError::invalid("day", e))?;
        let end = start.plus_nanos(86_400_000_000_000);
        let id = self.mount.id;
        let rows = self.store.read_blocking(|c| catalogue::on_volume(c, id, start, end))?;
        let mut rows: HashMap<SegmentPlace, Segment> = rows.into_iter().map(|s| (s.place(), s)).collect();
        let mut changes = Changes::default();
        for (camera, path) in list(&self.mount.root().join(RECORDINGS))? {
            if !path.is_dir() || camera.parse::<heron_core::CameraId>().is_err() {
                continue;
            }
            for (name, path) in list(&path.join(day))? {
                match SegmentPlace::parse(&camera, day, &name) {
                    Some(place) if (self.in_use)(&place) => drop(rows.remove(&place)),
                    Some(place) => self.file(place, path, rows.remove(&place), report, &mut changes),
                    None => report.foreign(path, "its name is not one that Heron gives"),
                }
            }
        }
        for (place, row) in rows {
            if !(self.in_use)(&place) {
                self.missing(row, report, &mut changes);
            }
        }
        if self.repair && !(changes.put.is_empty() && changes.gaps.is_empty()) {
            self.store.write_blocking(move |tx| {
                changes.put.iter().try_for_each(|s| catalogue::put(tx, s))?;
                changes.gaps.iter().try_for_each(|(stream, gap)| gap_rows::put(tx, *stream, gap))
            })?;
        }
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
        report.files += 1;
        let trusted = row.as_ref().is_some_and(|r| r.state == SegmentState::Closed);
        if trusted && self.depth == Depth::Names {
            return;
        }
        let file = match self.mount.open_file(&place, false) {
            Ok(file) => file,
            Err(e) => {
                report.unusable(path, format!("it cannot be opened: {e}"));
                return;
            }
        };
        match inspect(&file, place, self.mount.id) {
            Finding::Unusable(why) => {
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
                let was_open = row.as_ref().is_none_or(|r| r.state == SegmentState::Open);
                if self.repair
                    && (was_open || was_cut)
                    && let Err(e) = self.truncate(&place, segment.bytes)
                {
                    report.unusable(path, format!("it could not be cut to its whole fragments: {e}"));
                    return;
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
