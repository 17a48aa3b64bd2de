//! Writing.

use super::SessionDescription;
use super::media::MediaDescription;
use std::fmt::{self, Display};

impl Display for SessionDescription {
    /// The whole description with CRLF line ends. Control characters in values become blanks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "v", "0")?;
        line(f, "o", self.origin.as_deref().unwrap_or("- 0 0 IN IP4 0.0.0.0"))?;
        line(f, "s", if self.name.is_empty() { "-" } else { &self.name })?;
        connection(f, Some(self.connection.as_deref().unwrap_or("0.0.0.0")))?;
        line(f, "t", "0 0")?;
        attribute(f, "control", self.control.as_deref())?;
        attribute(f, "range", self.range.as_deref())?;
        for (name, value) in &self.attributes {
            any_attribute(f, name, value.as_deref())?;
        }
        self.media.iter().try_for_each(|m| m.write(f))
    }
}

impl MediaDescription {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types: Vec<String> = self.payload_types.iter().map(u8::to_string).collect();
        line(f, "m", &format!("{} {} {} {}", self.kind, self.port, self.protocol, types.join(" ")))?;
        if self.connection.is_some() {
            connection(f, self.connection.as_deref())?;
        }
        if let Some(kbps) = self.bandwidth_kbps {
            line(f, "b", &format!("AS:{kbps}"))?;
        }
        for map in &self.rtpmaps {
            let channels = if map.channels > 1 { format!("/{}", map.channels) } else { String::new() };
            let value = format!("{} {}/{}{channels}", map.payload_type, map.encoding, map.clock_rate_hz);
            attribute(f, "rtpmap", Some(&value))?;
        }
        for (payload_type, parameters) in &self.fmtps {
            let parameters: Vec<String> = parameters
                .iter()
                .map(|(name, value)| if value.is_empty() { name.clone() } else { format!("{name}={value}") })
                .collect();
            attribute(f, "fmtp", Some(&format!("{payload_type} {}", parameters.join("; "))))?;
        }
        attribute(f, "control", self.control.as_deref())?;
        if let Some(fps) = self.framerate {
            attribute(f, "framerate", Some(&fps.to_string()))?;
        }
        if let Some(direction) = self.direction {
            any_attribute(f, direction.as_str(), None)?;
        }
        self.attributes.iter().try_for_each(|(name, value)| any_attribute(f, name, value.as_deref()))
    }
}

fn connection(f: &mut fmt::Formatter<'_>, address: Option<&str>) -> fmt::Result {
    let Some(address) = address else { return Ok(()) };
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    line(f, "c", &format!("IN {family} {address}"))
}

fn attribute(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&str>) -> fmt::Result {
    match value {
        Some(value) => any_attribute(f, name, Some(value)),
        None => Ok(()),
    }
}

fn any_attribute(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&str>) -> fmt::Result {
    match value {
        Some(value) => line(f, "a", &format!("{name}:{value}")),
        None => line(f, "a", name),
    }
}

fn line(f: &mut fmt::Formatter<'_>, letter: &str, value: &str) -> fmt::Result {
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    write!(f, "{letter}={value}\r\n")
}

#[cfg(test)]
mod tests {
    use super::super::{Direction, MediaKind, RtpMap, parse};
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut video = MediaDescription::new(MediaKind::Video, 96);
        video.rtpmaps.push(RtpMap {
            payload_type: 96,
            encoding: "H264".into(),
            clock_rate_hz: 90_000,
            channels: 1,
        });
        video.fmtps.push((96, vec![("packetization-mode".into(), "1".into()), ("a".into(), "b=,c".into())]));
        video.control = Some("trackID=0".into());
        video.direction = Some(Direction::SendOnly);
        video.framerate = Some(12.5);
        video.bandwidth_kbps = Some(4000);
        let mut audio = MediaDescription::new(MediaKind::Audio, 97);
        let encoding = "MPEG4-GENERIC".to_owned();
        audio.rtpmaps.push(RtpMap { payload_type: 97, encoding, clock_rate_hz: 16_000, channels: 2 });
        let sdp = SessionDescription {
            name: "yard\r\nm=evil 0 RTP/AVP 1".into(),
            control: Some("*".into()),
            range: Some("npt=0-".into()),
            media: vec![video, audio],
            ..SessionDescription::default()
        };
        let read = parse(sdp.to_string().as_bytes()).unwrap();
        assert_eq!(read.media, sdp.media);
        assert_eq!((read.control, read.range), (sdp.control, sdp.range));
        assert_eq!(read.name, "yard  m=evil 0 RTP/AVP 1");
    }
}
