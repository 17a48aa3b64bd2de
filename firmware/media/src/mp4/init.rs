//! The init segment read back.

use super::TrackSpec;
use super::format::sample_entry;
use super::moov::EPOCH_1904;
use super::parse::{Box, children};
use super::problem::{Problem, name};
use super::read_at::{ReadAt, Window};
use heron_core::{TrackKind, WallTime};
use std::sync::Arc;

/// Our own `moov` has about a kilobyte; large foreign ones are flat files, which are not ours anyway.
const MAX_MOOV: u64 = 4 << 20;
/// Tracks looked at in a `moov`; of these at most one of each kind is kept.
const MAX_TRACKS: usize = 16;

/// One track of an init segment.
#[derive(Clone, Debug, PartialEq)]
pub struct InitTrack {
    /// `track_ID` as the file says.
    pub track_id: u32,
    /// Ticks per second of its media time line; never zero.
    pub timescale: u32,
    /// Its format, rebuilt from the sample entry. (`reorder_frames` and `nominal_fps` are not kept in a file.)
    pub spec: TrackSpec,
    /// `trex` default sample duration, in ticks.
    pub default_duration: u32,
    /// `trex` default sample size, in bytes.
    pub default_size: u32,
    /// `trex` default sample flags.
    pub default_flags: u32,
}

/// What `ftyp` and `moov` said.
#[derive(Clone, Debug, PartialEq)]
pub struct Init {
    /// Tracks of a kind Heron knows, at most one of each.
    pub tracks: Vec<InitTrack>,
    /// `mvhd.creation_time`, to the second; `None` when it is not set.
    pub created: Option<WallTime>,
    /// The init segment is bytes `0..init_len` of the file.
    pub init_len: u64,
}

impl Init {
    /// The track of that kind.
    pub fn track(&self, kind: TrackKind) -> Option<&InitTrack> {
        self.tracks.iter().find(|t| t.spec.kind() == kind)
    }
    /// The tracks as they would be given to [`super::init_segment`].
    pub fn specs(&self) -> Vec<TrackSpec> {
        self.tracks.iter().map(|t| t.spec.clone()).collect()
    }
    /// Whether a player needs no new init segment to go on from `self` to `other`: same tracks, same formats.
    pub fn same_formats(&self, other: &Self) -> bool {
        self.tracks.len() == other.tracks.len()
            && self.tracks.iter().zip(&other.tracks).all(|(a, b)| {
                a.track_id == b.track_id && a.timescale == b.timescale && a.spec.format == b.spec.format
            })
    }
}

/// Reads just the init segment (`ftyp` and `moov`).
pub fn read_init<R: ReadAt + ?Sized>(source: &R) -> Result<Init, Problem> {
    read(&mut Window::new(source)?)
}

pub(super) fn read<R: ReadAt + ?Sized>(window: &mut Window<'_, R>) -> Result<Init, Problem> {
    let mut at = 0;
    loop {
        let head = match window.head(at) {
            Ok(Some(head)) => head,
            Ok(None) if at == 0 => return Err(Problem::NotMp4("nothing: it is empty".to_owned())),
            Ok(None) => return Err(Problem::MoovMissing(at)),
            // A box "cut off" at the very start is any file that is no MP4, unless it calls itself one.
            Err(Problem::Truncated { name, needs, has, .. }) if at == 0 && name != "ftyp" => {
                return Err(Problem::NotMp4(format!("a {name} of {needs} bytes in {has}")));
            }
            Err(Problem::Malformed { name, .. }) if at == 0 => {
                return Err(Problem::NotMp4(format!("a box of type \"{name}\"")));
            }
            Err(problem) => return Err(problem),
        };
        match &head.kind {
            b"moov" => {
                let body_at = head.at + head.header_len;
                let end = head.end();
                return parse_moov(window.body(&head, MAX_MOOV)?, body_at, end);
            }
            b"ftyp" | b"styp" | b"free" | b"skip" | b"uuid" | b"pdin" | b"wide" => at = head.end(),
            b"mdat" | b"moof" | b"prft" | b"sidx" => return Err(Problem::MoovMissing(head.at)),
            kind if at == 0 => return Err(Problem::NotMp4(format!("a box of type \"{}\"", name(kind)))),
            _ => at = head.end(),
        }
    }
}

