import { NOT_SCHEDULED } from '../lib/gap-days.ts';
import { ticks, type View } from '../lib/ruler.ts';
import type { GapStretch, LockStretch, OriginStretch, Stretch } from '../media/coverage.ts';

export const RULER_PX = 24;
export const TRACK_TOP = 28;
export const TRACK_PX = 34;
const SUB_TOP = TRACK_TOP + TRACK_PX + 3;
const SUB_PX = 5;
const EVENTS_TOP = SUB_TOP + SUB_PX + 4;
const EVENTS_PX = 16;
export const HEIGHT_PX = EVENTS_TOP + EVENTS_PX + 4;
const LABEL_PX = 68;

/** What the strip shows. */
export interface Painted {
  day: Stretch;
  view: View;
  main: readonly Stretch[];
  sub: readonly Stretch[];
  /** Stretches of the main stream that did not come live. */
  origins: readonly OriginStretch[];
  gaps: readonly GapStretch[];
  locks: readonly LockStretch[];
  /** Events per bin. */
  events: { start: number; width: number; counts: readonly number[] } | null;
  now: number;
  /** The playhead. */
  at: number;
  live: boolean;
}

/** Hatching of a colour, as a canvas pattern of device pixels. */
function hatch(context: CanvasRenderingContext2D, colour: string, ratio: number): CanvasPattern | string {
  const side = Math.round(7 * ratio);
  const tile = document.createElement('canvas');
  tile.width = side;
  tile.height = side;
  const ink = tile.getContext('2d');
  if (!ink) return colour;
  ink.strokeStyle = colour;
  ink.lineWidth = 1.4 * ratio;
  ink.beginPath();
  for (const shift of [-side, 0, side]) {
    ink.moveTo(shift, side);
    ink.lineTo(shift + side, 0);
  }
  ink.stroke();
  return context.createPattern(tile, 'repeat') ?? colour;
}

/** A small padlock, 12 by 15, on a plate so that it is seen on any colour. */
function padlock(context: CanvasRenderingContext2D, left: number, top: number, colour: (name: string) => string): void {
  context.fillStyle = colour('--surface');
  context.beginPath();
  context.roundRect(left - 2, top - 2, 16, 19, 4);
  context.fill();
  context.strokeStyle = colour('--lock');
  context.lineWidth = 1.8;
  context.beginPath();
  context.arc(left + 6, top + 6, 3.4, Math.PI, 0);
  context.lineTo(left + 9.4, top + 8);
  context.moveTo(left + 2.6, top + 8);
  context.lineTo(left + 2.6, top + 6);
  context.stroke();
  context.fillStyle = colour('--lock');
  context.beginPath();
  context.roundRect(left, top + 7, 12, 8, 2);
  context.fill();
}

