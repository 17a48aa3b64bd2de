import { describe, expect, it } from 'vitest';
import type { Timeline } from '../api/types.ts';
import { coveredBy, coveredMs, gapAt, gapsOf, nextCovered, reasonBetween } from './coverage.ts';

const at = (seconds: number): string => new Date(seconds * 1000).toISOString();
const span = (start: number, end: number, stream: 'main' | 'sub' = 'main') => ({
  stream,
  start: at(start),
  end: at(end),
});

const timeline: Timeline = {
  spans: [span(60, 120), span(0, 60.1), span(200, 300), span(0, 300, 'sub')],
  gaps: [
    { ...span(120, 150), reason: 'restart' },
    { ...span(150, 200), reason: 'camera_unreachable' },
    { ...span(300, 900), reason: 'camera_unreachable' },
  ],
  bins: null,
};

describe('coverage', () => {
  const covered = coveredBy(timeline, 'main');

  it('joins spans that touch, in order, for one stream', () => {
    expect(covered).toEqual([
      { start: 0, end: 120_000 },
      { start: 200_000, end: 300_000 },
    ]);
    expect(coveredBy(undefined, 'main')).toEqual([]);
  });

  it('ends a gap that lasts at now', () => {
    expect(gapsOf(timeline, 'main', 400_000).at(-1)).toEqual({
      start: 300_000,
      end: 400_000,
      reason: 'camera_unreachable',
    });
    expect(gapsOf(timeline, 'main', 250_000)).toHaveLength(2);
  });

  it('finds the gap of an instant and the reason of a stretch', () => {
    const gaps = gapsOf(timeline, 'main', 1e9);
    expect(gapAt(gaps, 130_000)?.reason).toBe('restart');
    expect(gapAt(gaps, 120_000)?.reason).toBe('restart');
    expect(gapAt(gaps, 119_999)).toBeNull();
    expect(reasonBetween(gaps, 120_000, 200_000)).toBe('camera_unreachable');
    expect(reasonBetween(gaps, 0, 100_000)).toBeNull();
  });

  it('knows where recording goes on', () => {
    expect(nextCovered(covered, 60_000)).toBe(60_000);
    expect(nextCovered(covered, 120_000)).toBe(200_000);
    expect(nextCovered(covered, 300_000)).toBeNull();
    expect(coveredMs(covered, 100_000, 250_000)).toBe(70_000);
  });
});
