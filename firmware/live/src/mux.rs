//! Access units in, one-frame fragments out; knows no viewer, no clock, no task.

use crate::message::Hello;
use crate::sound::Sound;
use crate::timeline::Timeline;
use bytes::Bytes;
use heron_core::{AccessUnit, MediaTime, StreamKind, TrackFormat, TrackKind, VideoCodec};
use heron_hub::RingItem;
use heron_media::mp4::write::single_sample_fragment;
use heron_media::mp4::{Sample, TrackSpec, init_segment, mime_type};
use std::sync::Arc;

/// Sound that has not come for so much of the picture's time (90 kHz ticks: 3 s) is left out from the next key frame
/// on. An outage of the whole camera does not count.
const SOUND_GONE_TICKS: i64 = 3 * MediaTime::HZ;
/// How often sound may go and come back before it is left out for good: each time, players start over.
const SOUND_CHANCES: u32 = 3;

/// A set of formats that players are set up for.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Its hello; the server's time in it is when it was made.
    pub(crate) hello: Hello,
    /// Its init segment; empty for Motion JPEG.
    pub(crate) init: Bytes,
}

/// One thing to send: a fragment or a picture, for players that are set up for `shown`.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) shown: Arc<Shown>,
    pub(crate) bytes: Bytes,
    /// A player can start here.
    pub(crate) key: bool,
    /// Pictures made so far, this one included: what a viewer who missed some counts by.
    pub(crate) pictures: u64,
}

/// What a part costs beside its bytes: the struct, the `Arc`, its slot in the ring.
const PART_OVERHEAD_BYTES: usize = 96;

impl RingItem for Part {
    fn cost_bytes(&self) -> usize {
        self.bytes.len() + PART_OVERHEAD_BYTES
    }
    fn is_start(&self) -> bool {
        self.key
    }
}

/// Turns the access units of one stream into parts.
#[derive(Debug)]
pub(crate) struct Muxer {
    stream: StreamKind,
    shown: Option<(Arc<Shown>, TrackSpec)>,
    sound: Option<Sound>,
    /// The newest format of sound, and where the picture was when it was last heard.
    heard: Option<(Arc<TrackFormat>, Option<i64>)>,
    sound_lost: u32,
    timeline: Timeline,
    sequence: u32,
    pictures: u64,
}

impl Muxer {
    /// A muxer for a stream whose sound, as far as is known before the first unit, has the format `sound`.
    pub(crate) fn new(stream: StreamKind, sound: Option<Arc<TrackFormat>>) -> Self {
        Self {
            stream,
            shown: None,
            sound: None,
            heard: sound.map(|format| (format, None)),
            sound_lost: 0,
            timeline: Timeline::new(),
            sequence: 0,
            pictures: 0,
        }
    }

    /// Appends what `unit` becomes; nothing before the first key frame.
    pub(crate) fn push(&mut self, unit: &AccessUnit, out: &mut Vec<Part>) {
        match unit.track() {
            TrackKind::Video => self.picture(unit, out),
            TrackKind::Audio => self.sound(unit, out),
            TrackKind::Metadata => {}
        }
    }

    fn sound(&mut self, unit: &AccessUnit, out: &mut Vec<Part>) {
        self.heard = Some((unit.format.clone(), Some(self.timeline.front())));
        let (Some(sound), Some((shown, _))) = (&mut self.sound, &self.shown) else { return };
        if sound.is_of(&unit.format) {
            let mut fragments = Vec::with_capacity(1);
            sound.push(unit, &self.timeline, &mut self.sequence, &mut fragments);
            out.extend(fragments.into_iter().map(|bytes| Part {
                shown: shown.clone(),
                bytes,
                key: false,
                pictures: self.pictures,
            }));
        }
    }

    fn picture(&mut self, unit: &AccessUnit, out: &mut Vec<Part>) {
        if unit.random_access {
            self.set_up(unit);
        }
        let Some((shown, track)) = &self.shown else { return };
        if !TrackFormat::same(&track.format, &unit.format) {
            // Not what players are set up for, and no key frame to set them up with.
            return;
        }
        let shown = shown.clone();
        self.pictures += 1;
        if is_jpeg(unit) {
            out.push(Part { shown, bytes: unit.payload.clone(), key: true, pictures: self.pictures });
            return;
        }
        let placed = self.timeline.place(unit.dts);
        self.sequence = self.sequence.wrapping_add(1);
        let duration = u32::try_from(placed.duration).unwrap_or(1);
        let bytes =
            single_sample_fragment(track, placed.origin, self.sequence, &Sample::from(unit), duration);
        out.push(Part { shown: shown.clone(), bytes, key: unit.random_access, pictures: self.pictures });
        if let Some(sound) = &mut self.sound {
            let mut fragments = Vec::new();
            sound.keep_up(unit.wall, &self.timeline, &mut self.sequence, &mut fragments);
            let pictures = self.pictures;
            out.extend(fragments.into_iter().map(|bytes| Part {
                shown: shown.clone(),
                bytes,
                key: false,
                pictures,
            }));
        }
    }

    /// At a key frame: are players set up for its format, and for the sound there is?
    fn set_up(&mut self, key_frame: &AccessUnit) {
        let Some(video) = key_frame.format.video() else { return };
        let is_jpeg = is_jpeg(key_frame);
        let wanted = if is_jpeg { None } else { self.wanted_sound() };
        let same_picture =
            self.shown.as_ref().is_some_and(|(_, track)| TrackFormat::same(&track.format, &key_frame.format));
        let same_sound = match (&self.sound, &wanted) {
            (None, None) => true,
            (Some(sound), Some(format)) => sound.is_of(format),
            _ => false,
        };
        if same_picture && same_sound {
            return;
        }
        if self.sound.is_some() && wanted.is_none() {
            self.sound_lost += 1;
            tracing::info!(
                stream = %self.stream,
                dropped = self.sound.as_ref().map_or(0, Sound::dropped),
                "live sound left out: none came for 3 s"
            );
        }
        self.timeline.nominal_fps(video.nominal_fps);
        let start = self.timeline.front();
        self.sound = wanted.and_then(|format| Sound::new(format, start));
        let track = TrackSpec::new(key_frame.format.clone());
        let mut tracks = vec![track.clone()];
        tracks.extend(self.sound.as_ref().map(|s| s.track().clone()));
        let mut codecs = vec![video.rfc6381.clone()];
        codecs.extend(self.sound.as_ref().and_then(|s| Some(s.track().format.audio()?.rfc6381.clone())));
        let hello = Hello {
            mime: if is_jpeg { "image/jpeg".to_owned() } else { mime_type(&tracks) },
            codec: video.rfc6381.clone(),
            codecs: codecs.join(","),
            width: video.width,
            height: video.height,
            stream: self.stream,
            server_time: key_frame.arrival,
        };
        let init = if is_jpeg { Bytes::new() } else { init_segment(&tracks, key_frame.wall).into() };
        self.shown = Some((Arc::new(Shown { hello, init }), track));
    }

    /// The format of the sound to send with pictures from now on.
    fn wanted_sound(&self) -> Option<Arc<TrackFormat>> {
        let (format, heard) = self.heard.as_ref()?;
        let alive = match heard {
            // Announced by the camera; it has until the next key frame to come.
            None => self.shown.is_none(),
            Some(at) => self.timeline.front() - at < SOUND_GONE_TICKS,
        };
        (alive && self.sound_lost < SOUND_CHANCES).then(|| format.clone())
    }
}

fn is_jpeg(unit: &AccessUnit) -> bool {
    unit.format.video().is_some_and(|v| v.codec == VideoCodec::Mjpeg)
}
