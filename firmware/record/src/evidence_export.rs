//! Signed exports: whole fragments as they were recorded, and the proof that goes with them, as a plan of slices.

use crate::RecordError;
use crate::catalogue::Segment;
use crate::clip::Clip;
use crate::evidence::Notary;
use crate::playback::{Playback, wanted};
use crate::range;
use crate::summary;
use bytes::Bytes;
use heron_core::{MediaTime, StreamKey, TrackKind, WallTime};
use heron_evidence::export::{MOST_PARTS, Part, Proof, Shift};
use heron_evidence::{Digest, Ending, Head, Opening, SEAL_LEN, Sealer, chain_over, read_head, read_opening};
use heron_media::mp4::flat::{FlatMp4, Slice, TimeSpan};
use heron_media::mp4::times::decode_times;
use heron_media::mp4::{FragmentIndex, Init, Problem, mime_type};
use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

impl Playback {
    /// A signed export of a stream between `start` and `end`, at most a day: the fragments that cover the range, whole and as
    /// they were recorded (so it begins with the key frame before `start`), then the proof. `herond verify` says of the file
    /// which box recorded it, from when to when, and whether it is whole; players just play it.
    ///
    /// The answer is a [`Clip`] like that of [`Playback::flat_mp4`]: length, entity tag, slices of recorded files and inline
    /// bytes; read it with [`Clip::read`] or serve it by range. Footage that is still being written is signed as far as it
    /// is written. The same footage gives the same bytes (with an Ed25519 key).
    ///
    /// ```text
    /// let clip = playback.evidence_mp4(stream, start, end)?;
    /// let length = clip.plan_of().total_len();          let bytes = clip.read(0..1 << 20)?;  …
    /// ```
    ///
    /// # Errors
    /// As [`Playback::flat_mp4`]; [`RecordError::NoEvidence`] when a part of the range was recorded without evidence, or
    /// the pictures' format changes in it (`at` says when: ask for the parts before and after).
    pub fn evidence_mp4(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
    ) -> Result<Clip, RecordError> {
        range::footage(start, end, self.shared.clock.now())?;
        let Some(notary) = &self.shared.notary else {
            return Err(RecordError::NoEvidence {
                at: start,
                why: "this box has no key to sign with".into(),
            });
        };
        let mut export = Export { playback: self, notary, parts: Vec::new(), slices: Vec::new(), at: None };
        let mut sources = HashMap::new();
        let mut map = Vec::new();
        let mut first: Option<Arc<Init>> = None;
        for segment in self.segments(stream, start, end)? {
            let index = self.index(&segment)?;
            let wanted = wanted(&index.fragments, start, end);
            let Some(from) = wanted.first() else { continue };
            if first.as_ref().is_some_and(|f| !f.same_formats(&index.init)) {
                let why = "the format of the camera's pictures or sound changed: ask for the time before and the time after it separately";
                return Err(RecordError::NoEvidence { at: segment.start, why: why.into() });
            }
            let number = index.fragments.partition_point(|f| f.offset < from.offset);
            let Some(span) = export.add(&segment, &index.init, &index.fragments, number, wanted.len())?
            else {
                continue;
            };
            map.push(span);
            first.get_or_insert(Arc::clone(&index.init));
            sources.insert(segment.id as u64, segment);
        }
        let Some(init) = first else { return Err(RecordError::NothingRecorded { stream, start, end }) };
        let Export { parts, mut slices, at, .. } = export;
        let proof = Proof::new(stream, (start, end), parts, notary.signer.as_ref())
            .map_err(|e| RecordError::NoEvidence { at: start, why: e.to_string() })?;
        slices.push(Slice::Inline(proof.to_box().into()));
        let duration = at.unwrap_or_default().as_nanos();
        let plan = FlatMp4::of_slices(slices, mime_type(&init.specs()), duration, map);
        Ok(Clip::of(self, plan, sources))
    }
}

/// An export in the making.
struct Export<'a> {
    playback: &'a Playback,
    notary: &'a Notary,
    parts: Vec<Part>,
    slices: Vec<Slice>,
    /// Where the next part begins in the export's own time.
    at: Option<MediaTime>,
}

