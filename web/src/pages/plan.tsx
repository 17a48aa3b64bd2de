import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { Link } from 'wouter-preact';
import { ApiError, change } from '../api/client.ts';
import { useEffective } from '../api/queries-recorder.ts';
import { CAMERAS, useCamera, useSites } from '../api/queries.ts';
import type { RecordMode, RecordPlan } from '../api/types-recorder.ts';
import type { Camera } from '../api/types.ts';
import { useT } from '../i18n/use.ts';
import { ownPlan, planWords, wholePlan, type WholePlan } from '../lib/plan-words.ts';
import { flawOf } from '../lib/schedule.ts';
import { browserZone } from '../lib/zoned.ts';
import { useUi } from '../state/ui.ts';
import { Choices } from '../ui/choice.tsx';
import { Icon } from '../ui/icon.tsx';
import { Field, Loading, Notice, PageHead, Spinner } from '../ui/parts.tsx';
import { firstSchedule, ScheduleEditor } from '../ui/plan/schedule-editor.tsx';
import NotFoundPage from './not-found.tsx';

const MODES: RecordMode[] = ['continuous', 'motion', 'event', 'schedule', 'off'];
/** Of the seconds before and after. */
const MOST_ROLL_S = 60;

export default function PlanPage({ id }: { id: string }) {
  const camera = useCamera(id);
  const sites = useSites();
  if (camera.error instanceof ApiError && camera.error.status === 404) return <NotFoundPage />;
  if (camera.isPending || sites.isPending) return <Loading />;
  if (!camera.data)
    return (
      <div class="p-4">
        <Notice tone="bad" live>
          {camera.error?.message}
        </Notice>
      </div>
    );
  const zone = sites.data?.find((site) => site.id === camera.data.site)?.timezone ?? browserZone();
  return <Editor camera={camera.data} zone={zone} />;
}

