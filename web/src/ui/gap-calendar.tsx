import type { GapDay } from '../api/types-recorder.ts';
import type { Formatter } from '../i18n/format.ts';
import type { Translator } from '../i18n/index.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { markOf, weeksOf, type DayMark } from '../lib/gap-days.ts';
import { dayName } from '../lib/plan-words.ts';
import { shiftDay } from '../lib/zoned.ts';
import { useUi } from '../state/ui.ts';

const LOOK: Record<DayMark, string> = {
  none: 'text-muted',
  whole: 'bg-accent-soft',
  scheduled: 'bg-track text-muted',
  little: 'bg-accent-soft',
  much: 'bg-warn-soft',
  lost: 'bg-bad-soft',
};

/** A month of days: each with a bar of what was recorded, what was not planned and what is missing. */
export function GapCalendar(props: {
  /** `2026-11` */
  month: string;
  days: ReadonlyMap<string, GapDay>;
  chosen: string | null;
  today: string;
  onDay: (day: string) => void;
}) {
  const t = useT();
  const format = useFormat('UTC');
  const language = useUi((state) => state.language);
  const monthName = new Intl.DateTimeFormat(language, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    Date.parse(`${props.month}-01T00:00:00Z`),
  );
  return (
    <section aria-label={t('gaps.calendar', { month: monthName })}>
      <h3 class="mb-2 text-sm font-semibold first-letter:uppercase">{monthName}</h3>
      <table class="w-full table-fixed border-separate border-spacing-1">
        <thead>
          <tr>
            {[0, 1, 2, 3, 4, 5, 6].map((day) => (
              <th
                key={day}
                scope="col"
                abbr={dayName(day, language, 'long')}
                class="pb-1 text-xs font-medium text-muted"
              >
                {dayName(day, language)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeksOf(props.month).map((week) => (
            <tr key={week.find(Boolean)}>
              {week.map((date, index) => (
                <td key={date ?? index} class="p-0">
                  {date && (
                    <button
                      type="button"
                      data-day={date}
                      class={`relative flex h-12 w-full flex-col items-start justify-between overflow-hidden rounded-lg border px-1.5 pt-1 pb-1.5 text-left sm:h-14 ${LOOK[markOf(props.days.get(date))]} ${props.chosen === date ? 'border-accent ring-2 ring-accent' : date === props.today ? 'border-line-strong' : 'border-line hover:border-line-strong'} disabled:opacity-45`}
                      aria-pressed={props.chosen === date}
                      aria-current={date === props.today ? 'date' : undefined}
                      aria-label={label(t, format, date, props.days.get(date))}
                      disabled={date > props.today}
                      onKeyDown={(event) => step(date, event)}
                      onClick={() => props.onDay(date)}
                    >
                      <span aria-hidden="true" class="tnum text-xs font-medium">
                        {Number(date.slice(8))}
                      </span>
                      <Lost day={props.days.get(date)} />
                      <Bar day={props.days.get(date)} />
                    </button>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** How much is missing, in a corner of the day. */
function Lost({ day }: { day: GapDay | undefined }) {
  const format = useFormat();
  if (!day || day.missing_s < 1) return null;
  return (
    <span
      aria-hidden="true"
      class="tnum absolute right-1 bottom-3 text-[10px] font-semibold whitespace-nowrap text-bad"
    >
      {format.brief(day.missing_s * 1000)}
    </span>
  );
}

function Bar({ day }: { day: GapDay | undefined }) {
  if (!day) return null;
  const all = Math.max(86_400, day.recorded_s + day.missing_s + day.not_scheduled_s);
  const part = (seconds: number): string => `${(seconds / all) * 100}%`;
  return (
    <span aria-hidden="true" class="absolute inset-x-1 bottom-1 flex h-1.5 overflow-hidden rounded-full bg-track">
      <span class="bg-span" style={{ width: part(day.recorded_s) }} />
      <span class="hatched" style={{ width: part(day.not_scheduled_s) }} />
      <span class="bg-bad" style={{ width: part(day.missing_s), minWidth: day.missing_s >= 1 ? '2px' : 0 }} />
    </span>
  );
}

function label(t: Translator, format: Formatter, date: string, day: GapDay | undefined): string {
  const name = format.weekday(Date.parse(`${date}T12:00:00Z`));
  if (!day || markOf(day) === 'none') return t('gaps.dayNone', { day: name });
  return t('gaps.dayLabel', {
    day: name,
    recorded: format.duration(day.recorded_s * 1000),
    missing: format.duration(day.missing_s * 1000),
    planned: format.duration(day.not_scheduled_s * 1000),
  });
}

/** Arrow keys move from day to day, also into the month beside. */
function step(day: string, event: KeyboardEvent): void {
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
  if (by === undefined) return;
  const next = document.querySelector<HTMLButtonElement>(`[data-day="${shiftDay(day, by)}"]`);
  event.preventDefault();
  next?.focus();
}
