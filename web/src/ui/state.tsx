import type { CameraState, Grade } from '../api/types.ts';
import { useT } from '../i18n/use.ts';

const DOTS: Record<CameraState, string> = {
  online: 'bg-[#3ccf85]',
  connecting: 'bg-[#f0b94a] breathe',
  unreachable: 'bg-[#ff6b5e]',
  disabled: 'bg-[#8ba0ac]',
};

/** A coloured dot; the words beside it, or for the screen reader alone. */
export function StateDot({ state }: { state: CameraState }) {
  return <span aria-hidden="true" class={`inline-block size-2.5 shrink-0 rounded-full ${DOTS[state]}`} />;
}

export function StateLabel({ state }: { state: CameraState }) {
  const t = useT();
  return (
    <span class="inline-flex items-center gap-2">
      <StateDot state={state} /> {t(`state.${state}`)}
    </span>
  );
}

const GRADES: Record<Grade, { bars: number; colour: string }> = {
  excellent: { bars: 4, colour: 'text-ok' },
  fair: { bars: 3, colour: 'text-ok' },
  poor: { bars: 2, colour: 'text-warn' },
  unusable: { bars: 1, colour: 'text-bad' },
};

/** How well the link does: bars, and the word; nothing while nobody can say. */
export function GradeLabel({ grade }: { grade: Grade | null }) {
  const t = useT();
  const look = grade ? GRADES[grade] : undefined;
  if (!grade || !look) return null;
  const { bars, colour } = look;
  return (
    <span class={`inline-flex items-center gap-1.5 ${colour}`}>
      <svg aria-hidden="true" width="16" height="14" viewBox="0 0 16 14" fill="currentColor">
        {[1, 2, 3, 4].map((bar) => (
          <rect
            key={bar}
            x={(bar - 1) * 4}
            y={14 - bar * 3.5}
            width="3"
            height={bar * 3.5}
            rx="1"
            opacity={bar <= bars ? 1 : 0.22}
          />
        ))}
      </svg>
      {t(`grade.${grade}`)}
    </span>
  );
}
