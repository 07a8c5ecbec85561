// Reading again what an event says has changed.
import { type QueryKey, useQueryClient } from '@tanstack/react-query';
import { throttle } from '../lib/throttle';

/** Reads what stands under the key again where it is shown: at once, and then at most every `ms`. */
export function useAgain(key: QueryKey, ms: number): () => void {
  const client = useQueryClient();
  return throttle(key.join(':'), ms, () => void client.invalidateQueries({ queryKey: key }));
}
