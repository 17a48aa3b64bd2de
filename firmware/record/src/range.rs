//! Ranges of time that requests ask for.

use crate::RecordError;
use crate::timeline::{MAX_BINS, MAX_RANGE_NANOS};
use heron_core::WallTime;
use std::time::Duration;

/// Longest playlist or clip: a day is 1440 segments, half a megabyte of playlist.
pub(crate) const MAX_FOOTAGE: Duration = Duration::from_secs(86_400);
/// Shortest bin of a timeline.
pub(crate) const MIN_BIN: Duration = Duration::from_millis(100);

/// Checks a range of footage: in order, begun, at most a day.
///
/// # Errors
/// [`RecordError::Invalid`] that names `start` or `end`.
pub(crate) fn footage(start: WallTime, end: WallTime, now: WallTime) -> Result<(), RecordError> {
    check(start, end, now, MAX_FOOTAGE, "a day; ask for the day in parts")
}

/// Checks the range and bin of a timeline: in order, begun, at most 100 days and 90,000 bins.
///
/// # Errors
/// [`RecordError::Invalid`] that names `start`, `end` or `bin`.
pub(crate) fn timeline(
    start: WallTime,
    end: WallTime,
    bin: Option<Duration>,
    now: WallTime,
) -> Result<(), RecordError> {
    check(start, end, now, Duration::from_nanos(MAX_RANGE_NANOS as u64), "100 days")?;
    let Some(bin) = bin else { return Ok(()) };
    if bin < MIN_BIN {
        return Err(RecordError::invalid("bin", format!("must be at least {} ms", MIN_BIN.as_millis())));
    }
    let bins = end.saturating_since(start).as_nanos().div_ceil(bin.as_nanos());
    if bins > MAX_BINS as u128 {
        return Err(RecordError::invalid(
            "bin",
            format!(
                "would make {bins} bins, at most {MAX_BINS} are possible; make it longer or the range shorter"
            ),
        ));
    }
    Ok(())
}

fn check(
    start: WallTime,
    end: WallTime,
    now: WallTime,
    most: Duration,
    words: &str,
) -> Result<(), RecordError> {
    if start >= end {
        return Err(RecordError::invalid(
            "end",
            format!("must be after start; start is {start} and end is {end}"),
        ));
    }
    if start > now {
        return Err(RecordError::invalid("start", format!("is in the future: {start}, and it is {now} now")));
    }
    if end.saturating_since(start) > most {
        return Err(RecordError::invalid(
            "end",
            format!("is too far from start: the longest range is {words}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> WallTime {
        WallTime::from_millis(seconds * 1000)
    }

    #[test]
    fn each_wrong_range_names_its_field() {
        let now = at(1_000_000);
        let day = 86_400;
        for (start, end, field) in [
            (at(20), at(10), "end"),
            (at(5), at(5), "end"),
            (at(0), at(day + 1), "end"),
            (at(2_000_000), at(2_000_001), "start"),
        ] {
            assert_eq!(footage(start, end, now).unwrap_err().field(), Some(field));
        }
        footage(at(1_000_000 - 10), at(1_000_000 + 10), now).unwrap();
        footage(at(0), at(day), now).unwrap();
    }

    #[test]
    fn timelines_are_bounded_in_length_and_bins() {
        let now = at(100 * 86_400);
        let bin = |ms| Some(Duration::from_millis(ms));
        timeline(at(0), at(86_400), bin(1000), now).unwrap();
        assert_eq!(timeline(at(0), at(101 * 86_400), None, now).unwrap_err().field(), Some("end"));
        assert_eq!(timeline(at(0), at(86_400), bin(500), now).unwrap_err().field(), Some("bin"));
        assert_eq!(timeline(at(0), at(10), bin(0), now).unwrap_err().field(), Some("bin"));
        let far = WallTime(i64::MAX);
        assert_eq!(timeline(WallTime(i64::MIN), far, bin(1000), now).unwrap_err().field(), Some("end"));
    }
}
