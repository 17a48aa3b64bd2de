import { useState } from 'react';
import { Link } from 'wouter-preact';
import { useCameras, useEvents } from '../api/queries.ts';
import type { BoxEvent, Severity } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { Icon } from '../ui/icon.tsx';
import { Empty, Loading, Notice, PageHead, Spinner } from '../ui/parts.tsx';

const SEVERITY: Record<Severity, string> = {
  CRITICAL: 'bg-bad',
  HIGH: 'bg-warn',
  MEDIUM: 'bg-accent',
  STANDARD: 'bg-line-strong',
};

export default function EventsPage() {
  const t = useT();
  const format = useFormat();
  const cameras = useCameras();
  const [camera, setCamera] = useState<string | null>(null);
  const events = useEvents({ camera, kind: null });
  const names = new Map((cameras.data ?? []).map((one) => [one.id, one.name]));
  const items = events.data?.pages.flatMap((page) => page.items) ?? [];

  // Newest first, under the day they belong to.
  const days: { day: string; items: BoxEvent[] }[] = [];
  for (const item of items) {
    const day = format.weekday(Date.parse(item.start));
    const last = days.at(-1);
    if (last?.day === day) last.items.push(item);
    else days.push({ day, items: [item] });
  }

  return (
    <div class="mx-auto w-full max-w-3xl px-4 py-5 sm:px-6">
      <PageHead title={t('events.title')}>
        <label>
          <span class="sr-only">{t('events.camera')}</span>
          <select
            class="input min-w-44"
            name="camera"
            value={camera ?? ''}
            onChange={(event) => setCamera(event.currentTarget.value || null)}
          >
            <option value="">{t('events.allCameras')}</option>
            {(cameras.data ?? []).map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
      </PageHead>
      {events.isError && (
        <Notice tone="bad" live>
          {events.error.message}
        </Notice>
      )}
      {events.isPending && <Loading />}
      {events.isSuccess && items.length === 0 && (
        <Empty icon="events" title={t('events.none')}>
          <p class="text-muted">{t('events.noneHint')}</p>
        </Empty>
      )}
      {days.map((group) => (
        <section key={group.day} class="mb-5" aria-label={group.day}>
          <h2 class="mb-2 text-sm font-semibold text-muted">{group.day}</h2>
          <ol class="card divide-y divide-line">
            {group.items.map((item) => (
              <EventRow key={item.id} event={item} cameraName={item.camera ? (names.get(item.camera) ?? null) : null} />
            ))}
          </ol>
        </section>
      ))}
      {events.hasNextPage && (
        <button
          type="button"
          class="btn btn-quiet w-full"
          disabled={events.isFetchingNextPage}
          onClick={() => void events.fetchNextPage()}
        >
          {events.isFetchingNextPage && <Spinner />} {t('events.more')}
        </button>
      )}
    </div>
  );
}

function EventRow({ event, cameraName }: { event: BoxEvent; cameraName: string | null }) {
  const t = useT();
  const format = useFormat();
  const start = Date.parse(event.start);
  return (
    <li class="flex gap-3 px-4 py-3">
      <span class={`mt-1.5 size-2.5 shrink-0 rounded-full ${SEVERITY[event.severity]}`}>
        <span class="sr-only">{t(`severity.${event.severity}`)}</span>
      </span>
      <div class="min-w-0 flex-1">
        <p class="font-medium break-words">{t.code('event', event.kind) ?? event.kind}</p>
        {event.text && <p class="text-sm break-words text-muted">{event.text}</p>}
        {(cameraName || event.end) && (
          <p class="mt-0.5 text-sm text-muted">
            {cameraName}
            {cameraName && event.end && ' · '}
            {event.end && format.duration(Date.parse(event.end) - start)}
          </p>
        )}
      </div>
      <div class="flex shrink-0 items-start gap-1">
        <time class="tnum text-sm text-muted" dateTime={event.start}>
          {format.clock(start)}
        </time>
        {cameraName && event.camera && (
          <Link
            href={`/cameras/${event.camera}?t=${encodeURIComponent(event.start)}`}
            class="btn-icon -my-2.5 -mr-2"
            aria-label={t('events.watch', { time: format.clock(start) })}
          >
            <Icon name="play" size={20} />
          </Link>
        )}
      </div>
    </li>
  );
}
