//! Summaries of days: what of a stream is covered on a day that is over, as runs of segments that touch.
//!
//! A timeline of 90 days would otherwise read 130,000 rows. A summary is made from the rows and from nothing else; triggers
//! remove it when a row of its day comes, changes or goes, so one that is there is true, and where none is there the rows
//! are read instead. A day has a few runs, some twenty bytes each.

use super::read::Run;
use super::{VolumeId, parsed};
use crate::layout::Origin;
use crate::timeline::{Covered, touches};
use heron_core::WallTime;
use heron_store::Result;
use rusqlite::{Connection, OptionalExtension};

/// A UTC day.
pub(super) const DAY_NANOS: i64 = 86_400 * 1_000_000_000;
/// Days that are summarised in one transaction: some 11,000 rows of the index, 4 ms of the one writer.
const DAYS_AT_ONCE: usize = 8;

/// The summaries that there are of the days `first..end` (counted from 1970, UTC) of a stream, in order.
pub(super) fn summaries(
    conn: &Connection,
    volumes: &[(i64, VolumeId)],
    stream: i64,
    first: i64,
    end: i64,
) -> Result<Vec<(i64, Vec<Run>)>> {
    let mut statement = conn.prepare_cached(
        "SELECT day, runs FROM record_day WHERE stream = ?1 AND day >= ?2 AND day < ?3 ORDER BY day",
    )?;
    let rows = statement.query_map((stream, first, end), |r| Ok((r.get(0)?, r.get::<_, Vec<u8>>(1)?)))?;
    let mut out = Vec::new();
    for row in rows {
        let (day, bytes) = row?;
        // One that cannot be read (a later release's) is as good as none.
        out.extend(decode(&bytes, day, volumes).map(|runs| (day, runs)));
    }
    Ok(out)
}

/// Makes some of the summaries that are missing of days before `today`; how many, zero when all are made.
pub(crate) fn summarise(conn: &Connection, today: WallTime) -> Result<usize> {
    let today = today.0 / DAY_NANOS;
    let mut streams = conn.prepare_cached("SELECT id FROM record_stream ORDER BY id")?;
    let streams: Vec<i64> = streams.query_map((), |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut made = 0;
    for stream in streams {
        for day in missing(conn, stream, today)? {
            if made >= DAYS_AT_ONCE {
                return Ok(made);
            }
            made += usize::from(summarise_day(conn, stream, day)?);
        }
    }
    Ok(made)
}

/// Days of a stream before `today` without a summary.
fn missing(conn: &Connection, stream: i64, today: i64) -> Result<Vec<i64>> {
    let first: Option<i64> = conn
        .prepare_cached("SELECT min(start_ns) FROM record_segment WHERE stream = ?1 AND start_ns >= 0")?
        .query_row([stream], |r| r.get(0))?;
    let Some(first) = first else { return Ok(Vec::new()) };
    let mut there =
        conn.prepare_cached("SELECT day FROM record_day WHERE stream = ?1 AND day >= ?2 ORDER BY day")?;
    let first = first / DAY_NANOS;
    let mut there = there.query_map((stream, first), |r| r.get::<_, i64>(0))?.peekable();
    let mut missing = Vec::new();
    for day in first..today {
        match there.peek() {
            Some(Ok(next)) if *next == day => drop(there.next()),
            Some(Err(_)) => drop(there.next().transpose()?),
            _ => missing.push(day),
        }
    }
    Ok(missing)
}

/// `false` while a segment of the day is open.
fn summarise_day(conn: &Connection, stream: i64, day: i64) -> Result<bool> {
    let (start, end) = (day * DAY_NANOS, (day + 1) * DAY_NANOS);
    let open: Option<i64> = conn
        .prepare_cached(
            "SELECT 1 FROM record_segment INDEXED BY record_segment_by_stream
             WHERE stream = ?1 AND start_ns >= ?2 AND start_ns < ?3 AND state = 0 LIMIT 1",
        )?
        .query_row((stream, start, end), |r| r.get(0))
        .optional()?;
    if open.is_some() {
        return Ok(false);
    }
    let mut runs: Vec<(i64, Covered)> = Vec::new();
    super::read::rows(
        conn,
        stream,
        (WallTime(start), WallTime(end)),
        WallTime(start),
        |_, volume, covered| {
            add(&mut runs, volume, covered);
            Ok(())
        },
    )?;
    conn.prepare_cached(
        "INSERT INTO record_day(stream, day, runs) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET runs = excluded.runs",
    )?
    .execute((stream, day, encode(&runs, day)))?;
    Ok(true)
}

/// Takes the next segment in order of start into the run it continues, of its volume and origin, or begins one.
///
/// Joining the runs gives what joining the segments gives ([`crate::timeline::join`]): a segment that touches the run before
/// it touches whatever span that run is part of, and the first of a run brings its own frame rate along.
fn add(runs: &mut Vec<(i64, Covered)>, volume: i64, covered: Covered) {
    let last = runs.iter_mut().rev().find(|(v, c)| *v == volume && c.origin == covered.origin);
    match last {
        Some((_, run)) if touches(run.end, covered.start, covered.frame_nanos) => {
            run.end = run.end.max(covered.end)
        }
        _ => runs.push((volume, covered)),
    }
}

fn encode(runs: &[(i64, Covered)], day: i64) -> Vec<u8> {
    let mut out = vec![VERSION];
    for (volume, run) in runs {
        put(&mut out, *volume);
        put(&mut out, run.origin.code());
        put(&mut out, run.start.0 - day * DAY_NANOS);
        put(&mut out, run.end.0 - run.start.0);
        put(&mut out, run.frame_nanos);
    }
    out
}

const VERSION: u8 = 1;

fn decode(bytes: &[u8], day: i64, volumes: &[(i64, VolumeId)]) -> Option<Vec<Run>> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let mut runs = Vec::new();
    while !rest.is_empty() {
        let mut number = || take(&mut rest);
        let (volume, origin, start, length, frame_nanos) =
            (number()?, number()?, number()?, number()?, number()?);
        let volume = volumes.iter().find(|v| v.0 == volume)?.1;
        let start = day.checked_mul(DAY_NANOS)?.checked_add(start)?;
        let (start, end) = (WallTime(start), WallTime(start.checked_add(length)?));
        let covered = Covered { start, end, frame_nanos, origin: Origin::of_code(origin) };
        runs.push(Run { id: None, volume, covered });
    }
    Some(runs)
}

