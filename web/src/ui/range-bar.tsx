import { useFormat, useT } from '../i18n/use.ts';
import { movedEdge } from '../lib/range.ts';
import { localText, zonedInstant } from '../lib/zoned.ts';
import type { Stretch } from '../media/coverage.ts';
import { Icon } from './icon.tsx';

/** The chosen range in words, with what can be done with it. */
export function RangeBar(props: {
  range: Stretch;
  bounds: Stretch;
  /** The playhead. */
  at: number;
  day: string;
  zone: string;
  mayExport: boolean;
  onRange: (range: Stretch) => void;
  onLock: () => void;
  onExport: () => void;
  onProve: () => void;
  onClose: () => void;
}) {
  const t = useT();
  const format = useFormat(props.zone);
  const { range, bounds } = props;
  const put = (edge: 'start' | 'end', wall: number): void => {
    if (!Number.isNaN(wall)) props.onRange(movedEdge(range, edge, wall, bounds));
  };
  return (
    <section
      aria-label={t('timeline.range')}
      class="card flex flex-wrap items-end gap-x-3 gap-y-3 border-accent/60 p-3 sm:px-4"
    >
      {(['start', 'end'] as const).map((edge) => (
        <div key={edge} class="flex w-full min-w-0 items-end gap-1 sm:w-auto">
          <label class="min-w-0 flex-1">
            <span class="mb-1 block text-sm font-medium">
              {t(edge === 'start' ? 'timeline.rangeFrom' : 'timeline.rangeTo')}
            </span>
            <input
              class="input tnum px-2.5 sm:w-42"
              type="time"
              step="1"
              name={`range-${edge}`}
              value={localText(range[edge], props.zone).slice(11)}
              onChange={(event) => {
                const time = event.currentTarget.value;
                if (time)
                  put(edge, zonedInstant(`${props.day}T${time.length === 5 ? `${time}:00` : time}`, props.zone));
              }}
            />
          </label>
          <button
            type="button"
            class="btn-icon"
            aria-label={t(edge === 'start' ? 'timeline.rangeStartHere' : 'timeline.rangeEndHere')}
            title={`${t(edge === 'start' ? 'timeline.rangeStartHere' : 'timeline.rangeEndHere')} (${edge === 'start' ? 'I' : 'O'})`}
            onClick={() => put(edge, props.at)}
          >
            <svg aria-hidden="true" width="22" height="22" viewBox="0 0 24 24" fill="currentColor">
              <path d={edge === 'start' ? 'M6 4h2v16H6ZM20 12l-8-5v10Z' : 'M16 4h2v16h-2ZM4 12l8-5v10Z'} />
            </svg>
          </button>
        </div>
      ))}
      <p class="tnum pb-2.5 text-sm text-muted" aria-live="polite">
        {format.duration(range.end - range.start)}
      </p>
      <div class="ml-auto flex flex-wrap gap-2 max-sm:w-full">
        {props.mayExport && (
          <>
            <button type="button" class="btn btn-primary max-sm:flex-1" onClick={props.onExport}>
              <Icon name="export" size={18} /> {t('export.do')}
            </button>
            <button type="button" class="btn btn-quiet max-sm:flex-1" onClick={props.onLock}>
              <Icon name="lock" size={18} /> {t('lock.do')}
            </button>
          </>
        )}
        <button type="button" class="btn btn-quiet max-sm:flex-1" onClick={props.onProve}>
          <Icon name="shield" size={18} /> {t('evidence.check')}
        </button>
        <button type="button" class="btn-icon" aria-label={t('timeline.selectEnd')} onClick={props.onClose}>
          <Icon name="close" />
        </button>
      </div>
    </section>
  );
}
