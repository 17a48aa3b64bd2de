//! Cuts a stream into segments and fragments. Pure: access units in, what to write out.
//!
//! A fragment is held back as a list of shared access units until it is cut, so the tracks of a segment are known
//! (sound that comes a moment after the first picture is in it) before its init segment is made, and nothing is
//! copied.

use heron_core::{AccessUnit, MediaTime, TrackFormat, TrackKind, WallTime};
use heron_media::mp4::write::{MAX_BYTES, MAX_SAMPLES, PushError};
use heron_media::mp4::{Fragment, FragmentBuilder, TrackSpec, init_segment};
use std::collections::VecDeque;
use std::sync::Arc;

/// Longest fragment. What is in an unfinished fragment is lost by a crash: 1 s of it, one tick of 0.2 s before it is
/// drained and one frame that ends it make 1.3 s of the 2 s promised.
const FRAGMENT: MediaTime = MediaTime(MediaTime::HZ);
/// A key frame begins a new fragment only when the present one is longer than this (or does not itself begin with a
/// key frame): MJPEG, where each picture is one, gets two fragments a second and not thirty.
const SHORT_FRAGMENT: MediaTime = MediaTime(MediaTime::HZ / 2);
/// Frames whose display order never allows a cut are cut anyway after this.
const LONGEST_FRAGMENT: MediaTime = MediaTime(2 * MediaTime::HZ);
/// About how long a segment is: 60 s. Opening, closing and two small rows per stream-minute are under a percent of the
/// disk's time (2 x 10 ms of seeks in 60 s for each of 64 streams: 2 %), and retention frees room in steps of 30 MB.
pub(crate) const SEGMENT_NANOS: i64 = 60_000_000_000;
/// A jump of the time line of more than this begins a new segment.
const JUMP_NANOS: i64 = 2_000_000_000;
/// Wall time and media time that part by more than this within one step tell of another connection: slewing moves
/// them by 500 ppm, 1 ms in 2 s.
const PARTING_NANOS: i64 = 200_000_000;
/// Missing frames within a segment that are worth a row in the ledger.
const HOLE_NANOS: i64 = 500_000_000;
/// The distance between frames is not believed beyond this.
const LONGEST_INTERVAL: MediaTime = MediaTime(10 * MediaTime::HZ);
/// What a frame lasts when nothing is known of it: 25 frames a second.
const USUAL_INTERVAL: MediaTime = MediaTime(3600);

/// What to do, in order.
#[derive(Debug)]
pub(crate) enum Output {
    /// Make a new file; its init segment is `init`. A fragment follows at once.
    Open { start: WallTime, init: Vec<u8>, tracks: Vec<TrackSpec> },
    /// Append this.
    Fragment(Fragment),
    /// The file is complete.
    Close,
    /// Frames are missing inside the segment.
    Hole { start: WallTime, end: WallTime },
}

#[derive(Debug)]
struct Frame {
    dts: MediaTime,
    pts: MediaTime,
    wall: WallTime,
}

#[derive(Debug)]
struct Open {
    builder: FragmentBuilder,
    tracks: Vec<TrackSpec>,
    sequence: u32,
    rotate_at: WallTime,
}

/// Cuts one stream.
#[derive(Debug)]
pub(crate) struct Segmenter {
    /// Where in the minute this stream changes files.
    phase_nanos: i64,
    /// First decoding time of the connection; zero of all its files.
    origin: Option<MediaTime>,
    /// The newest format of each track on this connection.
    formats: [Option<Arc<TrackFormat>>; 3],
    open: Option<Open>,
    /// The units of the next fragment; empty or starting at the place of the last cut.
    pending: VecDeque<Arc<AccessUnit>>,
    pending_bytes: usize,
    first_dts: Option<MediaTime>,
    first_is_key: bool,
    newest_pts: Option<MediaTime>,
    /// Frames since the last one before which a cut was possible, and the most of such in a row.
    run: u8,
    longest_run: u8,
    last: Option<Frame>,
    interval: Option<MediaTime>,
    /// Begin a new file at the next key frame, whatever the time: a track appeared or changed.
    renew: bool,
    /// Units that could not be recorded: before the first key frame, or of a track the file does not have yet.
    pub(crate) passed_over: u64,
}

