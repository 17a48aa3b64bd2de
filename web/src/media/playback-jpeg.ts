import { ApiError } from '../api/client.ts';
import type { StreamName } from '../api/types.ts';
import { boxNow } from '../lib/box-time.ts';
import { parseSamples } from './mp4.ts';
import type { Playback, PlaybackOptions, PlaybackState } from './playback.ts';
import { fragmentEnd, runLength, type Fragment } from './playlist.ts';
import { RecordingSource } from './recording-source.ts';

/** Pictures held ahead: some seconds of a camera that sends them one by one. */
const AHEAD_MS = 4000;
/** Most bytes of one request, and so of what is held at a time besides what is shown: two seconds at 16 Mbit/s. */
const BATCH_BYTES = 4_000_000;
const BATCH_S = 2;
/** A hole longer than this is jumped, with a word about it. */
const HOLE_MS = 1500;
const POLL_MS = 700;

interface Picture {
  wall: number;
  bytes: Uint8Array<ArrayBuffer>;
}

/** The pictures of one fragment with their times. */
export function picturesOf(
  bytes: Uint8Array<ArrayBuffer>,
  fragment: Fragment,
  track: { id: number; timescale: number },
): Picture[] {
  let ticks = 0;
  return parseSamples(bytes, track.id).map((sample) => {
    const wall = fragment.wall + (ticks / track.timescale) * 1000;
    ticks += sample.duration;
    return { wall, bytes: bytes.subarray(sample.start, sample.end) };
  });
}

/** Plays recordings that are a JPEG for each picture, which no browser's media element takes, by drawing them. */
export class JpegPlayback implements Playback {
  readonly #options: PlaybackOptions;
  readonly #canvas: HTMLCanvasElement;
  readonly #source: RecordingSource;
  #state: PlaybackState;
  #generation = 0;
  #abort = new AbortController();
  /** In order of time; the first is the one on the screen. */
  #pictures: Picture[] = [];
  #shown: Picture | null = null;
  #drawing = false;
  #playing = false;
  #rate = 1;
  #atEnd = false;
  /** The instant of the playhead, and when it was so. */
  #at = 0;
  #since = 0;
  #frame = 0;

  constructor(options: PlaybackOptions, canvas: HTMLCanvasElement, stream: StreamName) {
    this.#options = options;
    this.#canvas = canvas;
    this.#source = new RecordingSource(options);
    this.#state = { phase: 'idle', stream, codec: null, error: null, skipped: null };
    this.#tick();
  }

  seek(wall: number): void {
    this.#generation += 1;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#pictures = [];
    this.#atEnd = false;
    this.#hold(Math.min(wall, boxNow()));
    this.#set({ phase: 'loading', error: null, skipped: null });
    void this.#load(this.#at, this.#generation);
  }

  play(): void {
    this.#hold(this.#now());
    this.#playing = true;
    this.#set({ phase: 'playing' });
  }

  pause(): void {
    this.#hold(this.#now());
    this.#playing = false;
    this.#set({ phase: 'paused' });
  }

  setRate(rate: number): void {
    this.#hold(this.#now());
    this.#rate = rate;
  }

