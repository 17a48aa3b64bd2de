//! AAC as far as a recorder has to know it: the AudioSpecificConfig (ISO 14496-3 §1.6.2.1).

use crate::bits::{BitReader, OutOfBits};
use crate::nal::BitstreamError;
use bytes::Bytes;
use heron_core::{AudioCodec, AudioFormat};

/// `samplingFrequencyIndex` 0 to 12 (table 1.18), in Hz.
pub const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// What an AudioSpecificConfig says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioSpecificConfig {
    /// Audio object type of the core: 2 AAC LC.
    pub object_type: u8,
    /// Samples per second that come out: after spectral band replication when that is signalled.
    pub sample_rate_hz: u32,
    /// Samples per second of the core.
    pub core_sample_rate_hz: u32,
    /// `channelConfiguration` as a number of channels; zero when it is in a program config element.
    pub channels: u8,
    /// Samples per channel and frame that come out: 1024 or 960, twice that with spectral band replication.
    pub frame_samples: u32,
}

const WHAT: &str = "AudioSpecificConfig";

impl AudioSpecificConfig {
    /// AAC LC with 1024 samples per frame. `None` when the rate is not in [`SAMPLE_RATES`] or there are more than
    /// 8 channels, 7, or none.
    pub fn lc(sample_rate_hz: u32, channels: u8) -> Option<Self> {
        SAMPLE_RATES.contains(&sample_rate_hz).then_some(())?;
        matches!(channels, 1..=6 | 8).then_some(Self {
            object_type: 2,
            sample_rate_hz,
            core_sample_rate_hz: sample_rate_hz,
            channels,
            frame_samples: 1024,
        })
    }

    /// Reads one. Spectral band replication counts only when it is signalled in the hierarchical way (object types
    /// 5 and 29); the backward compatible extension at the end is not looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self, BitstreamError> {
        let parsed = Self::parse_bits(&mut BitReader::new(bytes));
        let config = parsed.map_err(BitstreamError::truncated(WHAT, bytes.len()))?;
        if !matches!(config.object_type, 1..=4 | 17 | 23) {
            let value = u64::from(config.object_type);
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "audioObjectType", value });
        }
        for rate in [config.core_sample_rate_hz, config.sample_rate_hz] {
            if !(1000..=192_000).contains(&rate) {
                let value = u64::from(rate);
                return Err(BitstreamError::OutOfRange { what: WHAT, field: "samplingFrequency", value });
            }
        }
        Ok(config)
    }

    fn parse_bits(r: &mut BitReader<'_>) -> Result<Self, OutOfBits> {
        let mut object_type = read_object_type(r)?;
        let core_sample_rate_hz = read_sample_rate(r)?;
        let mut sample_rate_hz = core_sample_rate_hz;
        let channels = match r.bits(4)? {
            n @ 0..=6 => n as u8,
            7 | 12 | 14 => 8,
            11 => 7,
            _ => 0,
        };
        let mut doubled = 1;
        if matches!(object_type, 5 | 29) {
            sample_rate_hz = read_sample_rate(r)?;
            object_type = read_object_type(r)?;
            doubled = if sample_rate_hz > core_sample_rate_hz { 2 } else { 1 };
        }
        let short = r.flag()?; // frameLengthFlag
        let frame_samples = if short { 960 } else { 1024 } * doubled;
        Ok(Self { object_type, sample_rate_hz, core_sample_rate_hz, channels, frame_samples })
    }

    /// The bytes, without signalling spectral band replication.
    pub fn encode(&self) -> Vec<u8> {
        let short = u32::from(self.frame_samples.is_multiple_of(960));
        let channels = if self.channels == 8 { 7 } else { u32::from(self.channels) };
        match SAMPLE_RATES.iter().position(|&r| r == self.core_sample_rate_hz) {
            // 5 object type, 4 index, 4 channels, 3 flags
            Some(index) => {
                let word =
                    u32::from(self.object_type) << 11 | (index as u32) << 7 | channels << 3 | short << 2;
                (word as u16).to_be_bytes().to_vec()
            }
            // 5 object type, 4 escape, 24 rate, 4 channels, 3 flags
            None => {
                let head = u64::from(self.object_type) << 4 | 15;
                let rate = u64::from(self.core_sample_rate_hz & 0xff_ffff);
                let word = head << 31 | rate << 7 | u64::from(channels << 3 | short << 2);
                word.to_be_bytes()[3..].to_vec()
            }
        }
    }
}

