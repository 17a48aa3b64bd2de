//! The `Transport` header (RFC 2326 §12.39), as it is meant and as cameras write it.

use super::WireError;
use super::error::quote;
use super::headers::lenient_number;
use std::fmt;
use std::net::IpAddr;

/// What carries the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LowerTransport {
    /// Interleaved in the RTSP connection.
    Tcp,
    /// Datagrams of their own.
    Udp,
}

/// Two ports or two channels: RTP first, RTCP second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortPair(pub u16, pub u16);

/// One transport offer or answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transport {
    /// `RTP/AVP` is UDP, `RTP/AVP/TCP` is TCP; a header with `interleaved` is TCP whatever it says.
    pub lower: LowerTransport,
    /// `multicast` was said.
    pub multicast: bool,
    /// Channels of RTP and RTCP.
    pub interleaved: Option<PortPair>,
    /// The client's UDP ports.
    pub client_port: Option<PortPair>,
    /// The server's UDP ports.
    pub server_port: Option<PortPair>,
    /// The multicast ports.
    pub port: Option<PortPair>,
    /// The SSRC that was announced. Cameras announce wrong ones; never reject a packet for it.
    pub ssrc: Option<u32>,
    /// Where UDP packets come from.
    pub source: Option<IpAddr>,
    /// Where UDP packets go to.
    pub destination: Option<IpAddr>,
    /// `PLAY` or `RECORD`, upper case, without quotes.
    pub mode: Option<String>,
}

impl Transport {
    /// Interleaved over TCP on `rtp_channel` and the one after it.
    pub fn interleaved(rtp_channel: u8) -> Self {
        let rtp = u16::from(rtp_channel);
        Self { interleaved: Some(PortPair(rtp, (rtp + 1).min(255))), ..Self::empty(LowerTransport::Tcp) }
    }
    /// UDP unicast to the client's `rtp_port` and the one after it.
    pub fn udp(rtp_port: u16) -> Self {
        Self {
            client_port: Some(PortPair(rtp_port, rtp_port.saturating_add(1))),
            ..Self::empty(LowerTransport::Udp)
        }
    }
    fn empty(lower: LowerTransport) -> Self {
        Self {
            lower,
            multicast: false,
            interleaved: None,
            client_port: None,
            server_port: None,
            port: None,
            ssrc: None,
            source: None,
            destination: None,
            mode: None,
        }
    }

    /// Reads one transport specification.
    ///
    /// # Errors
    /// [`WireError::Header`] when it is not RTP at all.
    pub fn parse(value: &str) -> Result<Self, WireError> {
        let mut parts = value.split(';').map(str::trim);
        let spec = parts.next().unwrap_or_default().to_ascii_uppercase();
        if !spec.starts_with("RTP/") {
            let why = "it must begin with RTP/AVP";
            return Err(WireError::Header { header: "Transport", saw: quote(value.as_bytes()), why });
        }
        let tcp = spec.split('/').any(|p| p == "TCP");
        let mut out = Self::empty(if tcp { LowerTransport::Tcp } else { LowerTransport::Udp });
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"'));
            match name.as_str() {
                "multicast" => out.multicast = true,
                "interleaved" => {
                    out.interleaved = pair(value).filter(|p| p.0 < 256 && p.1 < 256);
                    out.lower = LowerTransport::Tcp;
                }
                "client_port" => out.client_port = pair(value),
                "server_port" => out.server_port = pair(value),
                "port" => out.port = pair(value),
                "ssrc" => out.ssrc = ssrc(value),
                "source" => out.source = value.parse().ok(),
                "destination" => out.destination = value.parse().ok(),
                "mode" => out.mode = Some(value.to_ascii_uppercase()),
                _ => {}
            }
        }
        Ok(out)
    }

    /// Reads every alternative of a header in the peer's order of preference; those that are not RTP are left
    /// out.
    pub fn parse_list(value: &str) -> Vec<Self> {
        value.split(',').take(16).filter_map(|one| Self::parse(one).ok()).collect()
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.lower {
            LowerTransport::Tcp => "RTP/AVP/TCP",
            LowerTransport::Udp => "RTP/AVP",
        })?;
        f.write_str(if self.multicast { ";multicast" } else { ";unicast" })?;
        for (name, ip) in [("destination", self.destination), ("source", self.source)] {
            if let Some(ip) = ip {
                write!(f, ";{name}={ip}")?;
            }
        }
        let pairs = [
            ("interleaved", self.interleaved),
            ("client_port", self.client_port),
            ("server_port", self.server_port),
            ("port", self.port),
        ];
        for (name, pair) in pairs {
            if let Some(PortPair(a, b)) = pair {
                write!(f, ";{name}={a}-{b}")?;
            }
        }
        if let Some(ssrc) = self.ssrc {
            write!(f, ";ssrc={ssrc:08X}")?;
        }
        if let Some(mode) = &self.mode {
            write!(f, ";mode=\"{mode}\"")?;
        }
        Ok(())
    }
}

