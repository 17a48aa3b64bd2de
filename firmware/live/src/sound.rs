//! The sound of a live stream: AAC as it is, G.711 as FLAC, and never a reason for the picture to stand still.
//!
//! A player whose media has sound shows only what both tracks cover, so sound that stops stops the picture, and a
//! hole in the sound makes Media Source Extensions drop pictures up to the next key frame. Therefore a hole is
//! filled with silence, sound that falls behind the picture is silence until it has caught up, and sound that comes
//! for a stretch that is already filled is dropped.

use crate::timeline::Timeline;
use bytes::Bytes;
use heron_core::{AccessUnit, AudioCodec, AudioFormat, MediaTime, TrackFormat, TrackKind, WallTime};
use heron_media::flac;
use heron_media::mp4::write::single_sample_fragment;
use heron_media::mp4::{Sample, TrackSpec};
use std::sync::Arc;

/// How far sound may fall behind the picture before silence takes its place, milliseconds. Cameras send sound up to
/// half a second late.
const LATE_MS: i64 = 1000;
/// How far behind the picture silence fills, milliseconds: the rest is left for sound that is merely late.
const FILL_TO_MS: i64 = 500;
/// Sound that is further than this from where it should be belongs to another clock and waits for the picture to
/// say so, milliseconds.
const OTHER_CLOCK_MS: i64 = 10_000;
/// Silent frames for one hole: 10 s of the shortest frames that are used (20 ms).
const MOST_FILL: usize = 512;
/// One frame of AAC (ISO 14496-3 §4.5.1.1) and of our own silence.
const FRAME_SAMPLES: u32 = 1024;
/// AAC-LC `raw_data_block`s (ISO 14496-3 §4.4.2.1) of 1024 silent samples: one channel element with no spectral
/// data, then the end mark. The same at every sample rate.
const SILENT_AAC_MONO: [u8; 6] = [0x00, 0xc8, 0x00, 0x80, 0x23, 0x80];
const SILENT_AAC_STEREO: [u8; 9] = [0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80];

/// One audio track on its way to players.
#[derive(Debug)]
pub(crate) struct Sound {
    source: Arc<TrackFormat>,
    track: TrackSpec,
    /// End of what was sent, in samples of the players' time line.
    end: i64,
    /// Samples made so far, for FLAC frame headers.
    made: u64,
    /// Units left out.
    dropped: u64,
}

impl Sound {
    /// The track for units of `source`, beginning at `start` (90 kHz ticks of the players' time line); `None` when
    /// no browser plays it.
    pub(crate) fn new(source: Arc<TrackFormat>, start: i64) -> Option<Self> {
        let audio = source.audio()?;
        let track = match audio.codec {
            AudioCodec::Aac => TrackSpec::new(source.clone()),
            AudioCodec::G711a | AudioCodec::G711u => {
                let info =
                    flac::StreamInfo { sample_rate_hz: audio.sample_rate_hz, channels: audio.channels };
                TrackSpec::new(Arc::new(TrackFormat::Audio(info.audio_format())))
            }
            AudioCodec::Flac => return None,
        };
        let end = MediaTime(start).to_rate(track.timescale());
        Some(Self { source, track, end, made: 0, dropped: 0 })
    }

    pub(crate) fn track(&self) -> &TrackSpec {
        &self.track
    }

    pub(crate) fn is_of(&self, format: &Arc<TrackFormat>) -> bool {
        TrackFormat::same(&self.source, format)
    }

