//! What a fragment holds, read from its `moof`.

use super::init::{Init, InitTrack};
use super::parse::{Box, children};
use super::problem::Problem;
use heron_core::{TrackKind, WallTime};

/// Samples that one fragment may have. Ours have at most 600; ffmpeg's have some thousands.
const MAX_SAMPLES: u32 = 65_536;

/// What one fragment has of one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackIndex {
    /// Which track.
    pub kind: TrackKind,
    /// Decoding time of the first sample (`tfdt`), in ticks of the track.
    pub first_dts: u64,
    /// Presentation time of the first sample, in ticks of the track.
    pub first_pts: i64,
    /// Sum of the sample durations, in ticks of the track.
    pub duration: u64,
    /// Number of samples.
    pub samples: u32,
    /// Number of payload bytes.
    pub bytes: u64,
    /// Whether decoding can start at the first sample.
    pub sync_first: bool,
}

/// Where one fragment lies and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentIndex {
    /// Offset in the file of its first box (`styp`, `prft` or `moof`).
    pub offset: u64,
    /// Bytes up to the end of its `mdat`.
    pub length: u64,
    /// Bytes from `offset` to the first payload byte: what [`samples`] wants to see.
    pub header_len: u32,
    /// `mfhd.sequence_number`.
    pub sequence: u32,
    /// Wall time of the presentation time of its first video sample (of its first sample when it has no video), from
    /// `prft`.
    pub wall: Option<WallTime>,
    /// What it has of each track, in the order of the `traf` boxes; at most one of a kind.
    pub tracks: Vec<TrackIndex>,
}

impl FragmentIndex {
    /// What it has of the track of that kind.
    pub fn track(&self, kind: TrackKind) -> Option<&TrackIndex> {
        self.tracks.iter().find(|t| t.kind == kind)
    }
    /// Whether its first video sample is a key frame.
    pub fn starts_with_key_frame(&self) -> bool {
        self.track(TrackKind::Video).is_some_and(|t| t.sync_first)
    }
    /// Offset of the first byte after it.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}

/// One sample in a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleEntry {
    /// Offset of its bytes from the start of the fragment ([`FragmentIndex::offset`]).
    pub offset: u64,
    /// Bytes.
    pub size: u32,
    /// Ticks of the track.
    pub duration: u32,
    /// Presentation time minus decoding time, in ticks of the track.
    pub cto: i32,
    /// Decoding can start here.
    pub sync: bool,
}

/// The samples that one fragment has of one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackSamples {
    /// Which track.
    pub kind: TrackKind,
    /// Decoding time of the first sample, in ticks of the track.
    pub first_dts: u64,
    /// In decoding order.
    pub samples: Vec<SampleEntry>,
}

/// The sample tables of one fragment. `header` is at least the first [`FragmentIndex::header_len`] bytes of the
/// fragment. A sample whose bytes lie outside the fragment's payload is an error.
pub fn samples(init: &Init, fragment: &FragmentIndex, header: &[u8]) -> Result<Vec<TrackSamples>, Problem> {
    let most = fragment.header_len as usize;
    let header = header.get(..most).ok_or_else(|| Problem::Truncated {
        name: "fragment header".to_owned(),
        at: fragment.offset,
        needs: most as u64,
        has: header.len() as u64,
    })?;
    let moof = find_moof(header, fragment.offset)?;
    let mut tracks: Vec<TrackSamples> = Vec::with_capacity(init.tracks.len());
    // No byte belongs to two samples, so what is made of them is no larger than the file.
    let mut left = fragment.length;
    walk(&init.tracks, &moof, |track, dts, sample| {
        let kind = track.spec.kind();
        let offset = sample
            .at
            .checked_sub(fragment.offset)
            .filter(|o| *o >= most as u64 && o.saturating_add(u64::from(sample.size)) <= fragment.length)
            .ok_or_else(|| moof.damaged("a sample lies outside its fragment"))?;
        left = left
            .checked_sub(u64::from(sample.size))
            .ok_or_else(|| moof.damaged("its samples lie over one another"))?;
        let entry = SampleEntry {
            offset,
            size: sample.size,
            duration: sample.duration,
            cto: sample.cto,
            sync: sample.sync,
        };
        match tracks.iter_mut().find(|t| t.kind == kind) {
            Some(t) => t.samples.push(entry),
            None => tracks.push(TrackSamples { kind, first_dts: dts, samples: vec![entry] }),
        }
        Ok(())
    })?;
    Ok(tracks)
}

/// The `moof` among the boxes before the payload (the last of them is `mdat`, of which only the head is there).
fn find_moof(header: &[u8], at: u64) -> Result<Box<'_>, Problem> {
    children(header, at).find(b"moof")?.ok_or_else(|| Problem::malformed(b"moof", at, "it is missing"))
}

/// One sample as `walk` finds it; `at` counts from the start of the file.
pub(super) struct Found {
    pub(super) at: u64,
    pub(super) size: u32,
    pub(super) duration: u32,
    pub(super) cto: i32,
    pub(super) sync: bool,
}

