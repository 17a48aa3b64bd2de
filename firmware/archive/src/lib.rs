//! # archive: copies of chosen footage in S3-compatible storage
//!
//! Footage that must outlive the box's disks: what belongs to chosen events, whole cameras, or a time window that
//! somebody asked for. Recorded files are copied as they are (their evidence seals included), so what comes back is what
//! was recorded, and it can be played from the bucket when the local file is gone.
//!
//! ```text
//!  journal ─(consumer "archive")─┐
//!  cameras, every 5 minutes ─────┼─> archive_item: camera, stream, from, to ─> Worker ─> Playback: which files, their bytes
//!  POST /archive/jobs ───────────┘                                               │
//!                          archive_upload: part by part, what is up already      ├─> Bucket (S3 multipart, paced) ─> S3
//!                          archive_object: what is stored, SHA-256, playlist  <──┘
//!  Archive::playlist, part, object ─> bytes from the bucket, for players
//! ```
//!
//! ## Invariants
//! 1. The journal's cursor moves on only when the items of its events are in the database: an outage of days, a crash or a
//!    restart loses none of them, and the same event makes the same item once.
//! 2. An upload is resumed after its last acknowledged part, also after a restart; a part is acknowledged when the server
//!    has checked its SHA-256 (`x-amz-checksum-sha256`, and the signature covers the payload's hash too).
//! 3. A file counts as stored when the server has put its parts together and names the right length. With
//!    `verify = "read_back"` it is also read back and compared with the SHA-256 of the local file.
//! 4. Objects lie where they lie on a volume: `{prefix}/{box}/recordings/{camera}/{day}/{file}`. Nothing is ever overwritten by
//!    something else, and nothing in the bucket is deleted but an object that failed its own verification.
//! 5. Never faster than `bandwidth_kbit`, smoothed to 16 KiB, and only inside the window; both take effect at once.
//! 6. The secret is sealed, never shown, and never sent to another address than the one it was entered for.
//! 7. Bounded: one part of 8 MiB in memory, [`MOST_ITEMS`] items waiting (then new ones are refused or, from events, told in
//!    the journal), one upload at a time. A bucket that cannot be reached is tried again after 5 s, 10 s, … 10 min.
//!
//! ## Non-goals
//! Deleting from the bucket by age (that is the bucket's lifecycle rule), encryption of our own (use the server's), other
//! clouds' own protocols, moving footage away from the box.

mod archive;
mod bucket;
mod config;
mod error;
mod feed;
mod items;
mod objects;
mod pace;
mod playlist;
mod schema;
mod uploader;
mod uploads;
mod worker;

pub use archive::{Archive, ArchiveState, ArchiveStatus};
pub use config::{ArchiveConfig, ConfigShown, NewConfig, Verify, What, Window};
pub use error::ArchiveError;
pub use items::{Item, ItemState, MOST_ITEMS, NewJob};
pub use objects::Object;
pub use playlist::Part;
pub use schema::MIGRATIONS;

/// What this room returns.
pub type Result<T, E = ArchiveError> = std::result::Result<T, E>;
