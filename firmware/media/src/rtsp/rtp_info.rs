//! The `RTP-Info` header (RFC 2326 §12.33).

use super::headers::lenient_number;

/// Where one track's packets begin. Hints, never more: cameras send zeros, other tracks' numbers, and URLs that
/// match nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpInfo {
    /// The track's control URL, as it came.
    pub url: String,
    /// First sequence number.
    pub seq: Option<u16>,
    /// RTP timestamp that corresponds to the start of the range.
    pub rtptime: Option<u32>,
}

/// Reads the header. URLs may hold commas and semicolons: an entry begins at `url=` only.
pub fn parse_rtp_info(value: &str) -> Vec<RtpInfo> {
    let lower = value.to_ascii_lowercase();
    let starts: Vec<usize> = lower
        .match_indices("url=")
        .map(|(at, _)| at)
        .filter(|at| value[..*at].trim_end().is_empty() || value[..*at].trim_end().ends_with(','))
        .take(32)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([value.len()]);
    starts.iter().zip(ends).map(|(start, end)| one(&value[start + 4..end])).collect()
}

fn one(entry: &str) -> RtpInfo {
    let entry = entry.trim().trim_end_matches(',').trim_end();
    let lower = entry.to_ascii_lowercase();
    let find = |name: &str| {
        let at = lower.find(&format!(";{name}="))?;
        Some((at, &entry[at + name.len() + 2..]))
    };
    let (seq, rtptime) = (find("seq"), find("rtptime"));
    let url_end = [seq, rtptime].into_iter().flatten().map(|(at, _)| at).min().unwrap_or(entry.len());
    RtpInfo {
        url: entry[..url_end].trim_matches('"').to_owned(),
        seq: seq.and_then(|(_, v)| u16::try_from(lenient_number(v)?).ok()),
        rtptime: rtptime.and_then(|(_, v)| u32::try_from(lenient_number(v)?).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_whatever_their_urls_hold() {
        let all = parse_rtp_info(
            "url=rtsp://h/a;b,c/trackID=1;seq=1;rtptime=2, URL=trackID=2;rtptime=99999999999;seq=65535,url=x",
        );
        assert_eq!(
            all,
            [
                RtpInfo { url: "rtsp://h/a;b,c/trackID=1".into(), seq: Some(1), rtptime: Some(2) },
                RtpInfo { url: "trackID=2".into(), seq: Some(65535), rtptime: None },
                RtpInfo { url: "x".into(), seq: None, rtptime: None },
            ]
        );
        assert!(parse_rtp_info("seq=1").is_empty());
        assert!(parse_rtp_info("").is_empty());
    }
}
