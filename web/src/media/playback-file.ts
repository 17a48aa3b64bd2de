import type { Playback, PlaybackOptions, PlaybackState } from './playback.ts';

/** Length of the file asked for at once. */
const WINDOW_MS = 600_000;

/**
 * Plays recordings as plain MP4 files, for browsers without Media Source Extensions. Coarser: each window of ten
 * minutes is a file of its own, and ends where the next gap begins so that its clock stays true.
 */
export class FilePlayback implements Playback {
  readonly #options: PlaybackOptions;
  readonly #video: HTMLVideoElement;
  #state: PlaybackState;
  #start = 0;
  #end = 0;
  #playing = false;
  #rate = 1;

  constructor(options: PlaybackOptions) {
    this.#options = options;
    this.#video = options.video;
    // The sub stream: what has no MSE is a small old phone.
    this.#state = { phase: 'idle', stream: options.streams.at(-1) ?? 'main', codec: null, error: null, skipped: null };
    this.#video.addEventListener('timeupdate', this.#onTime);
    this.#video.addEventListener('ended', this.#onEnded);
    this.#video.addEventListener('error', this.#onError);
    this.#video.addEventListener('loadeddata', this.#onLoaded);
  }

  seek(wall: number): void {
    if (wall >= this.#start && wall < this.#end) this.#video.currentTime = (wall - this.#start) / 1000;
    else void this.#open(wall);
  }

  play(): void {
    this.#playing = true;
    this.#set({ phase: 'playing' });
    this.#video.play().catch(() => undefined);
  }

  pause(): void {
    this.#playing = false;
    this.#video.pause();
    this.#set({ phase: 'paused' });
  }

  setRate(rate: number): void {
    this.#rate = rate;
    this.#video.playbackRate = rate;
  }

  step(direction: 1 | -1): void {
    this.pause();
    this.#video.currentTime += direction * 0.04;
  }

  destroy(): void {
    this.#video.removeEventListener('timeupdate', this.#onTime);
    this.#video.removeEventListener('ended', this.#onEnded);
    this.#video.removeEventListener('error', this.#onError);
    this.#video.removeEventListener('loadeddata', this.#onLoaded);
    this.#video.pause();
    this.#video.removeAttribute('src');
    this.#video.load();
  }

  async #open(wall: number): Promise<void> {
    this.#set({ phase: 'loading', error: null, skipped: null });
    try {
      const { stream } = this.#state;
      const start = await this.#options.findNext(stream, wall);
      if (start === null) {
        this.#set({ phase: 'nothing' });
        return;
      }
      if (start - wall > 1500) this.#set({ skipped: { start: wall, end: start } });
      this.#start = start;
      this.#end = start + WINDOW_MS;
      this.#video.src = this.#options.url('video.mp4', stream, this.#start, this.#end);
      this.#video.load();
    } catch (error) {
      this.#set({ phase: 'error', error: error instanceof Error ? error.message : String(error) });
    }
  }

  #set(change: Partial<PlaybackState>): void {
    this.#state = { ...this.#state, ...change };
    this.#options.onState(this.#state);
  }

  readonly #onTime = (): void => this.#options.onTime(this.#start + this.#video.currentTime * 1000);

  readonly #onEnded = (): void => void this.#open(this.#start + this.#video.currentTime * 1000 + 500);

  readonly #onError = (): void => {
    if (this.#video.src) this.#set({ phase: 'error', error: this.#video.error?.message ?? null });
  };

  readonly #onLoaded = (): void => {
    this.#video.playbackRate = this.#rate;
    this.#set({ phase: this.#playing ? 'playing' : 'paused' });
    if (this.#playing) this.#video.play().catch(() => undefined);
  };
}
