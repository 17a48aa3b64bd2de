import { useEffect, useMemo, useRef, useState } from 'react';
import { renew } from '../api/client.ts';
import { query } from '../api/client.ts';
import { socketUrl } from '../api/push.ts';
import type { Camera, StreamName } from '../api/types.ts';
import { canPlayCodec } from './codecs.ts';
import { LivePlayer, type LiveState } from './live-player.ts';
import { useUi } from '../state/ui.ts';

/** A picture wider than this, in device pixels, deserves the main stream: a sub stream is 640 wide. */
const MAIN_FROM_PX = 700;

/** A tile that scrolled out keeps its socket so long: people scroll back. */
const LINGER_MS = 1500;

/** Which streams to try, best first, for a picture of so many device pixels. */
export function streamsFor(camera: Camera, widthPx: number): StreamName[] {
  const hasSub = camera.sub_source !== null || camera.status.streams.sub !== undefined;
  if (!hasSub) return ['main'];
  const order: StreamName[] = widthPx >= MAIN_FROM_PX ? ['main', 'sub'] : ['sub', 'main'];
  const playable = order.filter((name) => canPlayCodec(camera.status.streams[name]?.rfc6381));
  return playable.length > 0 ? playable : order;
}

interface Live {
  video: { current: HTMLVideoElement | null };
  canvas: { current: HTMLCanvasElement | null };
  frame: { current: HTMLDivElement | null };
  state: LiveState | null;
}

/** A live player that runs while its frame can be seen. */
export function useLive(camera: Camera, widthPx: number, wanted = true): Live {
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<LiveState | null>(null);
  const visible = useVisible(frame);
  const online = useUi((ui) => ui.online);
  const player = useRef<LivePlayer | null>(null);
  // A string, so that a new list of the same streams is no reason to start over.
  const streams = useMemo(() => streamsFor(camera, widthPx).join(), [camera, widthPx]);
  const { id, enabled } = camera;
  const ready = widthPx > 0;

  useEffect(() => {
    if (!visible || !wanted || !enabled || !ready || !video.current || !canvas.current) return;
    const live = new LivePlayer({
      video: video.current,
      canvas: canvas.current,
      url: (stream) => socketUrl(`/cameras/${id}/live.ws${query({ stream })}`),
      streams: streams.split(',') as StreamName[],
      onState: setState,
      beforeRetry: () => renew().then(() => undefined),
    });
    player.current = live;
    live.start();
    return () => {
      player.current = null;
      live.stop();
    };
  }, [id, enabled, streams, visible, wanted, ready]);

  useEffect(() => {
    if (online) player.current?.retryNow();
  }, [online]);

  return { video, canvas, frame, state };
}

/** Whether an element is on the screen, of a page that is on the screen. */
function useVisible(element: { current: HTMLElement | null }): boolean {
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    let inView = false;
    let timer = 0;
    const update = (): void => {
      window.clearTimeout(timer);
      if (inView && !document.hidden) setVisible(true);
      else timer = window.setTimeout(() => setVisible(false), LINGER_MS);
    };
    const observer = new IntersectionObserver(
      (entries) => {
        inView = entries.at(-1)?.isIntersecting ?? false;
        update();
      },
      { rootMargin: '80px' },
    );
    observer.observe(element.current);
    document.addEventListener('visibilitychange', update);
    return () => {
      window.clearTimeout(timer);
      observer.disconnect();
      document.removeEventListener('visibilitychange', update);
    };
  }, [element]);
  return visible;
}
