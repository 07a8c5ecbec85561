// Whether the tab still knows who it is.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { checkSession, token } from '../src/api/session';

const stored = new Map<string, string>();
/** What the API answers to each path. */
let statuses: Record<string, number> = {};

beforeEach(() => {
  stored.set('wavefleet.token', 'a token');
  vi.stubGlobal('sessionStorage', { getItem: (key: string) => stored.get(key) ?? null, removeItem: (key: string) => stored.delete(key) });
  vi.stubGlobal('fetch', async (path: string) => new Response('{"authenticated":false}', { status: statuses[path] }));
});

afterEach(() => vi.unstubAllGlobals());

it.each([
  ['its database is away', 503, 503],
  ['only the check is answered', 200, 503],
  ['too much was asked', 200, 429],
])('keeps its token where %s', async (_, check, queues) => {
  statuses = { '/api/auth/check': check, '/api/queues': queues };
  await expect(checkSession()).rejects.toThrow();
  expect(token()).toBe('a token');
});

it('forgets a token that the API does not know', async () => {
  statuses = { '/api/auth/check': 200, '/api/queues': 401 };
  await checkSession();
  expect(token()).toBeNull();
});
