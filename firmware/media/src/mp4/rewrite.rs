//! Recorded fragments with G.711 sound, as a browser can play them: the sound becomes FLAC, the pictures stay untouched.
//!
//! The sound of a fragment is framed anew (blocks of 1024 samples), verbatim, so that the length of the result follows from the
//! fragment's header alone and a playlist may name byte ranges of a file that was never made. ONVIF metadata is left out.

use super::flat::FlacRun;
use super::moof::{Entry, Reference, Run, header};
use super::samples::{SampleEntry, samples};
use super::{FragmentIndex, Init, Problem, TrackSpec, track_id};
use crate::flac::StreamInfo;
use crate::g711::Law;
use bytes::{Bytes, BytesMut};
use heron_core::{TrackFormat, TrackKind, WallTime};
use std::sync::Arc;

/// Whether the file's sound is G.711, which browsers do not play in MP4.
pub fn needs_rewrite(init: &Init) -> bool {
    g711(init).is_some()
}

fn g711(init: &Init) -> Option<(StreamInfo, Law)> {
    let format = init.track(TrackKind::Audio)?.spec.format.audio()?;
    Some((StreamInfo::of_g711(format)?, Law::of(format.codec)?))
}

/// The tracks as the rewritten file has them: G.711 replaced by FLAC of the same rate and channels, no metadata.
pub fn tracks(init: &Init) -> Vec<TrackSpec> {
    let flac = g711(init).map(|(info, _)| Arc::new(TrackFormat::Audio(info.audio_format())));
    let mut tracks = init.specs();
    tracks.retain(|t| t.kind() != TrackKind::Metadata);
    for track in &mut tracks {
        if let (TrackKind::Audio, Some(flac)) = (track.kind(), &flac) {
            track.format = Arc::clone(flac);
        }
    }
    tracks
}

/// The init segment that goes with [`fragment`]. The same bytes for the same `Init`.
pub fn init_segment(init: &Init) -> Vec<u8> {
    super::init_segment(&tracks(init), init.created.unwrap_or(WallTime::from_nanos(0)))
}

/// What the new fragment is made of.
struct Plan {
    header: Bytes,
    video: Vec<SampleEntry>,
    sound: Vec<Piece>,
    payload: u64,
}

enum Piece {
    /// A packet as it is: offset in the fragment and length.
    Same(u64, u32),
    /// G.711 from that offset on.
    Flac(u64, FlacRun),
}

fn plan(init: &Init, index: &FragmentIndex, head: &[u8]) -> Result<Plan, Problem> {
    if init.tracks.iter().any(|t| t.timescale != t.spec.timescale()) {
        return Err(Problem::NotOurs("its time scales are not those of a recording".to_owned()));
    }
    let mut plan = Plan { header: Bytes::new(), video: Vec::new(), sound: Vec::new(), payload: 0 };
    let (mut video, mut sound) = (Vec::new(), Vec::new());
    let (mut video_dts, mut sound_dts) = (0, 0);
    for track in samples(init, index, head)? {
        match (track.kind, g711(init)) {
            (TrackKind::Video, _) => {
                video_dts = track.first_dts;
                video.extend(track.samples.iter().map(same));
                plan.video = track.samples;
            }
            (TrackKind::Audio, None) => {
                sound_dts = track.first_dts;
                sound.extend(track.samples.iter().map(same));
                plan.sound.extend(track.samples.iter().map(|s| Piece::Same(s.offset, s.size)));
            }
            (TrackKind::Audio, Some((info, law))) => {
                sound_dts = track.first_dts;
                frame(info, law, track.first_dts, &track.samples, &mut plan.sound, &mut sound);
            }
            (TrackKind::Metadata, _) => {}
        }
    }
    let mut runs = Vec::with_capacity(2);
    for (kind, first_dts, entries) in
        [(TrackKind::Video, video_dts, &video), (TrackKind::Audio, sound_dts, &sound)]
    {
        if !entries.is_empty() {
            plan.payload += entries.iter().map(|e| u64::from(e.size)).sum::<u64>();
            runs.push(Run { track_id: track_id(kind), first_dts, entries });
        }
    }
    let lead = index.track(TrackKind::Video).or(index.tracks.first());
    let reference = lead.filter(|l| l.kind != TrackKind::Metadata).zip(index.wall).map(|(lead, wall)| {
        Reference { track_id: track_id(lead.kind), wall, media_time: lead.first_pts.max(0) as u64 }
    });
    let mut out = BytesMut::with_capacity(256 + 16 * (video.len() + sound.len()));
    header(&mut out, index.sequence, reference, &runs);
    plan.header = out.freeze();
    Ok(plan)
}

