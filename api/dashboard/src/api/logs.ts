// The log lines of one migration: read from the beginning, then carried on by events, or asked for every 3 s where none
// come, and until a read that failed has been made good.
import { useEffect, useRef, useState } from 'react';
import { get } from './client';
import { useEvent, useFlow, useInterest } from './events';
import type { LogLine, Logs } from './types';

const PAGE = 5000;
const LINES_MAX = 50_000;
const ASK_MS = 3000;

/** Lines in their order, each once; the oldest go where there are too many. */
export function joined(before: LogLine[], more: LogLine[]): LogLine[] {
  const last = before.at(-1)?.id ?? -1;
  const fresh = more.filter((l) => l.id > last);
  if (!fresh.length) return before;
  const all = [...before, ...fresh];
  return all.length > LINES_MAX ? all.slice(-LINES_MAX) : all;
}

export interface LogSource {
  /** GET path of its log lines. */
  path: string;
  /** "m12" */
  migration: string;
  wave: string;
}

export function useLogs({ path, migration, wave }: LogSource) {
  const [lines, setLines] = useState<LogLine[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [read, setRead] = useState(false);
  const flow = useFlow();
  const after = useRef(0);
  const reading = useRef(false);
  const missed = useRef(false);

  const add = (more: LogLine[]) => {
    after.current = Math.max(after.current, more.at(-1)?.id ?? 0);
    setLines((before) => joined(before, more));
  };
  const readOn = async () => {
    missed.current = true;
    if (reading.current) return;
    reading.current = true;
    try {
      while (missed.current) {
        missed.current = false;
        const { entries } = await get<Logs>(path, { after: after.current, limit: PAGE });
        if (entries.length === PAGE) missed.current = true;
        add(entries);
      }
      setError(null);
    } catch (e) {
      missed.current = true; // lines that come now would hide the gap
      setError(e);
    }
    setRead(true);
    reading.current = false;
  };

  useInterest({ wave, logs: migration });
  useEffect(() => {
    after.current = 0;
    setLines([]);
    void readOn();
  }, [path]);
  useEffect(() => {
    if (flow === 'live' && !error) return undefined;
    const timer = setInterval(() => void readOn(), ASK_MS);
    return () => clearInterval(timer);
  });
  useEvent('log', (event) => {
    if (event.migration_id !== migration) return;
    // Lines that come before the older ones are read would stand before them.
    if (reading.current || missed.current) void readOn();
    else add(event.lines);
  });
  useEvent('reset', () => void readOn());
  return { lines, error, pending: !read, retry: () => void readOn() };
}
