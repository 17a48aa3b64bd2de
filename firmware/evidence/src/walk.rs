//! Goes through a file box by box and notes everything that is there: nothing is passed over, nothing is believed.

use crate::ends::read_head;
use crate::export::Proof;
use crate::head::Head;
use crate::opening::Opening;
use crate::wire::{Kind, MOST_BYTES, Seal, USER_TYPE, unboxed};
use heron_core::WallTime;
use heron_media::mp4::FragmentIndex;
use heron_media::mp4::ReadAt;
use heron_media::mp4::index_box::{INDEX_TYPE, TAIL, read_index};
use heron_media::mp4::scan::read_exact_at;
use std::ops::Range;

/// Fragments that are looked at in one file: two a second for a day. What lies beyond is reported, not checked.
const MOST_FRAGMENTS: usize = 172_800;
/// Foreign boxes that are noted; more are counted as the last one.
const MOST_FOREIGN: usize = 64;

/// A fragment as it lies in the file.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) seal: Option<Seal>,
    /// What the seal's hash covers: first to past the last byte.
    pub(crate) data: Range<u64>,
    /// Length of what comes before the `mdat` box.
    pub(crate) header: u64,
    /// From `prft`, as it stands there.
    pub(crate) wall: Option<WallTime>,
}

/// Everything in a file.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Where the init segment (`ftyp` to `moov`) ends.
    pub(crate) init_end: u64,
    /// Where the opening's box lies, and what it says.
    pub(crate) opening: Option<(Range<u64>, Opening)>,
    pub(crate) fragments: Vec<Found>,
    /// The head, and the number of fragments before it.
    pub(crate) head: Option<(usize, Head)>,
    pub(crate) proof: Option<Proof>,
    /// There was the index that playback uses.
    pub(crate) indexed: bool,
    /// Boxes that the recorder does not write there, in words, and the number of fragments before each.
    pub(crate) foreign: Vec<(usize, String)>,
    /// Why it ended before the end of the file, in words.
    pub(crate) cut: Option<String>,
    /// The disk did not give bytes.
    pub(crate) unreadable: Option<String>,
}

struct BoxHead {
    kind: [u8; 4],
    size: u64,
    header: u64,
}

/// What has been seen of the fragment at hand.
#[derive(Default)]
struct Pending {
    seal: Option<Seal>,
    data: Option<u64>,
    wall: Option<WallTime>,
    moof: bool,
}

/// Walks the first `length` bytes. Memory: 100 bytes per fragment, and a head or proof of at most 32 MiB.
pub(crate) fn walk<R: ReadAt + ?Sized>(file: &R, length: u64) -> Walk {
    let mut walk = Walk::default();
    let mut pending = Pending::default();
    let mut at = 0;
    while at < length {
        let head = match box_head(file, at, length) {
            Ok(Some(head)) => head,
            Ok(None) => {
                walk.cut = Some(format!("the box at byte {at} is cut off or no box at all"));
                break;
            }
            Err(error) => {
                walk.unreadable = Some(format!("byte {at} cannot be read: {error}"));
                break;
            }
        };
        if walk.fragments.len() >= MOST_FRAGMENTS {
            walk.foreign(format!("more than {MOST_FRAGMENTS} fragments"));
            break;
        }
        if let Err(error) = walk.take(file, at, &head, &mut pending) {
            walk.unreadable = Some(format!("byte {at} cannot be read: {error}"));
            break;
        }
        at += head.size;
    }
    if walk.cut.is_none() && (pending.data.is_some() || pending.seal.is_some()) {
        walk.cut = Some("it ends in the middle of a fragment".to_owned());
    }
    if walk.head.is_none()
        && walk.proof.is_none()
        && walk.opening.is_some()
        && let Some(head) = read_head(file, length)
    {
        // Its end is there, but what lies before does not lead to it: a box's length was altered.
        let what = walk.cut.take().unwrap_or_else(|| "its boxes do not lead to the file's end".to_owned());
        walk.foreign(format!("the structure of the file was altered: {what}"));
        walk.head = Some((walk.fragments.len(), head));
    }
    walk
}

impl Walk {
    fn foreign(&mut self, what: String) {
        if self.foreign.len() < MOST_FOREIGN {
            self.foreign.push((self.fragments.len(), what));
        }
    }

