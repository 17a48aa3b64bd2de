//! # flac: G.711 sound as a browser can play it (RFC 9639)
//!
//! Browsers play no G.711 in MP4, and FLAC loses nothing and needs no codec library. Frames are *verbatim* (their length
//! follows from the number of samples, so a file can be planned without looking at the sound) or *compressed* (fixed
//! predictors and Rice codes, for live view).
//!
//! ```text
//!  G.711 bytes ─> Law::decode ─> i16 ─┬─> verbatim_frame   (virtual MP4, HLS)
//!                                     └─> compressed_frame (live view)
//! ```
//!
//! ## Invariants
//! 1. 16 bits per sample, one or two channels, variable block size: a frame's number is its first sample's.
//! 2. `verbatim_frame` appends exactly `verbatim_len` bytes.
//!
//! ## Non-goals
//! Reading FLAC, seek tables, MD5 of the sound, linear predictors.

mod bits;
mod crc;
mod encode;
mod rice;

pub use encode::{MAX_BLOCK, StreamInfo, compressed_frame, from_g711, verbatim_frame, verbatim_len};