    /// Units that were left out because their time was already filled or belonged to another clock.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Makes the fragment of `unit`, after the silence that leads up to it.
    pub(crate) fn push(
        &mut self,
        unit: &AccessUnit,
        timeline: &Timeline,
        sequence: &mut u32,
        out: &mut Vec<Bytes>,
    ) {
        // A handle of its own: `fill` changes `self`.
        let source = Arc::clone(&self.source);
        let (Some(at), Some(audio)) = (timeline.map(unit.dts), source.audio()) else {
            return;
        };
        let rate = i64::from(self.track.timescale());
        let at = MediaTime(at).to_rate(self.track.timescale());
        let samples = match unit.audio_samples {
            0 if audio.codec == AudioCodec::Aac => FRAME_SAMPLES,
            0 => (unit.payload.len() / usize::from(audio.channels.max(1))) as u32,
            n => n,
        };
        let half = i64::from(samples / 2);
        let lead = at - self.end;
        if samples == 0 || lead < -half || lead > OTHER_CLOCK_MS * rate / 1000 {
            self.dropped += 1;
            return;
        }
        if lead > half {
            self.fill(at - half, timeline, unit.wall, sequence, out);
        }
        let payload = match flac::from_g711(audio, self.made, &unit.payload) {
            Some(frame) => frame,
            None => unit.payload.clone(),
        };
        // Within half a frame of where it is expected it goes there exactly: clocks round differently.
        let start = if (at - self.end).abs() <= half { self.end } else { at };
        self.send(start, samples, payload, timeline, unit.wall, sequence, out);
    }

    /// Puts silence where sound is missing, now that the picture has come to `front` (90 kHz ticks).
    pub(crate) fn keep_up(
        &mut self,
        wall: WallTime,
        timeline: &Timeline,
        sequence: &mut u32,
        out: &mut Vec<Bytes>,
    ) {
        let rate = i64::from(self.track.timescale());
        let front = MediaTime(timeline.front()).to_rate(self.track.timescale());
        if front - self.end > LATE_MS * rate / 1000 {
            self.fill(front - FILL_TO_MS * rate / 1000, timeline, wall, sequence, out);
        }
    }

    /// Silence up to about `until`, whole frames only.
    fn fill(
        &mut self,
        until: i64,
        timeline: &Timeline,
        wall: WallTime,
        sequence: &mut u32,
        out: &mut Vec<Bytes>,
    ) {
        let source = Arc::clone(&self.source);
        let Some(audio) = source.audio() else { return };
        for _ in 0..MOST_FILL {
            if self.end >= until {
                return;
            }
            let Some(payload) = silence(audio, self.made) else {
                // A hole that cannot be filled is stepped over.
                self.end = until;
                return;
            };
            self.send(self.end, FRAME_SAMPLES, payload, timeline, wall, sequence, out);
        }
        self.end = self.end.max(until);
    }

    #[allow(clippy::too_many_arguments)]
    fn send(
        &mut self,
        start: i64,
        samples: u32,
        payload: Bytes,
        timeline: &Timeline,
        wall: WallTime,
        sequence: &mut u32,
        out: &mut Vec<Bytes>,
    ) {
        let Some(origin) = timeline.origin() else { return };
        let time = origin + MediaTime::from_rate(start, self.track.timescale());
        let sample = Sample {
            track: TrackKind::Audio,
            payload,
            pts: time,
            dts: time,
            sync: true,
            audio_samples: samples,
            wall,
        };
        *sequence = sequence.wrapping_add(1);
        out.push(single_sample_fragment(&self.track, origin, *sequence, &sample, samples));
        self.end = start + i64::from(samples);
        self.made += u64::from(samples);
    }
}

/// A frame of [`FRAME_SAMPLES`] silent samples; `None` for sound that we cannot make.
fn silence(format: &AudioFormat, first_sample: u64) -> Option<Bytes> {
    match format.codec {
        AudioCodec::Aac if format.rfc6381 == "mp4a.40.2" => match format.channels {
            1 => Some(Bytes::from_static(&SILENT_AAC_MONO)),
            2 => Some(Bytes::from_static(&SILENT_AAC_STEREO)),
            _ => None,
        },
        AudioCodec::Aac => None,
        AudioCodec::G711a | AudioCodec::G711u => {
            let info = flac::StreamInfo { sample_rate_hz: format.sample_rate_hz, channels: format.channels };
            let pcm = vec![0; FRAME_SAMPLES as usize * usize::from(format.channels)];
            let mut frame = Vec::new();
            flac::compressed_frame(info, first_sample, &pcm, &mut frame);
            Some(frame.into())
        }
        AudioCodec::Flac => None,
    }
}
