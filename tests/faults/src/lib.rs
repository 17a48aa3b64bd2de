//! # faults: what breaks under a recorder, done to a real one
//!
//! Every promise of "nothing lost" is a test here: the daemon, or the recorder alone where a clock must be injected, on a
//! disk that breaks when told to ([`disk::BadDisk`]), behind cameras that misbehave (`heron-sim`), killed, starved and set
//! back in time. What was recorded is compared with what the simulator sent and with what the ledger says.
//!
//! ```text
//!  heron-sim ── RTSP ──> herond ──> BadDisk (FUSE, in memory: errors, stalls, power cuts)
//!     │ counters, time codes      └─> catalogue, ledger, API
//!     └───────── compared ────────────────┘
//! ```
//!
//! ## Invariants
//! 1. A frame counts as recorded when its time code is read back from a decoded picture, or when a whole fragment says that
//!    it holds it; never because the daemon says so.
//! 2. Whatever is mounted is unmounted when its handle goes, also in a panic; what a killed test left is unmounted by the
//!    next one.
//! 3. What needs a right that is not there says "skipped: why".
//! 4. Random moments come from a seed, which is printed.
//!
//! ## Non-goals
//! The whole machine: real power cuts are for the virtual machine's tests. Two failures at a time.

pub mod disk;
mod disk_fs;
pub mod recorded;