    fn take<R: ReadAt + ?Sized>(
        &mut self,
        file: &R,
        at: u64,
        head: &BoxHead,
        pending: &mut Pending,
    ) -> std::io::Result<()> {
        let end = at + head.size;
        let begun = pending.data.is_some() || pending.seal.is_some();
        let late = self.head.is_some() || self.proof.is_some();
        match &head.kind {
            b"ftyp" if at == 0 => self.init_end = end,
            b"moov" if self.fragments.is_empty() && !begun && !late && at == self.init_end => {
                self.init_end = end
            }
            b"uuid" if head.size >= 24 && read_exact_at(file, at + head.header, 16)?[..] == USER_TYPE => {
                let known = if head.size > MOST_BYTES {
                    None
                } else {
                    let bytes = read_exact_at(file, at, head.size as usize)?;
                    unboxed(&bytes).and_then(|(kind, content)| Ours::parse(kind, content))
                };
                match known {
                    Some(Ours::Opening(opening))
                        if self.opening.is_none() && at == self.init_end && !late =>
                    {
                        self.opening = Some((at..end, opening));
                        self.init_end = end;
                    }
                    Some(Ours::Seal(seal)) if !begun && !late => {
                        (pending.seal, pending.data) = (Some(seal), Some(end));
                    }
                    Some(Ours::Head(head)) if !begun && !late => {
                        self.head = Some((self.fragments.len(), head));
                    }
                    Some(Ours::Proof(proof)) if !begun && !late => self.proof = Some(proof),
                    Some(_) => self.foreign(format!("a seal that does not belong at byte {at}")),
                    None => self.foreign(format!("a damaged seal at byte {at}")),
                }
            }
            // For playback, before the head; what it says is no part of the footage.
            b"uuid"
                if head.size >= 24
                    && !self.indexed
                    && !begun
                    && !late
                    && read_exact_at(file, at + head.header, 16)?[..] == INDEX_TYPE =>
            {
                self.indexed = true;
                let named = match head.size <= TAIL as u64 {
                    true => read_index(&read_exact_at(file, at, head.size as usize)?, end),
                    false => None,
                };
                // It is signed by nobody, but it must say what is there.
                let ends = |(_, named): &(_, Vec<FragmentIndex>)| {
                    named.iter().map(FragmentIndex::end).eq(self.fragments.iter().map(|f| f.data.end))
                };
                if !named.as_ref().is_some_and(ends) {
                    self.foreign(format!("an index that does not say what is there at byte {at}"));
                }
            }
            b"prft" if !pending.moof && pending.wall.is_none() && !late => {
                pending.data.get_or_insert(at);
                pending.wall = wall(file, at, head)?;
            }
            b"moof" if !pending.moof && !late => {
                pending.data.get_or_insert(at);
                pending.moof = true;
            }
            b"mdat" if pending.moof => {
                let Pending { seal, data, wall, .. } = std::mem::take(pending);
                let data = data.unwrap_or(at)..end;
                let header = at - data.start;
                self.fragments.push(Found { seal, data, header, wall });
            }
            kind => {
                self.foreign(format!(
                    "a {} box that the recorder did not write at byte {at}",
                    kind.escape_ascii()
                ));
            }
        }
        Ok(())
    }
}

enum Ours {
    Opening(Opening),
    Seal(Seal),
    Head(Head),
    Proof(Proof),
}

impl Ours {
    fn parse(kind: Kind, content: &[u8]) -> Option<Self> {
        Some(match kind {
            Kind::Opening => Self::Opening(Opening::parse(content)?),
            Kind::Seal => Self::Seal(Seal::parse(content)?),
            Kind::Head => Self::Head(Head::parse(content)?),
            Kind::Proof => Self::Proof(Proof::parse(content)?),
        })
    }
}

/// `None` when there is no whole box.
fn box_head<R: ReadAt + ?Sized>(file: &R, at: u64, length: u64) -> std::io::Result<Option<BoxHead>> {
    let left = length - at;
    if left < 8 {
        return Ok(None);
    }
    let b = read_exact_at(file, at, 8)?;
    let kind = [b[4], b[5], b[6], b[7]];
    let (header, size) = match u32::from_be_bytes([b[0], b[1], b[2], b[3]]) {
        1 if left < 16 => return Ok(None),
        1 => {
            let b = read_exact_at(file, at + 8, 8)?;
            (16, u64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
        }
        n => (8, u64::from(n)),
    };
    // A size of zero (up to the end of the file) is nothing that the recorder writes.
    Ok((size >= header && size <= left).then_some(BoxHead { kind, size, header }))
}

/// The wall time in a `prft` (§8.16.5).
fn wall<R: ReadAt + ?Sized>(file: &R, at: u64, head: &BoxHead) -> std::io::Result<Option<WallTime>> {
    if head.size < head.header + 16 {
        return Ok(None);
    }
    let b = read_exact_at(file, at + head.header + 8, 8)?;
    Ok(Some(WallTime::from_ntp(u64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))))
}
