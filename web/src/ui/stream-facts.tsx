import type { ComponentChildren } from 'preact';
import type { StreamName, StreamStatus } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { codecName } from '../media/codecs.ts';
import { GradeLabel } from './state.tsx';

/** What a stream is made of and how well it comes, as a list of facts. */
export function StreamFacts({ name, stream }: { name: StreamName; stream: StreamStatus }) {
  const t = useT();
  const format = useFormat();
  const facts: [string, ComponentChildren][] = [[t('facts.codec'), codecName(stream.codec) || '–']];
  if (stream.width && stream.height) facts.push([t('facts.size'), `${stream.width} × ${stream.height}`]);
  if (stream.fps !== null) facts.push([t('facts.fps'), format.frameRate(stream.fps)]);
  if (stream.bit_rate !== null) facts.push([t('facts.bitRate'), format.bitRate(stream.bit_rate)]);
  if (stream.gop_ms !== null) facts.push([t('facts.gop'), `${format.number(stream.gop_ms / 1000, 1)} s`]);
  facts.push([t('facts.audio'), stream.audio ? codecName(stream.audio.codec) : t('facts.noAudio')]);
  facts.push([t('facts.loss'), `${format.number(stream.loss * 100, stream.loss > 0 ? 2 : 0)} %`]);
  facts.push([t('facts.jitter'), `${format.number(stream.jitter_ms, 1)} ms`]);
  facts.push([t('facts.reconnects'), format.number(stream.reconnects)]);
  if (stream.clock_offset_ms !== null) {
    const offset = stream.clock_offset_ms;
    facts.push([t('facts.clockOffset'), `${offset > 0 ? '+' : ''}${format.number(offset)} ms`]);
  }
  return (
    <section class="card p-4">
      <div class="mb-2.5 flex items-center justify-between gap-3">
        <h3 class="font-semibold">{t(`stream.${name}`)}</h3>
        <span class="text-sm">
          <GradeLabel grade={stream.grade} />
        </span>
      </div>
      <dl class="grid grid-cols-2 gap-x-4 gap-y-2.5 sm:grid-cols-3 xl:grid-cols-5">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt class="text-xs text-muted">{label}</dt>
            <dd class="tnum text-sm font-medium">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
