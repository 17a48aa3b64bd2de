//! HTTP's own business, knowing nothing of cameras: ranges, streamed files, cookies, security headers.

pub(crate) mod conditional;
pub(crate) mod cookies;
pub(crate) mod guard;
pub(crate) mod peer;
pub(crate) mod range;
pub(crate) mod socket;
pub(crate) mod stream;