/// A number of at least zero (a negative one becomes zero) in groups of seven bits, the lowest first.
fn put(out: &mut Vec<u8>, number: i64) {
    let mut left = number.max(0) as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return i64::try_from(number).ok();
        }
    }
    None
}

/// Every volume: number and identity.
pub(super) fn volumes(conn: &Connection) -> Result<Vec<(i64, VolumeId)>> {
    let mut volumes = conn.prepare_cached("SELECT id, uuid FROM record_volume")?;
    Ok(volumes
        .query_map((), |r| Ok((r.get(0)?, VolumeId(parsed(r, 1)?))))?
        .collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::join;
    use proptest::prelude::*;

    const DAY: i64 = 20_000;

    proptest! {
        #[test]
        fn runs_are_read_as_they_were_written(
            runs in proptest::collection::vec((0i64..3, 0i64..4, 0i64..DAY_NANOS, 0i64..1 << 60, 0i64..1 << 40), 0..20),
        ) {
            let volumes: Vec<(i64, VolumeId)> = (0..3).map(|n| (n, VolumeId(uuid::Uuid::from_u128(n as u128)))).collect();
            let runs: Vec<(i64, Covered)> = runs.into_iter().map(|(volume, origin, start, length, frame_nanos)| {
                let start = WallTime(DAY * DAY_NANOS + start);
                let origin = Origin::of_code(origin);
                (volume, Covered { start, end: start.plus_nanos(length), frame_nanos, origin })
            }).collect();
            let back = decode(&encode(&runs, DAY), DAY, &volumes).unwrap();
            let want: Vec<Run> = runs.iter().map(|(v, c)| Run { id: None, volume: volumes[*v as usize].1, covered: *c }).collect();
            prop_assert_eq!(back, want);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), day in any::<i64>()) {
            let _ = decode(&bytes, day, &[(0, VolumeId(uuid::Uuid::nil()))]);
        }

        /// Whatever the segments, the spans made of runs are the spans made of segments.
        #[test]
        fn runs_join_to_what_segments_join_to(
            mut segments in proptest::collection::vec((0i64..400_000, 1i64..9_000, 0i64..2), 0..60),
            from in 0i64..100_000, length in 1i64..400_000,
        ) {
            segments.sort_unstable();
            let day = WallTime(DAY * DAY_NANOS);
            let ms = |n: i64| day.plus_nanos(n * 1_000_000);
            let covered: Vec<(i64, Covered)> = segments.into_iter().map(|(start, length, volume)| {
                let (start, end) = (ms(start + 100_000), ms(start + 100_000 + length));
                (volume, Covered { start, end, frame_nanos: 40_000_000, origin: Origin::Live })
            }).collect();
            let mut runs = Vec::new();
            covered.iter().for_each(|(volume, c)| add(&mut runs, *volume, *c));
            let plain = |all: &[(i64, Covered)]| all.iter().map(|(_, c)| *c).collect::<Vec<_>>();
            // The range begins before the day, as it does wherever summaries are used.
            let (start, end) = (ms(from), ms(100_000 + from + length));
            let mut made = plain(&runs);
            made.sort_by_key(|c| c.start);
            prop_assert_eq!(join(&made, ms(0), end), join(&plain(&covered), ms(0), end), "{:?}", start);
        }
    }
}
