//! A segment that is being written: its file, its row, its index in memory.

use crate::catalogue::{Segment, SegmentFormat, SegmentState};
use crate::duty::Handover;
use crate::evidence::Notary;
use crate::file::SegmentFile;
use crate::layout::SegmentPlace;
use crate::scribe::Note;
use crate::shared::{LiveSegment, Shared, Volume};
use crate::summary;
use crate::volume::Mount;
use heron_core::{StreamKey, WallTime};
use heron_evidence::{Beginning, Ending, Previous, SEAL_LEN, Seal, Sealer};
use heron_media::mp4::index_box::index_box;
use heron_media::mp4::{Fragment, FragmentIndex, TrackSpec, scan};
use std::sync::Arc;

/// A segment being written; the file is made when its first fragment is ready.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    start: WallTime,
    init: Vec<u8>,
    format: SegmentFormat,
    file: Option<(SegmentFile, Segment)>,
    /// Absent when this recorder has no key.
    sealer: Option<Sealer>,
}

/// What became of a segment that was closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed {
    /// End of its footage.
    pub(crate) end: WallTime,
    /// How the next one names it; `None` when it was not sealed.
    pub(crate) previous: Option<Previous>,
}

/// What an append did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// The file was made for it.
    pub(crate) is_first: bool,
    /// Start of the segment.
    pub(crate) start: WallTime,
    /// End of what is written of it.
    pub(crate) end: WallTime,
    /// Bytes appended.
    pub(crate) bytes: u64,
}

impl OpenSegment {
    /// A segment of these tracks; `None` without video.
    pub(crate) fn new(start: WallTime, init: Vec<u8>, tracks: &[TrackSpec]) -> Option<Self> {
        let format = summary::format_of(tracks)?;
        Some(Self { start, init, format, file: None, sealer: None })
    }

    /// The same, with evidence: to be called before anything is appended.
    pub(crate) fn sealed(mut self, notary: &Notary, beginning: Beginning) -> Self {
        let (sealer, init) = notary.begin(beginning, &self.init);
        (self.sealer, self.init) = (Some(sealer), init);
        self
    }

    /// Appends a fragment: one write. All of it or nothing. `handover` is for whoever takes the stream over if the disk
    /// hangs; then the error is [`crate::duty::Superseded`] and nothing was written that stays.
    pub(crate) fn append(
        &mut self,
        shared: &Shared,
        volume: &Volume,
        mount: &Mount,
        fragment: &Fragment,
        handover: Handover,
    ) -> std::io::Result<Written> {
        let stream = handover.control.key;
        let payloads = || fragment.payloads.iter().map(|p| &p[..]);
        let whole = || std::iter::once(&fragment.header[..]).chain(payloads());
        let seal = self.sealer.as_ref().map(|sealer| sealer.next(whole()));
        let sealed = seal.as_ref().map(Seal::to_box);
        volume.duty.go(handover);
        let taken = match self.file.take() {
            Some(open) => Ok(open),
            None => self.create(shared, volume, mount, stream),
        };
        let (mut file, mut segment) = match taken {
            Ok(open) => open,
            Err(e) => {
                volume.duty.back()?;
                return Err(e);
            }
        };
        let before = file.length();
        let is_first = before == 0;
        let mut parts: Vec<&[u8]> = Vec::with_capacity(fragment.payloads.len() + 3);
        let mut index = fragment.index.clone();
        index.offset = before;
        if is_first {
            parts.push(&self.init);
            index.offset += self.init.len() as u64;
        }
        if let Some(sealed) = &sealed {
            // In the same write: a crash leaves both or neither.
            parts.push(sealed);
            index.length += SEAL_LEN as u64;
            index.header_len += SEAL_LEN as u32;
        }
        parts.extend(whole());
        let appended = volume.meter.time(|| file.append(&parts));
        if let Err(superseded) = volume.duty.back() {
            // The other volume has this fragment too, and the file's row does not: it goes.
            volume.syncer.forget(segment.id);
            let _ = if is_first { mount.unlink(&segment.place()) } else { file.cut(before) };
            return Err(superseded.into());
        }
        if let Err(e) = appended {
            if is_first {
                // A file without anything in it is no recording.
                volume.syncer.forget(segment.id);
                let _ = mount.unlink(&segment.place());
            } else {
                self.file = Some((file, segment));
            }
            return Err(e);
        }
        if let (Some(sealer), Some(seal)) = (&mut self.sealer, &seal) {
            sealer.commit(seal);
        }
        segment.bytes = file.length();
        segment.frames = segment.frames.saturating_add(summary::frames_of(&index));
        segment.end = summary::end_of(&index).unwrap_or(segment.end);
        volume.syncer.grown(segment.id, segment.bytes);
        self.publish(shared, &segment, index, is_first);
        let written =
            Written { is_first, start: segment.start, end: segment.end, bytes: segment.bytes - before };
        self.file = Some((file, segment));
        Ok(written)
    }

