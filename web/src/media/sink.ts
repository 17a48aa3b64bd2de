import { mediaSourceClass } from './codecs.ts';

/** Most bytes waiting for the source buffer: 4 s of a 16 Mbit/s stream. */
const QUEUE_BYTES = 8_000_000;

interface Job {
  bytes: Uint8Array<ArrayBuffer>;
  /** Seconds to add to the fragment's own times; null: as before. */
  offset: number | null;
  /** A new type that holds from here on. */
  mime: string | null;
}

/** What a video element shows, small, as an address; null when it shows nothing. */
function stillOf(video: HTMLVideoElement): string | null {
  if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || video.videoWidth === 0) return null;
  const canvas = document.createElement('canvas');
  canvas.width = Math.min(960, video.videoWidth);
  canvas.height = Math.round((canvas.width * video.videoHeight) / video.videoWidth);
  canvas.getContext('2d')?.drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/jpeg', 0.8);
}

/**
 * One source buffer behind a video element: takes fragments, hands them over one at a time, keeps what is behind the
 * playhead short, and says when something went wrong. The queue is bounded; `append` answers false when it is full.
 */
export class MseSink {
  readonly #video: HTMLVideoElement;
  readonly #onError: (error: Error) => void;
  #source: MediaSource | null = null;
  #buffer: SourceBuffer | null = null;
  #url: string | null = null;
  #queue: Job[] = [];
  #queued = 0;
  #clearing = false;
  #waiters: (() => void)[] = [];
  /** Seconds kept behind the playhead. */
  keepBehind: number;

  constructor(video: HTMLVideoElement, keepBehind: number, onError: (error: Error) => void) {
    this.#video = video;
    this.keepBehind = keepBehind;
    this.#onError = onError;
  }

  /** Attaches a fresh media source of the given type. `duration` in seconds; Infinity for live. */
  open(mime: string, duration: number): Promise<void> {
    const still = stillOf(this.#video);
    this.close();
    // The last picture stays until the first of the new source is there.
    if (still) this.#video.poster = still;
    const Source = mediaSourceClass();
    if (!Source) return Promise.reject(new Error('no media source'));
    const source = new Source();
    this.#source = source;
    this.#video.disableRemotePlayback = true;
    this.#url = URL.createObjectURL(source);
    this.#video.src = this.#url;
    return new Promise((resolve, reject) => {
      source.addEventListener(
        'sourceopen',
        () => {
          if (this.#source !== source) return;
          try {
            source.duration = duration;
            const buffer = source.addSourceBuffer(mime);
            buffer.mode = 'segments';
            buffer.addEventListener('updateend', () => this.#pump());
            buffer.addEventListener('error', () => this.#onError(new Error('the browser rejected the stream')));
            this.#buffer = buffer;
            this.#pump();
            resolve();
          } catch (error) {
            reject(error as Error);
          }
        },
        { once: true },
      );
    });
  }

  get isOpen(): boolean {
    return this.#source !== null;
  }

  /** Queues a fragment; false when the queue is full, and nothing was taken. */
  append(bytes: Uint8Array<ArrayBuffer>, offset: number | null = null, mime: string | null = null): boolean {
    if (this.#queued + bytes.length > QUEUE_BYTES && this.#queue.length > 0) return false;
    this.#queue.push({ bytes, offset, mime });
    this.#queued += bytes.length;
    this.#pump();
    return true;
  }

  /** Resolves when everything queued so far is in the buffer (or the sink was closed). */
  drained(): Promise<void> {
    if (this.#queue.length === 0 && !this.#buffer?.updating) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** What is buffered, as [start, end] in seconds. */
  ranges(): [number, number][] {
    const out: [number, number][] = [];
    try {
      const buffered = this.#buffer?.buffered;
      const count = buffered?.length ?? 0;
      for (let i = 0; i < count; i++) out.push([buffered!.start(i), buffered!.end(i)]);
    } catch {
      // The source buffer was taken off its media source meanwhile: nothing is buffered.
    }
    return out;
  }

  /** The end of the newest range, or null. */
  end(): number | null {
    return this.ranges().at(-1)?.[1] ?? null;
  }

  /** Throws away all that is queued or buffered. What is appended afterwards comes after that. */
  clear(): void {
    this.#queue = [];
    this.#queued = 0;
    this.#clearing = true;
    try {
      if (this.#buffer && this.#source?.readyState === 'open') this.#buffer.abort();
    } catch {
      // A removal is under way, and cannot be aborted: it ends by itself.
    }
    this.#settle();
    this.#pump();
  }

  close(): void {
    this.#queue = [];
    this.#queued = 0;
    this.#buffer = null;
    this.#source = null;
    if (this.#url) {
      URL.revokeObjectURL(this.#url);
      this.#url = null;
      this.#video.removeAttribute('src');
      this.#video.load();
    }
    this.#settle();
  }

  #settle(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  #pump(): void {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.#source?.readyState !== 'open') return;
    if (this.#clearing) {
      this.#clearing = false;
      if (this.ranges().length > 0) {
        buffer.remove(0, Infinity);
        return;
      }
    }
    if (this.#trim(buffer, this.keepBehind, this.keepBehind)) return;
    const job = this.#queue[0];
    if (!job) {
      this.#settle();
      return;
    }
    try {
      if (job.mime) buffer.changeType(job.mime);
      if (job.offset !== null) buffer.timestampOffset = job.offset;
      buffer.appendBuffer(job.bytes);
      this.#queue.shift();
      this.#queued -= job.bytes.length;
    } catch (error) {
      const full = error instanceof DOMException && error.name === 'QuotaExceededError';
      if (full && this.#trim(buffer, 2, 0)) return;
      this.#queue = [];
      this.#queued = 0;
      this.#onError(error as Error);
      this.#settle();
    }
  }

  /** Starts a removal of what is more than `keep` (plus `hold` before it is worth it) behind the playhead. */
  #trim(buffer: SourceBuffer, keep: number, hold: number): boolean {
    const start = this.ranges()[0]?.[0];
    const until = this.#video.currentTime - keep;
    if (start === undefined || until - start <= hold) return false;
    buffer.remove(start, until);
    return true;
  }
}
