//! Flat MP4 files (ISO 14496-12): sample tables to samples.

use super::{Codec, Sample, Track, rescale};
use bytes::Bytes;
use mp4_atom::{Atom as _, Codec as Entry, Moov, StszSamples, Trak};

/// The tracks that cameras send.
pub(super) fn tracks(file: Bytes) -> Result<Vec<Track>, String> {
    let moov = moov(&file)?;
    if moov.mvex.is_some() {
        return Err("it is fragmented; remux it first: ffmpeg -i IN -c copy OUT.mp4".into());
    }
    let mut out = Vec::new();
    for trak in &moov.trak {
        if let Some(track) = track(trak, &file)? {
            out.push(track);
        }
    }
    Ok(out)
}

/// Finds and reads the `moov` box.
fn moov(file: &Bytes) -> Result<Moov, String> {
    let mut at = 0usize;
    while let Some(head) = file.get(at..at + 8) {
        let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let (header, size) = match (short, file.get(at + 8..at + 16)) {
            (0, _) => (8, (file.len() - at) as u64),
            (1, Some(long)) => (16, long.iter().fold(0u64, |n, b| n << 8 | u64::from(*b))),
            _ => (8, u64::from(short)),
        };
        let end = usize::try_from(size).ok().and_then(|s| at.checked_add(s)).filter(|e| *e <= file.len());
        let Some(end) = end.filter(|e| *e >= at + header) else {
            return Err(format!("the box at byte {at} reaches beyond the end of the file"));
        };
        if &head[4..8] == b"moov" {
            let mut body = &file[at + header..end];
            return Moov::decode_body(&mut body).map_err(|e| format!("its moov box cannot be read: {e}"));
        }
        at = end;
    }
    Err("there is no moov box".into())
}

fn track(trak: &Trak, file: &Bytes) -> Result<Option<Track>, String> {
    let stbl = &trak.mdia.minf.stbl;
    let Some((codec, clock_hz, size, length_size)) = stbl.stsd.codecs.first().and_then(entry) else {
        return Ok(None);
    };
    let scale = u64::from(trak.mdia.mdhd.timescale);
    let sizes: Vec<u32> = match &stbl.stsz.samples {
        StszSamples::Identical { count, size } => {
            let fit = file.len() / (*size).max(1) as usize;
            vec![*size; (*count as usize).min(fit)]
        }
        StszSamples::Different { sizes } => sizes.clone(),
    };
    let places = places(trak, &sizes);
    let mut durations =
        stbl.stts.entries.iter().flat_map(|e| std::iter::repeat_n(e.sample_delta, e.sample_count as usize));
    let mut offsets = stbl
        .ctts
        .iter()
        .flat_map(|c| &c.entries)
        .flat_map(|e| std::iter::repeat_n(e.sample_offset, e.sample_count as usize));
    let sync =
        stbl.stss.as_ref().map(|s| s.entries.iter().copied().collect::<std::collections::HashSet<_>>());

    let (mut samples, mut dts) = (Vec::with_capacity(sizes.len()), 0i64);
    for (n, (place, size)) in places.zip(&sizes).enumerate() {
        let end = place.checked_add(u64::from(*size)).and_then(|e| usize::try_from(e).ok());
        let Some(end) = end.filter(|e| *e <= file.len()) else {
            return Err(format!("sample {n} reaches beyond the end of the file"));
        };
        let payload = with_lengths_of_four(file.slice(place as usize..end), length_size)?;
        let pts = dts + offsets.next().unwrap_or(0);
        samples.push(Sample {
            dts: rescale(dts, scale, clock_hz),
            pts: rescale(pts, scale, clock_hz),
            key: sync.as_ref().is_none_or(|s| s.contains(&(n as u32 + 1))),
            payload,
        });
        dts += i64::from(durations.next().unwrap_or(0));
    }
    let mut period = rescale(dts, scale, clock_hz);
    // The last AAC frame may be cut short by its duration; on the wire every frame is whole.
    if let (Codec::Aac { .. }, [first, second, .., last]) = (&codec, &samples[..]) {
        period = last.dts + second.dts - first.dts;
    }
    Ok(Some(Track { codec, clock_hz, size, samples, period }))
}

