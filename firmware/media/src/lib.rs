//! # media: formats, bytes in and bytes out
//!
//! Everything that is written down in a standard and can be said without a socket: bitstreams (H.264, H.265,
//! MJPEG, AAC, G.711), RTP and its payload formats in both directions, RTCP, RTSP messages, SDP, fragmented MP4,
//! HLS playlists, FLAC, and the arithmetic of clocks.
//!
//! ```text
//!   datagrams or interleaved bytes                                     access units
//!        |                                                                  |
//!   rtp::Packet -> rtp::SequenceTracker -> rtp::Depacketizer -> Frame   rtp::Packetizer -> PacketList -> RTP out
//!                  (rtp::ReorderBuffer      |                    |
//!                   before it, on UDP)      | h264, h265, aac…   +-> clock::RtpUnwrapper  u32 -> i64
//!                                           v                    +-> clock::DtsEstimator  pts -> dts
//!   rtcp::Compound -> clock::CameraClock  TrackFormat            +-> clock::WallMapper    media -> box time
//! ```
//!
//! ## Invariants
//! 1. Sans-IO: no clock, socket, thread, file or global state. Time is an argument.
//! 2. Bytes from outside never panic, never loop without end and never make more memory than a bound that is
//!    written beside the code. What cannot be read is an error that says what was on the wire.
//! 3. The receive path makes no allocation per packet and, amortised, none per frame for the payload: payload is
//!    assembled once in a chunk and handed out as `Bytes` slices of it.
//! 4. A video payload is NAL units with 4-byte lengths, without parameter sets and access unit delimiters; those
//!    are in the [`heron_core::TrackFormat`].
//! 5. A frame that reached the box is delivered, with a mark when something is missing in or before it. Only a
//!    frame whose first part is missing is dropped, and it is counted.
//!
//! ## Non-goals
//! Decoding of pictures, sockets, retries, files, policy.

pub mod aac;
mod bits;
pub mod clock;
pub mod flac;
pub mod fuzz;
pub mod g711;
pub mod h264;
pub mod h265;
pub mod hls;
pub mod mjpeg;
pub mod mp4;
pub mod nal;
pub mod rtcp;
pub mod rtp;
pub mod rtsp;
pub mod sdp;
mod vui;
