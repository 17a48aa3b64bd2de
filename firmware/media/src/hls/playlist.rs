//! The playlist as plain fields, and its text.

use heron_core::{MediaTime, WallTime};
use std::fmt::{self, Write as _};

/// A byte range of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// An init segment (`EXT-X-MAP`, §4.3.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Where it is, relative to the playlist.
    pub uri: String,
    /// Which bytes; the whole resource when `None`.
    pub byte_range: Option<ByteRange>,
}

/// A media segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it is, relative to the playlist. Line breaks and quotes in it are percent-encoded on writing.
    pub uri: String,
    /// Which bytes; the whole resource when `None`.
    pub byte_range: Option<ByteRange>,
    /// How long it plays; below zero counts as zero.
    pub duration: MediaTime,
    /// Wall time of its first picture (`EXT-X-PROGRAM-DATE-TIME`, written with milliseconds).
    pub program_date_time: Option<WallTime>,
    /// Something is missing before it, or its time line or format is another: `EXT-X-DISCONTINUITY`. Not written for the
    /// first segment of a list that nothing is ever taken away from, since nothing comes before it.
    pub discontinuity: bool,
    /// The init segment it needs; written when it differs from the one before.
    pub map: Map,
}

/// Whether the list will change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaylistKind {
    /// Complete: `PLAYLIST-TYPE:VOD` and `ENDLIST`.
    Vod,
    /// Still growing at its end, nothing is ever taken away: `PLAYLIST-TYPE:EVENT`.
    Event,
    /// A window that slides: no type, no `ENDLIST`.
    Sliding,
}

/// A media playlist (RFC 8216 §4.3.3). Its `Display` is the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPlaylist {
    /// Whether it will change.
    pub kind: PlaylistKind,
    /// `EXT-X-TARGETDURATION` in seconds; raised to the longest segment's, rounded, where that is more. A list that is
    /// reloaded must keep its value (§6.2.1): give it one that every segment will fit.
    pub target_duration_s: u32,
    /// Number of the first segment.
    pub media_sequence: u64,
    /// Number of discontinuities taken away at the front; written when not zero.
    pub discontinuity_sequence: u64,
    /// The segments in order.
    pub segments: Vec<Segment>,
}

impl MediaPlaylist {
    /// A complete list from its beginning.
    pub fn vod(segments: Vec<Segment>) -> Self {
        Self {
            kind: PlaylistKind::Vod,
            target_duration_s: 1,
            media_sequence: 0,
            discontinuity_sequence: 0,
            segments,
        }
    }

    /// What `EXT-X-TARGETDURATION` says: no segment, rounded to the nearest second, is longer (§4.3.3.1).
    pub fn target_duration_s(&self) -> u64 {
        let longest = self.segments.iter().map(|s| s.duration.0.max(0) as u64).max().unwrap_or(0);
        let rounded = (longest + MediaTime::HZ as u64 / 2) / MediaTime::HZ as u64;
        rounded.max(u64::from(self.target_duration_s)).max(1)
    }
}

impl fmt::Display for MediaPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("#EXTM3U\n#EXT-X-VERSION:7\n")?;
        writeln!(f, "#EXT-X-TARGETDURATION:{}", self.target_duration_s())?;
        writeln!(f, "#EXT-X-MEDIA-SEQUENCE:{}", self.media_sequence)?;
        if self.discontinuity_sequence != 0 {
            writeln!(f, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuity_sequence)?;
        }
        match self.kind {
            PlaylistKind::Vod => f.write_str("#EXT-X-PLAYLIST-TYPE:VOD\n")?,
            PlaylistKind::Event => f.write_str("#EXT-X-PLAYLIST-TYPE:EVENT\n")?,
            PlaylistKind::Sliding => {}
        }
        f.write_str("#EXT-X-INDEPENDENT-SEGMENTS\n")?;
        let mut map: Option<&Map> = None;
        for (n, segment) in self.segments.iter().enumerate() {
            if segment.discontinuity && (n > 0 || self.kind == PlaylistKind::Sliding) {
                f.write_str("#EXT-X-DISCONTINUITY\n")?;
            }
            if map != Some(&segment.map) {
                write_map(f, &segment.map)?;
                map = Some(&segment.map);
            }
            if let Some(wall) = segment.program_date_time {
                writeln!(f, "#EXT-X-PROGRAM-DATE-TIME:{wall}")?;
            }
            // Five decimals are finer than a tick; whole numbers only, so that the text is the same everywhere.
            let ticks = segment.duration.0.max(0) as u64;
            let whole = ticks / MediaTime::HZ as u64;
            let hundred_thousandths = ticks % MediaTime::HZ as u64 * 10 / 9;
            writeln!(f, "#EXTINF:{whole}.{hundred_thousandths:05},")?;
            if let Some(range) = segment.byte_range {
                writeln!(f, "#EXT-X-BYTERANGE:{}@{}", range.length, range.offset)?;
            }
            write_uri(f, &segment.uri)?;
            f.write_char('\n')?;
        }
        if self.kind == PlaylistKind::Vod {
            f.write_str("#EXT-X-ENDLIST\n")?;
        }
        Ok(())
    }
}

fn write_map(f: &mut fmt::Formatter<'_>, map: &Map) -> fmt::Result {
    f.write_str("#EXT-X-MAP:URI=\"")?;
    write_uri(f, &map.uri)?;
    f.write_char('"')?;
    if let Some(range) = map.byte_range {
        write!(f, ",BYTERANGE=\"{}@{}\"", range.length, range.offset)?;
    }
    f.write_char('\n')
}

/// What would end a line, a quoted string, or turn a URI into a tag is percent-encoded.
fn write_uri(f: &mut fmt::Formatter<'_>, uri: &str) -> fmt::Result {
    for (n, c) in uri.chars().enumerate() {
        match c {
            '"' | ' ' | '\\' => write!(f, "%{:02X}", c as u32)?,
            '#' if n == 0 => f.write_str("%23")?,
            c if c.is_ascii_control() => write!(f, "%{:02X}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    Ok(())
}