fn same(s: &SampleEntry) -> Entry {
    Entry { size: s.size, duration: s.duration, cto: s.cto, sync: s.sync }
}

/// Frames the packets anew: runs of packets whose bytes and times follow one another.
fn frame(
    info: StreamInfo,
    law: Law,
    first_dts: u64,
    packets: &[SampleEntry],
    pieces: &mut Vec<Piece>,
    entries: &mut Vec<Entry>,
) {
    let channels = u32::from(info.channels.max(1));
    let mut dts = first_dts;
    let mut rest = packets;
    while let Some(start) = rest.first() {
        let mut run = FlacRun { info, law, first: dts, samples: 0 };
        let (mut lasts, mut taken) = (0u64, 0);
        for packet in rest {
            let follows = packet.offset == start.offset + run.samples as u64 * u64::from(channels)
                && lasts == run.samples as u64;
            if taken > 0 && !follows {
                break;
            }
            run.samples += (packet.size / channels) as usize;
            lasts += u64::from(packet.duration);
            taken += 1;
        }
        // The last frame holds until the next run begins.
        let longer = lasts as i64 - run.samples as i64;
        let first_entry = entries.len();
        for block in run.blocks() {
            let size = run.frame_len(block) as u32;
            entries.push(Entry { size, duration: block.1 as u32, cto: 0, sync: true });
        }
        if let Some(last) = entries[first_entry..].last_mut() {
            last.duration = u32::try_from(i64::from(last.duration) + longer).unwrap_or(1);
        }
        pieces.push(Piece::Flac(start.offset, run));
        dts += lasts;
        rest = &rest[taken..];
    }
}

/// Length of what [`fragment`] will give, from the first `header_len` bytes of the fragment.
pub fn fragment_len(init: &Init, index: &FragmentIndex, header: &[u8]) -> Result<u64, Problem> {
    plan(init, index, header).map(|plan| plan.header.len() as u64 + plan.payload)
}

/// The fragment with its G.711 samples as FLAC. `bytes` are the `index.length` bytes of the fragment, from
/// `index.offset` of the file; each payload byte is copied or converted once. Files with other sound come out the same but
/// for metadata.
pub fn fragment(init: &Init, index: &FragmentIndex, bytes: &[u8]) -> Result<Bytes, Problem> {
    if (bytes.len() as u64) < index.length {
        return Err(Problem::Truncated {
            name: "fragment".to_owned(),
            at: index.offset,
            needs: index.length,
            has: bytes.len() as u64,
        });
    }
    let plan = plan(init, index, bytes)?;
    // `samples` has checked every range against `index.length`.
    let at = |offset: u64, len: u64| {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let to = usize::try_from(offset + len).unwrap_or(usize::MAX);
        bytes.get(from..to).unwrap_or_default()
    };
    let mut out = Vec::with_capacity(plan.header.len() + plan.payload as usize);
    out.extend_from_slice(&plan.header);
    for sample in &plan.video {
        out.extend_from_slice(at(sample.offset, u64::from(sample.size)));
    }
    for piece in &plan.sound {
        match piece {
            Piece::Same(offset, size) => out.extend_from_slice(at(*offset, u64::from(*size))),
            Piece::Flac(offset, run) => {
                let len = run.samples as u64 * u64::from(run.info.channels.max(1));
                run.encode(run.blocks(), at(*offset, len), &mut out);
            }
        }
    }
    Ok(out.into())
}
