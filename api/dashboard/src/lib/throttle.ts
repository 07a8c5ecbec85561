const pending = new Map<string, ReturnType<typeof setTimeout>>();
const last = new Map<string, number>();

/** At once, and then at most every `ms`: the last call is never lost. `key` names what is throttled. */
export function throttle(key: string, ms: number, run: () => void): () => void {
  return () => {
    if (pending.has(key)) return;
    const wait = Math.max(0, (last.get(key) ?? -Infinity) + ms - performance.now());
    pending.set(key, setTimeout(() => {
      pending.delete(key);
      last.set(key, performance.now());
      run();
    }, wait));
  };
}
