//! Reading.

use super::media::{Direction, MediaDescription, MediaKind, RtpMap};
use super::{MAX_ATTRIBUTES, MAX_MEDIA, MAX_SDP_BYTES, SessionDescription};
use crate::rtsp::quote;
use heron_core::ErrorKind;

/// Why a text is no usable session description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Longer than [`MAX_SDP_BYTES`].
    #[error("the session description is {len} bytes long, at most {MAX_SDP_BYTES} are read")]
    TooLarge {
        /// Its length, bytes.
        len: usize,
    },
    /// No `m=` line that could be read.
    #[error("the session description describes no media; it began {saw}")]
    NoMedia {
        /// What came, quoted.
        saw: String,
    },
}

impl SdpError {
    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::NoMedia { .. } => ErrorKind::Invalid,
        }
    }
}

/// Reads a description.
///
/// # Errors
/// [`SdpError`] when it is too long or describes no media.
pub fn parse(bytes: &[u8]) -> Result<SessionDescription, SdpError> {
    if bytes.len() > MAX_SDP_BYTES {
        return Err(SdpError::TooLarge { len: bytes.len() });
    }
    let text = String::from_utf8_lossy(bytes);
    let mut session = SessionDescription::default();
    for line in text.split(['\r', '\n', '\0']) {
        let line = line.trim();
        let Some((letter, value)) = line.split_once('=') else { continue };
        let value = value.trim();
        match (letter.trim(), session.media.last_mut()) {
            ("m", _) => match media_line(value) {
                Some(_) if session.media.len() == MAX_MEDIA => break,
                Some(media) => session.media.push(media),
                None => {}
            },
            ("s", _) => session.name = value.to_owned(),
            ("o", _) => session.origin = Some(value.to_owned()),
            ("c", None) => session.connection = connection(value),
            ("c", Some(media)) => media.connection = connection(value),
            ("b", Some(media)) => bandwidth(value, media),
            ("a", None) => session_attribute(value, &mut session),
            ("a", Some(media)) => media_attribute(value, media),
            _ => {}
        }
    }
    if session.media.is_empty() {
        return Err(SdpError::NoMedia { saw: quote(bytes) });
    }
    Ok(session)
}

/// `video 0 RTP/AVP 96 97`, `video 0/2 RTP/AVP 96`, `video RTP/AVP 96`.
fn media_line(value: &str) -> Option<MediaDescription> {
    let mut words = value.split_ascii_whitespace().peekable();
    let kind = MediaKind::parse(words.next()?);
    let mut media = MediaDescription::new(kind, 0);
    media.payload_types.clear();
    if let Some(port) = words.next_if(|w| w.starts_with(|c: char| c.is_ascii_digit())) {
        media.port = port.split('/').next().and_then(|p| p.parse().ok()).unwrap_or(0);
    }
    if let Some(protocol) = words.next_if(|w| w.starts_with(|c: char| c.is_ascii_alphabetic())) {
        media.protocol = protocol.to_owned();
    }
    media.payload_types = words.filter_map(|w| w.parse().ok()).filter(|pt| *pt < 128).take(32).collect();
    Some(media)
}

fn connection(value: &str) -> Option<String> {
    let address = value.split_ascii_whitespace().nth(2)?;
    Some(address.split('/').next().unwrap_or(address).to_owned())
}

fn bandwidth(value: &str, media: &mut MediaDescription) {
    if let Some((kind, amount)) = value.split_once(':')
        && kind.trim().eq_ignore_ascii_case("AS")
    {
        media.bandwidth_kbps = amount.trim().parse().ok();
    }
}

fn split_attribute(value: &str) -> (&str, Option<&str>) {
    match value.split_once(':') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (value, None),
    }
}

fn session_attribute(attribute: &str, session: &mut SessionDescription) {
    let (name, value) = split_attribute(attribute);
    match (name.to_ascii_lowercase().as_str(), value) {
        ("control", Some(value)) => session.control = Some(value.to_owned()),
        ("range", Some(value)) => session.range = Some(value.to_owned()),
        _ if session.attributes.len() < MAX_ATTRIBUTES => {
            session.attributes.push((name.to_owned(), value.map(str::to_owned)));
        }
        _ => {}
    }
}

fn media_attribute(attribute: &str, media: &mut MediaDescription) {
    let (name, value) = split_attribute(attribute);
    let kept = media.rtpmaps.len() + media.fmtps.len() + media.attributes.len();
    if kept >= MAX_ATTRIBUTES {
        return;
    }
    match (name.to_ascii_lowercase().as_str(), value) {
        ("rtpmap", Some(value)) => media.rtpmaps.extend(rtpmap(value)),
        ("fmtp", Some(value)) => media.fmtps.extend(fmtp(value)),
        // The first one counts: some cameras append the session's `*` to the last section.
        ("control", Some(value)) if media.control.is_none() => media.control = Some(value.to_owned()),
        ("framerate", Some(value)) => {
            let number: String = value.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            media.framerate = number.parse().ok().filter(|f: &f32| *f > 0.0 && *f <= 1000.0);
        }
        (name, None) if Direction::parse(name).is_some() => media.direction = Direction::parse(name),
        _ => media.attributes.push((name.to_owned(), value.map(str::to_owned))),
    }
}

