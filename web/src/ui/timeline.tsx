import { useEffect, useRef, useState } from 'react';
import { useFormat, useT } from '../i18n/use.ts';
import { gapAt, type GapStretch, type Stretch } from '../media/coverage.ts';
import { ticks, within, zoomed, type View } from '../lib/ruler.ts';
import { useUi } from '../state/ui.ts';

const RULER_PX = 24;
const TRACK_TOP = 28;
const TRACK_PX = 34;
const SUB_TOP = TRACK_TOP + TRACK_PX + 3;
const SUB_PX = 5;
const EVENTS_TOP = SUB_TOP + SUB_PX + 4;
const EVENTS_PX = 16;
const HEIGHT_PX = EVENTS_TOP + EVENTS_PX + 4;
const LABEL_PX = 68;

export interface TimelineProps {
  day: Stretch;
  view: View;
  onView: (view: View) => void;
  main: readonly Stretch[];
  sub: readonly Stretch[];
  gaps: readonly GapStretch[];
  /** Events per bin. */
  events: { start: number; width: number; counts: readonly number[] } | null;
  now: number;
  /** The playhead. */
  at: number;
  live: boolean;
  zone: string;
  onSeek: (wall: number, draft: boolean) => void;
}

/**
 * A day of recording. What is covered is a solid bar, what is missing is hatched and says why; the playhead is dragged
 * on the bar, the ruler above it moves the view, wheel and pinch zoom.
 */
