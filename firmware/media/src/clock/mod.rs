//! The arithmetic of clocks: from 32-bit RTP timestamps to decoding order, camera time and the recording's
//! time line. Pure: every instant is an argument.

mod camera;
mod dts;
mod unwrap;
mod wall;

pub use camera::CameraClock;
pub use dts::{DtsEstimator, Stamps};
pub use unwrap::{RtpInstant, RtpUnwrapper};
pub use wall::{MAX_SLEW_PPM, TRUST_CAMERA_NANOS, WallMapper, WallStamp};