/// `96 H264/90000`, `97 MPEG4-GENERIC/16000/2`, `98 H265 / 90000`; a missing or zero rate is 90 kHz.
fn rtpmap(value: &str) -> Option<RtpMap> {
    let (payload_type, rest) = value.split_once(|c: char| c.is_ascii_whitespace())?;
    let mut parts = rest.split('/').map(str::trim);
    let encoding = parts.next().filter(|e| !e.is_empty())?.to_owned();
    let clock_rate_hz = parts.next().and_then(|r| r.parse().ok()).filter(|r| *r > 0).unwrap_or(90_000);
    let channels = parts.next().and_then(|c| c.parse().ok()).filter(|c| *c > 0).unwrap_or(1);
    let payload_type = payload_type.parse().ok().filter(|pt| *pt < 128)?;
    Some(RtpMap { payload_type, encoding, clock_rate_hz, channels })
}

/// `96 packetization-mode=1; sprop-parameter-sets=Z0IA,aM4=; profile-level-id=42001f`.
fn fmtp(value: &str) -> Option<(u8, Vec<(String, String)>)> {
    let (payload_type, rest) = value.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((value, ""));
    let parameters = rest
        .split(';')
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .take(64)
        .map(|p| {
            let (name, value) = p.split_once('=').unwrap_or((p, ""));
            (name.trim().to_owned(), value.trim().trim_matches('"').to_owned())
        })
        .collect();
    Some((payload_type.parse().ok().filter(|pt| *pt < 128)?, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_camera() {
        let sdp = parse(
            b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=Media Presentation\r\nc=IN IP4 0.0.0.0\r\nb=AS:5100\r\nt=0 0\r\n\
              a=control:rtsp://10.0.0.9/live/\r\na=range:npt=0-\r\n\
              m=video 0 RTP/AVP 96\r\nc=IN IP4 239.0.0.1/127\r\nb=AS:5000\r\na=recvonly\r\na=x-dimensions:1920,1080\r\n\
              a=control:rtsp://10.0.0.9/live/trackID=1\r\na=rtpmap:96 H264/90000\r\n\
              a=fmtp:96 profile-level-id=640029; packetization-mode=1; sprop-parameter-sets=Z2QAKa0=,aO48sA==\r\n\
              a=framerate:12.5 fps\r\n\
              m=audio 0 RTP/AVP 8\r\na=control:rtsp://10.0.0.9/live/trackID=2\r\n\
              m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n",
        )
        .unwrap();
        assert_eq!(sdp.name, "Media Presentation");
        assert_eq!(sdp.control.as_deref(), Some("rtsp://10.0.0.9/live/"));
        assert_eq!(sdp.range.as_deref(), Some("npt=0-"));
        let [video, audio, metadata] = sdp.media.as_slice() else { panic!("{sdp:?}") };
        assert_eq!(
            (&video.kind, video.bandwidth_kbps, video.framerate),
            (&MediaKind::Video, Some(5000), Some(12.5))
        );
        assert_eq!(video.connection.as_deref(), Some("239.0.0.1"));
        assert_eq!(video.direction, Some(Direction::RecvOnly));
        assert_eq!(video.fmtp_value(96, "Sprop-Parameter-Sets"), Some("Z2QAKa0=,aO48sA=="));
        assert_eq!(video.attributes, [("x-dimensions".into(), Some("1920,1080".into()))]);
        let a = &audio.encodings()[0];
        assert_eq!((a.encoding.as_str(), a.clock_rate_hz, a.channels), ("PCMA", 8000, 1));
        assert_eq!(metadata.encodings()[0].encoding, "vnd.onvif.metadata");
    }

    #[test]
    fn carriage_returns_alone_and_missing_lines() {
        let sdp = parse(
            b"m=video 0 RTP/AVP 35\ra=rtpmap:35 H264/90000\ra=fmtp:96 packetization-mode=1\r\0\xff\xfe",
        )
        .unwrap();
        let video = &sdp.media[0];
        assert_eq!(video.encodings()[0].encoding, "H264");
        assert_eq!(video.fmtp_value(35, "packetization-mode"), Some("1"), "a lone fmtp is meant");
    }

    #[test]
    fn sloppy_media_lines() {
        let sdp =
            parse(b"m=video RTP/AVP 96 97 999\nm=audio 5004/2 RTP/AVP\nm=\nm=text\nrubbish\n= \na=").unwrap();
        assert_eq!(sdp.media[0].payload_types, [96, 97]);
        assert_eq!((sdp.media[1].port, sdp.media[1].payload_types.len()), (5004, 0));
        assert_eq!(sdp.media[2].kind, MediaKind::Other("text".into()));
    }

    #[test]
    fn a_differently_numbered_rtpmap_is_meant() {
        let sdp = parse(b"m=video 0 RTP/AVP 96\na=rtpmap:97 H265/90000\n").unwrap();
        assert_eq!(sdp.media[0].encodings()[0].encoding, "H265");
        let sdp = parse(b"m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/0/0\n").unwrap();
        let map = &sdp.media[0].encodings()[0];
        assert_eq!((map.clock_rate_hz, map.channels), (90_000, 1));
    }

    #[test]
    fn absurd_sizes_are_bounded() {
        assert!(matches!(parse(&vec![b'a'; MAX_SDP_BYTES + 1]), Err(SdpError::TooLarge { .. })));
        let many = "m=video 0 RTP/AVP 96\n".repeat(100);
        assert_eq!(parse(many.as_bytes()).unwrap().media.len(), MAX_MEDIA);
        let attributes = format!("m=video 0 RTP/AVP 96\n{}", "a=x:1\n".repeat(5000));
        assert_eq!(parse(attributes.as_bytes()).unwrap().media[0].attributes.len(), MAX_ATTRIBUTES);
        let error = parse(b"<html>not found</html>").unwrap_err().to_string();
        assert!(error.contains("<html>"), "{error}");
    }
}
