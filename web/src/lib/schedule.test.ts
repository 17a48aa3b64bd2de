import { describe, expect, it } from 'vitest';
import type { Schedule } from '../api/types-recorder.ts';
import en from '../i18n/en.ts';
import ptBR from '../i18n/pt-BR.ts';
import { translator } from '../i18n/index.ts';
import { ownPlan, planWords, scheduleWords, wholePlan, type WholePlan } from './plan-words.ts';
import {
  clockOf,
  dayRuns,
  emptyWeek,
  entriesOf,
  flawOf,
  minutesOf,
  modeAt,
  paint,
  paintTimes,
  saidTimes,
  weekOf,
} from './schedule.ts';

const WORKDAYS = [0, 1, 2, 3, 4];
const schedule = (week: Schedule['week'], otherwise: Schedule['otherwise'] = 'off'): Schedule => ({
  week,
  holidays: [],
  otherwise,
});

const holidays = (...dates: string[]): Schedule => ({
  week: [],
  holidays: dates.map((date) => ({ date, mode: 'off' })),
  otherwise: 'off',
});
const plan = (change: Partial<WholePlan>): WholePlan => ({
  mode: 'continuous',
  sub: true,
  pre_roll_s: 10,
  post_roll_s: 10,
  ...change,
});

describe('clock', () => {
  it('reads and writes minutes of a day', () => {
    expect(minutesOf('08:05')).toBe(485);
    expect(minutesOf('24:00')).toBe(1440);
    expect(minutesOf('08:05:00')).toBe(485);
    for (const wrong of ['', '8', '24:01', '12:60', 'noon']) expect(minutesOf(wrong)).toBeNaN();
    expect(clockOf(1440)).toBe('24:00');
    expect(clockOf(1440 + 480)).toBe('08:00');
    expect(clockOf(5)).toBe('00:05');
  });
});

describe('painting', () => {
  it('cuts what was there, and joins neighbours of one mode', () => {
    let week = paint(emptyWeek(), 0, 480, 1080, 'continuous');
    week = paint(week, 0, 720, 780, 'off');
    expect(week[0]).toEqual([
      { from: 480, to: 720, mode: 'continuous' },
      { from: 720, to: 780, mode: 'off' },
      { from: 780, to: 1080, mode: 'continuous' },
    ]);
    week = paint(week, 0, 720, 780, 'continuous');
    expect(week[0]).toEqual([{ from: 480, to: 1080, mode: 'continuous' }]);
    expect(paint(week, 0, 1440, 0, null)[0]).toEqual([]);
    expect(modeAt(week, 0, 480)).toBe('continuous');
    expect(modeAt(week, 0, 1080)).toBeNull();
  });

  it('splits what goes over midnight, on Sunday into Monday too', () => {
    const week = paintTimes(emptyWeek(), [6], 22 * 60, 6 * 60, 'motion');
    expect(week[6]).toEqual([{ from: 1320, to: 1440, mode: 'motion' }]);
    expect(week[0]).toEqual([{ from: 0, to: 360, mode: 'motion' }]);
    expect(paintTimes(emptyWeek(), [2], 0, 0, 'motion')[2]).toEqual([{ from: 0, to: 1440, mode: 'motion' }]);
  });
});

