//! Authentication of RTSP requests (RFC 2326 §14 by way of RFC 7616 Digest and RFC 7617 Basic), both ends.
//!
//! The client end answers challenges as cameras make them: MD5 and SHA-256, `qop=auth` and the older form
//! without, `stale`, several challenges at once. The server end makes and checks them without keeping state
//! per client: a nonce carries its own time and is signed by a secret.
//!
//! Our own and not the `http-auth` crate: its parser refuses challenges that cameras do send (unquoted realms,
//! missing commas), and it has no server end.

mod challenge;
mod client;
mod digest;
mod server;

pub use challenge::{Challenge, DigestChallenge, parse_challenges};
pub use client::{Authenticator, Credentials, Outcome};
pub use digest::Algorithm;
pub use server::{Gatekeeper, Scheme, Verdict};
