//! `ftyp` and the parts of `moov` that a fragmented and a flat file have in common.

use super::boxes::{Out, boxed, full};
use super::entry::sample_entry;
use super::{TrackSpec, track_id};
use bytes::BufMut;
use heron_core::{TrackFormat, TrackKind, WallTime};

/// Ticks per second of `mvhd`, the same as video's, so that edit lists are exact.
pub(super) const MOVIE_TIMESCALE: u32 = 90_000;
/// Seconds from 1904-01-01 (the epoch of ISO 14496-12) to 1970-01-01.
pub(super) const EPOCH_1904: i64 = 2_082_844_800;

const MATRIX: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];
const UNDETERMINED: u16 = 0x55c4; // "und", ISO 639-2 packed (§8.4.2)

/// The init segment (`ftyp`, `moov` with `mvex`) of a file of these tracks. `created` goes into `mvhd`, to the
/// second. The same arguments always give the same bytes.
pub fn init_segment(tracks: &[TrackSpec], created: WallTime) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    // CMAF wants one track per file, so only such a file says that it is CMAF.
    let mut brands: Vec<&[u8; 4]> = vec![b"iso6", b"iso5", b"mp41"];
    if tracks.len() == 1 {
        brands.push(b"cmfc");
    }
    ftyp(&mut out, b"iso6", &brands);
    boxed(&mut out, b"moov", |out| {
        mvhd(out, created, 0);
        for track in tracks {
            boxed(out, b"trak", |out| {
                tkhd(out, track, created, 0);
                boxed(out, b"mdia", |out| {
                    media_headers(out, track, created, 0);
                    boxed(out, b"minf", |out| {
                        media_information(out, track.kind());
                        boxed(out, b"stbl", |out| {
                            stsd(out, &[&track.format]);
                            for kind in [b"stts", b"stsc", b"stco"] {
                                full(out, kind, 0, 0, |out| out.put_u32(0));
                            }
                            full(out, b"stsz", 0, 0, |out| out.put_u64(0));
                        });
                    });
                });
            });
        }
        boxed(out, b"mvex", |out| {
            for track in tracks {
                full(out, b"trex", 0, 0, |out| {
                    out.put_u32(track.track_id());
                    out.put_u32(1);
                    out.put_u32(0);
                    out.put_u32(0);
                    out.put_u32(0);
                });
            }
        });
    });
    out
}

pub(super) fn ftyp<B: Out>(out: &mut B, major: &[u8; 4], compatible: &[&[u8; 4]]) {
    boxed(out, b"ftyp", |out| {
        out.put_slice(major);
        out.put_u32(0);
        for brand in compatible {
            out.put_slice(*brand);
        }
    });
}

fn since_1904(t: WallTime) -> u64 {
    u64::try_from(t.as_nanos().div_euclid(1_000_000_000) + EPOCH_1904).unwrap_or(0)
}

/// Creation and modification time, `middle`, duration: 32 bits each where they fit (version 0), else 64.
fn times<B: Out>(
    out: &mut B,
    kind: &[u8; 4],
    flags: u32,
    created: WallTime,
    duration: u64,
    parts: impl Parts<B>,
) {
    let t = since_1904(created);
    let small = u32::try_from(t).ok().zip(u32::try_from(duration).ok());
    full(out, kind, u8::from(small.is_none()), flags, |out| {
        match small {
            Some((t, _)) => {
                out.put_u32(t);
                out.put_u32(t);
            }
            None => {
                out.put_u64(t);
                out.put_u64(t);
            }
        }
        parts.middle(out);
        match small {
            Some((_, d)) => out.put_u32(d),
            None => out.put_u64(duration),
        }
        parts.rest(out);
    });
}

/// What stands before and after the duration in `mvhd`, `tkhd` and `mdhd`.
trait Parts<B> {
    fn middle(&self, out: &mut B);
    fn rest(&self, out: &mut B);
}

