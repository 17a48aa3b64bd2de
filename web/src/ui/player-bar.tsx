import type { StreamName } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { Icon } from './icon.tsx';

export const SPEEDS = [0.5, 1, 2, 4, 8, 16];

/** What a thumb needs below the picture: what time it is there, play, step, speed, and back to now. */
export function PlayerBar(props: {
  live: boolean;
  playing: boolean;
  at: number;
  zone: string;
  speed: number;
  quality: StreamName;
  qualities: boolean;
  muted: boolean;
  hasSound: boolean;
  onToggle: () => void;
  onStep: (direction: 1 | -1) => void;
  onSpeed: (speed: number) => void;
  onQuality: (quality: StreamName) => void;
  onMute: () => void;
  onLive: () => void;
}) {
  const t = useT();
  const format = useFormat(props.zone);
  return (
    <div class="flex flex-wrap items-center justify-between gap-x-3 gap-y-2">
      <div class="flex items-center gap-3 max-sm:w-full max-sm:justify-between">
        {props.live ? (
          <span class="inline-flex min-h-11 items-center gap-2 rounded-xl bg-accent-soft px-3.5 font-semibold text-ok">
            <span aria-hidden="true" class="breathe size-2.5 rounded-full bg-ok" /> {t('camera.live')}
          </span>
        ) : (
          <button type="button" class="btn btn-quiet" onClick={props.onLive}>
            <span aria-hidden="true" class="size-2.5 rounded-full bg-line-strong" /> {t('camera.goLive')}
          </button>
        )}
        <p class="leading-tight">
          <time
            data-clock
            dateTime={new Date(props.at).toISOString()}
            class="tnum text-xl font-semibold tracking-tight"
          >
            {props.live || props.playing ? format.clock(props.at) : format.clockMs(props.at)}
          </time>
          <span class="block text-xs text-muted">{format.weekday(props.at)}</span>
        </p>
      </div>
      <div class="flex items-center gap-0.5 max-sm:w-full max-sm:justify-between">
        <button
          type="button"
          class="btn-icon"
          aria-label={t('camera.frameBack')}
          title={`${t('camera.frameBack')} (,)`}
          onClick={() => props.onStep(-1)}
        >
          <Icon name="stepBack" />
        </button>
        <button
          type="button"
          class="mx-1 inline-grid size-12 shrink-0 place-items-center rounded-full bg-accent text-accent-ink"
          aria-label={props.playing ? t('camera.pause') : t('camera.play')}
          onClick={props.onToggle}
        >
          <Icon name={props.playing ? 'pause' : 'play'} filled={!props.playing} />
        </button>
        <button
          type="button"
          class="btn-icon"
          aria-label={t('camera.frameForward')}
          title={`${t('camera.frameForward')} (.)`}
          onClick={() => props.onStep(1)}
        >
          <Icon name="stepForward" />
        </button>
        <label>
          <span class="sr-only">{t('camera.speed')}</span>
          <select
            class="input tnum w-20 pl-3"
            name="speed"
            value={String(props.speed)}
            disabled={props.live}
            onChange={(event) => props.onSpeed(Number(event.currentTarget.value))}
          >
            {SPEEDS.map((speed) => (
              <option key={speed} value={String(speed)}>
                {format.number(speed, speed < 1 ? 1 : 0)}×
              </option>
            ))}
          </select>
        </label>
        {props.qualities && !props.live && (
          <label class="ml-1">
            <span class="sr-only">{t('camera.quality')}</span>
            <select
              class="input w-20 pl-3"
              name="quality"
              value={props.quality}
              onChange={(event) => props.onQuality(event.currentTarget.value as StreamName)}
            >
              <option value="main">HD</option>
              <option value="sub">SD</option>
            </select>
          </label>
        )}
        {props.hasSound && (
          <button
            type="button"
            class="btn-icon"
            aria-pressed={!props.muted}
            aria-label={t('live.sound')}
            onClick={props.onMute}
          >
            <Icon name={props.muted ? 'mute' : 'sound'} />
          </button>
        )}
      </div>
    </div>
  );
}
