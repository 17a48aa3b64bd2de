//! The finished plan: its length, its identity, and where each byte comes from.

use super::TimeSpan;
use super::flac_slice::{FlacRun, FlacSlice};
use bytes::Bytes;
use std::ops::Range;

/// A piece of the payload.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Where it starts in the flat file; set by [`FlatMp4::new`].
    at: u64,
    len: u64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Inline(Bytes),
    File { source: u64, offset: u64 },
    Flac { source: u64, offset: u64, run: FlacRun },
}

impl Piece {
    pub(super) fn inline(bytes: Bytes) -> Self {
        Self { at: 0, len: bytes.len() as u64, what: What::Inline(bytes) }
    }
    pub(super) fn file(source: u64, offset: u64, len: u64) -> Self {
        Self { at: 0, len, what: What::File { source, offset } }
    }
    pub(super) fn flac(source: u64, offset: u64, run: FlacRun) -> Self {
        Self { at: 0, len: run.bytes(), what: What::Flac { source, offset, run } }
    }

    /// Takes `next` in when its bytes follow in the same file: pictures and sound of a fragment are one read.
    fn join(&mut self, next: &Self) -> bool {
        match (&self.what, &next.what) {
            (What::File { source: a, offset }, What::File { source: b, offset: then })
                if a == b && offset + self.len == *then =>
            {
                self.len += next.len;
                true
            }
            _ => false,
        }
    }

    fn hash(&self, hash: &mut Fnv) {
        hash.add(&self.len.to_be_bytes());
        match &self.what {
            What::Inline(bytes) => hash.add(bytes),
            What::File { source, offset } | What::Flac { source, offset, .. } => {
                hash.add(&source.to_be_bytes());
                hash.add(&offset.to_be_bytes());
            }
        }
    }
}

/// A planned file. Cheap to ask, and the same plan always gives the same bytes.
#[derive(Clone, Debug)]
pub struct FlatMp4 {
    head: Bytes,
    pieces: Vec<Piece>,
    total_len: u64,
    etag: String,
    mime_type: String,
    duration_nanos: i64,
    time_map: Vec<TimeSpan>,
}

impl FlatMp4 {
    pub(super) fn new(
        head: Vec<u8>,
        payload: Vec<Piece>,
        mime_type: String,
        duration_nanos: i64,
        time_map: Vec<TimeSpan>,
    ) -> Self {
        let mut hash = Fnv::default();
        hash.add(&head);
        let mut at = head.len() as u64;
        let mut pieces: Vec<Piece> = Vec::with_capacity(payload.len());
        for mut piece in payload {
            piece.hash(&mut hash);
            piece.at = at;
            at += piece.len;
            if !pieces.last_mut().is_some_and(|last| last.join(&piece)) {
                pieces.push(piece);
            }
        }
        pieces.shrink_to_fit();
        Self {
            head: head.into(),
            pieces,
            total_len: at,
            etag: format!("\"{:016x}{:016x}\"", hash.a, hash.b),
            mime_type,
            duration_nanos,
            time_map,
        }
    }

    /// A planned file of `pieces` that are known already, one after another; nothing is converted in it.
    pub fn of_slices(
        pieces: impl IntoIterator<Item = Slice>,
        mime_type: String,
        duration_nanos: i64,
        time_map: Vec<TimeSpan>,
    ) -> Self {
        let piece = |slice| match slice {
            Slice::Inline(bytes) => Some(Piece::inline(bytes)),
            Slice::File { source, range } => {
                Some(Piece::file(source, range.start, range.end.saturating_sub(range.start)))
            }
            Slice::Flac(_) => None,
        };
        let payload = pieces.into_iter().filter(|s| !s.is_empty()).filter_map(piece).collect();
        Self::new(Vec::new(), payload, mime_type, duration_nanos, time_map)
    }

    /// Length of the file in bytes.
    pub fn total_len(&self) -> u64 {
        self.total_len
    }

    /// A strong entity tag, quotes included, as long as a source id always means the same file.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The MIME type with codecs.
    pub fn mime_type(&self) -> &str {
        &self.mime_type
    }

    /// How long it plays, nanoseconds.
    pub fn duration_nanos(&self) -> i64 {
        self.duration_nanos
    }

    /// Which instant of the clip is which wall time; more than one span when there are gaps.
    pub fn time_map(&self) -> &[TimeSpan] {
        &self.time_map
    }

    /// Where the bytes `range` of the file come from, in order. The range is cut to the file.
    pub fn slices(&self, range: Range<u64>) -> Slices<'_> {
        let end = range.end.min(self.total_len);
        Slices { plan: self, at: range.start.min(end), end }
    }
}

/// See [`FlatMp4::slices`].
#[derive(Clone, Debug)]
pub struct Slices<'a> {
    plan: &'a FlatMp4,
    at: u64,
    end: u64,
}

impl Iterator for Slices<'_> {
    type Item = Slice;

    fn next(&mut self) -> Option<Slice> {
        let (plan, at) = (self.plan, self.at);
        if at >= self.end {
            return None;
        }
        let head = plan.head.len() as u64;
        if at < head {
            let end = self.end.min(head);
            self.at = end;
            return Some(Slice::Inline(plan.head.slice(at as usize..end as usize)));
        }
        // The first piece starts where the head ends, so there is one at or before `at`.
        let n = plan.pieces.partition_point(|p| p.at <= at).checked_sub(1)?;
        let piece = plan.pieces.get(n)?;
        let end = self.end.min(piece.at + piece.len);
        self.at = end;
        let within = at - piece.at..end - piece.at;
        Some(match &piece.what {
            What::Inline(bytes) => Slice::Inline(bytes.slice(within.start as usize..within.end as usize)),
            What::File { source, offset } => {
                Slice::File { source: *source, range: offset + within.start..offset + within.end }
            }
            What::Flac { source, offset, run } => Slice::Flac(FlacSlice::new(*source, *offset, *run, within)),
        })
    }
}

/// Where some bytes of the file come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slice {
    /// These bytes.
    Inline(Bytes),
    /// These bytes of a recorded file.
    File {
        /// The id given to [`super::FlatBuilder::source`].
        source: u64,
        /// Byte range in it.
        range: Range<u64>,
    },
    /// G.711 in a recorded file, to be converted.
    Flac(FlacSlice),
}

impl Slice {
    /// How many bytes of the file it stands for.
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::File { range, .. } => range.end - range.start,
            Self::Flac(flac) => flac.len(),
        }
    }

    /// Whether that is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Two 64-bit FNV-1a hashes over words: identity among one box's own plans, no defence against forgery.
struct Fnv {
    a: u64,
    b: u64,
}

impl Default for Fnv {
    fn default() -> Self {
        Self { a: 0xcbf2_9ce4_8422_2325, b: 0x9e37_79b9_7f4a_7c15 }
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let word = u64::from_be_bytes(word);
            self.a = (self.a ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
            self.b = (self.b ^ word.rotate_left(32)).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29);
        }
    }
}
