//! Several segments of one stream: whether one follows the other, and why there are holes between them.

use crate::digest::Digest;
use crate::head::{Ending, Statement};
use crate::lines::Previous;
use crate::opening::Source;
use crate::report::{Gap, SegmentReport};
use heron_core::WallTime;
use std::collections::HashMap;

/// A hole between two segments up to this long needs no reason: half a second is what the recorder itself passes over.
const SEAM_NANOS: i64 = 500_000_000;
/// The ledger's edges may lie this far from the footage's.
const EDGE_NANOS: i64 = 1_000_000_000;

/// A place where segments are missing that the box recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// End of the footage before it.
    pub start: WallTime,
    /// Start of the footage after it.
    pub end: WallTime,
    /// How many segments are missing, when the box counted them.
    pub segments: Option<u64>,
    /// The last one that is missing: its first instant and its end.
    pub last: (WallTime, WallTime),
}

/// What was found between segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Holes: inside segments and between them. One without a reason was not declared by the box.
    pub gaps: Vec<Gap>,
    /// Missing segments.
    pub cuts: Vec<Cut>,
    /// Where two segments follow one another in time, but nothing signed says that nothing was between them: end of one,
    /// start of the next.
    pub unlinked: Vec<(WallTime, WallTime)>,
    /// What the first segment says came before it, when that is not here: retention takes the oldest first, so this alone
    /// is no cut.
    pub before: Option<Previous>,
}

/// A segment in the line of what was recorded live.
struct Link<'a> {
    report: &'a SegmentReport,
    start: WallTime,
    end: WallTime,
    /// Heads for which it stands: its own, or that of what it was made from.
    heads: [Option<Digest>; 2],
    number: u64,
}

/// Compares the segments of one stream, in any order. Copies count once; footage fetched afterwards stands for itself.
pub fn sequence<'a>(segments: impl IntoIterator<Item = &'a SegmentReport>) -> Sequence {
    let mut links: Vec<Link<'a>> = segments.into_iter().filter_map(Link::of).collect();
    links.sort_by_key(|l| (l.start, l.number, l.report.first));
    links.dedup_by(|b, a| a.heads[0].is_some() && a.heads == b.heads && a.report.first == b.report.first);
    let by_head: HashMap<Digest, u64> =
        links.iter().flat_map(|l| l.heads.into_iter().flatten().map(|h| (h, l.number))).collect();
    let mut out = Sequence::default();
    let mut before: Option<&Link<'_>> = None;
    for link in &links {
        out.gaps.extend(link.report.holes.iter().copied());
        let opening = link.report.opening.as_ref();
        // A part of a segment that does not begin with its beginning says nothing of what was before.
        if let Some(opening) = opening.filter(|_| link.report.first == 1) {
            let named = opening.previous;
            match (before, named) {
                (None, named) => out.before = named,
                (Some(last), Some(named)) if last.heads.contains(&Some(named.head)) => {}
                // The clock was set back: what was recorded before lies after it in time.
                (Some(_), Some(named)) if by_head.contains_key(&named.head) => {}
                // A power cut took the head that it names; the box itself sealed what was left.
                (Some(last), Some(named))
                    if named.number == last.number
                        && named.start == last.start
                        && last.report.ending() == Some(Ending::Recovered) => {}
                (Some(last), Some(named)) => out.cuts.push(Cut {
                    start: last.end,
                    end: link.start,
                    segments: opening.number.checked_sub(last.number + 1).filter(|n| *n > 0),
                    last: (named.start, named.end),
                }),
                (Some(last), None) => out.unlinked.push((last.end, link.start)),
            }
            let from = before.map(|l| l.end).or(named.map(|p| p.end));
            if before.is_some() {
                holes(&mut out, from, link);
            }
        }
        before = Some(link);
    }
    out.gaps.sort_by_key(|g| (g.start, g.end));
    out
}

impl<'a> Link<'a> {
    fn of(report: &'a SegmentReport) -> Option<Self> {
        let opening = report.opening.as_ref().filter(|o| o.source != Source::Backfill)?;
        let start = report.start.unwrap_or(opening.start);
        Some(Self {
            report,
            start,
            end: report.end.unwrap_or(start),
            heads: [report.statement.as_ref().map(Statement::id), opening.made_from],
            number: opening.number,
        })
    }
}

/// The hole before `link`: the parts that the box declared, and what is left.
fn holes(out: &mut Sequence, from: Option<WallTime>, link: &Link<'_>) {
    let Some(from) = from.filter(|f| link.start.nanos_since(*f) > SEAM_NANOS) else { return };
    if out.cuts.last().is_some_and(|c| c.end == link.start) {
        // What is missing there was recorded: it is no gap. What the box declared of it, it still is.
        let declared = link.report.opening.iter().flat_map(|o| &o.gaps);
        out.gaps.extend(declared.map(|g| Gap { start: g.start, end: g.end, reason: Some(g.reason) }));
        return;
    }
    let mut at = from;
    let mut declared: Vec<_> = link.report.opening.iter().flat_map(|o| &o.gaps).collect();
    declared.sort_by_key(|g| g.start);
    for gap in declared.into_iter().filter(|g| g.end > from && g.start < link.start) {
        if gap.start.nanos_since(at) > EDGE_NANOS {
            out.gaps.push(Gap { start: at, end: gap.start, reason: None });
        }
        out.gaps.push(Gap { start: gap.start, end: gap.end, reason: Some(gap.reason) });
        at = at.max(gap.end);
    }
    if link.start.nanos_since(at) > EDGE_NANOS {
        out.gaps.push(Gap { start: at, end: link.start, reason: None });
    }
}
