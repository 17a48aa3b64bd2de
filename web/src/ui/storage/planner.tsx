import { useMutation, useQueries, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, change, get } from '../../api/client.ts';
import { usePlan } from '../../api/queries-recorder.ts';
import { useCameras, useSites } from '../../api/queries.ts';
import type { ScopeSettings, SettingValues } from '../../api/types-recorder.ts';
import { useFormat, useT } from '../../i18n/use.ts';
import { changesOf, inherited, mergedValues, roundDays } from '../../lib/retention.ts';
import { useLater } from '../../lib/use-later.ts';
import { useSession } from '../../state/session.ts';
import { Field, Loading, Notice, Spinner, Switch } from '../parts.tsx';
import { PlanCompare, PlanStreams } from './plan-compare.tsx';
import { DaysField } from './planner-field.tsx';

/** The box is asked this long after the last touch of a slider. */
const SETTLE_MS = 250;

const DAY_FIELDS = [
  { key: 'retention.min_days', words: 'min' },
  { key: 'retention.max_days', words: 'max' },
  { key: 'retention.event_days', words: 'events' },
  { key: 'retention.thin_after_days', words: 'thin' },
] as const;

interface Wider {
  scope: string;
  name: string;
}

/** The scopes around a scope, widest first. */
function around(scope: string, site: string | null): string[] {
  if (scope === 'system') return [];
  if (scope.startsWith('camera:')) return ['system', 'customer', ...(site ? [`site:${site}`] : [])];
  return ['system', 'customer'];
}

