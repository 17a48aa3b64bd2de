import type { Lock, Origin } from '../api/types-recorder.ts';
import type { Gap, StreamName, Timeline } from '../api/types.ts';
import { NOT_SCHEDULED } from '../lib/gap-days.ts';

/** A stretch of wall-clock time, ms since 1970. */
export interface Stretch {
  start: number;
  end: number;
}

export interface GapStretch extends Stretch {
  reason: string;
}

/** A recorded stretch, and how it came here. */
export interface OriginStretch extends Stretch {
  origin: Origin;
}

export interface LockStretch extends Stretch {
  id: string;
}

/** Shorter holes are the joints between files and not something a person would miss. */
const JOINT_MS = 250;

/** The covered stretches of a stream in order, those that touch joined. */
export function coveredBy(timeline: Timeline | undefined, stream: StreamName): Stretch[] {
  const sorted = (timeline?.spans ?? [])
    .filter((span) => span.stream === stream)
    .map((span) => ({ start: Date.parse(span.start), end: Date.parse(span.end) }))
    .toSorted((a, b) => a.start - b.start);
  const out: Stretch[] = [];
  for (const span of sorted) {
    const last = out.at(-1);
    if (last && span.start - last.end <= JOINT_MS) last.end = Math.max(last.end, span.end);
    else out.push({ ...span });
  }
  return out;
}

/** What of a stream did not come live: fetched later from the camera, or thinned to key frames. */
export function originsOf(timeline: Timeline | undefined, stream: StreamName): OriginStretch[] {
  const out: OriginStretch[] = [];
  for (const span of timeline?.spans ?? []) {
    if (span.stream !== stream || !span.origin || span.origin === 'live') continue;
    out.push({ start: Date.parse(span.start), end: Date.parse(span.end), origin: span.origin });
  }
  return out.toSorted((a, b) => a.start - b.start);
}

/** The origin of what was recorded at an instant; null for what came live, or where there is nothing. */
export function originAt(origins: readonly OriginStretch[], wall: number): Origin | null {
  return origins.find((span) => wall >= span.start && wall < span.end)?.origin ?? null;
}

/** Locked ranges, as they are drawn. */
export function locksOf(locks: readonly Lock[] | undefined): LockStretch[] {
  return (locks ?? []).map((lock) => ({
    id: lock.id,
    start: Date.parse(lock.start),
    end: Date.parse(lock.end),
  }));
}

/** Gaps that are faults, and those that the plan wanted. */
export function partedGaps(gaps: readonly GapStretch[]): { faults: GapStretch[]; planned: GapStretch[] } {
  return {
    faults: gaps.filter((gap) => gap.reason !== NOT_SCHEDULED),
    planned: gaps.filter((gap) => gap.reason === NOT_SCHEDULED),
  };
}

/** The gaps of a stream in order, with their reasons; neighbours with the same reason joined. */
export function gapsOf(timeline: Timeline | undefined, stream: StreamName, now: number): GapStretch[] {
  const sorted = (timeline?.gaps ?? [])
    .filter((gap: Gap) => gap.stream === stream)
    .map((gap) => ({ start: Date.parse(gap.start), end: Math.min(Date.parse(gap.end), now), reason: gap.reason }))
    .filter((gap) => gap.end > gap.start)
    .toSorted((a, b) => a.start - b.start);
  const out: GapStretch[] = [];
  for (const gap of sorted) {
    const last = out.at(-1);
    if (last && last.reason === gap.reason && gap.start - last.end <= JOINT_MS) last.end = Math.max(last.end, gap.end);
    else out.push({ ...gap });
  }
  return out;
}

/** The gap an instant lies in. */
export function gapAt(gaps: readonly GapStretch[], wall: number): GapStretch | null {
  return gaps.find((gap) => wall >= gap.start && wall < gap.end) ?? null;
}

/** The reason of what is missing between two instants: that of the gap with the largest share. */
export function reasonBetween(gaps: readonly GapStretch[], start: number, end: number): string | null {
  let best: { reason: string; share: number } | null = null;
  for (const gap of gaps) {
    const share = Math.min(end, gap.end) - Math.max(start, gap.start);
    if (share > 0 && share > (best?.share ?? 0)) best = { reason: gap.reason, share };
  }
  return best?.reason ?? null;
}

/** The first recorded instant at or after one; null when nothing follows. */
export function nextCovered(spans: readonly Stretch[], wall: number): number | null {
  for (const span of spans) {
    if (wall < span.start) return span.start;
    if (wall < span.end) return wall;
  }
  return null;
}

/** Recorded milliseconds between two instants. */
export function coveredMs(spans: readonly Stretch[], start: number, end: number): number {
  return spans.reduce((sum, span) => sum + Math.max(0, Math.min(end, span.end) - Math.max(start, span.start)), 0);
}
