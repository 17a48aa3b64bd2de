import { describe, expect, it } from 'vitest';
import { draftName, splitAddress } from './address.ts';
import { judgePassword } from './password.ts';
import { rulerStep, ticks, within, zoomed } from './ruler.ts';
import { dayOf, dayRange, localText, shiftDay, zonedInstant } from './zoned.ts';

describe('a pasted address', () => {
  it.each([
    ['rtsp://10.0.0.5/main', 'rtsp://10.0.0.5/main', null, null],
    ['rtsp://10.0.0.5:554/a@b', 'rtsp://10.0.0.5:554/a@b', null, null],
    ['rtsp://cam/live', 'rtsp://cam/live', null, null],
    ['rtsp://[fe80::1]:554/x', 'rtsp://[fe80::1]:554/x', null, null],
    ['rtsp://u:p@10.0.0.5/main', 'rtsp://10.0.0.5/main', 'u', 'p'],
    ['rtsp://u@10.0.0.5/main', 'rtsp://10.0.0.5/main', 'u', null],
    ['rtsp://u:p@ss/w?rd#@192.168.1.64:554/s', 'rtsp://192.168.1.64:554/s', 'u', 'p@ss/w?rd#'],
    ['rtsp://u:p%40ss@cam.local/x', 'rtsp://cam.local/x', 'u', 'p@ss'],
    ['rtsp://u:100%@cam/x', 'rtsp://cam/x', 'u', '100%'],
    ['rtsp://u:p@cam:8554/path@2x', 'rtsp://cam:8554/path@2x', 'u', 'p'],
    [' not an address ', 'not an address', null, null],
    ['', '', null, null],
  ])('%s', (text, address, username, password) => {
    expect(splitAddress(text)).toEqual({ address, username, password });
  });

  it('gives a name to begin with', () => {
    expect(draftName('rtsp://u:p@gate.local:554/x')).toBe('gate.local');
    expect(draftName('nonsense')).toBe('Camera');
  });
});

const strength = (password: string): number => judgePassword(password, 'admin').strength;

describe('a password', () => {
  it('is judged by length, variety and the user name', () => {
    expect(judgePassword('', 'admin').ok).toBe(false);
    expect(judgePassword('short', 'admin').ok).toBe(false);
    expect(judgePassword('aaaaaaaaaaaaaaaa', 'admin').ok).toBe(false);
    expect(judgePassword('Admin-admin-1', 'admin').ok).toBe(false);
    expect(judgePassword('the heronry', 'admin').ok).toBe(true);
    expect(judgePassword('correct horse battery', 'admin').ok).toBe(true);
  });

  it('grows stronger with length and less so with common words', () => {
    expect(strength('')).toBe(0);
    expect(strength('password1234')).toBeLessThan(strength('tulip-Rope-42x'));
    expect(strength('correct horse battery staple')).toBe(4);
  });
});

describe('days of a place', () => {
  it('begin at midnight there, and last as long as they do', () => {
    const paulo = dayRange('2026-11-20', 'America/Sao_Paulo');
    expect(new Date(paulo.start).toISOString()).toBe('2026-11-20T03:00:00.000Z');
    expect(paulo.end - paulo.start).toBe(86_400_000);
    const spring = dayRange('2026-03-29', 'Europe/Berlin');
    expect(spring.end - spring.start).toBe(23 * 3_600_000);
    const autumn = dayRange('2026-10-25', 'Europe/Berlin');
    expect(autumn.end - autumn.start).toBe(25 * 3_600_000);
  });

  it('turn into text and back', () => {
    const wall = Date.parse('2026-11-20T01:30:05Z');
    expect(dayOf(wall, 'America/Sao_Paulo')).toBe('2026-11-19');
    expect(localText(wall, 'America/Sao_Paulo')).toBe('2026-11-19T22:30:05');
    expect(zonedInstant('2026-11-19T22:30:05', 'America/Sao_Paulo')).toBe(wall);
    expect(shiftDay('2026-03-01', -1)).toBe('2026-02-28');
  });
});

describe('the ruler', () => {
  const HOUR = 3_600_000;
  it('has labels that people count in, never closer than asked', () => {
    expect(rulerStep(86_400_000 / 390, 68)).toBe(6 * HOUR);
    expect(rulerStep(HOUR / 1400, 68)).toBe(5 * 60_000);
    expect(rulerStep(60_000 / 1400, 68)).toBe(5000);
    const marks = ticks(0, HOUR, 0, HOUR / 600, 68).filter((tick) => tick.major);
    expect(marks.map((tick) => tick.wall / 60_000)).toEqual([0, 10, 20, 30, 40, 50, 60]);
  });

  it('zooms around a point that stays, within the day', () => {
    const day = { start: 0, end: 24 * HOUR };
    const nearer = zoomed(day, 6 * HOUR, 0.5, day);
    expect(nearer).toEqual({ start: 3 * HOUR, end: 15 * HOUR });
    expect(zoomed(nearer, 6 * HOUR, 100, day)).toEqual(day);
    expect(zoomed(nearer, 6 * HOUR, 1e-9, day).end - zoomed(nearer, 6 * HOUR, 1e-9, day).start).toBe(60_000);
    expect(within({ start: 20 * HOUR, end: 30 * HOUR }, day)).toEqual({ start: 14 * HOUR, end: 24 * HOUR });
  });
});