/** How long footage is kept, and what would become of it: seen before it is so. */
export function Planner() {
  const t = useT();
  const cameras = useCameras();
  const sites = useSites();
  const [scope, setScope] = useState('system');
  const [said, setSaid] = useState('');
  const camera = (cameras.data ?? []).find((one) => `camera:${one.id}` === scope);
  const chain = around(scope, camera?.site ?? null);
  const read = useQueries({
    queries: [...chain, scope].map((one) => ({
      queryKey: ['settings', one],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        get<ScopeSettings>(`/settings/${encodeURIComponent(one)}`, signal),
    })),
  });
  const own = read.at(-1);
  const failed = read.find((one) => one.isError);
  const nameOf = (one: string): string => {
    const site = (sites.data ?? []).find((it) => `site:${it.id}` === one);
    return site ? t('planner.scope.site', { name: site.name }) : t('planner.scope.system');
  };
  const wider: Wider | null = chain.length > 0 ? { scope: chain.at(-1)!, name: nameOf(chain.at(-1)!) } : null;

  return (
    <section aria-labelledby="planner" class="flex flex-col gap-4">
      <div class="flex flex-wrap items-end justify-between gap-3">
        <div>
          <h2 id="planner" class="text-base font-semibold">
            {t('planner.title')}
          </h2>
          <p class="text-sm text-muted">{t('planner.lead')}</p>
        </div>
        <label class="flex items-center gap-3 max-sm:w-full">
          <span class="text-sm font-medium">{t('planner.scope')}</span>
          <select
            class="input sm:w-72"
            name="scope"
            value={scope}
            onChange={(event) => {
              setScope(event.currentTarget.value);
              setSaid('');
            }}
          >
            <option value="system">{t('planner.scope.system')}</option>
            {(sites.data ?? []).map((site) => (
              <option key={site.id} value={`site:${site.id}`}>
                {t('planner.scope.site', { name: site.name })}
              </option>
            ))}
            {(cameras.data ?? []).map((one) => (
              <option key={one.id} value={`camera:${one.id}`}>
                {t('planner.scope.camera', { name: one.name })}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p role="status" class="font-medium text-ok empty:hidden">
        {said}
      </p>
      {failed && (
        <Notice tone="bad" live>
          {failed.error?.message}
        </Notice>
      )}
      {own?.data && read.every((one) => one.data) ? (
        <Sliders
          key={`${scope}/${own.data.version}`}
          scope={scope}
          settings={own.data}
          wider={wider}
          onSaid={setSaid}
          chain={read.slice(0, -1).map((one) => one.data?.values ?? {})}
        />
      ) : (
        !failed && <Loading />
      )}
    </section>
  );
}

function Sliders(props: {
  scope: string;
  settings: ScopeSettings;
  wider: Wider | null;
  onSaid: (words: string) => void;
  /** What the wider scopes say, widest first. */
  chain: readonly SettingValues[];
}) {
  const t = useT();
  const format = useFormat();
  const client = useQueryClient();
  const may = useSession((state) => state.may)('configure');
  const own = props.settings.values;
  const [draft, setDraft] = useState<SettingValues>(own);
  const changes = changesOf(own, draft);
  const touched = Object.keys(changes).length > 0;
  const plan = usePlan(props.scope, useLater(changes, SETTLE_MS));
  const settled = !plan.isPlaceholderData && !plan.isFetching;

  const apply = useMutation({
    mutationFn: () =>
      change<ScopeSettings>('PUT', `/settings/${encodeURIComponent(props.scope)}`, {
        values: mergedValues(own, changes),
        version: props.settings.version,
      }),
    onSuccess: (saved) => {
      client.setQueryData(['settings', props.scope], saved);
      void client.invalidateQueries({ queryKey: ['storage'] });
      props.onSaid(t('planner.applied'));
    },
    onError: (error) => {
      if (error instanceof ApiError && error.status === 409)
        void client.invalidateQueries({ queryKey: ['settings', props.scope] });
    },
  });

  const put = (key: string, value: unknown): void => {
    apply.reset();
    props.onSaid('');
    setDraft({ ...draft, [key]: value });
  };
  const number = (key: string): number => Number(inherited(props.chain, key, 0)) || 0;
  const valueOf = (key: string): number | null =>
    typeof draft[key] === 'number' ? draft[key] : props.wider ? null : 0;
  const holds = (key: string, fallback: unknown): unknown => draft[key] ?? inherited(props.chain, key, fallback);
  const thins = Number(holds('retention.thin_after_days', 0)) > 0;
  const deletes = plan.data?.then.deletes_bytes ?? 0;
  const conflict = apply.error instanceof ApiError && apply.error.status === 409;

  return (
    <div class="grid items-start gap-4 lg:grid-cols-[1fr_1fr]">
      <div class="card flex flex-col gap-6 p-4 sm:p-5">
        {DAY_FIELDS.map(({ key, words }) => (
          <DaysField
            key={key}
            name={key}
            label={t(`planner.${words}`)}
            hint={t(`planner.${words}Hint`)}
            none={t(`planner.${words}.none`)}
            value={valueOf(key)}
            inherited={number(key)}
            wider={props.wider?.name ?? null}
            disabled={!may}
            onValue={(value) => put(key, value)}
          />
        ))}
        {thins && (
          <Field label={t('planner.thinTo')}>
            {(attributes) => (
              <select
                {...attributes}
                class="input"
                name="retention.thin_to"
                disabled={!may}
                value={String(holds('retention.thin_to', 'keys'))}
                onChange={(event) => put('retention.thin_to', event.currentTarget.value)}
              >
                <option value="sub">{t('planner.thinTo.sub')}</option>
                <option value="keys">{t('planner.thinTo.keys')}</option>
              </select>
            )}
          </Field>
        )}
        <details>
          <summary class="flex min-h-11 items-center text-sm font-medium">{t('planner.more')}</summary>
          <div class="flex flex-col gap-4 pt-1">
            <Field label={t('planner.bytes')} hint={t('planner.bytesHint')}>
              {(attributes) => (
                <input
                  {...attributes}
                  class="input tnum w-36"
                  type="number"
                  inputMode="numeric"
                  name="retention.max_bytes_gib"
                  min={0}
                  max={1_000_000}
                  disabled={!may}
                  value={String(holds('retention.max_bytes_gib', 0))}
                  onChange={(event) =>
                    put('retention.max_bytes_gib', Math.max(0, Math.round(Number(event.currentTarget.value) || 0)))
                  }
                />
              )}
            </Field>
            <Switch
              label={t('planner.mirror')}
              disabled={!may}
              checked={holds('volumes.mirror', false) === true}
              onChange={(on) => put('volumes.mirror', on)}
            />
            <Switch
              label={t('planner.eventCopy')}
              disabled={!may}
              checked={holds('recording.event_copy', false) === true}
              onChange={(on) => put('recording.event_copy', on)}
            />
          </div>
        </details>
        {touched && plan.data && (
          <p
            aria-hidden="true"
            class="sticky bottom-[calc(4.5rem+env(safe-area-inset-bottom))] -mx-2 flex flex-wrap justify-between gap-x-4 rounded-xl border border-accent bg-surface px-3.5 py-2 shadow-card sm:bottom-2 lg:hidden"
          >
            <span>
              {t('planner.then')}: <DaysWords days={plan.data.then.days_expected} />
            </span>
            {deletes > 0 && (
              <span class="font-semibold text-bad">{t('planner.deletesSome', { size: format.bytes(deletes) })}</span>
            )}
          </p>
        )}
      </div>

      <div class="flex flex-col gap-4 lg:sticky lg:top-20">
        <div class="card flex flex-col gap-4 p-4 sm:p-5">
          {plan.isError ? (
            <Notice tone="bad" live>
              {plan.error.message}
            </Notice>
          ) : plan.data ? (
            <PlanCompare plan={plan.data} touched={touched} settled={settled} />
          ) : (
            <p class="flex items-center gap-3 text-muted">
              <Spinner /> {t('planner.asking')}
            </p>
          )}
          {conflict ? (
            <Notice tone="warning" live>
              {t('planner.conflict')}
            </Notice>
          ) : (
            apply.isError && (
              <Notice tone="bad" live>
                {apply.error.message}
              </Notice>
            )
          )}
          {may ? (
            <div class="flex flex-wrap justify-end gap-3">
              <button
                type="button"
                class="btn btn-quiet"
                disabled={!touched || apply.isPending}
                onClick={() => setDraft(own)}
              >
                {t('planner.reset')}
              </button>
              <button
                type="button"
                class={`btn max-sm:flex-1 ${touched && deletes > 0 ? 'btn-bad' : 'btn-primary'}`}
                disabled={!touched || !settled || plan.isError || apply.isPending}
                onClick={() => apply.mutate()}
              >
                {apply.isPending && <Spinner />}{' '}
                {touched && deletes > 0
                  ? t('planner.applyDelete', { size: format.bytes(deletes) })
                  : t('planner.apply')}
              </button>
            </div>
          ) : (
            <p class="text-sm text-muted">{t('planner.cannot')}</p>
          )}
        </div>
        {plan.data && plan.data.then.streams.length > 0 && <PlanStreams plan={plan.data} touched={touched} />}
      </div>
    </div>
  );
}

function DaysWords({ days }: { days: number | null }) {
  const t = useT();
  return <b>{days === null ? t('planner.unknownDays') : t.n('planner.days', roundDays(days))}</b>;
}
