/** A stretch of the timeline that somebody has chosen. */

import type { Stretch } from '../media/coverage.ts';

/** Shorter is a slip of the finger. */
export const SHORTEST_RANGE_MS = 1000;
const FIRST_BEFORE_MS = 30_000;
const FIRST_AFTER_MS = 30_000;
/** The box answers for one hour at a time. */
export const EVIDENCE_MS = 3_600_000;

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(value, high));

/** A minute around an instant, within the bounds. */
export function rangeAround(at: number, bounds: Stretch): Stretch {
  const end = clamp(at + FIRST_AFTER_MS, bounds.start + SHORTEST_RANGE_MS, bounds.end);
  const start = clamp(Math.min(at - FIRST_BEFORE_MS, end - FIRST_BEFORE_MS), bounds.start, end - SHORTEST_RANGE_MS);
  return { start, end };
}

/** The range with one of its ends put somewhere; an end that passes the other pushes it. */
export function movedEdge(range: Stretch, edge: 'start' | 'end', to: number, bounds: Stretch): Stretch {
  if (edge === 'start') {
    const start = clamp(to, bounds.start, bounds.end - SHORTEST_RANGE_MS);
    return { start, end: Math.max(range.end, start + SHORTEST_RANGE_MS) };
  }
  const end = clamp(to, bounds.start + SHORTEST_RANGE_MS, bounds.end);
  return { start: Math.min(range.start, end - SHORTEST_RANGE_MS), end };
}

/** The stretch that is proven: the chosen one, else what the timeline shows; at most an hour of it, around `at`. */
export function evidenceRange(chosen: Stretch | null, view: Stretch, at: number, now: number): Stretch {
  const wide = chosen ?? view;
  const end = Math.min(wide.end, now);
  const start = Math.min(wide.start, end - SHORTEST_RANGE_MS);
  if (end - start <= EVIDENCE_MS) return { start, end };
  const middle = chosen ? start + EVIDENCE_MS / 2 : clamp(at, start + EVIDENCE_MS / 2, end - EVIDENCE_MS / 2);
  return { start: middle - EVIDENCE_MS / 2, end: middle + EVIDENCE_MS / 2 };
}
