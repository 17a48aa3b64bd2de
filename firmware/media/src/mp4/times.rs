//! The times that a fragment's header tells, and moving them: for exports that put fragments of several files one after
//! another.

use super::parse::children;
use super::problem::Problem;

/// Where a 64-bit time stands in a fragment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderTime {
    /// The track in whose ticks it counts.
    pub track_id: u32,
    /// Offset in the header.
    pub at: usize,
    /// The time.
    pub ticks: u64,
    /// `tfdt` (decoding time of the track's first sample); otherwise it is the media time in `prft`.
    pub decoding: bool,
}

/// The times in a header (`prft`, `moof`; what follows may be cut off): `media_time` of `prft` and
/// `baseMediaDecodeTime` of each `tfdt`, at most eight.
///
/// # Errors
/// [`Problem`] when there is no `moof`, a box contradicts itself, or a time has 32 bits, which ours never have.
pub fn decode_times(header: &[u8]) -> Result<Vec<HeaderTime>, Problem> {
    let mut times = Vec::with_capacity(3);
    for top in children(header, 0) {
        let top = top?;
        match &top.kind {
            b"prft" => {
                let (version, _, mut fields) = top.full()?;
                let track_id = fields.u32()?;
                fields.u64()?;
                let ticks = fields.u64()?;
                if version != 1 {
                    return Err(top.damaged("its time has 32 bits"));
                }
                times.push(HeaderTime { track_id, at: top.at as usize + 8 + 16, ticks, decoding: false });
            }
            b"moof" => {
                for traf in top.children(0)? {
                    let traf = traf?;
                    if traf.kind != *b"traf" {
                        continue;
                    }
                    let tfhd = traf.children(0)?.find(b"tfhd")?;
                    let tfdt = traf.children(0)?.find(b"tfdt")?;
                    let (Some(tfhd), Some(tfdt)) = (tfhd, tfdt) else {
                        return Err(traf.damaged("it has no tfhd or no tfdt"));
                    };
                    let track_id = tfhd.full()?.2.u32()?;
                    let (version, _, mut fields) = tfdt.full()?;
                    let ticks = fields.u64()?;
                    if version != 1 {
                        return Err(tfdt.damaged("its time has 32 bits"));
                    }
                    times.push(HeaderTime { track_id, at: tfdt.at as usize + 8 + 4, ticks, decoding: true });
                    if times.len() > 8 {
                        return Err(top.damaged("it has too many tracks"));
                    }
                }
                return Ok(times);
            }
            _ => {}
        }
    }
    Err(Problem::malformed(b"moof", 0, "it is missing"))
}

/// Writes `ticks` where `time` stands.
pub fn moved(header: &mut [u8], time: &HeaderTime, ticks: u64) {
    if let Some(field) = header.get_mut(time.at..time.at + 8) {
        field.copy_from_slice(&ticks.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mp4::write::single_sample_fragment;
    use crate::mp4::{Sample, TrackSpec};
    use bytes::Bytes;
    use heron_core::{MediaTime, TrackFormat, TrackKind, WallTime};
    use std::sync::Arc;

    #[test]
    fn times_are_found_and_moved_and_nothing_else() {
        let track = TrackSpec::new(Arc::new(TrackFormat::Video(crate::mjpeg::video_format(64, 64))));
        let sample = Sample {
            track: TrackKind::Video,
            payload: Bytes::from_static(b"picture"),
            pts: MediaTime(95_000),
            dts: MediaTime(90_000),
            sync: true,
            audio_samples: 0,
            wall: WallTime::from_millis(1_795_167_857_123),
        };
        let made = single_sample_fragment(&track, MediaTime(0), 1, &sample, 3600).to_vec();
        let found = decode_times(&made).unwrap();
        let times: Vec<_> = found.iter().map(|t| (t.track_id, t.ticks, t.decoding)).collect();
        assert_eq!(times, [(1, 95_000, false), (1, 90_000, true)]);
        let mut other = made.clone();
        for time in &found {
            moved(&mut other, time, time.ticks + 7);
        }
        assert_eq!(decode_times(&other).unwrap()[1].ticks, 90_007);
        assert!(made.iter().zip(&other).filter(|(a, b)| a != b).count() <= 4);
        assert!(decode_times(&made[..40]).is_err() && decode_times(b"").is_err());
    }
}
