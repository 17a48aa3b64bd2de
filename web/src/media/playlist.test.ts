import { describe, expect, it } from 'vitest';
import { firstAfter, fragmentEnd, parsePlaylist, runLength, type Fragment } from './playlist.ts';

const BASE = 'https://box/api/v1/cameras/c1/playback.m3u8?start=x';

const LIST = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="segments/7.mp4",BYTERANGE="817@0"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:00:00.000Z
#EXTINF:4.00000,
#EXT-X-BYTERANGE:1000@817
segments/7.mp4
#EXTINF:2.50000,
#EXT-X-BYTERANGE:500
segments/7.mp4
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="segments/8/init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-20T09:01:00.250Z
#EXTINF:4.00000,
segments/8/0-99.m4s
#EXT-X-ENDLIST
`;

describe('a playlist', () => {
  it('says which bytes show which moment', () => {
    const fragments = parsePlaylist(LIST, BASE);
    expect(fragments).toHaveLength(3);
    const [first, second, third] = fragments as [Fragment, Fragment, Fragment];
    expect(first.uri).toBe('https://box/api/v1/cameras/c1/segments/7.mp4');
    expect(first.range).toEqual({ start: 817, end: 1817 });
    expect(first.map?.range).toEqual({ start: 0, end: 817 });
    expect(first.discontinuity).toBe(false);
    // A range without an offset follows the one before it; a fragment without a date too.
    expect(second.range).toEqual({ start: 1817, end: 2317 });
    expect(second.wall).toBe(Date.parse('2026-11-20T09:00:04Z'));
    expect(third.discontinuity).toBe(true);
    expect(third.range).toBeNull();
    expect(third.map).toEqual({ uri: 'https://box/api/v1/cameras/c1/segments/8/init.mp4', range: null });
    expect(fragmentEnd(third)).toBe(Date.parse('2026-11-20T09:01:04.250Z'));
  });

  it('leaves out what is marked as a gap, and knows that something is missing there', () => {
    const gap = LIST.replace('#EXTINF:2.50000,', '#EXT-X-GAP\n#EXTINF:2.50000,').replace('#EXT-X-DISCONTINUITY\n', '');
    const fragments = parsePlaylist(gap, BASE);
    expect(fragments).toHaveLength(2);
    expect(fragments[1]?.discontinuity).toBe(true);
  });

  it('is refused when it is none, or says nothing of when', () => {
    expect(() => parsePlaylist('<!doctype html>', BASE)).toThrow('not a playlist');
    expect(() => parsePlaylist('#EXTM3U\n#EXTINF:4,\na.mp4\n', BASE)).toThrow('PROGRAM-DATE-TIME');
    expect(() => parsePlaylist(LIST.replace('4.00000', 'four'), BASE)).toThrow('no duration');
    expect(() => parsePlaylist(LIST.replace('1000@817', 'all'), BASE)).toThrow('byte range');
    expect(() => parsePlaylist(LIST.replace('2026-11-20T09:00:00.000Z', 'noon'), BASE)).toThrow('not a time');
  });
});

function run(count: number, change: (fragment: Fragment, index: number) => void = () => undefined): Fragment[] {
  return Array.from({ length: count }, (_, index) => {
    const fragment: Fragment = {
      uri: 'a.mp4',
      range: { start: index * 100, end: index * 100 + 100 },
      duration: 1,
      wall: index * 1000,
      map: { uri: 'a.mp4', range: { start: 0, end: 10 } },
      discontinuity: false,
    };
    change(fragment, index);
    return fragment;
  });
}

describe('finding a moment', () => {
  const fragments = run(10);
  it.each([
    [-5, 0],
    [0, 0],
    [999, 0],
    [1000, 1],
    [9999, 9],
    [9999.8, 10],
    [20_000, 10],
  ])('at %f ms it is fragment %i', (wall, index) => {
    expect(firstAfter(fragments, wall)).toBe(index);
  });
});

describe('one request', () => {
  it('takes neighbours, up to the seconds and bytes allowed, and one at least', () => {
    expect(runLength(run(10), 0, 4, 1e6)).toBe(4);
    expect(runLength(run(10), 0, 100, 350)).toBe(3);
    expect(runLength(run(10), 0, 0.1, 1)).toBe(1);
    expect(runLength(run(10), 8, 100, 1e6)).toBe(2);
    expect(runLength(run(10), 10, 4, 1e6)).toBe(0);
  });

  it('stops at another file, a hole in the file, a discontinuity and another init segment', () => {
    expect(
      runLength(
        run(4, (f, i) => i === 2 && (f.uri = 'b.mp4')),
        0,
        9,
        1e6,
      ),
    ).toBe(2);
    expect(
      runLength(
        run(4, (f, i) => i === 3 && (f.range = { start: 999, end: 1000 })),
        0,
        9,
        1e6,
      ),
    ).toBe(3);
    expect(
      runLength(
        run(4, (f, i) => i === 1 && (f.discontinuity = true)),
        0,
        9,
        1e6,
      ),
    ).toBe(1);
    expect(
      runLength(
        run(4, (f, i) => i === 1 && (f.map = null)),
        0,
        9,
        1e6,
      ),
    ).toBe(1);
    expect(
      runLength(
        run(4, (f) => (f.range = null)),
        0,
        9,
        1e6,
      ),
    ).toBe(1);
  });
});