impl Export<'_> {
    /// Adds `count` fragments of a segment from its fragment `from` (counted from 0) on. `None` when it is a second copy
    /// of what is in the export already.
    fn add(
        &mut self,
        segment: &Segment,
        init: &Init,
        fragments: &[FragmentIndex],
        from: usize,
        count: usize,
    ) -> Result<Option<TimeSpan>, RecordError> {
        let playback = self.playback;
        let file = playback.open(segment)?;
        let without =
            |why: &str| RecordError::NoEvidence { at: segment.start, why: format!("the segment {why}") };
        if self.parts.len() >= MOST_PARTS as usize {
            return Err(RecordError::TooLong(format!("more than {MOST_PARTS} segments: ask for less")));
        }
        let opening = read_opening(&file).ok_or_else(|| without("was recorded without evidence"))?;
        let id = opening.id();
        if self.parts.iter().any(|p| p.opening.id() == id) {
            return Ok(None);
        }
        let mut head = self.head(segment, &opening, &file, fragments).ok_or_else(|| {
            without("has no seal of this box: it was interrupted, or altered; `herond verify` says more")
        })?;
        if head.leaves.len() < from + count {
            return Err(without("has more fragments than were sealed"));
        }
        let rest = head.leaves.split_off(from);
        let before = chain_over(id, &head.leaves);
        head.leaves = rest;
        let taken = &fragments[from..from + count];
        let (shifts, span) = self.place(init, segment, taken)?;
        if self.parts.is_empty() {
            self.slices.push(Slice::File { source: segment.id as u64, range: 0..init.init_len });
        }
        for fragment in taken {
            self.fragment(segment, &file, fragment, &shifts)?;
        }
        self.parts.push(Part {
            init: init_alone(playback, segment, &file, init, &opening)?,
            opening,
            head,
            first: u32::try_from(from + 1).unwrap_or(u32::MAX),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            before,
            shifts,
        });
        Ok(Some(span))
    }

    /// The segment's own head, or one for as much as is written of it now.
    fn head(
        &self,
        segment: &Segment,
        opening: &Opening,
        file: &File,
        fragments: &[FragmentIndex],
    ) -> Option<Head> {
        let length = file.metadata().ok()?.len();
        if let Some(head) = read_head(file, length) {
            let statement = head.statement().filter(|s| s.opening == opening.id())?;
            return (head.leaves.len() == statement.fragments as usize).then_some(head);
        }
        let (signer, mac_key) = (self.notary.signer.as_ref(), &self.notary.mac_key);
        let written = fragments.last()?.end();
        let (sealer, _) = Sealer::resume(file, written, 0, signer, mac_key)?;
        let end = fragments.iter().rev().find_map(summary::end_of).unwrap_or(segment.end);
        // Sealed as of what is written, so that the same footage gives the same bytes.
        sealer.finish(end, Ending::Growing, end, signer).ok().map(|(head, _)| head)
    }

    /// Where the fragments lie in the export's time: right after what is there already.
    fn place(
        &mut self,
        init: &Init,
        segment: &Segment,
        fragments: &[FragmentIndex],
    ) -> Result<(Vec<Shift>, TimeSpan), RecordError> {
        let bad = || self.playback.damaged(segment, "its times make no sense".into());
        let ticks = |t: u64| i64::try_from(t).ok();
        let (Some(first), Some(last)) = (fragments.first(), fragments.last()) else { return Err(bad()) };
        let video = first.track(TrackKind::Video).ok_or_else(bad)?;
        let end = last.track(TrackKind::Video).ok_or_else(bad)?;
        let begins = MediaTime(ticks(video.first_dts).ok_or_else(bad)?);
        let ends = MediaTime(ticks(end.first_dts.saturating_add(end.duration)).ok_or_else(bad)?);
        // Sound may begin a moment before the first picture; nothing may begin before zero.
        let earliest = first
            .tracks
            .iter()
            .filter_map(|t| Some(MediaTime::from_rate(ticks(t.first_dts)?, init.track(t.kind)?.timescale)))
            .min()
            .unwrap_or(begins);
        let at = self.at.unwrap_or((begins - earliest) + MediaTime(MediaTime::HZ / 1000));
        let by = at - begins;
        let shifts = init
            .tracks
            .iter()
            .map(|t| Shift { track_id: t.track_id, ticks: by.to_rate(t.timescale) })
            .filter(|s| s.ticks != 0)
            .collect();
        self.at = Some(ends + by);
        let wall = first.wall.unwrap_or(segment.start);
        let nanos = (ends - begins).as_nanos();
        Ok((shifts, TimeSpan { clip_nanos: at.as_nanos(), wall, nanos }))
    }

    /// The slices of one fragment: the file's own bytes but for the times.
    fn fragment(
        &mut self,
        segment: &Segment,
        file: &File,
        fragment: &FragmentIndex,
        shifts: &[Shift],
    ) -> Result<(), RecordError> {
        let source = segment.id as u64;
        let mut from = fragment.offset;
        if !shifts.is_empty() {
            let damaged = |p: Problem| self.playback.damaged(segment, p.to_string());
            let header =
                self.playback.read(segment, file, fragment.offset, u64::from(fragment.header_len))?;
            let after_seal = header.get(SEAL_LEN..).unwrap_or_default();
            let mut times = decode_times(after_seal).map_err(damaged)?;
            times.sort_by_key(|t| t.at);
            for time in times {
                let by = shifts.iter().find(|s| s.track_id == time.track_id).map_or(0, |s| s.ticks);
                let ticks = time.ticks.checked_add_signed(by).ok_or_else(|| {
                    self.playback.damaged(segment, "a time in it would be less than nothing".into())
                })?;
                let field = fragment.offset + (SEAL_LEN + time.at) as u64;
                self.slices.push(Slice::File { source, range: from..field });
                self.slices.push(Slice::Inline(Bytes::copy_from_slice(&ticks.to_be_bytes())));
                from = field + 8;
            }
        }
        self.slices.push(Slice::File { source, range: from..fragment.end() });
        Ok(())
    }
}

/// The init segment of a file without the opening in it.
fn init_alone(
    playback: &Playback,
    segment: &Segment,
    file: &File,
    init: &Init,
    opening: &Opening,
) -> Result<Vec<u8>, RecordError> {
    let mut bytes = playback.read(segment, file, 0, init.init_len)?.to_vec();
    let size = |at: usize| {
        bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, |b| u32::from_be_bytes(b) as usize)
    };
    let ftyp = size(0);
    let end = ftyp + size(ftyp);
    if end > bytes.len() {
        return Err(playback.damaged(segment, "its beginning makes no sense".into()));
    }
    bytes.drain(ftyp..end);
    if Digest::of(&bytes) == opening.init {
        Ok(bytes)
    } else {
        Err(playback.damaged(segment, "its beginning is not what was sealed".into()))
    }
}
