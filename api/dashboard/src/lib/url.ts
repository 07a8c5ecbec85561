// Filters live in the address, so that a view can be linked, kept and gone back to.
import { useCallback } from 'react';
import { useSearchParams } from 'react-router-dom';

/** What was set in this turn and is not in the address yet: several may be set one after the other. */
let ahead: string | null = null;

/** [value, set]: setting the default takes it out of the address. */
export function useParam(name: string, fallback = ''): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (value: string) => {
      const next = new URLSearchParams(ahead ?? location.search);
      if (value === fallback) next.delete(name);
      else next.set(name, value);
      if (ahead === null) setTimeout(() => (ahead = null));
      ahead = next.toString();
      setParams(next, { replace: true });
    },
    [setParams, name, fallback],
  );
  return [params.get(name) ?? fallback, set];
}
