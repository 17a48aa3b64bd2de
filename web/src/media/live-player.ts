import { backoffMs, chase, isStall, slackAfterCalm, slackAfterStall } from './chase.ts';
import { canPlay, codecName } from './codecs.ts';
import { parseInit, parseReference, type Track } from './mp4.ts';
import { MseSink } from './sink.ts';
import type { LiveMessage, StreamName } from '../api/types.ts';

export type LivePhase =
  /** A socket is being opened, or the first picture is awaited. */
  | 'connecting'
  | 'playing'
  /** The box is well, the camera sends nothing; `reason` says why. */
  | 'waiting'
  /** No stream of this camera is in a codec this browser plays. */
  | 'unsupported'
  /** The socket was lost; trying again. */
  | 'lost'
  | 'stopped';

export interface LiveState {
  phase: LivePhase;
  reason: string | null;
  /** The stream that is being shown. */
  stream: StreamName;
  /** The codec, as people call it. */
  codec: string | null;
  width: number | null;
  height: number | null;
  /** From the box's receiving a frame to its being on this screen, milliseconds; null while not known. */
  delayMs: number | null;
  /** Frames the box left out because this viewer was slow. */
  skipped: number;
  /** Pictures are drawn on the canvas and not played by the video element. */
  jpeg: boolean;
  /** The stream asked for could not be played; this is the other one. The codec that could not be played. */
  insteadOf: string | null;
}

export interface LiveOptions {
  video: HTMLVideoElement;
  canvas: HTMLCanvasElement;
  /** The socket's address for a stream. */
  url: (stream: StreamName) => string;
  /** Streams in order of preference; the next is taken when one cannot be played. */
  streams: StreamName[];
  onState: (state: LiveState) => void;
  /** Called before a lost socket is opened again, to have the session renewed if that was why. */
  beforeRetry: () => Promise<void>;
}

/** No message for so long while pictures were coming: the connection is dead, whatever the socket says. */
const SILENCE_MS = 8000;
/** The clock of the chase. */
const TICK_MS = 100;
/** Seconds kept behind the playhead: a live picture is never wound back. */
const KEEP_BEHIND_S = 6;
/** The browser tells of each frame it shows (all but old Firefox). */
const FRAME_CALLBACKS = 'requestVideoFrameCallback' in HTMLVideoElement.prototype;

