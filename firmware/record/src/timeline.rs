//! The timeline of a camera: what is covered, what is missing and why. Pure: catalogue rows in, spans out.
//!
//! **Where a gap's reason comes from.** From the ledger. A hole between two spans without a ledger row can only
//! mean that a record was lost after the fact (the catalogue was rebuilt from the files, a file or a row
//! vanished): it is shown as `damaged`, which claims nothing about the camera. No other reason is ever guessed.
//! Where retention has deleted footage ([`Rows::expired_until`]) holes are not gaps. Before the first and after
//! the last recorded frame only the ledger speaks.

use crate::layout::Origin;
use heron_core::{GapReason, StreamKind, WallTime};

/// Longest range of one timeline request: a quarter's footage and some.
pub const MAX_RANGE_NANOS: i64 = 100 * 86_400 * 1_000_000_000;
/// Most bins of one timeline request: 100 days in bins of five minutes are 28,800, a day in seconds is 86,400;
/// two streams of that are 700 kB in memory.
pub const MAX_BINS: i64 = 90_000;
/// Footage that ends this shortly before another begins is continuous even when its frame rate is unknown.
const MIN_TOUCH_NANOS: i64 = 60_000_000;
/// A camera of less than one frame a second is not believed: joins never bridge more than a second and a half.
const MAX_TOUCH_NANOS: i64 = 1_500_000_000;

/// Whether footage that begins at `next` continues footage that ends at `end` without a hole: within one and a
/// half frames (clock slewing moves it by up to 500 ppm, and the last frame's duration is an estimate).
pub fn touches(end: WallTime, next: WallTime, frame_nanos: i64) -> bool {
    next.nanos_since(end) <= (frame_nanos.saturating_mul(3) / 2).clamp(MIN_TOUCH_NANOS, MAX_TOUCH_NANOS)
}

/// A stretch of recorded footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The stream.
    pub stream: StreamKind,
    /// First frame.
    pub start: WallTime,
    /// End of the last frame.
    pub end: WallTime,
    /// Where it came from; never [`Origin::Copy`], which counts as what it is a copy of.
    pub origin: Origin,
}

/// A stretch without footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineGap {
    /// The stream.
    pub stream: StreamKind,
    /// End of the footage before it, or the range's start.
    pub start: WallTime,
    /// Start of the footage after it, or the range's end, or now.
    pub end: WallTime,
    /// Why.
    pub reason: GapReason,
}

/// The share of each bin that is covered, per stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// Start of the first bin.
    pub start: WallTime,
    /// Width of a bin, nanoseconds.
    pub width_nanos: i64,
    /// For each stream with a catalogue entry, 0 to 1 per bin.
    pub coverage: Vec<(StreamKind, Vec<f32>)>,
}

/// What the timeline of a camera shows between two instants.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Covered spans, main before sub, in order of time, clipped to the range.
    pub spans: Vec<Span>,
    /// Gaps, main before sub, in order of time, clipped to the range.
    pub gaps: Vec<TimelineGap>,
    /// Present when bins were asked for.
    pub bins: Option<Bins>,
}

/// A segment as the timeline sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// First frame.
    pub start: WallTime,
    /// End of the last frame.
    pub end: WallTime,
    /// Typical distance between frames, nanoseconds.
    pub frame_nanos: i64,
    /// Where it came from.
    pub origin: Origin,
}

/// A ledger row as the timeline sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// When the footage ended.
    pub start: WallTime,
    /// When it went on, `None` while it has not.
    pub end: Option<WallTime>,
    /// Why.
    pub reason: GapReason,
}

/// All that is known of one stream in a range.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Segments that overlap the range, in order of start.
    pub covered: Vec<Covered>,
    /// Ledger rows that overlap the range, in order of start.
    pub ledger: Vec<LedgerRow>,
    /// Segments that overlap the range and lie on a volume that is away, in order of start.
    pub away: Vec<Covered>,
    /// Footage before this was deleted by retention.
    pub expired_until: Option<WallTime>,
}

