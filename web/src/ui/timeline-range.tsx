import { useRef } from 'react';
import { useFormat, useT } from '../i18n/use.ts';
import { movedEdge } from '../lib/range.ts';
import type { View } from '../lib/ruler.ts';
import type { Stretch } from '../media/coverage.ts';
import { HEIGHT_PX, RULER_PX } from './timeline-paint.ts';

const EDGES = ['start', 'end'] as const;
/** What an arrow key moves an end by; with Shift, and with Page Up and Down. */
const STEP_MS = 1000;
const STRIDE_MS = 10_000;
const LEAP_MS = 60_000;

/** The chosen range over the strip: a shade, and a grip at each end for the thumb, the mouse and the keyboard. */
export function TimelineRange(props: {
  range: Stretch;
  /** Where its ends may be. */
  bounds: Stretch;
  view: View;
  /** Of the strip, CSS pixels. */
  width: number;
  zone: string;
  onRange: (range: Stretch) => void;
}) {
  const t = useT();
  const format = useFormat(props.zone);
  const held = useRef<{ edge: 'start' | 'end'; x: number; from: number } | null>(null);
  const { range, bounds, view, width } = props;
  const msPerPx = (view.end - view.start) / Math.max(1, width);
  const x = (wall: number): number => (wall - view.start) / msPerPx;
  const left = Math.max(0, x(range.start));
  const right = Math.min(width, x(range.end));
  const put = (edge: 'start' | 'end', wall: number): void => props.onRange(movedEdge(range, edge, wall, bounds));

  const press = (edge: 'start' | 'end', event: KeyboardEvent): void => {
    const by = {
      ArrowLeft: event.shiftKey ? -STRIDE_MS : -STEP_MS,
      ArrowRight: event.shiftKey ? STRIDE_MS : STEP_MS,
      ArrowDown: -STEP_MS,
      ArrowUp: STEP_MS,
      PageDown: -LEAP_MS,
      PageUp: LEAP_MS,
    }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    // The page's own arrow keys move the playhead.
    event.stopPropagation();
    put(edge, range[edge] + by);
  };

  return (
    <>
      {right > 0 && left < width && (
        <span
          aria-hidden="true"
          class="pointer-events-none absolute border-y-2 border-accent bg-accent/20"
          style={{ left: `${left}px`, width: `${Math.max(1, right - left)}px`, top: `${RULER_PX}px`, bottom: 0 }}
        />
      )}
      {EDGES.map((edge) => {
        const at = x(range[edge]);
        const inside = at >= -1 && at <= width + 1;
        return (
          <div
            key={edge}
            role="slider"
            tabIndex={0}
            aria-label={t(edge === 'start' ? 'timeline.rangeStart' : 'timeline.rangeEnd')}
            aria-valuemin={bounds.start}
            aria-valuemax={Math.round(bounds.end)}
            aria-valuenow={Math.round(range[edge])}
            aria-valuetext={format.clock(range[edge])}
            class={`absolute z-10 w-11 cursor-ew-resize touch-none ${inside ? '' : 'sr-only'}`}
            style={
              inside
                ? {
                    left: `${at - (edge === 'start' ? 38 : 6)}px`,
                    top: `${RULER_PX - 4}px`,
                    height: `${HEIGHT_PX - RULER_PX + 4}px`,
                  }
                : {}
            }
            onKeyDown={(event) => press(edge, event)}
            onPointerDown={(event) => {
              if (event.button !== 0) return;
              event.currentTarget.setPointerCapture(event.pointerId);
              held.current = { edge, x: event.clientX, from: range[edge] };
            }}
            onPointerMove={(event) => {
              const grip = held.current;
              if (grip?.edge === edge) put(edge, grip.from + (event.clientX - grip.x) * msPerPx);
            }}
            onPointerUp={() => {
              held.current = null;
            }}
            onPointerCancel={() => {
              held.current = null;
            }}
          >
            <span
              aria-hidden="true"
              class={`absolute inset-y-0 grid w-3 place-items-center bg-accent ${edge === 'start' ? 'right-1.5 rounded-l-md' : 'left-1.5 rounded-r-md'}`}
            >
              <span class="h-5 w-0.5 rounded-full bg-accent-ink/80" />
            </span>
          </div>
        );
      })}
    </>
  );
}
