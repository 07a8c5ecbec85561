// Migrations, whatever wave they are of: the list, one with all that is known of it, and how events change both.
import { type InfiniteData, keepPreviousData, type QueryClient, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { useAgain } from './again';
import { type Answer, get, getAnswer, segment } from './client';
import { type MigrationChange, rowAfter, useEvent, usePolling } from './events';
import type { Attempt, MigrationState, MigrationStatus, WaveState, WaveStatus } from './types';

const PAGE = 50;
const AGAIN_MS = 1000;
const ONE_AGAIN_MS = 250;

export interface MigrationRow {
  /** "m12" */
  ref: string;
  mb_project_uuid: string;
  brz_project_id: number | null;
  status: MigrationStatus;
  state: MigrationState;
  wave_id: string;
  wave_name: string;
  created_at: string;
  updated_at: string;
  completed_at: string | null;
  brizy_project_domain: string | null;
  error: string | null;
  attempts: number;
}

export interface MigrationFilter {
  status: string;
  /** Beginning of the source id. */
  project: string;
  /** Target id: digits. */
  target: string;
}

/** What a migration server or a body says of how far it is; any of it may be missing. */
export interface Advance {
  total?: number;
  done?: number;
  percent?: number;
  stage?: string;
}

export interface MigrationDetails {
  ref: string;
  mb_project_uuid: string;
  brz_project_id: number | null;
  kind: string;
  status: MigrationStatus;
  state: MigrationState;
  error: string | null;
  error_class: string | null;
  attempts: number;
  started_at: string | null;
  completed_at: string | null;
  due_at: string | null;
  mb_site_id: string | null;
  brizy_project_domain: string | null;
  mb_project_domain: string | null;
  progress: Advance | null;
  warnings: unknown[];
  result: { result_json: unknown } | null;
  wave: {
    id: string;
    name: string;
    status: WaveStatus;
    state: WaveState;
    workspace_id: number | null;
    workspace_name: string | null;
    batch_size: number;
  };
}

export interface Process {
  source: 'database' | 'migration_server';
  process: {
    running: boolean;
    progress: Advance | null;
    current_stage: string | null;
    message: string | null;
    updated_at: string | null;
  };
  server_status: ({ status: string } & Record<string, unknown>) | null;
}

export interface WebhookInfo {
  webhook_url: string;
  webhook_registered: boolean;
  webhook_received: boolean;
  webhook_received_at: string | null;
  webhook_params: Record<string, unknown>;
  webhook_logs: { id: number; at: string; attempt: number; verdict: string; body: unknown }[];
}

/** Whether it has come to its end. */
export const isOver = ({ state }: { state: MigrationState }) => state === 'completed' || state === 'failed' || state === 'cancelled';

type Pages = InfiniteData<Answer<MigrationRow[]>>;

/** Puts what the event says into the rows; answers how many of those that it names are in the list. */
function patchRows(client: QueryClient, key: unknown[], items: MigrationChange[]): number {
  const changes = new Map(items.map((item) => [item.id, item]));
  let found = 0;
  client.setQueryData<Pages>(key, (old) => old && {
    ...old,
    pages: old.pages.map((page) => ({
      ...page,
      data: page.data.map((row) => {
        const change = changes.get(row.ref);
        if (!change) return row;
        found += 1;
        return rowAfter(row, change);
      }),
    })),
  });
  return found;
}

export function useMigrations({ status, project, target }: MigrationFilter) {
  const client = useQueryClient();
  const key = ['migrations', status, project, target];
  const waves = useRef(new Set<string>());
  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) =>
      getAnswer<MigrationRow[]>('/api/migrations', {
        status, mb_project_uuid: project, brz_project_id: target, limit: PAGE, cursor: pageParam,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: usePolling(),
    placeholderData: keepPreviousData, // what was there stays until what fits the new filter is
  });
  const again = useAgain(key, AGAIN_MS);
  useEvent('migrations', (event) => {
    const found = patchRows(client, key, event.items);
    // The error, the domain and the end come with the row; with a status, others may have come into the list.
    if (found || (status && found < event.items.length)) again();
  });
  useEvent('wave', (event) => {
    // Rows of a wave that was not heard of before are newer than those that are shown.
    if (waves.current.has(event.id)) return;
    waves.current.add(event.id);
    again();
  });
  useEvent('reset', again);
  return list;
}

const path = (ref: string, part = '') => `/api/migrations/${segment(ref)}${part}`;

/** Calls `changed` when the migration has become something else. */
function useChange(ref: string | undefined, changed: () => void) {
  useEvent('migrations', (event) => {
    if (event.items.some((item) => item.id === ref)) changed();
  });
  useEvent('reset', changed);
}

/** `id`: "m12", or a target id, of which the newest migration is shown. */
export function useMigration(id: string) {
  const key = ['migration', id];
  const query = useQuery({ queryKey: key, queryFn: () => get<MigrationDetails>(path(id)), refetchInterval: usePolling() });
  const again = useAgain(key, ONE_AGAIN_MS);
  useChange(query.data?.ref, again);
  return query;
}

export function useAttempts(ref: string) {
  const key = ['attempts', ref];
  const query = useQuery({
    queryKey: key,
    queryFn: () => get<Attempt[]>(path(ref, '/attempts')),
    refetchInterval: usePolling(),
  });
  const again = useAgain(key, ONE_AGAIN_MS);
  useChange(ref, again);
  return query;
}

// How far something runs outside, no event tells: it is asked while somebody looks at it.
const OUTSIDE_MS = 5000;

export function useProcess(ref: string, running: boolean) {
  const key = ['process', ref];
  const query = useQuery({
    queryKey: key,
    queryFn: () => get<Process>(path(ref, '/process')),
    refetchInterval: running ? OUTSIDE_MS : false,
  });
  const again = useAgain(key, AGAIN_MS);
  useChange(ref, again);
  return query;
}

export function useWebhookInfo(ref: string) {
  const key = ['webhook', ref];
  const query = useQuery({ queryKey: key, queryFn: () => get<WebhookInfo>(path(ref, '/webhook-info')), refetchInterval: usePolling() });
  const again = useAgain(key, AGAIN_MS);
  useChange(ref, again);
  return query;
}

/** The migration server's own lines, which only come with the first page of ours. */
export function useServerLog(ref: string) {
  return useQuery({
    queryKey: ['server-log', ref],
    queryFn: () => get<{ server_log: string[] | null; server_error: string | null }>(path(ref, '/logs'), { limit: 1 }),
  });
}
