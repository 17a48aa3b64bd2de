/** What is missing, by day: sums, and a calendar of months. */

import type { GapDay } from '../api/types-recorder.ts';
import { shiftDay } from './zoned.ts';

/** The reason that is a plan and not a fault. */
export const NOT_SCHEDULED = 'not_scheduled';

export interface GapTotals {
  recorded: number;
  missing: number;
  notScheduled: number;
  /** Gaps that are faults. */
  count: number;
  /** Seconds by reason, the largest first; the plan's own pauses are not among them. */
  reasons: { reason: string; seconds: number }[];
}

/** The sums of some days, in seconds. */
export function totalsOf(days: readonly GapDay[]): GapTotals {
  const reasons = new Map<string, number>();
  const totals: GapTotals = { recorded: 0, missing: 0, notScheduled: 0, count: 0, reasons: [] };
  for (const day of days) {
    totals.recorded += day.recorded_s;
    totals.missing += day.missing_s;
    totals.notScheduled += day.not_scheduled_s;
    totals.count += day.count;
    for (const [reason, seconds] of Object.entries(day.by_reason))
      if (reason !== NOT_SCHEDULED) reasons.set(reason, (reasons.get(reason) ?? 0) + seconds);
  }
  totals.reasons = [...reasons]
    .map(([reason, seconds]) => ({ reason, seconds }))
    .filter((one) => one.seconds > 0)
    .toSorted((a, b) => b.seconds - a.seconds);
  return totals;
}

export type DayMark = 'none' | 'whole' | 'scheduled' | 'little' | 'much' | 'lost';

/** A minute or less is a little; more than an hour, or most of the day, is a day lost. */
const LITTLE_S = 60;
const LOST_S = 3600;

/** How a day is marked in the calendar. */
export function markOf(day: GapDay | undefined): DayMark {
  if (!day || day.recorded_s + day.missing_s + day.not_scheduled_s < 1) return 'none';
  if (day.missing_s < 1) return day.recorded_s < 1 ? 'scheduled' : 'whole';
  if (day.missing_s <= LITTLE_S) return 'little';
  return day.missing_s > LOST_S || day.missing_s > day.recorded_s ? 'lost' : 'much';
}

/** `2026-11` of `2026-11-20`. */
export const monthOf = (date: string): string => date.slice(0, 7);

/** The month so many months later (or earlier). */
export function shiftMonth(month: string, by: number): string {
  const [year, number] = month.split('-').map(Number);
  const whole = year! * 12 + number! - 1 + by;
  return `${Math.floor(whole / 12)}-${String((whole % 12) + 1).padStart(2, '0')}`;
}

/** The days of a month in weeks that begin on Monday; null where the week belongs to another month. */
export function weeksOf(month: string): (string | null)[][] {
  const first = `${month}-01`;
  const lead = (new Date(`${first}T00:00:00Z`).getUTCDay() + 6) % 7;
  const cells: (string | null)[] = Array.from({ length: lead }, () => null);
  for (let day = first; monthOf(day) === month; day = shiftDay(day, 1)) cells.push(day);
  while (cells.length % 7 !== 0) cells.push(null);
  const weeks: (string | null)[][] = [];
  for (let at = 0; at < cells.length; at += 7) weeks.push(cells.slice(at, at + 7));
  return weeks;
}
