import type { FragmentTimes, Track } from './mp4.ts';
import type { Fragment } from './playlist.ts';

/**
 * The line between a recording's wall clock and the player's media time. Every fragment is put where its
 * PROGRAM-DATE-TIME says, so that one subtraction turns one into the other, holes stay holes, and the clock on the
 * screen is the picture's.
 */
export class MediaClock {
  /** The wall-clock instant of media time zero, ms since 1970. */
  readonly epoch: number;

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  /** Seconds of media time. */
  media(wall: number): number {
    return (wall - this.epoch) / 1000;
  }

  /** Milliseconds since 1970. */
  wall(media: number): number {
    return this.epoch + media * 1000;
  }

  /**
   * What to add to the times inside a fragment so that it plays when it was recorded, and how long one of its frames
   * lasts (null when it has no video).
   */
  place(fragment: Fragment, tracks: readonly Track[], times: FragmentTimes): { offset: number; frame: number | null } {
    const video = tracks.find((track) => track.kind === 'video' && times.start.has(track.id));
    const leading = video ?? tracks.find((track) => times.start.has(track.id));
    const inside = leading ? times.start.get(leading.id)! / leading.timescale : 0;
    const samples = video ? (times.samples.get(video.id) ?? 0) : 0;
    return {
      offset: this.media(fragment.wall) - inside,
      frame: samples > 0 ? fragment.duration / samples : null,
    };
  }
}