/// Goes through the samples of a `moof` in the order of its `traf` boxes and says each one's decoding time; returns the
/// sequence number. Samples of tracks that the init segment does not name are passed over.
pub(super) fn walk(
    tracks: &[InitTrack],
    moof: &Box<'_>,
    mut each: impl FnMut(&InitTrack, u64, Found) -> Result<(), Problem>,
) -> Result<u32, Problem> {
    let mut sequence = 0;
    let mut budget = MAX_SAMPLES;
    // Without a base offset of its own, a later `traf` starts where the one before ended (§8.8.7.1).
    let mut data_end = moof.at;
    for child in moof.children(0)? {
        let child = child?;
        match &child.kind {
            b"mfhd" => sequence = child.full()?.2.u32()?,
            b"traf" => walk_traf(tracks, moof.at, &child, &mut data_end, &mut budget, &mut each)?,
            _ => {}
        }
    }
    Ok(sequence)
}

/// What `tfhd` says, over what `trex` said.
struct Defaults {
    base: u64,
    duration: u32,
    size: u32,
    flags: u32,
}

fn walk_traf(
    tracks: &[InitTrack],
    moof_at: u64,
    traf: &Box<'_>,
    data_end: &mut u64,
    budget: &mut u32,
    each: &mut impl FnMut(&InitTrack, u64, Found) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut found: Option<(&InitTrack, Defaults)> = None;
    let mut dts: Option<u64> = None;
    for child in traf.children(0)? {
        let child = child?;
        match &child.kind {
            b"tfhd" => {
                let (_, flags, mut fields) = child.full()?;
                let id = fields.u32()?;
                let Some(track) = tracks.iter().find(|t| t.track_id == id) else { return Ok(()) };
                let base = if flags & 0x01 != 0 { Some(fields.u64()?) } else { None };
                if flags & 0x02 != 0 {
                    fields.u32()?; // sample_description_index
                }
                let mut optional = |bit, default| if flags & bit != 0 { fields.u32() } else { Ok(default) };
                let duration = optional(0x08, track.default_duration)?;
                let size = optional(0x10, track.default_size)?;
                let sample_flags = optional(0x20, track.default_flags)?;
                let base = base.unwrap_or(if flags & 0x02_0000 != 0 { moof_at } else { *data_end });
                *data_end = base;
                found = Some((track, Defaults { base, duration, size, flags: sample_flags }));
            }
            b"tfdt" => {
                let (version, _, mut fields) = child.full()?;
                dts = Some(fields.sized(version)?);
            }
            b"trun" => {
                let Some((track, defaults)) = &found else {
                    return Err(child.damaged("there is no tfhd before it"));
                };
                // Without `tfdt` nobody knows the time; CMAF and we always write it.
                let Some(dts) = &mut dts else {
                    return Err(child.damaged("there is no tfdt before it"));
                };
                walk_trun(track, defaults, &child, dts, data_end, budget, each)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn walk_trun(
    track: &InitTrack,
    defaults: &Defaults,
    trun: &Box<'_>,
    dts: &mut u64,
    data_end: &mut u64,
    budget: &mut u32,
    each: &mut impl FnMut(&InitTrack, u64, Found) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let (_, flags, mut fields) = trun.full()?;
    let count = fields.u32()?;
    let per_sample = [0x100, 0x200, 0x400, 0x800].iter().filter(|bit| flags & **bit != 0).count() * 4;
    let mut at = *data_end;
    if flags & 0x01 != 0 {
        let offset = i64::from(fields.u32()? as i32);
        at = defaults
            .base
            .checked_add_signed(offset)
            .ok_or_else(|| trun.damaged("its data offset is negative"))?;
    }
    let first_flags = if flags & 0x04 != 0 { Some(fields.u32()?) } else { None };
    if count as usize * per_sample > fields.left() {
        return Err(trun.damaged("it is too short for its sample count"));
    }
    *budget = budget.checked_sub(count).ok_or_else(|| trun.damaged("it counts more samples than can be"))?;
    for n in 0..count {
        let mut field = |bit, default| if flags & bit != 0 { fields.u32() } else { Ok(default) };
        let duration = field(0x100, defaults.duration)?;
        let size = field(0x200, defaults.size)?;
        let mut sample_flags = field(0x400, defaults.flags)?;
        if let (0, Some(first)) = (n, first_flags) {
            sample_flags = first;
        }
        // Version 0 counts unsigned, version 1 signed; offsets past 2^31 ticks (6 h) do not exist in either.
        let cto = field(0x800, 0)? as i32;
        each(track, *dts, Found { at, size, duration, cto, sync: sample_flags & 0x01_0000 == 0 })?;
        at =
            at.checked_add(u64::from(size)).ok_or_else(|| trun.damaged("its samples end beyond any file"))?;
        *dts = dts
            .checked_add(u64::from(duration))
            .ok_or_else(|| trun.damaged("its samples end beyond any time"))?;
    }
    *data_end = at;
    Ok(())
}
