//! # heron-sim: simulated cameras and their faults
//!
//! RTSP 1.0 cameras that Heron, and programs no one here wrote, can be tested against: they loop films or draw a
//! yard with people and cars, over TCP, UDP and TLS, and they misbehave when told to, by the same seed in the same
//! way. The binary `heron-sim` serves them from the command line; tests start a [`Simulator`] in their own process.
//!
//! ```text
//!   film file ── clip ──┐ (once)                   ┌ server::track ── TCP interleaved ──┐
//!                       ├── packets ── session ────┤                                    ├── client
//!   scene ── encoder ───┘ (while watched)          └ server::track ── UDP pair ─────────┘
//!                                  ▲                        │
//!   control (HTTP), FaultHandle ── faults, clock            └── counters
//! ```
//!
//! ## Invariants
//! 1. A film is cut into RTP payloads once, whoever watches it; a packet of one camera differs from another's in the
//!    12 bytes of its header alone.
//! 2. A drawn stream is encoded once, whoever watches it, and only while somebody does.
//! 3. All that a camera says of time comes from one clock of its own: frames are sent when it is their time by that
//!    clock, RTP timestamps count it, sender reports tell it. A loop's seam leaves no trace in it.
//! 4. A frame that is thrown away because a client does not read is counted, and its sequence numbers are used up, so
//!    that the client can notice.
//! 5. Nothing random but by [`seed::Dice`]: the same seed, cameras and order of sessions give the same SSRCs, first
//!    numbers, phases, losses and garbage.
//! 6. The machine's true time is in the picture's [`timecode`]; the camera's own time is in the readable clock.
//!
//! ## Non-goals
//! Anything but cameras and their faults: no box, no browser, no load generator of viewers.

pub mod camera;
pub mod clip;
pub mod clock;
pub mod config;
mod control;
pub mod counters;
pub mod drawn;
pub mod encoder;
pub mod faults;
pub mod footage;
pub mod packets;
pub mod scene;
pub mod seed;
mod server;
pub mod simulator;
pub mod timecode;
pub mod tone;

pub use config::{Audio, Auth, Drawn, Pace, SimConfig};
pub use counters::StreamCounters;
pub use faults::Faults;
pub use simulator::{FaultHandle, SimError, Simulator};
