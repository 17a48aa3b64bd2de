//! Choosing the samples of a clip and laying them on one time line.

use super::moov::{Edit, head};
use super::part::{Part, rescale, signed};
use super::payload::{append, payload};
use super::sound::Sound;
use super::table::{Chunk, Table};
use super::{FlatError, FlatMp4, FlatOptions, MAX_SAMPLES, TimeSpan};
use crate::flac::StreamInfo;
use crate::g711::Law;
use crate::hls::SEAM;
use crate::mp4::scan::{TrackSamples, samples};
use crate::mp4::{FragmentIndex, Init, Problem, TrackSpec, mime_type};
use heron_core::{MediaTime, TrackFormat, TrackKind, WallTime};
use std::sync::Arc;

pub(super) const VIDEO: usize = 0;
pub(super) const AUDIO: usize = 1;

/// Collects the fragments of consecutive segments of one stream, in time order.
///
/// ```text
/// for each segment file:   builder.source(id, &init)
///   for each fragment:       builder.fragment(&index, &header_bytes)?
/// builder.finish()? -> FlatMp4
/// ```
///
/// Start with the fragment that holds the last key frame at or before `start`; earlier ones do no harm, they are thrown
/// away again as soon as a later key frame will do. Fragments at or after `end` are ignored.
#[derive(Debug)]
pub struct FlatBuilder {
    options: FlatOptions,
    sources: Vec<u64>,
    source: Option<Source>,
    tables: [Table; 2],
    chunks: Vec<Chunk>,
    /// Video, or audio when there is none; fixed by the first sample taken.
    lead: TrackKind,
    parts: Vec<Part>,
    /// Where the lead track of the fragment before ended: in its own time and by the wall clock.
    previous_end: Option<(MediaTime, WallTime)>,
    /// Presentation time at which playing starts, and at which it must end.
    play_from: MediaTime,
    play_to: MediaTime,
}

/// The file whose fragments are being added.
#[derive(Debug)]
struct Source {
    init: Init,
    audio: Option<AudioOut>,
}

/// What a file's sound becomes: itself, or FLAC made from G.711.
#[derive(Debug)]
struct AudioOut {
    format: Arc<TrackFormat>,
    g711: Option<(StreamInfo, Law)>,
}

/// The longest time that a file's own clock may show: 272 years. Beyond it sums of ticks could overflow, and nothing real is
/// there.
const MAX_SECONDS: u64 = 1 << 33;

impl FlatBuilder {
    /// A plan of nothing yet.
    pub fn new(options: FlatOptions) -> Self {
        Self {
            options,
            sources: Vec::new(),
            source: None,
            tables: [Table::default(), Table::default()],
            chunks: Vec::new(),
            lead: TrackKind::Video,
            parts: Vec::new(),
            previous_end: None,
            play_from: MediaTime(0),
            play_to: MediaTime(0),
        }
    }

    /// From here on fragments are of this file. `id` is the caller's name for it and comes back in the slices.
    pub fn source(&mut self, id: u64, init: &Init) {
        let audio = init.track(TrackKind::Audio).and_then(|track| {
            let format = track.spec.format.audio()?;
            match Law::of(format.codec) {
                None => Some(AudioOut { format: Arc::clone(&track.spec.format), g711: None }),
                // G.711 of more than two channels cannot be said in our FLAC: such sound is left out.
                Some(law) => {
                    let info = StreamInfo::of_g711(format)?;
                    let format = Arc::new(TrackFormat::Audio(info.audio_format()));
                    Some(AudioOut { format, g711: Some((info, law)) })
                }
            }
        });
        self.sources.push(id);
        self.source = Some(Source { init: init.clone(), audio });
    }

    /// Adds a fragment of the latest [`FlatBuilder::source`]; `header` is at least its first `header_len` bytes. A fragment
    /// whose wall time nobody knows is taken to follow the one before, and is ignored when it is the first.
    pub fn fragment(&mut self, index: &FragmentIndex, header: &[u8]) -> Result<(), FlatError> {
        let Some(source) = self.source.take() else { return Ok(()) };
        let done = self.add(&source, index, header);
        self.source = Some(source);
        done
    }

