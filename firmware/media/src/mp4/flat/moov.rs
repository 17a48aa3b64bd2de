//! `ftyp`, `moov` and the head of `mdat` of a plan.

use super::table::{Chunk, Table};
use crate::mp4::boxes::{boxed, full, mdat_header};
use crate::mp4::moov::{MOVIE_TIMESCALE, ftyp, media_headers, media_information, mvhd, stsd, tkhd};
use bytes::BufMut;
use heron_core::{TrackKind, WallTime};

/// What part of the tracks' time is played, in [`MOVIE_TIMESCALE`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Edit {
    /// Presentation time at which playing starts.
    pub(super) start: i64,
    /// How long it plays.
    pub(super) duration: u64,
}

/// Everything before the payload. Chunks lie in `mdat` in the order given.
pub(super) fn head(tables: &[Table], chunks: &[Chunk], edit: Edit, created: WallTime) -> Vec<u8> {
    let payload: u64 = chunks.iter().map(|c| c.len).sum();
    let small = write(tables, chunks, edit, created, payload, false);
    // 32-bit chunk offsets reach as far as they reach.
    if small.len() as u64 + payload <= u64::from(u32::MAX) {
        return small;
    }
    write(tables, chunks, edit, created, payload, true)
}

fn write(
    tables: &[Table],
    chunks: &[Chunk],
    edit: Edit,
    created: WallTime,
    payload: u64,
    wide: bool,
) -> Vec<u8> {
    let samples: usize = tables.iter().map(|t| t.rows.len()).sum();
    let mut out = Vec::with_capacity(4_096 + samples * 6 + chunks.len() * 16);
    ftyp(&mut out, b"isom", &[b"isom", b"iso4", b"mp41", b"mp42"]);
    // Where each track's first chunk offset stands; the offsets are set when the length of all this is known.
    let mut patches = vec![0; tables.len()];
    boxed(&mut out, b"moov", |out| {
        mvhd(out, created, edit.duration);
        for (track, (table, patch)) in tables.iter().zip(&mut patches).enumerate() {
            trak(out, table, track, chunks, edit, created, wide, patch);
        }
    });
    mdat_header(&mut out, payload);
    let mut at = out.len() as u64;
    for chunk in chunks {
        let patch = &mut patches[chunk.track];
        if wide {
            out[*patch..*patch + 8].copy_from_slice(&at.to_be_bytes());
            *patch += 8;
        } else {
            out[*patch..*patch + 4].copy_from_slice(&(at as u32).to_be_bytes());
            *patch += 4;
        }
        at += chunk.len;
    }
    out
}

#[allow(clippy::too_many_arguments, reason = "one call, and each is one plain fact")]
fn trak(
    out: &mut Vec<u8>,
    table: &Table,
    track: usize,
    chunks: &[Chunk],
    edit: Edit,
    created: WallTime,
    wide: bool,
    patch: &mut usize,
) {
    let Some(spec) = table.spec() else { return };
    let shift = table.cto_shift();
    boxed(out, b"trak", |out| {
        let played = elst_of(table, edit, shift);
        tkhd(out, &spec, created, played.iter().map(|(duration, _)| duration).sum());
        boxed(out, b"edts", |out| elst(out, &played));
        boxed(out, b"mdia", |out| {
            media_headers(out, &spec, created, table.media_duration());
            boxed(out, b"minf", |out| {
                media_information(out, spec.kind());
                boxed(out, b"stbl", |out| {
                    let formats: Vec<_> = table.formats.iter().map(|f| &**f).collect();
                    stsd(out, &formats);
                    runs(out, b"stts", &table.durations());
                    let offsets = table.offsets(shift);
                    if offsets.iter().any(|(_, cto)| *cto != 0) {
                        runs(out, b"ctts", &offsets);
                    }
                    if spec.kind() == TrackKind::Video {
                        stss(out, table);
                    }
                    let own = || chunks.iter().filter(|c| c.track == track);
                    stsc(out, own());
                    stsz(out, table);
                    let kind = if wide { b"co64" } else { b"stco" };
                    full(out, kind, 0, 0, |out| {
                        let count = own().count();
                        out.put_u32(count as u32);
                        *patch = out.len();
                        out.put_bytes(0, count * if wide { 8 } else { 4 });
                    });
                });
            });
        });
    });
}

