import { describe, expect, it } from 'vitest';
import type { Evidence, ExportJob, GapDay } from '../api/types-recorder.ts';
import type { Camera, Timeline } from '../api/types.ts';
import en from '../i18n/en.ts';
import { formatter } from '../i18n/format.ts';
import { translator } from '../i18n/index.ts';
import { locksOf, originAt, originsOf, partedGaps } from '../media/coverage.ts';
import { Eta } from './eta.ts';
import { evidenceWords, grouped } from './evidence-words.ts';
import { estimateBytes, speedOf } from './export-size.ts';
import { markOf, shiftMonth, totalsOf, weeksOf } from './gap-days.ts';
import { evidenceRange, movedEdge, rangeAround } from './range.ts';
import { changesOf, DAY_STOPS, inherited, mergedValues, sharesOf, stopOf } from './retention.ts';

const t = translator(en, 'en');
const format = formatter('en', 'UTC');
const at = (clock: string): string => `2026-11-20T${clock}.000Z`;

const day = (change: Partial<GapDay>): GapDay => ({
  date: '2026-11-20',
  recorded_s: 86_400,
  missing_s: 0,
  not_scheduled_s: 0,
  count: 0,
  by_reason: {},
  ...change,
});

describe('days of gaps', () => {
  it('are summed by reason, without the pauses of the plan', () => {
    const totals = totalsOf([
      day({
        recorded_s: 80_000,
        missing_s: 400,
        not_scheduled_s: 6000,
        count: 2,
        by_reason: { restart: 100, camera_unreachable: 300, not_scheduled: 6000 },
      }),
      day({ recorded_s: 86_340, missing_s: 60, count: 1, by_reason: { restart: 60, damaged: 0 } }),
    ]);
    expect(totals).toEqual({
      recorded: 166_340,
      missing: 460,
      notScheduled: 6000,
      count: 3,
      reasons: [
        { reason: 'camera_unreachable', seconds: 300 },
        { reason: 'restart', seconds: 160 },
      ],
    });
    expect(totalsOf([]).reasons).toEqual([]);
  });

  it('are marked by what a person would say of them', () => {
    expect(markOf(undefined)).toBe('none');
    expect(markOf(day({ recorded_s: 0 }))).toBe('none');
    expect(markOf(day({}))).toBe('whole');
    expect(markOf(day({ recorded_s: 0, not_scheduled_s: 86_400 }))).toBe('scheduled');
    expect(markOf(day({ missing_s: 12 }))).toBe('little');
    expect(markOf(day({ missing_s: 600 }))).toBe('much');
    expect(markOf(day({ missing_s: 4000 }))).toBe('lost');
    expect(markOf(day({ recorded_s: 100, missing_s: 200 }))).toBe('lost');
  });

  it('stand in weeks that begin on Monday', () => {
    const weeks = weeksOf('2026-11');
    expect(weeks[0]).toEqual([null, null, null, null, null, null, '2026-11-01']);
    expect(weeks.flat().filter(Boolean)).toHaveLength(30);
    expect(weeks.every((week) => week.length === 7)).toBe(true);
    expect(weeksOf('2028-02').flat().filter(Boolean)).toHaveLength(29);
    expect(shiftMonth('2026-01', -1)).toBe('2025-12');
    expect(shiftMonth('2026-11', 2)).toBe('2027-01');
  });
});

describe('a chosen range', () => {
  const bounds = { start: 0, end: 3_600_000 };
  it('begins as a minute around the playhead, within the day', () => {
    expect(rangeAround(600_000, bounds)).toEqual({ start: 570_000, end: 630_000 });
    expect(rangeAround(3_600_000, bounds)).toEqual({ start: 3_570_000, end: 3_600_000 });
    expect(rangeAround(0, bounds)).toEqual({ start: 0, end: 30_000 });
  });

  it('keeps its order when an end is pulled past the other', () => {
    const range = { start: 10_000, end: 20_000 };
    expect(movedEdge(range, 'start', 15_000, bounds)).toEqual({ start: 15_000, end: 20_000 });
    expect(movedEdge(range, 'start', 30_000, bounds)).toEqual({ start: 30_000, end: 31_000 });
    expect(movedEdge(range, 'end', 5000, bounds)).toEqual({ start: 4000, end: 5000 });
    expect(movedEdge(range, 'end', 9e9, bounds)).toEqual({ start: 10_000, end: 3_600_000 });
    expect(movedEdge(range, 'start', -5, bounds)).toEqual({ start: 0, end: 20_000 });
  });

  it('is proven an hour at a time, around where somebody looks', () => {
    const hour = 3_600_000;
    expect(evidenceRange({ start: 5, end: 2005 }, bounds, 0, 9e9)).toEqual({ start: 5, end: 2005 });
    expect(evidenceRange(null, { start: 0, end: 24 * hour }, 12 * hour, 99 * hour)).toEqual({
      start: 11.5 * hour,
      end: 12.5 * hour,
    });
    expect(evidenceRange(null, { start: 0, end: 24 * hour }, 0, 10 * hour)).toEqual({ start: 0, end: hour });
    // What has not happened yet cannot be proven.
    expect(evidenceRange(null, { start: 0, end: hour }, 0, 60_000)).toEqual({ start: 0, end: 60_000 });
  });
});

