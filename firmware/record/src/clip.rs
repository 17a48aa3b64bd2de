//! A virtual MP4 over recorded files, and the bytes of it.

use crate::RecordError;
use crate::catalogue::Segment;
use crate::parts;
use crate::playback::Playback;
use crate::read_now::read_now;
use bytes::{Bytes, BytesMut};
use heron_core::{StreamKey, WallTime};
use heron_media::mp4::flat::{FlatBuilder, FlatError, FlatMp4, FlatOptions, Slice};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// Files of one clip that are open at a time. A day's clip has 1440, and a process 1024 descriptors.
const MOST_OPEN: usize = 4;

/// A planned clip and its files.
#[derive(Debug)]
pub struct Clip {
    playback: Playback,
    plan: FlatMp4,
    sources: HashMap<u64, Segment>,
    open: Mutex<VecDeque<(u64, Arc<File>)>>,
    held: Mutex<Vec<(u64, Arc<File>)>>,
}

impl Clip {
    pub(crate) fn plan(
        playback: &Playback,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
    ) -> Result<Self, RecordError> {
        let mut builder = FlatBuilder::new(FlatOptions { start, end, keep_gaps: false });
        let mut sources = HashMap::new();
        let mut parts = parts::choose(playback.every_segment(stream, start, end)?).into_iter().peekable();
        while let Some(part) = parts.next() {
            // A clip with a hole where one file is damaged is better than no clip.
            let Some(index) = playback.index_or_warn(&part.segment) else { continue };
            let Ok(file) = playback.open(&part.segment) else { continue };
            let next = parts.peek().filter(|next| next.is_cut());
            let next = next.and_then(|next| Some((next, playback.index_or_warn(&next.segment)?)));
            let next =
                next.and_then(|(next, index)| next.fragments(&index.fragments, start, end).first().cloned());
            let fragments = parts::before(part.fragments(&index.fragments, start, end), next.as_ref());
            let segment = part.segment;
            let id = segment.id as u64;
            builder.source(id, &index.init);
            for fragment in fragments {
                let header =
                    playback.read(&segment, &file, fragment.offset, u64::from(fragment.header_len))?;
                builder.fragment(fragment, &header).map_err(|e| refused(playback, &segment, stream, e))?;
            }
            sources.insert(id, segment);
        }
        let plan = builder.finish().map_err(|e| match e {
            FlatError::Empty { .. } => RecordError::NothingRecorded { stream, start, end },
            FlatError::TooLong(_) => RecordError::TooLong(e.to_string()),
            FlatError::Source { source_id, ref problem } => match sources.get(&source_id) {
                Some(segment) => playback.damaged(segment, problem.to_string()),
                None => RecordError::NothingRecorded { stream, start, end },
            },
        })?;
        Ok(Self { playback: playback.clone(), plan, sources, open: Mutex::default(), held: Mutex::default() })
    }

    /// A plan that is known already; `sources` are the segments of its slices.
    pub(crate) fn of(playback: &Playback, plan: FlatMp4, sources: HashMap<u64, Segment>) -> Self {
        Self { playback: playback.clone(), plan, sources, open: Mutex::default(), held: Mutex::default() }
    }

    /// Length, entity tag, MIME type, and where each byte comes from.
    pub fn plan_of(&self) -> &FlatMp4 {
        &self.plan
    }

    /// Opens the first `most` files of the clip, oldest first, and keeps them open as long as the clip lives: what is
    /// held can be read to its end even when retention deletes it meanwhile. Answers how many are held.
    ///
    /// # Errors
    /// As [`Clip::file`].
    pub fn hold(&self, most: usize) -> Result<usize, RecordError> {
        let mut sources: Vec<(&u64, &Segment)> = self.sources.iter().collect();
        sources.sort_by_key(|(id, segment)| (segment.start, **id));
        let files = sources
            .into_iter()
            .take(most)
            .map(|(id, segment)| Ok((*id, Arc::new(self.playback.open(segment)?))))
            .collect::<Result<Vec<_>, RecordError>>()?;
        let count = files.len();
        *self.held.lock() = files;
        Ok(count)
    }