  step(direction: 1 | -1): void {
    this.pause();
    const at = this.#pictures.findIndex((picture) => picture === this.#shown);
    const next = this.#pictures[at + direction];
    if (at >= 0 && next) this.#hold(next.wall);
    else if (direction < 0) this.seek(this.#at - 100);
  }

  destroy(): void {
    this.#generation += 1;
    this.#abort.abort();
    cancelAnimationFrame(this.#frame);
    this.#pictures = [];
  }

  #set(change: Partial<PlaybackState>): void {
    const keys = Object.keys(change) as (keyof PlaybackState)[];
    if (keys.every((key) => this.#state[key] === change[key])) return;
    this.#state = { ...this.#state, ...change };
    this.#options.onState(this.#state);
  }

  #hold(wall: number): void {
    this.#at = wall;
    this.#since = performance.now();
  }

  #now(): number {
    return this.#playing && this.#state.phase === 'playing'
      ? this.#at + (performance.now() - this.#since) * this.#rate
      : this.#at;
  }

  /** Keeps some seconds of pictures ahead of the playhead. */
  async #load(from: number, generation: number): Promise<void> {
    let cursor = from;
    try {
      while (generation === this.#generation) {
        if (cursor - this.#now() > AHEAD_MS * Math.max(1, this.#rate)) {
          await new Promise((wake) => setTimeout(wake, 100));
          continue;
        }
        const next = await this.#source.fragmentAt(cursor, this.#state.stream, this.#abort.signal);
        if (generation !== this.#generation) return;
        this.#atEnd = next === null;
        if (!next) {
          if (this.#pictures.length === 0) this.#set({ phase: 'nothing' });
          await new Promise((wake) => setTimeout(wake, POLL_MS));
          continue;
        }
        cursor = await this.#fetch(next.fragments, next.index, generation);
      }
    } catch (error) {
      if (generation !== this.#generation || (error instanceof DOMException && error.name === 'AbortError')) return;
      const detail = error instanceof ApiError || error instanceof Error ? error.message : String(error);
      this.#set({ phase: 'error', error: detail });
    }
  }

  /** Fetches a run of fragments; answers where it ends. */
  async #fetch(fragments: readonly Fragment[], index: number, generation: number): Promise<number> {
    const run = fragments.slice(index, index + runLength(fragments, index, BATCH_S, BATCH_BYTES));
    for (const fragment of run) {
      if (!fragment.map) throw new Error('the playlist names no initialisation segment');
      const [init, bytes] = await Promise.all([
        this.#source.init(fragment.map, this.#abort.signal),
        this.#source.bytes(fragment, this.#abort.signal),
      ]);
      if (generation !== this.#generation) break;
      const track = init.tracks.find((one) => one.kind === 'video');
      if (track) this.#pictures.push(...picturesOf(bytes, fragment, track));
    }
    if (this.#state.phase === 'loading' || this.#state.phase === 'nothing') {
      this.#hold(Math.max(this.#at, this.#pictures[0]?.wall ?? this.#at));
      this.#set({ phase: this.#playing ? 'playing' : 'paused' });
    }
    return fragmentEnd(run.at(-1)!);
  }

  #tick = (): void => {
    this.#frame = requestAnimationFrame(this.#tick);
    const now = this.#now();
    let due = -1;
    for (const [index, picture] of this.#pictures.entries()) if (picture.wall <= now + 1) due = index;
    const next = this.#pictures[due + 1];
    if (this.#playing && next && due >= 0 && next.wall - now > HOLE_MS) {
      this.#set({ skipped: { start: now, end: next.wall } });
      this.#hold(next.wall);
      return;
    }
    if (this.#playing && !next && this.#state.phase === 'playing') {
      this.#hold(now);
      this.#set({ phase: this.#atEnd ? 'at-end' : 'loading' });
    } else if (this.#playing && next && this.#state.phase !== 'playing') {
      this.#hold(this.#at);
      this.#set({ phase: 'playing' });
    }
    const picture = this.#pictures[Math.max(0, due)];
    if (!picture || picture === this.#shown || this.#drawing) return;
    // One stays behind, to step back to.
    if (due > 1) this.#pictures.splice(0, due - 1);
    void this.#draw(picture);
  };

  async #draw(picture: Picture): Promise<void> {
    this.#drawing = true;
    try {
      const bitmap = await createImageBitmap(new Blob([picture.bytes], { type: 'image/jpeg' }));
      if (this.#canvas.width !== bitmap.width || this.#canvas.height !== bitmap.height) {
        this.#canvas.width = bitmap.width;
        this.#canvas.height = bitmap.height;
      }
      this.#canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
      bitmap.close();
      this.#shown = picture;
      this.#options.onTime(picture.wall);
    } catch {
      // A damaged picture is passed over; the next one will do.
      this.#shown = picture;
    } finally {
      this.#drawing = false;
    }
  }
}