    fn add(&mut self, source: &Source, index: &FragmentIndex, header: &[u8]) -> Result<(), FlatError> {
        let Some(wall) = index.wall.or(self.previous_end.map(|(_, wall)| wall)) else { return Ok(()) };
        if self.parts.is_empty() {
            let video = source.init.track(TrackKind::Video).is_some();
            self.lead = if video { TrackKind::Video } else { TrackKind::Audio };
        }
        let tracks = samples(&source.init, index, header).map_err(|problem| FlatError::Source {
            source_id: self.sources.last().copied().unwrap_or_default(),
            problem,
        })?;
        for track in &tracks {
            let scale = source.init.track(track.kind).map_or(1, |t| t.timescale);
            let lasts: u64 = track.samples.iter().map(|s| u64::from(s.duration)).sum();
            if track.first_dts.saturating_add(lasts) / u64::from(scale) > MAX_SECONDS {
                return Err(FlatError::Source {
                    source_id: self.sources.last().copied().unwrap_or_default(),
                    problem: Problem::malformed(b"tfdt", index.offset, "its time is beyond any recording"),
                });
            }
        }
        let find = |kind| tracks.iter().find(|t| t.kind == kind);
        let scale = source.init.track(self.lead).map(|t| t.timescale);
        if let (Some(lead), Some(scale)) = (find(self.lead), scale)
            && !self.add_lead(source, index, lead, scale, wall)
        {
            return Ok(());
        }
        if self.lead == TrackKind::Video
            && let Some(audio) = find(TrackKind::Audio)
        {
            self.add_audio(source, index, audio, 0);
        }
        let count: usize = self.tables.iter().map(|t| t.rows.len()).sum();
        let long = self.parts.last().is_some_and(|p| p.end.0 > MediaTime::HZ * MAX_SECONDS as i64);
        if count > MAX_SAMPLES || long { Err(FlatError::TooLong(MAX_SAMPLES)) } else { Ok(()) }
    }

    /// Adds the track that leads the time; `false` when the fragment is not wanted at all.
    fn add_lead(
        &mut self,
        source: &Source,
        index: &FragmentIndex,
        lead: &TrackSamples,
        scale: u32,
        wall: WallTime,
    ) -> bool {
        let FlatOptions { start, end, keep_gaps } = self.options;
        let Some(first) = lead.samples.first() else { return false };
        let first_dts = signed(lead.first_dts);
        let media = |ticks: i64| MediaTime::from_rate(ticks, scale);
        let first_pts = media(first_dts + i64::from(first.cto));
        let wall_at = |t: MediaTime| wall.plus_nanos((t - first_pts).as_nanos());
        // Where to begin: the last key frame that is early enough, or failing that the first there is.
        let mut begin: Option<(usize, i64, WallTime)> = None;
        let mut dts = first_dts;
        for (n, sample) in lead.samples.iter().enumerate() {
            let at = wall_at(media(dts + i64::from(sample.cto)));
            let key = sample.sync || self.lead == TrackKind::Audio;
            if key && (at <= start || (at < end && begin.is_none() && self.parts.is_empty())) {
                begin = Some((n, dts, at));
            }
            dts += i64::from(sample.duration);
        }
        let fragment_end = media(dts);
        let (skip, from) = match begin {
            Some((n, from, at)) => {
                self.restart(media(from), media(from + i64::from(lead.samples[n].cto)), at);
                (n, from)
            }
            None if self.parts.is_empty() || wall >= end => return false,
            None => {
                self.join(media(first_dts), first_pts, wall, keep_gaps);
                (0, first_dts)
            }
        };
        let Some(part) = self.parts.last_mut() else { return false };
        part.end = part.place_media(fragment_end);
        self.play_to = part.place_media(first_pts + MediaTime::from_nanos(end.nanos_since(wall)));
        self.previous_end = Some((fragment_end, wall_at(first_pts + (fragment_end - media(first_dts)))));
        if self.lead == TrackKind::Audio {
            self.add_audio(source, index, lead, skip);
            return true;
        }
        let part = *part;
        let Some(track) = source.init.track(TrackKind::Video) else { return false };
        let table = &mut self.tables[VIDEO];
        let description = table.description(&track.spec.format);
        let to = table.timescale().unwrap_or(scale);
        // In decoding order, up to the last picture that is shown before the end.
        let (mut shown, mut dts) = (skip, from);
        for (n, sample) in lead.samples.iter().enumerate().skip(skip) {
            if part.place_media(media(dts + i64::from(sample.cto))) < self.play_to {
                shown = n + 1;
            }
            dts += i64::from(sample.duration);
        }
        dts = from;
        for sample in &lead.samples[skip..shown] {
            let at = part.place(dts, scale, to).max(0) as u64;
            let cto = rescale(i64::from(sample.cto), scale, to) as i32;
            table.push(
                at,
                rescale(i64::from(sample.duration), scale, to) as u64,
                sample.size,
                cto,
                sample.sync,
            );
            let chunk = Chunk {
                track: VIDEO,
                source: self.sources.len() - 1,
                offset: index.offset + sample.offset,
                len: u64::from(sample.size),
                samples: 1,
                description,
                flac: None,
            };
            append(&mut self.chunks, chunk, sample.offset, index.header_len);
            dts += i64::from(sample.duration);
        }
        true
    }

