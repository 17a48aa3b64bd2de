//! # evidence: proof that a recording is whole, and as the box made it
//!
//! Formats, hashes, signatures and their verification: bytes in, verdicts out. No threads, no clock, no files of its own;
//! keys are given as bytes or as a [`Signer`]. The recorder seals with it, `herond verify` and the page check with it.
//!
//! ```text
//! ftyp · OPENING · moov · (SEAL · prft · moof · mdat)… · HEAD
//!          │                 │                            └ signed: stream, start, end, fragments, last link; all leaves
//!          │                 └ number, hash of prft..mdat, the box's mark (MAC), link
//!          └ camera, stream, start, key, hash of the init segment, head of the segment before, gaps before it
//!
//! opening text ─BLAKE3─> link 0 ─┬─> link 1 ─┬─> … ─> link n ─> statement ─Ed25519─> head ─BLAKE3─> "previous" of the next
//!                         leaf 1 ┘   leaf 2 ┘
//! leaf = H(number, hash of the fragment, mark)        link = H(link before, leaf)
//! ```
//!
//! All of ours are `uuid` boxes (ISO/IEC 14496-12 §4.2) that players pass over. A seal stands *before* its fragment and is
//! written with it in one call, so that what counts as a whole fragment after a crash has its seal by construction, and
//! every reader of fragments (byte ranges, playlists, virtual MP4, repair) takes it for a part of the fragment without knowing
//! of it.
//!
//! ## Invariants
//! 1. Every byte of a sealed file is under the signature: of the init segment by the opening, of the opening by the
//!    statement, of each fragment and its seal by the leaf, of the leaves by the last link. A head's list of leaves and key
//!    are not signed themselves: they lead to what is signed, or they are not believed.
//! 2. An altered fragment is found *and named*, also when whoever altered it wrote its seal and all later ones anew: the
//!    leaves in the head still say what was there.
//! 3. A file without its head is never called whole, whatever its seals say: it is "not sealed".
//! 4. A segment names the head of the one before it and, for a hole, the ledger's reasons for it, under the signature. So a
//!    file that was taken out from between two others is a *cut*, and a hole that the recorder knew of is an *honest gap*.
//! 5. After a crash a box seals what it left only when every fragment bears its own mark, which nobody else can make, and
//!    says that it did so afterwards ([`Ending::Recovered`]). Pictures need not be read for that: what is sealed are the
//!    hashes of the time of recording, and an alteration since then is found by them.
//! 6. A file without seals, recorded before there were any or by something else, is "unsigned", not damaged.
//! 7. Nothing in a file is believed: lengths are checked against the file and against bounds, memory is bounded, no input
//!    makes it panic (property tests in `tests/`, fuzz target `evidence_verify`).
//! 8. The same seal proves a copy of a file wherever it lies and whatever its name. What thinning made of a segment has a
//!    seal of its own ([`Source::Keys`]) that names the head of the segment it was made from, and stands in its place.
//!
//! ## Against whom
//! Against somebody who has the disk, the files, an export, the database, and this source: they cannot alter, remove, repeat,
//! reorder, insert or pass off footage unnoticed. Against a box whose power was cut at a moment of somebody's choosing: at
//! most the last second or two are missing, and the next segment says when the box was back. *Not* against somebody who
//! has the box's key (a key in a file is as safe as the box; a TPM or a trusted execution environment behind [`Signer`] is
//! better), nor against somebody who stands in front of the camera or between it and the box.
//!
//! ## Limits that are known
//! - Whoever removes the *newest* files of a stream leaves nothing after them that names them. The next segment that the box
//!   records does, and so does the catalogue while it lives.
//! - The oldest files go by retention; that the one before the oldest is not there is said, and is no cut.
//! - When the recorder lost its catalogue, or a disk in the middle of a segment, the next segment names no predecessor: this is
//!   said ("not linked") and is neither whole nor cut.
//! - Times are those of the box's clock; who can set that clock can set them.
//!
//! ## Non-goals
//! Secrecy, watermarks, time stamps by third parties, revocation of keys.
//!
//! ## Checking without Heron
//! The texts are plain (`strings FILE | grep -A12 heron-evidence`), the hash of a fragment is `b3sum` of its bytes, the
//! signature is plain Ed25519 over the statement's text, and the key is a PEM file that openssl reads.
//!
//! ## Costs
//! BLAKE3 rather than SHA-256: see `examples/hash_cost.rs` for this machine's numbers. 112 bytes per fragment and 0.5 KB + 32
//! bytes per fragment at the end: 11 KB of 30 MB, 0.04 %. One signature a minute and stream.

mod digest;
mod ends;
pub mod export;
pub mod fuzz;
mod head;
mod key;
mod lines;
mod opening;
mod report;
mod sequence;
mod verify;
mod walk;
mod wire;
mod words;
mod writer;

pub use digest::{DataHasher, Digest, Mac, MacKey, leaf, link};
pub use ends::{read_head, read_opening};
pub use head::{Ending, Head, Signed, Statement, chain_over};
pub use key::{BoxKey, Fingerprint, KeyError, PublicKey, SIGNATURE_LEN, SignatureAlgorithm, Signer};
pub use lines::Previous;
pub use opening::{DeclaredGap, MOST_GAPS, Opening, Source};
pub use report::{FileReport, Finding, Gap, MOST_FINDINGS, SegmentReport, Verdict};
pub use sequence::{Cut, Sequence, sequence};
pub use verify::verify;
pub use wire::{Kind, SEAL_LEN, Seal, USER_TYPE, boxed};
pub use words::span;
pub use writer::{Beginning, Sealer, previous};
