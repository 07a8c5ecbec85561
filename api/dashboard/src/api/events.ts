// The live events: one stream for the whole tab, whatever pages are open. It is read with fetch, not with
// EventSource, because that can neither send a bearer token nor tell why it was refused: where events are
// not offered (404, 503) pages ask every 3 s instead, and only then.
import { createParser } from 'eventsource-parser';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { credentials, signedOut } from './session';
import type { LogLine, MigrationState, MigrationStatus, Progress, WaveState, WaveStatus } from './types';

export interface WaveEvent {
  id: string;
  name?: string;
  status: WaveStatus;
  state: WaveState;
  progress: Progress;
  batch_size?: number;
  updated_at?: string;
}
export interface MigrationChange {
  id: string;
  state: MigrationState;
  status: MigrationStatus;
  attempt?: number;
}
/** The row as the event says that it is now; unchanged where that was told late. */
export function rowAfter<Row extends { state: MigrationState; status: MigrationStatus; attempts: number }>(row: Row, change: MigrationChange): Row {
  const attempts = change.attempt ?? row.attempts;
  return attempts < row.attempts ? row : { ...row, state: change.state, status: change.status, attempts };
}
export interface MigrationsEvent {
  wave_id: string;
  items: MigrationChange[];
}
export interface LogEvent {
  migration_id: string;
  wave_id: string;
  lines: LogLine[];
}
export interface EventMap {
  wave: WaveEvent;
  migrations: MigrationsEvent;
  worker: { id: number; what: 'joined' | 'left' | 'dead' | 'draining' };
  queue: { name: string; paused: boolean };
  log: LogEvent;
  /** What was missed is not known: read everything again. Also after each change of the stream. */
  reset: { reason: string };
}
export type EventName = keyof EventMap;

/** `live`: events flow. `polling`: they are not offered. `offline`: the API cannot be reached. */
export type Flow = 'connecting' | 'live' | 'polling' | 'offline';

export interface Interest {
  wave?: string;
  /** "m12": the log lines of this migration; needs the wave. */
  logs?: string;
}

const RETRY_MS = 1000;
const RETRY_OFFERED_MS = 30_000;
const SILENCE_MS = 40_000; // heartbeats come each 15 s
const HIDDEN_MS = 15_000;

type Handler = (name: EventName, data: never) => void;

class EventHub {
  private readonly handlers = new Set<Handler>();
  private readonly watchers = new Set<() => void>();
  private readonly interests = new Map<symbol, Interest>();
  private flowNow: Flow = 'connecting';
  private running = false;
  private query = '';
  private lastId: string | null = null;
  private abort: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private hidden: ReturnType<typeof setTimeout> | undefined;

  readonly flow = () => this.flowNow;

  watch = (tell: () => void) => {
    this.watchers.add(tell);
    return () => void this.watchers.delete(tell);
  };

  /** While somebody is signed in. */
  start() {
    if (this.running) return;
    this.running = true;
    document.addEventListener('visibilitychange', this.onVisibility);
    void this.connect();
    this.onVisibility(); // it may have been opened behind another
  }

  stop() {
    this.running = false;
    this.lastId = null;
    document.removeEventListener('visibilitychange', this.onVisibility);
    clearTimeout(this.hidden);
    this.close();
    this.setFlow('connecting');
  }

  subscribe(handler: Handler) {
    this.handlers.add(handler);
    return () => void this.handlers.delete(handler);
  }

  /** The newest interest decides what the stream carries, of those that want log lines if any do (in what order a
      page and what it shows come is the framework's affair); without any it carries every wave. */
  want(key: symbol, interest: Interest | null) {
    if (interest) this.interests.set(key, interest);
    else this.interests.delete(key);
    const all = [...this.interests.values()];
    const { wave, logs } = all.findLast((one) => one.logs) ?? all.at(-1) ?? {};
    const query = wave ? `?wave=${encodeURIComponent(wave)}${logs ? `&logs=${encodeURIComponent(logs)}` : ''}` : '';
    if (query === this.query) return;
    this.query = query;
    if (this.running) this.reconnect(0);
  }

  private setFlow(flow: Flow) {
    if (flow === this.flowNow) return;
    this.flowNow = flow;
    this.watchers.forEach((tell) => tell());
  }

  private emit(name: EventName, data: unknown) {
    this.handlers.forEach((handle) => handle(name, data as never));
  }

  private close() {
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    this.abort?.abort();
    this.abort = null;
  }

  private reconnect(after: number) {
    this.close();
    if (this.running) this.timer = setTimeout(() => void this.connect(), after);
  }

  /** A tab that nobody looks at gives its connection back: a browser has only six for a server. */
  private readonly onVisibility = () => {
    clearTimeout(this.hidden);
    if (document.hidden) this.hidden = setTimeout(() => this.close(), HIDDEN_MS);
    else if (!this.abort) this.reconnect(0);
  };

  private async connect() {
    const abort = new AbortController();
    this.abort = abort;
    try {
      const answer = await fetch(`/api/events${this.query}`, {
        signal: abort.signal,
        credentials: 'same-origin',
        cache: 'no-store',
        headers: {
          Accept: 'text/event-stream',
          ...(this.lastId ? { 'Last-Event-ID': this.lastId } : {}),
          ...credentials('GET'),
        },
      });
      if (answer.ok && answer.body) await this.read(answer.body, abort);
      else return this.refused(answer.status);
    } catch {
      if (abort.signal.aborted) return;
      this.setFlow('offline');
    }
    if (!abort.signal.aborted) this.reconnect(RETRY_MS);
  }

  private refused(status: number) {
    if (status === 401) return signedOut();
    if (status >= 500 && status !== 503) this.setFlow('offline');
    else this.setFlow('polling');
    this.reconnect(status === 404 ? RETRY_OFFERED_MS : 5 * RETRY_MS);
  }

  private async read(body: ReadableStream<Uint8Array>, abort: AbortController) {
    const parser = createParser({
      onEvent: (event) => {
        if (event.id !== undefined) this.lastId = event.id;
        if (event.data) this.emit((event.event ?? 'message') as EventName, JSON.parse(event.data));
      },
    });
    const decoder = new TextDecoder();
    const reader = body.getReader();
    // Pages read while the stream was being opened: what changed in between came to nobody.
    this.setFlow('live');
    if (!this.lastId) this.emit('reset', { reason: 'connected' });
    for (;;) {
      this.expectSign(abort);
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
    }
  }

  private expectSign(abort: AbortController) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      if (this.abort === abort) this.reconnect(0);
    }, SILENCE_MS);
  }
}

export const events = new EventHub();

export const useFlow = (): Flow => useSyncExternalStore(events.watch, events.flow);

/** For `refetchInterval`: asks every 3 s where events do not flow, else never. */
export function usePolling(): number | false {
  return useFlow() === 'live' ? false : 3000;
}

/** Narrows the stream to one wave while the component is there. */
export function useInterest(interest: Interest | null) {
  const key = useRef(Symbol('interest'));
  const wave = interest?.wave;
  const logs = interest?.logs;
  useEffect(() => {
    const mine = key.current;
    events.want(mine, wave ? { wave, logs } : null);
    return () => events.want(mine, null);
  }, [wave, logs]);
}

/** Calls `handler` for each event of this name while the component is there. */
export function useEvent<N extends EventName>(name: N, handler: (data: EventMap[N]) => void) {
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(
    () => events.subscribe((got, data) => {
      if (got === name) latest.current(data as EventMap[N]);
    }),
    [name],
  );
}
