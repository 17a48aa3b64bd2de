import { useEffect, useRef } from 'react';
import { ApiError, BASE } from '../api/client.ts';
import { useEvidence } from '../api/queries-recorder.ts';
import type { StreamName } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { evidenceWords, grouped, type EvidenceTone } from '../lib/evidence-words.ts';
import type { Stretch } from '../media/coverage.ts';
import { Icon } from './icon.tsx';
import { Notice, Spinner } from './parts.tsx';

const TONES: Record<EvidenceTone, string> = {
  ok: 'text-ok',
  info: 'text-accent',
  warning: 'text-warn',
  bad: 'text-bad',
};

/** More faults than this are a pattern. */
const MOST = 20;

/**
 * Whether the footage is as the box recorded it, in words. `asked` is the range that was asked for; null until somebody
 * does.
 */
export function EvidencePanel(props: {
  camera: string;
  stream: StreamName;
  zone: string;
  asked: Stretch | null;
  /** Asks for what the timeline shows now. */
  onAsk: () => void;
  onSeek: (wall: number) => void;
}) {
  const t = useT();
  const format = useFormat(props.zone);
  const { asked } = props;
  const box = useRef<HTMLElement>(null);
  const evidence = useEvidence(props.camera, asked, props.stream);
  const length = asked ? asked.end - asked.start : 0;
  const nothing = evidence.error instanceof ApiError && evidence.error.status === 404;
  const said = evidence.data && evidenceWords(t, format, evidence.data, length);

  useEffect(() => {
    if (asked) box.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  }, [asked]);

  return (
    <section ref={box} aria-labelledby="evidence" class="card scroll-mt-20 p-4">
      <div class="flex flex-wrap items-center gap-x-4 gap-y-2">
        <span class={said ? TONES[said.tone] : 'text-muted'}>
          <Icon name={said?.tone === 'bad' ? 'shieldBad' : 'shield'} size={26} />
        </span>
        <div class="min-w-0 flex-1">
          <h2 id="evidence" class="font-semibold">
            {t('evidence.title')}
          </h2>
          {asked && (
            <p class="tnum text-sm text-muted">
              {t('evidence.range', {
                start: format.clock(asked.start),
                end: format.clock(asked.end),
                length: format.duration(length),
              })}
            </p>
          )}
        </div>
        <button type="button" class="btn btn-quiet" disabled={evidence.isFetching} onClick={props.onAsk}>
          {evidence.isFetching && <Spinner size={18} />} {asked ? t('evidence.checkAgain') : t('evidence.check')}
        </button>
      </div>
      <div aria-live="polite" class="mt-3 flex flex-col gap-3 empty:mt-0">
        {!asked && <p class="text-sm text-muted">{t('evidence.lead')}</p>}
        {asked && evidence.isPending && <p class="text-muted">{t('evidence.checking')}</p>}
        {nothing && <p class="text-muted">{t('evidence.nothing')}</p>}
        {evidence.isError && !nothing && <Notice tone="bad">{evidence.error.message}</Notice>}
        {said && (
          <div data-verdict={evidence.data?.verdict} class="flex flex-col gap-2">
            <p class={`text-lg font-semibold ${TONES[said.tone]}`}>{said.title}</p>
            <p class={said.tone === 'bad' ? 'font-medium text-bad' : ''}>{said.lead}</p>
            {said.gaps && <p>{said.gaps}</p>}
            {said.faults.length > 0 && (
              <ul class="flex flex-col gap-1">
                {said.faults.slice(0, MOST).map((fault) => (
                  <li key={fault.key}>
                    <button
                      type="button"
                      class="tnum flex min-h-11 w-full items-center gap-2.5 rounded-lg bg-bad-soft px-3 py-1.5 text-left text-bad"
                      onClick={() => props.onSeek(fault.at - 3000)}
                    >
                      <Icon name="warning" size={18} /> {fault.text}
                    </button>
                  </li>
                ))}
              </ul>
            )}
            {evidence.data?.key && (
              <p class="text-sm text-muted">
                {t('evidence.key', { algorithm: evidence.data.key.algorithm })}{' '}
                <code class="tnum font-mono break-words text-ink">{grouped(evidence.data.key.fingerprint)}</code>
              </p>
            )}
          </div>
        )}
      </div>
      <details class="mt-2 text-sm">
        <summary class="inline-flex min-h-11 items-center text-muted underline underline-offset-2">
          {t('evidence.how')}
        </summary>
        <ol class="flex list-decimal flex-col gap-2 pb-2 pl-5 marker:text-muted">
          <li>{t('evidence.how.1')}</li>
          <li>
            {t('evidence.how.2')}
            <code class="mt-1 block overflow-x-auto rounded-lg bg-raised px-3 py-2 font-mono text-xs whitespace-nowrap">
              herond verify FILE.mp4 --key heron-evidence-key.pem
            </code>
          </li>
          <li>{t('evidence.how.3')}</li>
          <li>{t('evidence.how.4')}</li>
        </ol>
        <a
          class="inline-flex min-h-11 items-center gap-2 underline underline-offset-2"
          href={`${BASE}/system/evidence-key.pem`}
          download="heron-evidence-key.pem"
        >
          <Icon name="download" size={18} /> {t('evidence.keyFile')}
        </a>
      </details>
    </section>
  );
}
