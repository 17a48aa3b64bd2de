import { ApiError } from '../api/client.ts';
import type { StreamName } from '../api/types.ts';
import { boxNow } from '../lib/box-time.ts';
import { canPlay, codecName } from './codecs.ts';
import { MediaClock } from './media-clock.ts';
import { parseFragment, type Track } from './mp4.ts';
import type { Playback, PlaybackOptions, PlaybackState } from './playback.ts';
import { fragmentEnd, runLength, sameSource, type Fragment, type Source } from './playlist.ts';
import { RecordingSource, type Init } from './recording-source.ts';
import { MseSink } from './sink.ts';

const DAY_MS = 86_400_000;
/** Buffered ahead at normal speed, seconds. */
const AHEAD_S = 16;
/** Most bytes of one request: 4 s of an 8 Mbit/s stream. */
const BATCH_BYTES = 4_000_000;
/** Seconds kept behind the playhead, for stepping back. */
const KEEP_BEHIND_S = 30;
/** How often the newest recording is asked for, when the playhead has come to its end. */
const POLL_MS = 700;
/** A seek that takes longer is given up waiting for (the picture comes when it comes). */
const SEEK_PATIENCE_MS = 4000;
const TICK_MS = 100;
/** So many ticks without a frame ahead, with less than so much buffered, and the playhead has come to the end of it. */
const STALLED_TICKS = 3;
const NEARLY_OUT_S = 0.8;
/** Holes shorter than this are jumped without a word. */
const WORTH_A_WORD_MS = 1500;
/** The word about a hole stands until so much after it has been seen. */
const WORD_MS = 10_000;

const pause = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms));

/** The bytes of neighbouring fragments of one file. */
function joined(run: readonly Fragment[]): Source {
  const first = run[0]!;
  const last = run.at(-1)!;
  return {
    uri: first.uri,
    range: first.range && last.range ? { start: first.range.start, end: last.range.end } : null,
  };
}

/** `video,audio`: a source buffer takes other codecs later on, but no other number of tracks. */
function kindsOf(tracks: readonly Track[]): string {
  return tracks.map((track) => track.kind).join();
}

function startsWithKey(bytes: Uint8Array<ArrayBuffer>, tracks: readonly Track[]): boolean {
  const video = tracks.find((track) => track.kind === 'video');
  // A fragment that does not say is believed to: that is the rule for HLS.
  return !video || (parseFragment(bytes).key.get(video.id) ?? true);
}

/** Plays recordings through Media Source Extensions, from the byte ranges that `playback.m3u8` names. */
export class MsePlayback implements Playback {
  readonly #options: PlaybackOptions;
  readonly #video: HTMLVideoElement;
  readonly #sink: MseSink;
  readonly #source: RecordingSource;
  #clock = new MediaClock(0);
  #state: PlaybackState;
  /** Every seek out of the buffer begins a new generation; loaders of older ones stop. */
  #generation = 0;
  #abort = new AbortController();
  /** The type the source buffer is set to, and the init segment it got last. */
  #mime = '';
  #kinds = '';
  #fed: Source | null = null;
  #wanted: { wall: number; draft: boolean } | null = null;
  #seeking = false;
  /** A finger drags: the picture stands where it is, and nothing is fetched ahead. */
  #drafting = false;
  /** The generation for which a loader runs. */
  #loading = -1;
  #playing = false;
  #rate = 1;
  #frame = 0.04;
  /** Media time of the frame on the screen. */
  #shown = 0;
  /** Ticks without a frame ahead of the playhead. */
  #stalled = 0;
  /** The loader has come to the newest recording. */
  #atEnd = false;
  #ticker: number;
  #frameCallback = 0;
  #streams: StreamName[];
  #destroyed = false;

  constructor(options: PlaybackOptions) {
    this.#options = options;
    this.#video = options.video;
    this.#streams = options.streams;
    this.#source = new RecordingSource(options);
    this.#sink = new MseSink(options.video, KEEP_BEHIND_S, (error) => this.#fail(error));
    this.#state = { phase: 'idle', stream: options.streams[0] ?? 'main', codec: null, error: null, skipped: null };
    this.#ticker = window.setInterval(() => this.#tick(), TICK_MS);
    this.#watchFrames();
  }

