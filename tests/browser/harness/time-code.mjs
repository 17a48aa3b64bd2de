import assert from 'node:assert/strict';

/**
 * The time code of the simulator's drawn scene: 40 blocks of 16 × 16 pixels in the first 16 rows, white is 1. 32 bits
 * of Unix milliseconds (the low word), most significant first, then 8 bits of checksum: the sum of the four bytes.
 */

/** Runs in the page: the bits of the frame that a video element shows, and what the page says of it; null without one. */
function readStrip(selector) {
  const video = document.querySelector(selector);
  if (!video || video.videoWidth < 640 || video.readyState < 2) return null;
  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 16;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(video, 0, 0, 640, 16, 0, 0, 640, 16);
  const { data } = context.getImageData(0, 0, 640, 16);
  const bits = [];
  for (let block = 0; block < 40; block++) {
    let sum = 0;
    // The middle of the block: its edges are smeared by compression.
    for (let y = 4; y < 12; y++) for (let x = 4; x < 12; x++) sum += data[(y * 640 + block * 16 + x) * 4 + 1];
    bits.push(sum / 64 > 127 ? 1 : 0);
  }
  return {
    bits,
    now: Date.now(),
    clock: document.querySelector('time[data-clock]')?.getAttribute('datetime') ?? null,
    width: video.videoWidth,
    paused: video.paused,
  };
}

/** Unix milliseconds from the bits, or null when the checksum is wrong. `near`: which of the words' rounds is meant. */
export function decode(bits, near) {
  const byte = (from) => bits.slice(from, from + 8).reduce((value, bit) => value * 2 + bit, 0);
  const bytes = [0, 8, 16, 24].map(byte);
  if (bytes.reduce((sum, one) => sum + one, 0) % 256 !== byte(32)) return null;
  const low = bytes.reduce((value, one) => value * 256 + one, 0);
  const round = 2 ** 32;
  return low + Math.round((near - low) / round) * round;
}

/**
 * What a video element shows: `code` is the time in its pixels, `clock` what the page says it shows, `now` the
 * machine's time when both were read. Null when there is no readable frame.
 */
export async function readFrame(page, selector = 'main video') {
  const strip = await page.evaluate(readStrip, selector);
  const code = strip && decode(strip.bits, strip.now);
  if (code === null || strip === null) return null;
  return {
    ...strip,
    code,
    clock: strip.clock === null ? null : Date.parse(strip.clock),
  };
}

/** The recorded frame on the screen, if it is of `wall` (± 1.5 s) and the page's clock says so (± 0.3 s); throws why not. */
export async function recordedFrame(page, wall) {
  const seen = await readFrame(page, 'video[data-recorded]');
  assert.ok(seen, 'no readable frame');
  assert.ok(Math.abs(seen.code - wall) < 1500, `the frame is ${seen.code - wall} ms from the moment asked for`);
  assert.ok(Math.abs(seen.clock - seen.code) < 300, `the page's clock is ${seen.clock - seen.code} ms off the picture`);
  return seen;
}
