/** A recording plan as sentences. */

import type { EffectiveSettings, RecordMode, RecordPlan, Schedule } from '../api/types-recorder.ts';
import type { Translator } from '../i18n/index.ts';
import { clockOf, DAY_MINUTES, dayRuns, saidTimes, weekOf } from './schedule.ts';

/** 5 January 1970 was a Monday. */
const MONDAY_MS = 4 * 86_400_000;

/** `Mon`, `seg.`, `lun`: day 0 is Monday. */
export function dayName(day: number, language: string, length: 'short' | 'long' = 'short'): string {
  return new Intl.DateTimeFormat(language, { weekday: length, timeZone: 'UTC' }).format(MONDAY_MS + day * 86_400_000);
}

/** `Mon–Fri, Sun`. */
export function daysWords(t: Translator, days: readonly number[], language: string): string {
  if (days.length === 7) return t('plan.everyDay');
  return dayRuns(days)
    .map((run) =>
      run.length > 1 ? `${dayName(run[0]!, language)}–${dayName(run.at(-1)!, language)}` : dayName(run[0]!, language),
    )
    .join(', ');
}

function timeWords(t: Translator, from: number, to: number): string {
  if (from === 0 && to === DAY_MINUTES) return t('plan.wholeDay');
  return `${clockOf(from)}–${clockOf(to)}`;
}

/** What a schedule says, one sentence for each of its times, holidays and the rest. */
export function scheduleWords(t: Translator, schedule: Schedule, language: string): string[] {
  const said = saidTimes(weekOf(schedule));
  const lines = said.map((one) =>
    t('plan.line', {
      when: `${daysWords(t, one.days, language)} ${timeWords(t, one.from, one.to)}`,
      what: t(`plan.lower.${one.mode}`),
    }),
  );
  const painted = said.reduce((sum, one) => sum + (one.to - one.from) * one.days.length, 0);
  if (painted < 7 * DAY_MINUTES)
    lines.push(
      said.length === 0
        ? t('plan.line', { when: t('plan.always'), what: t(`plan.lower.${schedule.otherwise}`) })
        : t('plan.otherwise', { what: t(`plan.lower.${schedule.otherwise}`) }),
    );
  const date = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
  for (const holiday of schedule.holidays.toSorted((a, b) => a.date.localeCompare(b.date))) {
    const day = Date.parse(`${holiday.date}T00:00:00Z`);
    if (!Number.isNaN(day))
      lines.push(t('plan.line', { when: date.format(day), what: t(`plan.lower.${holiday.mode}`) }));
  }
  return lines;
}

const usesRolls = (mode: RecordMode, schedule: Schedule | null | undefined): boolean =>
  mode === 'motion' ||
  mode === 'event' ||
  (mode === 'schedule' &&
    [schedule?.otherwise, ...(schedule?.week ?? []), ...(schedule?.holidays ?? [])].some((one) => {
      const said = typeof one === 'string' ? one : one?.mode;
      return said === 'motion' || said === 'event';
    }));

/** A plan in which nothing is left to the settings. */
export interface WholePlan extends RecordPlan {
  mode: RecordMode;
  pre_roll_s: number;
  post_roll_s: number;
}

const ROLL_S = 10;

/** The plan with what it leaves open taken from the settings that hold for the camera. */
export function wholePlan(plan: RecordPlan, settings: EffectiveSettings | undefined): WholePlan {
  const value = (key: string): unknown => settings?.values[key]?.value;
  const seconds = (own: number | null | undefined, key: string): number => {
    const set = value(key);
    return own ?? (typeof set === 'number' ? set : ROLL_S);
  };
  return {
    ...plan,
    mode: plan.mode ?? (value('recording.mode') as RecordMode | undefined) ?? 'continuous',
    pre_roll_s: seconds(plan.pre_roll_s, 'recording.pre_roll_s'),
    post_roll_s: seconds(plan.post_roll_s, 'recording.post_roll_s'),
  };
}

/** What the camera itself says of its plan: what is as the settings say is null. */
export function ownPlan(plan: RecordPlan): RecordPlan {
  const { inherited = [], ...own } = plan;
  const given = <T>(name: string, value: T): T | null => (inherited.includes(name) ? null : value);
  return {
    ...own,
    mode: given('mode', own.mode),
    pre_roll_s: given('pre_roll_s', own.pre_roll_s ?? null),
    post_roll_s: given('post_roll_s', own.post_roll_s ?? null),
  };
}

/** The plan of a camera, in sentences. */
export function planWords(t: Translator, plan: WholePlan, language: string): string[] {
  const lines =
    plan.mode === 'schedule'
      ? plan.schedule
        ? scheduleWords(t, plan.schedule, language)
        : [t('plan.noSchedule')]
      : [t(`plan.upper.${plan.mode}`)];
  if (usesRolls(plan.mode, plan.schedule))
    lines.push(t('plan.rolls', { pre: plan.pre_roll_s, post: plan.post_roll_s }));
  if (!plan.sub) lines.push(t('plan.subNot'));
  else if (plan.sub_mode && plan.sub_mode !== plan.mode)
    lines.push(t('plan.sub', { what: t(`plan.lower.${plan.sub_mode}`) }));
  return lines;
}
