//! A session: the tracks one client has set up, and their playing.

use super::outbox::Outbox;
use super::track::{Route, SessionTrack};
use crate::camera::{Camera, Source, Stream, Trouble};
use crate::clock::{nanos, ticks};
use crate::counters::KeyFrame;
use crate::drawn::LiveFrame;
use crate::faults::Shocks;
use crate::packets::PacketTrack;
use crate::seed::Dice;
use heron_core::{StreamKind, TrackKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

/// What a session's time has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// It goes on.
    GoOn,
    /// A fault drops its connection.
    Drop,
}

/// A client's session with one stream.
#[derive(Debug)]
pub(crate) struct Session {
    /// The session id in RTSP headers.
    pub(crate) id: String,
    /// Whose stream.
    pub(crate) camera: Arc<Camera>,
    /// Which stream.
    pub(crate) kind: StreamKind,
    /// Faults of the camera.
    pub(crate) trouble: watch::Receiver<Trouble>,
    /// Whether it plays.
    pub(crate) playing: bool,
    /// When its client last gave a sign of life, on the monotonic clock.
    pub(crate) heard: Duration,
    number: u64,
    tracks: Vec<(usize, SessionTrack)>,
    live: Option<broadcast::Receiver<Arc<LiveFrame>>>,
    seen: Shocks,
    film: u32,
}

impl Session {
    pub(crate) fn new(camera: Arc<Camera>, kind: StreamKind) -> Self {
        let number = camera.next_session();
        let id = format!("{:016X}", Dice::new(camera.seed, &[camera.number as u64, number, 77]).next());
        let mut trouble = camera.trouble();
        let (seen, film) = {
            let t = trouble.borrow_and_update();
            (t.shocks, t.faults.parameter_sets)
        };
        let heard = camera.monotonic_now();
        let (tracks, live, playing) = (Vec::new(), None, false);
        Self { id, camera, kind, trouble, playing, heard, number, tracks, live, seen, film }
    }

    /// Its stream.
    pub(crate) fn stream(&self) -> &Stream {
        self.camera.stream(self.kind)
    }

    /// The dice of one of its tracks.
    pub(crate) fn dice(&self, track: usize) -> Dice {
        let stream = u64::from(self.kind != StreamKind::Main);
        Dice::new(self.camera.seed, &[self.camera.number as u64, stream, track as u64, self.number])
    }

    /// Adds a track, or gives it another route. Returns its SSRC.
    pub(crate) fn set_up(&mut self, index: usize, source: Arc<PacketTrack>, route: Route) -> u32 {
        let track = SessionTrack::new(source, route, self.dice(index));
        let ssrc = track.ssrc;
        self.tracks.retain(|(i, _)| *i != index);
        self.tracks.push((index, track));
        self.tracks.sort_by_key(|(i, _)| *i);
        ssrc
    }

    /// Whether any track has been set up.
    pub(crate) fn is_set_up(&self) -> bool {
        !self.tracks.is_empty()
    }

    /// Starts playing. Returns for each track its index, first sequence number and timestamp.
    pub(crate) fn play(&mut self) -> Vec<(usize, u16, u32)> {
        let crystal = self.camera.crystal_now();
        if !self.playing {
            self.start(crystal);
            self.playing = true;
            self.camera.stream(self.kind).count(|c| {
                c.playing += 1;
                c.sessions += 1;
            });
        }
        self.tracks
            .iter()
            .map(|(index, t)| {
                let at = match (t.source.frames.get(t.next), self.live.is_some() && *index == 0) {
                    (Some(frame), false) => t.origin_ticks + frame.pts,
                    _ => ticks(crystal, t.source.clock_hz),
                };
                (*index, t.sequence as u16, t.timestamp(at))
            })
            .collect()
    }

