//! Session descriptions (RFC 8866), read leniently and written strictly.
//!
//! Cameras leave out mandatory lines, end lines with CR alone, put attributes in the wrong section, repeat
//! themselves and append binary rubbish. Whatever is a `<letter>=<value>` line is read as far as it goes; all else
//! is passed over. The one thing that is refused is a text that describes no media at all.
//!
//! Bounds: [`MAX_SDP_BYTES`], [`MAX_MEDIA`], and a fixed number of attributes per section.

mod media;
mod parse;
mod sprop;
mod write;

pub use media::{Direction, MediaDescription, MediaKind, RtpMap};
pub use parse::{SdpError, parse};
pub use sprop::{decode_config_hex, decode_parameter_sets, encode_parameter_sets};

/// Greatest length of a description that is read, bytes. Real ones stay under 4 KiB.
pub const MAX_SDP_BYTES: usize = 64 * 1024;
/// Greatest number of media sections that are read; the rest is passed over.
pub const MAX_MEDIA: usize = 32;
/// Greatest number of attributes kept per section; the rest is passed over.
pub const MAX_ATTRIBUTES: usize = 256;

/// A session description.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionDescription {
    /// `s=`.
    pub name: String,
    /// `o=`, as it came.
    pub origin: Option<String>,
    /// The address of the session's `c=` line, without its time to live.
    pub connection: Option<String>,
    /// `a=control` of the whole session.
    pub control: Option<String>,
    /// `a=range`, for example `npt=0-` or `clock=20261120T094400Z-`.
    pub range: Option<String>,
    /// Every other attribute of the session.
    pub attributes: Vec<(String, Option<String>)>,
    /// The media sections in order.
    pub media: Vec<MediaDescription>,
}
