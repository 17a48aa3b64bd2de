import type { StreamName } from '../api/types.ts';

export type PlaybackPhase =
  | 'idle'
  | 'loading'
  | 'playing'
  | 'paused'
  /** At the newest recorded frame; more comes as it is recorded. */
  | 'at-end'
  /** Nothing was recorded here or later. */
  | 'nothing'
  | 'unsupported'
  | 'error';

/** A stretch that was jumped over because nothing of it was recorded. */
export interface Skipped {
  start: number;
  end: number;
}

export interface PlaybackState {
  phase: PlaybackPhase;
  stream: StreamName;
  /** The codec, when it cannot be played. */
  codec: string | null;
  error: string | null;
  skipped: Skipped | null;
}

export interface PlaybackOptions {
  video: HTMLVideoElement;
  /** Address of a route of the camera for a stream and a stretch of time. */
  url: (route: 'playback.m3u8' | 'video.mp4', stream: StreamName, start: number, end: number) => string;
  /** Streams in order of preference. */
  streams: StreamName[];
  /** Where recording goes on at or after an instant; null: nowhere. */
  findNext: (stream: StreamName, wall: number) => Promise<number | null>;
  /** The stream is a JPEG for each picture: nothing that a media element plays, but somebody else may draw it. */
  onJpeg?: (stream: StreamName, wall: number) => void;
  onState: (state: PlaybackState) => void;
  /** The wall-clock time of the frame on the screen, ms since 1970. */
  onTime: (wall: number) => void;
}

/** A player of recordings. Times are wall-clock, ms since 1970. */
export interface Playback {
  /** Shows an instant. `draft`: one of many while a finger drags; the smaller stream will do. */
  seek: (wall: number, draft?: boolean) => void;
  play: () => void;
  pause: () => void;
  setRate: (rate: number) => void;
  /** One frame forward (1) or back (-1). */
  step: (direction: 1 | -1) => void;
  destroy: () => void;
}
