//! The header of a fragment: `prft`, `moof`, and the box header of `mdat`.

use super::boxes::{Out, boxed, full, mdat_header};
use heron_core::WallTime;

/// `sample_flags` (§8.8.3.1) of a sample at which decoding can start: depends on no other.
pub(super) const SYNC: u32 = 0x0200_0000;
/// `sample_flags` of any other: depends on others, is no sync sample.
pub(super) const NON_SYNC: u32 = 0x0101_0000;

/// One sample as `trun` tells it. Durations and offsets in ticks of the track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) size: u32,
    pub(super) duration: u32,
    pub(super) cto: i32,
    pub(super) sync: bool,
}

impl Entry {
    fn flags(&self) -> u32 {
        if self.sync { SYNC } else { NON_SYNC }
    }
}

/// The samples of one track, whose bytes follow one another in `mdat`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub(super) track_id: u32,
    pub(super) first_dts: u64,
    pub(super) entries: &'a [Entry],
}

impl Run<'_> {
    fn bytes(&self) -> u64 {
        self.entries.iter().map(|e| u64::from(e.size)).sum()
    }
}

/// `prft` (§8.16.5): at presentation time `media_time` of track `track_id` it was `wall`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    pub(super) track_id: u32,
    pub(super) wall: WallTime,
    pub(super) media_time: u64,
}

/// `prft` flag 24: the wall time is that of the experience that the media shows, the moment of capture.
const PRFT_CAPTURE: u32 = 24;

/// Writes everything that comes before the payload. The payloads of `runs` follow in that order.
pub(super) fn header<B: Out>(out: &mut B, sequence: u32, reference: Option<Reference>, runs: &[Run<'_>]) {
    if let Some(r) = reference {
        full(out, b"prft", 1, PRFT_CAPTURE, |out| {
            out.put_u32(r.track_id);
            out.put_u64(r.wall.to_ntp());
            out.put_u64(r.media_time);
        });
    }
    let moof = out.len();
    // Where each run's data_offset stands, to be set when the size of `moof` is known; three kinds of track.
    let mut patches = [0usize; 3];
    boxed(out, b"moof", |out| {
        full(out, b"mfhd", 0, 0, |out| out.put_u32(sequence));
        for (run, patch) in runs.iter().zip(&mut patches) {
            traf(out, run, patch);
        }
    });
    let payload: u64 = runs.iter().map(Run::bytes).sum();
    mdat_header(out, payload);
    let mut data = (out.len() - moof) as u64;
    for (run, patch) in runs.iter().zip(patches) {
        // Runs are bounded well under 2 GiB by the builders.
        out[patch..patch + 4].copy_from_slice(&(data as u32).to_be_bytes());
        data += run.bytes();
    }
}

fn traf<B: Out>(out: &mut B, run: &Run<'_>, data_offset_at: &mut usize) {
    let Some(first) = run.entries.first() else { return };
    let rest = run.entries.get(1).unwrap_or(first);
    // What all samples share is said once in `tfhd`; the usual group of pictures differs in its first flags only.
    let same_duration = run.entries.iter().all(|e| e.duration == first.duration);
    let same_rest = run.entries.iter().skip(1).all(|e| e.sync == rest.sync);
    let with_cto = run.entries.iter().any(|e| e.cto != 0);
    boxed(out, b"traf", |out| {
        let tfhd = 0x02_0000 | 0x20 | if same_duration { 0x08 } else { 0 };
        full(out, b"tfhd", 0, tfhd, |out| {
            out.put_u32(run.track_id);
            if same_duration {
                out.put_u32(first.duration);
            }
            out.put_u32(rest.flags());
        });
        full(out, b"tfdt", 1, 0, |out| out.put_u64(run.first_dts));
        let mut trun = 0x01 | 0x200;
        if !same_duration {
            trun |= 0x100;
        }
        if !same_rest {
            trun |= 0x400;
        } else if first.sync != rest.sync {
            trun |= 0x04;
        }
        if with_cto {
            trun |= 0x800;
        }
        full(out, b"trun", 1, trun, |out| {
            out.put_u32(run.entries.len() as u32);
            *data_offset_at = out.len();
            out.put_u32(0);
            if trun & 0x04 != 0 {
                out.put_u32(first.flags());
            }
            for e in run.entries {
                if trun & 0x100 != 0 {
                    out.put_u32(e.duration);
                }
                out.put_u32(e.size);
                if trun & 0x400 != 0 {
                    out.put_u32(e.flags());
                }
                if with_cto {
                    out.put_i32(e.cto);
                }
            }
        });
    });
}
