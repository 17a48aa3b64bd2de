import type { ComponentChildren } from 'preact';
import type { Camera } from '../api/types.ts';
import type { Translator } from '../i18n/index.ts';
import { useT } from '../i18n/use.ts';
import type { LiveState } from '../media/live-player.ts';
import { Icon } from './icon.tsx';
import { Spinner } from './parts.tsx';

export interface LiveWords {
  title: string;
  detail: string | null;
  /** Something is on its way; a spinner says so. */
  busy: boolean;
}

/** Why there is no moving picture, in words; null when there is one. */
export function liveWords(t: Translator, camera: Camera, state: LiveState | null): LiveWords | null {
  if (!camera.enabled) return { title: t('live.disabled'), detail: null, busy: false };
  // What the box knows of the camera says more than that no pictures come.
  const reason = camera.status.reason ?? state?.reason;
  const known = t.code('reason', reason);
  switch (state?.phase) {
    case 'playing':
      return null;
    case 'unsupported':
      return {
        title: t('live.unsupported', { codec: state.codec ?? '' }),
        detail: t('live.unsupportedDetail', { codec: state.codec ?? '' }),
        busy: false,
      };
    case 'waiting':
      return { title: t('live.waiting'), detail: known ?? camera.status.detail, busy: true };
    case 'lost':
      return { title: t('live.lost'), detail: t.code('reason', state.reason), busy: true };
    default:
      if (camera.status.state === 'unreachable')
        return { title: t('state.unreachable'), detail: known ?? camera.status.detail, busy: true };
      return { title: t('live.connecting'), detail: null, busy: true };
  }
}

/** Video element, canvas for JPEGs, and whatever has to be said over them. */
export function LivePicture(props: {
  camera: Camera;
  state: LiveState | null;
  video: { current: HTMLVideoElement | null };
  canvas: { current: HTMLCanvasElement | null };
  muted?: boolean;
  small?: boolean;
  children?: ComponentChildren;
}) {
  const t = useT();
  const { state, small } = props;
  const words = liveWords(t, props.camera, state);
  const jpeg = state?.jpeg ?? false;
  return (
    <>
      <video
        ref={props.video}
        class={`absolute inset-0 size-full object-contain ${jpeg ? 'hidden' : ''}`}
        muted={props.muted ?? true}
        playsInline
        autoPlay
        tabIndex={-1}
        aria-hidden="true"
        disablePictureInPicture
      />
      <canvas
        ref={props.canvas}
        aria-hidden="true"
        class={`absolute inset-0 size-full object-contain ${jpeg ? '' : 'hidden'}`}
      />
      {words && (
        <div
          class={`absolute inset-0 grid place-items-center bg-black/55 p-3 text-center text-white ${small ? 'pb-9' : ''}`}
        >
          <div class={`flex max-w-sm flex-col items-center ${small ? 'gap-1' : 'gap-2'}`}>
            {words.busy ? <Spinner size={small ? 20 : 28} /> : <Icon name="info" size={small ? 20 : 28} />}
            <p class={`font-medium ${small ? 'text-sm' : 'text-base'}`}>{words.title}</p>
            {words.detail && (
              <p class={`text-white/80 ${small ? 'line-clamp-2 text-xs @max-3xs:line-clamp-1' : 'text-sm'}`}>
                {words.detail}
              </p>
            )}
          </div>
        </div>
      )}
      {props.children}
    </>
  );
}