    /// Finds the place in the loops where this session begins: at a key frame, within a frame's time from now.
    fn start(&mut self, crystal: i64) {
        let mut dice = self.dice(99);
        let drawn = match &self.camera.stream(self.kind).source {
            Source::Drawn(stream, _) => Some(stream.clone()),
            Source::Film(_) => None,
        };
        if let Some(stream) = drawn {
            if self.tracks.iter().any(|(i, _)| *i == 0) {
                self.live = Some(stream.watch(&self.camera));
            }
            // The second of sound begins with the camera's own second.
            let into_second = self.camera.wall(crystal).as_nanos().rem_euclid(1_000_000_000);
            for (_, t) in self.tracks.iter_mut().filter(|(i, _)| *i != 0) {
                t.origin_ticks = ticks(crystal - into_second, t.source.clock_hz);
                let passed = ticks(into_second, t.source.clock_hz);
                t.next = t.source.frames.partition_point(|f| f.dts < passed);
                if t.next == t.source.frames.len() {
                    t.next = 0;
                    t.origin_ticks += t.source.period;
                }
            }
            return;
        }
        let mut begin = 0;
        let mut phase = 0;
        if let Some((_, video)) = self.tracks.iter_mut().find(|(_, t)| t.source.kind == TrackKind::Video) {
            let frames = &video.source.frames;
            let keys: Vec<usize> = (0..frames.len()).filter(|n| frames[*n].key).collect();
            video.next = keys.get(dice.below(keys.len() as u64) as usize).copied().unwrap_or(0);
            begin = frames.get(video.next).map_or(0, |f| nanos(f.dts, video.source.clock_hz));
            let step = nanos(video.source.period, video.source.clock_hz) / frames.len().max(1) as i64;
            phase = dice.below(step.max(1) as u64) as i64;
        }
        for (_, t) in &mut self.tracks {
            let hz = t.source.clock_hz;
            t.origin_ticks = ticks(crystal + phase, hz) - ticks(begin, hz);
            if t.source.kind != TrackKind::Video {
                // The tracks' loops differ in length; sound begins where the pictures do, if it reaches that far.
                let from = ticks(begin, hz).rem_euclid(t.source.period.max(1));
                t.origin_ticks += ticks(begin, hz) - from;
                t.next = t.source.frames.partition_point(|f| f.dts < from);
                if t.next == t.source.frames.len() {
                    t.next = 0;
                    t.origin_ticks += t.source.period;
                }
            }
        }
    }

    /// Stops playing.
    pub(crate) fn pause(&mut self) {
        self.live = None;
        if std::mem::take(&mut self.playing) {
            self.stream().count(|c| c.playing -= 1);
        }
        for (_, t) in &mut self.tracks {
            t.need_key = t.source.kind == TrackKind::Video;
        }
    }

    /// The next frame of a drawn stream; waits for ever without one.
    pub(crate) async fn next_live(&mut self) -> Result<Arc<LiveFrame>, RecvError> {
        match &mut self.live {
            Some(live) => live.recv().await,
            None => std::future::pending().await,
        }
    }

    /// Sends a frame of a drawn stream.
    pub(crate) fn live_frame(&mut self, frame: Result<Arc<LiveFrame>, RecvError>, out: &mut Outbox) -> Tick {
        let Some((_, track)) = self.tracks.first_mut() else { return Tick::GoOn };
        let (camera, number) = (&self.camera, self.number);
        let stream = camera.stream(self.kind);
        let frame = match frame {
            Ok(frame) => frame,
            Err(RecvError::Lagged(frames)) => {
                track.need_key = true;
                stream.count(|c| c.video.frames_dropped += frames);
                if let Source::Drawn(drawn, _) = &stream.source {
                    drawn.want_key_frame();
                }
                return Tick::GoOn;
            }
            // Its encoder has failed; a camera would reboot.
            Err(RecvError::Closed) => return Tick::Drop,
        };
        let at = ticks(frame.crystal_nanos, track.source.clock_hz);
        let stalled = camera.stalled();
        let faults = camera.faults();
        let full = track.is_full(out);
        stream.count(|c| {
            let counters = &mut c.video;
            if stalled {
                counters.frames_withheld += 1;
                track.need_key = true;
            } else if full || (track.need_key && !frame.key) {
                counters.frames_dropped += u64::from(full);
                if full {
                    track.skip(&frame.packets);
                }
            } else {
                track.report(camera, camera.monotonic_now(), out, counters);
                let bytes = track.send(&frame.packets, at, &faults, out, counters, number);
                track.need_key = false;
                if frame.key {
                    let (sent, timestamp) = (camera.machine_now(), track.timestamp(at));
                    let camera_time = camera.wall(frame.crystal_nanos);
                    counters.key_frame(KeyFrame { session: number, sent, camera_time, timestamp, bytes });
                }
            }
        });
        if (stalled || full)
            && let Source::Drawn(drawn, _) = &stream.source
        {
            drawn.want_key_frame();
        }
        Tick::GoOn
    }

