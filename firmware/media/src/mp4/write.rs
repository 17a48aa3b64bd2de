//! Init segments and fragments, from access units.

use super::TrackSpec;
use super::scan::FragmentIndex;
use bytes::Bytes;
use heron_core::{AccessUnit, MediaTime, TrackKind, WallTime};

/// Most samples (of all tracks together) in one fragment. Fragments are at most 1 s long: 60 pictures, 500 audio
/// packets of 2 ms and some metadata fit.
pub const MAX_SAMPLES: usize = 600;
/// Most payload bytes in one fragment: 8 MiB is 1 s at 67 Mbit/s.
pub const MAX_BYTES: usize = 8 << 20;

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
    /// The fragment holds [`MAX_SAMPLES`] samples or would exceed [`MAX_BYTES`]: finish it and push again. A sample is
    /// always taken by an empty builder, however large.
    #[error("the fragment is full: finish it, then push the sample into the next one")]
    Full,
    /// The init segment has no such track.
    #[error("the file has no {0:?} track: start a new file with one")]
    NoSuchTrack(TrackKind),
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
#[derive(Debug)]
pub struct FragmentBuilder {}

impl FragmentBuilder {
    /// A builder for a file with these tracks. `origin` is the media time that becomes zero in the file (`tfdt`):
    /// use the first decoding time of the *connection* for all its segments, so that players pass from one segment
    /// to the next without a seam; a sample before `origin` is written at zero.
    pub fn new(tracks: &[TrackSpec], origin: MediaTime) -> Self {
        unimplemented!()
    }
    /// Adds a sample. Decoding times must rise within a track; one that does not is moved to one tick after its
    /// predecessor.
    pub fn push(&mut self, sample: Sample) -> Result<(), PushError> {
        unimplemented!()
    }
    /// [`FragmentBuilder::push`] of an access unit; shares its payload.
    pub fn push_unit(&mut self, unit: &AccessUnit) -> Result<(), PushError> {
        unimplemented!()
    }
    /// Nothing was pushed since the last `finish`.
    pub fn is_empty(&self) -> bool {
        unimplemented!()
    }
    /// Samples of all tracks so far.
    pub fn samples(&self) -> usize {
        unimplemented!()
    }
    /// Payload bytes so far.
    pub fn bytes(&self) -> usize {
        unimplemented!()
    }
    /// Decoding time of the first video sample so far.
    pub fn first_video_dts(&self) -> Option<MediaTime> {
        unimplemented!()
    }
    /// Makes the fragment; `None` when there is no sample. `sequence` is `mfhd.sequence_number`: from 1, rising.
    /// `next_video_dts` gives the last video sample its duration; without it the one before (or the nominal frame
    /// rate, or 40 ms) is assumed.
    pub fn finish(&mut self, sequence: u32, next_video_dts: Option<MediaTime>) -> Option<Fragment> {
        unimplemented!()
    }
    /// Gives a written fragment back so that its buffers serve the next one.
    pub fn recycle(&mut self, fragment: Fragment) {
        unimplemented!()
    }
}

/// One sample as a fragment in one buffer, for live view: `prft`, `moof`, `mdat`. `duration` in the track's time scale.
pub fn single_sample_fragment(
    track: &TrackSpec,
    origin: MediaTime,
    sequence: u32,
    sample: &Sample,
    duration_ticks: u32,
) -> Bytes {
    unimplemented!()
}

/// The init segment (`ftyp`, `moov`) of a file of these tracks. `created` goes into `mvhd`, to the second.
pub fn init_segment(tracks: &[TrackSpec], created: WallTime) -> Vec<u8> {
    let _ = (tracks, created);
    unimplemented!()
}
