/**
 * How a live player stays live. All times in seconds.
 *
 * A little behind the newest frame is right: with nothing in hand the picture stops at every hiccup of the network.
 * Somewhat behind is made up by playing a touch faster, which nobody sees; far behind is made up by a jump.
 */

/** Behind by more than this and playing faster starts. */
export const COMFORT = 0.12;
/** Behind by more than this and the player jumps. */
export const JUMP = 1;
/** Unevenness of arrival that is no reason to do anything. */
export const JITTER = 0.04;

export interface ChaseInput {
  /** End of what is buffered minus the playhead. */
  behind: number;
  /** Time between two frames. */
  frame: number;
  /** What stalls have taught: extra time to keep in hand. */
  slack: number;
  /** The rate the player plays at now. */
  rate: number;
}

export type ChaseStep = { kind: 'jump'; lead: number } | { kind: 'rate'; rate: number };

/** Time to keep in hand: a frame, the usual jitter, and what stalls have taught. */
export function lead(frame: number, slack: number): number {
  return frame + JITTER + slack;
}

export function chase({ behind, frame, slack, rate }: ChaseInput): ChaseStep {
  const floor = lead(frame, slack);
  // A slow camera (2 frames a second) is always more than 120 ms behind: half a frame more than the floor then.
  const ceiling = Math.max(COMFORT + slack, floor + frame / 2);
  if (behind > Math.max(JUMP, ceiling * 2)) return { kind: 'jump', lead: floor };
  if (behind > ceiling * 2) return { kind: 'rate', rate: 1.1 };
  if (behind > ceiling) return { kind: 'rate', rate: Math.max(rate, 1.05) };
  // Once chasing, on to the floor and not only just under the ceiling.
  if (rate > 1 && behind > floor) return { kind: 'rate', rate: 1.05 };
  return { kind: 'rate', rate: 1 };
}

/** Later than it should come by this, a frame is late enough to be seen. */
const SEEN = 0.12;

/** Whether a frame that came `seconds` after the one before, and belongs `due` seconds after it, made the picture stop. */
export function isStall(seconds: number, due: number): boolean {
  return seconds - due > SEEN;
}

/** Slack after a stall: 40 ms more each time, 400 ms at most (a Wi-Fi retry takes about as long). */
export function slackAfterStall(slack: number): number {
  return Math.min(0.4, slack + 0.04);
}

/** Slack after `seconds` without a stall: 20 ms given back each second. */
export function slackAfterCalm(slack: number, seconds: number): number {
  return Math.max(0, slack - 0.02 * seconds);
}

/** Wait before try number `attempt` (from 0): 0.5 s, growing by 1.7 to 10 s, ± 20 % so that tiles do not knock together. */
export function backoffMs(attempt: number, random: number): number {
  return Math.min(10_000, 500 * 1.7 ** attempt) * (0.8 + 0.4 * random);
}
