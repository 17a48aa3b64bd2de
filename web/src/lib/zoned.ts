/** Days of a place: a day is not always 24 hours long, and does not begin at midnight UTC. */

const formats = new Map<string, Intl.DateTimeFormat>();

function parts(ms: number, timeZone: string): Record<string, number> {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  const out: Record<string, number> = {};
  for (const part of format.formatToParts(ms)) out[part.type] = Number(part.value);
  return out;
}

/** How far the place's clock is ahead of UTC at an instant, milliseconds. */
export function zoneOffset(ms: number, timeZone: string): number {
  const p = parts(ms, timeZone);
  const asUtc = Date.UTC(p['year']!, p['month']! - 1, p['day'], p['hour'], p['minute'], p['second']);
  return asUtc - Math.floor(ms / 1000) * 1000;
}

/** The instant at which the place's clock shows the given date and time. In the hour that a change of clock skips, the next instant there is. */
export function zonedInstant(text: string, timeZone: string): number {
  const naive = Date.parse(`${text.length === 10 ? `${text}T00:00:00` : text}Z`);
  const guess = naive - zoneOffset(naive, timeZone);
  return naive - zoneOffset(guess, timeZone);
}

/** `2026-11-20` of an instant at the place. */
export function dayOf(ms: number, timeZone: string): string {
  return new Date(ms + zoneOffset(ms, timeZone)).toISOString().slice(0, 10);
}

/** `2026-11-20T14:03:27` of an instant at the place, for a date-time field. */
export function localText(ms: number, timeZone: string): string {
  return new Date(ms + zoneOffset(ms, timeZone)).toISOString().slice(0, 19);
}

/** First and last (exclusive) instant of a day at the place. */
export function dayRange(day: string, timeZone: string): { start: number; end: number } {
  const start = zonedInstant(day, timeZone);
  const next = new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
  return { start, end: zonedInstant(next, timeZone) };
}

/** The day so many days later (or earlier) in the calendar. */
export function shiftDay(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** The browser's time zone, or UTC where it does not say. */
export function browserZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}