fn read_object_type(r: &mut BitReader<'_>) -> Result<u8, OutOfBits> {
    Ok(match r.bits(5)? {
        31 => 32 + r.bits(6)? as u8,
        n => n as u8,
    })
}

fn read_sample_rate(r: &mut BitReader<'_>) -> Result<u32, OutOfBits> {
    match r.bits(4)? {
        15 => r.bits(24),
        // 13 and 14 are reserved: a rate of zero, refused later.
        n => Ok(SAMPLE_RATES.get(n as usize).copied().unwrap_or(0)),
    }
}

/// The format of a track with this AudioSpecificConfig. `channels` counts when the config leaves them open.
pub fn audio_format(config: Bytes, channels: u8) -> Result<AudioFormat, BitstreamError> {
    let parsed = AudioSpecificConfig::parse(&config)?;
    let signalled = if parsed.sample_rate_hz == parsed.core_sample_rate_hz { parsed.object_type } else { 5 };
    Ok(AudioFormat {
        codec: AudioCodec::Aac,
        sample_rate_hz: parsed.sample_rate_hz,
        channels: if parsed.channels == 0 { channels.max(1) } else { parsed.channels },
        rfc6381: format!("mp4a.40.{signalled}"),
        config,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn common_configs_are_read() {
        // 16 kHz mono as cameras send it; 44.1 kHz stereo; HE-AAC 24 -> 48 kHz stereo.
        let lc = AudioSpecificConfig::parse(&[0x14, 0x08]).unwrap();
        assert_eq!(lc, AudioSpecificConfig::lc(16_000, 1).unwrap());
        let stereo = AudioSpecificConfig::parse(&[0x12, 0x10]).unwrap();
        assert_eq!((stereo.sample_rate_hz, stereo.channels, stereo.frame_samples), (44_100, 2, 1024));
        let he = AudioSpecificConfig::parse(&[0x2b, 0x11, 0x88, 0x00]).unwrap();
        assert_eq!((he.object_type, he.core_sample_rate_hz, he.sample_rate_hz), (2, 24_000, 48_000));
        assert_eq!((he.frame_samples, he.channels), (2048, 2));
        let format = audio_format(Bytes::from_static(&[0x14, 0x08]), 2).unwrap();
        assert_eq!((format.rfc6381.as_str(), format.channels), ("mp4a.40.2", 1));
        assert_eq!(audio_format(Bytes::from_static(&[0x2b, 0x11, 0x88, 0]), 2).unwrap().rfc6381, "mp4a.40.5");
        assert!(AudioSpecificConfig::parse(&[0x14]).is_err());
        assert!(AudioSpecificConfig::parse(&[0x44, 0x08]).is_err(), "object type 8 is CELP");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_parsed(rate in prop_oneof![proptest::sample::select(&SAMPLE_RATES[..]), 1000u32..192_000],
                                     channels in prop_oneof![1u8..=6, Just(8)], short: bool) {
            let config = AudioSpecificConfig {
                object_type: 2, sample_rate_hz: rate, core_sample_rate_hz: rate, channels,
                frame_samples: if short { 960 } else { 1024 },
            };
            prop_assert_eq!(AudioSpecificConfig::parse(&config.encode()), Ok(config));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = audio_format(bytes.into(), 1);
        }
    }
}
