//! Fragments from access units: the recorder's, of up to a second, and live view's, of one frame.

use super::moof::{Entry, Reference, Run, header};
use super::scan::{FragmentIndex, TrackIndex};
use super::{TrackSpec, track_id};
use bytes::{BufMut, Bytes, BytesMut};
use heron_core::{AccessUnit, MediaTime, TrackFormat, TrackKind, WallTime};

pub use super::moov::init_segment;

/// Most samples (of all tracks together) in one fragment. Fragments are at most 1 s long: 60 pictures, 500 audio
/// packets of 2 ms and some metadata fit.
pub const MAX_SAMPLES: usize = 600;
/// Most payload bytes in one fragment: 8 MiB is 1 s at 67 Mbit/s.
pub const MAX_BYTES: usize = 8 << 20;
/// Most payload bytes in one sample; no access unit of a camera comes near, and `data_offset` has 31 bits.
pub const MAX_SAMPLE_BYTES: usize = 1 << 30;
/// Sound that is late or early by no more than this many milliseconds follows its predecessor without a seam: cameras'
/// packet clocks jitter by rounding, and a seam is an audible click.
const AUDIO_SNAP_MS: i64 = 10;
/// Media times are cut to this (25 000 years), so that no sum of them overflows.
const MAX_TICKS: i64 = 1 << 56;
/// Duration of a video sample of which nothing is known: 25 pictures a second.
const UNKNOWN_DURATION: u32 = 3_600;

/// One access unit as the fragment writer wants it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Which track.
    pub track: TrackKind,
    /// The coded bytes, as they go into `mdat`.
    pub payload: Bytes,
    /// Presentation time.
    pub pts: MediaTime,
    /// Decoding time.
    pub dts: MediaTime,
    /// Decoding can start here.
    pub sync: bool,
    /// Audio samples per channel in it; ignored for other tracks.
    pub audio_samples: u32,
    /// Wall time of the presentation time.
    pub wall: WallTime,
}

impl From<&AccessUnit> for Sample {
    /// Shares the payload; copies nothing.
    fn from(unit: &AccessUnit) -> Self {
        Self {
            track: unit.track(),
            payload: unit.payload.clone(),
            pts: unit.pts,
            dts: unit.dts,
            sync: unit.random_access,
            audio_samples: unit.audio_samples,
            wall: unit.wall,
        }
    }
}

/// Why a sample was not taken. The builder is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The fragment holds [`MAX_SAMPLES`] samples or would exceed [`MAX_BYTES`]: finish it and push again. An empty
    /// builder is never full.
    #[error("the fragment is full: finish it, then push the sample into the next one")]
    Full,
    /// The init segment has no such track.
    #[error("the file has no {0:?} track: start a new file with one")]
    NoSuchTrack(TrackKind),
    /// More than [`MAX_SAMPLE_BYTES`]; drop it.
    #[error("a sample of {0} bytes is more than a fragment can hold: drop it")]
    TooLarge(usize),
}

/// A finished fragment: write `header`, then every payload in order (one `writev`).
#[derive(Clone, Debug)]
pub struct Fragment {
    /// `prft`, `moof` and the 8-byte header of `mdat`.
    pub header: Bytes,
    /// The content of `mdat`: video samples, then audio, then metadata.
    pub payloads: Vec<Bytes>,
    /// What the scanner would say of it, at offset 0: the caller sets `offset` to where it writes it.
    pub index: FragmentIndex,
}

/// Collects samples of the tracks of one file and makes fragments of them.
///
/// Memory: the shared payloads up to [`MAX_BYTES`], and 24 bytes per sample.
#[derive(Debug)]
pub struct FragmentBuilder {
    origin: MediaTime,
    tracks: Vec<Track>,
    samples: usize,
    bytes: usize,
    header: BytesMut,
    payloads: Vec<Bytes>,
    indexes: Vec<TrackIndex>,
}

#[derive(Debug)]
struct Track {
    spec: TrackSpec,
    timescale: u32,
    entries: Vec<Entry>,
    payloads: Vec<Bytes>,
    /// Ticks in the file of the first sample here; its presentation time; its wall time.
    first_dts: i64,
    first_pts: i64,
    first_media_dts: MediaTime,
    wall: WallTime,
    /// Decoding time of the latest sample ever, and where it ends as far as is known.
    last_dts: Option<i64>,
    expected: i64,
    last_duration: Option<u32>,
}

impl Track {
    fn new(spec: TrackSpec) -> Self {
        Self {
            timescale: spec.timescale(),
            last_duration: nominal_duration(&spec),
            spec,
            entries: Vec::new(),
            payloads: Vec::new(),
            first_dts: 0,
            first_pts: 0,
            first_media_dts: MediaTime(0),
            wall: WallTime(0),
            last_dts: None,
            expected: 0,
        }
    }

