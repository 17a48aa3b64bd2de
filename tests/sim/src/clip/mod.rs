//! A clip: the samples of a film file, as they came out of its container.

mod mkv;
mod mp4;

use bytes::Bytes;
use std::path::{Path, PathBuf};

/// What a sample is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264; the parameter sets in the order SPS, PPS.
    H264(Vec<Bytes>),
    /// H.265; the parameter sets in the order VPS, SPS, PPS.
    H265(Vec<Bytes>),
    /// One JPEG image per sample.
    Mjpeg,
    /// Raw AAC access units.
    Aac {
        /// The AudioSpecificConfig.
        config: Bytes,
        /// Channels.
        channels: u8,
    },
    /// G.711 A-law.
    G711a,
    /// G.711 µ-law.
    G711u,
}

/// One access unit.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Decoding time in ticks of the track's clock, from the start of the track.
    pub dts: i64,
    /// Presentation time in ticks of the track's clock.
    pub pts: i64,
    /// Decoding can start here.
    pub key: bool,
    /// H.264 and H.265: NAL units with 4-byte lengths. Others: the frame as it is.
    pub payload: Bytes,
}

/// One track of a clip.
#[derive(Clone, Debug)]
pub struct Track {
    /// What it is made of.
    pub codec: Codec,
    /// Ticks per second of the times in `samples`, which is the RTP clock of the codec.
    pub clock_hz: u32,
    /// Size of the picture; zero for sound.
    pub size: (u16, u16),
    /// The samples in decoding order; the first is a key frame at time zero.
    pub samples: Vec<Sample>,
    /// How long one round of the loop takes, in ticks.
    pub period: i64,
}

/// A film file's tracks.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The pictures.
    pub video: Track,
    /// The sound, if there is any.
    pub audio: Option<Track>,
}

/// Why a file cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}; check the path and its rights")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what its name says.
    #[error("{path} is not a film file that heron-sim can loop: {why}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What was missing or wrong, and what to do.
        why: String,
    },
}

impl Clip {
    /// Reads an MP4 (not fragmented) or Matroska file. The whole file is held in memory.
    ///
    /// # Errors
    /// [`ClipError`] when it cannot be read or holds no video that cameras send.
    pub fn open(path: &Path) -> Result<Self, ClipError> {
        let file = std::fs::read(path).map_err(|source| ClipError::Read { path: path.to_owned(), source })?;
        let tracks = if file.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
            mkv::tracks(file)
        } else {
            mp4::tracks(Bytes::from(file))
        };
        let format = |why| ClipError::Format { path: path.to_owned(), why };
        let mut clip = Clip::of(tracks.map_err(format)?).map_err(format)?;
        clip.video.start_at_key_frame().map_err(format)?;
        Ok(clip)
    }

    fn of(tracks: Vec<Track>) -> Result<Self, String> {
        let (mut video, mut audio) = (None, None);
        for track in tracks {
            let slot = if track.codec.is_video() { &mut video } else { &mut audio };
            if slot.is_none() && !track.samples.is_empty() {
                *slot = Some(track);
            }
        }
        let video = video.ok_or("it has no H.264, H.265 or MJPEG track")?;
        // A loop whose rounds take no time would never end.
        let goes_on = |t: &Track| t.samples.iter().all(|s| (0..t.period).contains(&s.dts));
        if !goes_on(&video) || !audio.as_ref().is_none_or(goes_on) {
            return Err("its times do not go forward".into());
        }
        Ok(Self { video, audio: audio.map(Track::even_packets) })
    }
}

