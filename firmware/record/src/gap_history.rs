//! What was not recorded, for people: the ledger's rows page by page, and totals for each day.

use crate::RecordError;
use crate::gap_rows;
use crate::ledger::Gap;
use crate::playback::{Playback, with_fresh};
use crate::timeline::MAX_RANGE_NANOS;
use heron_core::{CameraId, GapReason, StreamKey, StreamKind, WallTime};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Rows on one page.
const MOST_ROWS: usize = 1000;
/// What one timeline is asked for, so that a range of a hundred days of a place fits although one of them has 25 hours.
const STEP_NANOS: i64 = MAX_RANGE_NANOS / 4;

/// A row of the ledger with its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamGap {
    /// The stream.
    pub stream: StreamKind,
    /// The row.
    pub gap: Gap,
}

/// Where a page ended: the start and the id of its last row. Reads and writes as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapCursor {
    start: WallTime,
    id: i64,
}

impl fmt::Display for GapCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.start.0, self.id)
    }
}

impl FromStr for GapCursor {
    type Err = RecordError;
    fn from_str(s: &str) -> Result<Self, RecordError> {
        s.split_once('.')
            .and_then(|(start, id)| Some(Self { start: WallTime(start.parse().ok()?), id: id.parse().ok()? }))
            .ok_or_else(|| RecordError::invalid("cursor", "is not one that this list gave out"))
    }
}

/// What one day of a place has of a stream, seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct GapDay {
    /// The day.
    pub date: Date,
    /// Footage.
    pub recorded_s: f64,
    /// No footage although there was to be some.
    pub missing_s: f64,
    /// No footage, and there was to be none.
    pub not_scheduled_s: f64,
    /// Gaps in which footage is missing.
    pub count: u64,
    /// Seconds without footage by reason.
    pub by_reason: BTreeMap<&'static str, f64>,
}

impl Playback {
    /// The gaps of a camera that overlap `start..end`, newest first, at most `limit` (1 to 1,000), of one stream or of
    /// all. The second part is where the next page goes on; `None` at the end.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] naming `end`, [`RecordError::Store`].
    pub fn gaps(
        &self,
        camera: CameraId,
        stream: Option<StreamKind>,
        (start, end): (WallTime, WallTime),
        limit: usize,
        after: Option<GapCursor>,
    ) -> Result<(Vec<StreamGap>, Option<GapCursor>), RecordError> {
        in_order(start, end)?;
        let limit = limit.clamp(1, MOST_ROWS);
        let place = |gap: &Gap| (gap.start, gap.id);
        let before = after.map_or((WallTime(i64::MAX), i64::MAX), |c| (c.start, c.id));
        let mut all = Vec::new();
        for kind in StreamKind::ALL.into_iter().filter(|k| stream.is_none_or(|s| s == *k)) {
            let key = StreamKey::new(camera, kind);
            // First what is in memory: what leaves it meanwhile is in the database then.
            let fresh = self.fresh_of(key);
            let rows = self
                .shared
                .store
                .read_blocking(|c| gap_rows::newest(c, key, start, end, before, limit + 1 + fresh.len()))?;
            let rows = with_fresh(rows, fresh).into_iter();
            let overlaps = |g: &Gap| g.start < end && g.end.is_none_or(|e| e > start) && place(g) < before;
            all.extend(rows.filter(overlaps).map(|gap| StreamGap { stream: kind, gap }));
        }
        all.sort_by_key(|g| std::cmp::Reverse(place(&g.gap)));
        let more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().filter(|_| more).map(|g| GapCursor { start: g.gap.start, id: g.gap.id });
        Ok((all, next))
    }

    /// What each day between `start` and `end` (at most 100) has of a stream, by the clock of `zone`: a day on which clocks
    /// change has 23 or 25 hours. The first and the last day count as far as they are within the range, and the time to
    /// come counts for nothing.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] naming `end`, [`RecordError::Store`].
    pub fn gap_days(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
        zone: &TimeZone,
    ) -> Result<Vec<GapDay>, RecordError> {
        in_order(start, end)?;
        // An hour more than a hundred times 24 hours, for the clocks.
        if end.nanos_since(start) > MAX_RANGE_NANOS + 3_600_000_000_000 {
            return Err(RecordError::invalid("end", "must be at most 100 days after start"));
        }
        let days = days_of(start, end, zone);
        let (mut spans, mut gaps) = (Vec::new(), Vec::new());
        let now = self.shared.clock.now();
        let mut from = start;
        while from < end.min(now) {
            let to = end.min(from.plus_nanos(STEP_NANOS));
            let part = self.timeline(stream.camera, from, to, None)?;
            spans.extend(part.spans.iter().filter(|s| s.stream == stream.kind).map(|s| (s.start, s.end)));
            let of_stream = part.gaps.iter().filter(|g| g.stream == stream.kind);
            for gap in of_stream.map(|g| (g.start, g.end, g.reason)) {
                match gaps.last_mut() {
                    // One gap in two parts of the range.
                    Some((_, until, reason)) if *until == from && gap.0 == from && *reason == gap.2 => {
                        *until = gap.1;
                    }
                    _ => gaps.push(gap),
                }
            }
            from = to;
        }
        Ok(totals(&days, &spans, &gaps))
    }
}

