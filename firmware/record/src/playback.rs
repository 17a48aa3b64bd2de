//! What was recorded, for viewers: timeline, playlist, clips, stills. Everything here blocks on the disk and on the
//! database: call it from `spawn_blocking` or a plain thread.

use crate::RecordError;
use crate::catalogue::{self, Run, Segment, SegmentState, VolumeId};
use crate::clip::Clip;
use crate::copies;
use crate::gap_rows;
use crate::index_cache::{IndexCache, MOST_BYTES, SegmentIndex};
use crate::keys;
use crate::ledger::Gap;
use crate::parts::{self, Part};
use crate::range;
use crate::shared::{LiveSegment, Shared};
use crate::timeline::{self, LedgerRow, Rows, Timeline};
use bytes::Bytes;
use heron_core::{CameraId, MediaTime, StreamKey, StreamKind, WallTime};
use heron_media::hls::{self, ByteRange, Map, MediaPlaylist, PlaylistKind, Recording};
use heron_media::mp4::{FragmentIndex, Init, index_box, rewrite, scan};
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

/// About how long one entry of a playlist plays.
const HLS_TARGET: MediaTime = MediaTime(4 * MediaTime::HZ);

/// The same while the list grows: one group of pictures, because the last entry is shown only when it is complete, and what
/// is newest should not wait for more than that.
const GROWING_TARGET: MediaTime = MediaTime(1);

/// What a growing playlist promises of its entries: a group of pictures of 8 s after an entry just short of the target.
const GROWING_TARGET_S: u32 = 12;

/// A recorded file, for serving byte ranges of it.
#[derive(Debug)]
pub struct SegmentSource {
    /// Open for reading; goes on to work when retention deletes the file.
    pub file: File,
    /// Bytes that may be served: whole fragments only, so that an open segment never shows half of one.
    pub length: u64,
    /// It will not grow any more.
    pub complete: bool,
    /// A strong entity tag, quotes included; another one when the file has grown.
    pub etag: String,
}

/// The key frame at or before an instant.
#[derive(Clone, Debug)]
pub struct StillFrame {
    /// Wall time of the picture.
    pub wall: WallTime,
    /// MIME type with codecs of `init` and `fragment` together.
    pub mime_type: String,
    /// Init segment with the video track alone.
    pub init: Bytes,
    /// One fragment with the one picture.
    pub fragment: Bytes,
    /// The picture as it is in the file (MJPEG: a JPEG image).
    pub picture: Bytes,
}

/// Reads what the recorder writes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Playback {
    pub(crate) shared: Arc<Shared>,
    cache: Arc<IndexCache>,
}

