//! Writing boxes (ISO 14496-12 §4.2): a size, four characters, the content.

use bytes::{BufMut, BytesMut};
use std::ops::DerefMut;

/// A growing buffer whose earlier bytes can be patched.
pub(super) trait Out: BufMut + DerefMut<Target = [u8]> {}
impl Out for Vec<u8> {}
impl Out for BytesMut {}

/// Writes a box; its size is set once `content` is written. Content stays under 4 GiB: tables are bounded and `mdat`
/// is never written this way.
pub(super) fn boxed<B: Out>(out: &mut B, kind: &[u8; 4], content: impl FnOnce(&mut B)) {
    let at = out.len();
    out.put_u32(0);
    out.put_slice(kind);
    content(out);
    let size = (out.len() - at) as u32;
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
}

/// Writes a box with version and flags (§4.2.2).
pub(super) fn full<B: Out>(
    out: &mut B,
    kind: &[u8; 4],
    version: u8,
    flags: u32,
    content: impl FnOnce(&mut B),
) {
    boxed(out, kind, |out| {
        out.put_u32((u32::from(version) << 24) | (flags & 0x00ff_ffff));
        content(out);
    });
}

/// The box header of `mdat`: 8 bytes, or 16 when `payload` does not fit 32 bits.
pub(super) fn mdat_header<B: Out>(out: &mut B, payload: u64) {
    match u32::try_from(payload + 8) {
        Ok(size) => {
            out.put_u32(size);
            out.put_slice(b"mdat");
        }
        Err(_) => {
            out.put_u32(1);
            out.put_slice(b"mdat");
            out.put_u64(payload + 16);
        }
    }
}
