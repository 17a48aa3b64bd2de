//! A recording's key frames as a recording of its own: one fragment per key frame, each shown until the next. Any player
//! plays it, scrubbing works as in the original, and it is about a fifth of it.

use crate::evidence::Derived;
use heron_core::{MediaTime, TrackKind, WallTime};
use heron_evidence::Sealer;
use heron_media::mp4::scan::{self, samples};
use heron_media::mp4::write::Sample;
use heron_media::mp4::{FragmentBuilder, Problem, init_segment};
use std::fs::File;
use std::io::{self, Write};

/// Writes the key frames of `from` to `to`. `done` is told of the bytes read and says whether to go on. Returns the number of key
/// frames.
pub(crate) fn extract(
    from: &File,
    to: &File,
    seal: Option<&Derived<'_>>,
    mut done: impl FnMut(u64) -> bool,
) -> io::Result<u32> {
    let scan = scan::scan(from);
    if let Some(Problem::Io { .. }) = &scan.problem {
        return Err(io::Error::other("the recording could not be read"));
    }
    let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let init = scan.init.ok_or_else(|| broken("it has no beginning"))?;
    let track = init.track(TrackKind::Video).ok_or_else(|| broken("it has no pictures"))?;
    let tracks = [track.spec.clone()];
    let mut out = io::BufWriter::with_capacity(1 << 20, to);
    let mut builder = FragmentBuilder::new(&tracks, MediaTime(0));
    let (mut sequence, mut end) = (0, MediaTime(0));
    let mut sealer: Option<Sealer> = None;
    type Out<'a> = io::BufWriter<&'a File>;
    let mut finish =
        |builder: &mut FragmentBuilder, next: MediaTime, sealer: &mut Option<Sealer>, out: &mut Out<'_>| {
            sequence += 1;
            let Some(fragment) = builder.finish(sequence, Some(next)) else { return io::Result::Ok(()) };
            if let Some(sealer) = sealer {
                let payloads = fragment.payloads.iter().map(|p| &p[..]);
                let seal = sealer.next(std::iter::once(&fragment.header[..]).chain(payloads));
                out.write_all(&seal.to_box())?;
                sealer.commit(&seal);
            }
            out.write_all(&fragment.header)?;
            fragment.payloads.iter().try_for_each(|p| out.write_all(p))
        };
    let mut frames = 0;
    for fragment in &scan.fragments {
        let Some(video) = fragment.track(TrackKind::Video) else { continue };
        let Some(wall) = fragment.wall else { continue };
        if frames == 0 {
            let mut init = init_segment(&tracks, wall);
            if let Some(seal) = seal {
                let begun = seal.begin(wall, &init);
                (sealer, init) = (Some(begun.0), begun.1);
            }
            out.write_all(&init)?;
        }
        let header = scan::read_exact_at(from, fragment.offset, fragment.header_len as usize)?;
        let table = samples(&init, fragment, &header).map_err(|p| broken(&p.to_string()))?;
        let Some(table) = table.into_iter().find(|t| t.kind == TrackKind::Video) else { continue };
        let ticks = |t: u64| MediaTime(i64::try_from(t).unwrap_or(i64::MAX));
        let mut dts = ticks(table.first_dts);
        let mut read = u64::from(fragment.header_len);
        for sample in table.samples {
            let at = dts;
            dts = dts + MediaTime(i64::from(sample.duration));
            if !sample.sync {
                continue;
            }
            finish(&mut builder, at, &mut sealer, &mut out)?;
            let payload = scan::read_exact_at(from, fragment.offset + sample.offset, sample.size as usize)?;
            read += u64::from(sample.size);
            let pts = at + MediaTime(i64::from(sample.cto));
            let shown: WallTime = wall.plus_nanos((pts - MediaTime(video.first_pts)).as_nanos());
            let key = Sample {
                track: TrackKind::Video,
                payload,
                pts,
                dts: at,
                sync: true,
                audio_samples: 0,
                wall: shown,
            };
            builder.push(key).map_err(io::Error::other)?;
            frames += 1;
        }
        end = dts;
        if !done(read) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    if frames == 0 {
        return Err(broken("it has no key frame"));
    }
    finish(&mut builder, end, &mut sealer, &mut out)?;
    if let Some(head) = seal.zip(sealer.as_ref()).and_then(|(seal, sealer)| seal.head(sealer)) {
        out.write_all(&head)?;
    }
    out.flush()?;
    Ok(frames)
}
