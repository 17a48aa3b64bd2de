import { useState } from 'react';
import type { Schedule, SpanMode } from '../../api/types-recorder.ts';
import { useT } from '../../i18n/use.ts';
import { dayName } from '../../lib/plan-words.ts';
import { DAY_MINUTES, emptyWeek, entriesOf, minutesOf, paintTimes, weekOf, type Week } from '../../lib/schedule.ts';
import { useUi } from '../../state/ui.ts';
import { Icon } from '../icon.tsx';
import { Field } from '../parts.tsx';
import { WeekGrid } from './week-grid.tsx';

export const SPAN_MODES: SpanMode[] = ['continuous', 'motion', 'event', 'off'];
const WORKDAYS = [0, 1, 2, 3, 4];
const WEEKEND = [5, 6];
const MORNING = 8 * 60;
const EVENING = 18 * 60;

/** A plan to begin with, where there is none yet. */
export const firstSchedule = (): Schedule => ({
  week: entriesOf(paintTimes(emptyWeek(), WORKDAYS, MORNING, EVENING, 'continuous')),
  holidays: [],
  otherwise: 'motion',
});

const PRESETS: { name: 'business' | 'nights' | 'empty'; week: (mode: SpanMode) => Week }[] = [
  { name: 'business', week: (mode) => paintTimes(emptyWeek(), WORKDAYS, MORNING, EVENING, mode) },
  {
    name: 'nights',
    week: (mode) =>
      paintTimes(paintTimes(emptyWeek(), WORKDAYS, EVENING, MORNING, mode), WEEKEND, 0, DAY_MINUTES, mode),
  },
  { name: 'empty', week: emptyWeek },
];