    fn push(&mut self, origin: MediaTime, sample: Sample) {
        let mut dts = (sample.dts - origin).0.clamp(0, MAX_TICKS);
        let pts = MediaTime((sample.pts - origin).0.clamp(-MAX_TICKS, MAX_TICKS)).to_rate(self.timescale);
        if self.timescale != MediaTime::HZ as u32 {
            dts = MediaTime(dts).to_rate(self.timescale);
        }
        let audio = sample.track == TrackKind::Audio;
        let mut pts_shift = 0;
        if let Some(last) = self.last_dts {
            let snap = i64::from(self.timescale) * AUDIO_SNAP_MS / 1_000;
            if audio && (dts - self.expected).abs() <= snap {
                pts_shift = self.expected - dts;
                dts = self.expected;
            }
            if dts <= last {
                dts = last + 1;
            }
            if let Some(previous) = self.entries.last_mut() {
                let duration = u32::try_from(dts - last).unwrap_or(u32::MAX);
                previous.duration = duration;
                if !audio {
                    self.last_duration = Some(duration);
                }
            }
        }
        let cto = i32::try_from(pts + pts_shift - dts).unwrap_or(0);
        if self.entries.is_empty() {
            self.first_dts = dts;
            self.first_pts = dts + i64::from(cto);
            self.first_media_dts = sample.dts;
            self.wall = sample.wall;
        }
        let duration =
            if audio { sample.audio_samples } else { self.last_duration.unwrap_or(UNKNOWN_DURATION) };
        self.entries.push(Entry { size: sample.payload.len() as u32, duration, cto, sync: sample.sync });
        self.payloads.push(sample.payload);
        self.last_dts = Some(dts);
        self.expected = dts + i64::from(duration);
    }

    /// Gives the last sample a duration that ends at `end` ticks, when that is after it.
    fn end_at(&mut self, end: i64) {
        if let (Some(last), Some(entry)) = (self.last_dts, self.entries.last_mut())
            && let Ok(duration @ 1..) = u32::try_from(end - last)
        {
            entry.duration = duration;
            self.last_duration = Some(duration);
            self.expected = end;
        }
    }

    fn index(&self) -> TrackIndex {
        TrackIndex {
            kind: self.spec.kind(),
            first_dts: self.first_dts as u64,
            first_pts: self.first_pts,
            duration: self.entries.iter().map(|e| u64::from(e.duration)).sum(),
            samples: self.entries.len() as u32,
            bytes: self.entries.iter().map(|e| u64::from(e.size)).sum(),
            sync_first: self.entries.first().is_some_and(|e| e.sync),
        }
    }
}

/// What the bitstream says a picture lasts.
fn nominal_duration(spec: &TrackSpec) -> Option<u32> {
    match &*spec.format {
        TrackFormat::Video(v) => v
            .nominal_fps
            .filter(|fps| (0.1..=1_000.0).contains(fps))
            .map(|fps| (90_000.0 / fps).round() as u32),
        TrackFormat::Audio(_) | TrackFormat::Metadata => None,
    }
}

impl FragmentBuilder {
    /// A builder for a file with these tracks. `origin` is the media time that becomes zero in the file (`tfdt`):
    /// use the first decoding time of the *connection* for all its segments, so that players pass from one segment
    /// to the next without a seam; a decoding time before `origin` is written as zero.
    pub fn new(tracks: &[TrackSpec], origin: MediaTime) -> Self {
        let mut tracks: Vec<Track> = tracks.iter().cloned().map(Track::new).collect();
        tracks.sort_by_key(|t| t.spec.kind());
        tracks.dedup_by_key(|t| t.spec.kind());
        Self {
            origin,
            tracks,
            samples: 0,
            bytes: 0,
            header: BytesMut::new(),
            payloads: Vec::new(),
            indexes: Vec::new(),
        }
    }

    /// Adds a sample. Decoding times must rise within a track; one that does not is moved to one tick after its
    /// predecessor.
    pub fn push(&mut self, sample: Sample) -> Result<(), PushError> {
        let size = sample.payload.len();
        let kind = sample.track;
        let track =
            self.tracks.iter_mut().find(|t| t.spec.kind() == kind).ok_or(PushError::NoSuchTrack(kind))?;
        if size > MAX_SAMPLE_BYTES {
            return Err(PushError::TooLarge(size));
        }
        if self.samples >= MAX_SAMPLES || (self.samples > 0 && self.bytes + size > MAX_BYTES) {
            return Err(PushError::Full);
        }
        track.push(self.origin, sample);
        self.samples += 1;
        self.bytes += size;
        Ok(())
    }

