//! Reading fragmented MP4 back: our own files after a crash, and whatever else somebody put into the folder.

use super::init;
use super::parse::Box;
use super::problem::{Problem, name};
use super::read_at::{Head, Window};
use super::samples::walk;
use heron_core::{TrackKind, WallTime};

pub use super::init::{Init, InitTrack, read_init};
pub use super::read_at::{ReadAt, read_exact_at};
pub use super::samples::{FragmentIndex, SampleEntry, TrackIndex, TrackSamples, samples};

/// Our own `moof` with 600 samples has 10 KiB; ffmpeg's with ten-second fragments stay far under this.
const MAX_MOOF: u64 = 1 << 20;
/// A `prft` has 28 or 32 bytes.
const MAX_PRFT: u64 = 64;
/// Fragments that [`scan`] lists of one file: a day of one-second fragments. [`Scanner`] has no such bound.
const MAX_FRAGMENTS: usize = 86_400;

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

/// Scans a whole file: reads box headers, `moov` and `moof`, never `mdat`. Whatever the file holds, the answer is a
/// [`Scan`]; at most 4 MiB and a list of fragments are allocated.
pub fn scan<R: ReadAt + ?Sized>(source: &R) -> Scan {
    let mut done = Scan { init: None, fragments: Vec::new(), valid_len: 0, problem: None };
    let result = Window::new(source).and_then(|mut window| {
        let init = done.init.insert(init::read(&mut window)?);
        done.valid_len = init.init_len;
        let mut scanner = Scanner { window, init, at: init.init_len };
        while let Some(fragment) = scanner.next_fragment()? {
            done.valid_len = scanner.at;
            if done.fragments.len() == MAX_FRAGMENTS {
                return Err(Problem::NotOurs(format!("it has more than {MAX_FRAGMENTS} fragments")));
            }
            done.fragments.push(fragment);
        }
        done.valid_len = scanner.at;
        Ok(())
    });
    done.problem = result.err();
    done
}

/// Indexes a file fragment by fragment, without holding all of them; for a file that still grows, see
/// [`Scanner::resume`].
#[derive(Debug)]
pub struct Scanner<'a, R: ReadAt + ?Sized> {
    window: Window<'a, R>,
    init: &'a Init,
    at: u64,
}

/// What the boxes of a fragment have said so far.
struct Pending {
    moof: Head,
    sequence: u32,
    tracks: Vec<TrackIndex>,
    /// From the first to past the last byte of its samples, counted in the file.
    payload: Option<(u64, u64)>,
}

impl<'a, R: ReadAt + ?Sized> Scanner<'a, R> {
    /// Goes on at byte `offset` (a fragment's start, for example `init.init_len`) of a file whose init segment is known.
    /// The length of the file is looked up once, here.
    pub fn resume(source: &'a R, init: &'a Init, offset: u64) -> Result<Self, Problem> {
        Ok(Self { window: Window::new(source)?, init, at: offset })
    }

    /// Everything before this byte was whole.
    pub fn valid_len(&self) -> u64 {
        self.at
    }

    /// The next whole fragment; `Ok(None)` at the end of the file. After a problem it says the same again.
    pub fn next_fragment(&mut self) -> Result<Option<FragmentIndex>, Problem> {
        let start = self.at;
        let mut at = start;
        let mut reference: Option<Prft> = None;
        let mut pending: Option<Pending> = None;
        loop {
            let Some(head) = self.window.head(at)? else {
                if pending.is_none() && reference.is_none() {
                    // Nothing but boxes that mean nothing to us.
                    self.at = at;
                    return Ok(None);
                }
                let has = at - start;
                return Err(Problem::Truncated {
                    name: "fragment".to_owned(),
                    at: start,
                    needs: has + 8,
                    has,
                });
            };
            match &head.kind {
                b"prft" if pending.is_none() => {
                    reference = Some(Prft::parse(&head, self.window.body(&head, MAX_PRFT)?)?);
                }
                b"moof" if pending.is_none() => pending = Some(self.moof(head)?),
                b"mdat" => {
                    let Some(found) = pending else {
                        return Err(Problem::NotOurs(format!("an mdat without moof at byte {}", head.at)));
                    };
                    let fragment = self.fragment(start, found, &head, reference)?;
                    self.at = head.end();
                    return Ok(Some(fragment));
                }
                b"ftyp" | b"moov" | b"prft" | b"moof" => {
                    return Err(Problem::NotOurs(format!("an unexpected {} at byte {at}", name(&head.kind))));
                }
                _ => {}
            }
            at = head.end();
        }
    }

