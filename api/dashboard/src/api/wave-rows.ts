// The migrations of a wave by their number in it: pages of rows are read as they come into sight and dropped
// a while after, so a hundred thousand rows cost what the window shows.
import { keepPreviousData, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useAgain } from './again';
import { get, segment } from './client';
import { type MigrationsEvent, rowAfter, useEvent, usePolling } from './events';
import type { MigrationStatus, WaveMigration } from './types';

export const ROWS_PAGE = 100;
const AGAIN_MS = 500;
const KEPT_MS = 60_000;

export interface RowFilter {
  status: MigrationStatus | '';
  text: string;
}

export type StatusCounts = Record<MigrationStatus | 'total', number>;

export function useStatusCounts(id: string) {
  const again = useAgain(['wave-counts', id], AGAIN_MS);
  useEvent('wave', (event) => event.id === id && again());
  useEvent('reset', again);
  return useQuery({
    queryKey: ['wave-counts', id],
    queryFn: () => get<StatusCounts>(`/api/waves/${segment(id)}/counts`),
    refetchInterval: usePolling(),
    placeholderData: keepPreviousData,
  });
}

/** What the event changed, put into the rows on the screen; the rest of a row comes when it is read again. */
function withChanges(rows: WaveMigration[], event: MigrationsEvent): WaveMigration[] {
  const changes = new Map(event.items.map((item) => [Number(item.id.slice(1)), item]));
  if (!rows.some((row) => changes.has(row.id))) return rows;
  return rows.map((row) => {
    const change = changes.get(row.id);
    return change ? rowAfter(row, change) : row;
  });
}

export interface Rows {
  /** How many there are; of a text filter only as far as was read. */
  total: number;
  at: (index: number) => WaveMigration | undefined;
  error: unknown;
  pending: boolean;
  retry: () => void;
}

const pageNumbers = (first: number, last: number) => {
  const from = Math.floor(first / ROWS_PAGE);
  const to = Math.floor(Math.max(first, last) / ROWS_PAGE);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
};

/** The rows from number `first` to `last` of what fits the filter, which has `known` rows (null: not known). */
export function useRows(id: string, filter: RowFilter, first: number, last: number, known: number | null): Rows {
  const client = useQueryClient();
  const interval = usePolling();
  const all = useMemo(() => ['wave-rows', id], [id]);
  const key = [...all, filter.status, filter.text];
  const pages = pageNumbers(first, last);
  const results = useQueries({
    queries: pages.map((page) => ({
      queryKey: [...key, page],
      queryFn: () =>
        get<WaveMigration[]>(`/api/waves/${segment(id)}/migrations`, {
          status: filter.status, text: filter.text, offset: page * ROWS_PAGE, limit: ROWS_PAGE,
        }),
      gcTime: KEPT_MS,
      refetchInterval: interval,
    })),
  });
  const again = useAgain(all, AGAIN_MS);
  useEvent('migrations', (event) => {
    if (event.wave_id !== id) return;
    client.setQueriesData<WaveMigration[]>({ queryKey: all, type: 'active' }, (rows) => rows && withChanges(rows, event));
    again();
  });
  useEvent('reset', again);

  const byPage = new Map(pages.map((page, i) => [page, results[i]?.data]));
  let total = known ?? 0;
  if (known === null) {
    for (const [page, rows] of byPage) {
      if (rows) total = Math.max(total, page * ROWS_PAGE + rows.length + (rows.length === ROWS_PAGE ? ROWS_PAGE : 0));
      else total = Math.max(total, page * ROWS_PAGE);
    }
  }
  return {
    total,
    at: (index) => byPage.get(Math.floor(index / ROWS_PAGE))?.[index % ROWS_PAGE],
    error: results.find((r) => r.error)?.error ?? null,
    pending: results.some((r) => r.isPending),
    retry: () => results.forEach((r) => void r.refetch()),
  };
}