fn parse_moov(body: &[u8], at: u64, end: u64) -> Result<Init, Problem> {
    let mut init = Init { tracks: Vec::new(), created: None, init_len: end };
    let mut fragmented = false;
    let mut foreign = Vec::new();
    for child in children(body, at).take(4 * MAX_TRACKS) {
        let child = child?;
        match &child.kind {
            b"mvhd" => {
                let (version, _, mut fields) = child.full()?;
                let created = i64::try_from(fields.sized(version)?).ok().filter(|t| *t != 0);
                init.created = created
                    .and_then(|t| (t - EPOCH_1904).checked_mul(1_000_000_000))
                    .map(WallTime::from_nanos);
            }
            b"trak" if init.tracks.len() + foreign.len() < MAX_TRACKS => match parse_trak(&child)? {
                Ok(track) if init.track(track.spec.kind()).is_none() => init.tracks.push(track),
                Ok(_) => foreign.push("a second track of the same kind".to_owned()),
                Err(what) => foreign.push(what),
            },
            b"mvex" => {
                fragmented = true;
                parse_mvex(&child, &mut init.tracks)?;
            }
            _ => {}
        }
    }
    if !fragmented {
        return Err(Problem::NotOurs("it is not fragmented (no mvex box)".to_owned()));
    }
    if init.tracks.is_empty() {
        let what = if foreign.is_empty() { "no tracks".to_owned() } else { foreign.join(", ") };
        return Err(Problem::NotOurs(format!("no track that Heron knows ({what})")));
    }
    Ok(init)
}

/// `Ok(Err(what))` for a sound track of a kind that Heron does not know.
fn parse_trak(trak: &Box<'_>) -> Result<Result<InitTrack, String>, Problem> {
    let need = |found: Option<_>, what| found.ok_or_else(|| trak.damaged(what));
    let tkhd = need(trak.children(0)?.find(b"tkhd")?, "it has no tkhd")?;
    let (version, _, mut fields) = tkhd.full()?;
    fields.bytes(if version == 1 { 16 } else { 8 })?;
    let track_id = fields.u32()?;
    let mdia = need(trak.children(0)?.find(b"mdia")?, "it has no mdia")?;
    let mdhd = need(mdia.children(0)?.find(b"mdhd")?, "it has no mdhd")?;
    let (version, _, mut fields) = mdhd.full()?;
    fields.bytes(if version == 1 { 16 } else { 8 })?;
    let timescale = fields.u32()?;
    if timescale == 0 {
        return Err(mdhd.damaged("its time scale is zero"));
    }
    let minf = need(mdia.children(0)?.find(b"minf")?, "it has no minf")?;
    let stbl = need(minf.children(0)?.find(b"stbl")?, "it has no stbl")?;
    let stsd = need(stbl.children(0)?.find(b"stsd")?, "it has no stsd")?;
    let entry = need(stsd.children(8)?.next().transpose()?, "its stsd is empty")?;
    Ok(match sample_entry(&entry)? {
        Some(format) => Ok(InitTrack {
            track_id,
            timescale,
            spec: TrackSpec::new(Arc::new(format)),
            default_duration: 0,
            default_size: 0,
            default_flags: 0,
        }),
        None => Err(name(&entry.kind)),
    })
}

fn parse_mvex(mvex: &Box<'_>, tracks: &mut [InitTrack]) -> Result<(), Problem> {
    for child in mvex.children(0)?.take(4 * MAX_TRACKS) {
        let child = child?;
        if child.kind != *b"trex" {
            continue;
        }
        let (_, _, mut fields) = child.full()?;
        let id = fields.u32()?;
        fields.u32()?;
        let (duration, size, flags) = (fields.u32()?, fields.u32()?, fields.u32()?);
        for track in tracks.iter_mut().filter(|t| t.track_id == id) {
            track.default_duration = duration;
            track.default_size = size;
            track.default_flags = flags;
        }
    }
    Ok(())
}