    fn moof(&mut self, head: Head) -> Result<Pending, Problem> {
        let body = self.window.body(&head, MAX_MOOF)?;
        let moof = Box { kind: head.kind, at: head.at, body };
        let mut tracks: Vec<TrackIndex> = Vec::new();
        let mut payload: Option<(u64, u64)> = None;
        let sequence = walk(&self.init.tracks, &moof, |track, dts, sample| {
            let kind = track.spec.kind();
            let end = sample.at.saturating_add(u64::from(sample.size));
            payload = Some(payload.map_or((sample.at, end), |(a, b)| (a.min(sample.at), b.max(end))));
            if !tracks.iter().any(|t| t.kind == kind) {
                tracks.push(TrackIndex {
                    kind,
                    first_dts: dts,
                    first_pts: i64::try_from(dts).unwrap_or(i64::MAX).saturating_add(i64::from(sample.cto)),
                    duration: 0,
                    samples: 0,
                    bytes: 0,
                    sync_first: sample.sync,
                });
            }
            for t in tracks.iter_mut().filter(|t| t.kind == kind) {
                t.duration += u64::from(sample.duration);
                t.samples += 1;
                t.bytes += u64::from(sample.size);
            }
            Ok(())
        })?;
        Ok(Pending { moof: head, sequence, tracks, payload })
    }

    fn fragment(
        &self,
        start: u64,
        found: Pending,
        mdat: &Head,
        reference: Option<Prft>,
    ) -> Result<FragmentIndex, Problem> {
        let data = mdat.at + mdat.header_len;
        if found.payload.is_some_and(|(first, end)| first < data || end > mdat.end()) {
            return Err(Problem::malformed(
                &found.moof.kind,
                found.moof.at,
                "a sample lies outside its mdat",
            ));
        }
        let Ok(header_len) = u32::try_from(data - start) else {
            return Err(Problem::NotOurs(format!("more than 4 GiB between the fragments at byte {start}")));
        };
        let wall = reference.and_then(|r| r.wall_of_first(self.init, &found.tracks));
        Ok(FragmentIndex {
            offset: start,
            length: mdat.end() - start,
            header_len,
            sequence: found.sequence,
            wall,
            tracks: found.tracks,
        })
    }
}

/// `prft` (§8.16.5).
struct Prft {
    track_id: u32,
    wall: WallTime,
    media_time: u64,
}

impl Prft {
    fn parse(head: &Head, body: &[u8]) -> Result<Self, Problem> {
        let (version, _, mut fields) = Box { kind: head.kind, at: head.at, body }.full()?;
        Ok(Self {
            track_id: fields.u32()?,
            wall: WallTime::from_ntp(fields.u64()?),
            media_time: fields.sized(version)?,
        })
    }

    /// In our own files `media_time` is the first sample's; in others it may be anywhere near.
    fn wall_of_first(&self, init: &Init, tracks: &[TrackIndex]) -> Option<WallTime> {
        let reference = init.tracks.iter().find(|t| t.track_id == self.track_id)?;
        let first = tracks.iter().find(|t| t.kind == TrackKind::Video).or(tracks.first())?;
        let scale = init.track(first.kind)?.timescale;
        let at_first = i128::from(first.first_pts.max(0)) * 1_000_000_000 / i128::from(scale);
        let at_reference = i128::from(self.media_time) * 1_000_000_000 / i128::from(reference.timescale);
        Some(self.wall.plus_nanos(i64::try_from(at_first - at_reference).ok()?))
    }
}
