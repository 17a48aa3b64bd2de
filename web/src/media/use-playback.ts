import { useEffect, useRef, useState } from 'react';
import { BASE, get, query } from '../api/client.ts';
import type { StreamName, Timeline } from '../api/types.ts';
import { boxNow } from '../lib/box-time.ts';
import { mediaSourceClass } from './codecs.ts';
import { coveredBy, nextCovered } from './coverage.ts';
import { FilePlayback } from './playback-file.ts';
import { MsePlayback } from './playback-mse.ts';
import { JpegPlayback } from './playback-jpeg.ts';
import type { Playback, PlaybackOptions, PlaybackState } from './playback.ts';

const DAY_MS = 86_400_000;
/** How far ahead the next footage is looked for after a gap. */
const SEARCH_MS = 31 * DAY_MS;

/** The address of a recording of a camera. */
export function recordingUrl(
  camera: string,
  route: 'playback.m3u8' | 'video.mp4',
  stream: StreamName,
  start: number,
  end: number,
): string {
  const times = { start: new Date(start).toISOString(), end: new Date(end).toISOString() };
  return `${BASE}/cameras/${camera}/${route}${query({ ...times, stream })}`;
}

async function findNext(camera: string, stream: StreamName, wall: number): Promise<number | null> {
  const end = Math.min(boxNow(), wall + SEARCH_MS);
  if (end <= wall) return null;
  const times = { start: new Date(wall).toISOString(), end: new Date(end).toISOString() };
  const timeline = await get<Timeline>(`/cameras/${camera}/timeline${query({ ...times, bin: 3_600_000 })}`);
  return nextCovered(coveredBy(timeline, stream), wall);
}

interface Hook {
  video: { current: HTMLVideoElement | null };
  /** For recordings that are drawn; shown when `drawn`. */
  canvas: { current: HTMLCanvasElement | null };
  drawn: boolean;
  /** The player; made when it is first wanted. */
  open: () => Playback | null;
  close: () => void;
  state: PlaybackState | null;
}

/** A player of one camera's recordings on a video element of the page. */
export function usePlayback(camera: string, streams: StreamName[], onTime: (wall: number) => void): Hook {
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const player = useRef<Playback | null>(null);
  const [drawn, setDrawn] = useState(false);
  const wanted = useRef({ playing: false, rate: 1 });
  const [state, setState] = useState<PlaybackState | null>(null);
  const tell = useRef(onTime);
  tell.current = onTime;

  const close = (): void => {
    player.current?.destroy();
    player.current = null;
    setState(null);
    setDrawn(false);
  };

  /** From here on the pictures are drawn, as whoever holds the player wanted it. */
  const draw = (options: PlaybackOptions, stream: StreamName, wall: number): void => {
    if (!canvas.current) return;
    player.current?.destroy();
    setDrawn(true);
    const jpeg = new JpegPlayback(options, canvas.current, stream);
    player.current = jpeg;
    jpeg.setRate(wanted.current.rate);
    if (wanted.current.playing) jpeg.play();
    jpeg.seek(wall);
  };

  const open = (): Playback | null => {
    if (player.current || !video.current) return player.current;
    const options: PlaybackOptions = {
      video: video.current,
      streams,
      url: (route: 'playback.m3u8' | 'video.mp4', stream: StreamName, start: number, end: number) =>
        recordingUrl(camera, route, stream, start, end),
      findNext: (stream: StreamName, wall: number) => findNext(camera, stream, wall),
      onJpeg: (stream, wall) => draw(options, stream, wall),
      onState: setState,
      onTime: (wall: number) => tell.current(wall),
    };
    player.current = mediaSourceClass() ? new MsePlayback(options) : new FilePlayback(options);
    return player.current;
  };

  const current = (): Playback | null => player.current;

  /** The player, with what is asked of it remembered for the one that may take its place. */
  const remembering = (): Playback | null => {
    if (!open()) return null;
    return {
      seek: (wall, draft) => current()?.seek(wall, draft),
      play: () => {
        wanted.current.playing = true;
        current()?.play();
      },
      pause: () => {
        wanted.current.playing = false;
        current()?.pause();
      },
      setRate: (rate) => {
        wanted.current.rate = rate;
        current()?.setRate(rate);
      },
      step: (direction) => {
        wanted.current.playing = false;
        current()?.step(direction);
      },
      destroy: () => current()?.destroy(),
    };
  };

  useEffect(() => close, []);

  return { video, canvas, drawn, open: remembering, close, state };
}
