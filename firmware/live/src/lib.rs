//! # live: to screens
//!
//! Turns a stream of the hub into messages for viewers: fragments of one frame each, made once per stream and shared
//! by everybody who watches it.
//!
//! ```text
//!   hub ring ──> Muxer (one task per watched stream) ──> ring of fragments ──┬─> Viewer ─> WebSocket
//!   of units       Timeline, Sound                        (Bytes, shared)     ├─> Viewer ─> WebSocket
//!                                                                             └─> …
//! ```
//!
//! ## Invariants
//! 1. A fragment leaves as soon as its frame is there: nothing waits for the next frame, so no frame period is added.
//!    Its duration is the interval before it (`timeline.rs`).
//! 2. The first viewer of a stream starts its muxer, the last one to leave stops it. A hundred viewers cost one muxer.
//! 3. A viewer begins at a key frame, from the group of pictures that the hub holds: the first picture is there at once.
//! 4. The players' time line starts near zero, never goes back and has no holes; sound and picture stay together.
//! 5. A viewer that is too slow jumps to the newest key frame, is told how many frames it missed, and is counted. It
//!    never slows the muxer or another viewer.
//! 6. A change of format is a new hello and a new init segment before the first frame that needs them.
//! 7. Sound never stops the picture: G.711 becomes FLAC, holes become silence, sound that stays away is left out.
//!
//! ## Non-goals
//! Transcoding, adapting the bit rate, the transport (the `api` room owns the WebSocket), WebRTC and LL-HLS (they
//! come with their own issue).

mod message;
mod mux;
mod room;
mod sound;
mod station;
mod timeline;
mod viewer;

pub use message::{EndReason, Hello, LiveMessage, WaitReason};
pub use room::{Live, LiveStatistics};
pub use viewer::Viewer;