    /// Lets the system forget what it has cached of the files that are held: they are read once, and their pages would
    /// push out what people look at.
    pub fn forget_cached(&self) {
        for (_, file) in self.held.lock().iter() {
            // Advice only; a file system that does not take it changes nothing.
            let _ = rustix::fs::fadvise(&**file, 0, None, rustix::fs::Advice::DontNeed);
        }
    }

    /// The recorded file behind a slice's source, for `sendfile`. At most a few are kept open.
    ///
    /// # Errors
    /// [`RecordError::NoSuchSegment`], [`RecordError::Io`] when retention deleted it in the meantime.
    pub fn file(&self, source: u64) -> Result<Arc<File>, RecordError> {
        if let Some(file) = self.opened(source) {
            return Ok(file);
        }
        let segment = self.sources.get(&source).ok_or(RecordError::NoSuchSegment(source as i64))?;
        // Not under the lock: a disk may take its time, and readers of what is in memory must not wait for it.
        let file = Arc::new(self.playback.open(segment)?);
        let mut open = self.open.lock();
        if open.len() >= MOST_OPEN {
            open.pop_front();
        }
        open.push_back((source, Arc::clone(&file)));
        Ok(file)
    }

    /// The bytes `range` of the clip, cut to its length. Blocks on the disk; ask for 64 KiB to 1 MiB at a time.
    ///
    /// # Errors
    /// As [`Clip::file`].
    pub fn read(&self, range: Range<u64>) -> Result<Bytes, RecordError> {
        let expect = range.end.min(self.plan.total_len()).saturating_sub(range.start);
        let mut out = BytesMut::with_capacity(usize::try_from(expect).unwrap_or(0));
        for slice in self.plan.slices(range) {
            match slice {
                Slice::Inline(bytes) => out.extend_from_slice(&bytes),
                Slice::File { source, range } => {
                    out.extend_from_slice(&self.read_file(source, range)?);
                }
                Slice::Flac(flac) => {
                    let g711 = self.read_file(flac.source(), flac.range())?;
                    out.extend_from_slice(&flac.encode(&g711));
                }
            }
        }
        Ok(out.freeze())
    }

    /// The same when it needs no waiting: the files are open and the bytes in memory. Does not block, so it may be called on
    /// a runtime's worker; ask for 64 KiB at a time.
    pub fn read_now(&self, range: Range<u64>) -> Option<Bytes> {
        let expect = range.end.min(self.plan.total_len()).saturating_sub(range.start);
        let mut slices = self.plan.slices(range);
        let first = self.slice_now(slices.next()?)?;
        if first.len() as u64 == expect {
            return Some(first);
        }
        let mut out = BytesMut::with_capacity(usize::try_from(expect).ok()?);
        out.extend_from_slice(&first);
        for slice in slices {
            out.extend_from_slice(&self.slice_now(slice)?);
        }
        Some(out.freeze())
    }

    fn slice_now(&self, slice: Slice) -> Option<Bytes> {
        match slice {
            Slice::Inline(bytes) => Some(bytes),
            Slice::File { source, range } => {
                read_now(&*self.opened(source)?, range.start, range.end - range.start)
            }
            Slice::Flac(_) => None,
        }
    }

    /// A file that is open already.
    fn opened(&self, source: u64) -> Option<Arc<File>> {
        let held = self.held.lock().iter().find(|(id, _)| *id == source).map(|(_, file)| Arc::clone(file));
        held.or_else(|| {
            self.open.lock().iter().find(|(id, _)| *id == source).map(|(_, file)| Arc::clone(file))
        })
    }

    fn read_file(&self, source: u64, range: Range<u64>) -> Result<Bytes, RecordError> {
        let file = self.file(source)?;
        let segment = self.sources.get(&source).ok_or(RecordError::NoSuchSegment(source as i64))?;
        self.playback.read(segment, &file, range.start, range.end.saturating_sub(range.start))
    }
}

fn refused(playback: &Playback, segment: &Segment, stream: StreamKey, e: FlatError) -> RecordError {
    match e {
        FlatError::Empty { start, end } => RecordError::NothingRecorded { stream, start, end },
        FlatError::TooLong(_) => RecordError::TooLong(e.to_string()),
        FlatError::Source { problem, .. } => playback.damaged(segment, problem.to_string()),
    }
}