impl Codec {
    /// Whether it is pictures.
    pub fn is_video(&self) -> bool {
        matches!(self, Self::H264(_) | Self::H265(_) | Self::Mjpeg)
    }
    /// Whether a stream of one can go on as a stream of the other without a new session description.
    pub fn compatible(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// Samples of G.711 in a packet: 20 ms.
const G711_PACKET: usize = 160;

impl Track {
    /// Drops what comes before the first key frame and starts the time line there.
    fn start_at_key_frame(&mut self) -> Result<(), String> {
        let first = self.samples.iter().position(|s| s.key).ok_or("it has no key frame")?;
        let shift = self.samples[first].dts;
        self.samples.drain(..first);
        for s in &mut self.samples {
            s.dts -= shift;
            s.pts -= shift;
        }
        self.period -= shift;
        Ok(())
    }

    /// G.711 cut into packets of 20 ms, whatever blocks the file has.
    fn even_packets(self) -> Self {
        if !matches!(self.codec, Codec::G711a | Codec::G711u) {
            return self;
        }
        let all: Vec<u8> = self.samples.iter().flat_map(|s| s.payload.iter().copied()).collect();
        let all = Bytes::from(all);
        let samples: Vec<_> = (0..all.len() / G711_PACKET)
            .map(|n| n * G711_PACKET)
            .map(|at| Sample {
                dts: at as i64,
                pts: at as i64,
                key: true,
                payload: all.slice(at..at + G711_PACKET),
            })
            .collect();
        let period = (samples.len() * G711_PACKET) as i64;
        Self { samples, period, ..self }
    }
}

/// Times in one unit as ticks of another, from the first one on.
fn rescale(ticks: i64, from_hz: u64, to_hz: u32) -> i64 {
    let wide = i128::from(ticks) * i128::from(to_hz);
    let from = i128::from(from_hz.max(1));
    ((wide + from / 2).div_euclid(from)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::footage;

    #[test]
    fn every_file_of_the_footage_is_read() {
        let Some(folder) = footage::folder() else { return };
        let mut seen = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.extension().is_some_and(|e| e == "mp4" || e == "mkv") {
                continue;
            }
            let clip = Clip::open(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let v = &clip.video;
            assert!(v.samples[0].key && v.samples[0].dts == 0, "{name}");
            assert!(v.samples.windows(2).all(|p| p[0].dts < p[1].dts), "{name}");
            assert!(v.samples.last().unwrap().dts < v.period, "{name}");
            let audio = clip.audio.map(|a| (a.samples.len(), a.period));
            seen.push((name, v.samples.len(), v.period, v.size, audio));
        }
        let find = |name: &str| seen.iter().find(|s| s.0 == name).unwrap();
        assert_eq!(find("car_main_1080p25_h264_aac.mp4").1, 750);
        assert_eq!(find("car_main_1080p25_h264_aac.mp4").2, 30 * 90_000);
        assert_eq!(find("car_main_1080p25_h264_aac.mp4").4, Some((470, 470 * 1024)));
        assert_eq!(find("car_main_1080p12_h265.mp4").1, 150);
        assert_eq!(find("car_sub_360p12_mjpeg.mkv").3, (640, 360));
        let (packets, period) = find("car_sub_360p12_h264_g711a.mkv").4.unwrap();
        assert_eq!(packets as i64 * 160, period);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn damaged_films_are_read_or_refused(
            name in proptest::sample::select(vec!["classroom_270p15.mp4", "car_sub_360p12_h264_g711a.mkv"]),
            damage in proptest::collection::vec((0usize..6000, proptest::num::u8::ANY), 1..20),
        ) {
            let Some(path) = footage::file(name) else { return Ok(()) };
            let mut film = std::fs::read(path).unwrap();
            // The tables of an MP4 lie at its end, those of a Matroska file at its beginning.
            let begin = if name.ends_with("mp4") { film.len() - 6000 } else { 0 };
            for (at, value) in damage {
                film[begin + at] = value;
            }
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), film).unwrap();
            if let Ok(clip) = Clip::open(file.path()) {
                proptest::prop_assert!(clip.video.period > 0);
            }
        }
    }

    #[test]
    fn other_files_are_refused_with_words() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"hello, this is no film").unwrap();
        let said = Clip::open(file.path()).unwrap_err().to_string();
        assert!(said.contains("not a film file"), "{said}");
        let missing = file.path().with_extension("missing");
        assert!(matches!(Clip::open(&missing), Err(ClipError::Read { .. })));
    }
}
