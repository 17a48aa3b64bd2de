//! Playing from the bucket: a playlist over what is stored, and the pieces it names.

use crate::objects::Object;
use heron_core::{MediaTime, WallTime};
use heron_media::hls::{self, ByteRange, Map, MediaPlaylist, Recording, Segment};
use heron_media::mp4::{FragmentIndex, Init, rewrite, scan};
use serde::{Deserialize, Serialize};

/// About how long one piece plays.
const TARGET: MediaTime = MediaTime(4 * MediaTime::HZ);
/// A hole between two files of more than this is a discontinuity.
const SEAM_NANOS: i64 = 500_000_000;

/// One piece of a stored file, from key frame to key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// First byte in the file.
    #[serde(rename = "o")]
    pub offset: u64,
    /// Number of bytes.
    #[serde(rename = "l")]
    pub length: u64,
    /// How long it plays, 90 kHz ticks.
    #[serde(rename = "d")]
    pub ticks: i64,
    /// Wall time of its first picture, nanoseconds.
    #[serde(rename = "w")]
    pub wall_ns: i64,
    /// Something is missing before it.
    #[serde(rename = "j", default, skip_serializing_if = "std::ops::Not::not")]
    pub jump: bool,
}

/// Cuts a file into pieces.
pub(crate) fn parts_of(init: &Init, fragments: &[FragmentIndex]) -> Vec<Part> {
    let map = Map { uri: String::new(), byte_range: None };
    let recording = Recording { uri: String::new(), map, init, fragments };
    hls::segments(&[recording], TARGET)
        .into_iter()
        .filter_map(|s| {
            let range = s.byte_range?;
            Some(Part {
                offset: range.offset,
                length: range.length,
                ticks: s.duration.0,
                wall_ns: s.program_date_time?.0,
                jump: s.discontinuity,
            })
        })
        .collect()
}

/// A playlist over stored files, in order. `base` is prefixed to what the caller must serve: `{base}/{id}/init.mp4` and
/// `{base}/{id}/{offset}-{length}.m4s`.
pub(crate) fn playlist(objects: &[Object], start: WallTime, end: WallTime, base: &str) -> Option<String> {
    let mut segments = Vec::new();
    let mut before: Option<(&Object, Init)> = None;
    for object in objects {
        let Ok(init) = scan::read_init(object.init.as_slice()) else { continue };
        let map = Map { uri: format!("{base}/{}/init.mp4", object.id), byte_range: None };
        let seam = before.as_ref().is_some_and(|(b, formats)| {
            let hole = object.start.nanos_since(b.end).abs();
            hole > SEAM_NANOS || !formats.same_formats(&init)
        });
        let mut first = true;
        for part in &object.parts {
            let until = part.wall_ns.saturating_add(MediaTime(part.ticks).as_nanos());
            if part.wall_ns >= end.0 || until <= start.0 {
                continue;
            }
            segments.push(Segment {
                uri: format!("{base}/{}/{}-{}.m4s", object.id, part.offset, part.length),
                byte_range: None::<ByteRange>,
                duration: MediaTime(part.ticks),
                program_date_time: Some(WallTime(part.wall_ns)),
                discontinuity: part.jump || (first && seam),
                map: map.clone(),
            });
            first = false;
        }
        before = Some((object, init));
    }
    (!segments.is_empty()).then(|| MediaPlaylist::vod(segments).to_string())
}

/// The init segment that goes with [`for_players`].
pub(crate) fn init_for_players(object: &Object) -> Option<Vec<u8>> {
    let init = scan::read_init(object.init.as_slice()).ok()?;
    Some(if rewrite::needs_rewrite(&init) { rewrite::init_segment(&init) } else { object.init.clone() })
}

/// A piece as browsers play it: as it is, or with its G.711 sound rewritten.
///
/// # Errors
/// What is wrong with the bytes.
pub(crate) fn for_players(object: &Object, bytes: bytes::Bytes) -> Result<bytes::Bytes, String> {
    let init = scan::read_init(object.init.as_slice()).map_err(|p| p.to_string())?;
    if !rewrite::needs_rewrite(&init) {
        return Ok(bytes);
    }
    let mut scanner = scan::Scanner::resume(&bytes[..], &init, 0).map_err(|p| p.to_string())?;
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    while let Some(fragment) = scanner.next_fragment().map_err(|p| p.to_string())? {
        let end = usize::try_from(fragment.offset + fragment.length).unwrap_or(usize::MAX);
        let start = usize::try_from(fragment.offset).unwrap_or(usize::MAX);
        let whole = bytes.get(start..end).ok_or("a fragment ends outside of its piece")?;
        out.extend_from_slice(&rewrite::fragment(&init, &fragment, whole).map_err(|p| p.to_string())?);
    }
    Ok(out.into())
}
