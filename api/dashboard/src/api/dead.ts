// Dead letters: what failed for good, and what is done with many of them at once.
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useAgain } from './again';
import { get, getAnswer, post } from './client';
import { useEvent, usePolling } from './events';
import type { Wave } from './types';

const PAGE = 100;
const AGAIN_MS = 1000;
const WAVES = 500;

export const classes = ['temporary', 'dependency', 'data', 'critical', 'crashed', 'timed_out', 'lost'] as const;

export interface DeadLetter {
  /** "m12" */
  ref: string;
  wave_id: string;
  wave_name: string;
  kind: string;
  mb_project_uuid: string;
  brz_project_id: number | null;
  class: string | null;
  error: string | null;
  attempts: number;
  at: string;
  discarded_at: string | null;
  discarded_by: string | null;
}

/** Fields that are empty do not narrow. */
export interface DeadFilter {
  wave?: string;
  class?: string;
  text?: string;
  since?: string;
}

export interface Deal {
  matched: number;
  restarted?: number;
  discarded?: number;
  /** Beyond what one call touches. */
  left: number;
  waves: { wave_id: string; count: number; classes?: Record<string, number> }[];
  refused: { wave_id?: string; ref?: string; reason: string }[];
}

export type DealVerb = 'restart' | 'discard';
export type Wish = { ids: string[] } | { filter: DeadFilter } | { all: true };

export const narrows = (filter: DeadFilter) => Object.values(filter).some(Boolean);

/** What fits the filter, as the API wants it said: nobody restarts everything by a field that was forgotten. */
export function wishOf(filter: DeadFilter): Wish {
  const set = Object.fromEntries(Object.entries(filter).filter(([, v]) => v));
  return narrows(filter) ? { filter: set } : { all: true };
}

export const deal = async (verb: DealVerb, wish: Wish, dryRun = false): Promise<Deal> =>
  (await post<Deal>(`/api/dead/${verb}`, dryRun ? { ...wish, dry_run: true } : wish)).data;

export function useDead(filter: DeadFilter, discarded: boolean) {
  const list = useInfiniteQuery({
    queryKey: ['dead', filter, discarded],
    queryFn: ({ pageParam }) =>
      getAnswer<DeadLetter[]>('/api/dead', { ...filter, discarded: discarded || undefined, limit: PAGE, cursor: pageParam }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: usePolling(),
    placeholderData: keepPreviousData, // what was there stays until what fits the new filter is
  });
  const again = useAgain(['dead'], AGAIN_MS);
  useEvent('migrations', (event) => {
    const shown = new Set(list.data?.pages.flatMap((page) => page.data.map((letter) => letter.ref)));
    if (event.items.some((item) => item.status === 'error' || shown.has(item.id))) again();
  });
  useEvent('reset', again);
  return list;
}

/** The waves of which a letter can be: for the choice of one. */
export function useFailedWaves() {
  return useQuery({
    queryKey: ['waves-failed'],
    queryFn: async () => (await get<Wave[]>('/api/waves', { limit: WAVES })).filter((w) => w.progress.failed > 0),
    staleTime: 10_000,
  });
}
