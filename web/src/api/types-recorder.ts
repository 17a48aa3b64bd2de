/** What travels about plans, retention, locks, gaps, evidence and exports. */

import type { StreamName, Time } from './types.ts';

export type SpanMode = 'continuous' | 'motion' | 'event' | 'off';
export type RecordMode = SpanMode | 'schedule';
export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

/** `from` is before `to`; `to` may be `24:00`. The place's time. */
export interface ScheduleEntry {
  days: Weekday[];
  from: string;
  to: string;
  mode: SpanMode;
}

export interface Schedule {
  week: ScheduleEntry[];
  holidays: { date: string; mode: SpanMode }[];
  otherwise: SpanMode;
}

/**
 * When a camera is recorded. Read, it says what holds, and `inherited` names what of it the settings say; sent, null
 * means: as the settings say.
 */
export interface RecordPlan {
  mode: RecordMode | null;
  sub: boolean;
  /** Null or absent: as the main stream. */
  sub_mode?: RecordMode | null;
  /** Seconds, 0 to 60. */
  pre_roll_s?: number | null;
  post_roll_s?: number | null;
  /** Kinds of events that start a recording; empty: every one that is like an alarm. */
  events?: string[];
  schedule?: Schedule | null;
  inherited?: string[];
}

export type VolumeRole = 'spread' | 'mirror' | 'events';

export interface VolumeHealth {
  verdict: 'ok' | 'warning' | 'failing';
  text: string;
}

/** `live` as it came; `backfill` fetched later from the camera; `keys` thinned to key frames. */
export type Origin = 'live' | 'backfill' | 'keys';

export interface PlanStream {
  camera: string;
  /** Null for a camera that was removed. */
  camera_name: string | null;
  stream: StreamName;
  bit_rate: number;
  days_expected: number | null;
  min_days: number | null;
  max_days: number | null;
}

export interface RetentionPlan {
  days_expected: number | null;
  limited_by: 'room' | 'age' | null;
  usable_bytes: number;
  write_bit_rate: number;
  /** What would be deleted at once. */
  deletes_bytes: number;
  deletes_before: Time | null;
  streams: PlanStream[];
  warnings: { code: string; text: string }[];
}

export interface PlanAnswer {
  now: RetentionPlan;
  then: RetentionPlan;
}

export type SettingValues = Record<string, unknown>;

export interface ScopeSettings {
  scope: string;
  version: number;
  values: SettingValues;
}

export interface EffectiveSettings {
  values: Record<string, { value: unknown; from: string | null }>;
}

export interface Lock {
  id: string;
  camera: string;
  start: Time;
  end: Time;
  reason: string;
  by: string;
  created: Time;
}

export interface LedgerGap {
  id: string | number;
  stream: StreamName;
  start: Time;
  end: Time | null;
  reason: string;
  seconds: number;
}

export interface GapDay {
  date: string;
  recorded_s: number;
  missing_s: number;
  not_scheduled_s: number;
  count: number;
  by_reason: Record<string, number>;
}

export interface GapDays {
  timezone: string;
  days: GapDay[];
}

export type Verdict = 'whole' | 'whole_with_gaps' | 'not_sealed_yet' | 'altered' | 'cut' | 'unsigned';

export interface EvidenceSegment {
  id: string | number;
  start: Time;
  end: Time;
  verdict: Verdict;
  text: string;
  first_altered: { fragment: number; time: Time | null } | null;
}

export interface Evidence {
  verdict: Verdict;
  text: string;
  segments: EvidenceSegment[];
  gaps: { start: Time; end: Time; reason: string | null; declared: boolean }[];
  key: { algorithm: string; fingerprint: string } | null;
}

export type ExportState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

export interface ExportJob {
  id: string;
  state: ExportState;
  /** 0 to 1. */
  progress: number;
  bytes_done: number;
  bytes_total: number;
  cameras: string[];
  stream: StreamName;
  start: Time;
  end: Time;
  format: 'mp4' | 'zip';
  evidence: boolean;
  note: string | null;
  file: { name: string; bytes: number; sha256: string } | null;
  error: string | null;
  /** What went differently, such as footage that was deleted meanwhile. */
  remarks?: string[];
  created: Time;
  created_by: string | null;
  finished: Time | null;
  expires: Time | null;
}

export interface ExportRequest {
  cameras: string[];
  stream: StreamName;
  start: Time;
  end: Time;
  format: 'mp4' | 'zip';
  evidence: boolean;
  note?: string;
}