/// What a sample entry says: codec, RTP clock, picture size, bytes of a NAL unit's length.
fn entry(entry: &Entry) -> Option<(Codec, u32, (u16, u16), u8)> {
    let bytes = |v: &Vec<u8>| Bytes::copy_from_slice(v);
    let hevc = |hvcc: &mp4_atom::Hvcc, visual: &mp4_atom::Visual| {
        let of = |kind| hvcc.arrays.iter().filter(move |a| a.nal_unit_type == kind).flat_map(|a| &a.nalus);
        let sets = [32, 33, 34].into_iter().flat_map(of).map(bytes).collect();
        (Codec::H265(sets), 90_000, (visual.width, visual.height), hvcc.length_size_minus_one + 1)
    };
    match entry {
        Entry::Avc1(a) => {
            let sets = a.avcc.sequence_parameter_sets.iter().chain(&a.avcc.picture_parameter_sets);
            let size = (a.visual.width, a.visual.height);
            Some((Codec::H264(sets.map(bytes).collect()), 90_000, size, a.avcc.length_size))
        }
        Entry::Hvc1(h) => Some(hevc(&h.hvcc, &h.visual)),
        Entry::Hev1(h) => Some(hevc(&h.hvcc, &h.visual)),
        Entry::Mp4a(m) => {
            let config = m.esds.es_desc.dec_config.dec_specific.as_ref()?;
            let rate = u32::from(m.audio.sample_rate.integer());
            let channels = m.audio.channel_count as u8;
            Some((Codec::Aac { config: Bytes::copy_from_slice(&config.raw), channels }, rate, (0, 0), 0))
        }
        _ => None,
    }
}

/// Where each sample lies: chunk offsets and the samples per chunk, unrolled.
fn places<'a>(trak: &'a Trak, sizes: &'a [u32]) -> impl Iterator<Item = u64> + 'a {
    let stbl = &trak.mdia.minf.stbl;
    let chunks: Vec<u64> = match (&stbl.stco, &stbl.co64) {
        (_, Some(long)) => long.entries.clone(),
        (Some(short), None) => short.entries.iter().map(|o| u64::from(*o)).collect(),
        (None, None) => Vec::new(),
    };
    let runs = &stbl.stsc.entries;
    let mut next = 0usize;
    chunks.into_iter().enumerate().flat_map(move |(chunk, start)| {
        let run = runs.partition_point(|r| r.first_chunk as usize <= chunk + 1);
        let count = run.checked_sub(1).map_or(0, |r| runs[r].samples_per_chunk as usize);
        let of_chunk = &sizes[next.min(sizes.len())..(next + count).min(sizes.len())];
        next += count;
        let mut at = start;
        of_chunk.iter().map(move |size| {
            let place = at;
            at = at.saturating_add(u64::from(*size));
            place
        })
    })
}

/// NAL units with 4-byte lengths, whatever the file uses.
fn with_lengths_of_four(sample: Bytes, length_size: u8) -> Result<Bytes, String> {
    if matches!(length_size, 0 | 4) {
        return Ok(sample);
    }
    let (mut out, mut rest) = (Vec::with_capacity(sample.len() + 16), &sample[..]);
    while !rest.is_empty() {
        let (length, after) =
            rest.split_at_checked(usize::from(length_size)).ok_or("a NAL unit's length is cut off")?;
        let length = length.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
        let (nal, after) = after.split_at_checked(length).ok_or("a NAL unit is cut off")?;
        out.extend_from_slice(&(length as u32).to_be_bytes());
        out.extend_from_slice(nal);
        rest = after;
    }
    Ok(out.into())
}
