import { ApiError, fetchMedia } from '../api/client.ts';
import type { StreamName } from '../api/types.ts';
import { boxNow } from '../lib/box-time.ts';
import { mimeOf, parseInit, type Track } from './mp4.ts';
import type { PlaybackOptions } from './playback.ts';
import { firstAfter, parsePlaylist, sameSource, type Fragment, type Source } from './playlist.ts';

/** A playlist is asked for this much at once: two minutes of one-second fragments are some 15 kB of text. */
const WINDOW_MS = 120_000;
/** … and this much before the wanted instant, for the finger that goes back a little. */
const WINDOW_BEFORE_MS = 20_000;
/** A list that ends within this of now may end where the recording had come to. */
const OPEN_MS = 5000;

export interface Init {
  source: Source;
  bytes: Uint8Array<ArrayBuffer>;
  tracks: Track[];
  mime: string;
}

interface Window {
  stream: StreamName;
  start: number;
  end: number;
  fragments: Fragment[];
  /** It reached up to now when it was fetched: more may have been recorded since. */
  open: boolean;
}

/** What the box has recorded of a camera, as playlists and bytes: fetched when asked for, and remembered a little. */
export class RecordingSource {
  readonly #address: Pick<PlaybackOptions, 'url' | 'findNext'>;
  #window: Window | null = null;
  #inits: Init[] = [];

  constructor(address: Pick<PlaybackOptions, 'url' | 'findNext'>) {
    this.#address = address;
  }

  /** The list that has the first fragment ending after an instant, and where in it; null when there is none (yet). */
  async fragmentAt(
    wall: number,
    stream: StreamName,
    signal: AbortSignal,
  ): Promise<{ fragments: Fragment[]; index: number } | null> {
    let from = wall;
    // A list used up, a fresh one, and one after a long gap.
    for (let hop = 0; hop < 3; hop++) {
      const held = this.#window;
      const usable = held && held.stream === stream && from >= held.start && from < held.end;
      const list = usable ? held : await this.#playlist(stream, from, signal);
      const index = firstAfter(list.fragments, from);
      if (index < list.fragments.length) return { fragments: list.fragments, index };
      this.#window = null;
      if (usable) {
        if (!list.open) from = list.end;
      } else {
        if (list.open) return null;
        const further = await this.#address.findNext(stream, list.end);
        if (further === null) return null;
        from = further;
      }
    }
    return null;
  }

  async #playlist(stream: StreamName, wall: number, signal: AbortSignal): Promise<Window> {
    const start = wall - WINDOW_BEFORE_MS;
    // Up to now and not beyond: a list that may still grow leaves its newest part out.
    const now = boxNow();
    const end = Math.min(wall + WINDOW_MS, now);
    const open = end >= now - OPEN_MS;
    const url = this.#address.url('playback.m3u8', stream, start, end);
    let fragments: Fragment[] = [];
    try {
      const response = await fetchMedia(url, { signal });
      fragments = parsePlaylist(await response.text(), new URL(url, location.href).href);
    } catch (error) {
      // Nothing recorded in this window.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    this.#window = { stream, start, end, fragments, open };
    return this.#window;
  }

  async init(source: Source, signal: AbortSignal): Promise<Init> {
    const known = this.#inits.find((init) => sameSource(init.source, source));
    if (known) return known;
    const bytes = await this.bytes(source, signal);
    const tracks = parseInit(bytes);
    if (tracks.length === 0) throw new Error('the recording has no tracks');
    const init = { source, bytes, tracks, mime: mimeOf(tracks) };
    // A minute of recording is one file with one init segment: sixteen are enough to go to and fro.
    this.#inits = [init, ...this.#inits].slice(0, 16);
    return init;
  }

  async bytes({ uri, range }: Source, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const response = await fetchMedia(uri, {
      signal,
      ...(range ? { range: `bytes=${range.start}-${range.end - 1}` } : {}),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    // A server that knows no ranges sends it all.
    return range && response.status === 200 ? bytes.subarray(range.start, range.end) : bytes;
  }
}
