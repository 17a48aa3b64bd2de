//! Laying sound down: packets as they are, or G.711 in runs that become FLAC.

use super::builder::AUDIO;
use super::flac_slice::{FlacRun, MAX_RUN};
use super::part::{rescale, signed};
use super::payload::append;
use super::table::{Chunk, Table};
use crate::flac::StreamInfo;
use crate::g711::Law;
use crate::mp4::FragmentIndex;
use crate::mp4::scan::SampleEntry;

/// Lays the sound of one fragment down.
pub(super) struct Sound<'a> {
    pub(super) table: &'a mut Table,
    pub(super) chunks: &'a mut Vec<Chunk>,
    /// Index of the source in the plan.
    pub(super) source: usize,
    pub(super) index: &'a FragmentIndex,
    pub(super) description: u32,
    pub(super) to: u32,
    /// G.711 whose bytes and times follow one another: offset in the file, start in the clip, and what it becomes.
    pub(super) run: Option<(u64, i64, FlacRun)>,
}

impl Sound<'_> {
    pub(super) fn plain(&mut self, at: i64, duration: i64, sample: &SampleEntry) {
        let table = &mut *self.table;
        let Ok(start) = u64::try_from(at) else { return };
        // Sound of two parts can overlap by some packets: the earlier wins.
        if table.rows.last().is_some_and(|last| start <= last.start()) {
            return;
        }
        table.push(start, duration as u64, sample.size, 0, true);
        let chunk = Chunk {
            track: AUDIO,
            source: self.source,
            offset: self.index.offset + sample.offset,
            len: u64::from(sample.size),
            samples: 1,
            description: self.description,
            flac: None,
        };
        append(self.chunks, chunk, sample.offset, self.index.header_len);
    }

    pub(super) fn g711(&mut self, at: i64, duration: i64, sample: &SampleEntry, info: StreamInfo, law: Law) {
        let channels = u64::from(info.channels.max(1));
        let offset = self.index.offset + sample.offset;
        let samples = (u64::from(sample.size) / channels) as usize;
        let lasts = rescale(samples as i64, info.sample_rate_hz, self.to);
        if let Some((run_offset, start, run)) = &mut self.run
            && *run_offset + run.samples as u64 * channels == offset
            && *start + rescale(run.samples as i64, info.sample_rate_hz, self.to) == at
            && run.samples + samples <= MAX_RUN
        {
            run.samples += samples;
        } else {
            self.flush();
            // A packet of 8 s does not exist; what is too much of one is left out.
            let samples = samples.min(MAX_RUN);
            self.run = Some((offset, at, FlacRun { info, law, first: 0, samples }));
        }
        if lasts != duration {
            self.flush();
        }
    }

    pub(super) fn flush(&mut self) {
        let Some((mut offset, mut start, mut run)) = self.run.take() else { return };
        let rate = run.info.sample_rate_hz;
        let table = &mut *self.table;
        // What comes before the clip, or overlaps the sound before it, is cut off to the sample.
        let least = if table.rows.is_empty() { 0 } else { signed(table.end) };
        if start < least {
            let cut = usize::try_from(rescale(least - start, self.to, rate)).unwrap_or(usize::MAX);
            if cut >= run.samples {
                return;
            }
            run.samples -= cut;
            offset += cut as u64 * u64::from(run.info.channels.max(1));
            start = least;
        }
        if run.samples == 0 {
            return;
        }
        run.first = rescale(start, self.to, rate).max(0) as u64;
        let mut frames = 0;
        for block in run.blocks() {
            let at = start + rescale(block.0 as i64, rate, self.to);
            let lasts = rescale(block.1 as i64, rate, self.to);
            table.push(at as u64, lasts as u64, run.frame_len(block) as u32, 0, true);
            frames += 1;
        }
        self.chunks.push(Chunk {
            track: AUDIO,
            source: self.source,
            offset,
            len: run.bytes(),
            samples: frames,
            description: self.description,
            flac: Some(run),
        });
    }
}
