import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { change, get, query } from './client.ts';
import type {
  EffectiveSettings,
  Evidence,
  ExportJob,
  GapDays,
  LedgerGap,
  Lock,
  PlanAnswer,
  ScopeSettings,
  SettingValues,
} from './types-recorder.ts';
import type { Page, StreamName } from './types.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

/** What is set at a scope: `system`, `customer`, `site:{id}`, `camera:{id}`. */
export function useScope(scope: string) {
  return useQuery({
    queryKey: ['settings', scope],
    queryFn: ({ signal }) => get<ScopeSettings>(`/settings/${encodeURIComponent(scope)}`, signal),
    staleTime: 0,
  });
}

/** What holds for the box, or for a camera. */
export function useEffective(camera: string | null) {
  return useQuery({
    queryKey: ['settings', 'effective', camera],
    queryFn: ({ signal }) => get<EffectiveSettings>(`/settings/effective${query({ camera })}`, signal),
  });
}

/** What would become of the footage; `values` null: not asked. Changes nothing. */
export function usePlan(scope: string, values: SettingValues | null) {
  return useQuery({
    queryKey: ['storage', 'plan', scope, values],
    queryFn: ({ signal }) => change<PlanAnswer>('POST', '/storage/plan', { scope, values }, signal),
    enabled: values !== null,
    // What was said before stays until the new answer is there.
    placeholderData: (before, asked) => (asked?.queryKey[2] === scope ? before : undefined),
    refetchInterval: 30_000,
  });
}

export function useLocks(camera: string, start: number, end: number, wanted: boolean) {
  return useQuery({
    queryKey: ['locks', camera, start, end],
    queryFn: async ({ signal }) => {
      const answer = await get<Page<Lock> | Lock[]>(
        `/cameras/${camera}/locks${query({ start: iso(start), end: iso(end) })}`,
        signal,
      );
      return Array.isArray(answer) ? answer : answer.items;
    },
    enabled: wanted,
  });
}

export function useGapDays(camera: string, start: number, end: number, stream: StreamName) {
  return useQuery({
    queryKey: ['gap-days', camera, start, end, stream],
    queryFn: ({ signal }) =>
      get<GapDays>(`/cameras/${camera}/gaps/days${query({ start: iso(start), end: iso(end), stream })}`, signal),
    refetchInterval: 60_000,
    placeholderData: (before) => before,
  });
}

/** The gaps of a stretch, the newest first. */
export function useGaps(camera: string, start: number, end: number, stream: StreamName) {
  return useInfiniteQuery({
    queryKey: ['gaps', camera, start, end, stream],
    queryFn: ({ signal, pageParam }) =>
      get<Page<LedgerGap>>(
        `/cameras/${camera}/gaps${query({ start: iso(start), end: iso(end), stream, limit: 100, cursor: pageParam })}`,
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

export function useEvidence(camera: string, range: { start: number; end: number } | null, stream: StreamName) {
  return useQuery({
    queryKey: ['evidence', camera, range?.start, range?.end, stream],
    queryFn: ({ signal }) =>
      get<Evidence>(
        `/cameras/${camera}/evidence${query({ start: iso(range?.start ?? 0), end: iso(range?.end ?? 0), stream })}`,
        signal,
      ),
    enabled: range !== null,
    staleTime: 10_000,
  });
}

export const EXPORTS = ['exports'] as const;
const RUNNING_MS = 1000;
const RESTING_MS = 15_000;

export const isUnderWay = (job: ExportJob): boolean => job.state === 'queued' || job.state === 'running';

export function useExports() {
  return useInfiniteQuery({
    queryKey: EXPORTS,
    queryFn: ({ signal, pageParam }) =>
      get<Page<ExportJob>>(`/exports${query({ limit: 50, cursor: pageParam })}`, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: (asked) =>
      asked.state.data?.pages.some((page) => page.items.some(isUnderWay)) ? RUNNING_MS : RESTING_MS,
  });
}

export function useExport(id: string | null) {
  return useQuery({
    queryKey: [...EXPORTS, id],
    queryFn: ({ signal }) => get<ExportJob>(`/exports/${id}`, signal),
    enabled: id !== null,
    refetchInterval: (asked) => (!asked.state.data || isUnderWay(asked.state.data) ? RUNNING_MS : false),
  });
}
