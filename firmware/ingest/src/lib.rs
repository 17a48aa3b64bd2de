//! # ingest: cameras in
//!
//! An RTSP client for many cameras at once. It connects, authenticates, receives, puts pictures together, stamps
//! both clocks on them, and hands them to the hub; when a camera goes away it tries again for ever and says why.
//!
//! ```text
//!  Ingest ── commands ──> shard: one OS thread, one current_thread runtime, one task per stream
//!
//!  task:  connection ─> rtsp::StreamParser ─┬─ messages ──> Session   (sans-IO: what to ask next)
//!         (TCP, TLS)                        └─ packets ───┐
//!         udp_media ─> ReorderBuffer ─────────────────────┴─> Demux ─> Track ─> Settle ─> access units
//!                                                                            (at first)   │ one push_batch per wake-up
//!                                                                                         v
//!         observer <── notices                                                        StreamHub
//! ```
//!
//! ## Invariants
//! 1. No answer of a camera, however wrong, panics, blocks the thread or grows memory beyond a written bound.
//!    Nor does it hold the thread for longer than a turn of a millisecond: then every other stream, every timer
//!    and every command have theirs.
//! 2. A stream that has not been removed is always either playing, trying, or waiting for its next try; every
//!    step of a try has a deadline.
//! 3. A stream without packets for [`SILENCE`] is dead and is connected anew.
//! 4. A password is sent at most twice per try, and after it was refused not again for a minute or more.
//! 5. What was read in one wake-up reaches the hub in one batch, in order; what came in a connection's first 250 ms
//!    reaches it in one batch after that.
//! 6. `Unreachable` is told exactly once per outage, after [`ATTEMPTS_BEFORE_UNREACHABLE`] failed tries in a row;
//!    `Recovered` follows exactly once.
//! 7. No password is ever in a log line, an error or a notice.
//! 8. No unit lies in the recording later than it arrived, but by what the first 250 ms could not tell: a network
//!    that has become quicker, pictures that by later reports come later than their sound. That is bent away at 500 ppm.
//! 9. All tracks of a connection are on one line of media time and share one mapping to the recording's: once both
//!    have reports, what was captured at once lies at once.
//!
//! ## Non-goals
//! Which cameras exist (`cameras`), recording, decoding, ONVIF, multicast, RTSP over HTTP.
//!
//! Why an RTSP client of our own: `README.md` beside this crate.

mod address;
mod attempt;
mod backoff;
mod connection;
mod demux;
mod failure;
mod ingest;
mod observer;
mod pace;
mod probe;
mod rate;
mod running;
pub mod session;
mod settle;
mod shard;
mod share;
mod spec;
mod statistics;
mod status;
mod task;
mod tls;
mod track;
mod udp_media;
mod vital_signs;

pub use address::{Address, AddressError};
pub use backoff::Backoff;
pub use ingest::{Ingest, IngestError, StreamReport};
pub use observer::{ChannelObserver, Notice, Observer};
pub use probe::{ProbeReport, ProbeTrack};
pub use spec::{IngestConfig, StreamSpec, TlsPolicy, TransportChoice};
pub use statistics::{StreamCounters, grade};
pub use track::PacketHook;

use std::time::Duration;

/// Without a packet for this long a stream is dead.
pub const SILENCE: Duration = Duration::from_secs(5);
/// How long each step of a try may take: resolving the name, connecting, the TLS handshake, one answer, the first
/// packet.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// A plain TCP stream that nobody watches and that brought more than this in one reading is read again at the next
/// tick, not only at every fourth. 48 KiB: three quarters of what a socket takes in at first (Linux gives it 128 KiB,
/// half of that for payload). The buffer grows with what is read at once, so that a key frame that did not fit comes
/// in two or three ticks the first time and in one after that.
pub const BUSY_BYTES: u64 = 48 << 10;
/// Failed tries in a row after which a person is told.
pub const ATTEMPTS_BEFORE_UNREACHABLE: u32 = 10;
