import { useId, useRef, useState } from 'react';
import type { SpanMode } from '../../api/types-recorder.ts';
import { useT } from '../../i18n/use.ts';
import { dayName } from '../../lib/plan-words.ts';
import { clockOf, DAY_MINUTES, modeAt, paint, type Week } from '../../lib/schedule.ts';
import { useUi } from '../../state/ui.ts';

/** Half an hour: what a finger can hit, and what plans are made of. Other times are typed. */
const SLOT = 30;
const SLOTS = DAY_MINUTES / SLOT;
const DAYS = [0, 1, 2, 3, 4, 5, 6] as const;

interface Cell {
  day: number;
  slot: number;
}

interface Block {
  days: [number, number];
  slots: [number, number];
}

const blockOf = (a: Cell, b: Cell): Block => ({
  days: [Math.min(a.day, b.day), Math.max(a.day, b.day)],
  slots: [Math.min(a.slot, b.slot), Math.max(a.slot, b.slot)],
});

/** The clock at the beginning of one slot and the end of another. */
const span = (from: number, to: number): { from: string; to: string } => ({
  from: clockOf(from * SLOT),
  to: clockOf((to + 1) * SLOT),
});

/** The seven days as strips that are painted: by finger, mouse or keyboard. */
export function WeekGrid(props: {
  week: Week;
  /** What a stroke leaves; null takes paint away. */
  brush: SpanMode | null;
  otherwise: SpanMode;
  onWeek: (week: Week) => void;
}) {
  const t = useT();
  const language = useUi((state) => state.language);
  const id = useId();
  const rows = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState<Cell>({ day: 0, slot: 16 });
  const [anchor, setAnchor] = useState<Cell | null>(null);
  const [focused, setFocused] = useState(false);
  const [stroke, setStroke] = useState<{ from: Cell; to: Cell } | null>(null);
  const [said, setSaid] = useState('');
  const block = stroke ? blockOf(stroke.from, stroke.to) : focused ? blockOf(anchor ?? cursor, cursor) : null;

  const words = (mode: SpanMode | null): string => (mode ? t(`plan.lower.${mode}`) : t('plan.cellOpen'));
  const paintBlock = (target: Block, mode: SpanMode | null): void => {
    let week = props.week;
    const [first, last] = target.slots;
    for (let day = target.days[0]; day <= target.days[1]; day++)
      week = paint(week, day, first * SLOT, (last + 1) * SLOT, mode);
    props.onWeek(week);
    const [a, b] = target.days;
    const day = dayName(a, language, 'long');
    setSaid(
      t('plan.painted', {
        day: a === b ? day : `${day}–${dayName(b, language, 'long')}`,
        ...span(first, last),
        what: words(mode),
      }),
    );
  };

  const press = (event: KeyboardEvent): void => {
    const step = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      Home: [0, -SLOTS],
      End: [0, SLOTS],
    }[event.key];
    if (step) {
      event.preventDefault();
      if (event.shiftKey) setAnchor(anchor ?? cursor);
      else setAnchor(null);
      setCursor({
        day: Math.max(0, Math.min(6, cursor.day + step[0]!)),
        slot: Math.max(0, Math.min(SLOTS - 1, cursor.slot + step[1]!)),
      });
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      paintBlock(blockOf(anchor ?? cursor, cursor), props.brush);
      setAnchor(null);
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      event.preventDefault();
      paintBlock(blockOf(anchor ?? cursor, cursor), null);
      setAnchor(null);
    } else if (event.key === 'Escape' && anchor) {
      event.preventDefault();
      setAnchor(null);
    }
  };

  const cellAt = (event: PointerEvent): Cell => {
    const strips = [...(rows.current?.querySelectorAll<HTMLElement>('[data-strip]') ?? [])];
    const boxes = strips.map((strip) => strip.getBoundingClientRect());
    const below = boxes.findIndex((box) => event.clientY < box.bottom);
    const box = boxes[0];
    const share = box ? (event.clientX - box.left) / Math.max(1, box.width) : 0;
    return {
      day: below < 0 ? 6 : below,
      slot: Math.max(0, Math.min(SLOTS - 1, Math.floor(share * SLOTS))),
    };
  };

  return (
    <div>
      <div aria-hidden="true" class="tnum mb-1 ml-11 flex justify-between text-[11px] text-muted">
        {[0, 3, 6, 9, 12, 15, 18, 21, 24].map((hour) => (
          <span key={hour} class={`w-0 text-center ${hour % 6 === 0 ? '' : 'max-sm:invisible'}`}>
            <span class="inline-block -translate-x-1/2">{hour}</span>
          </span>
        ))}
      </div>
      <div
        ref={rows}
        role="grid"
        tabIndex={0}
        aria-label={t('plan.week')}
        aria-describedby={`${id}-hint`}
        aria-activedescendant={`${id}-${cursor.day}-${cursor.slot}`}
        aria-multiselectable="true"
        class="flex touch-pan-y flex-col gap-1 rounded-xl select-none"
        onKeyDown={press}
        onFocus={() => setFocused(true)}
        onBlur={() => {
          setFocused(false);
          setAnchor(null);
        }}
        onPointerDown={(event) => {
          if (event.button !== 0 || !(event.target as HTMLElement).closest('[data-strip]')) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          const cell = cellAt(event);
          setStroke({ from: cell, to: cell });
        }}
        onPointerMove={(event) => {
          if (stroke) setStroke({ ...stroke, to: cellAt(event) });
        }}
        onPointerUp={() => {
          if (!stroke) return;
          paintBlock(blockOf(stroke.from, stroke.to), props.brush);
          setCursor(stroke.to);
          setAnchor(null);
          setStroke(null);
        }}
        onPointerCancel={() => setStroke(null)}
      >
        {DAYS.map((day) => {
          const inRow = block !== null && day >= block.days[0] && day <= block.days[1];
          return (
            <div key={day} role="row" class="flex items-center">
              <span
                role="rowheader"
                aria-label={dayName(day, language, 'long')}
                class="w-11 shrink-0 text-sm text-muted"
              >
                {dayName(day, language)}
              </span>
              <div
                data-strip
                role="presentation"
                class={`relative grid h-11 flex-1 cursor-crosshair grid-cols-[repeat(48,minmax(0,1fr))] overflow-hidden rounded-lg border border-line sm:h-10`}
              >
                <span aria-hidden="true" class={`absolute inset-0 opacity-25 mode-${props.otherwise}`} />
                {props.week[day]?.map((one) => (
                  <span
                    key={one.from}
                    aria-hidden="true"
                    class={`absolute inset-y-0 mode-${one.mode}`}
                    style={{
                      left: `${(one.from / DAY_MINUTES) * 100}%`,
                      width: `${((one.to - one.from) / DAY_MINUTES) * 100}%`,
                    }}
                  />
                ))}
                {Array.from({ length: SLOTS }, (_, slot) => (
                  <span
                    key={slot}
                    id={`${id}-${day}-${slot}`}
                    role="gridcell"
                    aria-selected={inRow && slot >= block.slots[0] && slot <= block.slots[1]}
                    aria-label={t('plan.cell', {
                      day: dayName(day, language, 'long'),
                      ...span(slot, slot),
                      what: words(modeAt(props.week, day, slot * SLOT)),
                    })}
                    class={`relative ${slot % 12 === 0 && slot > 0 ? 'border-l border-line-strong/50' : slot % 2 === 0 && slot > 0 ? 'border-l border-line/60 max-sm:border-transparent' : ''}`}
                  />
                ))}
                {inRow && (
                  <span
                    aria-hidden="true"
                    class="pointer-events-none absolute inset-y-0 rounded-sm border-2 border-ink bg-surface/30"
                    style={{
                      left: `${(block.slots[0] / SLOTS) * 100}%`,
                      width: `${((block.slots[1] - block.slots[0] + 1) / SLOTS) * 100}%`,
                    }}
                  />
                )}
              </div>
            </div>
          );
        })}
      </div>
      <p id={`${id}-hint`} class="mt-2 text-sm text-muted">
        {t('plan.weekHint')}
      </p>
      <p role="status" class="sr-only">
        {said}
      </p>
    </div>
  );
}