impl Playback {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, cache: Arc::new(IndexCache::new(MOST_BYTES)) }
    }

    /// What is covered and what is missing between `start` and `end`, at most 100 days; `bin` also asks for the covered
    /// share of each bin of that width.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] naming `start`, `end` or `bin`; [`RecordError::Store`].
    pub fn timeline(
        &self,
        camera: CameraId,
        start: WallTime,
        end: WallTime,
        bin: Option<Duration>,
    ) -> Result<Timeline, RecordError> {
        let now = self.shared.clock.now();
        range::timeline(start, end, bin, now)?;
        let mut streams = Vec::with_capacity(2);
        for kind in StreamKind::ALL {
            let stream = StreamKey::new(camera, kind);
            // First what is in memory: what leaves it meanwhile is in the database then.
            let (live, fresh) = (self.live_of(stream), self.fresh_of(stream));
            let (covered, ledger, expired_until) = self.shared.store.read_blocking(|c| {
                Ok((
                    catalogue::covered(c, stream, start, end)?,
                    gap_rows::overlapping(c, stream, start, end)?,
                    catalogue::expired_until(c, stream)?,
                ))
            })?;
            let mut rows = Rows { expired_until, ..Rows::default() };
            rows.ledger = with_fresh(ledger, fresh)
                .iter()
                .map(|g| LedgerRow { start: g.start, end: g.end, reason: g.reason })
                .filter(|g| g.start < end && g.end.is_none_or(|e| e > start))
                .collect();
            self.place_rows(live, covered, &mut rows, start, end);
            if !(rows.covered.is_empty() && rows.ledger.is_empty() && rows.away.is_empty()) {
                streams.push((kind, rows));
            }
        }
        let bin = bin.map(|b| i64::try_from(b.as_nanos()).unwrap_or(i64::MAX));
        Ok(timeline::assemble(&streams, start, end, bin, now))
    }

    /// Puts together what the database and what the writers say is covered. Footage on a volume that is away is not
    /// covered now; that it cannot be shown is the volume's fault, and that is a fact.
    fn place_rows(
        &self,
        mut live: Vec<LiveSegment>,
        covered: Vec<Run>,
        rows: &mut Rows,
        start: WallTime,
        end: WallTime,
    ) {
        let here = self.volumes_here();
        for run in covered {
            let c = live
                .iter()
                .position(|l| run.id == Some(l.segment.id))
                .map_or(run.covered, |i| live.swap_remove(i).segment.covered());
            if here.contains(&run.volume) {
                rows.covered.push(c);
            } else {
                rows.away.push(c);
            }
        }
        let fresh = live.into_iter().map(|l| l.segment.covered()).filter(|c| c.start < end && c.end > start);
        rows.covered.extend(fresh);
        rows.covered.sort_by_key(|c| c.start);
        rows.away.sort_by_key(|c| c.start);
        rows.ledger.sort_by_key(|g| g.start);
    }

    pub(crate) fn fresh_of(&self, stream: StreamKey) -> Vec<(i64, Option<Gap>)> {
        let fresh = self.shared.fresh_gaps.lock();
        fresh.iter().filter(|(_, (of, _))| *of == stream).map(|(id, (_, gap))| (*id, *gap)).collect()
    }

    fn volumes_here(&self) -> Vec<VolumeId> {
        self.shared.volumes.iter().filter_map(|v| v.mount().map(|m| m.id)).collect()
    }

    fn live_of(&self, stream: StreamKey) -> Vec<LiveSegment> {
        self.shared.live.lock().values().filter(|l| l.segment.stream == stream).cloned().collect()
    }

    /// The playable segments of a stream that overlap the range, in order of start, as the writers know them: what is being
    /// written is among them, with what is written of it.
    ///
    /// # Errors
    /// [`RecordError::Store`].
    pub fn segments(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
    ) -> Result<Vec<Segment>, RecordError> {
        let mut segments = self.every_segment(stream, start, end)?;
        copies::without_doubles(&mut segments);
        Ok(segments)
    }

    /// The same, copies and all: for [`parts::choose`], which knows what to show of them.
    pub(crate) fn every_segment(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
    ) -> Result<Vec<Segment>, RecordError> {
        let mut live = self.live_of(stream);
        let rows = self.shared.store.read_blocking(|c| catalogue::overlapping(c, stream, start, end))?;
        let here = self.volumes_here();
        let mut segments: Vec<Segment> = rows
            .into_iter()
            .map(|s| match live.iter().position(|l| l.segment.id == s.id) {
                Some(i) => live.swap_remove(i).segment,
                None => s,
            })
            .collect();
        // The row of a segment that has not been closed was written when it began.
        segments.extend(live.into_iter().map(|l| l.segment));
        let unlinked = self.shared.unlinked.lock();
        segments.retain(|s| {
            s.start < end
                && s.end > start
                && s.state != SegmentState::Damaged
                && here.contains(&s.volume)
                && !unlinked.contains_key(&s.id)
        });
        drop(unlinked);
        Ok(segments)
    }

    /// A HLS media playlist (RFC 8216) over the recorded bytes of a stream between `start` and `end`, at most a day. It
    /// begins with the key frame at or before `start`. When `end` is in the future the list grows (`EVENT`).
    ///
    /// `base` (for example `segments`) is prefixed to the addresses that the caller must serve: `{base}/{id}.mp4` with
    /// byte ranges ([`Playback::segment_source`]); for recordings with G.711 sound `{base}/{id}/init.mp4`
    /// ([`Playback::rewritten_init`]) and `{base}/{id}/{offset}-{length}.m4s` ([`Playback::rewritten`]).
    ///
    /// # Errors
    /// [`RecordError::Invalid`] naming `start` or `end`, [`RecordError::NothingRecorded`], [`RecordError::Store`].
    pub fn playlist(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
        base: &str,
    ) -> Result<String, RecordError> {
        self.list(stream, start, end, base, Of::All)
    }

    /// The same of key frames alone, for many times real time: an ordinary playlist of pictures without sound that each
    /// stand until the next. `{base}/{id}/keys.mp4` ([`Playback::keys_init`]) and
    /// `{base}/{id}/keys-{offset}-{length}.m4s` ([`Playback::keys`]) must be served for it.
    ///
    /// # Errors
    /// As [`Playback::playlist`].
    pub fn keys_playlist(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
        base: &str,
    ) -> Result<String, RecordError> {
        self.list(stream, start, end, base, Of::Keys)
    }

    fn list(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
        base: &str,
        of: Of,
    ) -> Result<String, RecordError> {
        let now = self.shared.clock.now();
        range::footage(start, end, now)?;
        let mut files: Vec<(Part, SegmentIndex)> = Vec::new();
        for part in parts::choose(self.every_segment(stream, start, end)?) {
            // One unreadable file must not hide the others; the timeline will show it once fsck has seen it.
            files.extend(self.index_or_warn(&part.segment).map(|index| (part, index)));
        }
        let mut recordings: Vec<Recording<'_>> = Vec::with_capacity(files.len());
        // From the last to the first: where one begins in the middle of its file, the one before ends.
        let mut next: Option<&FragmentIndex> = None;
        for (part, index) in files.iter().rev() {
            let fragments = parts::before(part.fragments(&index.fragments, start, end), next);
            next = fragments.first().filter(|_| part.is_cut());
            let id = part.segment.id;
            let (uri, map) = match of {
                Of::Keys => {
                    let map = Map { uri: format!("{base}/{id}/keys.mp4"), byte_range: None };
                    (format!("{base}/{id}/keys-"), map)
                }
                Of::All if rewrite::needs_rewrite(&index.init) => {
                    let map = Map { uri: format!("{base}/{id}/init.mp4"), byte_range: None };
                    (format!("{base}/{id}/"), map)
                }
                Of::All => {
                    let uri = format!("{base}/{id}.mp4");
                    let range = ByteRange { offset: 0, length: index.init.init_len };
                    (uri.clone(), Map { uri, byte_range: Some(range) })
                }
            };
            recordings.push(Recording { uri, map, init: &index.init, fragments });
        }
        recordings.reverse();
        let growing = end > now;
        let target = match of {
            Of::Keys => keys::TARGET,
            Of::All if growing => GROWING_TARGET,
            Of::All => HLS_TARGET,
        };
        let mut segments = hls::segments(&recordings, target);
        if segments.is_empty() {
            return Err(RecordError::NothingRecorded { stream, start, end });
        }
        for segment in &mut segments {
            if segment.uri.ends_with(['/', '-'])
                && let Some(range) = segment.byte_range.take()
            {
                segment.uri = format!("{}{}-{}.m4s", segment.uri, range.offset, range.length);
            }
        }
        let mut list = MediaPlaylist::vod(segments);
        if growing {
            list.kind = PlaylistKind::Event;
            list.target_duration_s = GROWING_TARGET_S;
            // While its file is being written the last entry still grows; a player that has loaded it would never see the
            // rest. One of a file that is complete is final.
            let open = files.last().is_some_and(|(part, _)| part.segment.state == SegmentState::Open);
            if open && list.segments.len() > 1 {
                list.segments.pop();
            }
        }
        Ok(list.to_string())
    }

    /// The file of a segment, for byte ranges.
    ///
    /// # Errors
    /// [`RecordError::NoSuchSegment`], [`RecordError::Io`], [`RecordError::Volume`], [`RecordError::Store`].
    pub fn segment_source(&self, id: i64) -> Result<SegmentSource, RecordError> {
        let segment = self.segment(id)?;
        let file = self.open(&segment)?;
        let complete = segment.state == SegmentState::Closed;
        let etag = format!("\"{id:x}-{:x}-{:x}\"", segment.start.0, segment.bytes);
        Ok(SegmentSource { file, length: segment.bytes, complete, etag })
    }

    /// The init segment of a recording's pictures alone.
    ///
    /// # Errors
    /// As [`Playback::rewritten_init`].
    pub fn keys_init(&self, id: i64) -> Result<Bytes, RecordError> {
        let segment = self.segment(id)?;
        let init = keys::init(&self.index(&segment)?.init);
        init.ok_or_else(|| self.damaged(&segment, "it has no video track".into()))
    }

    /// The key frames of the whole fragments in `length` bytes from `offset` of a recording, one fragment each.
    ///
    /// # Errors
    /// As [`Playback::rewritten`].
    pub fn keys(&self, id: i64, offset: u64, length: u64) -> Result<Bytes, RecordError> {
        let segment = self.segment(id)?;
        let index = self.index(&segment)?;
        let wanted = exactly(&index.fragments, id, offset, length)?;
        keys::fragments(self, &segment, &self.open(&segment)?, &index, wanted)
    }

    /// The init segment of a recording whose sound is rewritten for browsers.
    ///
    /// # Errors
    /// As [`Playback::segment_source`], and [`RecordError::Damaged`].
    pub fn rewritten_init(&self, id: i64) -> Result<Bytes, RecordError> {
        let segment = self.segment(id)?;
        Ok(rewrite::init_segment(&self.index(&segment)?.init).into())
    }

    /// The whole fragments in `length` bytes from `offset` of a recording, with the sound rewritten for browsers.
    ///
    /// # Errors
    /// [`RecordError::NoSuchFragment`] when the range is not one that a playlist gave, and as
    /// [`Playback::rewritten_init`].
    pub fn rewritten(&self, id: i64, offset: u64, length: u64) -> Result<Bytes, RecordError> {
        let segment = self.segment(id)?;
        let index = self.index(&segment)?;
        let wanted = exactly(&index.fragments, id, offset, length)?;
        let file = self.open(&segment)?;
        let mut out = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        for fragment in wanted {
            let bytes = self.read(&segment, &file, fragment.offset, fragment.length)?;
            let made = rewrite::fragment(&index.init, fragment, &bytes)
                .map_err(|p| self.damaged(&segment, p.to_string()))?;
            out.extend_from_slice(&made);
        }
        Ok(out.into())
    }

    /// A virtual MP4 of a stream between `start` and `end`, at most a day. Playing starts exactly at `start`.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] naming `start` or `end`, [`RecordError::NothingRecorded`], [`RecordError::TooLong`],
    /// [`RecordError::Damaged`], [`RecordError::Store`].
    pub fn flat_mp4(&self, stream: StreamKey, start: WallTime, end: WallTime) -> Result<Clip, RecordError> {
        range::footage(start, end, self.shared.clock.now())?;
        Clip::plan(self, stream, start, end)
    }

    /// About how many bytes of a stream lie between `start` and `end`: the share of each file that does, from the
    /// catalogue alone. For saying beforehand how large an export will be; the range may be of any length.
    ///
    /// # Errors
    /// [`RecordError::Store`].
    pub fn bytes_between(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
    ) -> Result<u64, RecordError> {
        let parts = parts::choose(self.every_segment(stream, start, end)?);
        Ok(parts.iter().map(|p| share(&p.segment, start.max(p.start), end.min(p.end))).sum())
    }

    /// The key frame of a stream at or before `time`: for a picture while scrubbing. It may lie before `time` by a group
    /// of pictures, or by more when nothing was recorded in between; `wall` says.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] when `time` is in the future, [`RecordError::NothingRecorded`] when there is nothing
    /// before it, and as [`Playback::rewritten_init`].
    pub fn key_frame_at(&self, stream: StreamKey, time: WallTime) -> Result<StillFrame, RecordError> {
        let now = self.shared.clock.now();
        // Clocks of browser and box differ; a little future is just "the newest".
        if time > now.plus_nanos(5_000_000_000) {
            let problem = format!("is in the future: {time}, and it is {now} now");
            return Err(RecordError::invalid("time", problem));
        }
        let nothing = || RecordError::NothingRecorded { stream, start: WallTime(0), end: time };
        let parts = parts::choose(self.every_segment(stream, time, time.plus_nanos(1))?);
        let here = parts.into_iter().filter(|p| p.start <= time && p.end > time);
        let mut candidates: Vec<Segment> = here.map(|p| p.segment).collect();
        if candidates.is_empty() {
            candidates.extend(self.shared.store.read_blocking(|c| catalogue::last_before(c, stream, time))?);
        }
        let Some(segment) = candidates.pop() else { return Err(nothing()) };
        let segment = self.segment(segment.id)?;
        let index = self.index(&segment)?;
        let keyed = index.fragments.iter().filter(|f| f.starts_with_key_frame());
        let fragment = keyed
            .clone()
            .rfind(|f| f.wall.is_some_and(|w| w <= time))
            .or_else(|| keyed.clone().next())
            .ok_or_else(nothing)?;
        crate::still::of(self, &segment, &index, fragment)
    }

    /// The row of a segment, as its writer knows it.
    ///
    /// # Errors
    /// [`RecordError::NoSuchSegment`], [`RecordError::Store`].
    pub fn segment(&self, id: i64) -> Result<Segment, RecordError> {
        if let Some(live) = self.shared.live.lock().get(&id) {
            return Ok(live.segment.clone());
        }
        let row = self.shared.store.read_blocking(|c| catalogue::by_id(c, id))?;
        row.filter(|s| s.state != SegmentState::Damaged).ok_or(RecordError::NoSuchSegment(id))
    }

    /// Opens a segment's file.
    pub(crate) fn open(&self, segment: &Segment) -> Result<File, RecordError> {
        let volume = self.shared.volumes.iter().find_map(|v| v.mount().filter(|m| m.id == segment.volume));
        let Some(mount) = volume else {
            return Err(RecordError::Volume {
                path: segment.place().relative_path(),
                problem: format!(
                    "the recording lies on volume {}, which is not there; mount it",
                    segment.volume
                ),
            });
        };
        mount
            .open_file(&segment.place(), false)
            .map_err(|e| RecordError::io("open", segment.path(mount.root()), e))
    }

    pub(crate) fn index_or_warn(&self, segment: &Segment) -> Option<SegmentIndex> {
        self.index(segment)
            .inspect_err(
                |error| tracing::warn!(segment = segment.id, %error, "a recording could not be read"),
            )
            .ok()
    }

    /// The fragments of a segment: from its writer, from the cache, or from the file.
    pub(crate) fn index(&self, segment: &Segment) -> Result<SegmentIndex, RecordError> {
        if let Some(live) = self.shared.live.lock().get(&segment.id) {
            return Ok(SegmentIndex {
                init: Arc::clone(&live.init),
                fragments: live.fragments.as_slice().into(),
            });
        }
        if let Some(index) = self.cache.get(segment.id) {
            return Ok(index);
        }
        let file = self.open(segment)?;
        if let Some((init, fragments)) = written_index(&file, segment.bytes) {
            let index = SegmentIndex { init: Arc::new(init), fragments: fragments.into() };
            self.cache.put(segment.id, index.clone());
            return Ok(index);
        }
        let scan = scan::scan(&file);
        let problem = scan.problem.as_ref().map(ToString::to_string);
        match scan.init {
            Some(init) if !scan.fragments.is_empty() => {
                let index = SegmentIndex { init: Arc::new(init), fragments: scan.fragments.into() };
                self.cache.put(segment.id, index.clone());
                Ok(index)
            }
            _ => Err(self.damaged(segment, problem.unwrap_or_else(|| "it holds no fragment".into()))),
        }
    }

    pub(crate) fn read(
        &self,
        segment: &Segment,
        file: &File,
        offset: u64,
        length: u64,
    ) -> Result<Bytes, RecordError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        scan::read_exact_at(file, offset, length)
            .map_err(|e| RecordError::io("read", segment.place().relative_path(), e))
    }

    pub(crate) fn damaged(&self, segment: &Segment, problem: String) -> RecordError {
        RecordError::Damaged { path: segment.place().relative_path(), problem }
    }
}

