import { useStorage } from '../api/queries.ts';
import type { Storage, Volume } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { Loading, Notice, PageHead } from '../ui/parts.tsx';

export default function StoragePage() {
  const t = useT();
  const format = useFormat();
  const storage = useStorage();

  if (storage.isPending) return <Loading />;
  const it = storage.data;
  return (
    <div class="mx-auto w-full max-w-5xl px-4 py-5 sm:px-6">
      <PageHead title={t('storage.title')} />
      {storage.isError && (
        <Notice tone="bad" live>
          {storage.error.message}
        </Notice>
      )}
      {it && (
        <div class="flex flex-col gap-5">
          <Verdict storage={it} />
          <dl class="grid grid-cols-2 gap-3 lg:grid-cols-4">
            <Figure label={t('storage.daysExpected')} hint={t('storage.daysExpectedHint')}>
              {it.days_expected === null ? '–' : t.n('storage.days', roundDays(it.days_expected))}
            </Figure>
            <Figure
              label={t('storage.oldest')}
              hint={it.oldest ? format.ago(Date.parse(it.oldest), Date.now()) : t('storage.nothingYet')}
            >
              {it.oldest ? format.day(Date.parse(it.oldest)) : '–'}
            </Figure>
            <Figure label={t('storage.stored')} hint={t('storage.storedHint')}>
              {format.bytes(it.volumes.reduce((sum, volume) => sum + volume.recordings_bytes, 0))}
            </Figure>
            <Figure label={t('storage.writing')} hint={t('storage.writingHint')}>
              {format.bitRate(it.write_bit_rate)}
            </Figure>
          </dl>
          <section aria-labelledby="volumes">
            <h2 id="volumes" class="mb-3 text-base font-semibold">
              {t('storage.volumes')}
            </h2>
            <ul class="flex flex-col gap-3">
              {it.volumes.map((volume) => (
                <VolumeCard key={volume.id} volume={volume} />
              ))}
            </ul>
          </section>
          {it.streams.length > 0 && <Streams storage={it} />}
        </div>
      )}
    </div>
  );
}

const roundDays = (days: number): number => (days < 10 ? Math.round(days * 10) / 10 : Math.round(days));

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

function Figure(props: { label: string; hint: string; children: string }) {
  return (
    <div class="card flex flex-col p-4">
      <dt class="text-sm text-muted">{props.label}</dt>
      <dd class="mt-1 text-lg font-semibold tracking-tight tabular-nums sm:text-xl">{props.children}</dd>
      <dd class="mt-auto pt-1 text-xs text-muted">{props.hint}</dd>
    </div>
  );
}

function VolumeCard({ volume }: { volume: Volume }) {
  const t = useT();
  const format = useFormat();
  const total = Math.max(1, volume.total_bytes);
  const recordings = Math.min(1, volume.recordings_bytes / total);
  const others = Math.max(0, Math.min(1 - recordings, (total - volume.free_bytes - volume.recordings_bytes) / total));
  const used = recordings + others;
  const reserve = Math.min(1 - used, volume.reserve_bytes / total);
  const bad = volume.state === 'failed' || volume.state === 'missing';
  return (
    <li class="card p-4">
      <div class="flex flex-wrap items-baseline justify-between gap-x-4">
        <h3 class="font-semibold break-all">{volume.path}</h3>
        <p class={`tnum text-sm text-muted ${bad ? 'hidden' : ''}`}>
          {t('storage.freeOf', { free: format.bytes(volume.free_bytes), total: format.bytes(volume.total_bytes) })}
        </p>
      </div>
      {volume.state !== 'ok' && (
        <div class="mt-3">
          <Notice tone={bad ? 'bad' : 'warning'}>{t(`storage.volume.${volume.state}`)}</Notice>
        </div>
      )}
      {!bad && (
        <>
          <div
            class="mt-3 flex h-4 overflow-hidden rounded-full bg-track"
            role="meter"
            aria-label={t('storage.fullness', { path: volume.path })}
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.round(used * 100)}
            aria-valuetext={format.percent(used)}
          >
            <span class="bg-(--span)" style={{ width: `${recordings * 100}%` }} />
            <span class="bg-line-strong" style={{ width: `${others * 100}%` }} />
            <span class="ml-auto hatched" style={{ width: `${reserve * 100}%` }} />
          </div>
          <ul class="mt-3 flex flex-wrap gap-x-5 gap-y-1.5 text-sm">
            <Key swatch="bg-(--span)" label={t('storage.recordings')} value={format.bytes(volume.recordings_bytes)} />
            <Key
              swatch="bg-line-strong"
              label={t('storage.others')}
              value={format.bytes(Math.max(0, total - volume.free_bytes - volume.recordings_bytes))}
            />
            <Key swatch="hatched" label={t('storage.reserve')} value={format.bytes(volume.reserve_bytes)} />
            <Key swatch="bg-track" label={t('storage.free')} value={format.bytes(volume.free_bytes)} />
          </ul>
          {volume.oldest && (
            <p class="mt-2 text-sm text-muted">
              {t('storage.volumeOldest', { time: format.dateTime(Date.parse(volume.oldest)) })}
            </p>
          )}
        </>
      )}
    </li>
  );
}

