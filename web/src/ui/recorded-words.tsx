import { useT } from '../i18n/use.ts';
import type { PlaybackState } from '../media/playback.ts';
import { Icon } from './icon.tsx';
import { Spinner } from './parts.tsx';

/** Over a recorded picture: what it waits for, or why there is none. */
export function RecordedWords({ state }: { state: PlaybackState | null }) {
  const t = useT();
  if (!state || state.phase === 'playing' || state.phase === 'paused') return null;
  if (state.phase === 'loading' || state.phase === 'idle' || state.phase === 'at-end')
    return (
      <p
        role="status"
        class="on-picture absolute bottom-3 left-3 flex items-center gap-2 rounded-lg bg-black/60 px-3 py-1.5 text-sm"
      >
        <Spinner size={16} /> {state.phase === 'at-end' ? t('camera.upToNow') : t('camera.loading')}
      </p>
    );
  const words =
    state.phase === 'nothing'
      ? t('camera.nothing')
      : state.phase === 'unsupported'
        ? t('camera.unplayable', { codec: state.codec ?? '' })
        : t('camera.error');
  return (
    <div role="alert" class="absolute inset-0 grid place-items-center bg-black/70 p-4 text-center text-white">
      <div class="flex max-w-md flex-col items-center gap-2">
        <Icon name="info" size={28} />
        <p class="font-medium">{words}</p>
        {state.error && <p class="text-sm text-white/80">{state.error}</p>}
      </div>
    </div>
  );
}
