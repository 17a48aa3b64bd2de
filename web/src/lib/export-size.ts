/** How large an export will be, and how fast they are made. */

import type { ExportJob } from '../api/types-recorder.ts';
import type { Camera, StreamName } from '../api/types.ts';
import { coveredMs, type Stretch } from '../media/coverage.ts';

/** An export shorter than this says more about waiting than about speed. */
const TELLING_BYTES = 1_000_000;

/** Bytes of a stretch of some cameras by their present bit rates; `covered`: what of it was recorded, where known. */
export function estimateBytes(
  cameras: readonly Camera[],
  stream: StreamName,
  length: number,
  covered: readonly Stretch[] | null,
  start: number,
  end: number,
): number {
  const seconds = (covered ? coveredMs(covered, start, end) : length) / 1000;
  const rate = cameras.reduce((sum, camera) => sum + (camera.status.streams[stream]?.bit_rate ?? 0), 0);
  return (seconds * rate) / 8;
}

/** Bytes per second of the exports that were made before, waiting included; null while there is nothing to go by. */
export function speedOf(jobs: readonly ExportJob[]): number | null {
  let bytes = 0;
  let ms = 0;
  for (const job of jobs) {
    if (job.state !== 'done' || !job.file || !job.finished || job.file.bytes < TELLING_BYTES) continue;
    bytes += job.file.bytes;
    ms += Math.max(100, Date.parse(job.finished) - Date.parse(job.created));
  }
  return ms > 0 ? (bytes / ms) * 1000 : null;
}
