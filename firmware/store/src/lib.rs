//! # store: the one database
//!
//! Every durable fact that is not a picture lives in one SQLite file. Rooms bring their own tables as
//! [`Migrations`]; this room owns the file, the connections, the backups and what happens when the file is
//! damaged.
//!
//! ```text
//!  async tasks ── write ──┐                        ┌── read ──  async tasks
//!  OS threads ─ write_blocking ─► bounded queue    │   (pool of read-only connections, one snapshot per call)
//!                                    │             │
//!                             writer thread ── WAL ┴── heron.db ── keep_backups ──► heron.db.backup
//!                        (many jobs, one transaction,                               heron.db.backup.old
//!                         one savepoint per job)
//! ```
//!
//! ## Invariants
//! 1. One thread writes. It owns the only connection that can, so "database is locked" cannot happen inside
//!    the house; a shell or `herond fsck` beside it waits, or makes us wait, at most
//!    [`StoreOptions::busy_timeout`].
//! 2. No call blocks a tokio worker: the async forms wait on channels, SQL runs on the writer's thread or on
//!    tokio's blocking pool. The `_blocking` forms are for plain threads.
//! 3. When a write returns `Ok` its transaction is committed. Each job has a savepoint of its own: a job that
//!    fails or panics undoes itself alone. Only a failure of the whole transaction (disk full at commit)
//!    fails its neighbours, and each of them is told.
//! 4. Commits survive `kill -9` at once. They survive a power cut when the WAL has been synced, which
//!    `synchronous = NORMAL` does at checkpoints (every 1000 pages) and not at each commit: the file is never
//!    corrupted by it, but the last seconds may be gone. That is the right price for the catalogue, whose
//!    rows can be rebuilt from the files. What cannot be rebuilt (accounts, cameras, settings) uses
//!    [`Store::write_durable`], which syncs first.
//! 5. Every queue is bounded: [`StoreOptions::write_queue`] jobs, [`StoreOptions::read_queue`] waiting
//!    readers.
//! 6. A backup replaces the previous one only after it has been copied, checked, synced and renamed. Two
//!    generations are kept.
//! 7. A damaged file is never deleted and never opened again: it is moved aside (with its `-wal` and `-shm`),
//!    and the caller gets a [`Recovery`] that it must announce.
//!
//! ## Non-goals
//! Queries (rooms write their own SQL), an ORM, more than one process writing, encryption of the file
//! (secrets are sealed by the rooms that keep them), down-migrations (an older release refuses a newer file
//! in words).

mod backup;
mod error;
mod job;
mod migrate;
mod open;
mod options;
mod readers;
mod recover;
mod store;
mod writer;

pub use error::StoreError;
pub use migrate::Migrations;
pub use options::StoreOptions;
pub use recover::{Recovery, open_or_recover};
pub use store::{Store, StoreHealth};

/// What this room and its callers return.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
