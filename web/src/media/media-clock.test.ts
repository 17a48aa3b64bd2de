import { describe, expect, it } from 'vitest';
import { MediaClock } from './media-clock.ts';
import type { Track } from './mp4.ts';
import type { Fragment } from './playlist.ts';

const EPOCH = Date.parse('2026-11-20T00:00:00Z');
const tracks: Track[] = [
  { id: 1, kind: 'video', timescale: 90_000, codec: 'avc1.640028' },
  { id: 2, kind: 'audio', timescale: 16_000, codec: 'mp4a.40.2' },
];
const fragment = (wall: string): Fragment => ({
  uri: 'a.mp4',
  range: null,
  duration: 2,
  wall: Date.parse(wall),
  map: null,
  discontinuity: false,
});

describe('the media clock', () => {
  const clock = new MediaClock(EPOCH);

  it('turns wall time into media time and back without loss', () => {
    const wall = Date.parse('2026-11-20T14:03:27.480Z');
    expect(clock.media(wall)).toBeCloseTo(50_607.48, 6);
    expect(clock.wall(clock.media(wall))).toBeCloseTo(wall, 3);
  });

  it('puts a fragment where its date says, whatever its own times are', () => {
    const times = { start: new Map([[1, 900_000]]), samples: new Map([[1, 50]]), key: new Map() };
    const { offset, frame } = clock.place(fragment('2026-11-20T01:00:00.250Z'), tracks, times);
    // Inside the file it begins at 10 s.
    expect(offset + 10).toBeCloseTo(3600.25, 6);
    expect(frame).toBeCloseTo(0.04, 9);
  });

  it('goes by the picture where there is sound as well', () => {
    const times = {
      start: new Map([
        [2, 16_000],
        [1, 180_000],
      ]),
      samples: new Map([
        [1, 20],
        [2, 32],
      ]),
      key: new Map(),
    };
    expect(clock.place(fragment('2026-11-20T00:00:05Z'), tracks, times).offset).toBeCloseTo(3, 9);
  });

  it('places sound alone, and what says nothing of its time', () => {
    const sound = { start: new Map([[2, 8000]]), samples: new Map([[2, 32]]), key: new Map() };
    expect(clock.place(fragment('2026-11-20T00:00:05Z'), tracks, sound)).toEqual({ offset: 4.5, frame: null });
    const nothing = { start: new Map(), samples: new Map(), key: new Map() };
    expect(clock.place(fragment('2026-11-20T00:00:05Z'), tracks, nothing)).toEqual({ offset: 5, frame: null });
  });
});
