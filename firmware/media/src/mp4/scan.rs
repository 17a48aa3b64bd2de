//! Reading fragmented MP4 back: our own files after a crash, and whatever else somebody put into the folder.

use super::TrackSpec;
use bytes::Bytes;
use heron_core::{ErrorKind, TrackKind, WallTime};
use std::io;

/// Random access to bytes, as a file gives it.
pub trait ReadAt {
    /// Reads at `offset` into `buf`; returns how many bytes were read, zero at the end. Fewer than asked for is
    /// no error.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether there is nothing to read.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|n| n == 0)
    }
}

/// One track of an init segment.
#[derive(Clone, Debug, PartialEq)]
pub struct InitTrack {
    /// `track_ID` as the file says.
    pub track_id: u32,
    /// Ticks per second of its media time line; never zero.
    pub timescale: u32,
    /// Its format, rebuilt from the sample entry. (`reorder_frames` and `nominal_fps` are not kept in a file.)
    pub spec: TrackSpec,
    /// `trex` defaults.
    pub default_duration: u32,
    /// `trex` defaults.
    pub default_size: u32,
    /// `trex` defaults.
    pub default_flags: u32,
}

/// What `ftyp` and `moov` said.
#[derive(Clone, Debug, PartialEq)]
pub struct Init {
    /// Tracks of a kind Heron knows, at most one of each.
    pub tracks: Vec<InitTrack>,
    /// `mvhd.creation_time`, to the second.
    pub created: Option<WallTime>,
    /// The init segment is bytes `0..init_len` of the file.
    pub init_len: u64,
}

impl Init {
    /// The track of that kind.
    pub fn track(&self, kind: TrackKind) -> Option<&InitTrack> {
        self.tracks.iter().find(|t| t.spec.kind() == kind)
    }
}

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
}

/// Why reading stopped before the end of the file. The text says where and what.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file ends inside a box or a fragment: a recording that was cut off.
    #[error("truncated: the {name} at byte {at} needs {needs} bytes, the file has {has} more")]
    Truncated {
        /// Which box, or "fragment".
        name: String,
        /// Where it starts.
        at: u64,
        /// What it needs.
        needs: u64,
        /// What there is.
        has: u64,
    },
    /// No MP4 at all.
    #[error("not an MP4 file: it starts with {0}")]
    NotMp4(String),
    /// Media without a `moov` before it.
    #[error("the moov box is missing: the file has no init segment before byte {0}")]
    MoovMissing(u64),
    /// A box is larger than its parent or than the bound for its kind.
    #[error("the {name} box at byte {at} claims {claims} bytes where at most {most} can be")]
    TooLarge {
        /// Which box.
        name: String,
        /// Where it starts.
        at: u64,
        /// What it claims.
        claims: u64,
        /// What is possible there.
        most: u64,
    },
    /// A box whose content contradicts itself.
    #[error("the {name} box at byte {at} is damaged: {what}")]
    Malformed {
        /// Which box.
        name: String,
        /// Where it starts.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A sound MP4 that is not a Heron recording.
    #[error("not a Heron recording: {0}")]
    NotOurs(String),
    /// The disk did not give the bytes.
    #[error("could not be read at byte {at}: {error}")]
    Io {
        /// Where.
        at: u64,
        /// What the system said.
        error: io::Error,
    },
}

impl Problem {
    /// [`ErrorKind::Unavailable`] when the disk failed, else [`ErrorKind::Damaged`].
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } => ErrorKind::Unavailable,
            _ => ErrorKind::Damaged,
        }
    }
}

/// Everything a file holds, up to the first thing that is not whole.
#[derive(Debug)]
pub struct Scan {
    /// The init segment, if it was whole.
    pub init: Option<Init>,
    /// Every whole fragment, in file order.
    pub fragments: Vec<FragmentIndex>,
    /// Bytes `0..valid_len` are whole; what follows may be cut off.
    pub valid_len: u64,
    /// Why reading stopped early; `None` when the file is whole to its end.
    pub problem: Option<Problem>,
}

/// Scans a whole file: reads box headers, `moov` and `moof`, never `mdat`.
pub fn scan<R: ReadAt + ?Sized>(source: &R) -> Scan {
    let _ = source;
    unimplemented!()
}

/// Reads just the init segment (`ftyp` and `moov`).
pub fn read_init<R: ReadAt + ?Sized>(source: &R) -> Result<Init, Problem> {
    let _ = source;
    unimplemented!()
}

/// Indexes a file fragment by fragment, without holding all of them.
#[derive(Debug)]
pub struct Scanner<'a, R: ReadAt + ?Sized> {
    source: &'a R,
}

impl<'a, R: ReadAt + ?Sized> Scanner<'a, R> {
    /// Goes on at byte `offset` (a fragment's start) of a file whose init segment is known.
    pub fn resume(source: &'a R, init: &'a Init, offset: u64) -> Self {
        let _ = (init, offset);
        Self { source }
    }
    /// The next whole fragment; `Ok(None)` at the end of the file.
    pub fn next_fragment(&mut self) -> Result<Option<FragmentIndex>, Problem> {
        let _ = self.source;
        unimplemented!()
    }
    /// Everything before this byte was whole.
    pub fn valid_len(&self) -> u64 {
        unimplemented!()
    }
}

/// One sample in a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleEntry {
    /// Offset of its bytes from the start of the fragment ([`FragmentIndex::offset`]).
    pub offset: u32,
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
/// fragment. Samples whose bytes lie outside the fragment's `length` are an error.
pub fn samples(init: &Init, fragment: &FragmentIndex, header: &[u8]) -> Result<Vec<TrackSamples>, Problem> {
    let _ = (init, fragment, header);
    unimplemented!()
}

/// The bytes `range` of `source`, at most `bound` of them.
pub fn read_exact<R: ReadAt + ?Sized>(source: &R, offset: u64, len: usize) -> io::Result<Bytes> {
    let _ = (source, offset, len);
    unimplemented!()
}