/** When a camera is recorded; what it means is said in words while it is changed. */
function Editor({ camera, zone }: { camera: Camera; zone: string }) {
  const t = useT();
  const client = useQueryClient();
  const [plan, setPlan] = useState<RecordPlan>(() => ownPlan(camera.record));
  const hasSub = camera.sub_source !== null || camera.status.streams.sub !== undefined;
  const settings = useEffective(camera.id);
  const whole = wholePlan(plan, settings.data);
  // What holds when the camera leaves it open; only a mode that needs no plan of its own.
  const open = wholePlan({ ...plan, mode: null }, settings.data).mode;
  const modes = new Set<RecordMode>([whole.mode, plan.sub ? (plan.sub_mode ?? whole.mode) : 'off']);
  const scheduled = modes.has('schedule');
  const usesEvents =
    modes.has('event') ||
    (scheduled &&
      [
        plan.schedule?.otherwise,
        ...[...(plan.schedule?.week ?? []), ...(plan.schedule?.holidays ?? [])].map((one) => one.mode),
      ].includes('event'));
  const usesRolls = usesEvents || modes.has('motion') || scheduled;
  const flaw = scheduled && plan.schedule ? flawOf(plan.schedule) : null;

  const save = useMutation({
    mutationFn: () => change<Camera>('PATCH', `/cameras/${camera.id}`, { record: plan }),
    onSuccess: (saved) => {
      client.setQueryData([...CAMERAS, camera.id], saved);
      void client.invalidateQueries({ queryKey: CAMERAS });
    },
  });
  const put = (next: Partial<RecordPlan>): void => {
    save.reset();
    const merged = { ...plan, ...next };
    const asks = merged.mode === 'schedule' || (merged.sub && merged.sub_mode === 'schedule');
    setPlan(asks && !merged.schedule ? { ...merged, schedule: firstSchedule() } : merged);
  };
  const subValue = plan.sub ? (plan.sub_mode ?? 'same') : 'never';

  return (
    <div class="mx-auto w-full max-w-5xl px-4 py-5 sm:px-6">
      <PageHead title={t('plan.title', { name: camera.name })} />
      <form
        class="grid items-start gap-5 lg:grid-cols-[1fr_20rem]"
        onSubmit={(event) => {
          event.preventDefault();
          if (!flaw) save.mutate();
        }}
      >
        <div class="flex min-w-0 flex-col gap-5">
          <div class="card flex flex-col gap-5 p-4 sm:p-5">
            <Choices
              name="mode"
              legend={t('plan.mode')}
              columns={2}
              value={plan.mode ?? 'open'}
              options={[
                ...MODES.map((mode) => ({
                  value: mode,
                  label: t(`plan.mode.${mode}`),
                  hint: t(`plan.mode.${mode}.hint`),
                })),
                { value: 'open' as const, label: t('plan.mode.open'), hint: t(`plan.upper.${open}`) },
              ]}
              onChange={(mode) => put({ mode: mode === 'open' ? null : mode })}
            />
            {hasSub && (
              <Field label={t('plan.subMode')}>
                {(attributes) => (
                  <select
                    {...attributes}
                    class="input sm:max-w-sm"
                    name="sub_mode"
                    value={subValue}
                    onChange={(event) => {
                      const value = event.currentTarget.value as RecordMode | 'same' | 'never';
                      if (value === 'never') put({ sub: false, sub_mode: null });
                      else put({ sub: true, sub_mode: value === 'same' ? null : value });
                    }}
                  >
                    <option value="same">{t('plan.subAs')}</option>
                    {MODES.filter((mode) => mode !== 'off').map((mode) => (
                      <option key={mode} value={mode}>
                        {t(`plan.mode.${mode}`)}
                      </option>
                    ))}
                    <option value="never">{t('plan.subNever')}</option>
                  </select>
                )}
              </Field>
            )}
          </div>
          {scheduled && plan.schedule && (
            <ScheduleEditor schedule={plan.schedule} onSchedule={(schedule) => put({ schedule })} />
          )}
          {usesRolls && (
            <div class="card flex flex-col gap-5 p-4 sm:p-5">
              <div class="grid gap-5 sm:grid-cols-2">
                <Roll
                  name="pre_roll_s"
                  label={t('plan.preRoll')}
                  value={whole.pre_roll_s}
                  onValue={(seconds) => put({ pre_roll_s: seconds })}
                />
                <Roll
                  name="post_roll_s"
                  label={t('plan.postRoll')}
                  value={whole.post_roll_s}
                  onValue={(seconds) => put({ post_roll_s: seconds })}
                />
              </div>
              <p class="-mt-3 text-sm text-muted">{t('plan.preHint')}</p>
              {usesEvents && (
                <Field label={t('plan.events')} hint={t('plan.eventsHint')}>
                  {(attributes) => (
                    <input
                      {...attributes}
                      class="input"
                      name="events"
                      autocomplete="off"
                      autocapitalize="none"
                      spellcheck={false}
                      placeholder="analytics.*"
                      value={(plan.events ?? []).join(' ')}
                      onChange={(event) =>
                        put({ events: event.currentTarget.value.split(/[\s,;]+/).filter((kind) => kind !== '') })
                      }
                    />
                  )}
                </Field>
              )}
            </div>
          )}
        </div>
        <aside class="card flex flex-col gap-4 p-4 sm:p-5 lg:sticky lg:top-20" aria-label={t('plan.preview')}>
          <PlanInWords plan={whole} sub={hasSub} />
          {scheduled && <p class="text-xs text-muted">{t('plan.zone', { zone: zone.replaceAll('_', ' ') })}</p>}
          {flaw && (
            <Notice tone="warning" live>
              {t(flaw === 'holiday-twice' ? 'plan.holidayTwice' : 'plan.holidayNoDate')}
            </Notice>
          )}
          {save.isError && (
            <Notice tone="bad" live>
              {save.error.message}
            </Notice>
          )}
          {save.isSuccess && (
            <Notice tone="ok" live>
              {t('plan.saved')}
            </Notice>
          )}
          <div class="flex gap-3">
            <Link href={`/cameras/${camera.id}`} class="btn btn-quiet">
              {t(save.isSuccess ? 'common.close' : 'common.cancel')}
            </Link>
            <button type="submit" class="btn btn-primary flex-1" disabled={save.isPending || flaw !== null}>
              {save.isPending && <Spinner />} {t('common.save')}
            </button>
          </div>
        </aside>
      </form>
    </div>
  );
}

function PlanInWords({ plan, sub }: { plan: WholePlan; sub: boolean }) {
  const t = useT();
  const language = useUi((state) => state.language);
  const lines = planWords(t, sub ? plan : { ...plan, sub: true, sub_mode: null }, language);
  return (
    <div>
      <h2 class="mb-2 flex items-center gap-2 font-semibold">
        <Icon name="clock" size={20} /> {t('plan.preview')}
      </h2>
      <ul data-plan-words aria-live="polite" class="flex flex-col gap-1.5">
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  );
}

/** Seconds before or after. */
function Roll(props: { name: string; label: string; value: number; onValue: (seconds: number) => void }) {
  const t = useT();
  const words = t('plan.seconds', { n: props.value });
  const id = useId();
  return (
    <div>
      <div class="flex items-baseline justify-between gap-3">
        <label for={id} class="text-sm font-medium">
          {props.label}
        </label>
        <span class="tnum font-semibold text-accent">{words}</span>
      </div>
      <input
        id={id}
        class="slider w-full"
        type="range"
        name={props.name}
        min={0}
        max={MOST_ROLL_S}
        step={5}
        aria-valuetext={words}
        value={props.value}
        style={{ '--filled': `${(props.value / MOST_ROLL_S) * 100}%` }}
        onInput={(event) => props.onValue(Number(event.currentTarget.value))}
      />
    </div>
  );
}
