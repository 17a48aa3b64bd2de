import type { Camera } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { reasonBetween, type GapStretch } from '../media/coverage.ts';
import type { useLive } from '../media/use-live.ts';
import type { usePlayback } from '../media/use-playback.ts';
import { Icon } from './icon.tsx';
import { LivePicture } from './live-picture.tsx';
import { RecordedWords } from './recorded-words.tsx';

/** Fills the screen with an element, or ends it. */
export function fullScreen(stage: HTMLElement | null): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else if (stage?.requestFullscreen) void stage.requestFullscreen();
  // An iPhone lets only the video itself fill the screen.
  else (stage?.querySelector('video') as { webkitEnterFullscreen?: () => void } | null)?.webkitEnterFullscreen?.();
}

/** The picture, live or recorded, and what has to be said over it. */
export function Stage(props: {
  camera: Camera;
  stage: { current: HTMLDivElement | null };
  live: ReturnType<typeof useLive>;
  playback: ReturnType<typeof usePlayback>;
  recorded: boolean;
  muted: boolean;
  gaps: readonly GapStretch[];
  zone: string;
}) {
  const t = useT();
  const format = useFormat(props.zone);
  const { camera, live, playback, recorded, muted } = props;
  const skipped = playback.state?.skipped ?? null;
  const why = skipped && (t.code('gap', reasonBetween(props.gaps, skipped.start, skipped.end)) ?? t('gap.unknown'));
  const shape = camera.status.streams.main;
  const aspect = shape?.width && shape.height ? shape.width / shape.height : 16 / 9;
  return (
    <div
      ref={props.stage}
      class="relative mx-auto w-full overflow-hidden bg-black sm:rounded-xl"
      style={{ aspectRatio: String(aspect), maxWidth: `max(20rem, calc((100dvh - 23rem) * ${aspect}))` }}
      role="group"
      aria-label={t('camera.player', { name: camera.name })}
    >
      <div ref={live.frame} class={`absolute inset-0 ${recorded ? 'invisible' : ''}`}>
        <LivePicture camera={camera} state={live.state} video={live.video} canvas={live.canvas} muted={muted} />
      </div>
      <video
        ref={playback.video}
        data-recorded
        class={`absolute inset-0 size-full object-contain ${recorded && !playback.drawn ? '' : 'hidden'}`}
        muted={muted}
        playsInline
        tabIndex={-1}
        aria-hidden="true"
      />
      <canvas
        ref={playback.canvas}
        aria-hidden="true"
        class={`absolute inset-0 size-full object-contain ${recorded && playback.drawn ? '' : 'hidden'}`}
      />
      {recorded && <RecordedWords state={playback.state} />}
      <div aria-live="polite" class="pointer-events-none absolute inset-x-2 top-2 flex justify-center">
        {recorded && skipped && (
          <p class="max-w-xl rounded-xl bg-black/75 px-4 py-2 text-center text-sm text-white">
            {t('camera.skipped', {
              start: format.clock(skipped.start),
              end: format.clock(skipped.end),
              reason: why ?? '',
            })}
          </p>
        )}
      </div>
      <button
        type="button"
        class="on-picture absolute right-1.5 bottom-1.5 grid size-11 place-items-center rounded-xl bg-black/35 hover:bg-black/60"
        aria-label={t('camera.fullScreen')}
        title={`${t('camera.fullScreen')} (F)`}
        onClick={() => fullScreen(props.stage.current)}
      >
        <Icon name="expand" />
      </button>
    </div>
  );
}
