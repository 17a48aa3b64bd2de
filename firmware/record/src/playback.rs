//! What was recorded, for viewers: timeline, playlist, clips, stills. Everything here blocks on the disk and on the
//! database: call it from `spawn_blocking` or a plain thread.

use crate::RecordError;
use crate::catalogue::{self, Segment, SegmentState, VolumeId};
use crate::clip::Clip;
use crate::copies;
use crate::gap_rows;
use crate::index_cache::{IndexCache, MOST_BYTES, SegmentIndex};
use crate::ledger::Gap;
use crate::range;
use crate::shared::{LiveSegment, Shared};
use crate::timeline::{self, Covered, LedgerRow, Rows, Timeline};
use bytes::Bytes;
use heron_core::{CameraId, GapReason, MediaTime, StreamKey, StreamKind, WallTime};
use heron_media::hls::{self, ByteRange, Map, MediaPlaylist, PlaylistKind, Recording};
use heron_media::mp4::{FragmentIndex, rewrite, scan};
use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

/// About how long one entry of a playlist plays.
const HLS_TARGET: MediaTime = MediaTime(4 * MediaTime::HZ);

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
            let mut rows =
                Rows { covered: Vec::with_capacity(covered.len()), ledger: Vec::new(), expired_until };
            rows.ledger = with_fresh(ledger, fresh)
                .iter()
                .map(|g| LedgerRow { start: g.start, end: g.end, reason: g.reason })
                .filter(|g| g.start < end && g.end.is_none_or(|e| e > start))
                .collect();
            self.place_rows(live, covered, &mut rows, start, end);
            if !rows.covered.is_empty() || !rows.ledger.is_empty() {
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
        covered: Vec<(i64, VolumeId, Covered)>,
        rows: &mut Rows,
        start: WallTime,
        end: WallTime,
    ) {
        let here = self.volumes_here();
        // What a copy shows is not missing.
        let shown: HashSet<WallTime> =
            covered.iter().filter(|(_, v, _)| here.contains(v)).map(|(_, _, c)| c.start).collect();
        for (id, volume, c) in covered {
            let c = live
                .iter()
                .position(|l| l.segment.id == id)
                .map_or(c, |i| live.swap_remove(i).segment.covered());
            if here.contains(&volume) {
                rows.covered.push(c);
            } else if !shown.contains(&c.start) {
                rows.ledger.push(LedgerRow {
                    start: c.start,
                    end: Some(c.end),
                    reason: GapReason::VolumeFailed,
                });
            }
        }
        let fresh = live.into_iter().map(|l| l.segment.covered()).filter(|c| c.start < end && c.end > start);
        rows.covered.extend(fresh);
        rows.covered.sort_by_key(|c| c.start);
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
        copies::without_doubles(&mut segments);
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
        let now = self.shared.clock.now();
        range::footage(start, end, now)?;
        let mut files: Vec<(Segment, SegmentIndex)> = Vec::new();
        for segment in self.segments(stream, start, end)? {
            // One unreadable file must not hide the others; the timeline will show it once fsck has seen it.
            files.extend(self.index_or_warn(&segment).map(|index| (segment, index)));
        }
        let recordings: Vec<Recording<'_>> = files
            .iter()
            .map(|(segment, index)| {
                let id = segment.id;
                let (uri, map) = if rewrite::needs_rewrite(&index.init) {
                    let map = Map { uri: format!("{base}/{id}/init.mp4"), byte_range: None };
                    (format!("{base}/{id}/"), map)
                } else {
                    let uri = format!("{base}/{id}.mp4");
                    let range = ByteRange { offset: 0, length: index.init.init_len };
                    (uri.clone(), Map { uri, byte_range: Some(range) })
                };
                Recording { uri, map, init: &index.init, fragments: wanted(&index.fragments, start, end) }
            })
            .collect();
        let mut segments = hls::segments(&recordings, HLS_TARGET);
        if segments.is_empty() {
            return Err(RecordError::NothingRecorded { stream, start, end });
        }
        for segment in &mut segments {
            if segment.uri.ends_with('/')
                && let Some(range) = segment.byte_range.take()
            {
                segment.uri = format!("{}{}-{}.m4s", segment.uri, range.offset, range.length);
            }
        }
        let mut list = MediaPlaylist::vod(segments);
        if end > now {
            list.kind = PlaylistKind::Event;
            list.target_duration_s = GROWING_TARGET_S;
            // The last entry still grows; a player that has loaded it would never see the rest.
            if list.segments.len() > 1 {
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
        let end = offset.saturating_add(length);
        let wanted: Vec<&FragmentIndex> =
            index.fragments.iter().filter(|f| f.offset >= offset && f.offset + f.length <= end).collect();
        let whole = wanted.first().is_some_and(|f| f.offset == offset)
            && wanted.last().is_some_and(|f| f.offset + f.length == end);
        if !whole {
            return Err(RecordError::NoSuchFragment { segment: id, offset, length });
        }
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
        let segments = self.segments(stream, start, end)?;
        Ok(segments.iter().map(|s| share(s, start, end)).sum())
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
        let mut candidates = self.segments(stream, time, time.plus_nanos(1))?;
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
        let scan = scan::scan(&self.open(segment)?);
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
