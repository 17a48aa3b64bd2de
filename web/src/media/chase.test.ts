import { describe, expect, it } from 'vitest';
import {
  backoffMs,
  chase,
  COMFORT,
  isStall,
  JITTER,
  lead,
  slackAfterCalm,
  slackAfterStall,
  type ChaseInput,
} from './chase.ts';

const at25 = (behind: number, change: Partial<ChaseInput> = {}): ChaseInput => ({
  behind,
  frame: 0.04,
  slack: 0,
  rate: 1,
  ...change,
});

describe('the chase', () => {
  it('does nothing about a frame in hand and the usual jitter', () => {
    expect(chase(at25(0.04 + JITTER))).toEqual({ kind: 'rate', rate: 1 });
    expect(chase(at25(COMFORT))).toEqual({ kind: 'rate', rate: 1 });
  });

  it('plays a touch faster when somewhat behind, and faster when more', () => {
    expect(chase(at25(0.13))).toEqual({ kind: 'rate', rate: 1.05 });
    expect(chase(at25(0.5))).toEqual({ kind: 'rate', rate: 1.1 });
  });

  it('goes on until it has caught up, not only until it is just comfortable', () => {
    expect(chase(at25(0.1, { rate: 1.05 }))).toEqual({ kind: 'rate', rate: 1.05 });
    expect(chase(at25(0.07, { rate: 1.05 }))).toEqual({ kind: 'rate', rate: 1 });
  });

  it('jumps when far behind, to where a frame is in hand', () => {
    expect(chase(at25(1.2))).toEqual({ kind: 'jump', lead: lead(0.04, 0) });
    expect(chase(at25(60))).toEqual({ kind: 'jump', lead: lead(0.04, 0) });
  });

  it('does not chase a slow camera for being slow', () => {
    // Two frames a second: half a second behind is where it should be.
    expect(chase({ behind: 0.55, frame: 0.5, slack: 0, rate: 1 })).toEqual({ kind: 'rate', rate: 1 });
    expect(chase({ behind: 1.1, frame: 0.5, slack: 0, rate: 1 })).toEqual({ kind: 'rate', rate: 1.05 });
  });

  it('calls it a stall when a frame is seen to come late, not when it is a little uneven', () => {
    expect(isStall(0.06, 0.04)).toBe(false);
    expect(isStall(0.15, 0.04)).toBe(false);
    expect(isStall(0.2, 0.04)).toBe(true);
    expect(isStall(0.5, 0.5)).toBe(false);
  });

  it('keeps more in hand after stalls and gives it back when it is calm', () => {
    let slack = 0;
    for (let i = 0; i < 30; i++) slack = slackAfterStall(slack);
    expect(slack).toBe(0.4);
    expect(chase(at25(0.4, { slack }))).toEqual({ kind: 'rate', rate: 1 });
    expect(slackAfterCalm(slack, 10)).toBeCloseTo(0.2);
    expect(slackAfterCalm(slack, 1000)).toBe(0);
  });
});

describe('the back-off', () => {
  it('begins at half a second, grows, and stays under twelve seconds', () => {
    expect(backoffMs(0, 0.5)).toBe(500);
    expect(backoffMs(3, 0.5)).toBeGreaterThan(backoffMs(2, 0.5));
    expect(backoffMs(50, 1)).toBeCloseTo(12_000);
    expect(backoffMs(50, 0)).toBeCloseTo(8000);
  });
});
