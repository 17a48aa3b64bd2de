/** Settings of retention while somebody plays with them. */

import type { SettingValues } from '../api/types-recorder.ts';

/** Days a slider stops at: fine where people think in days, coarse where they think in months. */
export const DAY_STOPS = [0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365, 730] as const;

/** The stop nearest to a number of days. */
export function stopOf(days: number): number {
  let best = 0;
  for (const [index, stop] of DAY_STOPS.entries())
    if (Math.abs(stop - days) < Math.abs(DAY_STOPS[best]! - days)) best = index;
  // Only "none" is none: a number of its own never looks like it.
  return days > 0 ? Math.max(1, best) : 0;
}

/** What was changed, for the planner to work out: a value, or null for "as the wider scope". */
export function changesOf(own: SettingValues, draft: SettingValues): SettingValues {
  const changes: SettingValues = {};
  for (const key of new Set([...Object.keys(own), ...Object.keys(draft)])) {
    const [before, after] = [own[key] ?? null, draft[key] ?? null];
    if (JSON.stringify(before) !== JSON.stringify(after)) changes[key] = after;
  }
  return changes;
}

/** All that is to be set at the scope: what is there with the changes made; what is null is left out. */
export function mergedValues(own: SettingValues, changes: SettingValues): SettingValues {
  return Object.fromEntries(
    Object.entries({ ...own, ...changes }).filter(([, value]) => value !== null && value !== undefined),
  );
}

/** What holds where a scope says nothing: the nearest wider scope that does (`chain` widest first), else the default. */
export function inherited(chain: readonly SettingValues[], key: string, fallback: unknown): unknown {
  for (const values of chain.toReversed()) if (values[key] !== undefined && values[key] !== null) return values[key];
  return fallback;
}

/** Days with one digit where that says something. */
export const roundDays = (days: number): number => (days < 10 ? Math.round(days * 10) / 10 : Math.round(days));

export interface Shares {
  footage: number;
  locked: number;
  others: number;
  free: number;
  reserve: number;
}

/**
 * How a disk is shared out, as parts of 1 that add up to 1. What is kept free lies within what is free; locked footage
 * within the footage.
 */
export function sharesOf(volume: {
  total_bytes: number;
  free_bytes: number;
  recordings_bytes: number;
  reserve_bytes: number;
  locked_bytes?: number;
}): Shares {
  const total = Math.max(1, volume.total_bytes);
  const part = (bytes: number, most: number): number => Math.max(0, Math.min(most, bytes / total));
  const recordings = part(volume.recordings_bytes, 1);
  const locked = part(volume.locked_bytes ?? 0, recordings);
  const free = part(volume.free_bytes, 1 - recordings);
  const reserve = part(volume.reserve_bytes, free);
  return {
    footage: recordings - locked,
    locked,
    others: Math.max(0, 1 - recordings - free),
    free: free - reserve,
    reserve,
  };
}