/** Draws the whole strip anew. */
export function paint(
  canvas: HTMLCanvasElement,
  width: number,
  { day, view, main, sub, origins, gaps, locks, events, now, at, live }: Painted,
  minute: (ms: number) => string,
  clock: (ms: number) => string,
): void {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT_PX * ratio);
  const context = canvas.getContext('2d');
  if (!context) return;
  const style = getComputedStyle(canvas);
  const colour = (name: string): string => style.getPropertyValue(name);
  const msPerPx = (view.end - view.start) / width;
  const x = (wall: number): number => (wall - view.start) / msPerPx;
  context.scale(ratio, ratio);

  // The bed: up to now recording could have been; beyond now there is nothing yet.
  const nowX = Math.min(width, Math.max(0, x(Math.min(now, day.end))));
  context.fillStyle = colour('--track');
  context.fillRect(0, TRACK_TOP, nowX, TRACK_PX);

  const bars = (spans: readonly Stretch[], top: number, height: number, ink: string | CanvasPattern): void => {
    context.fillStyle = ink;
    for (const span of spans) {
      if (span.end < view.start || span.start > view.end) continue;
      const left = Math.max(-2, x(span.start));
      // Half a pixel at least: a second of footage in a day must not vanish.
      context.fillRect(left, top, Math.max(0.5, Math.min(width + 2, x(span.end)) - left), height);
    }
  };
  bars(main, TRACK_TOP, TRACK_PX, colour('--span'));
  bars(sub, SUB_TOP, SUB_PX, colour('--span-sub'));

  const hatched = (left: number, wide: number, ink: string): void => {
    context.save();
    context.beginPath();
    context.rect(left, TRACK_TOP, wide, TRACK_PX);
    context.clip();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = hatch(context, ink, ratio);
    context.fillRect(left * ratio, TRACK_TOP * ratio, wide * ratio, TRACK_PX * ratio);
    context.restore();
  };
  const seen = (span: Stretch): { left: number; wide: number } | null => {
    if (span.end < view.start || span.start > view.end) return null;
    const left = Math.max(0, x(span.start));
    return { left, wide: Math.max(2, Math.min(width, x(span.end)) - left) };
  };
  // What was thinned is pale; what came later from the camera is crossed by lines.
  for (const span of origins) {
    const box = seen(span);
    if (!box) continue;
    if (span.origin === 'keys') {
      context.globalAlpha = 0.62;
      context.fillStyle = colour('--track');
      context.fillRect(box.left, TRACK_TOP, box.wide, TRACK_PX);
      context.globalAlpha = 1;
    } else hatched(box.left, box.wide, colour('--surface'));
  }
  for (const gap of gaps) {
    const box = seen(gap);
    if (!box) continue;
    // What the plan leaves out is no fault, and has no fault's colour.
    const planned = gap.reason === NOT_SCHEDULED;
    context.fillStyle = colour(planned ? '--track' : '--bad-soft');
    context.fillRect(box.left, TRACK_TOP, box.wide, TRACK_PX);
    hatched(box.left, box.wide, colour(planned ? '--line' : '--bad'));
  }
  for (const lock of locks) {
    const box = seen(lock);
    if (!box) continue;
    context.fillStyle = colour('--lock');
    context.fillRect(box.left, TRACK_TOP, box.wide, 3);
    context.fillRect(box.left, TRACK_TOP + TRACK_PX - 3, box.wide, 3);
    padlock(context, Math.min(box.left + 4, Math.max(box.left, box.left + box.wide / 2 - 6)), TRACK_TOP + 8, colour);
  }

  if (events) {
    const most = Math.max(1, ...events.counts);
    context.fillStyle = colour('--event');
    for (const [index, count] of events.counts.entries()) {
      if (count <= 0) continue;
      const start = events.start + index * events.width;
      if (start + events.width < view.start || start > view.end) continue;
      const height = Math.max(2, (Math.log1p(count) / Math.log1p(most)) * EVENTS_PX);
      context.fillRect(x(start), EVENTS_TOP + EVENTS_PX - height, Math.max(1.5, events.width / msPerPx - 0.6), height);
    }
  }

  // The ruler.
  context.font = `11px ${style.fontFamily}`;
  context.textBaseline = 'middle';
  const seconds = msPerPx * LABEL_PX < 60_000;
  const label = seconds ? clock : minute;
  for (const tick of ticks(view.start, view.end, day.start, msPerPx, LABEL_PX)) {
    const left = Math.round(x(tick.wall)) + 0.5;
    context.strokeStyle = colour(tick.major ? '--line-strong' : '--line');
    context.globalAlpha = tick.major ? 0.8 : 1;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(left, tick.major ? 16 : 20);
    context.lineTo(left, RULER_PX + 2);
    context.stroke();
    context.globalAlpha = 1;
    if (!tick.major) continue;
    const text = label(tick.wall);
    const half = context.measureText(text).width / 2;
    if (left - half < 2 || left + half > width - 2) continue;
    context.fillStyle = colour('--muted');
    context.fillText(text, left - half, 8);
  }

  // Now.
  const nowAt = x(now);
  if (nowAt >= 0 && nowAt <= width && now < day.end) {
    context.fillStyle = colour('--ok');
    context.fillRect(Math.round(nowAt) - 1, TRACK_TOP - 4, 2, HEIGHT_PX - TRACK_TOP);
  }

  // The playhead.
  const head = Math.round(x(at));
  if (head >= -8 && head <= width + 8) {
    context.fillStyle = colour(live ? '--ok' : '--text');
    context.fillRect(head - 1, RULER_PX - 4, 2, HEIGHT_PX - RULER_PX + 4);
    context.beginPath();
    context.moveTo(head - 7, RULER_PX - 8);
    context.lineTo(head + 7, RULER_PX - 8);
    context.lineTo(head + 7, RULER_PX - 2);
    context.lineTo(head, RULER_PX + 5);
    context.lineTo(head - 7, RULER_PX - 2);
    context.closePath();
    context.fill();
  }
}