impl Segmenter {
    /// For a stream that changes files `phase_nanos` into each minute.
    pub(crate) fn new(phase_nanos: i64) -> Self {
        Self {
            phase_nanos: phase_nanos.rem_euclid(SEGMENT_NANOS),
            origin: None,
            formats: [None, None, None],
            open: None,
            pending: VecDeque::new(),
            pending_bytes: 0,
            first_dts: None,
            first_is_key: false,
            newest_pts: None,
            run: 0,
            longest_run: 0,
            last: None,
            interval: None,
            renew: false,
            passed_over: 0,
        }
    }

    /// Nothing is held back and no file is open.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_none() && self.pending.is_empty()
    }

    /// Whether units wait for their fragment to end.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The oldest unit that waits for its fragment to end.
    pub(crate) fn oldest_pending(&self) -> Option<&Arc<AccessUnit>> {
        self.pending.front()
    }

    /// Distance between frames, nanoseconds.
    pub(crate) fn frame_nanos(&self) -> i64 {
        self.interval.unwrap_or(USUAL_INTERVAL).as_nanos()
    }

    /// Takes a unit; says what to do first.
    pub(crate) fn push(&mut self, unit: Arc<AccessUnit>, out: &mut Vec<Output>) {
        if unit.track() == TrackKind::Video {
            self.push_video(unit, out);
        } else if self.is_idle() {
            self.formats[slot(unit.track())] = Some(Arc::clone(&unit.format));
            self.passed_over += 1;
        } else {
            self.push_other(unit, out);
        }
    }

    fn push_video(&mut self, unit: Arc<AccessUnit>, out: &mut Vec<Output>) {
        if let Some(last) = &self.last {
            match self.step(last, &unit) {
                Step::Sound => {}
                Step::Hole { start } => out.push(Output::Hole { start, end: unit.wall }),
                Step::Break => {
                    self.finish(out);
                    self.forget_connection();
                }
            }
        }
        if self.formats[0].as_ref().is_some_and(|f| !TrackFormat::same(f, &unit.format)) {
            self.cut(Some(&unit), out);
            self.close(out);
        }
        self.formats[0] = Some(Arc::clone(&unit.format));
        if self.is_idle() && !unit.random_access {
            self.passed_over += 1;
            self.remember(&unit);
            return;
        }
        if self.must_cut_before(&unit) {
            self.cut(Some(&unit), out);
        }
        if unit.random_access && self.pending_video().is_none() {
            let due = self.open.as_ref().is_some_and(|o| self.renew || unit.wall >= o.rotate_at);
            if due {
                self.cut(Some(&unit), out);
                self.close(out);
            }
        }
        self.origin.get_or_insert(unit.dts);
        if self.first_dts.is_none() {
            self.first_dts = Some(unit.dts);
            self.first_is_key = unit.random_access;
        }
        // Pictures of H.264 and H.265 wait for at most 16 others.
        self.run = if self.is_orderly(&unit) { 0 } else { (self.run + 1).min(16) };
        self.longest_run = self.longest_run.max(self.run);
        self.newest_pts = Some(self.newest_pts.map_or(unit.pts, |p| p.max(unit.pts)));
        self.remember(&unit);
        self.hold(unit);
    }

    fn push_other(&mut self, unit: Arc<AccessUnit>, out: &mut Vec<Output>) {
        let kind = unit.track();
        let known = self.formats[slot(kind)].replace(Arc::clone(&unit.format));
        if let Some(open) = &self.open {
            let fits =
                open.tracks.iter().any(|t| t.kind() == kind && TrackFormat::same(&t.format, &unit.format));
            if !fits {
                self.renew = true;
                self.passed_over += 1;
                return;
            }
        } else if known.is_some_and(|f| !TrackFormat::same(&f, &unit.format)) {
            // The format changed within the first fragment: the earlier units of the track cannot be in it.
            self.pending.retain(|u| u.track() != kind);
            self.pending_bytes = self.pending.iter().map(|u| u.payload.len()).sum();
        }
        if self.is_full(&unit) {
            self.cut(None, out);
        }
        self.hold(unit);
    }

    fn hold(&mut self, unit: Arc<AccessUnit>) {
        self.pending_bytes += unit.payload.len();
        self.pending.push_back(unit);
    }

    fn remember(&mut self, unit: &AccessUnit) {
        if let Some(last) = &self.last {
            let step = unit.dts - last.dts;
            if step.0 > 0 && step <= LONGEST_INTERVAL {
                self.interval = Some(step);
            }
        }
        self.last = Some(Frame { dts: unit.dts, pts: unit.pts, wall: unit.wall });
    }

    fn pending_video(&self) -> Option<MediaTime> {
        self.first_dts
    }

    fn is_full(&self, unit: &AccessUnit) -> bool {
        !self.pending.is_empty()
            && (self.pending.len() >= MAX_SAMPLES || self.pending_bytes + unit.payload.len() > MAX_BYTES)
    }

    /// Shown after everything in the fragment: it may begin the next one.
    fn is_orderly(&self, unit: &AccessUnit) -> bool {
        self.newest_pts.is_none_or(|p| unit.pts > p)
    }

    fn must_cut_before(&self, unit: &AccessUnit) -> bool {
        let Some(first) = self.first_dts else { return self.is_full(unit) };
        let held = unit.dts - first;
        let orderly = self.is_orderly(unit);
        if unit.random_access && orderly {
            let due = self.open.as_ref().is_some_and(|o| self.renew || unit.wall >= o.rotate_at);
            return due || !self.first_is_key || held >= SHORT_FRAGMENT;
        }
        // With this frame and those after it until the next possible cut.
        let interval = self.interval.unwrap_or(USUAL_INTERVAL).0;
        let with_it = held + MediaTime(interval * (1 + i64::from(self.longest_run)));
        (with_it > FRAGMENT && orderly) || held >= LONGEST_FRAGMENT || self.is_full(unit)
    }

    fn step(&self, last: &Frame, unit: &AccessUnit) -> Step {
        let by_dts = (unit.dts - last.dts).as_nanos();
        let by_wall = unit.wall.nanos_since(last.wall);
        let parted = by_wall - (unit.pts - last.pts).as_nanos();
        let interval = self.interval.unwrap_or(USUAL_INTERVAL).as_nanos();
        // A camera of one picture in five seconds jumps at every frame, unless that is what it always does.
        let jump = if unit.discontinuity { JUMP_NANOS } else { JUMP_NANOS.max(3 * interval) };
        if by_dts <= 0 || by_dts - interval > jump || parted.abs() > PARTING_NANOS {
            return Step::Break;
        }
        if unit.discontinuity && by_dts - interval > HOLE_NANOS {
            return Step::Hole { start: last.wall.plus_nanos(interval) };
        }
        Step::Sound
    }

    /// Ends the fragment that is held back when it has waited long enough: the stream stalls or is very slow.
    pub(crate) fn flush(&mut self, out: &mut Vec<Output>) {
        self.cut(None, out);
    }

    /// Writes what is held back and closes the file. The stream goes on at a key frame.
    pub(crate) fn finish(&mut self, out: &mut Vec<Output>) {
        self.cut(None, out);
        self.close(out);
    }

    /// The connection has ended: the next one has its own time line and formats.
    pub(crate) fn forget_connection(&mut self) {
        self.origin = None;
        self.formats = [None, None, None];
        self.last = None;
        (self.run, self.longest_run) = (0, 0);
    }

    /// The disk refused: what was held back and the open file are given up. The stream goes on at a key frame.
    pub(crate) fn abandon(&mut self) {
        self.open = None;
        self.renew = false;
        self.drop_pending();
    }

    fn drop_pending(&mut self) {
        self.pending.clear();
        self.pending_bytes = 0;
        self.first_dts = None;
        self.newest_pts = None;
    }

    fn close(&mut self, out: &mut Vec<Output>) {
        self.renew = false;
        self.drop_pending();
        if self.open.take().is_some() {
            out.push(Output::Close);
        }
    }

    /// Makes a fragment of what is held back. `next` is the video unit that comes after it.
    fn cut(&mut self, next: Option<&AccessUnit>, out: &mut Vec<Output>) {
        if self.pending.is_empty() {
            return;
        }
        if self.open.is_none() && !self.begin(out) {
            self.drop_pending();
            return;
        }
        let Some(open) = &mut self.open else { return };
        let guess = self.last.as_ref().map(|l| l.dts + self.interval.unwrap_or(USUAL_INTERVAL));
        let next_dts =
            next.map(|u| u.dts).filter(|d| self.last.as_ref().is_some_and(|l| *d > l.dts)).or(guess);
        while let Some(unit) = self.pending.pop_front() {
            match open.builder.push_unit(&unit) {
                Ok(()) => {}
                Err(PushError::Full) => {
                    open.sequence += 1;
                    let until = (unit.track() == TrackKind::Video).then_some(unit.dts);
                    out.extend(open.builder.finish(open.sequence, until).map(Output::Fragment));
                    self.pending.push_front(unit);
                }
                Err(PushError::NoSuchTrack(_) | PushError::TooLarge(_)) => self.passed_over += 1,
            }
        }
        open.sequence += 1;
        out.extend(open.builder.finish(open.sequence, next_dts).map(Output::Fragment));
        self.drop_pending();
    }

    /// Begins a file with the units that are held back; `false` when there is no key frame among them.
    fn begin(&mut self, out: &mut Vec<Output>) -> bool {
        let Some(first) = self.pending.iter().find(|u| u.track() == TrackKind::Video) else { return false };
        if !first.random_access {
            return false;
        }
        let start = first.wall;
        let origin = self.origin.unwrap_or(first.dts);
        let tracks: Vec<TrackSpec> =
            self.formats.iter().flatten().map(|f| TrackSpec::new(Arc::clone(f))).collect();
        out.push(Output::Open { start, init: init_segment(&tracks, start), tracks: tracks.clone() });
        self.open = Some(Open {
            builder: FragmentBuilder::new(&tracks, origin),
            tracks,
            sequence: 0,
            rotate_at: rotation(start, self.phase_nanos),
        });
        true
    }

    /// Takes a written fragment's buffers back.
    pub(crate) fn recycle(&mut self, fragment: Fragment) {
        if let Some(open) = &mut self.open {
            open.builder.recycle(fragment);
        }
    }
}

enum Step {
    Sound,
    Hole { start: WallTime },
    Break,
}

/// The first instant at which a file begun at `start` may be followed by the next: `phase` into a minute, and not
/// before half a segment is full.
fn rotation(start: WallTime, phase_nanos: i64) -> WallTime {
    let earliest = start.plus_nanos(SEGMENT_NANOS / 2);
    let wait = (phase_nanos - earliest.0).rem_euclid(SEGMENT_NANOS);
    earliest.plus_nanos(wait)
}

/// Where in the minute the `n`th stream changes files: steps of the golden ratio spread any number of streams evenly.
pub(crate) fn phase(n: u64) -> i64 {
    let fraction = (n as f64 * 0.618_033_988_749_895).fract();
    (fraction * SEGMENT_NANOS as f64) as i64
}

fn slot(kind: TrackKind) -> usize {
    match kind {
        TrackKind::Video => 0,
        TrackKind::Audio => 1,
        TrackKind::Metadata => 2,
    }
}

#[cfg(test)]
mod tests;