/// Joins segments that touch and clips them to the range. `covered` must be in order of start; segments that
/// overlap (the clock was set back) are joined too.
pub fn join(covered: &[Covered], start: WallTime, end: WallTime) -> Vec<(WallTime, WallTime)> {
    let mut spans: Vec<(WallTime, WallTime)> = Vec::new();
    for c in covered {
        let (from, to) = (c.start.max(start), c.end.min(end));
        if from >= to {
            continue;
        }
        match spans.last_mut() {
            Some(last) if touches(last.1, from, c.frame_nanos) => last.1 = last.1.max(to),
            _ => spans.push((from, to)),
        }
    }
    spans
}

/// A part of `start..end` in order: what `taken` (in order, apart) leaves of it. What is left and shorter than `least_nanos`
/// is not worth a span.
pub fn without(
    (start, end): (WallTime, WallTime),
    taken: &[(WallTime, WallTime)],
    least_nanos: i64,
) -> Vec<(WallTime, WallTime)> {
    let mut out = Vec::new();
    let mut from = start;
    let first = taken.partition_point(|t| t.1 <= start);
    for (taken_from, taken_to) in taken[first..].iter().take_while(|t| t.0 < end) {
        if taken_from.nanos_since(from) > least_nanos {
            out.push((from, *taken_from));
        }
        from = from.max(*taken_to);
    }
    if end.nanos_since(from) > least_nanos {
        out.push((from, end));
    }
    out
}

/// The spans of one stream by where they came from, in order of start, apart or touching.
fn by_origin(covered: &[Covered], start: WallTime, end: WallTime) -> Vec<(WallTime, WallTime, Origin)> {
    if covered.iter().all(|c| c.origin == Origin::Live) {
        let spans = join(covered, start, end).into_iter();
        return spans.map(|(from, to)| (from, to, Origin::Live)).collect();
    }
    let mut out: Vec<(WallTime, WallTime, Origin)> = Vec::new();
    for origins in [&[Origin::Live, Origin::Copy][..], &[Origin::Backfill], &[Origin::Keys]] {
        let of: Vec<Covered> = covered.iter().filter(|c| origins.contains(&c.origin)).copied().collect();
        let taken: Vec<(WallTime, WallTime)> = out.iter().map(|s| (s.0, s.1)).collect();
        for span in join(&of, start, end) {
            let left = without(span, &taken, MIN_TOUCH_NANOS);
            out.extend(left.into_iter().map(|(from, to)| (from, to, origins[0])));
        }
        out.sort_by_key(|s| s.0);
    }
    out
}

/// The gaps of one stream: the ledger's rows clipped to the range and to `now`, and holes between spans that the
/// ledger does not know, as `damaged`.
pub fn gaps(
    rows: &Rows,
    spans: &[(WallTime, WallTime)],
    start: WallTime,
    end: WallTime,
    now: WallTime,
) -> Vec<(WallTime, WallTime, GapReason)> {
    let away: Vec<LedgerRow> = rows
        .away
        .iter()
        .flat_map(|c| without((c.start, c.end), spans, MIN_TOUCH_NANOS))
        .map(|(start, end)| LedgerRow { start, end: Some(end), reason: GapReason::VolumeFailed })
        .collect();
    // What came later fills a hole that the ledger knows.
    let filled: Vec<Covered> = rows.covered.iter().filter(|c| c.origin != Origin::Live).copied().collect();
    let filled = join(&filled, start, end);
    let mut out: Vec<(WallTime, WallTime, GapReason)> = rows
        .ledger
        .iter()
        .chain(&away)
        .filter_map(|row| {
            let (from, to) = (row.start.max(start), row.end.unwrap_or(now.max(row.start)).min(end));
            (from < to).then_some((from, to, row.reason))
        })
        .flat_map(|(from, to, reason)| match filled.is_empty() {
            true => vec![(from, to, reason)],
            false => without((from, to), &filled, MIN_TOUCH_NANOS)
                .into_iter()
                .map(|(f, t)| (f, t, reason))
                .collect(),
        })
        .collect();
    out.sort_by_key(|g| (g.0, g.1));
    let known = out.clone();
    for pair in spans.windows(2) {
        let (mut from, to) = (pair[0].1, pair[1].0);
        for (gap_start, gap_end, _) in known.iter().filter(|g| g.1 > pair[0].1 && g.0 < pair[1].0) {
            push_unless_expired(rows, &mut out, from, *gap_start);
            from = from.max(*gap_end);
        }
        push_unless_expired(rows, &mut out, from, to);
    }
    out.sort_by_key(|g| (g.0, g.1));
    out
}

