//! Which bytes make a chunk, and where they come from.

use super::builder::VIDEO;
use super::slices::Piece;
use super::table::{Chunk, Table};
use bytes::Bytes;
use heron_core::TrackFormat;

/// Adds to the last chunk when the bytes follow, else opens a new one. The first sample of a fragment always opens one, so
/// that a chunk is at most a second and pictures and sound stay interleaved.
pub(super) fn append(chunks: &mut Vec<Chunk>, chunk: Chunk, offset_in_fragment: u64, header_len: u32) {
    match chunks.last_mut() {
        Some(last)
            if offset_in_fragment != u64::from(header_len)
                && last.track == chunk.track
                && last.source == chunk.source
                && last.description == chunk.description
                && last.flac.is_none()
                && last.offset + last.len == chunk.offset =>
        {
            last.len += chunk.len;
            last.samples += 1;
        }
        _ => chunks.push(chunk),
    }
}

/// Where the bytes of the chunks come from. When the parameter sets change within the clip, every key frame gets its own in
/// front, and rows and chunks grow by that.
pub(super) fn payload(tables: &mut [Table; 2], chunks: &mut [Chunk], sources: &[u64]) -> Vec<Piece> {
    let video = &mut tables[VIDEO];
    let sets: Vec<Bytes> = match video.formats.len() {
        0 | 1 => Vec::new(),
        _ => video.formats.iter().map(|format| in_band(format)).collect(),
    };
    let mut pieces = Vec::with_capacity(chunks.len());
    let mut rows = video.rows.iter_mut();
    for chunk in chunks {
        let source = sources[chunk.source];
        if let Some(run) = chunk.flac {
            pieces.push(Piece::flac(source, chunk.offset, run));
            continue;
        }
        let sets = sets.get(chunk.description as usize - 1).filter(|s| chunk.track == VIDEO && !s.is_empty());
        let Some(sets) = sets else {
            if chunk.track == VIDEO {
                rows.by_ref().take(chunk.samples as usize).for_each(drop);
            }
            pieces.push(Piece::file(source, chunk.offset, chunk.len));
            continue;
        };
        let (mut from, mut plain) = (chunk.offset, 0);
        for row in rows.by_ref().take(chunk.samples as usize) {
            let size = u64::from(row.size);
            if row.sync() {
                if plain > 0 {
                    pieces.push(Piece::file(source, from, plain));
                }
                from += plain;
                plain = 0;
                pieces.push(Piece::inline(sets.clone()));
                row.size += sets.len() as u32;
                chunk.len += sets.len() as u64;
            }
            plain += size;
        }
        pieces.push(Piece::file(source, from, plain));
    }
    pieces
}

/// The parameter sets of a format as they stand in a sample; nothing for Motion JPEG.
fn in_band(format: &TrackFormat) -> Bytes {
    let mut out = Vec::new();
    for set in format.video().map(|v| &v.parameter_sets[..]).unwrap_or_default() {
        out.extend_from_slice(&(set.len() as u32).to_be_bytes());
        out.extend_from_slice(set);
    }
    out.into()
}
