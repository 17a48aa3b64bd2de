import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { get, query } from './client.ts';
import type { BoxEvent, Camera, Page, Site, Storage, Timeline } from './types.ts';

/** All pages of a list that is short by nature (a box has at most some hundreds of cameras). */
async function all<T>(path: string, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await get(`${path}${query({ limit: 200, cursor })}`, signal);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null && items.length < 5000);
  return items;
}

export const CAMERAS = ['cameras'] as const;

/** Every camera. The push socket keeps their states fresh; the interval is for when it cannot. */
export function useCameras() {
  return useQuery({
    queryKey: CAMERAS,
    queryFn: ({ signal }) => all<Camera>('/cameras', signal),
    refetchInterval: 10_000,
  });
}

export function useCamera(id: string) {
  return useQuery({
    queryKey: [...CAMERAS, id],
    queryFn: ({ signal }) => get<Camera>(`/cameras/${id}`, signal),
    refetchInterval: 5000,
  });
}

export function useSites() {
  return useQuery({
    queryKey: ['sites'],
    queryFn: ({ signal }) => all<Site>('/sites', signal),
    staleTime: 300_000,
  });
}

export function useTimeline(id: string, start: number, end: number, bin: number, live: boolean) {
  return useQuery({
    queryKey: ['timeline', id, start, end, bin],
    queryFn: ({ signal }) =>
      get<Timeline>(
        `/cameras/${id}/timeline${query({ start: new Date(start).toISOString(), end: new Date(end).toISOString(), bin })}`,
        signal,
      ),
    refetchInterval: live ? 5000 : false,
    placeholderData: (before, asked) => (asked?.queryKey[1] === id && asked.queryKey[2] === start ? before : undefined),
  });
}

export function useStorage() {
  return useQuery({
    queryKey: ['storage'],
    queryFn: ({ signal }) => get<Storage>('/storage', signal),
    refetchInterval: 10_000,
  });
}

export interface EventFilter {
  camera: string | null;
  kind: string | null;
}

export function useEvents(filter: EventFilter) {
  return useInfiniteQuery({
    queryKey: ['events', filter.camera, filter.kind],
    queryFn: ({ signal, pageParam }) =>
      get<Page<BoxEvent>>(
        `/events${query({ limit: 50, camera: filter.camera, kind: filter.kind, cursor: pageParam })}`,
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}
