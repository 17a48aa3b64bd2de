//! RTSP 1.0 (RFC 2326) on the wire, without sockets: messages, the headers that matter, authentication.
//!
//! ```text
//! bytes ──> StreamParser ──> Request | Response | Interleaved{channel, range} | Garbage | NeedMore
//! Request / Response ──> write_to ──> bytes
//! ```
//!
//! Invariants:
//! 1. No input makes anything here panic; every size is bounded ([`MAX_HEAD_BYTES`], [`MAX_BODY_BYTES`],
//!    [`MAX_HEADERS`], [`MAX_GARBAGE_BYTES`]).
//! 2. Interleaved payloads are never copied: the parser answers with a range of the caller's buffer.
//! 3. What cameras get wrong in practice is read as they meant it; what cannot be read is quoted in the error.
//! 4. Nothing that is written can carry a line break into a header.
//!
//! Non-goals: RTSP 2.0, HTTP tunnelling, sessions (that is `ingest` for the client side).

pub mod auth;
mod control;
mod error;
mod headers;
mod message;
mod method;
mod rtp_info;
mod session;
mod stream;
mod transport;

pub use control::{base_url, join_control, shown, split_credentials};
pub use error::{WireError, quote};
pub use headers::Headers;
pub use message::{Request, Response, reason_phrase};
pub use method::{Method, parse_public};
pub use rtp_info::{RtpInfo, parse_rtp_info};
pub use session::SessionHeader;
pub use stream::{Item, Parsed, StreamParser, interleaved_prefix};
pub use transport::{LowerTransport, PortPair, Transport};

/// Greatest length of a start line with its headers, bytes. Real cameras stay under 2 KiB; several
/// challenges and a long `Public` still fit many times over.
pub const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Greatest length of a message body, bytes. An SDP with parameter sets is under 4 KiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Greatest number of header fields of one message.
pub const MAX_HEADERS: usize = 128;
/// Greatest run of bytes between two messages that is skipped in search of the next one: four interleaved
/// packets of the greatest size (64 KiB each), so that one corrupted length cannot end a connection.
pub const MAX_GARBAGE_BYTES: usize = 4 * 64 * 1024;
