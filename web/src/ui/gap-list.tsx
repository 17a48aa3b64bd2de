import { useFormat, useT } from '../i18n/use.ts';
import { partedGaps, type GapStretch } from '../media/coverage.ts';

/** More are a pattern and not a list; the timeline shows them all. */
const MOST = 100;

/** What is missing on this day and why, for those who cannot hover over it. */
export function GapList(props: {
  gaps: readonly GapStretch[];
  nothing: boolean;
  zone: string;
  onSeek: (wall: number) => void;
}) {
  const t = useT();
  const format = useFormat(props.zone);
  if (props.nothing) return <p class="text-sm text-muted">{t('camera.nothingDay')}</p>;
  const { faults, planned } = partedGaps(props.gaps);
  const left = planned.reduce((sum, gap) => sum + gap.end - gap.start, 0);
  return (
    <div class="text-sm">
      {left > 0 && (
        <p class="flex min-h-11 items-center gap-2 text-muted">
          <span aria-hidden="true" class="size-4 rounded-sm border border-line bg-track hatched" />
          {t('timeline.planned', { length: format.duration(left) })}
        </p>
      )}
      {faults.length === 0 ? (
        <p class="flex min-h-11 items-center text-muted">{t('timeline.noGaps')}</p>
      ) : (
        <Faults gaps={faults} zone={props.zone} onSeek={props.onSeek} />
      )}
    </div>
  );
}

function Faults(props: { gaps: readonly GapStretch[]; zone: string; onSeek: (wall: number) => void }) {
  const t = useT();
  const format = useFormat(props.zone);
  return (
    <details>
      <summary class="inline-flex min-h-11 items-center gap-2 text-muted">
        <span aria-hidden="true" class="gap-swatch size-4 rounded-sm" />
        <span class="underline underline-offset-2">{t.n('timeline.gaps', props.gaps.length)}</span>
      </summary>
      <ul class="mt-1 flex flex-col">
        {props.gaps
          .toReversed()
          .slice(0, MOST)
          .map((gap) => (
            <li key={gap.start}>
              <button
                type="button"
                class="tnum flex min-h-11 w-full items-center rounded-lg px-2 text-left hover:bg-raised"
                onClick={() => props.onSeek(gap.start - 5000)}
              >
                {t('timeline.gapWords', {
                  start: format.clock(gap.start),
                  end: format.clock(gap.end),
                  length: format.duration(gap.end - gap.start),
                  reason: t.code('gap', gap.reason) ?? t('gap.unknown'),
                })}
              </button>
            </li>
          ))}
      </ul>
    </details>
  );
}