fn push_unless_expired(
    rows: &Rows,
    out: &mut Vec<(WallTime, WallTime, GapReason)>,
    from: WallTime,
    to: WallTime,
) {
    let from = rows.expired_until.map_or(from, |e| from.max(e));
    // Slivers between a ledger row and the frames around it are rounding, not holes.
    if from < to && !touches(from, to, 0) {
        out.push((from, to, GapReason::Damaged));
    }
}

/// The covered share of each bin.
pub fn coverage(
    spans: &[(WallTime, WallTime)],
    start: WallTime,
    end: WallTime,
    width_nanos: i64,
) -> Vec<f32> {
    let width = width_nanos.max(1);
    let count = (end.nanos_since(start).max(0) as u64).div_ceil(width as u64);
    let mut bins = vec![0f32; usize::try_from(count).unwrap_or(0)];
    for (from, to) in spans {
        let (mut from, to) = ((*from).max(start).nanos_since(start), (*to).min(end).nanos_since(start));
        while from < to {
            let index = from / width;
            let bin_end = (index + 1) * width;
            let upto = to.min(bin_end);
            if let Some(bin) = bins.get_mut(index as usize) {
                // The last bin may be cut short by the range's end.
                let real = width.min(end.nanos_since(start) - index * width).max(1);
                *bin = (*bin + (upto - from) as f32 / real as f32).min(1.0);
            }
            from = upto;
        }
    }
    bins
}