/// The bytes of a segment that lie between `start` and `end` if they are spread evenly.
fn share(segment: &Segment, start: WallTime, end: WallTime) -> u64 {
    let whole = segment.end.nanos_since(segment.start).max(1);
    let part = segment.end.min(end).nanos_since(segment.start.max(start)).clamp(0, whole);
    (u128::from(segment.bytes) * part as u128 / whole as u128) as u64
}

/// The index that was written when the file was completed: one read of its end instead of one for each fragment, which on
/// a hard disk that has to look for them is half a second for a minute of recording.
fn written_index(file: &File, length: u64) -> Option<(Init, Vec<FragmentIndex>)> {
    let tail = (index_box::TAIL as u64).min(length);
    let bytes = scan::read_exact_at(file, length - tail, tail as usize).ok()?;
    index_box::read_index(&bytes, length)
}

/// What a playlist is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    All,
    Keys,
}

/// The fragments that lie in exactly `length` bytes from `offset`.
fn exactly(
    fragments: &[FragmentIndex],
    segment: i64,
    offset: u64,
    length: u64,
) -> Result<&[FragmentIndex], RecordError> {
    let end = offset.saturating_add(length);
    let from = fragments.partition_point(|f| f.offset < offset);
    let wanted = &fragments[from..];
    let wanted = &wanted[..wanted.partition_point(|f| f.end() <= end)];
    let whole =
        wanted.first().is_some_and(|f| f.offset == offset) && wanted.last().is_some_and(|f| f.end() == end);
    whole.then_some(wanted).ok_or(RecordError::NoSuchFragment { segment, offset, length })
}

/// The fragments that overlap the range, and those before them back to a key frame.
pub(crate) fn wanted(fragments: &[FragmentIndex], start: WallTime, end: WallTime) -> &[FragmentIndex] {
    let before_end = fragments.partition_point(|f| f.wall.is_none_or(|w| w < end));
    let fragments = &fragments[..before_end];
    let last_begun = fragments.partition_point(|f| f.wall.is_none_or(|w| w <= start));
    let from = fragments[..last_begun].iter().rposition(FragmentIndex::starts_with_key_frame).unwrap_or(0);
    &fragments[from..]
}

/// Ledger rows as the recorder knew them a moment ago, where the database is behind.
pub(crate) fn with_fresh(mut gaps: Vec<Gap>, fresh: Vec<(i64, Option<Gap>)>) -> Vec<Gap> {
    for (id, fresh) in fresh {
        let row = gaps.iter().position(|g| g.id == id).map(|i| gaps.swap_remove(i));
        gaps.extend(match row {
            // It ended while we were reading.
            Some(row) if row.end.is_some() => Some(row),
            _ => fresh,
        });
    }
    gaps
}
