//! # evidence
mod digest;
mod ends;
pub mod export;
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
