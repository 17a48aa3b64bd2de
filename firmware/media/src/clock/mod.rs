//! The arithmetic of clocks: from 32-bit RTP timestamps to decoding order, camera time and the recording's
//! time line. Pure: every instant is an argument.

mod align;
mod camera;
mod dts;
mod minimum;
mod unwrap;
mod wall;

pub use align::Alignment;
pub use camera::CameraClock;
pub use dts::{DtsEstimator, Stamps};
pub use unwrap::{RtpInstant, RtpUnwrapper};
pub use wall::{MAX_SLEW_PPM, Sighting, TRUST_CAMERA_NANOS, WallMapper, WallStamp};
