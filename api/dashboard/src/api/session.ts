// Who is asking. A person who signed in is known by the cookie `dashboard_session`, which no script can
// read; acts carry the CSRF token, which is kept in memory only. A bearer token (of a program, or of an
// API without users) is kept in sessionStorage: it ends with the tab.
import { useSyncExternalStore } from 'react';
import { reach, refusal } from './reach';
import type { AuthCheck, RoleName, User } from './types';

export type SessionStatus = 'unknown' | 'in' | 'out';

export interface Session {
  status: SessionStatus;
  user: User | null;
  byToken: boolean;
}

const TOKEN = 'wavefleet.token';
let csrf: string | null = null;
let session: Session = { status: 'unknown', user: null, byToken: false };
const listeners = new Set<() => void>();

function set(next: Session) {
  session = next;
  listeners.forEach((tell) => tell());
}

export const token = (): string | null => sessionStorage.getItem(TOKEN);

export function credentials(method: string): Record<string, string> {
  const bearer = token();
  if (bearer) return { Authorization: `Bearer ${bearer}` };
  return csrf && method !== 'GET' ? { 'X-CSRF-Token': csrf } : {};
}

export function signedOut() {
  sessionStorage.removeItem(TOKEN);
  csrf = null;
  if (session.status !== 'out') set({ status: 'out', user: null, byToken: false });
}

function signedIn(check: Pick<AuthCheck, 'user' | 'csrf_token'>, byToken: boolean) {
  csrf = check.csrf_token;
  set({ status: 'in', user: check.user, byToken });
}

/** Members stand under `data` and, for an older client, at the top as well. */
const opened = (body: { data?: AuthCheck } & Partial<AuthCheck>) => (body.data ?? body) as AuthCheck;

/** Asks who this is. Throws where the API cannot tell: it is away, its database is, or it was asked too much. */
async function ask(path: string): Promise<Response> {
  const answer = await reach(path, { headers: credentials('GET') });
  if (answer.status >= 500 || answer.status === 429) throw await refusal(answer);
  return answer;
}

/** Whether what the tab has is still good; what is not is forgotten. */
export async function checkSession(): Promise<void> {
  const bearer = token();
  const answer = await ask('/api/auth/check');
  if (answer.ok) {
    const check = opened(await answer.json());
    if (check.authenticated || check.login_required === false) return signedIn(check, bearer !== null);
  }
  if (bearer && (await ask('/api/queues')).ok) return signedIn({ user: null, csrf_token: null }, true);
  return signedOut();
}

let first: Promise<unknown> | null = null;

/** The check at the start, which need not wait for the page to be drawn: what kept it from an answer, or null. */
export function firstCheck(): Promise<unknown> {
  first ??= checkSession().then(() => null, (error) => error);
  return first;
}

export async function signIn(username: string, password: string): Promise<void> {
  sessionStorage.removeItem(TOKEN);
  const answer = await reach('/api/auth/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password }),
  });
  if (!answer.ok) throw await refusal(answer);
  signedIn(opened(await answer.json()), false);
}

export async function signInWithToken(bearer: string): Promise<void> {
  const answer = await reach('/api/queues', { headers: { Authorization: `Bearer ${bearer}` } });
  if (!answer.ok) throw await refusal(answer);
  sessionStorage.setItem(TOKEN, bearer);
  signedIn({ user: null, csrf_token: null }, true);
}

export async function signOut(): Promise<void> {
  if (!token()) {
    await reach('/api/auth/logout', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...credentials('POST') },
      body: '{}',
    }).catch(() => undefined);
  }
  signedOut();
}

export const useSession = (): Session =>
  useSyncExternalStore((tell) => (listeners.add(tell), () => listeners.delete(tell)), () => session);

const ranks: Record<RoleName, number> = { viewer: 1, operator: 2, admin: 3 };

/**
 * Whether the person may do what wants this role. Of a token whose role the API does not tell, the
 * dashboard offers everything, and the API refuses.
 */
export function useMay(role: RoleName): boolean {
  const { user } = useSession();
  return !user || user.roles.some((r) => ranks[r.name] >= ranks[role]);
}