export function ModeSelect(props: { label: string; value: SpanMode; onValue: (mode: SpanMode) => void; name: string }) {
  const t = useT();
  return (
    <Field label={props.label}>
      {(attributes) => (
        <select
          {...attributes}
          class="input"
          name={props.name}
          value={props.value}
          onChange={(event) => props.onValue(event.currentTarget.value as SpanMode)}
        >
          {SPAN_MODES.map((mode) => (
            <option key={mode} value={mode}>
              {t(`plan.mode.${mode}`)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** The week, what holds outside of it, and days with a rule of their own. */
export function ScheduleEditor({ schedule, onSchedule }: { schedule: Schedule; onSchedule: (next: Schedule) => void }) {
  const t = useT();
  const [brush, setBrush] = useState<SpanMode | 'clear'>('continuous');
  const week = weekOf(schedule);
  const mode = brush === 'clear' ? null : brush;
  const setWeek = (next: Week): void => onSchedule({ ...schedule, week: entriesOf(next) });
  return (
    <div class="flex flex-col gap-6">
      <section aria-labelledby="week" class="card flex flex-col gap-4 p-3 sm:p-5">
        <div class="flex flex-wrap items-center justify-between gap-3">
          <h2 id="week" class="font-semibold">
            {t('plan.week')}
          </h2>
          <div class="flex flex-wrap items-center gap-2" role="group" aria-label={t('plan.preset')}>
            {PRESETS.map((preset) => (
              <button
                key={preset.name}
                type="button"
                class="btn btn-quiet px-3 text-sm"
                onClick={() => setWeek(preset.week(mode ?? 'continuous'))}
              >
                {t(`plan.preset.${preset.name}`)}
              </button>
            ))}
          </div>
        </div>
        <fieldset>
          <legend class="mb-1.5 text-sm font-medium">{t('plan.brush')}</legend>
          <div class="flex flex-wrap gap-2">
            {([...SPAN_MODES, 'clear'] as const).map((one) => (
              <label
                key={one}
                class="flex min-h-11 cursor-pointer items-center gap-2 rounded-xl border border-line px-3 text-sm has-checked:border-accent has-checked:bg-accent-soft has-checked:font-medium has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent"
              >
                <input
                  type="radio"
                  name="brush"
                  value={one}
                  class="sr-only"
                  checked={brush === one}
                  onChange={() => setBrush(one)}
                />
                <span
                  aria-hidden="true"
                  class={`size-5 rounded border border-line ${one === 'clear' ? 'grid place-items-center text-muted' : `mode-${one}`}`}
                >
                  {one === 'clear' && <Icon name="close" size={14} />}
                </span>
                {one === 'clear' ? t('plan.brush.clear') : t(`plan.mode.${one}`)}
              </label>
            ))}
          </div>
        </fieldset>
        <WeekGrid week={week} brush={mode} otherwise={schedule.otherwise} onWeek={setWeek} />
        <AddTime mode={mode} onAdd={(days, from, to) => setWeek(paintTimes(week, days, from, to, mode))} />
      </section>
      <section class="card flex flex-col gap-5 p-4 sm:p-5">
        <ModeSelect
          name="otherwise"
          label={t('plan.otherwiseLabel')}
          value={schedule.otherwise}
          onValue={(otherwise) => onSchedule({ ...schedule, otherwise })}
        />
        <Holidays schedule={schedule} onSchedule={onSchedule} />
      </section>
    </div>
  );
}

/** A time that is typed, to the minute; it may go over midnight. */
function AddTime(props: { mode: SpanMode | null; onAdd: (days: number[], from: number, to: number) => void }) {
  const t = useT();
  const language = useUi((state) => state.language);
  const [from, setFrom] = useState('18:00');
  const [to, setTo] = useState('08:00');
  const [days, setDays] = useState<number[]>(WORKDAYS);
  const [start, end] = [minutesOf(from), minutesOf(to)];
  const known = !Number.isNaN(start) && !Number.isNaN(end) && days.length > 0;
  return (
    <details class="rounded-xl border border-line">
      <summary class="flex min-h-11 items-center gap-2 px-3.5 text-sm font-medium">
        <Icon name="plus" size={18} /> {t('plan.add')}
      </summary>
      <div class="flex flex-col gap-4 border-t border-line p-3.5">
        <fieldset>
          <legend class="mb-1.5 text-sm font-medium">{t('plan.addDays')}</legend>
          <div class="flex flex-wrap gap-1.5">
            {[0, 1, 2, 3, 4, 5, 6].map((day) => (
              <label
                key={day}
                class="grid min-h-11 min-w-11 cursor-pointer place-items-center rounded-xl border border-line px-2 text-sm has-checked:border-accent has-checked:bg-accent-soft has-checked:font-medium has-focus-visible:outline-2 has-focus-visible:outline-accent"
              >
                <input
                  type="checkbox"
                  class="sr-only"
                  aria-label={dayName(day, language, 'long')}
                  checked={days.includes(day)}
                  onChange={(event) =>
                    setDays(event.currentTarget.checked ? [...days, day].toSorted() : days.filter((one) => one !== day))
                  }
                />
                <span aria-hidden="true">{dayName(day, language)}</span>
              </label>
            ))}
          </div>
        </fieldset>
        <div class="flex flex-wrap items-end gap-3">
          {(
            [
              ['plan.addFrom', from, setFrom],
              ['plan.addTo', to, setTo],
            ] as const
          ).map(([label, value, set]) => (
            <label key={label}>
              <span class="mb-1.5 block text-sm font-medium">{t(label)}</span>
              <input
                type="time"
                class="input tnum w-36"
                value={value}
                onInput={(event) => set(event.currentTarget.value)}
              />
            </label>
          ))}
          <button type="button" class="btn btn-quiet" disabled={!known} onClick={() => props.onAdd(days, start, end)}>
            <span
              aria-hidden="true"
              class={`size-4 rounded border border-line ${props.mode ? `mode-${props.mode}` : ''}`}
            />
            {t('plan.addDo')}
          </button>
        </div>
        {known && end <= start && <p class="text-sm text-muted">{t('plan.addNight')}</p>}
      </div>
    </details>
  );
}

function Holidays({ schedule, onSchedule }: { schedule: Schedule; onSchedule: (next: Schedule) => void }) {
  const t = useT();
  const put = (index: number, change: Partial<Schedule['holidays'][number]>): void =>
    onSchedule({
      ...schedule,
      holidays: schedule.holidays.map((one, at) => (at === index ? { ...one, ...change } : one)),
    });
  return (
    <fieldset class="flex flex-col gap-3">
      <legend class="mb-1 font-medium">{t('plan.holidays')}</legend>
      <p class="text-sm text-muted">{t('plan.holidaysHint')}</p>
      {schedule.holidays.map((holiday, index) => (
        <div key={index} class="grid grid-cols-[1fr_1fr_auto] items-end gap-2 sm:max-w-lg">
          <label>
            <span class="mb-1.5 block text-sm font-medium">{t('plan.holidayDate')}</span>
            <input
              type="date"
              class="input tnum px-2.5"
              value={holiday.date}
              onChange={(event) => put(index, { date: event.currentTarget.value })}
            />
          </label>
          <ModeSelect
            name={`holiday-${index}`}
            label={t('plan.holidayMode')}
            value={holiday.mode}
            onValue={(mode) => put(index, { mode })}
          />
          <button
            type="button"
            class="btn-icon"
            aria-label={t('plan.holidayRemove', { date: holiday.date })}
            onClick={() => onSchedule({ ...schedule, holidays: schedule.holidays.filter((_, at) => at !== index) })}
          >
            <Icon name="trash" size={20} />
          </button>
        </div>
      ))}
      <button
        type="button"
        class="btn btn-quiet self-start"
        onClick={() => onSchedule({ ...schedule, holidays: [...schedule.holidays, { date: '', mode: 'off' }] })}
      >
        <Icon name="plus" size={18} /> {t('plan.holidayAdd')}
      </button>
    </fieldset>
  );
}
