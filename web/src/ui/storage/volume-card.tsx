import type { Volume } from '../../api/types.ts';
import { useFormat, useT } from '../../i18n/use.ts';
import { sharesOf, type Shares } from '../../lib/retention.ts';
import { Icon, type IconName } from '../icon.tsx';
import { Notice } from '../parts.tsx';

const PARTS: { part: keyof Shares; swatch: string; label: Parameters<ReturnType<typeof useT>>[0] }[] = [
  { part: 'footage', swatch: 'bg-span', label: 'volume.footage' },
  { part: 'locked', swatch: 'bg-lock', label: 'volume.locked' },
  { part: 'others', swatch: 'bg-line-strong', label: 'storage.others' },
  { part: 'free', swatch: 'bg-track', label: 'storage.free' },
  { part: 'reserve', swatch: 'bg-track hatched', label: 'storage.reserve' },
];

/** A write that takes longer than this, on the mean of a minute, is slow for any disk. */
const SLOW_MS = 100;

/** A disk: what it holds as a picture, and how it does in words. */
export function VolumeCard({ volume, number }: { volume: Volume; number: number }) {
  const t = useT();
  const format = useFormat();
  const shares = sharesOf(volume);
  const total = Math.max(1, volume.total_bytes);
  const gone = volume.state === 'failed' || volume.state === 'missing';
  const well = volume.state === 'ok';
  const used = shares.footage + shares.locked + shares.others;
  const state =
    t.code('volume.state', well && volume.streams === 0 ? 'idle' : volume.state) ??
    t('volume.state.unknown', { state: volume.state });
  const verdict = volume.health?.verdict;
  return (
    <li class="card flex min-w-0 flex-col gap-3 p-4 sm:p-5">
      <div class="flex items-start gap-3">
        <span
          class={`grid size-11 shrink-0 place-items-center rounded-xl ${gone || verdict === 'failing' ? 'bg-bad-soft text-bad' : well && verdict !== 'warning' ? 'bg-accent-soft text-accent' : 'bg-warn-soft text-warn'}`}
        >
          <Icon name="storage" size={24} />
        </span>
        <div class="min-w-0 flex-1">
          <h3 class="flex flex-wrap items-baseline justify-between gap-x-3">
            <span class="font-semibold">{t('volume.disk', { n: number })}</span>
            <span
              class={`flex items-center gap-1.5 text-sm font-medium ${gone ? 'text-bad' : well ? 'text-ok' : 'text-warn'}`}
            >
              <Icon name={well ? 'check' : 'warning'} size={16} />
              {state}
            </span>
          </h3>
          {volume.role && <p class="text-sm text-muted">{t.code('volume.role', volume.role) ?? volume.role}</p>}
          <p class="truncate font-mono text-xs text-muted" title={volume.path}>
            {volume.path}
          </p>
        </div>
      </div>
      {!well && (
        <Notice tone={gone ? 'bad' : 'warning'} title={t.code('storage.volume', volume.state) ?? state}>
          {volume.problem && <p class="text-sm">{volume.problem}</p>}
        </Notice>
      )}
      {(verdict === 'warning' || verdict === 'failing') && (
        <Notice tone={verdict === 'failing' ? 'bad' : 'warning'} title={t(`volume.health.${verdict}`)}>
          {volume.health?.text}
        </Notice>
      )}
      {!gone && (
        <>
          <div
            class="flex h-6 gap-px overflow-hidden rounded-lg bg-track"
            role="meter"
            aria-label={t('storage.fullness', { path: volume.path })}
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.round(used * 100)}
            aria-valuetext={t('storage.freeOf', {
              free: format.bytes(volume.free_bytes),
              total: format.bytes(volume.total_bytes),
            })}
          >
            {PARTS.map(({ part, swatch }) => (
              <span
                key={part}
                class={swatch}
                style={{ width: `${shares[part] * 100}%`, minWidth: shares[part] > 0 && part !== 'free' ? '3px' : 0 }}
              />
            ))}
          </div>
          <ul class="grid grid-cols-2 gap-x-5 gap-y-1.5 text-sm sm:flex sm:flex-wrap">
            {PARTS.filter(({ part }) => part !== 'locked' || shares.locked > 0).map(({ part, swatch, label }) => (
              <li key={part} class="flex items-center gap-2">
                <span aria-hidden="true" class={`size-3 shrink-0 rounded-sm border border-line ${swatch}`} />
                <span class="text-muted">{t(label)}</span>{' '}
                <span class="tnum font-medium">{format.bytes(shares[part] * total)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      <Facts volume={volume} />
    </li>
  );
}

/** How the disk does its work. */
function Facts({ volume }: { volume: Volume }) {
  const t = useT();
  const format = useFormat();
  const facts: { icon: IconName; text: string; bad?: boolean }[] = [];
  if (volume.streams !== undefined) facts.push({ icon: 'record', text: t.n('volume.streams', volume.streams) });
  const latency = volume.write_latency_ms;
  // 0: it did nothing.
  if (latency && latency.max > 0) {
    const slow = latency.mean > SLOW_MS;
    const digits = (ms: number): string => format.number(ms, ms < 10 ? 1 : 0);
    facts.push({
      icon: 'clock',
      text: `${t('volume.latency', { mean: digits(latency.mean), max: digits(latency.max) })}${slow ? `. ${t('volume.latencySlow')}` : ''}`,
      bad: slow,
    });
  }
  if (volume.write_errors !== undefined) {
    const errors = volume.write_errors;
    facts.push({
      icon: errors > 0 ? 'warning' : 'check',
      text: errors > 0 ? t.n('volume.errors', errors) : t('volume.noErrors'),
      bad: errors > 0,
    });
  }
  if (volume.health !== undefined && volume.health?.verdict !== 'warning' && volume.health?.verdict !== 'failing')
    facts.push({ icon: 'heart', text: t(volume.health ? 'volume.health.ok' : 'volume.health.none') });
  if (volume.oldest)
    facts.push({
      icon: 'calendar',
      text: t('storage.volumeOldest', { time: format.dateTime(Date.parse(volume.oldest)) }),
    });
  if (facts.length === 0) return null;
  return (
    <ul class="grid grid-cols-[repeat(auto-fit,minmax(15rem,1fr))] gap-x-6 gap-y-1.5 border-t border-line pt-3 text-sm">
      {facts.map((fact) => (
        <li key={fact.text} class={`flex items-start gap-2 ${fact.bad ? 'font-medium text-bad' : 'text-muted'}`}>
          <span class="mt-0.5">
            <Icon name={fact.icon} size={17} />
          </span>
          {fact.text}
        </li>
      ))}
    </ul>
  );
}
