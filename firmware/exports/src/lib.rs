//! # exports: recordings taken out of the house
//!
//! An export is a job: somebody asks for a range of up to sixteen cameras, and some time later there is one file to take away:
//! a flat MP4, or a ZIP with an MP4 of each hour of each camera, a signed manifest, a page that plays all of it without a
//! network, and the instructions for checking it without us.
//!
//! ```text
//!  POST /exports ─> check, estimate, room ─> exports_job, exports_part (queued)
//!                                                     │ one thread, nice
//!          Footage::part ─(plan: length, tag)─> Run ──┴─> <volume>/exports/<id>.part ─(read back)─> <id>.zip ─> download
//!               │                                │  every 32 MiB: fdatasync, then the row
//!     flat MP4 of the recorder,                  └─ Pace: bytes a second; stands still while a ring fills; slower on a
//!     or fragments with their seals                 slow disk; never below ¾ of the volume's reserve
//! ```
//!
//! ## Invariants
//! 1. Recording comes first. One export runs at a time, on one thread with a low priority, at a bounded rate, and not at all
//!    while a recording ring is filling, while units are being lost, or while the volume has less than three quarters of its
//!    reserve free. Its pages do not stay in the cache.
//! 2. What is written is resumed, not begun anew: a part's plan is named by a tag, the row says how many of its bytes are on
//!    the disk and their CRC, and rows are written after the bytes are synced. Stopped at any point and resumed, an export
//!    has the same bytes as one that was not.
//! 3. Nothing is called done before it was read back from the disk and compared with what was written.
//! 4. What is missing is said: a hole is listed with the ledger's reason, or as `not_available` when the ledger says nothing
//!    (never recorded, or deleted by retention). Footage that goes away while it is exported is a remark and a hole, not a
//!    failure; only an export without any footage fails. The files of the part being written are held open, so that
//!    retention does not take them first.
//! 5. Files are written relative to the descriptor of a volume whose marker was read, never onto the mount point of a disk
//!    that is away; nothing outside of `exports` is opened, and files that no row speaks of are left alone.
//! 6. Exports take at most `exports.max_percent` of the volume they lie on. The oldest finished ones go first; what waits or
//!    runs was promised its room when it was asked for. Retention gives way to them by itself, because it keeps the volume's
//!    reserve free, whoever fills it; locked footage is not counted on.
//! 7. Everybody sees their own exports; who sees all ([`Asker::sees_all`]: administrators) sees all. An export that one may not
//!    see does not exist.
//! 8. Who exported, cancelled, resumed, downloaded and deleted what is in the journal; so is what became of each.
//! 9. Bounds: 16 cameras, 24 hours, 32 waiting, 500 rows, files of an hour, 128 open descriptors, 1 MiB of footage in memory.
//!
//! ## Non-goals
//! Compression (footage does not shrink), encryption (the ZIP goes over HTTPS; carry it on an encrypted disk), transcoding,
//! burnt-in time, exports to a USB stick or a network share, more than one export at a time: the second would make the first
//! slower, not the two faster.
//!
//! ## Time
//! Ranges are the recording's wall clock. Expiry is by the box's clock: set back, an export lives longer by as much; the
//! bound on room still holds.
//!
//! ## Where exports lie
//! `<volume>/exports/<id>.zip|.mp4`, on the recording volume with the most room: the data directory may be a card of 4 GB.

mod error;
mod exports;
mod footage;
mod house;
mod job;
mod keys;
mod manifest;
mod output;
mod pace;
mod page;
mod plan;
mod recorded;
mod room;
mod run;
mod schema;
mod shelf;
mod table;
mod worker;
mod zip;

pub use error::ExportError;
pub use exports::{Exports, ExportsConfig, MOST_WAITING, NewExport, OpenExport};
pub use footage::{Footage, Missing, Part, PartSpan, VolumeRoom, Wanted};
pub use job::{
    Asker, Export, ExportFormat, ExportPage, ExportRequest, ExportState, ExportedCamera, ExportedFile,
};
pub use keys::KEYS;
pub use manifest::BoxIdentity;
pub use plan::{LONGEST, MOST_CAMERAS, PART};
pub use recorded::Recorded;
pub use schema::MIGRATIONS;
