import { useEffect, useMemo } from 'react';
import type { Probe, ProbedStream } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { canPlayCodec, codecName } from '../media/codecs.ts';
import { Notice } from './parts.tsx';

/** What a test found: the picture, what the streams are made of, and what to do better. */
export function ProbeReport({ probe }: { probe: Probe }) {
  const t = useT();
  const format = useFormat();
  if (!probe.ok) {
    const reason = probe.failure?.reason ?? null;
    return (
      <Notice tone="bad" title={t.code('reason', reason) ?? t('probe.failed')}>
        <p>{t.code('todo', reason)}</p>
        {probe.failure?.detail && (
          <details class="mt-2 text-sm">
            <summary class="flex min-h-8 items-center underline">{t('probe.detail')}</summary>
            <p class="break-words text-muted">{probe.failure.detail}</p>
          </details>
        )}
      </Notice>
    );
  }
  return (
    <div class="card overflow-hidden">
      <ProbePicture probe={probe} />
      <div class="flex flex-col gap-4 p-4 sm:p-5">
        <p class="font-semibold text-ok">{t('probe.ok', { seconds: format.number(probe.elapsed_ms / 1000, 1) })}</p>
        {probe.streams.map((stream) => (
          <StreamFacts key={stream.kind} stream={stream} />
        ))}
        {probe.advice.length > 0 && (
          <ul class="flex flex-col gap-2">
            {probe.advice.map((advice) => (
              <li key={advice.code}>
                <Notice tone={advice.level === 'warning' ? 'warning' : 'info'}>
                  {t.code('advice', advice.code) ?? advice.text}
                </Notice>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

/** The key frame that came with the answer: a tiny MP4, or a JPEG. */
function ProbePicture({ probe }: { probe: Probe }) {
  const t = useT();
  const { picture } = probe;
  const url = useMemo(() => {
    if (!picture) return null;
    const bytes = Uint8Array.from(atob(picture.base64), (letter) => letter.charCodeAt(0));
    return URL.createObjectURL(new Blob([bytes], { type: picture.content_type }));
  }, [picture]);
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url]);

  const main = probe.streams.find((stream) => stream.kind === 'main');
  const shape = { aspectRatio: main?.width && main.height ? `${main.width} / ${main.height}` : '16 / 9' };
  if (!picture || !url) return null;
  if (picture.content_type.startsWith('image/'))
    return <img class="w-full bg-black object-contain" style={shape} src={url} alt={t('probe.picture')} />;
  if (!canPlayCodec(main?.rfc6381))
    return (
      <p class="grid place-items-center bg-black p-6 text-center text-sm text-white" style={shape}>
        {t('live.unsupported', { codec: codecName(main?.codec) })}
      </p>
    );
  return (
    <video
      class="w-full bg-black object-contain"
      style={shape}
      src={url}
      muted
      playsInline
      preload="auto"
      aria-label={t('probe.picture')}
    />
  );
}

function StreamFacts({ stream }: { stream: ProbedStream }) {
  const t = useT();
  const format = useFormat();
  const facts: [string, string][] = [[t('facts.codec'), codecName(stream.codec)]];
  if (stream.width && stream.height) facts.push([t('facts.size'), `${stream.width} × ${stream.height}`]);
  if (stream.fps !== null) facts.push([t('facts.fps'), format.frameRate(stream.fps)]);
  if (stream.bit_rate !== null) facts.push([t('facts.bitRate'), format.bitRate(stream.bit_rate)]);
  if (stream.gop_ms !== null) facts.push([t('facts.gop'), `${format.number(stream.gop_ms / 1000, 1)} s`]);
  facts.push([
    t('facts.audio'),
    stream.audio
      ? `${codecName(stream.audio.codec)} ${format.number(stream.audio.sample_rate_hz / 1000)} kHz`
      : t('facts.noAudio'),
  ]);
  if (stream.transport) facts.push([t('facts.transport'), stream.transport.toUpperCase()]);
  return (
    <section>
      <h3 class="mb-1.5 text-sm font-semibold">{t(`stream.${stream.kind}`)}</h3>
      <dl class="grid grid-cols-2 gap-x-4 gap-y-2 sm:grid-cols-4">
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
