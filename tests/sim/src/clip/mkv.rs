//! Matroska files: blocks to samples.

use super::{Codec, Sample, Track, rescale};
use bytes::Bytes;
use matroska_demuxer::{Frame, MatroskaFile, TrackEntry};
use mp4_atom::Atom as _;
use std::collections::HashMap;
use std::io::Cursor;

/// The tracks that cameras send.
pub(super) fn tracks(file: Vec<u8>) -> Result<Vec<Track>, String> {
    let mut mkv = MatroskaFile::open(Cursor::new(file)).map_err(|e| e.to_string())?;
    let mut tracks: HashMap<u64, (Track, Option<u64>)> = HashMap::new();
    let mut order = Vec::new();
    for entry in mkv.tracks() {
        if let Some(track) = track(entry) {
            order.push(entry.track_number().get());
            let duration = entry.default_duration().map(|d| d.get());
            tracks.insert(entry.track_number().get(), (track, duration));
        }
    }
    let ticks_hz = 1_000_000_000 / mkv.info().timestamp_scale().get().max(1);
    let mut frame = Frame::default();
    while mkv.next_frame(&mut frame).map_err(|e| e.to_string())? {
        let Some((track, _)) = tracks.get_mut(&frame.track) else { continue };
        let payload = Bytes::from(std::mem::take(&mut frame.data));
        let at = rescale(i64::try_from(frame.timestamp).unwrap_or(i64::MAX), ticks_hz, track.clock_hz);
        // Blocks in groups carry no key mark; in pictures that stand alone every one is a key.
        let key = frame.is_keyframe.unwrap_or(true) || !track.codec.is_video() || track.codec == Codec::Mjpeg;
        track.samples.push(Sample { dts: at, pts: at, key, payload });
    }
    Ok(order
        .iter()
        .filter_map(|n| tracks.remove(n))
        .map(|(track, duration)| evened(track, duration))
        .collect())
}

/// Matroska rounds to milliseconds; where the file knows the frame duration the exact times are put back. Frames
/// are in decoding order with presentation times, so decoding times are the sorted presentation times.
fn evened(mut track: Track, frame_nanos: Option<u64>) -> Track {
    let Some(first) = track.samples.iter().map(|s| s.pts).min() else { return track };
    let hz = u64::from(track.clock_hz);
    let exact = |ticks: i64| match frame_nanos.filter(|n| *n > 0) {
        Some(nanos) => {
            let step = (nanos as f64 * hz as f64 / 1e9).max(1.0);
            ((ticks as f64 / step).round() * step).round() as i64
        }
        None => ticks,
    };
    let mut times: Vec<i64> = track.samples.iter().map(|s| exact(s.pts - first)).collect();
    for (sample, time) in track.samples.iter_mut().zip(&times) {
        sample.pts = *time;
    }
    times.sort_unstable();
    times.dedup();
    if times.len() == track.samples.len() {
        for (sample, time) in track.samples.iter_mut().zip(&times) {
            sample.dts = *time;
        }
    } else {
        for sample in &mut track.samples {
            sample.dts = sample.pts;
        }
    }
    let last = track.samples.last().map_or(0, |s| s.dts);
    let frames = track.samples.len().max(2) as i64;
    track.period = last + (last / (frames - 1)).max(1);
    track
}

fn track(entry: &TrackEntry) -> Option<Track> {
    let private = entry.codec_private().unwrap_or_default();
    let size =
        entry.video().map_or((0, 0), |v| (v.pixel_width().get() as u16, v.pixel_height().get() as u16));
    let rate = entry.audio().map_or(0, |a| a.sampling_frequency() as u32);
    let channels = entry.audio().map_or(0, |a| a.channels().get() as u8);
    let bytes = |v: &Vec<u8>| Bytes::copy_from_slice(v);
    let (codec, clock_hz) = match entry.codec_id() {
        "V_MPEG4/ISO/AVC" => {
            let avcc = mp4_atom::Avcc::decode_body(&mut &private[..]).ok()?;
            let sets = avcc.sequence_parameter_sets.iter().chain(&avcc.picture_parameter_sets);
            (Codec::H264(sets.map(bytes).collect()), 90_000)
        }
        "V_MPEGH/ISO/HEVC" => {
            let hvcc = mp4_atom::Hvcc::decode_body(&mut &private[..]).ok()?;
            let of =
                |kind| hvcc.arrays.iter().filter(move |a| a.nal_unit_type == kind).flat_map(|a| &a.nalus);
            (Codec::H265([32, 33, 34].into_iter().flat_map(of).map(bytes).collect()), 90_000)
        }
        "V_MJPEG" => (Codec::Mjpeg, 90_000),
        "A_AAC" => (Codec::Aac { config: Bytes::copy_from_slice(private), channels }, rate),
        // A Windows WAVEFORMATEX whose first field names the format.
        "A_MS/ACM" => match private {
            [6, 0, ..] if rate == 8000 && channels == 1 => (Codec::G711a, 8000),
            [7, 0, ..] if rate == 8000 && channels == 1 => (Codec::G711u, 8000),
            _ => return None,
        },
        "V_MS/VFW/FOURCC" if private.get(16..20) == Some(b"MJPG") => (Codec::Mjpeg, 90_000),
        _ => return None,
    };
    Some(Track { codec, clock_hz, size, samples: Vec::new(), period: 0 })
}