    /// [`FragmentBuilder::push`] of an access unit; shares its payload.
    pub fn push_unit(&mut self, unit: &AccessUnit) -> Result<(), PushError> {
        self.push(Sample::from(unit))
    }

    /// Nothing was pushed since the last `finish`.
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Samples of all tracks so far.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Payload bytes so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Decoding time of the first video sample so far.
    pub fn first_video_dts(&self) -> Option<MediaTime> {
        let video = self.tracks.iter().find(|t| t.spec.kind() == TrackKind::Video)?;
        video.entries.first().map(|_| video.first_media_dts)
    }

    /// Makes the fragment; `None` when there is no sample. `sequence` is `mfhd.sequence_number`: from 1, rising.
    /// `next_video_dts` gives the last video sample its duration; without it that of the one before (or the nominal
    /// frame rate, or 40 ms) is assumed.
    pub fn finish(&mut self, sequence: u32, next_video_dts: Option<MediaTime>) -> Option<Fragment> {
        if self.samples == 0 {
            return None;
        }
        let mut video_end = None;
        for track in &mut self.tracks {
            match track.spec.kind() {
                TrackKind::Video => {
                    if let Some(next) = next_video_dts {
                        track.end_at((next - self.origin).0.clamp(0, MAX_TICKS));
                    }
                    video_end = Some(track.expected).filter(|_| !track.entries.is_empty());
                }
                TrackKind::Audio => {}
                // A document holds until the pictures end.
                TrackKind::Metadata => track.end_at(video_end.unwrap_or(0)),
            }
        }
        let mut runs = [Run { track_id: 0, first_dts: 0, entries: &[] }; 3];
        let mut count = 0;
        for track in self.tracks.iter().filter(|t| !t.entries.is_empty()) {
            runs[count] = Run {
                track_id: track.spec.track_id(),
                first_dts: track.first_dts as u64,
                entries: &track.entries,
            };
            count += 1;
            self.indexes.push(track.index());
        }
        let lead = self.tracks.iter().find(|t| !t.entries.is_empty())?;
        let reference = Reference {
            track_id: lead.spec.track_id(),
            wall: lead.wall,
            media_time: lead.first_pts.max(0) as u64,
        };
        let wall = lead.wall;
        self.header.reserve(256 + 16 * self.samples);
        header(&mut self.header, sequence, Some(reference), &runs[..count]);
        for track in &mut self.tracks {
            track.entries.clear();
            self.payloads.append(&mut track.payloads);
        }
        let header = self.header.split().freeze();
        let index = FragmentIndex {
            offset: 0,
            length: header.len() as u64 + self.bytes as u64,
            header_len: header.len() as u32,
            sequence,
            wall: Some(wall),
            tracks: std::mem::take(&mut self.indexes),
        };
        self.samples = 0;
        self.bytes = 0;
        Some(Fragment { header, payloads: std::mem::take(&mut self.payloads), index })
    }

    /// Gives a written fragment back so that its buffers serve the next one.
    pub fn recycle(&mut self, fragment: Fragment) {
        let Fragment { header, mut payloads, index } = fragment;
        payloads.clear();
        if self.payloads.is_empty() {
            self.payloads = payloads;
        }
        let mut tracks = index.tracks;
        tracks.clear();
        self.indexes = tracks;
        // The header's memory returns to `self.header` by itself at the next `reserve`, once this handle is gone.
        drop(header);
    }
}

/// One sample as a fragment in one buffer (`prft`, `moof`, `mdat`), for live view. `duration` is in ticks of the
/// track. The same clock and the same origin as in [`FragmentBuilder::new`]; the payload is copied once.
///
/// A browser that sees a decoding time jump by more than twice the duration it was told drops pictures until the next key
/// frame (Media Source Extensions, coded frame processing), while a duration that is too long costs nothing: when the next
/// frame's time is not known, say rather too much. For sound, say the sample count.
pub fn single_sample_fragment(
    track: &TrackSpec,
    origin: MediaTime,
    sequence: u32,
    sample: &Sample,
    duration: u32,
) -> Bytes {
    let timescale = track.timescale();
    let dts = (sample.dts - origin).to_rate(timescale).max(0);
    let pts = (sample.pts - origin).to_rate(timescale);
    let entry = Entry {
        size: sample.payload.len() as u32,
        duration,
        cto: i32::try_from(pts - dts).unwrap_or(0),
        sync: sample.sync,
    };
    let reference =
        Reference { track_id: track_id(sample.track), wall: sample.wall, media_time: pts.max(0) as u64 };
    let run = Run { track_id: track_id(sample.track), first_dts: dts as u64, entries: &[entry] };
    let mut out = BytesMut::with_capacity(160 + sample.payload.len());
    header(&mut out, sequence, Some(reference), &[run]);
    out.put_slice(&sample.payload);
    out.freeze()
}