  seek(wall: number, draft = false): void {
    this.#wanted = { wall: Math.min(wall, boxNow()), draft };
    this.#drafting = draft;
    if (draft) this.#video.pause();
    if (!this.#seeking) void this.#runSeeks();
  }

  play(): void {
    this.#playing = true;
    this.#set({ phase: 'playing', error: null });
    this.#video.play().catch(() => undefined);
  }

  pause(): void {
    this.#playing = false;
    this.#video.pause();
    if (this.#state.phase === 'playing' || this.#state.phase === 'at-end') this.#set({ phase: 'paused' });
  }

  setRate(rate: number): void {
    this.#rate = rate;
    this.#video.playbackRate = rate;
  }

  step(direction: 1 | -1): void {
    this.pause();
    // Into the middle of the frame next to the one on the screen: exact in spite of rounding. That is the last one
    // reported, or a later one whose report has not come; a playhead a little before it means that it was shown early.
    const since = Math.max(0, Math.floor((this.#video.currentTime - this.#shown) / this.#frame + 0.05));
    const target = this.#shown + (since + (direction === 1 ? 1.5 : -0.5)) * this.#frame;
    this.seek(this.#clock.wall(target));
  }

  destroy(): void {
    this.#destroyed = true;
    this.#generation += 1;
    this.#abort.abort();
    window.clearInterval(this.#ticker);
    if ('cancelVideoFrameCallback' in this.#video) this.#video.cancelVideoFrameCallback(this.#frameCallback);
    this.#video.pause();
    this.#sink.close();
  }

  #set(change: Partial<PlaybackState>): void {
    if (this.#destroyed) return;
    const keys = Object.keys(change) as (keyof PlaybackState)[];
    if (keys.every((key) => this.#state[key] === change[key])) return;
    this.#state = { ...this.#state, ...change };
    this.#options.onState(this.#state);
  }

  #fail(error: unknown): void {
    if (this.#destroyed || (error instanceof DOMException && error.name === 'AbortError')) return;
    this.#generation += 1;
    this.#abort.abort();
    this.#sink.close();
    this.#set({ phase: 'error', error: error instanceof Error ? error.message : String(error) });
  }

  /** One seek at a time; of those asked for meanwhile only the newest counts. */
  async #runSeeks(): Promise<void> {
    this.#seeking = true;
    try {
      while (this.#wanted && !this.#destroyed) {
        const { wall, draft } = this.#wanted;
        this.#wanted = null;
        await this.#seekTo(wall, draft);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#seeking = false;
    }
  }

  async #seekTo(wall: number, draft: boolean): Promise<void> {
    const stream = (draft && this.#streams.includes('sub') ? 'sub' : this.#streams[0]) ?? 'main';
    const media = this.#clock.media(wall);
    const held = this.#sink.ranges().find(([start, end]) => media >= start - 0.001 && media < end - 0.01);
    if (held && stream === this.#state.stream && this.#sink.isOpen && this.#state.phase !== 'error') {
      this.#set({ skipped: null, phase: this.#playing ? 'playing' : 'paused' });
      await this.#show(Math.max(media, held[0]));
      this.#goOn(this.#clock.wall(held[1]), stream);
      return;
    }

    this.#generation += 1;
    const generation = this.#generation;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#set({ phase: 'loading', error: null, stream, skipped: null });
    this.#atEnd = false;
    const day = wall - this.#clock.epoch;
    if (!this.#sink.isOpen || day < 0 || day > 3 * DAY_MS) {
      // Media time zero lies a day before, so that going back needs no new beginning.
      this.#clock = new MediaClock(wall - DAY_MS);
      this.#sink.close();
      this.#mime = '';
    } else this.#sink.clear();
    this.#fed = null;

    const first = await this.#appendFrom(wall, stream, generation, true);
    if (generation !== this.#generation) return;
    if (first === null) {
      this.#set({ phase: 'nothing' });
      return;
    }
    // A moment at the very end of a fragment needs the next one too, as sound and picture do not end together.
    const target = this.#clock.media(Math.max(wall, first.start));
    let { end } = first;
    for (let more = 0; more < 2 && !this.#covers(target); more++) {
      const next = await this.#appendFrom(end, stream, generation, false);
      if (generation !== this.#generation) return;
      if (!next) break;
      end = next.end;
    }
    if (first.start - wall > WORTH_A_WORD_MS) this.#set({ skipped: { start: wall, end: first.start } });
    await this.#show(target);
    if (generation !== this.#generation) return;
    this.#set({ phase: this.#playing ? 'playing' : 'paused' });
    this.#goOn(end, stream);
  }

  #covers(media: number): boolean {
    return this.#sink.ranges().some(([start, end]) => media >= start - 0.001 && media < end - 0.05);
  }

  /** After a seek: plays on if it played, and keeps the buffer full from `end` on, unless a finger still drags. */
  #goOn(end: number, stream: StreamName): void {
    if (this.#drafting || this.#destroyed) return;
    this.#video.playbackRate = this.#rate;
    if (this.#playing) this.#video.play().catch(() => undefined);
    if (this.#loading === this.#generation) return;
    this.#loading = this.#generation;
    void this.#load(end, stream, this.#generation);
  }

  /** Puts the playhead somewhere and waits until the picture is there. */
  #show(media: number): Promise<void> {
    return new Promise((done) => {
      const timer = window.setTimeout(finish, SEEK_PATIENCE_MS);
      const video = this.#video;
      function finish(): void {
        window.clearTimeout(timer);
        video.removeEventListener('seeked', finish);
        done();
      }
      video.addEventListener('seeked', finish);
      video.currentTime = media;
      this.#options.onTime(this.#clock.wall(media));
    });
  }

  /** Keeps the buffer full ahead of the playhead, until the next generation. */
  async #load(from: number, stream: StreamName, generation: number): Promise<void> {
    let cursor = from;
    let failures = 0;
    while (generation === this.#generation) {
      const ahead = this.#clock.media(cursor) - this.#video.currentTime;
      if (ahead > AHEAD_S * Math.max(1, Math.min(4, this.#rate))) {
        await pause(TICK_MS * 2);
        continue;
      }
      try {
        const got = await this.#appendFrom(cursor, stream, generation, false);
        if (generation !== this.#generation) return;
        failures = 0;
        this.#atEnd = got === null;
        if (got) cursor = got.end;
        else await pause(POLL_MS);
      } catch (error) {
        if (generation !== this.#generation) return;
        if (error instanceof ApiError && error.status < 500 && error.status !== 429) return this.#fail(error);
        // The box is busy or away: what is buffered goes on playing, and we ask again.
        failures += 1;
        await pause(Math.min(8000, 500 * 2 ** failures));
      }
    }
    return undefined;
  }

  /**
   * Fetches and appends what comes next from an instant on. Answers what it covers; null when nothing is recorded
   * there or later (yet). `urgent`: one fragment only, a picture is being waited for.
   */
  async #appendFrom(
    wall: number,
    stream: StreamName,
    generation: number,
    urgent: boolean,
  ): Promise<{ start: number; end: number } | null> {
    const { signal } = this.#abort;
    const next = await this.#source.fragmentAt(wall, stream, signal);
    if (!next || generation !== this.#generation) return null;
    const { fragments, index } = next;
    const count = urgent ? 1 : runLength(fragments, index, 2 + this.#rate * 2, BATCH_BYTES);
    const run = fragments.slice(index, index + count);
    const first = run[0]!;
    const last = run.at(-1)!;
    const map = first.map;
    if (!map) throw new Error('the playlist names no initialisation segment');
    const [init, bytes] = await Promise.all([this.#source.init(map, signal), this.#source.bytes(joined(run), signal)]);
    if (generation !== this.#generation) return null;
    if (!canPlay(init.mime)) return this.#onUnsupported(init.mime, wall);
    if (!urgent && kindsOf(init.tracks) !== this.#kinds) {
      // Sound comes or goes: what is buffered is played to its end, then it goes on with a fresh buffer.
      if (await this.#playedOut(generation)) this.seek(first.wall + 1);
      return null;
    }
    const parts: { fragment: Fragment; bytes: Uint8Array<ArrayBuffer> }[] = [];
    let at = 0;
    for (const fragment of run) {
      const size = fragment.range ? fragment.range.end - fragment.range.start : bytes.length;
      parts.push({ fragment, bytes: bytes.subarray(at, at + size) });
      at += size;
    }
    // A fragment in the middle of a GOP cannot be decoded alone: back to the one with the key frame.
    for (let i = urgent ? index - 1 : -1; i >= 0 && !startsWithKey(parts[0]!.bytes, init.tracks); i--) {
      const before = fragments[i]!;
      if (!sameSource(before.map, map)) break;
      parts.unshift({ fragment: before, bytes: await this.#source.bytes(before, signal) });
      if (generation !== this.#generation) return null;
    }
    await this.#feed(init, generation);
    for (const part of parts) {
      const { offset, frame } = this.#clock.place(part.fragment, init.tracks, parseFragment(part.bytes));
      if (frame !== null) this.#frame = frame;
      await this.#append(part.bytes, offset, generation);
    }
    await this.#sink.drained();
    return { start: first.wall, end: fragmentEnd(last) };
  }

  /** Waits until the playhead has come to the end of the buffer; false when it was moved meanwhile. */
  async #playedOut(generation: number): Promise<boolean> {
    while (generation === this.#generation) {
      const end = this.#sink.end();
      if (end === null || end - this.#video.currentTime < 0.2) return true;
      await pause(TICK_MS);
    }
    return false;
  }

  async #append(
    part: Uint8Array<ArrayBuffer>,
    offset: number | null,
    generation: number,
    mime?: string,
  ): Promise<void> {
    while (generation === this.#generation && !this.#sink.append(part, offset, mime ?? null))
      await this.#sink.drained();
  }

  /** Gives the source buffer the init segment that what follows needs, if it is another than before. */
  async #feed(init: Init, generation: number): Promise<void> {
    const kinds = kindsOf(init.tracks);
    if (!this.#sink.isOpen || kinds !== this.#kinds) {
      await this.#sink.open(init.mime, 4 * (DAY_MS / 1000));
      this.#mime = init.mime;
      this.#kinds = kinds;
      this.#fed = null;
    }
    if (generation !== this.#generation || sameSource(this.#fed, init.source)) return;
    await this.#append(init.bytes, null, generation, this.#mime === init.mime ? undefined : init.mime);
    this.#mime = init.mime;
    this.#fed = init.source;
  }

  /** No stream of this recording plays here, or the other one does. */
  #onUnsupported(mime: string, wall: number): null {
    if (codecName(mime) === 'MJPEG' && this.#options.onJpeg) {
      this.#generation += 1;
      this.#options.onJpeg(this.#state.stream, wall);
      return null;
    }
    this.#streams = this.#streams.filter((stream) => stream !== this.#state.stream);
    if (this.#streams.length > 0) {
      this.seek(wall);
      return null;
    }
    this.#generation += 1;
    this.#set({ phase: 'unsupported', codec: codecName(mime) });
    return null;
  }

  #watchFrames(): void {
    if (!('requestVideoFrameCallback' in HTMLVideoElement.prototype)) return;
    this.#frameCallback = this.#video.requestVideoFrameCallback((_now, frame) => {
      this.#shown = frame.mediaTime;
      if (!this.#seeking) this.#options.onTime(this.#clock.wall(frame.mediaTime));
      this.#watchFrames();
    });
  }

  #tick(): void {
    if (!this.#playing || this.#seeking || this.#drafting || !this.#sink.isOpen) return;
    const video = this.#video;
    const now = video.currentTime;
    const ranges = this.#sink.ranges();
    const here = ranges.find(([start, end]) => now >= start - 0.05 && now < end);
    const left = here ? here[1] - now : 0;
    const next = ranges.find(([start]) => start > (here ? here[1] : now) - 0.001);
    // A browser stops somewhat before the end of what it holds: sound and picture do not end together.
    this.#stalled = video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA ? this.#stalled + 1 : 0;
    const dry = left < 0.05 || (left < NEARLY_OUT_S && this.#stalled >= STALLED_TICKS);
    if (dry && next) {
      // The recording stops here and goes on there: jump, and say what is missing.
      const from = this.#clock.wall(here ? here[1] : now);
      const to = this.#clock.wall(next[0]);
      if (to - from > WORTH_A_WORD_MS) this.#set({ skipped: { start: from, end: to } });
      this.#stalled = 0;
      video.currentTime = next[0] + 0.001;
      return;
    }
    const { skipped } = this.#state;
    if (skipped && this.#clock.wall(now) > skipped.end + WORD_MS) this.#set({ skipped: null });
    this.#set({ phase: dry ? (this.#atEnd ? 'at-end' : 'loading') : 'playing' });
    if (video.paused) video.play().catch(() => undefined);
  }
}
