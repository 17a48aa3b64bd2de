//! HTTP's own business, knowing nothing of cameras: ranges, streamed files, bodies and their bounds,
//! sockets, cookies, security headers.

pub(crate) mod alive;
pub(crate) mod body;
pub(crate) mod conditional;
pub(crate) mod cookies;
pub(crate) mod guard;
pub(crate) mod peer;
pub(crate) mod quota;
pub(crate) mod range;
pub(crate) mod socket;
pub(crate) mod stream;
