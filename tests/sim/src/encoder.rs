//! The encoder of a drawn stream: pictures to H.264 access units.

use crate::clip::Codec;
use crate::scene::picture::Picture;
use bytes::Bytes;
use heron_media::nal;
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, IntraFramePeriod, Profile, RateControlMode,
    SpsPpsStrategy, UsageType, VuiConfig,
};
use openh264::formats::YUVSlices;

/// How a stream is encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Width and height in pixels.
    pub size: (u16, u16),
    /// Frames a second.
    pub fps: f32,
    /// Greatest bit rate in bits a second.
    pub bit_rate: u32,
    /// Frames from key frame to key frame; zero for no key frames but the first and those asked for.
    pub gop: u32,
    /// Even: Baseline with fixed ids. Odd: Main profile.
    pub parameter_sets: u32,
}

impl Settings {
    /// What of the settings shows in the parameter sets: the size, and whether the profile is Main.
    pub fn variant(&self) -> ((u16, u16), bool) {
        (self.size, !self.parameter_sets.is_multiple_of(2))
    }
}

/// An encoded picture.
#[derive(Debug, Default)]
pub struct Unit {
    /// NAL units with 4-byte lengths, without parameter sets.
    pub payload: Vec<u8>,
    /// The parameter sets that came with it, SPS before PPS; empty when none did.
    pub parameter_sets: Vec<Bytes>,
    /// Decoding can start here.
    pub key: bool,
}

/// One encoder.
pub struct SceneEncoder {
    encoder: Encoder,
    annex_b: Vec<u8>,
}

impl SceneEncoder {
    /// An encoder; it starts with a key frame.
    ///
    /// # Errors
    /// What the encoder says, in words.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let profile = if settings.variant().1 { Profile::Main } else { Profile::Baseline };
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .profile(profile)
            .complexity(Complexity::Low)
            .rate_control_mode(RateControlMode::Bitrate)
            .bitrate(BitRate::from_bps(settings.bit_rate))
            .max_frame_rate(FrameRate::from_hz(settings.fps))
            .intra_frame_period(IntraFramePeriod::from_num_frames(settings.gop))
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            .skip_frames(true)
            .scene_change_detect(false)
            // It leaves crumbs of what has moved on in a still background.
            .background_detection(false)
            .num_threads(1)
            .vui(VuiConfig::bt709());
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|e| format!("openh264 does not start: {e}"))?;
        Ok(Self { encoder, annex_b: Vec::new() })
    }

    /// Makes the next picture a key frame.
    pub fn want_key_frame(&mut self) {
        self.encoder.force_intra_frame();
    }

    /// Encodes a picture of the size in the settings.
    ///
    /// # Errors
    /// What the encoder says, in words.
    pub fn encode(&mut self, picture: &Picture) -> Result<Unit, String> {
        let (w, h) = (picture.width, picture.height);
        let slices = YUVSlices::new((&picture.y, &picture.u, &picture.v), (w, h), (w, w / 2, w / 2));
        self.annex_b.clear();
        let stream = self.encoder.encode(&slices).map_err(|e| format!("openh264 cannot encode: {e}"))?;
        stream.write_vec(&mut self.annex_b);
        let mut unit = Unit::default();
        for nal in nal::annex_b(&self.annex_b) {
            match nal.first().map_or(0, |b| b & 0x1f) {
                7 | 8 => unit.parameter_sets.push(Bytes::copy_from_slice(nal)),
                9 => {}
                kind => {
                    unit.key |= kind == 5;
                    nal::push_length_prefixed(nal, &mut unit.payload);
                }
            }
        }
        Ok(unit)
    }
}

/// The codec, with its parameter sets, that an encoder of these settings makes.
///
/// # Errors
/// What the encoder says, in words.
pub fn codec_of(settings: &Settings) -> Result<Codec, String> {
    let blank = Picture::new(settings.size.0.into(), settings.size.1.into());
    let unit = SceneEncoder::new(settings)?.encode(&blank)?;
    if unit.parameter_sets.len() < 2 {
        return Err("openh264 made no parameter sets".into());
    }
    Ok(Codec::H264(unit.parameter_sets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;
    use crate::timecode;
    use heron_core::WallTime;
    use openh264::decoder::Decoder;
    use openh264::formats::YUVSource as _;

    const SETTINGS: Settings =
        Settings { size: (640, 360), fps: 10.0, bit_rate: 500_000, gop: 20, parameter_sets: 0 };

    #[test]
    fn the_time_code_survives_the_encoder_and_key_frames_come_on_time() {
        let mut scene = Scene::new(1, "CAM 1 SUB", 640, 360);
        let mut encoder = SceneEncoder::new(&SETTINGS).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let start = WallTime::from_millis(1_795_168_000_123);
        let mut keys = Vec::new();
        for n in 0..45i64 {
            let now = start.plus_nanos(n * 100_000_000);
            let unit = encoder.encode(scene.draw(now, now)).unwrap();
            if unit.key {
                keys.push(n);
                assert_eq!(unit.parameter_sets.len(), 2);
            }
            let mut stream = Vec::new();
            for nal in unit
                .parameter_sets
                .iter()
                .map(|s| &s[..])
                .chain(nal::length_prefixed(&unit.payload).flatten())
            {
                stream.extend_from_slice(&[0, 0, 0, 1]);
                stream.extend_from_slice(nal);
            }
            let shown = decoder.decode(&stream).unwrap().expect("a picture for every unit");
            let code = timecode::read(shown.y(), shown.strides().0).expect("a time code");
            assert_eq!(timecode::resolve(code, now), now);
        }
        assert_eq!(keys, [0, 20, 40]);
    }

    #[test]
    fn other_parameter_sets_differ_and_no_gop_means_one_key_frame() {
        let other = Settings { parameter_sets: 1, gop: 0, ..SETTINGS };
        assert_ne!(codec_of(&SETTINGS).unwrap(), codec_of(&other).unwrap());
        let picture = Picture::new(640, 360);
        let mut encoder = SceneEncoder::new(&other).unwrap();
        let keys: Vec<bool> = (0..50).map(|_| encoder.encode(&picture).unwrap().key).collect();
        assert_eq!(keys.iter().filter(|k| **k).count(), 1);
        encoder.want_key_frame();
        assert!(encoder.encode(&picture).unwrap().key);
    }
}