struct Mvhd;
impl<B: Out> Parts<B> for Mvhd {
    fn middle(&self, out: &mut B) {
        out.put_u32(MOVIE_TIMESCALE);
    }
    fn rest(&self, out: &mut B) {
        out.put_u32(0x0001_0000); // rate
        out.put_u16(0x0100); // volume
        out.put_bytes(0, 10);
        MATRIX.iter().for_each(|m| out.put_u32(*m));
        out.put_bytes(0, 24);
        out.put_u32(track_id(TrackKind::Metadata) + 1); // next_track_ID
    }
}

struct Tkhd<'a>(&'a TrackSpec);
impl<B: Out> Parts<B> for Tkhd<'_> {
    fn middle(&self, out: &mut B) {
        out.put_u32(self.0.track_id());
        out.put_u32(0);
    }
    fn rest(&self, out: &mut B) {
        out.put_bytes(0, 8);
        out.put_u16(0); // layer
        out.put_u16(0); // alternate_group
        out.put_u16(if self.0.kind() == TrackKind::Audio { 0x0100 } else { 0 });
        out.put_u16(0);
        MATRIX.iter().for_each(|m| out.put_u32(*m));
        let (width, height) = match &*self.0.format {
            TrackFormat::Video(v) => {
                // The width it is shown with (§8.3.2): scaled by the pixel aspect ratio.
                let (h, w) = (u64::from(v.pixel_aspect.0.max(1)), u64::from(v.pixel_aspect.1.max(1)));
                let shown = (u64::from(v.width) << 16) * h / w;
                (u32::try_from(shown).unwrap_or(u32::MAX), u32::from(v.height) << 16)
            }
            _ => (0, 0),
        };
        out.put_u32(width);
        out.put_u32(height);
    }
}

struct Mdhd(u32);
impl<B: Out> Parts<B> for Mdhd {
    fn middle(&self, out: &mut B) {
        out.put_u32(self.0);
    }
    fn rest(&self, out: &mut B) {
        out.put_u16(UNDETERMINED);
        out.put_u16(0);
    }
}

/// `duration` in [`MOVIE_TIMESCALE`].
pub(super) fn mvhd<B: Out>(out: &mut B, created: WallTime, duration: u64) {
    times(out, b"mvhd", 0, created, duration, Mvhd);
}

/// Enabled and in the movie; `duration` in [`MOVIE_TIMESCALE`].
pub(super) fn tkhd<B: Out>(out: &mut B, track: &TrackSpec, created: WallTime, duration: u64) {
    times(out, b"tkhd", 3, created, duration, Tkhd(track));
}

/// `mdhd` and `hdlr`; `duration` in the track's time scale.
pub(super) fn media_headers<B: Out>(out: &mut B, track: &TrackSpec, created: WallTime, duration: u64) {
    times(out, b"mdhd", 0, created, duration, Mdhd(track.timescale()));
    let (handler, name): (&[u8; 4], &[u8]) = match track.kind() {
        TrackKind::Video => (b"vide", b"video\0"),
        TrackKind::Audio => (b"soun", b"audio\0"),
        TrackKind::Metadata => (b"meta", b"metadata\0"),
    };
    full(out, b"hdlr", 0, 0, |out| {
        out.put_u32(0);
        out.put_slice(handler);
        out.put_bytes(0, 12);
        out.put_slice(name);
    });
}

/// What `minf` has before `stbl`: the media header and a data reference to the file itself.
pub(super) fn media_information<B: Out>(out: &mut B, kind: TrackKind) {
    match kind {
        TrackKind::Video => full(out, b"vmhd", 0, 1, |out| out.put_u64(0)),
        TrackKind::Audio => full(out, b"smhd", 0, 0, |out| out.put_u32(0)),
        TrackKind::Metadata => full(out, b"nmhd", 0, 0, |_| {}),
    }
    boxed(out, b"dinf", |out| {
        full(out, b"dref", 0, 0, |out| {
            out.put_u32(1);
            full(out, b"url ", 0, 1, |_| {});
        });
    });
}

pub(super) fn stsd<B: Out>(out: &mut B, formats: &[&TrackFormat]) {
    full(out, b"stsd", 0, 0, |out| {
        out.put_u32(formats.len() as u32);
        for format in formats {
            sample_entry(out, format);
        }
    });
}
