// What the one stream of a tab asks for, and when it gives its connection back.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { events } from '../src/api/events';

interface Asked {
  path: string;
  signal: AbortSignal;
}

const asked: Asked[] = [];
const page = Object.assign(new EventTarget(), { hidden: false });

beforeEach(() => {
  vi.useFakeTimers();
  asked.length = 0;
  page.hidden = false;
  vi.stubGlobal('document', page);
  vi.stubGlobal('sessionStorage', { getItem: () => null });
  vi.stubGlobal('fetch', (path: string, { signal }: { signal: AbortSignal }) => {
    asked.push({ path, signal });
    return new Promise(() => undefined); // it stays open
  });
});

afterEach(() => {
  events.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('carries the log that somebody reads, whichever of the page and its log came first', () => {
  const whole = Symbol('page');
  const log = Symbol('log');
  events.start();
  events.want(log, { wave: '1_2', logs: 'm3' });
  events.want(whole, { wave: '1_2' });
  vi.advanceTimersByTime(0);
  expect(asked.at(-1)?.path).toBe('/api/events?wave=1_2&logs=m3');
  events.want(log, null);
  vi.advanceTimersByTime(0);
  expect(asked.at(-1)?.path).toBe('/api/events?wave=1_2');
  events.want(whole, null);
  vi.advanceTimersByTime(0);
  expect(asked.at(-1)?.path).toBe('/api/events');
});

it('is given back by a tab that nobody looks at, also by one that was opened so, and taken again', () => {
  page.hidden = true;
  events.start();
  expect(asked).toHaveLength(1);
  vi.advanceTimersByTime(20_000);
  expect(asked[0]?.signal.aborted).toBe(true);
  page.hidden = false;
  page.dispatchEvent(new Event('visibilitychange'));
  vi.advanceTimersByTime(0);
  expect(asked).toHaveLength(2);
  page.hidden = true;
  page.dispatchEvent(new Event('visibilitychange'));
  vi.advanceTimersByTime(20_000);
  expect(asked[1]?.signal.aborted).toBe(true);
});

it('is opened once by a tab that is looked at', () => {
  events.start();
  vi.advanceTimersByTime(20_000);
  expect(asked).toHaveLength(1);
  expect(asked[0]?.signal.aborted).toBe(false);
});