function Key(props: { swatch: string; label: string; value: string }) {
  return (
    <li class="flex items-center gap-2">
      <span aria-hidden="true" class={`size-3 rounded-sm border border-line ${props.swatch}`} />
      <span class="text-muted">{props.label}</span> <span class="tnum font-medium">{props.value}</span>
    </li>
  );
}

/** Who fills the disks. A table, that a phone shows as a list of cards. */
function Streams({ storage }: { storage: Storage }) {
  const t = useT();
  const format = useFormat();
  const most = Math.max(1, ...storage.streams.map((stream) => stream.bytes));
  const sorted = storage.streams.toSorted((a, b) => b.bytes - a.bytes);
  return (
    <section aria-labelledby="by-camera">
      <h2 id="by-camera" class="mb-3 text-base font-semibold">
        {t('storage.byCamera')}
      </h2>
      <div class="card overflow-hidden">
        <table class="w-full text-left text-sm">
          <thead class="border-b border-line text-muted max-sm:sr-only">
            <tr>
              <th scope="col" class="px-4 py-2.5 font-medium">
                {t('storage.camera')}
              </th>
              <th scope="col" class="px-4 py-2.5 text-right font-medium">
                {t('storage.size')}
              </th>
              <th scope="col" class="px-4 py-2.5 text-right font-medium">
                {t('storage.bitRate')}
              </th>
              <th scope="col" class="px-4 py-2.5 text-right font-medium">
                {t('storage.oldest')}
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((stream) => (
              <tr
                key={`${stream.camera}/${stream.stream}`}
                class="border-b border-line last:border-0 max-sm:grid max-sm:grid-cols-[1fr_auto] max-sm:py-2"
              >
                <th scope="row" class="px-4 py-2 font-normal sm:w-2/5">
                  <span class="font-medium">{stream.camera_name}</span>{' '}
                  <span class="text-muted">{t(`stream.${stream.stream}`)}</span>
                  <span aria-hidden="true" class="mt-1 block h-1 rounded-full bg-track">
                    <span
                      class="block h-full rounded-full bg-(--span)"
                      style={{ width: `${(stream.bytes / most) * 100}%` }}
                    />
                  </span>
                </th>
                <td class="tnum px-4 py-2 text-right font-medium">{format.bytes(stream.bytes)}</td>
                <td class="tnum px-4 py-2 text-muted sm:text-right max-sm:py-0">{format.bitRate(stream.bit_rate)}</td>
                <td class="tnum px-4 py-2 text-right text-muted max-sm:py-0">
                  {stream.oldest ? format.day(Date.parse(stream.oldest)) : '–'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