    /// Sends what is due now: frames of loops and sender reports.
    pub(crate) fn tick(&mut self, now: Duration, out: &mut Outbox) -> Tick {
        let trouble = self.trouble.borrow_and_update().clone();
        let news = trouble.shocks;
        let seen = std::mem::replace(&mut self.seen, news);
        if news.drops != seen.drops {
            return Tick::Drop;
        }
        for (_, t) in &mut self.tracks {
            let jump = news.timestamp_jump_millis - seen.timestamp_jump_millis;
            t.shock(news.sequence_gap - seen.sequence_gap, jump);
        }
        if !self.playing {
            return Tick::GoOn;
        }
        let stalled = trouble.stalled(now);
        while let Some((due, n)) = self.next_due() {
            if self.camera.monotonic_at(due) > now {
                break;
            }
            self.loop_frame(n, now, stalled, &trouble, out);
        }
        if !stalled {
            for (_, t) in &mut self.tracks {
                if let Route::Udp(pair) = &mut t.route {
                    pair.flush(now);
                }
            }
            let camera = &self.camera;
            let stream = camera.stream(self.kind);
            for (_, t) in self.tracks.iter_mut().filter(|(_, t)| t.report_due() <= now && !t.need_key) {
                stream.count(|c| t.report(camera, now, out, c.track_mut(t.source.kind)));
            }
        }
        Tick::GoOn
    }

    /// The loop frame that is due next: crystal time in nanoseconds, and whose.
    fn next_due(&self) -> Option<(i64, usize)> {
        let live = self.live.is_some();
        let looped = self.tracks.iter().enumerate().filter(|(_, (index, _))| !live || *index != 0);
        looped.filter_map(|(n, (_, t))| t.due().map(|due| (due, n))).min()
    }

    fn loop_frame(&mut self, n: usize, now: Duration, stalled: bool, trouble: &Trouble, out: &mut Outbox) {
        let (camera, number) = (self.camera.clone(), self.number);
        let stream = camera.stream(self.kind);
        let track = &mut self.tracks[n].1;
        let film = trouble.faults.parameter_sets;
        if film != self.film
            && let Source::Film(films) = &stream.source
            && track.source.kind == TrackKind::Video
            && track.source.frames[track.next].key
        {
            self.film = film;
            let next = &films[film as usize % films.len()].video;
            // Another codec would need another session description.
            if next.codec.compatible(&track.source.codec) {
                track.switch(next.clone());
            }
        }
        let source = track.source.clone();
        let frame = &source.frames[track.next];
        let at = track.origin_ticks + frame.pts;
        let full = track.is_full(out);
        stream.count(|c| {
            let counters = c.track_mut(source.kind);
            let endless = trouble.faults.endless_gop && frame.key && source.kind == TrackKind::Video;
            if stalled {
                counters.frames_withheld += 1;
                track.need_key = source.kind == TrackKind::Video;
            } else if endless && !track.need_key {
                counters.frames_withheld += 1;
            } else if full || (track.need_key && !frame.key) {
                counters.frames_dropped += 1;
                track.skip(&frame.packets);
            } else {
                track.report(&camera, now, out, counters);
                let bytes = track.send(&frame.packets, at, &trouble.faults, out, counters, number);
                track.need_key = false;
                if frame.key && source.kind == TrackKind::Video {
                    let (sent, timestamp) = (camera.machine_now(), track.timestamp(at));
                    let camera_time = camera.wall(nanos(at, source.clock_hz));
                    counters.key_frame(KeyFrame { session: number, sent, camera_time, timestamp, bytes });
                }
            }
        });
        track.advance();
    }

    /// When there is something to do next, on the monotonic clock. In a stall frames alone are due, to be withheld.
    pub(crate) fn deadline(&self, stalled: bool) -> Option<Duration> {
        if !self.playing {
            return None;
        }
        let frame = self.next_due().map(|(due, _)| self.camera.monotonic_at(due));
        if stalled {
            return frame;
        }
        let reports = self.tracks.iter().filter(|(_, t)| !t.need_key).map(|(_, t)| t.report_due());
        let volleys = self.tracks.iter().filter_map(|(_, t)| match &t.route {
            Route::Udp(pair) => pair.due(),
            Route::Interleaved(_) => None,
        });
        frame.into_iter().chain(reports).chain(volleys).min()
    }

    /// When its client last gave a sign of life by any way.
    pub(crate) fn last_heard(&self) -> Duration {
        let by_udp = self.tracks.iter().map(|(_, t)| match &t.route {
            Route::Udp(pair) => pair.heard(),
            Route::Interleaved(_) => Duration::ZERO,
        });
        by_udp.fold(self.heard, Duration::max)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.pause();
    }
}
