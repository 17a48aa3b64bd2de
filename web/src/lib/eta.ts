/** How long something that counts its bytes will still take, from how it went so far. */

/** Below this nothing is said: the first second tells little. */
const SETTLE_MS = 1500;
/** What was measured longer ago than this no longer counts. */
const WINDOW_MS = 20_000;

export class Eta {
  #samples: { at: number; done: number }[] = [];

  /** Notes how much was done at a time, both only growing. Something that fell back begins anew. */
  note(at: number, done: number): void {
    const last = this.#samples.at(-1);
    if (last && done < last.done) this.#samples = [];
    if (last && at <= last.at) return;
    this.#samples.push({ at, done });
    while (this.#samples.length > 2 && at - this.#samples[0]!.at > WINDOW_MS) this.#samples.shift();
  }

  /** Per second; null until it can be said. */
  rate(): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || !last || last.at - first.at < SETTLE_MS || last.done <= first.done) return null;
    return ((last.done - first.done) / (last.at - first.at)) * 1000;
  }

  /** Milliseconds until `total` is done; null until it can be said. */
  remaining(total: number): number | null {
    const rate = this.rate();
    const done = this.#samples.at(-1)?.done ?? 0;
    return rate === null || total <= 0 ? null : (Math.max(0, total - done) / rate) * 1000;
  }
}
