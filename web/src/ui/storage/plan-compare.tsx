import type { PlanAnswer, RetentionPlan } from '../../api/types-recorder.ts';
import { useFormat, useT } from '../../i18n/use.ts';
import { roundDays } from '../../lib/retention.ts';
import { Notice } from '../parts.tsx';

function useDays(): (days: number | null) => string {
  const t = useT();
  return (days) => (days === null ? t('planner.unknownDays') : t.n('planner.days', roundDays(days)));
}

/** Now and then, side by side; and what it would cost, in red, before it happens. */
export function PlanCompare({ plan, touched, settled }: { plan: PlanAnswer; touched: boolean; settled: boolean }) {
  const t = useT();
  const format = useFormat();
  const most = Math.max(plan.now.days_expected ?? 0, plan.then.days_expected ?? 0, 0.1);
  const { deletes_bytes: bytes, deletes_before: until } = plan.then;
  return (
    <>
      <div class="grid grid-cols-2 gap-3">
        <Side title={t('planner.now')} plan={plan.now} most={most} strong={!touched} />
        <Side title={t('planner.then')} plan={touched ? plan.then : plan.now} most={most} strong={touched} />
      </div>
      <div aria-live="polite" class={`flex flex-col gap-2 ${settled ? '' : 'opacity-60'}`}>
        {!touched ? (
          <p class="text-sm text-muted">{t('planner.unchanged')}</p>
        ) : bytes > 0 ? (
          <p data-deletes class="rounded-xl bg-bad-soft px-4 py-3 font-semibold text-bad">
            {until
              ? t('planner.deletes', { size: format.bytes(bytes), time: format.dateTime(Date.parse(until)) })
              : t('planner.deletesSome', { size: format.bytes(bytes) })}
          </p>
        ) : (
          <p class="text-sm font-medium text-ok">{t('planner.deletesNothing')}</p>
        )}
        {(touched ? plan.then : plan.now).warnings.map((warning) => (
          <Notice key={`${warning.code}${warning.text}`} tone="warning">
            {warning.text}
          </Notice>
        ))}
      </div>
    </>
  );
}

function Side(props: { title: string; plan: RetentionPlan; most: number; strong: boolean }) {
  const t = useT();
  const format = useFormat();
  const days = useDays();
  const { plan } = props;
  return (
    <section
      aria-label={props.title}
      class={`rounded-xl border p-3 ${props.strong ? 'border-accent bg-accent-soft' : 'border-line'}`}
    >
      <h3 class="text-sm font-medium text-muted">{props.title}</h3>
      <p class="tnum mt-0.5 text-xl font-semibold tracking-tight">{days(plan.days_expected)}</p>
      <div aria-hidden="true" class="mt-2 h-2 rounded-full bg-track">
        <div
          class="h-full rounded-full bg-span transition-[width] duration-300"
          style={{ width: `${((plan.days_expected ?? 0) / props.most) * 100}%` }}
        />
      </div>
      <dl class="mt-3 grid grid-cols-[auto_1fr] gap-x-2 gap-y-1 text-sm">
        <dt class="text-muted">{t('planner.limit')}</dt>
        <dd class="text-right font-medium">{t(`planner.limit.${plan.limited_by ?? 'none'}`)}</dd>
        <dt class="text-muted">{t('planner.room')}</dt>
        <dd class="tnum text-right font-medium">{format.bytes(plan.usable_bytes)}</dd>
        <dt class="text-muted">{t('planner.rate')}</dt>
        <dd class="tnum text-right font-medium">{format.bitRate(plan.write_bit_rate)}</dd>
      </dl>
    </section>
  );
}

/** What it means for each stream. */
export function PlanStreams({ plan, touched }: { plan: PlanAnswer; touched: boolean }) {
  const t = useT();
  const format = useFormat();
  const days = useDays();
  const before = new Map(plan.now.streams.map((one) => [`${one.camera}/${one.stream}`, one]));
  return (
    <details class="card">
      <summary class="flex min-h-11 items-center px-4 py-1.5 text-sm font-medium">{t('planner.streams')}</summary>
      <ul class="divide-y divide-line border-t border-line">
        {plan.then.streams.map((one) => {
          const was = before.get(`${one.camera}/${one.stream}`)?.days_expected ?? null;
          const changed = touched && was !== one.days_expected;
          return (
            <li key={`${one.camera}/${one.stream}`} class="flex items-center justify-between gap-3 px-4 py-2.5 text-sm">
              <span class="min-w-0">
                <span class="block truncate font-medium">{one.camera_name ?? t('storage.removed')}</span>
                <span class="text-muted">
                  {t(`stream.${one.stream}`)} · {format.bitRate(one.bit_rate)}
                </span>
              </span>
              <span class="tnum shrink-0 text-right">
                {changed && (
                  <>
                    <s class="text-muted">{days(was)}</s> <span aria-hidden="true">→</span>{' '}
                  </>
                )}
                <span class={changed ? 'font-semibold text-accent' : 'font-medium'}>{days(one.days_expected)}</span>
              </span>
            </li>
          );
        })}
      </ul>
    </details>
  );
}