export function Timeline(props: TimelineProps) {
  const t = useT();
  const format = useFormat(props.zone);
  const theme = useUi((state) => state.theme);
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [hover, setHover] = useState<number | null>(null);
  const [focused, setFocused] = useState(false);
  const pointers = useRef(new Map<number, { x: number; y: number }>());
  const gesture = useRef<{ kind: 'scrub' | 'pan' | 'pinch'; view: View; x: number; spread: number } | null>(null);
  const latest = useRef(props);
  latest.current = props;

  const { view } = props;
  const msPerPx = width > 0 ? (view.end - view.start) / width : 1;
  const xOf = (wall: number): number => (wall - view.start) / msPerPx;

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  // The system's own switch between dark and light repaints as well.
  const [scheme, setScheme] = useState(0);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const changed = (): void => setScheme((count) => count + 1);
    dark.addEventListener('change', changed);
    return () => dark.removeEventListener('change', changed);
  }, []);

  useEffect(() => {
    if (canvas.current && width > 0) paint(canvas.current, width, props, format.minute, format.clock);
  }, [width, props, format, theme, scheme]);

  const wallAt = (clientX: number): number => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    const { view: shown } = latest.current;
    return shown.start + ((clientX - left) / Math.max(1, width)) * (shown.end - shown.start);
  };

  const seekable = (wall: number): number => Math.max(props.day.start, Math.min(wall, props.day.end - 1, props.now));

  // Wheel zooms, and must keep the page from scrolling: not possible with a passive listener.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      const { view: shown, day, onView } = latest.current;
      const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (sideways) {
        const by = ((event.deltaX || event.deltaY) / Math.max(1, element.clientWidth)) * (shown.end - shown.start);
        onView(within({ start: shown.start + by, end: shown.end + by }, day));
      } else {
        const left = element.getBoundingClientRect().left;
        const around =
          shown.start + ((event.clientX - left) / Math.max(1, element.clientWidth)) * (shown.end - shown.start);
        onView(zoomed(shown, around, Math.exp(event.deltaY * 0.0022), day));
      }
    };
    element.addEventListener('wheel', wheel, { passive: false });
    return () => element.removeEventListener('wheel', wheel);
  }, []);

  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    const element = event.currentTarget as HTMLElement;
    element.setPointerCapture(event.pointerId);
    pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const [a, b] = [...pointers.current.values()];
    if (a && b) {
      gesture.current = { kind: 'pinch', view, x: (a.x + b.x) / 2, spread: Math.max(20, Math.abs(a.x - b.x)) };
      return;
    }
    const y = event.clientY - element.getBoundingClientRect().top;
    gesture.current = { kind: y < RULER_PX ? 'pan' : 'scrub', view, x: event.clientX, spread: 1 };
    if (gesture.current.kind === 'scrub') props.onSeek(seekable(wallAt(event.clientX)), true);
  };

  const move = (event: PointerEvent): void => {
    setHover(event.clientX);
    const held = gesture.current;
    if (!held || !pointers.current.has(event.pointerId)) return;
    pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const length = held.view.end - held.view.start;
    if (held.kind === 'scrub') props.onSeek(seekable(wallAt(event.clientX)), true);
    else if (held.kind === 'pan') {
      const by = ((held.x - event.clientX) / Math.max(1, width)) * length;
      props.onView(within({ start: held.view.start + by, end: held.view.end + by }, props.day));
    } else {
      const [a, b] = [...pointers.current.values()];
      if (!a || !b) return;
      const left = box.current?.getBoundingClientRect().left ?? 0;
      const around = held.view.start + ((held.x - left) / Math.max(1, width)) * length;
      const nearer = zoomed(held.view, around, held.spread / Math.max(20, Math.abs(a.x - b.x)), props.day);
      const by = ((held.x - (a.x + b.x) / 2) / Math.max(1, width)) * (nearer.end - nearer.start);
      props.onView(within({ start: nearer.start + by, end: nearer.end + by }, props.day));
    }
  };

  const up = (event: PointerEvent): void => {
    pointers.current.delete(event.pointerId);
    const held = gesture.current;
    if (pointers.current.size > 0) return;
    gesture.current = null;
    if (held?.kind === 'scrub' && event.type === 'pointerup') props.onSeek(seekable(wallAt(event.clientX)), false);
    if (event.pointerType === 'touch') setTimeout(() => setHover(null), 2500);
  };

  const pointed = hover === null ? (focused ? props.at : null) : wallAt(hover);
  const gap = pointed === null ? null : gapAt(props.gaps, pointed);
  const tipX = pointed === null ? 0 : Math.min(Math.max(xOf(pointed), 8), width - 8);
  const atGap = gapAt(props.gaps, props.at);
  const reason = (stretch: GapStretch): string => t.code('gap', stretch.reason) ?? t('gap.unknown');

  return (
    <div class="relative">
      <div
        ref={box}
        role="slider"
        tabIndex={0}
        aria-label={t('timeline.label')}
        aria-valuemin={props.day.start}
        aria-valuemax={Math.min(props.day.end, props.now)}
        aria-valuenow={Math.round(props.at)}
        aria-valuetext={`${format.clock(props.at)}${atGap ? `. ${t('timeline.gap')}: ${reason(atGap)}` : ''}`}
        class="relative cursor-pointer touch-pan-y overflow-hidden rounded-xl bg-surface select-none"
        style={{ height: `${HEIGHT_PX}px` }}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={up}
        onPointerLeave={(event) => event.pointerType !== 'touch' && setHover(null)}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
      >
        <canvas ref={canvas} aria-hidden="true" class="block size-full" />
        {pointed !== null && hover !== null && (
          <span
            aria-hidden="true"
            class="pointer-events-none absolute w-px bg-muted/70"
            style={{ left: `${xOf(pointed)}px`, top: `${RULER_PX}px`, bottom: 0 }}
          />
        )}
      </div>
      {pointed !== null && (hover !== null || gap) && (
        <div
          aria-hidden="true"
          class="card pointer-events-none absolute bottom-full z-20 mb-1.5 w-max max-w-64 px-3 py-1.5 text-sm"
          style={{ left: `${tipX}px`, transform: `translateX(-${(tipX / Math.max(1, width)) * 100}%)` }}
        >
          <span class="tnum font-semibold">{format.clock(pointed)}</span>
          {gap && (
            <span class="block text-muted">
              {t('timeline.gap')}: {reason(gap)}
            </span>
          )}
        </div>
      )}
    </div>
  );
}

/** Hatching of a colour, as a canvas pattern. */
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

function paint(
  canvas: HTMLCanvasElement,
  width: number,
  { day, view, main, sub, gaps, events, now, at, live }: TimelineProps,
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
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  const pattern = hatch(context, colour('--bad'), ratio);
  context.restore();
  for (const gap of gaps) {
    if (gap.end < view.start || gap.start > view.end) continue;
    const left = Math.max(0, x(gap.start));
    const wide = Math.max(2, Math.min(width, x(gap.end)) - left);
    context.fillStyle = colour('--bad-soft');
    context.fillRect(left, TRACK_TOP, wide, TRACK_PX);
    // The pattern is made of device pixels.
    context.save();
    context.beginPath();
    context.rect(left, TRACK_TOP, wide, TRACK_PX);
    context.clip();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = pattern;
    context.fillRect(left * ratio, TRACK_TOP * ratio, wide * ratio, TRACK_PX * ratio);
    context.restore();
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
