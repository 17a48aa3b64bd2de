//! Trying a camera out: for the test button.

use crate::attempt::{Memory, Player, Surroundings, attempt};
use crate::failure::End;
use crate::pace::Stop;
use crate::spec::StreamSpec;
use crate::statistics::{LinkMeter, Snapshot};
use crate::status::{LinkFacts, show_fingerprint, show_transport};
use crate::track::Instant;
use heron_core::link::Failure;
use heron_core::{AccessUnit, BitRate, FailureReason, TrackFormat, TrackKind};
use heron_media::rtsp::split_credentials;
use heron_media::sdp::SessionDescription;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long to go on after the first key frame, to measure.
const MEASURE: Duration = Duration::from_secs(2);

/// One track that the camera described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeTrack {
    /// `video`, `audio`, `application`, or what the camera calls it.
    pub kind: String,
    /// Encoding names on offer, as the camera spells them.
    pub encodings: Vec<String>,
    /// Frames or samples came of it, so it would be recorded.
    pub received: bool,
}

/// What a camera turned out to be.
#[derive(Clone, Debug, Default)]
pub struct ProbeReport {
    /// The address that was tried, without credentials.
    pub url: String,
    /// The camera's address.
    pub peer: Option<IpAddr>,
    /// The camera's `Server` header.
    pub server: Option<String>,
    /// `tcp`, `udp` or `tls`.
    pub transport: Option<&'static str>,
    /// SHA-256 fingerprint of its certificate, over TLS.
    pub fingerprint: Option<String>,
    /// The tracks that it described.
    pub tracks: Vec<ProbeTrack>,
    /// The formats of the tracks that came: video, audio, metadata.
    pub formats: Vec<Arc<TrackFormat>>,
    /// The first key frame.
    pub key_frame: Option<Arc<AccessUnit>>,
    /// From the beginning of the try to the first key frame.
    pub first_picture_after: Option<Duration>,
    /// All tracks together, measured from the first key frame on.
    pub bit_rate: Option<BitRate>,
    /// Video access units per second, measured from the first key frame on.
    pub frame_rate: Option<f32>,
    /// Length of a group of pictures, when a whole one came, milliseconds.
    pub gop_ms: Option<u32>,
    /// Frames in a group of pictures, when a whole one came.
    pub gop_frames: Option<u32>,
    /// Camera clock minus box clock, milliseconds, when a sender report came.
    pub clock_offset_ms: Option<i64>,
    /// Why there is no picture. `None` when there is one.
    pub failure: Option<Failure>,
}

/// Tries `spec`'s camera out for at most `timeout`.
pub(crate) async fn probe(spec: &StreamSpec, around: &Surroundings, timeout: Duration) -> ProbeReport {
    let mut player = ProbePlayer::new(around.now().monotonic);
    let (stop, mut memory) = (Stop::default(), Memory::default());
    let end = {
        let attempt = attempt(spec, around, &mut memory, &stop, &mut player);
        tokio::pin!(attempt);
        tokio::select! {
            end = &mut attempt => Some(end),
            () = tokio::time::sleep(timeout) => {
                stop.set();
                // The goodbye is bounded by itself.
                attempt.await;
                None
            }
        }
    };
    let mut report = player.report;
    report.url = split_credentials(&spec.url).0;
    if report.key_frame.is_none() {
        report.failure = Some(match &end {
            Some(End::Stopped) | None => player.obstacle.unwrap_or_else(|| Failure {
                reason: FailureReason::TimedOut,
                detail: format!("no picture came from the camera within {} s", timeout.as_secs()),
            }),
            Some(end) => end.failure(),
        });
    }
    report.gop_ms = player.meter.link().gop_ms;
    report.gop_frames = player.meter.link().gop_frames;
    report
}

struct ProbePlayer {
    report: ProbeReport,
    meter: LinkMeter,
    began: Duration,
    /// Since the first key frame: when, bytes of payload, video frames, newest arrival.
    measured: Option<Measured>,
    /// Why there will be no picture.
    obstacle: Option<Failure>,
}

#[derive(Clone, Copy)]
struct Measured {
    since: Duration,
    bytes: u64,
    frames: u64,
}

impl ProbePlayer {
    fn new(began: Duration) -> Self {
        Self {
            report: ProbeReport::default(),
            meter: LinkMeter::default(),
            began,
            measured: None,
            obstacle: None,
        }
    }

    fn measure(&mut self, units: &[Arc<AccessUnit>], now: Instant) {
        let Some(measured) = self.measured.as_mut() else { return };
        measured.bytes += units.iter().map(|u| u.payload.len() as u64).sum::<u64>();
        measured.frames += units.iter().filter(|u| u.track() == TrackKind::Video).count() as u64;
        let seconds = now.monotonic.saturating_sub(measured.since).as_secs_f64();
        if seconds >= 0.5 {
            self.report.frame_rate = Some((measured.frames as f64 / seconds) as f32);
            self.report.bit_rate = Some(BitRate((measured.bytes as f64 * 8.0 / seconds) as u64));
        }
    }
}

impl Player for ProbePlayer {
    fn playing(&mut self, facts: &LinkFacts, description: Option<&SessionDescription>, _now: Instant) {
        self.report.peer = facts.peer;
        self.report.server = facts.server.clone();
        self.report.transport = show_transport(facts);
        self.report.fingerprint = facts.fingerprint.as_ref().map(show_fingerprint);
        let media = description.map(|d| d.media.as_slice()).unwrap_or_default();
        self.report.tracks = media
            .iter()
            .map(|m| ProbeTrack {
                kind: m.kind.to_string().chars().take(32).collect(),
                encodings: m.encodings().iter().map(|e| e.encoding.chars().take(64).collect()).collect(),
                received: false,
            })
            .collect();
    }

    fn units(&mut self, units: &[Arc<AccessUnit>], now: Instant) {
        self.meter.units(units);
        // What comes with the first key frame begins the interval, so it does not count.
        self.measure(units, now);
        for unit in units {
            let kind = unit.track();
            match self.report.formats.iter_mut().find(|f| f.kind() == kind) {
                Some(format) => format.clone_from(&unit.format),
                None => {
                    self.report.formats.push(Arc::clone(&unit.format));
                    self.report.formats.sort_by_key(|f| f.kind());
                    let name = match kind {
                        TrackKind::Video => "video",
                        TrackKind::Audio => "audio",
                        TrackKind::Metadata => "application",
                    };
                    if let Some(track) = self.report.tracks.iter_mut().find(|t| t.kind == name) {
                        track.received = true;
                    }
                }
            }
            if self.report.key_frame.is_none() && unit.is_key_frame() {
                self.report.key_frame = Some(Arc::clone(unit));
                self.report.first_picture_after = Some(now.monotonic.saturating_sub(self.began));
                self.measured = Some(Measured { since: now.monotonic, bytes: 0, frames: 0 });
            }
        }
    }

    fn obstacle(&mut self, why: &End) {
        self.obstacle = Some(why.failure());
    }

    fn second(&mut self, snapshot: Snapshot, _now: Instant) {
        self.report.clock_offset_ms = snapshot.clock_offset_ms.or(self.report.clock_offset_ms);
    }

    fn hurry(&self) -> bool {
        true
    }

    fn finished(&self, now: Instant) -> bool {
        self.measured.is_some_and(|m| now.monotonic.saturating_sub(m.since) >= MEASURE)
    }
}