    fn create(
        &self,
        shared: &Shared,
        volume: &Volume,
        mount: &Mount,
        stream: StreamKey,
    ) -> std::io::Result<(SegmentFile, Segment)> {
        mount.still_there().map_err(std::io::Error::other)?;
        let new = mount.create(SegmentPlace::new(stream, self.start, 0))?;
        let segment = Segment {
            id: shared.segment_id(),
            stream,
            volume: mount.id,
            start: self.start,
            end: self.start,
            origin: new.place.origin,
            suffix: new.place.suffix,
            bytes: 0,
            init_bytes: u32::try_from(self.init.len()).unwrap_or(u32::MAX),
            frames: 0,
            format: self.format.clone(),
            state: SegmentState::Open,
            locked: false,
        };
        let file = SegmentFile::new(new.file);
        volume.syncer.begin(segment.id, file.handle(), new.folders);
        Ok((file, segment))
    }

    /// Lets playback see the fragment; the first one also makes the segment's row.
    fn publish(&self, shared: &Shared, segment: &Segment, index: FragmentIndex, is_first: bool) {
        if is_first {
            if let Ok(init) = scan::read_init(self.init.as_slice()) {
                let live =
                    LiveSegment { segment: segment.clone(), init: Arc::new(init), fragments: vec![index] };
                shared.live.lock().insert(segment.id, live);
            }
            shared.scribe.note(Note::Segment(Box::new(segment.clone())));
        } else if let Some(live) = shared.live.lock().get_mut(&segment.id) {
            live.segment = segment.clone();
            live.fragments.push(index);
        }
    }

    /// The volume has failed: the file is let go as it is. Its row says what is known to be written and that it is open:
    /// recovery looks at it when the volume is back.
    pub(crate) fn let_go(self, shared: &Shared) -> Option<Segment> {
        let (_, segment) = self.file?;
        shared.scribe.note(Note::LetGo(Box::new(segment.clone())));
        Some(segment)
    }

    /// Completes the file and its row; `None` when it never got a file. Its head, a few kilobytes, is signed and
    /// written; a file that does not take it is complete without.
    pub(crate) fn close(
        self,
        shared: &Shared,
        volume: &Volume,
        handover: Handover,
    ) -> std::io::Result<Option<Closed>> {
        let Some((mut file, mut segment)) = self.file else { return Ok(None) };
        let head = shared.notary.as_ref().zip(self.sealer.as_ref()).and_then(|(notary, sealer)| {
            notary.head(sealer, segment.end, Ending::Closed, shared.clock.now())
        });
        let index = index(shared, &self.init, &segment, file.length());
        let mut previous = None;
        if head.is_some() || index.is_some() {
            let before = file.length();
            volume.duty.go(handover);
            let (head, named) = head.unzip();
            let ending = [index.as_deref().unwrap_or_default(), head.as_deref().unwrap_or_default()];
            let written = file.append(&ending);
            if let Err(superseded) = volume.duty.back() {
                // The row is open: recovery closes and seals it when the volume is back.
                let _ = file.cut(before);
                volume.syncer.forget(segment.id);
                return Err(superseded.into());
            }
            match written {
                Ok(()) => previous = named,
                Err(error) => {
                    tracing::warn!(stream = %segment.stream, %error, "a segment stays without its seal");
                }
            }
        }
        segment.bytes = file.length();
        let closed = Closed { end: segment.end, previous };
        segment.state = SegmentState::Closed;
        volume.syncer.end(segment.id, file.length());
        if let Some(live) = shared.live.lock().get_mut(&segment.id) {
            live.segment = segment.clone();
        }
        shared.scribe.note(Note::Segment(Box::new(segment)));
        Ok(Some(closed))
    }
}

/// What playback needs to know of the file, so that it has not to look for it in the whole of it.
fn index(shared: &Shared, init: &[u8], segment: &Segment, at: u64) -> Option<Vec<u8>> {
    let live = shared.live.lock();
    index_box(init, &live.get(&segment.id)?.fragments, at)
}