/// `5000-5001`, `5000`, `5000 - 5001`: a lone or backward port is followed by the next one.
fn pair(value: &str) -> Option<PortPair> {
    let (a, b) = value.split_once('-').unwrap_or((value, ""));
    let a = u16::try_from(lenient_number(a)?).ok()?;
    let b = lenient_number(b).and_then(|b| u16::try_from(b).ok()).filter(|b| *b >= a);
    Some(PortPair(a, b.unwrap_or(a.saturating_add(1))))
}

/// Eight hexadecimal digits (RFC 2326 §12.39), or what stands in their place: fewer digits, blanks inside,
/// `0x` before, or decimal with more than eight digits.
fn ssrc(value: &str) -> Option<u32> {
    let digits: String = value.chars().filter(|c| !c.is_whitespace()).take(16).collect();
    let digits = digits.strip_prefix("0x").or(digits.strip_prefix("0X")).unwrap_or(&digits);
    if digits.len() > 8 { digits.parse().ok() } else { u32::from_str_radix(digits, 16).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_many_spellings() {
        let t = Transport::parse("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=4D 1A2B3C").unwrap();
        assert_eq!(
            (t.lower, t.interleaved, t.ssrc),
            (LowerTransport::Tcp, Some(PortPair(0, 1)), Some(0x4d1a_2b3c))
        );
        let t =
            Transport::parse("rtp/avp; unicast ; client_port = 5000 - 5001;server_port=6970;source=10.0.0.9")
                .unwrap();
        assert_eq!(t.lower, LowerTransport::Udp);
        assert_eq!(t.client_port, Some(PortPair(5000, 5001)));
        assert_eq!(t.server_port, Some(PortPair(6970, 6971)));
        assert_eq!(t.source, Some("10.0.0.9".parse().unwrap()));
        assert_eq!(Transport::parse("RTP/AVP;ssrc=0xDEADBEEF").unwrap().ssrc, Some(0xdead_beef));
        assert_eq!(Transport::parse("RTP/AVP;ssrc=3735928559").unwrap().ssrc, Some(0xdead_beef));
        assert_eq!(Transport::parse("RTP/AVP;ssrc=xyz").unwrap().ssrc, None);
        assert_eq!(Transport::parse("RTP/AVP;unicast;interleaved=2-3").unwrap().lower, LowerTransport::Tcp);
        assert!(Transport::parse("MP2T/H2221/UDP;unicast").is_err());
    }

    #[test]
    fn what_is_written_reads_back() {
        for t in [
            Transport { ssrc: Some(7), mode: Some("PLAY".into()), ..Transport::interleaved(4) },
            Transport { server_port: Some(PortPair(9000, 9001)), ..Transport::udp(5000) },
        ] {
            assert_eq!(Transport::parse(&t.to_string()).unwrap(), t);
        }
        assert_eq!(Transport::interleaved(0).to_string(), "RTP/AVP/TCP;unicast;interleaved=0-1");
    }

    #[test]
    fn a_list_keeps_its_order() {
        let all = Transport::parse_list("RTP/AVP/TCP;interleaved=0-1,RAW/RAW/UDP, RTP/AVP;client_port=2-3");
        assert_eq!(
            all.iter().map(|t| t.lower).collect::<Vec<_>>(),
            [LowerTransport::Tcp, LowerTransport::Udp]
        );
    }
}
