// Waves: what is asked, how long it is kept, and how events change what is on the screen.
import {
  type InfiniteData, type QueryClient, useInfiniteQuery, useQuery, useQueryClient,
} from '@tanstack/react-query';
import { useEffect } from 'react';
import { useAgain } from './again';
import { type Answer, get, getAnswer, segment } from './client';
import { useEvent, usePolling, type WaveEvent } from './events';
import type { Wave, WaveDetails } from './types';

const PAGE = 100;
const SEARCH_PAGES = 20;
const LIST_AGAIN_MS = 500;

type Pages = InfiniteData<Answer<Wave[]>>;

/** What an event says of a wave, put over what was read before. An older event changes nothing. */
export function withEvent<W extends Wave>(wave: W, event: WaveEvent): W {
  if (event.updated_at && wave.updated_at > event.updated_at) return wave;
  return {
    ...wave,
    status: event.status,
    state: event.state,
    progress: { ...wave.progress, ...event.progress },
    cancelled: event.progress.cancelled ?? wave.cancelled,
    batch_size: event.batch_size ?? wave.batch_size,
    name: event.name ?? wave.name,
    updated_at: event.updated_at ?? wave.updated_at,
  };
}

/** Whether the list holds the wave. */
function patchList(client: QueryClient, status: string, event: WaveEvent): boolean {
  let found = false;
  client.setQueryData<Pages>(['waves', status], (old) => old && {
    ...old,
    pages: old.pages.map((page) => ({
      ...page,
      data: page.data.map((wave) => {
        if (wave.id !== event.id) return wave;
        found = true;
        return withEvent(wave, event);
      }),
    })),
  });
  return found;
}

/** The waves of a status, newest first. While `searching`, older ones are read too. */
export function useWaves(status: string, searching: boolean) {
  const client = useQueryClient();
  const list = useInfiniteQuery({
    queryKey: ['waves', status],
    queryFn: ({ pageParam }) => getAnswer<Wave[]>('/api/waves', { status, limit: PAGE, cursor: pageParam }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: usePolling(),
  });
  const again = useAgain(['waves', status], LIST_AGAIN_MS);
  useEvent('wave', (event) => {
    // One that is not in the list is new, or has changed into this status.
    const found = patchList(client, status, event);
    if (!found || (status && event.status !== status)) again();
  });
  useEvent('reset', again);
  const { hasNextPage, isFetchingNextPage, fetchNextPage, data } = list;
  const pages = data?.pages.length ?? 0;
  useEffect(() => {
    if (searching && hasNextPage && !isFetchingNextPage && pages < SEARCH_PAGES) void fetchNextPage();
  }, [searching, hasNextPage, isFetchingNextPage, fetchNextPage, pages]);
  return list;
}

const getWave = async (id: string) => (await get<{ wave: WaveDetails }>(`/api/waves/${segment(id)}`)).wave;

export function useWave(id: string) {
  const client = useQueryClient();
  const again = useAgain(['wave', id], LIST_AGAIN_MS);
  useEvent('wave', (event) => {
    if (event.id !== id) return;
    const before = client.getQueryData<WaveDetails>(['wave', id]);
    client.setQueryData<WaveDetails>(['wave', id], (old) => old && withEvent(old, event));
    // The note, the end and the rest of the facts come with the whole.
    if (before && before.state !== event.state) again();
  });
  useEvent('reset', again);
  return useQuery({ queryKey: ['wave', id], queryFn: () => getWave(id), refetchInterval: usePolling() });
}

/** How many migrations have not come to an end. */
export const remaining = (wave: Wave) =>
  wave.progress.total - wave.progress.completed - wave.progress.failed - (wave.progress.cancelled ?? wave.cancelled ?? 0);

/** Counts with the cancelled ones among them, wherever the API told them. */
export const counts = (wave: Wave) => ({ cancelled: wave.cancelled ?? 0, ...wave.progress });
