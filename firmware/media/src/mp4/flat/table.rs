//! The samples of one track of a plan.

use super::flac_slice::FlacRun;
use crate::mp4::TrackSpec;
use heron_core::TrackFormat;
use std::sync::Arc;

/// One sample: 16 bytes, because a day has millions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Decoding time in ticks of the track, from zero; the top bit says that it is *no* sync sample.
    start: u64,
    pub(super) size: u32,
    pub(super) cto: i32,
}

const NOT_SYNC: u64 = 1 << 63;

impl Row {
    pub(super) fn start(&self) -> u64 {
        self.start & !NOT_SYNC
    }
    pub(super) fn sync(&self) -> bool {
        self.start & NOT_SYNC == 0
    }
}

/// Samples whose bytes follow one another in one file: a chunk of the flat file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// Which of the plan's tracks.
    pub(super) track: usize,
    /// Index of the source in the plan.
    pub(super) source: usize,
    /// Where it lies in the source, and how many bytes of the flat file it makes.
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) samples: u32,
    /// `sample_description_index`, from 1.
    pub(super) description: u32,
    /// Set when it has to be converted.
    pub(super) flac: Option<FlacRun>,
}

/// A track of the plan as it grows.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) formats: Vec<Arc<TrackFormat>>,
    pub(super) rows: Vec<Row>,
    /// End of the last row by its own duration.
    pub(super) end: u64,
}

impl Table {
    /// Forgets the samples, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.formats.clear();
        self.rows.clear();
        self.end = 0;
    }

    /// The index (from 1) of the format's sample description.
    pub(super) fn description(&mut self, format: &Arc<TrackFormat>) -> u32 {
        // The latest is nearly always the one.
        let at = self.formats.iter().rposition(|f| TrackFormat::same(f, format)).unwrap_or_else(|| {
            self.formats.push(Arc::clone(format));
            self.formats.len() - 1
        });
        at as u32 + 1
    }

    /// The track; `None` while it has no samples.
    pub(super) fn spec(&self) -> Option<TrackSpec> {
        self.formats.first().filter(|_| !self.rows.is_empty()).map(|f| TrackSpec::new(Arc::clone(f)))
    }

    /// Ticks per second: those of its first format.
    pub(super) fn timescale(&self) -> Option<u32> {
        self.formats.first().map(|f| crate::mp4::timescale(f))
    }

    /// Adds a sample that starts no earlier than one tick after the one before.
    pub(super) fn push(&mut self, start: u64, duration: u64, size: u32, cto: i32, sync: bool) {
        let least = self.rows.last().map_or(0, |row| row.start() + 1);
        let start = start.clamp(least, NOT_SYNC - 1);
        self.rows.push(Row { start: start | if sync { 0 } else { NOT_SYNC }, size, cto });
        self.end = start.saturating_add(duration.max(1));
    }

    /// Duration of the sample numbered `n`.
    fn duration(&self, n: usize) -> u32 {
        let next = self.rows.get(n + 1).map_or(self.end, Row::start);
        u32::try_from(next.saturating_sub(self.rows[n].start())).unwrap_or(u32::MAX)
    }

    /// Decoding time of the first sample: what the track's own time line starts at.
    pub(super) fn first(&self) -> u64 {
        self.rows.first().map_or(0, Row::start)
    }

    /// Sum of all durations.
    pub(super) fn media_duration(&self) -> u64 {
        self.end.saturating_sub(self.first())
    }

    /// End of the last picture to be shown, in the time of the rows.
    pub(super) fn presentation_end(&self) -> i64 {
        let last = self.rows.iter().map(|r| r.start() as i64 + i64::from(r.cto)).max().unwrap_or(0);
        last + self.rows.len().checked_sub(1).map_or(0, |n| i64::from(self.duration(n)))
    }

    /// How much has to be added to every composition offset so that none is negative.
    pub(super) fn cto_shift(&self) -> i64 {
        self.rows.iter().map(|r| -i64::from(r.cto)).max().unwrap_or(0).max(0)
    }

    /// Durations, as runs.
    pub(super) fn durations(&self) -> Vec<(u32, u32)> {
        run_lengths((0..self.rows.len()).map(|n| self.duration(n)))
    }

    /// Composition offsets plus `shift`, as runs.
    pub(super) fn offsets(&self, shift: i64) -> Vec<(u32, u32)> {
        run_lengths(self.rows.iter().map(|r| u32::try_from(i64::from(r.cto) + shift).unwrap_or(0)))
    }
}

/// `(count, value)` of equal neighbours.
fn run_lengths(values: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => runs.push((1, value)),
        }
    }
    runs
}
