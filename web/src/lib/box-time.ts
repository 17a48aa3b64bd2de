/**
 * The box's clock. A phone or laptop may be minutes off, and "now" on a timeline is when the box records, so the
 * difference is taken from the Date header of its answers.
 */

let offset = 0;

/** The header counts whole seconds and the answer travels: below this the clocks agree. */
const AGREE_MS = 2000;

export function noteBoxTime(header: string | null): void {
  const box = header === null ? Number.NaN : Date.parse(header);
  if (Number.isNaN(box)) return;
  // The header is cut off to the second: half a second more is the best guess.
  const difference = box + 500 - Date.now();
  offset = Math.abs(difference) < AGREE_MS ? 0 : difference;
}

/** Now, by the box's clock, ms since 1970. */
export function boxNow(): number {
  return Date.now() + offset;
}
