import { useMemo, useState } from 'react';
import { Link } from 'wouter-preact';
import { ApiError } from '../api/client.ts';
import { useGapDays, useGaps } from '../api/queries-recorder.ts';
import { useCamera, useSites } from '../api/queries.ts';
import type { LedgerGap } from '../api/types-recorder.ts';
import type { Camera, StreamName } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { boxNow } from '../lib/box-time.ts';
import { monthOf, NOT_SCHEDULED, shiftMonth, totalsOf, type GapTotals } from '../lib/gap-days.ts';
import { browserZone, dayOf, dayRange, shiftDay } from '../lib/zoned.ts';
import { GapCalendar } from '../ui/gap-calendar.tsx';
import { Icon } from '../ui/icon.tsx';
import { Loading, Notice, PageHead, Spinner } from '../ui/parts.tsx';
import NotFoundPage from './not-found.tsx';

/** Months seen at once on a desk; a phone shows the last of them. */
const MONTHS = 3;
/** The box answers for so many days at once. */
const MOST_DAYS = 100;
/** A link into playback begins so long before the gap. */
const BEFORE_MS = 5000;

export default function GapsPage({ id }: { id: string }) {
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
  return <History camera={camera.data} zone={zone} />;
}

/** What was recorded of a camera, day by day, and what is missing and why. */
function History({ camera, zone }: { camera: Camera; zone: string }) {
  const t = useT();
  const format = useFormat(zone);
  const today = dayOf(boxNow(), zone);
  const [month, setMonth] = useState(() => monthOf(today));
  const [stream, setStream] = useState<StreamName>('main');
  const [chosen, setChosen] = useState<string | null>(today);
  const hasSub = camera.sub_source !== null || camera.status.streams.sub !== undefined;

  const months = Array.from({ length: MONTHS }, (_, index) => shiftMonth(month, index - MONTHS + 1));
  const range = useMemo(() => {
    const last = shiftDay(`${shiftMonth(month, 1)}-01`, -1);
    const end = last < today ? last : today;
    const first = `${shiftMonth(month, 1 - MONTHS)}-01`;
    const earliest = shiftDay(end, 1 - MOST_DAYS);
    return {
      start: dayRange(first > earliest ? first : earliest, zone).start,
      end: dayRange(end, zone).end,
    };
  }, [month, today, zone]);
  const answer = useGapDays(camera.id, range.start, range.end, stream);
  const days = useMemo(() => new Map((answer.data?.days ?? []).map((day) => [day.date, day])), [answer.data]);
  const totals = useMemo(() => totalsOf(answer.data?.days ?? []), [answer.data]);
  const known = totals.recorded + totals.missing + totals.notScheduled > 0;

  return (
    <div class="mx-auto w-full max-w-6xl px-4 py-5 sm:px-6">
      <PageHead title={t('gaps.title', { name: camera.name })}>
        <div class="flex flex-wrap items-center gap-2">
          {hasSub && (
            <label>
              <span class="sr-only">{t('gaps.stream')}</span>
              <select
                class="input"
                name="stream"
                value={stream}
                onChange={(event) => setStream(event.currentTarget.value as StreamName)}
              >
                <option value="main">{t('stream.main')}</option>
                <option value="sub">{t('stream.sub')}</option>
              </select>
            </label>
          )}
          <Link href={`/cameras/${camera.id}`} class="btn btn-quiet">
            <Icon name="play" size={20} /> {camera.name}
          </Link>
        </div>
      </PageHead>
      <p class="-mt-3 mb-4 text-sm text-muted">{t('gaps.lead')}</p>
      {answer.isError && (
        <Notice tone="bad" live>
          {answer.error.message}
        </Notice>
      )}
      {answer.isPending && <Loading />}
      {answer.data && (
        <div class="flex flex-col gap-5">
          {known ? <Totals totals={totals} /> : <Notice tone="info">{t('gaps.empty')}</Notice>}
          <section class="card p-3 sm:p-5">
            <div class="mb-3 flex flex-wrap items-center gap-x-5 gap-y-2">
              <div class="flex items-center">
                <button
                  type="button"
                  class="btn-icon -ml-2"
                  aria-label={t('gaps.previous')}
                  onClick={() => setMonth(shiftMonth(month, -1))}
                >
                  <Icon name="left" />
                </button>
                <button
                  type="button"
                  class="btn-icon"
                  aria-label={t('gaps.next')}
                  disabled={month >= monthOf(today)}
                  onClick={() => setMonth(shiftMonth(month, 1))}
                >
                  <Icon name="right" />
                </button>
              </div>
              <Legend />
              {answer.isFetching && <Spinner size={16} />}
            </div>
            <div class="grid gap-6 lg:grid-cols-3">
              {months.map((one, index) => (
                <div key={one} class={index < MONTHS - 1 ? 'max-lg:hidden' : ''}>
                  <GapCalendar month={one} days={days} chosen={chosen} today={today} onDay={setChosen} />
                </div>
              ))}
            </div>
          </section>
          {chosen ? (
            <Day key={`${chosen}${stream}`} camera={camera} day={chosen} zone={zone} stream={stream} />
          ) : (
            <p class="text-muted">{t('gaps.pickDay')}</p>
          )}
          <p class="text-xs text-muted">
            {t('timeline.zone', { zone: zone.replaceAll('_', ' ') })} ({format.minute(boxNow())})
          </p>
        </div>
      )}
    </div>
  );
}

