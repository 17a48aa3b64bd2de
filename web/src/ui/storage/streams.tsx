import { Link } from 'wouter-preact';
import type { Storage } from '../../api/types.ts';
import { useFormat, useT } from '../../i18n/use.ts';
import { roundDays } from '../../lib/retention.ts';

const DAY_MS = 86_400_000;

/** Who fills the disks. A table, that a phone shows as a list of cards. */
export function Streams({ storage }: { storage: Storage }) {
  const t = useT();
  const format = useFormat();
  const most = Math.max(1, ...storage.streams.map((stream) => stream.bytes));
  const sorted = storage.streams.toSorted((a, b) => b.bytes - a.bytes);
  const head = 'px-4 py-2.5 font-medium';
  return (
    <section aria-labelledby="by-camera">
      <h2 id="by-camera" class="mb-3 text-base font-semibold">
        {t('storage.perStream')}
      </h2>
      <div class="card overflow-hidden">
        <table class="w-full text-left text-sm">
          <thead class="border-b border-line text-muted max-sm:sr-only">
            <tr>
              <th scope="col" class={head}>
                {t('storage.camera')}
              </th>
              <th scope="col" class={`${head} text-right`}>
                {t('storage.size')}
              </th>
              <th scope="col" class={`${head} text-right`}>
                {t('storage.bitRate')}
              </th>
              <th scope="col" class={`${head} text-right`}>
                {t('storage.days')}
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((stream) => {
              const oldest = stream.oldest ? Date.parse(stream.oldest) : null;
              const newest = stream.newest ? Date.parse(stream.newest) : null;
              const days = oldest !== null && newest !== null ? (newest - oldest) / DAY_MS : null;
              return (
                <tr
                  key={`${stream.camera}/${stream.stream}`}
                  class="border-b border-line last:border-0 max-sm:grid max-sm:grid-cols-[1fr_auto] max-sm:py-2"
                >
                  <th scope="row" class="px-4 py-2 font-normal sm:w-2/5">
                    <Link
                      href={`/cameras/${stream.camera}/history`}
                      class="inline-flex min-h-7 items-center font-medium hover:underline"
                    >
                      {stream.camera_name ?? t('storage.removed')}
                    </Link>{' '}
                    <span class="text-muted">{t(`stream.${stream.stream}`)}</span>
                    <span aria-hidden="true" class="mt-1 block h-1.5 rounded-full bg-track">
                      <span
                        class="block h-full rounded-full bg-span"
                        style={{ width: `${(stream.bytes / most) * 100}%` }}
                      />
                    </span>
                  </th>
                  <td class="tnum px-4 py-2 text-right font-medium">{format.bytes(stream.bytes)}</td>
                  <td class="tnum px-4 py-2 text-muted sm:text-right max-sm:py-0">{format.bitRate(stream.bit_rate)}</td>
                  <td class="tnum px-4 py-2 text-right text-muted max-sm:py-0">
                    {days === null ? '–' : t.n('planner.days', roundDays(days))}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