describe('what travels', () => {
  it('has one entry for each time and mode, and none over midnight', () => {
    const week = paintTimes(paintTimes(emptyWeek(), WORKDAYS, 480, 1080, 'continuous'), WORKDAYS, 1080, 480, 'motion');
    const entries = entriesOf(week);
    expect(entries).toEqual([
      { days: ['tue', 'wed', 'thu', 'fri', 'sat'], from: '00:00', to: '08:00', mode: 'motion' },
      { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00', mode: 'continuous' },
      { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '18:00', to: '24:00', mode: 'motion' },
    ]);
    for (const entry of entries) expect(minutesOf(entry.from)).toBeLessThan(minutesOf(entry.to));
    expect(weekOf(schedule(entries))).toEqual(week);
  });

  it('comes back as it went, to the minute', () => {
    // Every way to paint two strokes on a coarse raster, shifted off the half hours.
    for (let a = 7; a < 1400; a += 173)
      for (let b = 11; b < 1440; b += 211) {
        let week = paintTimes(emptyWeek(), [0, 3, 6], a, b, 'continuous');
        week = paintTimes(week, [3, 4], b, a, 'event');
        expect(weekOf(schedule(entriesOf(week)))).toEqual(week);
      }
  });

  it('where entries overlap, which the box refuses, the first holds', () => {
    const week = weekOf(
      schedule([
        { days: ['mon'], from: '08:00', to: '10:00', mode: 'off' },
        { days: ['mon'], from: '00:00', to: '24:00', mode: 'continuous' },
      ]),
    );
    expect(modeAt(week, 0, 540)).toBe('off');
    expect(modeAt(week, 0, 600)).toBe('continuous');
  });

  it('nonsense from elsewhere paints nothing', () => {
    const week = weekOf(
      schedule([
        { days: ['someday' as 'mon'], from: '08:00', to: '10:00', mode: 'off' },
        { days: ['mon'], from: 'dawn', to: '10:00', mode: 'off' },
      ]),
    );
    expect(week).toEqual(emptyWeek());
    expect(weekOf(null)).toEqual(emptyWeek());
  });

  it('knows what is wrong with holidays', () => {
    expect(flawOf(holidays('2026-12-25', '2027-01-01'))).toBeNull();
    expect(flawOf(holidays('2026-12-25', '2026-12-25'))).toBe('holiday-twice');
    expect(flawOf(holidays(''))).toBe('holiday-date');
  });
});

describe('words', () => {
  const t = translator(en, 'en');

  it('say days in runs', () => {
    expect(dayRuns([0, 1, 2, 3, 4])).toEqual([[0, 1, 2, 3, 4]]);
    expect(dayRuns([6, 5])).toEqual([[5], [6]]);
    expect(dayRuns([6, 0, 2, 1])).toEqual([[0, 1, 2], [6]]);
  });

  it('say a working week', () => {
    const week = entriesOf(paintTimes(emptyWeek(), WORKDAYS, 480, 1080, 'continuous'));
    expect(scheduleWords(t, schedule(week, 'motion'), 'en')).toEqual([
      'Mon–Fri 08:00–18:00: all the time.',
      'Otherwise: when something moves.',
    ]);
    const portuguese = scheduleWords(translator(ptBR, 'pt-BR'), schedule(week, 'motion'), 'pt-BR');
    expect(portuguese[0]).toBe('seg.–sex. 08:00–18:00: o tempo todo.');
  });

  it('say a night once, where it begins', () => {
    const week = paintTimes(emptyWeek(), [0, 1, 2, 3, 4, 5, 6], 1080, 480, 'event');
    expect(saidTimes(week)).toEqual([{ days: [0, 1, 2, 3, 4, 5, 6], from: 1080, to: 1440 + 480, mode: 'event' }]);
    expect(scheduleWords(t, schedule(entriesOf(week), 'off'), 'en')).toEqual([
      'Every day 18:00–08:00: on events.',
      'Otherwise: not recorded.',
    ]);
  });

  it('say whole days, an empty week and holidays', () => {
    const weekend = entriesOf(paintTimes(emptyWeek(), [5, 6], 0, 1440, 'continuous'));
    expect(scheduleWords(t, schedule(weekend), 'en')[0]).toBe('Sat, Sun the whole day: all the time.');
    expect(scheduleWords(t, schedule([], 'motion'), 'en')).toEqual(['Every day: when something moves.']);
    const whole = entriesOf(paintTimes(emptyWeek(), [0, 1, 2, 3, 4, 5, 6], 0, 1440, 'continuous'));
    expect(scheduleWords(t, schedule(whole), 'en')).toEqual(['Every day the whole day: all the time.']);
    const christmas = { ...schedule([], 'continuous'), holidays: [{ date: '2026-12-25', mode: 'off' as const }] };
    expect(scheduleWords(t, christmas, 'en').at(-1)).toBe('Dec 25, 2026: not recorded.');
  });

  it('say the plan, its seconds and its sub stream', () => {
    expect(planWords(t, plan({}), 'en')).toEqual(['All the time, day and night.']);
    expect(planWords(t, plan({ mode: 'motion', pre_roll_s: 5, post_roll_s: 20, sub: false }), 'en')).toEqual([
      'When something moves.',
      'A recording begins 5 s before and ends 20 s after.',
      'The sub stream is not recorded.',
    ]);
    expect(planWords(t, plan({ mode: 'event', sub_mode: 'continuous' }), 'en').at(-1)).toBe(
      'Sub stream: all the time.',
    );
    expect(planWords(t, plan({ mode: 'schedule', schedule: null }), 'en')).toEqual([
      'By the week, but no week is painted yet.',
    ]);
  });

  it('tell what a camera says from what it takes over', () => {
    const read = {
      mode: 'motion' as const,
      sub: true,
      pre_roll_s: 10,
      post_roll_s: 5,
      inherited: ['mode', 'pre_roll_s'],
    };
    expect(ownPlan(read)).toEqual({ mode: null, sub: true, pre_roll_s: null, post_roll_s: 5 });
    expect(ownPlan({ mode: 'off', sub: false })).toEqual({
      mode: 'off',
      sub: false,
      pre_roll_s: null,
      post_roll_s: null,
    });
  });

  it('take what is left open from the settings', () => {
    const open = { mode: null, sub: true, pre_roll_s: null, post_roll_s: 5 };
    expect(wholePlan(open, undefined)).toMatchObject({ mode: 'continuous', pre_roll_s: 10, post_roll_s: 5 });
    const settings = {
      values: {
        'recording.mode': { value: 'motion', from: 'system' },
        'recording.pre_roll_s': { value: 20, from: 'system' },
        'recording.post_roll_s': { value: 30, from: 'system' },
      },
    };
    expect(wholePlan(open, settings)).toMatchObject({ mode: 'motion', pre_roll_s: 20, post_roll_s: 5 });
  });
});
