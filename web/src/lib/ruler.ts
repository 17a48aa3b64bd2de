/** Which lines and labels a time ruler has. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Distances between labels that people count in. */
const STEPS = [
  1000,
  2000,
  5000,
  10_000,
  15_000,
  30_000,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
];

export interface Tick {
  wall: number;
  /** Has a label. */
  major: boolean;
}

/** The label distance at which labels are at least `labelPx` apart. */
export function rulerStep(msPerPx: number, labelPx: number): number {
  return STEPS.find((step) => step / msPerPx >= labelPx) ?? 6 * HOUR;
}

/**
 * Ticks between two instants, counted from `day` (midnight at the place), so that labels stand on whole hours there.
 */
export function ticks(start: number, end: number, day: number, msPerPx: number, labelPx: number): Tick[] {
  const step = rulerStep(msPerPx, labelPx);
  const minor = step % 3 === 0 && step !== 3 * HOUR ? step / 3 : step % 5 === 0 ? step / 5 : step / 2;
  const out: Tick[] = [];
  for (let wall = day + Math.ceil((start - day) / minor) * minor; wall <= end; wall += minor)
    out.push({ wall, major: Math.abs((wall - day) % step) < 1 });
  return out;
}

export interface View {
  start: number;
  end: number;
}

/** Shortest view: a minute across the screen. */
export const SHORTEST_MS = MINUTE;

/** A view moved and cut so that it lies within the bounds, as long as before where that is possible. */
export function within(view: View, bounds: View): View {
  const length = Math.min(Math.max(view.end - view.start, SHORTEST_MS), bounds.end - bounds.start);
  const start = Math.min(Math.max(view.start, bounds.start), bounds.end - length);
  return { start, end: start + length };
}

/** A view zoomed by `factor` (below 1: nearer) around an instant that stays where it is. */
export function zoomed(view: View, around: number, factor: number, bounds: View): View {
  const length = Math.min(Math.max((view.end - view.start) * factor, SHORTEST_MS), bounds.end - bounds.start);
  const share = (around - view.start) / (view.end - view.start);
  const start = around - share * length;
  return within({ start, end: start + length }, bounds);
}