/** Plays `live.ws`: fMP4 by Media Source Extensions, or JPEGs on a canvas. */
export class LivePlayer {
  readonly #options: LiveOptions;
  readonly #sink: MseSink;
  #state: LiveState;
  #socket: WebSocket | null = null;
  #choice = 0;
  #attempt = 0;
  #retryTimer = 0;
  #ticker = 0;
  #lastMessage = 0;
  #lastTick = 0;
  #slack = 0;
  #frame = 0.04;
  #lastMediaTime = 0;
  /** When the frame before was shown, by the page's clock. */
  #lastFrame = 0;
  /** The box's clock minus ours, milliseconds: its hello's time at the moment it came. */
  #clockAhead = 0;
  #tracks: Track[] = [];
  /** The wall-clock time of media time zero, from the fragments' reference times. */
  #zero: number | null = null;
  /** Smoothed, milliseconds. */
  #delay = 0;
  #drawing = false;
  #nextJpeg: Blob | null = null;
  #frameCallback = 0;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#sink = new MseSink(options.video, KEEP_BEHIND_S, () => this.#lose('stream_rejected'));
    this.#state = {
      phase: 'stopped',
      reason: null,
      stream: options.streams[0] ?? 'main',
      codec: null,
      width: null,
      height: null,
      delayMs: null,
      skipped: 0,
      jpeg: false,
      insteadOf: null,
    };
  }

  start(): void {
    this.stop();
    this.#choice = 0;
    this.#attempt = 0;
    this.#set({ insteadOf: null, skipped: 0 });
    this.#ticker = window.setInterval(() => this.#tick(), TICK_MS);
    this.#watchFrames();
    this.#connect();
  }

  /** Lets go of socket and buffers. */
  stop(): void {
    window.clearTimeout(this.#retryTimer);
    window.clearInterval(this.#ticker);
    const { video } = this.#options;
    if (FRAME_CALLBACKS) video.cancelVideoFrameCallback(this.#frameCallback);
    this.#drop();
    this.#sink.close();
    this.#set({ phase: 'stopped', delayMs: null });
  }

  /** Tries again now and not when the back-off is over. */
  retryNow(): void {
    if (this.#state.phase !== 'lost') return;
    window.clearTimeout(this.#retryTimer);
    this.#attempt = 0;
    this.#connect();
  }

  #set(change: Partial<LiveState>): void {
    const keys = Object.keys(change) as (keyof LiveState)[];
    if (keys.every((key) => this.#state[key] === change[key])) return;
    this.#state = { ...this.#state, ...change };
    this.#options.onState(this.#state);
  }

  #connect(): void {
    const stream = this.#options.streams[this.#choice] ?? 'main';
    this.#drop();
    this.#set({ phase: 'connecting', reason: null, stream });
    const socket = new WebSocket(this.#options.url(stream));
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#lastMessage = performance.now();
    socket.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== this.#socket) return;
      this.#lastMessage = performance.now();
      if (typeof message.data === 'string') this.#onText(JSON.parse(message.data) as LiveMessage);
      else this.#onBytes(new Uint8Array(message.data));
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lose(this.#state.reason);
    };
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #lose(reason: string | null): void {
    this.#drop();
    window.clearTimeout(this.#retryTimer);
    this.#set({ phase: 'lost', reason, delayMs: null });
    const wait = backoffMs(this.#attempt, Math.random());
    this.#attempt += 1;
    this.#retryTimer = window.setTimeout(() => {
      this.#options
        .beforeRetry()
        .catch(() => undefined)
        .finally(() => {
          if (this.#state.phase === 'lost') this.#connect();
        });
    }, wait);
  }

  #onText(message: LiveMessage): void {
    switch (message.type) {
      case 'hello':
        this.#onHello(message);
        break;
      case 'skipped':
        this.#set({ skipped: this.#state.skipped + message.frames });
        break;
      case 'waiting':
        this.#set({ phase: 'waiting', reason: message.reason, delayMs: null });
        break;
      case 'end':
        this.#set({ reason: message.reason });
        break;
    }
  }

  #onHello(hello: Extract<LiveMessage, { type: 'hello' }>): void {
    const jpeg = hello.mime.startsWith('image/jpeg');
    const ahead = Date.parse(hello.server_time) - Date.now();
    this.#clockAhead = Number.isNaN(ahead) ? 0 : ahead;
    this.#tracks = [];
    this.#zero = null;
    if (!jpeg && !canPlay(hello.mime)) {
      this.#onUnsupported(codecName(hello.mime));
      return;
    }
    this.#set({
      phase: 'connecting',
      reason: null,
      codec: codecName(hello.mime),
      width: hello.width,
      height: hello.height,
      jpeg,
    });
    if (jpeg) {
      this.#sink.close();
      return;
    }
    // A fresh media source for each connection and each change of format: times may start anew.
    this.#sink.open(hello.mime, Infinity).catch(() => this.#onUnsupported(codecName(hello.mime)));
  }

  #onUnsupported(codec: string): void {
    this.#drop();
    this.#sink.close();
    if (this.#choice + 1 < this.#options.streams.length) {
      this.#choice += 1;
      this.#set({ insteadOf: codec });
      this.#connect();
      return;
    }
    this.#set({ phase: 'unsupported', codec, reason: null, delayMs: null });
  }

  #onBytes(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#state.jpeg) {
      this.#nextJpeg = new Blob([bytes], { type: 'image/jpeg' });
      this.#drawJpeg();
      return;
    }
    if (this.#tracks.length === 0) this.#tracks = parseInit(bytes);
    else this.#noteReference(bytes);
    // A full queue means this machine is too slow or was asleep: a fresh start at the newest key frame.
    if (!this.#sink.append(bytes)) this.#lose('too_slow');
  }

  #noteReference(bytes: Uint8Array<ArrayBuffer>): void {
    const reference = parseReference(bytes);
    const track = this.#tracks.find((one) => one.id === reference?.track);
    if (reference && track?.kind === 'video') this.#zero = reference.wall - (reference.media / track.timescale) * 1000;
  }

  /** Draws the newest JPEG; those that came while one was being decoded are left out. */
  #drawJpeg(): void {
    const blob = this.#nextJpeg;
    if (this.#drawing || !blob) return;
    this.#nextJpeg = null;
    this.#drawing = true;
    createImageBitmap(blob)
      .then((picture) => {
        const { canvas } = this.#options;
        if (canvas.width !== picture.width || canvas.height !== picture.height) {
          canvas.width = picture.width;
          canvas.height = picture.height;
        }
        canvas.getContext('2d')?.drawImage(picture, 0, 0);
        picture.close();
        this.#attempt = 0;
        this.#set({ phase: 'playing', reason: null, width: canvas.width, height: canvas.height });
      })
      .catch(() => undefined)
      .finally(() => {
        this.#drawing = false;
        this.#drawJpeg();
      });
  }

  /** Learns the time between frames, and knows that pictures really appear. */
  #watchFrames(): void {
    const { video } = this.#options;
    if (!FRAME_CALLBACKS) return;
    this.#frameCallback = video.requestVideoFrameCallback((now, frame) => {
      const gap = frame.mediaTime - this.#lastMediaTime;
      const seconds = (now - this.#lastFrame) / 1000;
      this.#lastFrame = now;
      // The browser's own `waiting` says nothing: with one frame in hand it comes at every frame, and nobody sees it.
      if (gap > 0 && gap < 2 && isStall(seconds, gap / video.playbackRate)) this.#slack = slackAfterStall(this.#slack);
      if (gap > 0.005 && gap < 2) this.#frame += (gap - this.#frame) / 16;
      this.#lastMediaTime = frame.mediaTime;
      if (this.#zero !== null) {
        const shown = this.#zero + frame.mediaTime * 1000;
        this.#delay += (Date.now() + this.#clockAhead - shown - this.#delay) / 8;
      }
      this.#onPicture();
      this.#watchFrames();
    });
  }

  #onPicture(): void {
    if (this.#state.phase === 'stopped' || this.#state.phase === 'unsupported' || !this.#sink.isOpen) return;
    this.#attempt = 0;
    const { video } = this.#options;
    this.#set({
      phase: 'playing',
      reason: null,
      width: video.videoWidth || this.#state.width,
      height: video.videoHeight || this.#state.height,
    });
  }

  #tick(): void {
    const now = performance.now();
    const seconds = Math.min(1, (now - this.#lastTick) / 1000);
    this.#lastTick = now;
    this.#slack = slackAfterCalm(this.#slack, seconds);
    const { phase } = this.#state;
    if ((phase === 'playing' || phase === 'connecting') && now - this.#lastMessage > SILENCE_MS) {
      this.#lose('silent');
      return;
    }
    if (this.#state.jpeg || !this.#sink.isOpen) return;
    const { video } = this.#options;
    const ranges = this.#sink.ranges();
    const newest = ranges.at(-1);
    if (!newest) return;
    const [start, end] = newest;
    if (video.currentTime < start) video.currentTime = start;
    if (video.paused) video.play().catch(() => undefined);
    if (!FRAME_CALLBACKS && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.#onPicture();
    const behind = end - video.currentTime;
    const step = chase({ behind, frame: this.#frame, slack: this.#slack, rate: video.playbackRate });
    if (step.kind === 'jump') video.currentTime = Math.max(start, end - step.lead);
    else if (video.playbackRate !== step.rate) video.playbackRate = step.rate;
    // Once a second is often enough for a number that people read.
    if (phase === 'playing' && Math.floor(now / 1000) !== Math.floor((now - TICK_MS) / 1000))
      this.#set({ delayMs: this.#zero === null ? null : Math.max(0, Math.round(this.#delay / 10) * 10) });
  }
}
