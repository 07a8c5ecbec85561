// Finished per minute, as GET /api/waves/:id/throughput has it, carried on by events until it is read again.

export interface Throughput {
  as_of: string;
  step_seconds: number;
  from: string;
  until: string;
  completed: number[];
  failed: number[];
  cancelled: number[];
}

export type Ended = Pick<Throughput, 'completed' | 'failed' | 'cancelled'>;
type Counts = { completed: number; failed: number; cancelled?: number };

const names = ['completed', 'failed', 'cancelled'] as const;

/** Ended a second in the last minute and the one under way; null: less than `enough` ms were seen. */
export function recentRate(t: Throughput, since: number, now: number, enough = 2000): number | null {
  const first = Math.max(0, t.completed.length - 2);
  const begin = Math.max(since, Date.parse(t.from) + first * t.step_seconds * 1000);
  if (now - begin < enough) return null;
  let ended = 0;
  for (const name of names) for (const n of t[name].slice(first)) ended += n;
  return (ended / (now - begin)) * 1000;
}

/** With what ended between two sights of the progress put into the bucket of `at`. */
export function carriedOn(t: Throughput, before: Counts, after: Counts, at: number): Throughput {
  const index = Math.floor((at - Date.parse(t.from)) / 1000 / t.step_seconds);
  if (index < 0) return t;
  const next = { ...t };
  for (const name of names) {
    const row = [...t[name]];
    while (row.length <= index) row.push(0);
    row[index] = (row[index] ?? 0) + Math.max(0, (after[name] ?? 0) - (before[name] ?? 0));
    next[name] = row;
  }
  return next;
}
