//! # hub: live fan-out of a stream
//!
//! One ring per stream. One writer (a shard of `ingest`) appends; any number of readers follow with cursors.
//! Nothing is copied: readers get the same `Arc` that the writer pushed.
//!
//! ```text
//!                    push_batch (one short lock, one wake-up)
//!   ingest ────────────────┐
//!                          v
//!    oldest kept ─> [ k p p p p | k p p p p p | k p p ] <─ head
//!                       ^             ^           ^
//!             PinnedReader        LiveReader   where a new LiveReader starts
//!             (the recorder)      (a viewer)   (the newest key frame)
//! ```
//!
//! ## Invariants
//! 1. A push never waits for a reader. It holds one lock for a time proportional to what it appends and drops.
//! 2. Every reader sees every item in order, or is told how many items and bytes it missed.
//! 3. A ring never holds more than its own bound, and all rings of a [`Hub`] together never more than the
//!    shared bound plus the batch that is being pushed (see [`HubConfig`] for the arithmetic).
//!    When the shared bound is reached the largest backlog that nobody watches gives way first; who had not read it is
//!    told ([`Overrun`]). Both bounds count payload and 192 bytes a unit; memory is let go in pieces of 128 KiB
//!    (`media::rtp`; a larger frame has a piece of its own), so a stream holds one or two of them more than is counted.
//! 4. With no reader behind, a ring holds one group of pictures: from the newest key frame on. A pinned reader
//!    that is behind makes it hold more, up to the bound; a live reader at most the group before.
//! 5. A live reader begins at a key frame, and after a skip goes on at a key frame.
//! 6. No lock is held across an await, and no two locks at the same time.
//!
//! ## Non-goals
//! Remuxing, time, recording, deciding which streams exist.

mod budget;
mod item;
mod reader;
mod registry;
mod ring;
mod state;
mod statistics;
mod stream;

pub use item::RingItem;
pub use reader::{Closed, Drained, LiveReader, Next, Overrun, PinnedReader, Skipped};
pub use registry::{Hub, HubConfig};
pub use ring::Ring;
pub use statistics::RingStatistics;
pub use stream::{StreamHub, ViewerGuard};