    /// Everything so far was too early: the clip begins here.
    fn restart(&mut self, dts: MediaTime, pts: MediaTime, wall: WallTime) {
        self.tables.iter_mut().for_each(Table::clear);
        self.chunks.clear();
        self.parts.clear();
        let early = MediaTime::from_nanos(self.options.start.nanos_since(wall).max(0));
        self.play_from = pts - dts + early;
        self.parts.push(Part {
            base_in: dts,
            base_out: MediaTime(0),
            reorder: pts - dts,
            first: self.play_from,
            wall: wall.max(self.options.start),
            end: MediaTime(0),
        });
    }

    /// Goes on after the fragment before, or opens a new part when there is a gap between.
    fn join(&mut self, dts: MediaTime, pts: MediaTime, wall: WallTime, keep_gaps: bool) {
        let (Some(last), Some((end, wall_end))) = (self.parts.last(), self.previous_end) else { return };
        let gap = wall.nanos_since(wall_end);
        if (dts - end).0.unsigned_abs() <= SEAM.0 as u64 && gap.unsigned_abs() <= SEAM.as_nanos() as u64 {
            return;
        }
        let held = if keep_gaps { MediaTime::from_nanos(gap.max(0)) } else { MediaTime(0) };
        let base_out = last.end + held;
        self.parts.push(Part {
            base_in: dts,
            base_out,
            reorder: pts - dts,
            first: base_out + (pts - dts),
            wall,
            end: base_out,
        });
    }

    fn add_audio(&mut self, source: &Source, index: &FragmentIndex, audio: &TrackSamples, skip: usize) {
        let (Some(part), Some(out)) = (self.parts.last().copied(), &source.audio) else { return };
        let Some(from) = source.init.track(TrackKind::Audio).map(|t| t.timescale) else { return };
        let description = self.tables[AUDIO].description(&out.format);
        let to = self.tables[AUDIO].timescale().unwrap_or(from);
        let limit = self.play_to.to_rate(to);
        let mut sound = Sound {
            table: &mut self.tables[AUDIO],
            chunks: &mut self.chunks,
            source: self.sources.len() - 1,
            index,
            description,
            to,
            run: None,
        };
        let mut dts = signed(audio.first_dts);
        for (n, sample) in audio.samples.iter().enumerate() {
            let at = part.place(dts, from, to);
            let duration = rescale(i64::from(sample.duration), from, to);
            dts += i64::from(sample.duration);
            if n < skip {
                continue;
            }
            if at >= limit {
                break;
            }
            match &out.g711 {
                None => sound.plain(at, duration, sample),
                Some((info, law)) => sound.g711(at, duration, sample, *info, *law),
            }
        }
        sound.flush();
    }

    /// Makes the plan.
    pub fn finish(self) -> Result<FlatMp4, FlatError> {
        let FlatOptions { start, end, .. } = self.options;
        let empty = FlatError::Empty { start, end };
        let lead = &self.tables[if self.lead == TrackKind::Video { VIDEO } else { AUDIO }];
        let (Some(scale), false) = (lead.timescale(), lead.rows.is_empty()) else { return Err(empty) };
        let data_end = MediaTime::from_rate(lead.presentation_end(), scale);
        let play_end = data_end.min(self.play_to);
        let duration = (play_end - self.play_from).0;
        let Ok(duration @ 1..) = u64::try_from(duration) else { return Err(empty) };
        let edit = Edit { start: self.play_from.0, duration };
        let Self { mut tables, mut chunks, sources, parts, play_from, options, .. } = self;
        let payload = payload(&mut tables, &mut chunks, &sources);
        let specs: Vec<TrackSpec> = tables.iter().filter_map(Table::spec).collect();
        let head = head(&tables, &chunks, edit, options.start);
        let mut time_map = Vec::with_capacity(parts.len());
        for (n, part) in parts.iter().enumerate() {
            let until = match parts.get(n + 1) {
                None => play_end,
                Some(next) if !options.keep_gaps => next.first,
                Some(_) => part.end + part.reorder,
            };
            let nanos = (until.min(play_end) - part.first).as_nanos();
            if nanos > 0 {
                let clip_nanos = (part.first - play_from).as_nanos();
                time_map.push(TimeSpan { clip_nanos, wall: part.wall, nanos });
            }
        }
        let nanos = MediaTime(duration as i64).as_nanos();
        Ok(FlatMp4::new(head, payload, mime_type(&specs), nanos, time_map))
    }
}
