//! What a segment says of itself at its beginning: who records, when, after what.

use crate::digest::Digest;
use crate::key::Fingerprint;
use crate::lines::{Maybe, Nanos, Previous, Reader, Writer};
use heron_core::{GapReason, StreamKey, WallTime};
use std::fmt;
use std::str::FromStr;

const TITLE: &str = "heron-evidence 1 opening";

/// Gaps that one opening declares: the parts of the one hole before it. A cause that changes more often than this
/// between two segments is told as it was first and last.
pub const MOST_GAPS: usize = 16;

/// How the footage came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Source {
    /// Recorded as it came from the camera.
    #[default]
    Live,
    /// Fetched afterwards from the camera's own storage.
    Backfill,
    /// What thinning left of an older segment: key frames alone.
    Keys,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 3] = [Self::Live, Self::Backfill, Self::Keys];

    /// `live`, `backfill` or `keys`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Backfill => "backfill",
            Self::Keys => "keys",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Source {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| format!("{text:?} is no source"))
    }
}

/// A stretch without footage, as the ledger has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeclaredGap {
    /// Where the footage before it ends.
    pub start: WallTime,
    /// Where the footage (or the next reason) after it begins.
    pub end: WallTime,
    /// Why nothing was recorded.
    pub reason: GapReason,
}

impl fmt::Display for DeclaredGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", Nanos(self.start), Nanos(self.end), self.reason)
    }
}

impl FromStr for DeclaredGap {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.splitn(3, ' ');
        let mut next = || words.next().ok_or_else(|| "too short".to_owned());
        let (start, end): (Nanos, Nanos) = (next()?.parse()?, next()?.parse()?);
        Ok(Self { start: start.0, end: end.0, reason: next()?.parse()? })
    }
}

/// The first word of a sealed segment. Its hash is where the chain begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The stream.
    pub stream: StreamKey,
    /// How the footage came about.
    pub source: Source,
    /// First instant of the footage.
    pub start: WallTime,
    /// Fingerprint of the key that will seal it.
    pub key: Fingerprint,
    /// Hash of the init segment (`ftyp` and `moov`, without the opening between them).
    pub init: Digest,
    /// How many segments of the stream were sealed before it, as far as the box knows.
    pub number: u64,
    /// The segment before it in the stream, if that was sealed. What was fetched afterwards has none; what thinning
    /// left has that of the segment it was made from.
    pub previous: Option<Previous>,
    /// Head of the segment that this one was made from: only of [`Source::Keys`].
    pub made_from: Option<Digest>,
    /// Why there is a hole before it, part by part.
    pub gaps: Vec<DeclaredGap>,
}

impl Opening {
    /// The one way to write it.
    pub fn to_text(&self) -> String {
        let mut text = Writer::new(TITLE);
        text.put("camera", self.stream.camera)
            .put("stream", self.stream.kind)
            .put("source", self.source)
            .put("start", Nanos(self.start))
            .put("key", self.key)
            .put("init", self.init)
            .put("number", self.number)
            .put("previous", Maybe(&self.previous))
            .put("made-from", Maybe(&self.made_from));
        for gap in self.gaps.iter().take(MOST_GAPS) {
            text.put("gap", gap);
        }
        text.done()
    }

    /// Reads [`Opening::to_text`]; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = Reader::new(text, TITLE)?;
        let camera = lines.get("camera")?;
        let mut opening = Self {
            stream: StreamKey::new(camera, lines.get("stream")?),
            source: lines.get("source")?,
            start: lines.get::<Nanos>("start")?.0,
            key: lines.get("key")?,
            init: lines.get("init")?,
            number: lines.get("number")?,
            previous: lines.maybe("previous")?,
            made_from: lines.maybe("made-from")?,
            gaps: Vec::new(),
        };
        while let Some(gap) = lines.get("gap") {
            opening.gaps.push(gap);
        }
        (opening.gaps.len() <= MOST_GAPS && opening.to_text().as_bytes() == text).then_some(opening)
    }

    /// The hash of the text: the chain's first value.
    pub fn id(&self) -> Digest {
        Digest::of(self.to_text().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heron_core::{CameraId, StreamKind};

    fn opening() -> Opening {
        let camera: CameraId = "01890000-0000-7000-8000-0000000000aa".parse().unwrap();
        Opening {
            stream: StreamKey::new(camera, StreamKind::Main),
            source: Source::Live,
            start: WallTime(1_794_996_000_123_456_789),
            key: Fingerprint([5; 32]),
            init: Digest::of(b"init"),
            number: 7,
            previous: Some(Previous {
                head: Digest::of(b"head"),
                number: 6,
                start: WallTime(1_794_995_000_000_000_000),
                end: WallTime(1_794_995_060_000_000_000),
            }),
            made_from: None,
            gaps: vec![DeclaredGap {
                start: WallTime(1_794_995_060_000_000_000),
                end: WallTime(1_794_996_000_123_456_789),
                reason: GapReason::CameraUnreachable,
            }],
        }
    }

    #[test]
    fn a_person_can_read_it_and_there_is_one_spelling() {
        let text = opening().to_text();
        assert!(text.starts_with("heron-evidence 1 opening\ncamera 01890000-"), "{text}");
        assert!(text.contains("\nstart 2026-11-18T"), "{text}");
        assert!(text.ends_with(".123456789Z camera_unreachable\n"), "{text}");
        assert_eq!(Opening::parse(text.as_bytes()), Some(opening()));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            // Another text may say something else, but never the same.
            assert_ne!(Opening::parse(&bytes), Some(opening()), "byte {at}");
            assert_eq!(
                Opening::parse(&text.as_bytes()[..at]).is_some(),
                text[..at].ends_with("made-from none\n")
            );
        }
        assert_eq!(Opening::parse(text.replace("Z camera", "+00:00 camera").as_bytes()), None);
        assert_eq!(Opening::parse(format!("{text}more\n").as_bytes()), None);
    }
}