function Legend() {
  const t = useT();
  return (
    <ul class="flex flex-wrap gap-x-4 gap-y-1 text-sm text-muted">
      {(
        [
          ['bg-span', 'gaps.recorded'],
          ['bg-bad', 'gaps.missing'],
          ['bg-track hatched', 'gaps.notScheduled'],
        ] as const
      ).map(([swatch, label]) => (
        <li key={label} class="flex items-center gap-1.5">
          <span aria-hidden="true" class={`h-2 w-4 rounded-full border border-line ${swatch}`} /> {t(label)}
        </li>
      ))}
    </ul>
  );
}

/** The sums of the days shown, and what the missing time is made of. */
function Totals({ totals }: { totals: GapTotals }) {
  const t = useT();
  const format = useFormat();
  const planned = totals.recorded + totals.missing;
  const most = totals.reasons[0]?.seconds ?? 1;
  return (
    <section aria-label={t('gaps.totals')} class="grid gap-3 lg:grid-cols-[1fr_2fr]">
      <div class="card flex flex-col gap-3 p-4">
        <p class="tnum text-xl font-semibold tracking-tight">
          {planned > 0 ? format.share(totals.recorded / planned) : '–'}
        </p>
        <p class="-mt-2 text-sm text-muted">{t('gaps.share')}</p>
        <dl class="grid grid-cols-[1fr_auto] gap-y-1 text-sm">
          <dt class="text-muted">{t('gaps.recorded')}</dt>
          <dd class="tnum font-medium">{format.long(totals.recorded * 1000)}</dd>
          <dt class="text-muted">
            {t('gaps.missing')} ({t.n('gaps.count', totals.count)})
          </dt>
          <dd class={`tnum font-medium ${totals.missing >= 1 ? 'text-bad' : ''}`}>
            {format.long(totals.missing * 1000)}
          </dd>
          {totals.notScheduled > 0 && (
            <>
              <dt class="text-muted">{t('gaps.notScheduled')}</dt>
              <dd class="tnum font-medium">{format.long(totals.notScheduled * 1000)}</dd>
            </>
          )}
        </dl>
      </div>
      <div class="card p-4">
        <h2 class="mb-3 font-semibold">{t('gaps.reasons')}</h2>
        {totals.reasons.length === 0 ? (
          <p class="flex items-center gap-2 text-ok">
            <Icon name="check" size={20} /> {t('gaps.allWell')}
          </p>
        ) : (
          <ul class="flex flex-col gap-2.5 text-sm">
            {totals.reasons.map((one) => (
              <li key={one.reason}>
                <p class="flex justify-between gap-4">
                  <span class="first-letter:uppercase">{t.code('gap', one.reason) ?? one.reason}</span>
                  <span class="tnum shrink-0 font-medium">{format.long(one.seconds * 1000)}</span>
                </p>
                <span aria-hidden="true" class="mt-1 block h-1.5 rounded-full bg-track">
                  <span
                    class="block h-full rounded-full bg-bad/80"
                    style={{ width: `${Math.max(1, (one.seconds / most) * 100)}%` }}
                  />
                </span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}

/** The gaps of one day. */
function Day(props: { camera: Camera; day: string; zone: string; stream: StreamName }) {
  const t = useT();
  const format = useFormat(props.zone);
  const { start, end } = dayRange(props.day, props.zone);
  const gaps = useGaps(props.camera.id, start, end, props.stream);
  const items = gaps.data?.pages.flatMap((page) => page.items) ?? [];
  const faults = items.filter((gap) => gap.reason !== NOT_SCHEDULED);
  const planned = items.filter((gap) => gap.reason === NOT_SCHEDULED);
  return (
    <section aria-labelledby="day-gaps" aria-live="polite">
      <h2 id="day-gaps" class="mb-3 text-base font-semibold">
        {t('gaps.day', { day: format.weekday(start) })}
      </h2>
      {gaps.isError && <Notice tone="bad">{gaps.error.message}</Notice>}
      {gaps.isPending && <Loading />}
      {gaps.isSuccess && faults.length === 0 && (
        <p class="flex items-center gap-2 text-muted">
          <Icon name="check" size={20} /> {t('gaps.noneThisDay')}
        </p>
      )}
      {faults.length > 0 && (
        <ol class="card divide-y divide-line">
          {faults.map((gap) => (
            <Row key={gap.id} gap={gap} camera={props.camera.id} zone={props.zone} />
          ))}
        </ol>
      )}
      {planned.length > 0 && (
        <>
          <h3 class="mt-4 mb-2 text-sm font-semibold text-muted">{t('gaps.planned')}</h3>
          <ol class="card divide-y divide-line text-muted">
            {planned.map((gap) => (
              <Row key={gap.id} gap={gap} camera={props.camera.id} zone={props.zone} planned />
            ))}
          </ol>
        </>
      )}
      {gaps.hasNextPage && (
        <button
          type="button"
          class="btn btn-quiet mt-3 w-full"
          disabled={gaps.isFetchingNextPage}
          onClick={() => void gaps.fetchNextPage()}
        >
          {gaps.isFetchingNextPage && <Spinner />} {t('gaps.more')}
        </button>
      )}
    </section>
  );
}

function Row(props: { gap: LedgerGap; camera: string; zone: string; planned?: boolean }) {
  const t = useT();
  const format = useFormat(props.zone);
  const start = Date.parse(props.gap.start);
  const before = new Date(start - BEFORE_MS).toISOString();
  return (
    <li class="flex items-center gap-3 px-4 py-2">
      <span
        aria-hidden="true"
        class={`size-4 shrink-0 rounded-sm ${props.planned ? 'bg-track hatched' : 'gap-swatch'}`}
      />
      <div class="min-w-0 flex-1 text-sm">
        <p class="tnum">
          <span class={props.planned ? '' : 'font-medium text-ink'}>
            {format.clock(start)} – {props.gap.end ? format.clock(Date.parse(props.gap.end)) : t('gaps.open')}
          </span>{' '}
          <span class="ml-1 text-muted">{format.long(props.gap.seconds * 1000)}</span>
        </p>
        <p class="text-muted first-letter:uppercase">{t.code('gap', props.gap.reason) ?? props.gap.reason}</p>
      </div>
      <Link
        href={`/cameras/${props.camera}?t=${encodeURIComponent(before)}`}
        class="btn-icon sm:flex sm:items-center sm:gap-2 sm:px-3 sm:text-sm"
        aria-label={t('gaps.watch', { time: format.clock(start) })}
      >
        <Icon name="play" size={20} />
        <span aria-hidden="true" class="max-sm:hidden">
          {t('gaps.watchShort')}
        </span>
      </Link>
    </li>
  );
}
