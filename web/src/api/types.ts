/** What travels between the page and the box. Times are RFC 3339 UTC with milliseconds, rates bits per second. */

import type { Origin, RecordMode, RecordPlan, VolumeHealth, VolumeRole } from './types-recorder.ts';

export type Time = string;
export type StreamName = 'main' | 'sub';
export type Grade = 'excellent' | 'fair' | 'poor' | 'unusable';
export type CameraState = 'online' | 'connecting' | 'unreachable' | 'disabled';

/** An RFC 9457 problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  field?: string;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Setup {
  claimed: boolean;
  name: string;
  version: string;
}

export interface User {
  id: string;
  username: string;
  role: string;
  rights?: string[];
}

export interface Session {
  expires_in: number;
  user: User;
}

export interface ClaimRequest {
  claim_token: string;
  username: string;
  password: string;
  site_name?: string;
  timezone?: string;
}

export interface AudioTrack {
  codec: string;
  sample_rate_hz: number;
  channels: number;
}

export interface StreamStatus {
  state: CameraState;
  reason: string | null;
  detail: string | null;
  codec: string | null;
  rfc6381: string | null;
  width: number | null;
  height: number | null;
  fps: number | null;
  bit_rate: number | null;
  gop_ms: number | null;
  loss: number;
  jitter_ms: number;
  reconnects: number;
  clock_offset_ms: number | null;
  /** Null while nothing is known of the link. */
  grade: Grade | null;
  audio: AudioTrack | null;
  recording: boolean;
  /** What the plan says for this moment, and why; absent where the box does not say. */
  recording_mode?: RecordMode | null;
  /** `continuous`, `schedule`, `motion`, `event:<kind>`; null: nothing is written. */
  recording_why?: string | null;
  last_frame: Time | null;
}

export interface CameraStatus {
  state: CameraState;
  reason: string | null;
  detail: string | null;
  since: Time | null;
  failed_attempts: number;
  streams: Partial<Record<StreamName, StreamStatus>>;
}

export type Transport = 'tcp' | 'udp' | 'tls' | 'auto';

export interface Camera {
  id: string;
  name: string;
  /** Null, like the two after it, for an account without the right `configure`; a password in it reads `***`. */
  source: string | null;
  /** Null also where there is no sub stream: `status.streams` says which there are to everybody. */
  sub_source: string | null;
  username: string | null;
  has_password: boolean;
  transport: Transport;
  enabled: boolean;
  site: string;
  tags: string[];
  record: RecordPlan;
  created: Time;
  status: CameraStatus;
}

export interface CameraDraft {
  name: string;
  source: string;
  sub_source: string | null;
  username: string | null;
  /** Absent: the one the box has stays. */
  password?: string | null;
  transport: Transport;
  enabled: boolean;
  /** What is absent stays as it is. */
  record?: Partial<RecordPlan>;
}

export interface ProbeRequest {
  source: string;
  sub_source?: string;
  username?: string;
  password?: string;
  transport?: Transport;
  timeout_ms?: number;
}

export interface ProbedStream {
  kind: StreamName;
  codec: string;
  rfc6381: string | null;
  width: number | null;
  height: number | null;
  fps: number | null;
  bit_rate: number | null;
  gop_ms: number | null;
  audio: AudioTrack | null;
  transport: string | null;
}

export interface Advice {
  code: string;
  level: 'info' | 'warning';
  text: string;
}

export interface Probe {
  ok: boolean;
  failure: { reason: string; detail: string } | null;
  elapsed_ms: number;
  streams: ProbedStream[];
  picture: { content_type: string; base64: string } | null;
  advice: Advice[];
}

export interface Span {
  stream: StreamName;
  start: Time;
  end: Time;
  /** Absent: live. */
  origin?: Origin;
}

export interface Gap extends Span {
  reason: string;
}

export interface Timeline {
  spans: Span[];
  gaps: Gap[];
  bins: {
    start: Time;
    width_ms: number;
    coverage?: Partial<Record<StreamName, number[]>>;
    events?: number[];
  } | null;
}

export type Severity = 'CRITICAL' | 'HIGH' | 'MEDIUM' | 'STANDARD';

export interface BoxEvent {
  id: string;
  seq: number;
  kind: string;
  camera: string | null;
  start: Time;
  end: Time | null;
  severity: Severity;
  status?: string;
  actor?: string;
  text: string | null;
  detail?: unknown;
}

export interface Volume {
  /** Null while the disk is not there to say. */
  id: string | null;
  path: string;
  state: 'ok' | 'full' | 'failed' | 'missing';
  /** What is wrong, in the box's words. */
  problem?: string | null;
  total_bytes: number;
  free_bytes: number;
  recordings_bytes: number;
  reserve_bytes: number;
  oldest: Time | null;
  newest: Time | null;
  /** Of the recordings, what is locked. */
  locked_bytes?: number;
  role?: VolumeRole;
  /** How many streams are written here now. */
  streams?: number;
  /** Failed writes and syncs since the start. */
  write_errors?: number;
  /** Of the last minute. */
  write_latency_ms?: { mean: number; max: number } | null;
  /** What the disk says of itself; null where it says nothing. */
  health?: VolumeHealth | null;
}

export interface StorageStream {
  camera: string;
  /** Null for a camera that was removed. */
  camera_name: string | null;
  stream: StreamName;
  bytes: number;
  oldest: Time | null;
  newest: Time | null;
  bit_rate: number;
}

export interface Storage {
  state: 'ok' | 'warning' | 'full' | 'failed';
  volumes: Volume[];
  write_bit_rate: number;
  oldest: Time | null;
  days_stored: number;
  days_expected: number | null;
  streams: StorageStream[];
}

export interface Site {
  id: string;
  name: string;
  timezone: string;
}

/** What `/api/v1/ws` sends. */
export type Push = { topic: 'events'; event: BoxEvent } | { topic: 'status'; camera: string; status: CameraStatus };

/** The text messages of `live.ws`. */
export type LiveMessage =
  | {
      type: 'hello';
      mime: string;
      codec?: string;
      width: number | null;
      height: number | null;
      stream: StreamName;
      server_time: Time;
    }
  | { type: 'skipped'; frames: number }
  | { type: 'waiting'; reason: string | null }
  | { type: 'end'; reason: string | null };
