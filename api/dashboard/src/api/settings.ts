// Settings, and what the API finds when it looks at itself and its surroundings.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, post, segment } from './client';
import { ApiError } from './reach';

export interface Settings {
  mb_site_id: number | null;
  /** A mask where one is stored: the secret itself is never sent. */
  mb_secret: string | null;
}

export interface Finding {
  name: string;
  status: 'ok' | 'warn' | 'fail';
  detail: string;
  mend?: string | null;
}

export interface Findings {
  ok: boolean;
  checks: Finding[];
}

export const useSettings = () => useQuery({ queryKey: ['settings'], queryFn: () => get<Settings>('/api/settings') });

export function useSaveSettings() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (settings: { mb_site_id: string; mb_secret: string }) =>
      (await post<Settings>('/api/settings', settings)).data,
    onSuccess: (settings) => client.setQueryData(['settings'], settings),
  });
}

/** null: this API does not offer it. */
async function findings(path: string): Promise<Findings | null> {
  try {
    return await get<Findings>(path);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404 && error.code === 'not_found') return null;
    throw error;
  }
}

export const useDoctor = () =>
  useQuery({ queryKey: ['doctor'], queryFn: () => findings('/api/doctor'), retry: false });

export const useReadiness = (wave: string) =>
  useQuery({ queryKey: ['readiness', wave], queryFn: () => findings(`/api/waves/${segment(wave)}/readiness`), retry: false });

export interface Health {
  status: string;
  postgres: string;
  redis: string;
  version: string;
}

/** Not in an envelope: it is made for orchestrators. */
export const useHealth = () =>
  useQuery({
    queryKey: ['health'],
    queryFn: async (): Promise<Health> => {
      const body = await (await fetch('/api/health')).json();
      return body.data ?? body;
    },
  });
