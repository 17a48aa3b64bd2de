//! # journal: everything that happened
//!
//! An append-only, hash-chained log. Whatever must survive a crash or an outage (fleet uplink, notifications,
//! webhooks) reads it as a named [`Consumer`] with a durable cursor: this is the box's message broker.
//!
//! ```text
//!  rooms ── append(EventDraft) ──► store's writer ──► journal_events: seq, id, …, hash = SHA-256(previous hash ‖ row)
//!                                        │ after the commit, in order
//!                                        ├─► subscribe(): WebSocket, status page   (bounded; lag is reported)
//!                                        └─► consumer(name): next_batch, ack       (durable; nothing is skipped silently)
//!  people ── change(id, status, tags, note) ──► journal_status, journal_notes + an `event.changed` row in the chain
//! ```
//!
//! ## Invariants
//! 1. `seq` counts from 1 without holes; ids are ULIDs that grow with `seq`, even when the clock steps back.
//! 2. A row never changes (a trigger refuses it). What people say of an event lives beside it and is itself
//!    journalled, so the chain covers that too.
//! 3. `hash` is SHA-256 over the previous row's hash and the row's canonical bytes (see `row.rs`); the first
//!    row follows 32 zero bytes. [`Journal::verify`] finds the first row that was altered, removed or
//!    inserted.
//! 4. Subscribers and consumers see an event only after it is committed, and in `seq` order.
//! 5. Appending does not fail for the size of its words: text over 4,000 characters is cut, detail over 16
//!    KiB is replaced by a note of its size. Only a kind that is not a kind is refused.
//! 6. Bounded: [`JournalOptions::keep_rows`] rows. Pruning removes the oldest, leaves the hash of the last
//!    removed row as checkpoint, and verification starts from there. A consumer that had not read them is
//!    told how many it missed.
//!
//! ## Non-goals
//! Proof against somebody who owns the box and rewrites the whole chain, or cuts off its end: that needs an
//! anchor outside. [`Journal::head`] is what to sign or send away. Storing pictures or high-rate
//! measurements.

mod consumer;
mod entry;
mod error;
mod filter;
mod journal;
mod query;
mod row;
mod verify;

pub use consumer::{Batch, Consumer};
pub use entry::{Change, Entry, Note, Status};
pub use error::JournalError;
pub use filter::{EventFilter, Page};
pub use journal::{Journal, JournalOptions, Received, Subscription};
pub use verify::Broken;

use heron_store::Migrations;

/// What this room returns.
pub type Result<T, E = JournalError> = std::result::Result<T, E>;

/// The room's tables, for `Store::open`.
pub const MIGRATIONS: Migrations = Migrations { room: "journal", steps: &[include_str!("schema_1.sql")] };