/// The edits of a track (§8.6.6): `(duration in MOVIE_TIMESCALE, media time or -1)`.
fn elst_of(table: &Table, edit: Edit, shift: i64) -> Vec<(u64, i64)> {
    let scale = i128::from(table.timescale().unwrap_or(MOVIE_TIMESCALE));
    let movie = i128::from(MOVIE_TIMESCALE);
    let to_track = |t: i64| (i128::from(t) * scale + movie / 2).div_euclid(movie) as i64;
    let to_movie = |t: i64| (i128::from(t) * movie / scale) as i64;
    let first = table.first() as i64;
    let start = to_track(edit.start);
    // The track's own time line begins with its first sample.
    let media_time = start - first + shift;
    let late = to_movie((-media_time).max(0)).min(edit.duration as i64);
    let mut edits = Vec::with_capacity(2);
    if late > 0 {
        edits.push((late as u64, -1));
    }
    let has = to_movie(table.presentation_end() - start) - late;
    let played = (edit.duration as i64 - late).min(has).max(0);
    if played > 0 {
        edits.push((played as u64, media_time.max(0)));
    }
    edits
}

fn elst(out: &mut Vec<u8>, edits: &[(u64, i64)]) {
    let wide = edits.iter().any(|(d, t)| *d > u64::from(u32::MAX) || *t > i64::from(i32::MAX));
    full(out, b"elst", u8::from(wide), 0, |out| {
        out.put_u32(edits.len() as u32);
        for (duration, media_time) in edits {
            if wide {
                out.put_u64(*duration);
                out.put_i64(*media_time);
            } else {
                out.put_u32(*duration as u32);
                out.put_i32(*media_time as i32);
            }
            out.put_u32(0x0001_0000); // rate 1
        }
    });
}

fn runs(out: &mut Vec<u8>, kind: &[u8; 4], runs: &[(u32, u32)]) {
    full(out, kind, 0, 0, |out| {
        out.put_u32(runs.len() as u32);
        for (count, value) in runs {
            out.put_u32(*count);
            out.put_u32(*value);
        }
    });
}

/// Sync samples; no box when every sample is one.
fn stss(out: &mut Vec<u8>, table: &Table) {
    if table.rows.iter().all(|r| r.sync()) {
        return;
    }
    full(out, b"stss", 0, 0, |out| {
        out.put_u32(table.rows.iter().filter(|r| r.sync()).count() as u32);
        for (n, row) in table.rows.iter().enumerate() {
            if row.sync() {
                out.put_u32(n as u32 + 1);
            }
        }
    });
}

fn stsc<'a>(out: &mut Vec<u8>, chunks: impl Iterator<Item = &'a Chunk>) {
    full(out, b"stsc", 0, 0, |out| {
        let count_at = out.len();
        out.put_u32(0);
        let (mut entries, mut last) = (0u32, None);
        for (n, chunk) in chunks.enumerate() {
            let this = Some((chunk.samples, chunk.description));
            if this != last {
                out.put_u32(n as u32 + 1);
                out.put_u32(chunk.samples);
                out.put_u32(chunk.description);
                entries += 1;
                last = this;
            }
        }
        out[count_at..count_at + 4].copy_from_slice(&entries.to_be_bytes());
    });
}

fn stsz(out: &mut Vec<u8>, table: &Table) {
    let first = table.rows.first().map_or(0, |r| r.size);
    let same = first > 0 && table.rows.iter().all(|r| r.size == first);
    full(out, b"stsz", 0, 0, |out| {
        out.put_u32(if same { first } else { 0 });
        out.put_u32(table.rows.len() as u32);
        if !same {
            table.rows.iter().for_each(|r| out.put_u32(r.size));
        }
    });
}