describe('evidence', () => {
  const segment = {
    id: 'a',
    start: at('14:00:00'),
    end: at('14:01:00'),
    verdict: 'whole' as const,
    text: '',
    first_altered: null,
  };
  const whole: Evidence = {
    verdict: 'whole',
    text: 'x',
    segments: Array.from({ length: 12 }, (_, index) => ({ ...segment, id: String(index) })),
    gaps: [],
    key: null,
  };

  it('is said in a sentence', () => {
    const said = evidenceWords(t, format, whole, 720_000);
    expect(said.tone).toBe('ok');
    expect(said.lead).toBe('This stretch of 12 min is as the box recorded it: 12 files, each signed.');
    expect(said.gaps).toBeNull();
    expect(said.faults).toEqual([]);
  });

  it('names honest gaps and their reason', () => {
    const gap = { start: at('14:00:10'), end: at('14:00:14'), reason: 'camera_unreachable', declared: true };
    const said = evidenceWords(t, format, { ...whole, verdict: 'whole_with_gaps', gaps: [gap] }, 720_000);
    expect(said.gaps).toBe(
      'One gap of 4 s, written down by the box when it happened: no pictures came from the camera.',
    );
    const two = { ...gap, start: at('14:00:20'), end: at('14:00:50'), reason: 'restart' };
    const more = evidenceWords(t, format, { ...whole, verdict: 'whole_with_gaps', gaps: [gap, two] }, 720_000);
    expect(more.gaps).toMatch(/^2 gaps, 34 s together.*longest, 30 s: the box was not running\.$/);
  });

  it('names what is altered, cut or silently missing, and when', () => {
    const said = evidenceWords(
      t,
      format,
      {
        ...whole,
        verdict: 'altered',
        segments: [
          { ...segment, id: 'b', verdict: 'cut' },
          { ...segment, id: 'c', verdict: 'altered', first_altered: { fragment: 7, time: at('14:00:07') } },
        ],
        gaps: [{ start: at('14:30:00'), end: at('14:31:00'), reason: 'unknown', declared: false }],
      },
      720_000,
    );
    expect(said.tone).toBe('bad');
    expect(said.faults.map((fault) => fault.text)).toEqual([
      'Something was cut out of the file from 14:00:00 to 14:01:00.',
      'The file from 14:00:00 to 14:01:00 was altered; the first change is at 14:00:07.',
      'From 14:30:00 to 14:31:00 footage is missing and the box never wrote down a gap.',
    ]);
    expect(said.faults[1]!.at).toBe(Date.parse(at('14:00:07')));
  });

  it('passes on a verdict it does not know in the words of the box', () => {
    const said = evidenceWords(t, format, { ...whole, verdict: 'blessed' as 'whole', text: 'It is blessed.' }, 1000);
    expect(said).toMatchObject({ tone: 'warning', lead: 'It is blessed.' });
  });

  it('has a fingerprint that can be read aloud', () => {
    expect(grouped('3F9A12c0dd')).toBe('3F9A 12c0 dd');
    expect(grouped('3f:9a:12:c0')).toBe('3f9a 12c0');
    expect(grouped('sha256:3f9a12c0')).toBe('sha256: 3f9a 12c0');
    expect(grouped('SHA256:abc/+=')).toBe('SHA256:abc/+=');
  });
});

