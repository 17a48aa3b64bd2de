import { useId } from 'react';
import { useT } from '../../i18n/use.ts';
import { DAY_STOPS, stopOf } from '../../lib/retention.ts';
import { Switch } from '../parts.tsx';

/** Days, set by a thumb on a slider or typed; 0 has words of its own. */
export function DaysField(props: {
  name: string;
  label: string;
  hint: string;
  /** What 0 means. */
  none: string;
  /** Null: as the wider scope. */
  value: number | null;
  inherited: number;
  /** The name of the wider scope; null where there is none. */
  wider: string | null;
  disabled: boolean;
  onValue: (value: number | null) => void;
}) {
  const t = useT();
  const id = useId();
  const words = (days: number): string => (days === 0 ? props.none : t.n('planner.days', days));
  const shown = props.value ?? props.inherited;
  const follows = props.value === null && props.wider !== null;
  return (
    <div class="flex flex-col gap-1">
      <div class="flex items-baseline justify-between gap-3">
        <label for={id} class="font-medium">
          {props.label}
        </label>
        <span class={`tnum text-right ${follows ? 'text-muted' : 'font-semibold text-accent'}`}>{words(shown)}</span>
      </div>
      {!follows && (
        <div class="flex items-center gap-3">
          <input
            id={id}
            class="slider min-w-0 flex-1"
            type="range"
            min={0}
            max={DAY_STOPS.length - 1}
            step={1}
            value={stopOf(shown)}
            disabled={props.disabled}
            aria-valuetext={words(shown)}
            aria-describedby={`${id}-hint`}
            style={{ '--filled': `${(stopOf(shown) / (DAY_STOPS.length - 1)) * 100}%` }}
            onInput={(event) => props.onValue(DAY_STOPS[Number(event.currentTarget.value)] ?? 0)}
          />
          <input
            class="input tnum w-22 px-3 text-right"
            type="number"
            inputMode="numeric"
            name={props.name}
            min={0}
            max={3650}
            aria-label={`${props.label} (${t('planner.sliderHint')})`}
            value={String(shown)}
            disabled={props.disabled}
            onChange={(event) => {
              const typed = Math.round(Number(event.currentTarget.value));
              if (Number.isFinite(typed)) props.onValue(Math.max(0, Math.min(3650, typed)));
              event.currentTarget.value = String(shown);
            }}
          />
        </div>
      )}
      <p id={`${id}-hint`} class="text-sm text-muted">
        {follows ? t('planner.inherit', { scope: props.wider ?? '', value: words(props.inherited) }) : props.hint}
      </p>
      {props.wider !== null && (
        <Switch
          label={t('planner.own')}
          checked={props.value !== null}
          disabled={props.disabled}
          onChange={(on) => props.onValue(on ? props.inherited : null)}
        />
      )}
    </div>
  );
}
