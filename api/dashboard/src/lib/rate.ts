// How fast a wave goes and how long it still takes: from what was seen to finish in the last minute.

export interface Sample {
  at: number; // ms
  done: number;
}

export const WINDOW_MS = 60_000;
const ENOUGH_MS = 2000;

/** With the new sample, without what is older than the window but the last of those. */
export function withSample(samples: Sample[], sample: Sample): Sample[] {
  const last = samples.at(-1);
  if (last && sample.done < last.done) return [sample]; // a restart took some back
  if (last && sample.at <= last.at) return samples;
  const from = samples.findLastIndex((s) => s.at <= sample.at - WINDOW_MS);
  return [...samples.slice(Math.max(0, from)), sample];
}

/** Finished a second over the window that ends now; null: too little was seen. */
export function rate(samples: Sample[], now: number): number | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || now - first.at < ENOUGH_MS) return null;
  const begin = Math.max(first.at, now - WINDOW_MS);
  const atBegin = samples.findLast((s) => s.at <= begin) ?? first;
  return ((last.done - atBegin.done) / (now - begin)) * 1000;
}

/** ms until `remaining` are finished; null: it cannot be told. */
export function timeLeft(remaining: number, perSecond: number | null): number | null {
  if (remaining <= 0) return 0;
  return perSecond ? (remaining / perSecond) * 1000 : null;
}