describe('retention', () => {
  it('has a slider whose zero is only zero', () => {
    expect(DAY_STOPS[stopOf(0)]).toBe(0);
    expect(DAY_STOPS[stopOf(0.4)]).toBe(1);
    expect(DAY_STOPS[stopOf(31)]).toBe(30);
    expect(DAY_STOPS[stopOf(3650)]).toBe(730);
  });

  it('sends what was changed, and sets all the rest as it was', () => {
    const own = { 'retention.max_days': 30, 'ingest.transport': 'tcp' };
    expect(changesOf(own, { ...own })).toEqual({});
    const changes = changesOf(own, { ...own, 'retention.max_days': null, 'retention.min_days': 7 });
    expect(changes).toEqual({ 'retention.max_days': null, 'retention.min_days': 7 });
    expect(mergedValues(own, changes)).toEqual({ 'ingest.transport': 'tcp', 'retention.min_days': 7 });
  });

  it('takes from the nearest wider scope', () => {
    expect(inherited([{ a: 1 }, {}, { a: 3 }], 'a', 0)).toBe(3);
    expect(inherited([{ a: 1 }, { a: null }], 'a', 0)).toBe(1);
    expect(inherited([], 'a', 0)).toBe(0);
  });

  it('shares a disk out so that all of it is there once', () => {
    const shares = sharesOf({
      total_bytes: 100,
      free_bytes: 30,
      recordings_bytes: 50,
      reserve_bytes: 10,
      locked_bytes: 5,
    });
    expect(shares).toEqual({
      footage: 0.45,
      locked: 0.05,
      others: expect.closeTo(0.2),
      free: expect.closeTo(0.2),
      reserve: 0.1,
    });
    for (const strange of [
      { total_bytes: 0, free_bytes: 0, recordings_bytes: 0, reserve_bytes: 5 },
      { total_bytes: 10, free_bytes: 20, recordings_bytes: 30, reserve_bytes: 40 },
      { total_bytes: 10, free_bytes: 1, recordings_bytes: 2, reserve_bytes: 40, locked_bytes: 9 },
    ]) {
      const parts = Object.values(sharesOf(strange));
      expect(parts.every((part) => part >= 0)).toBe(true);
      expect(parts.reduce((sum, part) => sum + part, 0)).toBeCloseTo(1);
    }
  });
});

describe('exports', () => {
  it('are estimated by bit rate and what was recorded', () => {
    const camera = { status: { streams: { main: { bit_rate: 4_000_000 } } } } as Camera;
    expect(estimateBytes([camera], 'main', 60_000, null, 0, 60_000)).toBe(30_000_000);
    expect(estimateBytes([camera], 'main', 60_000, [{ start: 0, end: 30_000 }], 0, 60_000)).toBe(15_000_000);
    expect(estimateBytes([camera, camera], 'sub', 60_000, null, 0, 60_000)).toBe(0);
  });

  it('tell how fast the next one will be', () => {
    const job = {
      state: 'done',
      file: { bytes: 50_000_000 },
      created: at('14:00:00'),
      finished: at('14:00:05'),
    } as ExportJob;
    expect(speedOf([job])).toBe(10_000_000);
    expect(
      speedOf([
        { ...job, state: 'failed' },
        { ...job, file: null },
      ]),
    ).toBeNull();
  });

  it('say how long they still take once that can be said', () => {
    const eta = new Eta();
    eta.note(0, 0);
    expect(eta.remaining(100)).toBeNull();
    eta.note(1000, 10);
    expect(eta.remaining(100)).toBeNull();
    eta.note(2000, 20);
    expect(eta.remaining(100)).toBe(8000);
    // What begins anew is measured anew.
    eta.note(3000, 5);
    expect(eta.remaining(100)).toBeNull();
  });
});

describe('the timeline', () => {
  const timeline: Timeline = {
    spans: [
      { stream: 'main', start: at('10:00:00'), end: at('11:00:00') },
      { stream: 'main', start: at('11:00:00'), end: at('12:00:00'), origin: 'keys' },
      { stream: 'main', start: at('09:00:00'), end: at('10:00:00'), origin: 'backfill' },
      { stream: 'sub', start: at('09:00:00'), end: at('10:00:00'), origin: 'backfill' },
    ],
    gaps: [],
    bins: null,
  };
  it('knows where footage came from', () => {
    const origins = originsOf(timeline, 'main');
    expect(origins.map((one) => one.origin)).toEqual(['backfill', 'keys']);
    expect(originAt(origins, Date.parse(at('11:30:00')))).toBe('keys');
    expect(originAt(origins, Date.parse(at('10:30:00')))).toBeNull();
    expect(originsOf(undefined, 'main')).toEqual([]);
  });

  it('has locks', () => {
    const lock = { id: 'l', camera: 'c', start: at('10:00:00'), end: at('10:30:00'), reason: '', by: '', created: '' };
    expect(locksOf([lock])).toEqual([{ id: 'l', start: Date.parse(lock.start), end: Date.parse(lock.end) }]);
    expect(locksOf(undefined)).toEqual([]);
  });

  it('tells faults from what the plan leaves out', () => {
    const gaps = [
      { start: 0, end: 1, reason: 'restart' },
      { start: 2, end: 3, reason: 'not_scheduled' },
    ];
    expect(partedGaps(gaps)).toEqual({ faults: [gaps[0]], planned: [gaps[1]] });
  });
});

describe('long times', () => {
  it('are told as people would', () => {
    expect(format.long(0)).toBe('0 s');
    expect(format.long(2340)).toBe('2.3 s');
    expect(format.long(125_000)).toBe('2 min 5 s');
    expect(format.long(3 * 86_400_000 + 4 * 3_600_000)).toBe('3 d 4 h');
    expect(format.share(1)).toBe('100%');
    expect(format.share(0.999_99)).toBe('99.99%');
    expect(format.share(0.5)).toBe('50%');
    expect(format.brief(720_000)).toBe('12m');
  });
});