fn in_order(start: WallTime, end: WallTime) -> Result<(), RecordError> {
    if start < end {
        return Ok(());
    }
    Err(RecordError::invalid("end", format!("must be later than start ({start}), not {end}")))
}

/// The days of a place that overlap the range, clipped to it.
fn days_of(start: WallTime, end: WallTime, zone: &TimeZone) -> Vec<(Date, WallTime, WallTime)> {
    let mut days = Vec::new();
    let mut from = start;
    while from < end {
        let date = zone.to_datetime(from.to_timestamp()).date();
        let midnight = date
            .tomorrow()
            .ok()
            .and_then(|next| zone.to_ambiguous_timestamp(next.at(0, 0, 0, 0)).compatible().ok())
            .and_then(|t| i64::try_from(t.as_nanosecond()).ok())
            .map(WallTime);
        // A day always ends; should a time zone not say when, the rest is one day.
        let to = midnight.filter(|m| *m > from).unwrap_or(end).min(end);
        days.push((date, from, to));
        from = to;
    }
    days
}

/// Cuts spans and gaps into days.
fn totals(
    days: &[(Date, WallTime, WallTime)],
    spans: &[(WallTime, WallTime)],
    gaps: &[(WallTime, WallTime, GapReason)],
) -> Vec<GapDay> {
    let within = |(from, to): (WallTime, WallTime), (start, end): (WallTime, WallTime)| {
        end.min(to).saturating_since(start.max(from)).as_secs_f64()
    };
    let of_day = |&(date, from, to): &(Date, WallTime, WallTime)| {
        let mut day = GapDay {
            date,
            recorded_s: spans.iter().map(|s| within((from, to), *s)).sum(),
            missing_s: 0.0,
            not_scheduled_s: 0.0,
            count: 0,
            by_reason: BTreeMap::new(),
        };
        for (start, end, reason) in gaps {
            let seconds = within((from, to), (*start, *end));
            if seconds <= 0.0 {
                continue;
            }
            *day.by_reason.entry(reason.as_str()).or_default() += seconds;
            if *reason == GapReason::NotScheduled {
                day.not_scheduled_s += seconds;
            } else {
                day.missing_s += seconds;
                day.count += 1;
            }
        }
        day
    };
    days.iter().map(of_day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> WallTime {
        text.parse().unwrap()
    }

    #[test]
    fn days_are_those_of_the_place_and_not_all_have_24_hours() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let days = days_of(at("2026-10-23T22:00:00Z"), at("2026-10-26T23:00:00Z"), &berlin);
        let shown: Vec<_> = days
            .iter()
            .map(|(d, from, to)| (d.to_string(), to.nanos_since(*from) / 3_600_000_000_000))
            .collect();
        let day = |d: &str, hours| (d.to_owned(), hours);
        assert_eq!(shown, [day("2026-10-24", 24), day("2026-10-25", 25), day("2026-10-26", 24)]);
        let spring = days_of(at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z"), &berlin);
        assert_eq!(spring.len(), 1);
        assert_eq!(spring[0].2.nanos_since(spring[0].1) / 3_600_000_000_000, 23);
    }

    #[test]
    fn a_gap_over_midnight_is_in_both_days_and_quiet_time_is_no_loss() {
        let days = days_of(at("2026-11-18T00:00:00Z"), at("2026-11-20T00:00:00Z"), &TimeZone::UTC);
        let spans = [(at("2026-11-18T00:00:00Z"), at("2026-11-18T23:00:00Z"))];
        let gaps = [
            (at("2026-11-18T23:00:00Z"), at("2026-11-19T01:00:00Z"), GapReason::Restart),
            (at("2026-11-19T01:00:00Z"), at("2026-11-20T01:00:00Z"), GapReason::NotScheduled),
        ];
        let totals = totals(&days, &spans, &gaps);
        assert_eq!((totals[0].recorded_s, totals[0].missing_s, totals[0].count), (82_800.0, 3600.0, 1));
        assert_eq!((totals[1].missing_s, totals[1].not_scheduled_s), (3600.0, 82_800.0));
        assert_eq!(totals[1].count, 1, "quiet time is not counted");
        assert_eq!(totals[1].by_reason["not_scheduled"], 82_800.0);
    }

    #[test]
    fn a_cursor_comes_back_as_it_went_and_anything_else_is_words() {
        let c = GapCursor { start: at("2026-11-18T00:00:00Z"), id: 7 };
        assert_eq!(c.to_string().parse::<GapCursor>().unwrap(), c);
        for bad in ["", ".", "1", "1.x", "x.1", "1.2.3", "99999999999999999999.1"] {
            assert_eq!(bad.parse::<GapCursor>().unwrap_err().field(), Some("cursor"), "{bad}");
        }
    }
}
