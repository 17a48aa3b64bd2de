/**
 * A week's recording plan, between what travels and what is painted. Here a day is a list of spans in minutes since
 * midnight, in order and without overlap; what no span covers is left to `otherwise`.
 */

import type { Schedule, ScheduleEntry, SpanMode, Weekday } from '../api/types-recorder.ts';

export const WEEKDAYS: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
export const DAY_MINUTES = 1440;

export interface DaySpan {
  /** Minutes since midnight; `from` < `to` ≤ 1440. */
  from: number;
  to: number;
  mode: SpanMode;
}

/** Seven days, Monday first. */
export type Week = readonly (readonly DaySpan[])[];

export const emptyWeek = (): Week => WEEKDAYS.map(() => []);

/** `480` of `08:00`, `1440` of `24:00`; NaN of what is no time. */
export function minutesOf(text: string): number {
  const match = /^(\d{1,2}):(\d{2})(?::\d{2})?$/.exec(text);
  const minutes = match ? Number(match[1]) * 60 + Number(match[2]) : Number.NaN;
  return minutes <= DAY_MINUTES && Number(match?.[2]) < 60 ? minutes : Number.NaN;
}

/** `08:00` of `480`, `24:00` of `1440`; beyond it the clock of the next day. */
export function clockOf(minutes: number): string {
  const shown = minutes > DAY_MINUTES ? minutes - DAY_MINUTES : minutes;
  return `${String(Math.floor(shown / 60)).padStart(2, '0')}:${String(shown % 60).padStart(2, '0')}`;
}

/** A day with a stretch of it painted; `null` takes the paint away. Neighbours of one mode are joined. */
function paintedDay(day: readonly DaySpan[], from: number, to: number, mode: SpanMode | null): DaySpan[] {
  const kept: DaySpan[] = [];
  for (const span of day) {
    if (span.from < from) kept.push({ ...span, to: Math.min(span.to, from) });
    if (span.to > to) kept.push({ ...span, from: Math.max(span.from, to) });
  }
  if (mode !== null && to > from) kept.push({ from, to, mode });
  const out: DaySpan[] = [];
  for (const span of kept.toSorted((a, b) => a.from - b.from)) {
    const last = out.at(-1);
    if (last && last.to === span.from && last.mode === span.mode) last.to = span.to;
    else out.push({ ...span });
  }
  return out;
}

/** The week with `from` to `to` of one day painted. */
export function paint(week: Week, day: number, from: number, to: number, mode: SpanMode | null): Week {
  const [low, high] = [Math.max(0, Math.min(from, to)), Math.min(DAY_MINUTES, Math.max(from, to))];
  return week.map((spans, index) => (index === day ? paintedDay(spans, low, high, mode) : spans));
}

/** The week with a time painted on several days; a time that ends before it begins goes on into the next morning. */
export function paintTimes(week: Week, days: readonly number[], from: number, to: number, mode: SpanMode | null): Week {
  let out = week;
  for (const day of days) {
    if (to > from) out = paint(out, day, from, to, mode);
    else {
      out = paint(out, day, from, DAY_MINUTES, mode);
      if (to > 0) out = paint(out, (day + 1) % 7, 0, to, mode);
    }
  }
  return out;
}

/** The mode painted at a minute of a day; null where there is none. */
export function modeAt(week: Week, day: number, minute: number): SpanMode | null {
  return week[day]?.find((span) => minute >= span.from && minute < span.to)?.mode ?? null;
}

/** The week that a schedule describes. The box lets no entries overlap; if some did, the first would hold. */
export function weekOf(schedule: Schedule | null | undefined): Week {
  let week = emptyWeek();
  for (const entry of (schedule?.week ?? []).toReversed()) {
    const [from, to] = [minutesOf(entry.from), minutesOf(entry.to)];
    if (Number.isNaN(from) || Number.isNaN(to)) continue;
    const days = entry.days.map((day) => WEEKDAYS.indexOf(day)).filter((day) => day >= 0);
    week = paintTimes(week, days, from, to, entry.mode);
  }
  return week;
}

/** What travels: one entry for each time and mode, with the days that have it; nothing goes over midnight. */
export function entriesOf(week: Week): ScheduleEntry[] {
  const entries = new Map<string, ScheduleEntry>();
  for (const [index, spans] of week.entries())
    for (const span of spans) {
      const key = `${String(span.from).padStart(4, '0')}-${span.to}-${span.mode}`;
      const entry = entries.get(key) ?? { days: [], from: clockOf(span.from), to: clockOf(span.to), mode: span.mode };
      entry.days.push(WEEKDAYS[index]!);
      entries.set(key, entry);
    }
  return [...entries.entries()].toSorted(([a], [b]) => a.localeCompare(b)).map(([, entry]) => entry);
}

/** Spans as people say them: one that ends at midnight and goes on in the morning is one, told where it begins. */
function overNight(week: Week): DaySpan[][] {
  const days = week.map((spans) => spans.map((span) => ({ ...span })));
  // A week of whole days has no evening to tell of.
  if (days.every((spans) => spans.length === 1 && spans[0]!.to - spans[0]!.from === DAY_MINUTES)) return days;
  for (const [index, spans] of days.entries()) {
    const next = days[(index + 1) % 7]!;
    const evening = spans.at(-1);
    const morning = next[0];
    if (!evening || !morning || evening === morning) continue;
    const joins = evening.to === DAY_MINUTES && evening.from > 0 && morning.from === 0 && morning.mode === evening.mode;
    if (!joins || morning.to === DAY_MINUTES || morning.to > evening.from) continue;
    evening.to = DAY_MINUTES + morning.to;
    next.shift();
  }
  return days;
}

export interface SaidTime extends DaySpan {
  /** Days, 0 is Monday. `to` above 1440 is in the morning after. */
  days: number[];
}

/** The week as a short list to be said: each time once, with all its days. */
export function saidTimes(week: Week): SaidTime[] {
  const said: SaidTime[] = [];
  for (const [day, spans] of overNight(week).entries())
    for (const span of spans) {
      const same = said.find((one) => one.from === span.from && one.to === span.to && one.mode === span.mode);
      if (same) same.days.push(day);
      else said.push({ ...span, days: [day] });
    }
  return said.toSorted((a, b) => a.days[0]! - b.days[0]! || a.from - b.from);
}

/** Days in runs: `[0,1,2,3,4]` and `[6]`. A run of two is two runs: it is said as two days. */
export function dayRuns(days: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const day of days.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last.at(-1) === day - 1) last.push(day);
    else runs.push([day]);
  }
  return runs.flatMap((run) => (run.length === 2 ? run.map((day) => [day]) : [run]));
}

/** The first thing that is wrong with a schedule, or null. */
export function flawOf(schedule: Schedule): 'holiday-twice' | 'holiday-date' | null {
  const dates = schedule.holidays.map((holiday) => holiday.date);
  if (dates.some((date) => !/^\d{4}-\d{2}-\d{2}$/.test(date))) return 'holiday-date';
  return new Set(dates).size === dates.length ? null : 'holiday-twice';
}
