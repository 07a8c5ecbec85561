// Whether something that is shown could not be read again. The stream of events may be whole while the API
// cannot read, as when PostgreSQL is away: then what stands there is old, and nobody may call it live.
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useSyncExternalStore } from 'react';
import { ApiError } from '../api/reach';

const cannotNow = (error: unknown) => error instanceof ApiError && (error.status === 0 || error.status === 503);

export function useBehind(): boolean {
  const cache = useQueryClient().getQueryCache();
  const watch = useCallback((tell: () => void) => cache.subscribe(tell), [cache]);
  return useSyncExternalStore(watch, () =>
    cache.getAll().some((query) => query.isActive() && cannotNow(query.state.fetchFailureReason)),
  );
}
