import { useEffect, useRef, useState } from 'react';
import { useFormat, useT } from '../i18n/use.ts';
import { gapAt, originAt, type GapStretch, type Stretch } from '../media/coverage.ts';
import { within, zoomed, type View } from '../lib/ruler.ts';
import { useUi } from '../state/ui.ts';
import { HEIGHT_PX, paint, RULER_PX, type Painted } from './timeline-paint.ts';
import { TimelineRange } from './timeline-range.tsx';

export interface TimelineProps extends Painted {
  onView: (view: View) => void;
  zone: string;
  onSeek: (wall: number, draft: boolean) => void;
  /** The chosen range; null while none is chosen. */
  range: Stretch | null;
  onRange: (range: Stretch) => void;
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
  const origin = pointed === null || gap ? null : originAt(props.origins, pointed);
  const lock = pointed === null ? null : props.locks.find((one) => pointed >= one.start && pointed < one.end);
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
      {props.range && (
        <TimelineRange
          range={props.range}
          bounds={{ start: props.day.start, end: Math.min(props.day.end, props.now) }}
          view={view}
          width={width}
          zone={props.zone}
          onRange={props.onRange}
        />
      )}
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
          {origin && <span class="block text-muted">{t.code('timeline.origin', origin)}</span>}
          {lock && <span class="block text-muted">{t('timeline.locked')}</span>}
        </div>
      )}
    </div>
  );
}
