import { useState } from 'react';
import { useFormat, useT } from '../i18n/use.ts';
import { browserZone, localText, shiftDay, zonedInstant } from '../lib/zoned.ts';
import { Icon } from './icon.tsx';

/** Below the timeline: which day, which time, how near. */
export function DayBar(props: {
  day: string;
  today: string;
  at: number;
  zone: string;
  onDay: (day: string) => void;
  onTime: (wall: number) => void;
  onZoom: (factor: number) => void;
  /** A range is being chosen. */
  choosing: boolean;
  onChoose: () => void;
}) {
  const t = useT();
  const format = useFormat(props.zone);
  /** What is being typed; null while the field follows the playhead. */
  const [typed, setTyped] = useState<string | null>(null);
  const commit = (): void => {
    if (typed) props.onTime(zonedInstant(`${props.day}T${withSeconds(typed)}`, props.zone));
    setTyped(null);
  };
  return (
    <div class="flex flex-wrap items-center gap-x-3 gap-y-2">
      <div class="flex items-center">
        <button
          type="button"
          class="btn-icon -ml-2"
          aria-label={t('timeline.previousDay')}
          onClick={() => props.onDay(shiftDay(props.day, -1))}
        >
          <Icon name="left" />
        </button>
        <label>
          <span class="sr-only">{t('timeline.day')}</span>
          <input
            class="input tnum w-40"
            type="date"
            name="day"
            max={props.today}
            value={props.day}
            onChange={(event) => {
              const chosen = event.currentTarget.value;
              if (chosen && chosen <= props.today) props.onDay(chosen);
            }}
          />
        </label>
        <button
          type="button"
          class="btn-icon"
          aria-label={t('timeline.nextDay')}
          disabled={props.day >= props.today}
          onClick={() => props.onDay(shiftDay(props.day, 1))}
        >
          <Icon name="right" />
        </button>
      </div>
      <label class="flex items-center gap-2">
        <span class="text-sm text-muted max-sm:sr-only">{t('timeline.goTo')}</span>
        <input
          class="input tnum w-42"
          type="time"
          step="1"
          name="time"
          value={typed ?? localText(props.at, props.zone).slice(11)}
          onInput={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            commit();
          }}
          onBlur={commit}
        />
      </label>
      <div class="ml-auto flex items-center">
        <button
          type="button"
          class="btn-icon"
          aria-pressed={props.choosing}
          aria-label={t('timeline.select')}
          title={t('timeline.select')}
          onClick={props.onChoose}
        >
          <Icon name="range" />
        </button>
        <button type="button" class="btn-icon" aria-label={t('timeline.zoomOut')} onClick={() => props.onZoom(2)}>
          <Icon name="minus" />
        </button>
        <button type="button" class="btn-icon" aria-label={t('timeline.zoomIn')} onClick={() => props.onZoom(0.5)}>
          <Icon name="plus" />
        </button>
      </div>
      {props.zone !== browserZone() && (
        <p class="w-full text-xs text-muted">
          {t('timeline.zone', { zone: props.zone.replaceAll('_', ' ') })} ({format.minute(props.at)})
        </p>
      )}
    </div>
  );
}

/** A time field leaves the seconds out when they are zero. */
function withSeconds(time: string): string {
  return time.length === 5 ? `${time}:00` : time;
}