/// Puts the streams of a camera together.
pub fn assemble(
    streams: &[(StreamKind, Rows)],
    start: WallTime,
    end: WallTime,
    bin_nanos: Option<i64>,
    now: WallTime,
) -> Timeline {
    let mut timeline = Timeline { spans: Vec::new(), gaps: Vec::new(), bins: None };
    let mut bins = bin_nanos.map(|width_nanos| Bins { start, width_nanos, coverage: Vec::new() });
    for (stream, rows) in streams {
        let spans = join(&rows.covered, start, end);
        let missing = gaps(rows, &spans, start, end, now);
        if let Some(bins) = &mut bins {
            bins.coverage.push((*stream, coverage(&spans, start, end, bins.width_nanos)));
        }
        let stream = *stream;
        let spans = by_origin(&rows.covered, start, end).into_iter();
        timeline.spans.extend(spans.map(|(start, end, origin)| Span { stream, start, end, origin }));
        timeline.gaps.extend(missing.into_iter().map(|(start, end, reason)| TimelineGap {
            stream,
            start,
            end,
            reason,
        }));
    }
    timeline.bins = bins;
    timeline
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: i64 = 40_000_000;

    fn at(seconds: f64) -> WallTime {
        WallTime((seconds * 1e9).round() as i64)
    }
    fn covered(start: f64, end: f64) -> Covered {
        Covered { start: at(start), end: at(end), frame_nanos: FRAME, origin: Origin::Live }
    }
    fn ledger(start: f64, end: Option<f64>, reason: GapReason) -> LedgerRow {
        LedgerRow { start: at(start), end: end.map(at), reason }
    }

    #[test]
    fn segments_that_touch_are_one_span() {
        let c = [covered(0.0, 60.0), covered(60.05, 120.0), covered(120.2, 180.0)];
        assert_eq!(
            join(&c, at(10.0), at(170.0)),
            [(at(10.0), at(120.0)), (at(120.2), at(170.0))],
            "0.05 s is one and a quarter frames, 0.2 s is five"
        );
    }

    #[test]
    fn footage_that_overlaps_because_the_clock_was_set_back_is_one_span() {
        let c = [covered(0.0, 60.0), covered(10.0, 30.0), covered(50.0, 90.0)];
        assert_eq!(join(&c, at(0.0), at(100.0)), [(at(0.0), at(90.0))]);
    }

    #[test]
    fn the_ledger_gives_the_reason_and_nothing_is_guessed() {
        let rows = Rows {
            covered: vec![covered(0.0, 60.0), covered(100.0, 160.0), covered(200.0, 260.0)],
            ledger: vec![
                ledger(60.0, Some(90.0), GapReason::CameraUnreachable),
                ledger(90.0, Some(100.0), GapReason::Restart),
                ledger(260.0, None, GapReason::Disabled),
            ],
            ..Rows::default()
        };
        let spans = join(&rows.covered, at(0.0), at(1000.0));
        assert_eq!(
            gaps(&rows, &spans, at(0.0), at(1000.0), at(300.0)),
            [
                (at(60.0), at(90.0), GapReason::CameraUnreachable),
                (at(90.0), at(100.0), GapReason::Restart),
                (at(160.0), at(200.0), GapReason::Damaged),
                (at(260.0), at(300.0), GapReason::Disabled),
            ]
        );
    }

    #[test]
    fn what_retention_deleted_is_not_a_gap() {
        let rows = Rows {
            covered: vec![covered(0.0, 60.0), covered(600.0, 660.0), covered(700.0, 760.0)],
            expired_until: Some(at(600.0)),
            ..Rows::default()
        };
        let spans = join(&rows.covered, at(0.0), at(1000.0));
        assert_eq!(
            gaps(&rows, &spans, at(0.0), at(1000.0), at(900.0)),
            [(at(660.0), at(700.0), GapReason::Damaged)]
        );
    }

    fn of(origin: Origin, start: f64, end: f64) -> Covered {
        Covered { origin, ..covered(start, end) }
    }

    #[test]
    fn a_copy_is_never_shown_beside_its_original_and_fills_where_that_is_away() {
        let rows = Rows {
            covered: vec![
                covered(0.0, 60.0),
                of(Origin::Copy, 0.0, 60.0),
                of(Origin::Copy, 60.0, 120.0),
                covered(120.0, 180.0),
            ],
            away: vec![covered(60.0, 120.0), covered(180.0, 240.0)],
            ..Rows::default()
        };
        let timeline =
            assemble(&[(StreamKind::Main, rows)], at(0.0), at(300.0), Some(60_000_000_000), at(300.0));
        let spans: Vec<_> = timeline.spans.iter().map(|s| (s.start, s.end, s.origin)).collect();
        assert_eq!(spans, [(at(0.0), at(180.0), Origin::Live)]);
        let gaps: Vec<_> = timeline.gaps.iter().map(|g| (g.start, g.end, g.reason)).collect();
        assert_eq!(
            gaps,
            [(at(180.0), at(240.0), GapReason::VolumeFailed)],
            "what the copy shows is not missing"
        );
        assert_eq!(timeline.bins.unwrap().coverage[0].1, [1.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn what_was_fetched_later_fills_a_gap_and_says_so() {
        let rows = Rows {
            covered: vec![
                of(Origin::Keys, 0.0, 60.0),
                covered(60.0, 120.0),
                of(Origin::Backfill, 110.0, 170.0),
                covered(200.0, 260.0),
            ],
            ledger: vec![ledger(120.0, Some(200.0), GapReason::CameraUnreachable)],
            ..Rows::default()
        };
        let timeline = assemble(&[(StreamKind::Main, rows)], at(0.0), at(300.0), None, at(300.0));
        let spans: Vec<_> = timeline.spans.iter().map(|s| (s.start, s.end, s.origin)).collect();
        assert_eq!(
            spans,
            [
                (at(0.0), at(60.0), Origin::Keys),
                (at(60.0), at(120.0), Origin::Live),
                (at(120.0), at(170.0), Origin::Backfill),
                (at(200.0), at(260.0), Origin::Live),
            ]
        );
        let gaps: Vec<_> = timeline.gaps.iter().map(|g| (g.start, g.end, g.reason)).collect();
        assert_eq!(gaps, [(at(170.0), at(200.0), GapReason::CameraUnreachable)]);
    }

    #[test]
    fn bins_hold_the_covered_share() {
        let spans = [(at(5.0), at(20.0)), (at(25.0), at(34.0))];
        assert_eq!(coverage(&spans, at(0.0), at(34.0), 10_000_000_000), [0.5, 1.0, 0.5, 1.0]);
    }

    proptest! {
        /// Spans are in order, apart, inside the range; every bin is between 0 and 1; and the covered time of
        /// the bins is the covered time of the spans.
        #[test]
        fn spans_are_sound(
            mut segs in proptest::collection::vec((0i64..2_000, 1i64..200), 0..40),
            from in 0i64..1_000, len in 1i64..1_500, width in 1i64..400,
        ) {
            segs.sort_unstable();
            let covered: Vec<Covered> = segs.iter()
                .map(|(s, l)| Covered { start: at(*s as f64), end: at((s + l) as f64), frame_nanos: FRAME, origin: Origin::Live })
                .collect();
            let (start, end) = (at(from as f64), at((from + len) as f64));
            let spans = join(&covered, start, end);
            prop_assert!(spans.iter().all(|s| s.0 < s.1 && s.0 >= start && s.1 <= end));
            prop_assert!(spans.windows(2).all(|p| p[0].1 < p[1].0));
            let bins = coverage(&spans, start, end, width * 1_000_000_000);
            prop_assert!(bins.iter().all(|b| (0.0..=1.0).contains(b)));
            let whole = bins.len().saturating_sub(1);
            let last = len - whole as i64 * width;
            let sum: f64 = bins.iter().take(whole).map(|b| f64::from(*b) * width as f64).sum::<f64>()
                + bins.last().map_or(0.0, |b| f64::from(*b) * last as f64);
            let want: f64 = spans.iter().map(|s| s.1.nanos_since(s.0) as f64 / 1e9).sum();
            prop_assert!((sum - want).abs() < 0.01 * (1.0 + want), "{sum} {want}");
            let missing = gaps(&Rows { covered, ..Rows::default() }, &spans, start, end, end);
            prop_assert!(missing.iter().all(|g| g.0 < g.1 && g.2 == GapReason::Damaged));
        }

        /// Whatever comes from wherever: spans are in order and apart, of copies there is no word, and what is covered at
        /// all is covered in the spans.
        #[test]
        fn origins_never_overlap(
            mut segs in proptest::collection::vec((0i64..2_000, 1i64..200, 0usize..4), 0..30),
            from in 0i64..1_000, len in 1i64..1_500,
        ) {
            segs.sort_unstable();
            let covered: Vec<Covered> = segs.iter()
                .map(|(s, l, o)| of(Origin::ALL[*o], *s as f64, (s + l) as f64))
                .collect();
            let (start, end) = (at(from as f64), at((from + len) as f64));
            let spans = by_origin(&covered, start, end);
            prop_assert!(spans.iter().all(|s| s.0 < s.1 && s.0 >= start && s.1 <= end && s.2 != Origin::Copy));
            prop_assert!(spans.windows(2).all(|p| p[0].1 <= p[1].0));
            let sum = |all: &mut dyn Iterator<Item = (WallTime, WallTime)>| all.map(|s| s.1.nanos_since(s.0)).sum::<i64>();
            let all = sum(&mut join(&covered, start, end).into_iter());
            prop_assert_eq!(sum(&mut spans.iter().map(|s| (s.0, s.1))), all);
        }
    }
}
