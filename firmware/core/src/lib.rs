//! # core: the words all rooms share
//!
//! Ids, the two clocks, codec parameters, the access unit, events, the weekly schedule and errors. Every other room may import this
//! one; it imports none.
//!
//! ## Invariants
//! 1. No I/O and no async. The one exception is [`SystemClock`], which reads the machine's clock so that every
//!    other room can be handed a [`Clock`] and be tested in virtual time.
//! 2. A type carries its unit: [`WallTime`] is UTC nanoseconds, [`MediaTime`] is 90 kHz ticks, [`BitRate`] is
//!    bits per second. A bare integer that crosses a crate boundary has its unit in its name.
//! 3. An [`AccessUnit`] is immutable once it is built; fan-out is by `Arc`, never by copy.
//!
//! ## Non-goals
//! Parsing of bitstreams (that is `media`), storage, configuration.

pub mod access_unit;
pub mod codec;
pub mod error;
pub mod event;
pub mod gap;
pub mod ids;
pub mod link;
pub mod schedule;
pub mod time;

pub use access_unit::AccessUnit;
pub use codec::{AudioCodec, AudioFormat, TrackFormat, TrackKind, VideoCodec, VideoFormat};
pub use error::ErrorKind;
pub use event::{Event, EventDraft, Severity};
pub use gap::GapReason;
pub use ids::{CameraId, StreamKey, StreamKind};
pub use link::{BitRate, FailureReason, Grade, LinkStatistics, StreamState};
pub use schedule::{InForce, PlainMode, RecordMode, Schedule};
pub use time::{Clock, ManualClock, MediaTime, SystemClock, WallTime};
