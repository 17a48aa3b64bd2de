import { useEffect, useRef, useState } from 'react';
import { BASE, get, query } from '../api/client.ts';
import type { StreamName, Timeline } from '../api/types.ts';
import { boxNow } from '../lib/box-time.ts';
import { mediaSourceClass } from './codecs.ts';
import { coveredBy, nextCovered } from './coverage.ts';
import { FilePlayback } from './playback-file.ts';
import { MsePlayback } from './playback-mse.ts';
import type { Playback, PlaybackState } from './playback.ts';

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
  /** The player; made when it is first wanted. */
  open: () => Playback | null;
  close: () => void;
  state: PlaybackState | null;
}

/** A player of one camera's recordings on a video element of the page. */
export function usePlayback(camera: string, streams: StreamName[], onTime: (wall: number) => void): Hook {
  const video = useRef<HTMLVideoElement>(null);
  const player = useRef<Playback | null>(null);
  const [state, setState] = useState<PlaybackState | null>(null);
  const tell = useRef(onTime);
  tell.current = onTime;

  const close = (): void => {
    player.current?.destroy();
    player.current = null;
    setState(null);
  };

  const open = (): Playback | null => {
    if (player.current || !video.current) return player.current;
    const options = {
      video: video.current,
      streams,
      url: (route: 'playback.m3u8' | 'video.mp4', stream: StreamName, start: number, end: number) =>
        recordingUrl(camera, route, stream, start, end),
      findNext: (stream: StreamName, wall: number) => findNext(camera, stream, wall),
      onState: setState,
      onTime: (wall: number) => tell.current(wall),
    };
    player.current = mediaSourceClass() ? new MsePlayback(options) : new FilePlayback(options);
    return player.current;
  };

  useEffect(() => close, []);

  return { video, open, close, state };
}
