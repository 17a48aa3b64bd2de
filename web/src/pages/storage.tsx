import { Link } from 'wouter-preact';
import { useStorage } from '../api/queries.ts';
import type { Storage } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { roundDays } from '../lib/retention.ts';
import { useSession } from '../state/session.ts';
import { Icon } from '../ui/icon.tsx';
import { Loading, Notice, PageHead } from '../ui/parts.tsx';
import { Planner } from '../ui/storage/planner.tsx';
import { Streams } from '../ui/storage/streams.tsx';
import { VolumeCard } from '../ui/storage/volume-card.tsx';

export default function StoragePage() {
  const t = useT();
  const storage = useStorage();
  const may = useSession((state) => state.may);

  if (storage.isPending) return <Loading />;
  const it = storage.data;
  return (
    <div class="mx-auto w-full max-w-5xl px-4 py-5 sm:px-6">
      <PageHead title={t('storage.title')}>
        <Link href="/exports" class="btn btn-quiet">
          <Icon name="export" size={20} /> {t('storage.exportsLink')}
        </Link>
      </PageHead>
      {storage.isError && (
        <Notice tone="bad" live>
          {storage.error.message}
        </Notice>
      )}
      {it && (
        <div class="flex flex-col gap-7">
          <div class="flex flex-col gap-4">
            <Verdict storage={it} />
            <Figures storage={it} />
          </div>
          <section aria-labelledby="volumes">
            <h2 id="volumes" class="mb-3 text-base font-semibold">
              {t('storage.volumes')}
            </h2>
            <ul class={`grid gap-3 ${it.volumes.length > 1 ? 'lg:grid-cols-2' : ''}`}>
              {it.volumes.map((volume, index) => (
                <VolumeCard key={volume.path} volume={volume} number={index + 1} />
              ))}
            </ul>
          </section>
          {may('configure') && <Planner />}
          {it.streams.length > 0 && <Streams storage={it} />}
        </div>
      )}
    </div>
  );
}

/** The one sentence the page is opened for. */
function Verdict({ storage }: { storage: Storage }) {
  const t = useT();
  if (storage.state === 'ok') return <Notice tone="ok">{t('storage.verdict.ok')}</Notice>;
  return (
    <Notice tone={storage.state === 'warning' ? 'warning' : 'bad'} live>
      {t(`storage.verdict.${storage.state}`)}
    </Notice>
  );
}

/** Days you have, days you will have, and what is written. */
function Figures({ storage }: { storage: Storage }) {
  const t = useT();
  const format = useFormat();
  const oldest = storage.oldest ? Date.parse(storage.oldest) : null;
  const days = (count: number): string => t.n('storage.days', roundDays(count));
  const share =
    storage.days_expected && storage.days_expected > 0
      ? Math.min(1, storage.days_stored / storage.days_expected)
      : null;
  return (
    <dl class="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Figure
        label={t('storage.daysNow')}
        hint={oldest === null ? t('storage.nothingYet') : t('storage.daysNowHint', { date: format.day(oldest) })}
        share={share}
      >
        {days(storage.days_stored)}
      </Figure>
      <Figure label={t('storage.daysExpected')} hint={t('storage.daysExpectedHint')} share={share === null ? null : 1}>
        {storage.days_expected === null ? '–' : days(storage.days_expected)}
      </Figure>
      <Figure label={t('storage.stored')} hint={t('storage.storedHint')}>
        {format.bytes(storage.volumes.reduce((sum, volume) => sum + volume.recordings_bytes, 0))}
      </Figure>
      <Figure label={t('storage.writing')} hint={t('storage.writingHint')}>
        {format.bitRate(storage.write_bit_rate)}
      </Figure>
    </dl>
  );
}

function Figure(props: { label: string; hint: string; share?: number | null; children: string }) {
  return (
    <div class="card flex flex-col p-4">
      <dt class="text-sm text-muted">{props.label}</dt>
      <dd class="mt-1 text-lg font-semibold tracking-tight tabular-nums sm:text-xl">{props.children}</dd>
      {props.share != null && (
        <dd aria-hidden="true" class="mt-2 h-1.5 rounded-full bg-track">
          <span class="block h-full rounded-full bg-span" style={{ width: `${Math.max(1, props.share * 100)}%` }} />
        </dd>
      )}
      <dd class="mt-auto pt-1.5 text-xs text-muted">{props.hint}</dd>
    </div>
  );
}
