// Queues and workers. That one joined, left or was paused comes as an event; depths and what each slot does
// change all the time and are asked for every 3 s, only while the page is looked at.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useAgain } from './again';
import { get } from './client';
import { useEvent } from './events';

const ASK_MS = 3000;
const AGAIN_MS = 300;

export interface Queue {
  name: string;
  /** Lined up in Redis. */
  ready: number;
  /** Of waves that are not over, not yet lined up. */
  backlog: number;
  in_flight: number;
  oldest_wave_age_seconds: number;
  runners: number;
  workers: number;
  waves: number;
  paused: boolean;
  changed_by: string | null;
  changed_at: string | null;
}

export interface Run {
  /** "m12" */
  ref: string;
  wave_id: string;
  mb_project_uuid: string;
  brz_project_id: number | null;
  attempt: number;
  started_at: string;
  progress: { percent?: number } | null;
  ending: boolean;
}

export interface Worker {
  id: number;
  name: string;
  host: string;
  pid: number;
  queues: string[];
  concurrency: number;
  draining: boolean;
  drain_asked_by: string | null;
  version: string;
  started_at: string;
  running: number;
  runs: Run[];
}

export function useQueues() {
  const client = useQueryClient();
  const again = useAgain(['queues'], AGAIN_MS);
  useEvent('queue', (event) => {
    client.setQueryData<Queue[]>(['queues'], (old) =>
      old?.map((q) => (q.name === event.name ? { ...q, paused: event.paused } : q)));
    again();
  });
  useEvent('worker', again);
  useEvent('reset', again);
  return useQuery({ queryKey: ['queues'], queryFn: () => get<Queue[]>('/api/queues'), refetchInterval: ASK_MS });
}

export function useWorkers() {
  const client = useQueryClient();
  const again = useAgain(['workers'], AGAIN_MS);
  useEvent('worker', (event) => {
    if (event.what === 'draining')
      client.setQueryData<Worker[]>(['workers'], (old) =>
        old?.map((w) => (w.id === event.id ? { ...w, draining: true } : w)));
    again();
  });
  useEvent('reset', again);
  return useQuery({ queryKey: ['workers'], queryFn: () => get<Worker[]>('/api/workers'), refetchInterval: ASK_MS });
}
