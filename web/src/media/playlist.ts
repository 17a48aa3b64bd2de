/** The HLS media playlists of `playback.m3u8` (RFC 8216): which bytes of which file show which moment. */

export interface ByteRange {
  /** First byte. */
  start: number;
  /** One past the last byte. */
  end: number;
}

/** Bytes that are fetched with one request. */
export interface Source {
  uri: string;
  /** Null: the whole file. */
  range: ByteRange | null;
}

export interface Fragment extends Source {
  /** Seconds. */
  duration: number;
  /** When its first frame was, ms since 1970. */
  wall: number;
  /** The initialisation segment that belongs to it. */
  map: Source | null;
  /** Times or parameters start anew here. */
  discontinuity: boolean;
}

/** A day of one-second fragments, and as much again: more is no playlist of ours. */
const MAX_FRAGMENTS = 200_000;

function parseRange(text: string, follows: number): ByteRange {
  const match = /^(\d+)(?:@(\d+))?$/.exec(text.trim());
  if (!match) throw new Error(`not a byte range: ${text}`);
  const start = match[2] === undefined ? follows : Number(match[2]);
  return { start, end: start + Number(match[1]) };
}

function attribute(list: string, name: string): string | null {
  const match = new RegExp(`(?:^|,)${name}=(?:"([^"]*)"|([^",]*))`).exec(list);
  return match ? (match[1] ?? match[2] ?? null) : null;
}

/** Reads a media playlist; `base` is the address it came from. Throws on what is not one. */
export function parsePlaylist(text: string, base: string): Fragment[] {
  const lines = text.split(/\r?\n/);
  if (!lines[0]?.startsWith('#EXTM3U')) throw new Error('not a playlist');
  const fragments: Fragment[] = [];
  let map: Source | null = null;
  let duration: number | null = null;
  let range: ByteRange | null = null;
  let wall: number | null = null;
  let discontinuity = false;
  let gap = false;
  let last: { uri: string; end: number } = { uri: '', end: 0 };
  let pendingRange: string | null = null;

  for (const raw of lines) {
    const line = raw.trim();
    if (line === '') continue;
    if (!line.startsWith('#')) {
      const uri = new URL(line, base).href;
      if (pendingRange !== null) range = parseRange(pendingRange, last.uri === uri ? last.end : 0);
      if (duration === null || !Number.isFinite(duration)) throw new Error(`no duration for ${line}`);
      if (wall === null) throw new Error('a playlist without EXT-X-PROGRAM-DATE-TIME says nothing of when');
      if (!gap) fragments.push({ uri, range, duration, wall, map, discontinuity });
      if (fragments.length > MAX_FRAGMENTS) throw new Error('the playlist is too long');
      if (range) last = { uri, end: range.end };
      wall += duration * 1000;
      // What follows a gap does not continue what came before it.
      discontinuity = gap;
      duration = null;
      range = null;
      pendingRange = null;
      gap = false;
      continue;
    }
    const cut = line.indexOf(':');
    const tag = cut < 0 ? line : line.slice(0, cut);
    const value = cut < 0 ? '' : line.slice(cut + 1);
    switch (tag) {
      case '#EXTINF':
        duration = Number.parseFloat(value);
        break;
      case '#EXT-X-BYTERANGE':
        pendingRange = value;
        break;
      case '#EXT-X-PROGRAM-DATE-TIME': {
        const parsed = Date.parse(value);
        if (Number.isNaN(parsed)) throw new Error(`not a time: ${value}`);
        wall = parsed;
        break;
      }
      case '#EXT-X-MAP': {
        const uri = attribute(value, 'URI');
        const bytes = attribute(value, 'BYTERANGE');
        if (uri === null) throw new Error('EXT-X-MAP without URI');
        map = { uri: new URL(uri, base).href, range: bytes === null ? null : parseRange(bytes, 0) };
        break;
      }
      case '#EXT-X-DISCONTINUITY':
        discontinuity = true;
        break;
      case '#EXT-X-GAP':
        gap = true;
        break;
    }
  }
  return fragments;
}

/** When a fragment ends, ms since 1970. */
export function fragmentEnd(fragment: Fragment): number {
  return fragment.wall + fragment.duration * 1000;
}

/** Index of the first fragment that ends after an instant; the length of the list when there is none. */
export function firstAfter(fragments: readonly Fragment[], wall: number): number {
  let low = 0;
  let high = fragments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    // Half a millisecond: playlist times are rounded.
    if (fragmentEnd(fragments[middle]!) > wall + 0.5) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * How many fragments from `from` on can be had with one request: the same file, one after the other, no more than
 * `seconds` and `bytes` together, and at least one.
 */
export function runLength(fragments: readonly Fragment[], from: number, seconds: number, bytes: number): number {
  const first = fragments[from];
  if (!first) return 0;
  let length = 1;
  let time = first.duration;
  let size = first.range ? first.range.end - first.range.start : Infinity;
  for (let i = from + 1; i < fragments.length; i++) {
    const before = fragments[i - 1]!;
    const next = fragments[i]!;
    if (!before.range || !next.range || next.uri !== before.uri || next.range.start !== before.range.end) break;
    if (next.discontinuity || !sameSource(next.map, before.map)) break;
    time += next.duration;
    size += next.range.end - next.range.start;
    if (time > seconds || size > bytes) break;
    length += 1;
  }
  return length;
}

export function sameSource(a: Source | null, b: Source | null): boolean {
  if (a === b) return true;
  if (!a || !b) return false;
  return a.uri === b.uri && a.range?.start === b.range?.start && a.range?.end === b.range?.end;
}
